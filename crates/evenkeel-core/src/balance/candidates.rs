//! What every rule asks of a backend before taking it, and what is left to take when chance or turn did not help.

use super::Choice;
use crate::attempt::Tried;
use crate::backend::Backend;
use crate::dice::Dice;

/// How often chance, turn or table is asked for a backend before all of them are looked at.
pub(super) const DRAWS: usize = 8;

/// The backends of one pick.
#[derive(Clone, Copy)]
pub(super) struct Candidates<'a> {
    pub(super) backends: &'a [Backend],
    pub(super) tried: &'a Tried,
}

/// How a backend stands towards one pick.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fit {
    /// Take it.
    Good,
    /// Take it if none is good.
    Suspect,
    /// Wait for it if none is good or suspect.
    Full,
    /// Never again.
    Tried,
}

impl Candidates<'_> {
    /// The backend at `index`.
    pub(super) fn backend(&self, index: u32) -> &Backend {
        &self.backends[index as usize]
    }

    /// Whether the backend at `index` may be taken without looking at any other.
    pub(super) fn is_good(&self, index: u32) -> bool {
        self.fit(index) == Fit::Good
    }

    fn fit(&self, index: u32) -> Fit {
        let backend = self.backend(index);
        if self.tried.contains(index) {
            Fit::Tried
        } else if !backend.has_room() {
            Fit::Full
        } else if backend.is_suspect() {
            Fit::Suspect
        } else {
            Fit::Good
        }
    }

    /// Lets `choose` take one of the good `members`, else one of the suspect; looks at all of them if it must.
    ///
    /// Each look may see more than the one before: how a backend stands changes meanwhile, and one that is good by the
    /// second look must not be missed by both.
    pub(super) fn choose_from(
        &self,
        members: impl Iterator<Item = u32> + Clone,
        mut choose: impl FnMut(&mut dyn Iterator<Item = u32>) -> Option<u32>,
    ) -> Choice {
        let fitting = |fits: fn(Fit) -> bool| members.clone().filter(move |&index| fits(self.fit(index)));
        let mut good = fitting(|fit| fit == Fit::Good);
        let mut with_room = fitting(|fit| matches!(fit, Fit::Good | Fit::Suspect));
        match choose(&mut good).or_else(|| choose(&mut with_room)) {
            Some(index) => Choice::Backend(index),
            None if fitting(|fit| fit != Fit::Tried).next().is_some() => Choice::Busy,
            None => Choice::Exhausted,
        }
    }

    /// Draws one of what is left of `members` by weight: fair, but it looks at each.
    pub(super) fn draw_from(&self, members: &[u32], dice: &mut Dice) -> Choice {
        self.choose_from(members.iter().copied(), |left| {
            let mut total = 0;
            let mut drawn = None;
            for index in left {
                let weight = u64::from(self.backend(index).weight);
                total += weight;
                if dice.below(total) < weight {
                    drawn = Some(index);
                }
            }
            drawn
        })
    }
}

/// The indices of the backends that a rule may take at all.
pub(super) fn members(backends: &[Backend]) -> Box<[u32]> {
    let takes_traffic = |backend: &Backend| backend.eligible && backend.weight > 0;
    (0u32..).zip(backends).filter(|(_, backend)| takes_traffic(backend)).map(|(index, _)| index).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::addr::Addr;
    use crate::eject::Tolerance;
    use crate::load::{Load, SeatLimits};
    use std::sync::Arc;

    /// What is chosen of one backend with one seat when `change` happens to it before each look but the first.
    fn chosen(load: &Arc<Load>, mut change: impl FnMut()) -> Choice {
        let backend = Backend {
            addr: Addr::Ip("127.0.0.1:1".parse().unwrap()),
            host: None,
            weight: 1,
            eligible: true,
            lost: false,
            limits: SeatLimits { sessions: 1, connecting: 1 },
            tolerance: Tolerance { failures: 1, ..Tolerance::default() },
            load: Arc::clone(load),
        };
        let candidates = Candidates { backends: &[backend], tried: &Tried::default() };
        candidates.choose_from(0..1, |left| {
            let chosen = left.next();
            change();
            chosen
        })
    }

    #[test]
    fn a_suspect_that_is_forgiven_between_two_looks_is_taken() {
        let load = Arc::new(Load::default());
        load.note_failed();
        assert_eq!(chosen(&load, || load.forgive()), Choice::Backend(0));
    }

    #[test]
    fn one_that_gets_room_between_two_looks_is_worth_waiting_for() {
        let load = Arc::new(Load::default());
        let limits = SeatLimits { sessions: 1, connecting: 1 };
        for looks in 1..=2 {
            let mut seat = load.enter(limits);
            let mut left = looks;
            let choice = chosen(&load, || {
                left -= 1;
                if left == 0 {
                    seat = None;
                }
            });
            assert_ne!(choice, Choice::Exhausted, "a seat is free after look {looks}");
        }
    }
}
