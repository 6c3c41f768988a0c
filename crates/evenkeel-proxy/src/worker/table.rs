//! The session table: a row for each session, from its first moment to its end.

use crate::books::CountedSeat;
use crate::http::Waiting;
use crate::reactor::Row;
use crate::record::Carried;
use crate::relay::Relay;
use crate::session::{Open, Session};
use crate::udp::Flow;
use slab::Slab;
use std::rc::Rc;
use std::time::Instant;

/// The sessions of a worker.
#[derive(Default)]
pub struct Table {
    slots: Slab<Slot>,
    /// Rows that were given so far.
    begun: u32,
}

/// A row of the session table.
pub struct Slot {
    /// Whose it is.
    pub session: Rc<Session>,
    /// How far that has come.
    pub stage: Stage,
    /// Whether it is in the reactor's ready list.
    pub queued: bool,
}

/// How far a session has come.
pub enum Stage {
    /// It is not established yet, or serves a request.
    Opening(Open),
    /// It waits for the next request.
    Waiting(Waiting),
    /// It carries bytes.
    Relaying {
        /// Its bytes.
        relay: Relay,
        /// Held until the end.
        seat: CountedSeat,
    },
    /// It carries datagrams.
    Flowing(Rc<Flow>),
    /// Its future is being polled, or its flow begins.
    Away,
}

impl Table {
    /// The place of the next session.
    pub fn next_row(&mut self) -> Row {
        let row = Row::new(self.slots.vacant_key() as u32, self.begun);
        self.begun = self.begun.wrapping_add(1);
        row
    }

    /// A session has its row from now on, which no other may have taken or left since it was the next one.
    pub fn take_row(&mut self, slot: Slot) {
        let row = slot.session.row;
        let index = self.slots.insert(slot);
        debug_assert_eq!(index, row.index as usize, "the row was the next one to be taken");
    }

    /// The slot at `row`, if it is still the same session's.
    pub fn at(&self, row: Row) -> Option<&Slot> {
        self.in_place(row.index as usize).filter(|slot| slot.session.row == row)
    }

    /// The slot at `row`, if it is still the same session's.
    pub fn at_mut(&mut self, row: Row) -> Option<&mut Slot> {
        self.slots.get_mut(row.index as usize).filter(|slot| slot.session.row == row)
    }

    /// Takes the session at `row` away, if it is still the same.
    pub fn remove(&mut self, row: Row) -> Option<Slot> {
        self.at(row)?;
        Some(self.slots.remove(row.index as usize))
    }

    /// Whoever is in this place.
    pub fn in_place(&self, index: usize) -> Option<&Slot> {
        self.slots.get(index)
    }

    /// How many places there are, taken or not.
    pub fn places(&self) -> usize {
        self.slots.capacity()
    }

    /// Whether there is no session.
    pub fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// All sessions.
    pub fn iter(&self) -> impl Iterator<Item = &Slot> {
        self.slots.iter().map(|(_, slot)| slot)
    }

    /// All sessions.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = &mut Slot> {
        self.slots.iter_mut().map(|(_, slot)| slot)
    }
}

impl Slot {
    /// Whether it will be established soon, or never.
    pub fn is_opening(&self) -> bool {
        !self.stage.is_established() && self.session.serving().is_none()
    }
}

impl Stage {
    /// Whether it has come to its backend.
    pub fn is_established(&self) -> bool {
        matches!(self, Self::Relaying { .. } | Self::Flowing(_))
    }

    /// What it has carried, if it is established.
    pub fn carried(&self) -> Option<Carried> {
        match self {
            Self::Relaying { relay, .. } => Some(relay.carried()),
            Self::Flowing(flow) => Some(flow.carried()),
            Self::Opening(_) | Self::Waiting(_) | Self::Away => None,
        }
    }

    /// Sees to it that it is over by `at`, if it is established: when to look after it next.
    pub fn drain_by(&mut self, at: Instant) -> Option<Instant> {
        match self {
            Self::Relaying { relay, .. } => {
                relay.drain_by(at);
                relay.next_deadline()
            }
            Self::Flowing(flow) => {
                flow.drain_by(at);
                flow.next_deadline()
            }
            Self::Opening(_) | Self::Waiting(_) | Self::Away => None,
        }
    }
}
