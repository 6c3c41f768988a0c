//! What is told about a session when it ends.

use evenkeel_core::addr::Addr;
use evenkeel_core::admit::Reasons;
use evenkeel_core::attempt::Attempt;
use evenkeel_core::end::End;
use evenkeel_core::name::{ListenerName, PoolName};
use evenkeel_core::tls::Agreed;
use std::time::{Duration, Instant, SystemTime};

/// Everything there is to say about a session that has ended: one line of the log.
#[derive(Clone, Debug)]
pub struct SessionRecord {
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
    pub observed: Reasons,
    /// The connects that failed, in order.
    pub failed_attempts: Vec<Attempt>,
    /// Time spent waiting for a seat.
    pub queued: Duration,
    /// Time the connect that worked took.
    pub connect: Option<Duration>,
    /// From accept to the first byte that came from the backend.
    pub first_byte: Option<Duration>,
    /// From accept to the end.
    pub duration: Duration,
    /// Bytes that the backend's socket took.
    pub to_backend: u64,
    /// Bytes that the client's socket took.
    pub to_client: u64,
    /// How it ended.
    pub end: End,
}

impl SessionRecord {
    /// Whether something was not as it should be: it waited, failed over, or did not end in order.
    pub fn is_noteworthy(&self) -> bool {
        !self.end.is_ok() || !self.failed_attempts.is_empty() || !self.queued.is_zero()
    }
}

/// Records that go to their reader together.
const BATCH: usize = 64;

/// How long a record waits for others.
const GATHER: Duration = Duration::from_millis(5);

/// Records on their way to whoever reads them: many at once, so that the reader is seldom woken.
#[derive(Debug, Default)]
pub struct Batch {
    records: Vec<SessionRecord>,
    /// When the first of them has waited long enough.
    due: Option<Instant>,
}

impl Batch {
    /// Adds one.
    pub fn push(&mut self, record: SessionRecord, now: Instant) {
        self.records.push(record);
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
    pub fn take(&mut self) -> Vec<SessionRecord> {
        self.due = None;
        std::mem::take(&mut self.records)
    }
}
