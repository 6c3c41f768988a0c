//! How a session can end, and whose doing it was.

use crate::attempt::ConnectFailure;
use std::fmt;

/// One of those who take part in a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Side {
    /// The one who connected to us.
    Client,
    /// The one we connected to.
    Backend,
    /// Ourselves: a limit, a timeout, an operator.
    Evenkeel,
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Client => "client",
            Self::Backend => "backend",
            Self::Evenkeel => "evenkeel",
        })
    }
}

/// How a session ended. Every session ends in exactly one of these ways.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum End {
    /// Both sides closed in order; the given side did so first.
    Closed(Side),
    /// The given side reset the connection, or wrote no more after the other had.
    Reset(Side),
    /// The given side vanished: keepalive or `TCP_USER_TIMEOUT` gave up on it.
    Vanished(Side),
    /// No byte in either direction for `timeout.idle`.
    Idle,
    /// One side was closed, and the other sent nothing for `timeout.half-close`.
    HalfClosed,
    /// `timeout.lifetime` was over.
    Lifetime,
    /// We are stopping, and `drain` was over.
    Drained,
    /// We were told to stop at once.
    Stopped,
    /// Every connect attempt failed; the last one like this.
    NotConnected(ConnectFailure),
    /// No backend may take traffic.
    NoBackend,
    /// Every backend is at its cap, and the queue is full.
    QueueFull,
    /// Every backend was at its cap for `timeout.queue`.
    QueueTimeout,
    /// The client left before a backend was found.
    ClientLeft,
    /// Something of ours failed (descriptors, memory); the errno.
    Failed(i32),
    /// A defect of evenkeel: its code panicked.
    Panicked,
}

impl End {
    /// The one word that names this end in logs and metrics.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Closed(_) => "ok",
            Self::Reset(Side::Client) => "client-reset",
            Self::Reset(_) => "backend-reset",
            Self::Vanished(Side::Client) => "client-vanished",
            Self::Vanished(_) => "backend-vanished",
            Self::Idle => "idle",
            Self::HalfClosed => "half-close",
            Self::Lifetime => "lifetime",
            Self::Drained => "drain",
            Self::Stopped => "stop",
            Self::NotConnected(failure) => failure.word(),
            Self::NoBackend => "no-backend",
            Self::QueueFull => "queue-full",
            Self::QueueTimeout => "queue-timeout",
            Self::ClientLeft => "client-left",
            Self::Failed(_) => "failed",
            Self::Panicked => "panic",
        }
    }

    /// Who ended it.
    pub fn by(&self) -> Side {
        match self {
            Self::Closed(side) | Self::Reset(side) | Self::Vanished(side) => *side,
            Self::NotConnected(failure) => failure.fault(),
            Self::ClientLeft => Side::Client,
            Self::NoBackend => Side::Backend,
            Self::Idle
            | Self::HalfClosed
            | Self::Lifetime
            | Self::Drained
            | Self::Stopped
            | Self::QueueFull
            | Self::QueueTimeout
            | Self::Failed(_)
            | Self::Panicked => Side::Evenkeel,
        }
    }

    /// Whether bytes could flow both ways until a peer was done: nothing here needs looking into.
    pub fn is_ok(&self) -> bool {
        matches!(self, Self::Closed(_))
    }
}
