//! Who was heard of last, as lists over the same small numbers: everybody is in one of them at most.

/// Nobody.
const NONE: u32 = u32::MAX;

/// The neighbours of somebody.
#[derive(Clone, Copy, Debug)]
struct Links {
    before: u32,
    after: u32,
}

/// The two ends of a list.
#[derive(Clone, Copy, Debug)]
struct Ends {
    first: u32,
    last: u32,
    len: u32,
}

/// `N` lists.
#[derive(Debug)]
pub struct Orders<const N: usize> {
    links: Vec<Links>,
    lists: [Ends; N],
}

impl<const N: usize> Orders<N> {
    /// Nobody is in any of them.
    pub fn new() -> Self {
        Self { links: Vec::new(), lists: [Ends { first: NONE, last: NONE, len: 0 }; N] }
    }

    /// Who is first in `list`.
    pub fn first(&self, list: usize) -> Option<u32> {
        Some(self.lists[list].first).filter(|first| *first != NONE)
    }

    /// Who is last in `list`.
    pub fn last(&self, list: usize) -> Option<u32> {
        Some(self.lists[list].last).filter(|last| *last != NONE)
    }

    /// Who is in front of `who` in its list.
    pub fn before(&self, who: u32) -> Option<u32> {
        Some(self.links[who as usize].before).filter(|before| *before != NONE)
    }

    /// How many are in `list`.
    pub fn len(&self, list: usize) -> u32 {
        self.lists[list].len
    }

    /// Puts `who`, who is in none of them, into `list`: behind `front`, or first.
    pub fn insert(&mut self, list: usize, who: u32, front: Option<u32>) {
        let front = front.unwrap_or(NONE);
        if self.links.len() <= who as usize {
            self.links.resize(who as usize + 1, Links { before: NONE, after: NONE });
        }
        let after = match front {
            NONE => self.lists[list].first,
            front => self.links[front as usize].after,
        };
        self.links[who as usize] = Links { before: front, after };
        self.join(list, front, who);
        self.join(list, who, after);
        self.lists[list].len += 1;
    }

    /// Takes `who` out of `list`.
    pub fn remove(&mut self, list: usize, who: u32) {
        let Links { before, after } = self.links[who as usize];
        self.join(list, before, after);
        self.lists[list].len -= 1;
    }

    /// Makes `before` and `after` neighbours; nobody stands for the end of the list.
    fn join(&mut self, list: usize, before: u32, after: u32) {
        match before {
            NONE => self.lists[list].first = after,
            before => self.links[before as usize].after = after,
        }
        match after {
            NONE => self.lists[list].last = before,
            after => self.links[after as usize].before = before,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dice::Dice;

    #[test]
    fn lists_hold_what_a_vector_would() {
        let (mut orders, mut models) = (Orders::<2>::new(), [Vec::new(), Vec::new()]);
        let mut dice = Dice::new(1);
        for _ in 0..5000 {
            let who = dice.below(20) as u32;
            let list = dice.below(2) as usize;
            if let Some(list) = models.iter().position(|model| model.contains(&who)) {
                orders.remove(list, who);
                models[list].retain(|other| *other != who);
                continue;
            }
            let at = dice.below(models[list].len() as u64 + 1) as usize;
            let front = at.checked_sub(1).map(|at| models[list][at]);
            models[list].insert(at, who);
            orders.insert(list, who, front);
            for (list, model) in models.iter().enumerate() {
                let mut found = Vec::new();
                let mut next = orders.last(list);
                while let Some(who) = next {
                    found.insert(0, who);
                    next = orders.before(who);
                }
                assert_eq!(found, *model);
                assert_eq!(orders.first(list), model.first().copied());
                assert_eq!(orders.len(list) as usize, model.len());
            }
        }
    }
}
