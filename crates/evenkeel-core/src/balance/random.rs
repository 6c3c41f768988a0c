//! Draw two backends by weight and take the less loaded, on a tie the first: nobody is flooded, nothing is shared
//! between workers, and while loads are equal the weights hold exactly.

use super::Choice;
use super::candidates::{Candidates, DRAWS};
use crate::backend::Backend;
use crate::dice::Dice;

/// The rule `random`. A pick looks at a few backends, however many there are.
#[derive(Debug)]
pub struct Random {
    choices: u8,
    members: Box<[u32]>,
    urn: Urn,
}

impl Random {
    pub(super) fn new(choices: u8, backends: &[Backend], members: Box<[u32]>) -> Self {
        let urn = Urn::new(members.iter().map(|&index| backends[index as usize].weight));
        Self { choices, members, urn }
    }

    pub(super) fn pick(&self, candidates: Candidates<'_>, dice: &mut Dice) -> Choice {
        let mut first = None;
        for _ in 0..DRAWS {
            let Some(index) = self.urn.draw(dice).map(|at| self.members[at]) else { break };
            if first == Some(index) || !candidates.is_good(index) {
                continue;
            }
            match first {
                Some(first) => return Choice::Backend(less_loaded(candidates, first, index)),
                None if self.choices < 2 => return Choice::Backend(index),
                None => first = Some(index),
            }
        }
        first.map_or_else(|| candidates.draw_from(&self.members, dice), Choice::Backend)
    }
}

/// The one with fewer sessions per weight, on a tie the `first`.
fn less_loaded(candidates: Candidates<'_>, first: u32, second: u32) -> u32 {
    let (one, two) = (candidates.backend(first), candidates.backend(second));
    let one_load = u64::from(one.load.sessions()) * u64::from(two.weight);
    let two_load = u64::from(two.load.sessions()) * u64::from(one.weight);
    if one_load <= two_load { first } else { second }
}

/// Draws in constant time, by weight and exactly: the alias method in whole numbers (Walker 1977, Vose 1991).
///
/// Every weight becomes one slot of the same width, the sum of all weights; what a light one leaves free of its slot
/// is lent to a heavy one.
#[derive(Debug)]
struct Urn {
    width: u64,
    slots: Box<[Slot]>,
}

/// A share of a slot is its owner's, the rest the borrower's.
#[derive(Clone, Copy, Debug)]
struct Slot {
    owned: u64,
    borrower: u32,
}

impl Urn {
    fn new(weights: impl ExactSizeIterator<Item = u32>) -> Self {
        let count = weights.len() as u64;
        // Both factors are below 2³², so no product overflows.
        let mut slots: Box<[Slot]> =
            weights.map(|weight| Slot { owned: u64::from(weight) * count, borrower: 0 }).collect();
        let width = slots.iter().map(|slot| slot.owned / count).sum();
        let (mut light, mut heavy): (Vec<u32>, Vec<u32>) =
            (0..slots.len() as u32).partition(|&at| slots[at as usize].owned < width);
        while let (Some(lender), Some(&borrower)) = (light.pop(), heavy.last()) {
            slots[lender as usize].borrower = borrower;
            let lent = width - slots[lender as usize].owned;
            let rest = &mut slots[borrower as usize].owned;
            *rest -= lent;
            if *rest < width {
                heavy.pop();
                light.push(borrower);
            }
        }
        Self { width, slots }
    }

    /// The position of the drawn weight, or `None` when there are no weights.
    fn draw(&self, dice: &mut Dice) -> Option<usize> {
        let at = dice.below(self.slots.len() as u64) as usize;
        let slot = self.slots.get(at)?;
        Some(if dice.below(self.width) < slot.owned { at } else { slot.borrower as usize })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Out of all that can be drawn, what is drawn for each weight.
    fn shares(weights: &[u32]) -> Vec<u64> {
        let urn = Urn::new(weights.iter().copied());
        let mut shares = vec![0; weights.len()];
        for (at, slot) in urn.slots.iter().enumerate() {
            let owned = slot.owned.min(urn.width);
            shares[at] += owned;
            shares[slot.borrower as usize] += urn.width - owned;
        }
        shares
    }

    #[test]
    fn the_urn_holds_exactly_the_weights() {
        for weights in [&[1][..], &[1, 1, 1], &[5, 1, 1], &[3, 2, 1, 7, 100], &[u32::MAX, 1, u32::MAX]] {
            let count = weights.len() as u64;
            let exact: Vec<u64> = weights.iter().map(|&weight| u64::from(weight) * count).collect();
            assert_eq!(shares(weights), exact);
        }
    }

    #[test]
    fn nothing_is_drawn_from_an_empty_urn() {
        assert_eq!(Urn::new([].into_iter()).draw(&mut Dice::new(1)), None);
    }
}
