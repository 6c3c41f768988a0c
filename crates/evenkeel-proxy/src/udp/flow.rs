//! A flow, from its first datagram to its account.

use super::{Flows, Path};
use crate::bind::Bound;
use crate::books::CountedSeat;
use crate::record::{Carried, Datagrams};
use crate::session::Session;
use crate::shared::count;
use evenkeel_core::addr::Addr;
use evenkeel_core::end::End;
use evenkeel_core::flow::FlowId;
use evenkeel_core::snapshot::{PoolRules, SendProxy};
use evenkeel_sys::datagram::Trains;
use std::cell::{Cell, OnceCell, RefCell};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

/// A session that carries datagrams.
pub struct Flow {
    /// What is known of it as of any session.
    pub session: Rc<Session>,
    /// The table that knows how far it has come, and its place there.
    pub flows: Rc<Flows>,
    /// Set as soon as it has one.
    pub id: OnceCell<FlowId>,
    /// Where its client is.
    pub path: Path,
    /// The sockets of its listener, and which of them is its client's.
    pub bound: Arc<Bound>,
    /// The number of that one.
    pub number: usize,
    /// Its backend: another one if the first has refused it.
    pub towards: RefCell<Towards>,
    /// The last datagram for which there was no answer yet, if there was none at all: another backend may get it.
    pub unanswered: RefCell<Vec<u8>>,
    /// What was sent to the backend.
    pub to_backend: Sent,
    /// What was sent to the client.
    pub to_client: Sent,
    /// When the first answer came.
    pub answered: Cell<Option<Instant>>,
    /// When it must be over, if it must.
    pub drain: Cell<Option<Instant>>,
}

/// Where a flow goes.
pub struct Towards {
    /// Connected to the backend.
    pub socket: Rc<OwnedFd>,
    /// The backend.
    pub backend: Addr,
    /// Since when it is that one.
    pub since: Instant,
    /// The flow's place there.
    pub seat: CountedSeat,
    /// What the flow is held to.
    pub rules: Arc<PoolRules>,
    /// Which losses of the pool it knows of.
    pub losses: Cell<u32>,
    /// The header that the backend wants in front of what it gets first, as long as it has got nothing.
    pub header: Cell<Option<SendProxy>>,
}

/// Datagrams that a socket took, their bytes, and what trains it takes them in.
#[derive(Debug, Default)]
pub struct Sent {
    datagrams: Cell<u64>,
    bytes: Cell<u64>,
    /// What its path takes.
    pub trains: Trains,
}

impl Sent {
    /// So many before, and so many bytes.
    pub fn new((datagrams, bytes): (u64, u64)) -> Self {
        let trains = Trains::default();
        Self { datagrams: Cell::new(datagrams), bytes: Cell::new(bytes), trains }
    }

    /// How many.
    pub fn datagrams(&self) -> u64 {
        self.datagrams.get()
    }

    /// How many bytes.
    pub fn bytes(&self) -> u64 {
        self.bytes.get()
    }

    fn add(&self, datagrams: u64, bytes: u64) {
        self.datagrams.set(self.datagrams() + datagrams);
        self.bytes.set(self.bytes() + bytes);
    }
}

impl Flow {
    /// The socket that its client sends to, from which answers come.
    pub fn towards_client(&self) -> BorrowedFd<'_> {
        self.bound.sockets[self.number].as_fd()
    }

    /// The backend's socket took so much.
    pub fn count_to_backend(&self, datagrams: u64, bytes: u64) {
        self.to_backend.add(datagrams, bytes);
        count(&self.session.counts.to_backend, bytes);
        count(&self.session.counts.datagrams.to_backend, datagrams);
        count(&self.towards.borrow().seat.counts.to_backend, bytes);
    }

    /// The client's socket took so much.
    pub fn count_to_client(&self, datagrams: u64, bytes: u64) {
        self.to_client.add(datagrams, bytes);
        count(&self.session.counts.to_client, bytes);
        count(&self.session.counts.datagrams.to_client, datagrams);
        count(&self.towards.borrow().seat.counts.to_client, bytes);
    }

    /// What it has carried.
    pub fn carried(&self) -> Carried {
        let kept = self.id.get().and_then(|id| Some(self.flows.borrow().get(*id)?.1));
        let datagrams =
            Datagrams { to_backend: self.to_backend.datagrams(), to_client: self.to_client.datagrams() };
        Carried {
            to_backend: self.to_backend.bytes(),
            to_client: self.to_client.bytes(),
            datagrams: Some(datagrams),
            first_byte: self.answered.get(),
            active: kept.map_or(self.session.accepted, |kept| kept.active),
        }
    }

    /// When it is over though datagrams come, if ever.
    pub fn next_deadline(&self) -> Option<Instant> {
        [self.drain.get(), self.lifetime()].into_iter().flatten().min()
    }

    /// How it ends by `now`, if it does though datagrams come.
    pub fn overdue(&self, now: Instant) -> Option<End> {
        let is_over = |at: Option<Instant>| at.is_some_and(|at| at <= now);
        let drained = is_over(self.drain.get()).then_some(End::Drained);
        drained.or_else(|| is_over(self.lifetime()).then_some(End::Lifetime))
    }

    /// How it ends if its client sends more now: nothing came back in all its time, or its backend is lost while others are
    /// not. Nothing else would find that out, as UDP does not say whether anybody is there.
    pub fn outlived(&self, now: Instant) -> Option<End> {
        let (towards, id) = (self.towards.borrow(), *self.id.get()?);
        if self.answered.get().is_none() && self.flows.borrow().is_in_vain(now, id, towards.since) {
            return Some(End::Unanswered);
        }
        let is_lost = self.session.pool.get()?.replaces(&towards.backend, &towards.losses);
        is_lost.then_some(End::Drained)
    }

    /// Sees to it that it is over by `at`.
    pub fn drain_by(&self, at: Instant) {
        self.drain.set(Some(self.drain.get().map_or(at, |before| before.min(at))));
    }

    fn lifetime(&self) -> Option<Instant> {
        Some(self.session.accepted + self.towards.borrow().rules.session.lifetime?)
    }
}
