//! What every rule asks of a backend before taking it, and what is left to take when chance or turn did not help.

use super::Choice;
use crate::attempt::Tried;
use crate::dice::Dice;
use crate::snapshot::Backend;

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
    pub(super) fn choose_from(
        &self,
        members: impl Iterator<Item = u32> + Clone,
        mut choose: impl FnMut(&mut dyn Iterator<Item = u32>) -> Option<u32>,
    ) -> Choice {
        let fitting = |wanted| members.clone().filter(move |&index| self.fit(index) == wanted);
        match choose(&mut fitting(Fit::Good)).or_else(|| choose(&mut fitting(Fit::Suspect))) {
            Some(index) => Choice::Backend(index),
            None if fitting(Fit::Full).next().is_some() => Choice::Busy,
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
