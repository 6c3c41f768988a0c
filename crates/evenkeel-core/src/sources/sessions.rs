//! How many sessions each source has open, exactly, over all workers.

use super::Entry;
use super::table::{Measure, Table, Ticket};
use crate::dice::Dice;
use crate::network::Network;
use std::sync::Arc;

/// Sessions of one source that can be counted; a higher limit is this one.
const MOST: u64 = (1 << Open::BITS) - 1;

/// The open sessions of each source.
#[derive(Debug)]
pub struct SourceSessions(Table);

/// A session's place among those of its source; given back on drop.
#[derive(Debug)]
pub struct SourcePlace {
    sessions: Arc<SourceSessions>,
    ticket: Ticket,
}

impl Drop for SourcePlace {
    fn drop(&mut self) {
        self.sessions.0.leave(&self.ticket, &Open);
    }
}

impl SourceSessions {
    /// Room for `capacity` sources that have sessions open.
    pub fn new(capacity: usize, dice: &mut Dice) -> Self {
        Self(Table::new(capacity, dice))
    }

    /// Takes a place for a session of `source`, of which so many may be open.
    pub fn enter(self: &Arc<Self>, source: Network, limit: u32) -> Entry<SourcePlace> {
        let entry = self.0.enter(source, &Open, MOST.min(limit.into()));
        entry.map(|ticket| SourcePlace { sessions: Arc::clone(self), ticket })
    }

    /// Takes a place for a session that is there already, as one that comes from another process is: whatever the
    /// limit, unless it cannot be counted.
    pub fn join(self: &Arc<Self>, source: Network) -> Option<SourcePlace> {
        match self.enter(source, u32::MAX) {
            Entry::Within(place) => Some(place),
            Entry::AtLimit | Entry::Uncounted => None,
        }
    }

    /// How many sessions of `source` are open and counted.
    pub fn open(&self, source: Network) -> u64 {
        self.0.weight(source, &Open)
    }

    /// Sessions so far that were let in uncounted, as the table was full.
    pub fn uncounted(&self) -> u64 {
        self.0.uncounted()
    }

    /// The memory it takes, in bytes; the same whatever happens.
    pub fn bytes(&self) -> usize {
        self.0.bytes()
    }
}

/// A number is a count.
struct Open;

impl Measure for Open {
    // 44 bits of tag: a source is taken for one of a full table once in 10¹² times.
    const BITS: u32 = 20;
    const ONE: u64 = 1;

    fn weight(&self, number: u64) -> u64 {
        number
    }

    fn more(&self, number: Option<u64>) -> u64 {
        number.unwrap_or(0) + 1
    }

    fn less(&self, number: u64) -> u64 {
        number - 1
    }
}
