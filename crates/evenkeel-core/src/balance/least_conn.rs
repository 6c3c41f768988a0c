//! The backend that would have the fewest sessions for its weight, were it given one more; ties go round.

use super::Choice;
use super::candidates::Candidates;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

/// How many backends are compared, from the one after that which was taken last. The best of so many is as good as
/// the best of all, and a pick costs no more in a pool of 100,000.
const COMPARED: usize = 256;

/// The rule `least-conn`. A pick looks at every backend of a pool up to [`COMPARED`].
#[derive(Debug)]
pub struct LeastConn {
    members: Box<[u32]>,
}

impl LeastConn {
    pub(super) fn new(members: Box<[u32]>) -> Self {
        Self { members }
    }

    /// The cursor is the backend index at which the search starts: one past the last that was taken.
    pub(super) fn pick(&self, candidates: Candidates<'_>, cursor: &AtomicU32) -> Choice {
        let start = cursor.load(Relaxed);
        let (before, after) = self.members.split_at(self.members.partition_point(|&index| index < start));
        let around = after.iter().chain(before).copied();
        let mut near = around.clone().take(COMPARED).filter(|&index| candidates.is_good(index));
        let least_of = |left: &mut dyn Iterator<Item = u32>| least(candidates, left);
        let choice =
            least_of(&mut near).map_or_else(|| candidates.choose_from(around, least_of), Choice::Backend);
        if let Choice::Backend(index) = choice {
            cursor.store(index + 1, Relaxed);
        }
        choice
    }
}

/// The first of those with the fewest sessions for their weight, counting one more.
fn least(candidates: Candidates<'_>, left: &mut dyn Iterator<Item = u32>) -> Option<u32> {
    left.map(|index| {
        let backend = candidates.backend(index);
        (u64::from(backend.load.sessions()) + 1, u64::from(backend.weight), index)
    })
    // a / v < b / w without dividing; of equals `min_by` takes the first.
    .min_by(|(a, v, _), (b, w, _)| (a * w).cmp(&(b * v)))
    .map(|(_, _, index)| index)
}
