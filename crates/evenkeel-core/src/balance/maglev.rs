//! The same client on the same backend, with as few moves as possible when the pool changes: the table of Maglev
//! (Eisenbud et al., "Maglev: A Fast and Reliable Software Network Load Balancer", NSDI 2016), with weights.

use super::Choice;
use super::candidates::{Candidates, DRAWS};
use crate::backend::Backend;
use crate::dice::Dice;
use crate::hash::{Purpose, backend_bytes, keyed};
use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// Slots of the table, prime so that every step through it visits all: at 100 slots for each backend, shares are
/// right within 1 %. There are only two sizes because going from one to the other moves every client; the size
/// counts backends that are out as well, so that only a change of configuration can do that.
const SMALL: usize = 65_537;
const LARGE: usize = 655_373;

/// The rule `maglev`. A pick looks at one backend, or a few when that one cannot be taken.
#[derive(Debug)]
pub struct Maglev {
    hash_key: u64,
    members: Box<[u32]>,
    /// The index of the backend that each slot belongs to; empty when there is none.
    table: Box<[u32]>,
}

impl Maglev {
    pub(super) fn new(hash_key: u64, backends: &[Backend], members: Box<[u32]>) -> Self {
        let size = if backends.len() * 100 <= SMALL { SMALL } else { LARGE };
        Self { table: fill(size, hash_key, backends, &members), hash_key, members }
    }

    /// A client whose backend cannot be taken goes to the next other one in the table: always to the same while the
    /// others stay as they are.
    pub(super) fn pick(&self, candidates: Candidates<'_>, client: u64) -> Choice {
        let hash = keyed(self.hash_key, Purpose::Slot, &client.to_le_bytes());
        let slot = hash.checked_rem(self.table.len() as u64).unwrap_or(0) as usize;
        let (before, after) = self.table.split_at(slot);
        after
            .iter()
            .chain(before)
            .take(DRAWS)
            .copied()
            .find(|&index| candidates.is_good(index))
            .map_or_else(|| candidates.draw_from(&self.members, &mut Dice::new(hash)), Choice::Backend)
    }
}

/// A table in which the `members` take turns by weight, each taking the first slot that is still free in an order
/// that depends on its address alone, not on where it stands in the pool.
fn fill(size: usize, hash_key: u64, backends: &[Backend], members: &[u32]) -> Box<[u32]> {
    const FREE: u32 = u32::MAX;
    let mut takers: Vec<Taker> =
        members.iter().map(|&index| Taker::new(size, hash_key, index, &backends[index as usize])).collect();
    // Nodes may know the same backends in another order, and still have to agree.
    takers.sort_by(|one, two| backends[one.index as usize].addr.cmp(&backends[two.index as usize].addr));
    // A taker's turns come at equal intervals; whoever is due first has the next.
    let mut due: BinaryHeap<_> =
        takers.iter().enumerate().map(|(at, taker)| Reverse((taker.interval, at))).collect();
    let mut table = vec![FREE; if takers.is_empty() { 0 } else { size }];
    for _ in 0..table.len() {
        let Some(mut next) = due.peek_mut() else { break };
        let Reverse((time, at)) = *next;
        let taker = &mut takers[at];
        while table[taker.slot] != FREE {
            taker.step();
        }
        table[taker.slot] = taker.index;
        *next = Reverse((time + taker.interval, at));
    }
    table.into()
}

/// A backend that takes slots of a table.
struct Taker {
    index: u32,
    interval: u128,
    slot: usize,
    skip: usize,
    size: usize,
}

impl Taker {
    fn new(size: usize, hash_key: u64, index: u32, backend: &Backend) -> Self {
        let address = backend_bytes(&backend.addr);
        let below = |purpose, bound: usize| (keyed(hash_key, purpose, &address) % bound as u64) as usize;
        Self {
            index,
            // Of unit 2⁻⁹⁶, so that rounding never shows and the sum of a whole table fits.
            interval: (1 << 96) / u128::from(backend.weight),
            slot: below(Purpose::Offset, size),
            skip: below(Purpose::Skip, size - 1) + 1,
            size,
        }
    }

    fn step(&mut self) {
        self.slot = (self.slot + self.skip) % self.size;
    }
}
