//! What is told about a session: when it ends and, where that is wanted, when it opens and while it is open.

use crate::http::RequestRecord;
use evenkeel_core::addr::Addr;
use evenkeel_core::attempt::Attempt;
use evenkeel_core::end::End;
use evenkeel_core::name::{ListenerName, PoolName, Protocol};
use evenkeel_core::objection::Objections;
use evenkeel_core::tls::Agreed;
use std::time::{Duration, Instant, SystemTime};

/// Everything there is to say about a session: one line of the log. `E` is how it ended, or why it is told of before.
#[derive(Clone, Debug)]
pub struct SessionRecord<E = End> {
    /// Unique while this process lives.
    pub id: u64,
    /// When it was accepted.
    pub accepted_at: SystemTime,
    /// Who accepted it.
    pub listener: ListenerName,
    /// Where the client is: as the proxy in front says, if there is one that may.
    pub client: Addr,
    /// That proxy.
    pub via: Option<Addr>,
    /// The host that it asked for (SNI), where that was read.
    pub server_name: Option<Box<str>>,
    /// What was agreed upon with it, if TLS was spoken.
    pub tls: Option<Box<Agreed>>,
    /// Where it was sent; `None` if it did not come so far.
    pub pool: Option<PoolName>,
    /// Who it was connected to, if anybody.
    pub backend: Option<Addr>,
    /// Rules that only observe, and were against it.
    pub observed: Objections,
    /// The connects that failed, in order.
    pub failed_attempts: Vec<Attempt>,
    /// Time spent waiting for a seat.
    pub queued: Duration,
    /// Time the connect that worked took.
    pub connect: Option<Duration>,
    /// From accept to the first byte that came from the backend.
    pub first_byte: Option<Duration>,
    /// From accept to the end, or until now.
    pub duration: Duration,
    /// Bytes that the backend's socket took.
    pub to_backend: u64,
    /// Bytes that the client's socket took.
    pub to_client: u64,
    /// In how many datagrams; none if it is no flow.
    pub datagrams: Datagrams,
    /// How it ended.
    pub end: E,
}

/// Datagrams of one flow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Datagrams {
    /// That the backend's socket took.
    pub to_backend: u64,
    /// That the client's socket took.
    pub to_client: u64,
}

/// What an established session has carried, and when.
#[derive(Clone, Copy, Debug)]
pub struct Carried {
    /// Bytes that the backend's socket took.
    pub to_backend: u64,
    /// Bytes that the client's socket took.
    pub to_client: u64,
    /// In how many datagrams, if it is a flow.
    pub datagrams: Option<Datagrams>,
    /// When the first of the backend's bytes came.
    pub first_byte: Option<Instant>,
    /// When something moved last.
    pub active: Instant,
}

/// Why a session is told of that is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Still {
    /// It is established.
    Opened,
    /// It has been open for some time.
    Alive,
}

impl Still {
    /// The word for it in the log.
    pub fn word(self) -> &'static str {
        match self {
            Self::Opened => "open",
            Self::Alive => "alive",
        }
    }
}

/// Of what there are records.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Telling {
    /// Of every session that ends, or only of those at which something is worth a look.
    pub all: bool,
    /// Of those that are established, too.
    pub opened: bool,
    /// Of those that are open whenever so much more of their time has passed.
    pub heartbeat: Option<Duration>,
}

impl Telling {
    /// Every session, at its end.
    pub const ENDS: Self = Self { all: true, opened: false, heartbeat: None };
}

/// Records that go to their reader together.
#[derive(Debug, Default)]
pub struct Records {
    /// Of sessions that are open; told before those that have ended.
    pub open: Vec<SessionRecord<Still>>,
    /// Of sessions that have ended.
    pub ended: Vec<SessionRecord>,
    /// Of requests that have come to their end.
    pub requests: Vec<RequestRecord>,
}

impl Records {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.open.len() + self.ended.len() + self.requests.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl<E> SessionRecord<E> {
    /// Its datagrams, if it is a flow.
    pub fn flow(&self) -> Option<Datagrams> {
        (self.listener.protocol == Protocol::Udp).then_some(self.datagrams)
    }
}

impl SessionRecord {
    /// Whether something was not as it should be: it waited, failed over, or did not end in order.
    pub fn is_noteworthy(&self) -> bool {
        !self.end.is_ok() || !self.failed_attempts.is_empty() || !self.queued.is_zero()
    }
}

/// So many records at least go to their reader together, unless they have waited for long.
const BATCH: usize = 64;

/// How long a record waits for others.
const GATHER: Duration = Duration::from_millis(20);

/// Records on their way to whoever reads them: many at once, so that the reader is seldom woken.
#[derive(Debug, Default)]
pub struct Batch {
    records: Records,
    /// When the first of them has waited long enough.
    due: Option<Instant>,
}

impl Batch {
    /// Adds one of a session that has ended.
    pub fn push(&mut self, record: SessionRecord, now: Instant) {
        add(&mut self.records.ended, record);
        self.due.get_or_insert(now + GATHER);
    }

    /// Adds one of a session that is open.
    pub fn push_open(&mut self, record: SessionRecord<Still>, now: Instant) {
        add(&mut self.records.open, record);
        self.due.get_or_insert(now + GATHER);
    }

    /// Adds one of a request.
    pub fn push_request(&mut self, record: RequestRecord, now: Instant) {
        add(&mut self.records.requests, record);
        self.due.get_or_insert(now + GATHER);
    }

    /// When they are to go, if there are any.
    pub fn due(&self) -> Option<Instant> {
        self.due
    }

    /// Whether they are to go now.
    pub fn is_due(&self, now: Instant) -> bool {
        self.records.len() >= BATCH || self.due.is_some_and(|at| at <= now)
    }

    /// All of them.
    pub fn take(&mut self) -> Records {
        self.due = None;
        std::mem::take(&mut self.records)
    }
}

/// Adds `record`, and before the first one the room for all that will go with it.
fn add<T>(records: &mut Vec<T>, record: T) {
    if records.is_empty() {
        records.reserve(BATCH);
    }
    records.push(record);
}
