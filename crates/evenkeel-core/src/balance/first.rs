//! Fill one backend after the other, in the order of the configuration.

use super::Choice;
use super::candidates::Candidates;

/// The rule `first`. A pick looks at backends until one has room.
#[derive(Debug)]
pub struct First {
    members: Box<[u32]>,
}

impl First {
    pub(super) fn new(members: Box<[u32]>) -> Self {
        Self { members }
    }

    pub(super) fn pick(&self, candidates: Candidates<'_>) -> Choice {
        candidates.choose_from(self.members.iter().copied(), |left| left.next())
    }
}
