//! Attempts to reach a backend: how one can fail, whose fault that is, and who was tried already.

use crate::addr::Addr;
use crate::http::failing::Failing;
use crate::side::Side;
use crate::tls::Fault;
use std::fmt;
use std::io;
use std::time::Duration;

/// Why a connect to a backend failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ConnectFailure {
    /// Nobody listens there (`ECONNREFUSED`).
    Refused,
    /// Reset while the connect was in progress; the errno.
    Reset(i32),
    /// No answer within `timeout.connect`, or the kernel gave up.
    TimedOut,
    /// No route to it, or a router said so; the errno tells which.
    Unreachable(i32),
    /// A Unix socket that does not exist.
    NoSuchSocket,
    /// We may not connect there (a Unix socket's mode, a firewall); the errno.
    Denied(i32),
    /// We have no source port left towards it.
    NoSourcePort,
    /// The kernel refused what our socket was to be before it could connect, such as its source address; the errno.
    Unprepared(i32),
    /// We have no descriptor or memory for another socket; the errno.
    NoResources(i32),
    /// It was reached, and asked for TLS in the way of PostgreSQL, and did not want to.
    NoTls,
    /// It was reached, but no TLS came about with it.
    Tls(Fault),
    /// It was reached, and did not answer a request.
    NoAnswer(Failing),
    /// Any other errno.
    Other(i32),
}

impl ConnectFailure {
    /// The words of all failures.
    pub const WORDS: [&str; 13] = [
        "refused",
        "connect-reset",
        "connect-timeout",
        "unreachable",
        "no-such-socket",
        "denied",
        "no-source-port",
        "no-resources",
        "connect-failed",
        "no-tls",
        "tls",
        "unprepared",
        "no-answer",
    ];

    /// The one word that names this failure in logs and metrics.
    pub fn word(&self) -> &'static str {
        Self::WORDS[self.index()]
    }

    /// Which of the [`WORDS`](Self::WORDS) is its.
    pub fn index(&self) -> usize {
        match self {
            Self::Refused => 0,
            Self::Reset(_) => 1,
            Self::TimedOut => 2,
            Self::Unreachable(_) => 3,
            Self::NoSuchSocket => 4,
            Self::Denied(_) => 5,
            Self::NoSourcePort => 6,
            Self::NoResources(_) => 7,
            Self::Other(_) => 8,
            Self::NoTls => 9,
            Self::Tls(_) => 10,
            Self::Unprepared(_) => 11,
            Self::NoAnswer(_) => 12,
        }
    }

    /// What the kernel said, by Linux errno; `None` where it did not say anything, as at a timeout of ours.
    pub fn errno(&self) -> Option<i32> {
        let errno = match *self {
            Self::NoSuchSocket => 2,
            Self::NoSourcePort => 99,
            Self::Refused => 111,
            Self::TimedOut | Self::NoTls | Self::Tls(_) | Self::NoAnswer(_) => 0,
            Self::Reset(errno)
            | Self::Unreachable(errno)
            | Self::Denied(errno)
            | Self::NoResources(errno)
            | Self::Unprepared(errno)
            | Self::Other(errno) => errno,
        };
        (errno != 0).then_some(errno)
    }

    /// Whose fault it is. Ejection listens to the backend's faults only.
    pub fn fault(&self) -> Side {
        match self {
            Self::Denied(_)
            | Self::NoSourcePort
            | Self::Unprepared(_)
            | Self::NoResources(_)
            | Self::Tls(Fault::Ours) => Side::Evenkeel,
            Self::Refused
            | Self::Reset(_)
            | Self::TimedOut
            | Self::Unreachable(_)
            | Self::NoSuchSocket
            | Self::NoTls
            | Self::Tls(_)
            | Self::NoAnswer(_)
            | Self::Other(_) => Side::Backend,
        }
    }
}

/// What a failed `socket` or `connect` means, by Linux errno.
impl From<&io::Error> for ConnectFailure {
    fn from(error: &io::Error) -> Self {
        /// `ENOMEM`, `ENFILE`, `EMFILE`, `ENOBUFS`, `ENOSPC` (epoll's watches).
        const NO_RESOURCES: [i32; 5] = [12, 23, 24, 105, 28];
        let errno = error.raw_os_error().unwrap_or(0);
        match error.kind() {
            _ if NO_RESOURCES.contains(&errno) => Self::NoResources(errno),
            io::ErrorKind::ConnectionRefused => Self::Refused,
            io::ErrorKind::ConnectionReset | io::ErrorKind::ConnectionAborted => Self::Reset(errno),
            io::ErrorKind::TimedOut => Self::TimedOut,
            io::ErrorKind::HostUnreachable
            | io::ErrorKind::NetworkUnreachable
            | io::ErrorKind::NetworkDown => Self::Unreachable(errno),
            io::ErrorKind::NotFound => Self::NoSuchSocket,
            io::ErrorKind::PermissionDenied => Self::Denied(errno),
            io::ErrorKind::AddrNotAvailable => Self::NoSourcePort,
            _ => Self::Other(errno),
        }
    }
}

impl fmt::Display for ConnectFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused => f.write_str("connection refused"),
            Self::Reset(_) => f.write_str("connection reset"),
            Self::TimedOut => f.write_str("no answer in time"),
            Self::Unreachable(_) => f.write_str("no route to it"),
            Self::NoSuchSocket => f.write_str("no such socket"),
            Self::Denied(_) => f.write_str("permission denied"),
            Self::NoSourcePort => f.write_str("no source port left"),
            Self::NoTls => f.write_str("it does not take TLS"),
            Self::Unprepared(errno) => {
                f.write_str(unprepared(*errno)).and_then(|()| write!(f, " (errno {errno})"))
            }
            Self::NoResources(errno) => write!(f, "no descriptor or memory left (errno {errno})"),
            Self::Tls(fault) => write!(f, "no TLS: {fault}"),
            Self::NoAnswer(failing) => f.write_str(failing.said()),
            Self::Other(errno) => write!(f, "errno {errno}"),
        }
    }
}

/// What a refused socket most likely lacks, by Linux errno.
fn unprepared(errno: i32) -> &'static str {
    match errno {
        1 | 13 => "a socket option of its pool is not permitted",
        19 => "the interface is gone",
        97 => "its client has no address that could connect to it",
        99 => "the source address is not of this machine",
        _ => "a socket option of its pool was refused",
    }
}

/// One connect that failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// Who was tried.
    pub backend: Addr,
    /// How it failed.
    pub failure: ConnectFailure,
    /// How long that took.
    pub took: Duration,
}

/// The backends of a pool, by index, that one session has tried.
#[derive(Clone, Debug, Default)]
pub struct Tried(Vec<u32>);

impl Tried {
    /// Notes that the backend at `index` was tried.
    pub fn insert(&mut self, index: u32) {
        self.0.push(index);
    }

    /// Whether none was tried yet.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether the backend at `index` was tried.
    pub fn contains(&self, index: u32) -> bool {
        self.0.contains(&index)
    }
}
