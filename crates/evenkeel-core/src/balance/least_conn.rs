//! The backend that would have the fewest sessions for its weight, were it given one more; ties go round.

use super::Choice;
use super::candidates::{Candidates, members};
use crate::snapshot::Backend;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

/// The rule `least-conn`. A pick looks at every backend.
#[derive(Debug)]
pub struct LeastConn {
    members: Box<[u32]>,
}

impl LeastConn {
    pub(super) fn new(backends: &[Backend]) -> Self {
        Self { members: members(backends) }
    }

    /// The cursor is the backend index at which the search starts: one past the last that was taken.
    pub(super) fn pick(&self, candidates: Candidates<'_>, cursor: &AtomicU32) -> Choice {
        let start = cursor.load(Relaxed);
        let (before, after) = self.members.split_at(self.members.partition_point(|&index| index < start));
        let choice = candidates.choose_from(after.iter().chain(before).copied(), |left| {
            left.map(|index| {
                let backend = candidates.backend(index);
                (u64::from(backend.load.sessions()) + 1, u64::from(backend.weight), index)
            })
            // a / v < b / w without dividing; of equals `min_by` takes the first.
            .min_by(|(a, v, _), (b, w, _)| (a * w).cmp(&(b * v)))
            .map(|(_, _, index)| index)
        });
        if let Choice::Backend(index) = choice {
            cursor.store(index + 1, Relaxed);
        }
        choice
    }
}
