//! What evenkeel itself has to tell: every event of the process and of its pools.

use super::units::{Grouped, Took, count};
use evenkeel_core::addr::Addr;
use evenkeel_core::director;
use evenkeel_core::name::{ListenerName, PoolName, ServiceName};
use std::fmt;
use std::time::Duration;

/// Addresses of one service that a line of text shows.
const LISTENERS_SHOWN: usize = 4;

/// One event.
#[derive(Clone, Debug)]
pub enum Notice {
    /// The listeners of a service are bound.
    Listening {
        /// Whose.
        service: ServiceName,
        /// Where; at least one.
        listeners: Vec<Addr>,
        /// Where its sessions go.
        pool: PoolName,
        /// How many backends that has.
        backends: usize,
        /// How many names that stand for more of them.
        names: usize,
        /// How one of them is chosen.
        balance: &'static str,
    },
    /// Traffic is taken from now on.
    Ready {
        /// Since the process started.
        took: Duration,
        /// Threads that carry traffic.
        workers: usize,
        /// Sessions at once, at most.
        max_sessions: u32,
        /// Descriptors this process may open.
        descriptors: u64,
    },
    /// Something about a pool or a backend.
    Pool(director::Event),
    /// As many sessions as there may be: accepting pauses.
    CeilingReached {
        /// Whose ceiling it is, if not that of the process.
        service: Option<ServiceName>,
        /// Open sessions.
        sessions: u32,
    },
    /// Accepting goes on.
    CeilingLeft {
        /// Whose ceiling it was, if not that of the process.
        service: Option<ServiceName>,
    },
    /// `accept` failed; it is tried again.
    AcceptFailed {
        /// Where.
        listener: ListenerName,
        /// Why.
        errno: i32,
    },
    /// A defect of evenkeel ended a session.
    Panicked {
        /// What the panic said.
        message: String,
    },
    /// A signal that does nothing, and why.
    SignalIgnored {
        /// Its name.
        signal: &'static str,
        /// Why.
        why: &'static str,
    },
    /// A new configuration holds.
    Reloaded {
        /// Listeners now.
        listeners: usize,
        /// Backends now.
        backends: usize,
    },
    /// A new configuration was refused: everything stays as it was.
    ReloadRefused {
        /// What is wrong with it.
        why: String,
    },
    /// Told to stop; new sessions are still taken for a while.
    LameDuck {
        /// The signal.
        signal: &'static str,
        /// For how long.
        time: Duration,
    },
    /// Told to stop; new sessions are taken no more, open ones may end.
    Draining {
        /// For how long.
        window: Duration,
        /// Open sessions.
        open: u64,
    },
    /// The last line.
    Stopped {
        /// Why.
        why: &'static str,
        /// Sessions since the start.
        sessions: u64,
        /// Sessions that had to be cut.
        cut: u64,
        /// Log lines that were dropped since the start.
        dropped: u64,
    },
    /// Lines of the log were dropped, because it is read too slowly.
    LinesDropped {
        /// How many since the last time.
        lines: u64,
    },
    /// Something the user should look at.
    Warning(String),
}

/// How much a notice wants to be seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// All is well.
    Info,
    /// Worth a look.
    Warning,
    /// Something failed.
    Error,
}

impl Level {
    /// The word for it in JSON.
    pub fn word(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

impl Notice {
    /// The one word that names this event.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Listening { .. } => "listening",
            Self::Ready { .. } => "ready",
            Self::Pool(event) => event.kind.word(),
            Self::CeilingReached { .. } => "ceiling-reached",
            Self::CeilingLeft { .. } => "ceiling-left",
            Self::AcceptFailed { .. } => "accept-failed",
            Self::Panicked { .. } => "panicked",
            Self::SignalIgnored { .. } => "signal-ignored",
            Self::Reloaded { .. } => "reloaded",
            Self::ReloadRefused { .. } => "reload-refused",
            Self::LameDuck { .. } => "lame-duck",
            Self::Draining { .. } => "draining",
            Self::Stopped { .. } => "stopped",
            Self::LinesDropped { .. } => "lines-dropped",
            Self::Warning(_) => "warning",
        }
    }

