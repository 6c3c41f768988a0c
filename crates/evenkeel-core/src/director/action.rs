//! What the director wants done.

use super::config::Leaving;
use crate::addr::Addr;
use crate::health::{Check, ProbeFailure};
use crate::live::LiveFailure;
use crate::name::{BackendKey, PoolName, ServiceName};
use crate::snapshot::Snapshot;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// Something to do.
#[derive(Clone, Debug)]
pub enum Action {
    /// Make this the picture that the planes obey.
    Publish(Arc<Snapshot>),
    /// Run this check, and tell [`handle_probe`](super::Director::handle_probe) what it saw, in any case: the backend
    /// is not asked about again before, unless its check becomes another one.
    Probe {
        /// Which probe it is.
        id: ProbeId,
        /// Whom it is about.
        key: BackendKey,
        /// The name by which it was found, if it was.
        host: Option<Arc<str>>,
        /// Where to ask; differs from the backend's address when the check has its own.
        target: Addr,
        /// What to ask.
        check: Arc<Check>,
    },
    /// Tell the operator.
    Announce(Event),
    /// Close the sessions that are open there, like this.
    Close(Closed, Leaving),
}

/// Tells the probes of a director apart.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ProbeId(pub(super) u64);

/// Whose sessions are closed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Closed {
    /// Those at a backend.
    Backend(BackendKey),
    /// Those of a service.
    Service(ServiceName),
}

/// Something an operator wants to know: every change of state is one event, with its cause.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// The pool it is about.
    pub pool: PoolName,
    /// The backend it is about, if it is about one.
    pub backend: Option<Addr>,
    /// What happened.
    pub kind: EventKind,
}

/// What happened to a backend or a pool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EventKind {
    /// The backend takes traffic: so many checks in a row passed, the last in this time.
    Up {
        /// Passes in a row.
        passes: u32,
        /// Duration of the last one.
        took: Duration,
    },
    /// The backend takes no traffic any more.
    Down {
        /// Why.
        cause: Cause,
        /// Failures in a row.
        failures: u32,
    },
    /// No check of a new backend ended within its timeout: it takes traffic unseen.
    AssumedUp,
    /// The pool's checks were turned off: the backend takes traffic, whatever they had said.
    Unchecked,
    /// Live traffic failed: the backend is out for a while.
    Ejected {
        /// Why.
        cause: Cause,
        /// Failures in a row.
        failures: u32,
        /// For how long.
        time: Duration,
    },
    /// Live traffic failed, but the backend stays: too few would be left.
    NotEjected {
        /// Why it should have been.
        cause: Cause,
    },
    /// The time of an ejection is over, or checks passed meanwhile.
    Returned,
    /// The backend joined the pool.
    Added {
        /// Who wanted that.
        by: Origin,
    },
    /// The backend left the pool.
    Removed {
        /// Who wanted that.
        by: Origin,
    },
    /// No backend of the pool may take traffic.
    AllDown,
    /// Some backend of the pool may take traffic again.
    Recovered,
    /// The pool has turned to its backups.
    BackupsIn,
    /// The pool has turned back from its backups.
    BackupsOut,
    /// A name could not be resolved; what it last stood for stays, if anything.
    Unresolved {
        /// The name.
        host: Arc<str>,
        /// What the resolver said.
        error: Arc<str>,
    },
    /// A name could be resolved again.
    Resolved {
        /// The name.
        host: Arc<str>,
    },
}

/// Who wants a backend in its pool, or out of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The configuration.
    Config,
    /// An operator.
    Order,
    /// This name, which stands for other addresses now.
    Name(Arc<str>),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Config => f.write_str("the configuration"),
            Self::Order => f.write_str("an order"),
            Self::Name(host) => write!(f, "an answer for `{host}`"),
        }
    }
}

/// Why a backend went out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cause {
    /// A check failed like this.
    Check(ProbeFailure),
    /// Live traffic failed like this.
    Live(LiveFailure),
}

impl Cause {
    /// `3 connections in a row failed`, if there were so many in a row.
    fn row(&self, n: u32) -> String {
        match self {
            Self::Check(_) => format!("{} failed", count(n, "check")),
            Self::Live(LiveFailure::Connect(_)) => format!("{} failed", count(n, "connection")),
            Self::Live(LiveFailure::Answer(_)) => count(n, "answer"),
        }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Check(failure) => failure.fmt(f),
            Self::Live(failure) => failure.fmt(f),
        }
    }
}

impl EventKind {
    /// The one word that names this event in logs and metrics.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Up { .. } => "up",
            Self::Down { .. } => "down",
            Self::AssumedUp => "assumed-up",
            Self::Unchecked => "unchecked",
            Self::Ejected { .. } => "ejected",
            Self::NotEjected { .. } => "not-ejected",
            Self::Returned => "returned",
            Self::Added { .. } => "added",
            Self::Removed { .. } => "removed",
            Self::AllDown => "all-down",
            Self::Recovered => "recovered",
            Self::BackupsIn => "backups-in",
            Self::BackupsOut => "backups-out",
            Self::Unresolved { .. } => "unresolved",
            Self::Resolved { .. } => "resolved",
        }
    }
}

/// One line for a person, without the pool and the backend.
impl fmt::Display for EventKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Up { passes, took } => {
                write!(f, "is up ({} passed, {:.1} ms)", count(*passes, "check"), took.as_secs_f64() * 1e3)
            }
            Self::Down { cause, failures } => {
                write!(f, "is down: {cause} ({})", cause.row(*failures))
            }
            Self::AssumedUp => f.write_str("takes traffic unchecked: its first check has not ended in time"),
            Self::Unchecked => f.write_str("takes traffic unchecked: its checks were turned off"),
            Self::Ejected { cause, failures, time } => {
                write!(f, "is out for {time:.1?}: {cause} ({})", cause.row(*failures))
            }
            Self::NotEjected { cause } => write!(f, "fails but stays, too few would be left: {cause}"),
            Self::Returned => f.write_str("is back after its ejection"),
            Self::Added { by: Origin::Name(host) } => write!(f, "was added: `{host}` stands for it"),
            Self::Added { by } => write!(f, "was added by {by}"),
            Self::Removed { by: Origin::Name(host) } => {
                write!(f, "was removed: `{host}` stands for it no longer")
            }
            Self::Removed { by } => write!(f, "was removed by {by}"),
            Self::AllDown => f.write_str("has no backend left"),
            Self::Recovered => f.write_str("has a backend again"),
            Self::BackupsIn => f.write_str("uses its backups: no other backend is left"),
            Self::BackupsOut => f.write_str("no longer uses its backups"),
            Self::Unresolved { host, error } => write!(f, "cannot resolve `{host}`: {error}"),
            Self::Resolved { host } => write!(f, "can resolve `{host}` again"),
        }
    }
}

fn count(n: u32, what: &str) -> String {
    if n == 1 { format!("1 {what}") } else { format!("{n} {what}s in a row") }
}
