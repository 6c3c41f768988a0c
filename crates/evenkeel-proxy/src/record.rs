//! What is told about a session when it ends.

use evenkeel_core::addr::Addr;
use evenkeel_core::attempt::Attempt;
use evenkeel_core::end::End;
use evenkeel_core::name::{ListenerName, PoolName};
use std::time::{Duration, SystemTime};

/// Everything there is to say about a session that has ended: one line of the log.
#[derive(Clone, Debug)]
pub struct SessionRecord {
    /// Unique while this process lives.
    pub id: u64,
    /// When it was accepted.
    pub accepted_at: SystemTime,
    /// Who accepted it.
    pub listener: ListenerName,
    /// Who connected.
    pub client: Addr,
    /// Where it was sent.
    pub pool: PoolName,
    /// Who it was connected to, if anybody.
    pub backend: Option<Addr>,
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