    /// How much it wants to be seen.
    pub fn level(&self) -> Level {
        use director::EventKind;
        match self {
            Self::Pool(event) => match event.kind {
                EventKind::AllDown => Level::Error,
                EventKind::Down { .. }
                | EventKind::AssumedUp
                | EventKind::Ejected { .. }
                | EventKind::NotEjected { .. }
                | EventKind::BackupsIn
                | EventKind::Unresolved { .. } => Level::Warning,
                EventKind::Up { .. }
                | EventKind::Returned
                | EventKind::Added
                | EventKind::Removed
                | EventKind::Recovered
                | EventKind::Unchecked
                | EventKind::BackupsOut
                | EventKind::Resolved { .. } => Level::Info,
            },
            Self::Panicked { .. } | Self::ReloadRefused { .. } => Level::Error,
            Self::CeilingReached { .. }
            | Self::AcceptFailed { .. }
            | Self::LinesDropped { .. }
            | Self::Warning(_) => Level::Warning,
            Self::Listening { .. }
            | Self::Ready { .. }
            | Self::CeilingLeft { .. }
            | Self::SignalIgnored { .. }
            | Self::Reloaded { .. }
            | Self::LameDuck { .. }
            | Self::Draining { .. }
            | Self::Stopped { .. } => Level::Info,
        }
    }

    /// The service or pool it is about, if it is about one.
    pub fn about(&self) -> Option<&str> {
        match self {
            Self::Listening { service, .. } => Some(service.as_str()),
            Self::AcceptFailed { listener, .. } => Some(listener.service.as_str()),
            Self::CeilingReached { service, .. } | Self::CeilingLeft { service } => {
                service.as_ref().map(ServiceName::as_str)
            }
            Self::Pool(event) => Some(event.pool.as_str()),
            _ => None,
        }
    }

    /// The backend it is about, if it is about one.
    pub fn backend(&self) -> Option<&Addr> {
        match self {
            Self::Pool(event) => event.backend.as_ref(),
            _ => None,
        }
    }
}

/// One line for a person, without time, pool and backend.
impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Listening { service, listeners, pool, backends, names, balance } => {
                f.write_str("listens on ")?;
                for (index, addr) in listeners.iter().take(LISTENERS_SHOWN).enumerate() {
                    write!(f, "{}{addr}", if index == 0 { "" } else { ", " })?;
                }
                if listeners.len() > LISTENERS_SHOWN {
                    write!(f, " and {} more", Grouped((listeners.len() - LISTENERS_SHOWN) as u64))?;
                }
                f.write_str(": ")?;
                match (backends, names) {
                    (_, 0) => f.write_str(&count(*backends, "backend"))?,
                    (0, _) => f.write_str(&count(*names, "name"))?,
                    _ => write!(f, "{} and {}", count(*backends, "backend"), count(*names, "name"))?,
                }
                write!(f, ", {balance}")?;
                if pool.as_str() == service.as_str() { Ok(()) } else { write!(f, ", pool {pool}") }
            }
            Self::Ready { took, workers, max_sessions, descriptors } => write!(
                f,
                "ready in {}: {}, at most {} ({} descriptors)",
                Took(*took),
                count(*workers, "worker"),
                count(*max_sessions as usize, "session"),
                Grouped(*descriptors)
            ),
            Self::Pool(event) => event.kind.fmt(f),
            Self::CeilingReached { sessions, .. } => write!(
                f,
                "{} are open, as many as there may be: new ones wait until one ends",
                count(*sessions as usize, "session")
            ),
            Self::CeilingLeft { .. } => f.write_str("new sessions are accepted again"),
            Self::AcceptFailed { listener, errno } => {
                let error = std::io::Error::from_raw_os_error(*errno);
                write!(f, "cannot accept on {}: {error}; trying again", listener.addr)
            }
            Self::Panicked { message } => {
                write!(f, "a session ended by a defect of evenkeel, please report it: {message}")
            }
            Self::SignalIgnored { signal, why } => write!(f, "{signal} ignored: {why}"),
            Self::Reloaded { listeners, backends } => {
                write!(f, "reloaded: {}, {}", count(*listeners, "listener"), count(*backends, "backend"))
            }
            Self::ReloadRefused { why } => write!(f, "reload refused, everything stays as it was: {why}"),
            Self::LameDuck { signal, time } => {
                write!(f, "{signal}: will stop, but goes on accepting for {}", Took(*time))
            }
            Self::Draining { open: 0, .. } => f.write_str("accepts no more; no session is open"),
            Self::Draining { window, open } => write!(
                f,
                "accepts no more; {} may end within {}",
                count(*open as usize, "open session"),
                Took(*window)
            ),
            Self::Stopped { why, sessions, cut, dropped } => {
                write!(f, "stopped, {why}: {} served", count(*sessions as usize, "session"))?;
                if *cut > 0 {
                    write!(f, ", {} cut", Grouped(*cut))?;
                }
                if *dropped > 0 {
                    write!(f, ", {} of the log dropped", count(*dropped as usize, "line"))?;
                }
                Ok(())
            }
            Self::LinesDropped { lines } => {
                write!(f, "{} of this log dropped: it is read too slowly", count(*lines as usize, "line"))
            }
            Self::Warning(text) => f.write_str(text),
        }
    }
}
