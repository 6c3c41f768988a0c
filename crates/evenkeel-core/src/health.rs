//! Active checks: what is asked of a backend, and what was seen.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

/// How the backends of a pool are checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// What is asked.
    pub kind: CheckKind,
    /// Asked at this address instead of the backend's.
    pub addr: Option<IpAddr>,
    /// Asked at this port instead of the backend's.
    pub port: Option<u16>,
    /// Time from one check to the next, jittered by a tenth.
    pub interval: Duration,
    /// The same while in doubt: not yet `rise` or `fall` in a row, or not seen at all yet.
    pub fast_interval: Duration,
    /// A check that took longer has failed.
    pub timeout: Duration,
    /// Passes in a row after which a backend that was down is up.
    pub rise: u32,
    /// Failures in a row after which a backend that was up is down.
    pub fall: u32,
}

/// What a check asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CheckKind {
    /// Whether a connection opens.
    Tcp,
    /// What an HTTP/1.1 request is answered.
    Http(HttpCheck),
    /// Whether the expected bytes come, after these bytes were sent.
    Exchange(ExchangeCheck),
}

/// An HTTP check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpCheck {
    /// `GET`, `HEAD`, …
    pub method: Arc<str>,
    /// The path with its query, beginning with `/`.
    pub path: Arc<str>,
    /// The `Host` header; the address that is checked if absent.
    pub host: Option<Arc<str>>,
    /// The statuses that pass, as inclusive ranges.
    pub status: Arc<[(u16, u16)]>,
    /// Text that the first 64 KiB of the body must hold.
    pub body: Option<Arc<str>>,
}

/// A send/expect check. With nothing to send, the backend is expected to speak first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExchangeCheck {
    /// Bytes to send after connecting; may be empty.
    pub send: Arc<[u8]>,
    /// Bytes that must occur in the first 64 KiB of the answer; empty: any answer will do.
    pub expect: Arc<[u8]>,
}

/// What one probe saw.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It passed, and took this long.
    Pass(Duration),
    /// It failed.
    Fail(ProbeFailure),
}

/// Why a probe failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProbeFailure {
    /// No connection.
    Connect(crate::attempt::ConnectFailure),
    /// Connected, but no complete answer within the check's timeout.
    Timeout,
    /// The connection ended before the answer was complete.
    Cut,
    /// Another HTTP status than expected.
    Status(u16),
    /// The body does not hold the expected text, or the answer not the expected bytes.
    Unexpected,
    /// Not an answer in the protocol at all; what was wrong.
    Malformed(Arc<str>),
}

impl fmt::Display for ProbeFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connect(failure) => failure.fmt(f),
            Self::Timeout => f.write_str("no complete answer in time"),
            Self::Cut => f.write_str("connection ended before the answer did"),
            Self::Status(status) => write!(f, "status {status}"),
            Self::Unexpected => f.write_str("answer does not hold the expected text"),
            Self::Malformed(what) => write!(f, "not a valid answer: {what}"),
        }
    }
}
