//! What is told about a request when it has come to its end: one line of the log.

use evenkeel_core::addr::Addr;
use evenkeel_core::attempt::Attempt;
use evenkeel_core::http::head::Lines;
use evenkeel_core::http::outcome::Outcome;
use evenkeel_core::http::request::{Request, Version};
use evenkeel_core::http::rules::HeadLimits;
use evenkeel_core::name::{ListenerName, PoolName};
use std::time::{Duration, SystemTime};

/// The limits that a head of our own making keeps.
const NO_LIMITS: HeadLimits = HeadLimits { bytes: u32::MAX, fields: u32::MAX, target: u32::MAX };

/// Everything there is to say about a request.
#[derive(Clone, Debug)]
pub struct RequestRecord {
    /// The session that it came in.
    pub session: u64,
    /// Its number there; the first is 1.
    pub number: u64,
    /// When its head was complete, or refused.
    pub began_at: SystemTime,
    /// Who accepted the session.
    pub listener: ListenerName,
    /// Where the client is.
    pub client: Addr,
    /// The proxy in front that has said so.
    pub via: Option<Addr>,
    /// The head as a backend gets it; of one that was refused, the beginning of its first line.
    pub head: Box<[u8]>,
    /// What the client asked for, where a backend was asked for something else.
    pub asked: Option<Box<[u8]>>,
    /// The route that it took, as it is written in the configuration.
    pub route: Option<Box<str>>,
    /// What the client speaks.
    pub version: Version,
    /// Where it was sent; `None` if it did not come so far.
    pub pool: Option<PoolName>,
    /// Who was asked last.
    pub backend: Option<Addr>,
    /// The attempts that failed, in order.
    pub failed_attempts: Vec<Attempt>,
    /// Time spent waiting for a seat.
    pub queued: Duration,
    /// Time the connect took; `None` if there was a connection already.
    pub connect: Option<Duration>,
    /// From its beginning to the first byte of the answer.
    pub first_byte: Option<Duration>,
    /// From its beginning to the last byte of the answer.
    pub duration: Duration,
    /// What the client was told.
    pub status: Option<u16>,
    /// Bytes that backends took.
    pub to_backend: u64,
    /// Bytes that the client took.
    pub to_client: u64,
    /// What became of it.
    pub outcome: Outcome,
}

/// What a request has said.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Said {
    /// Its method.
    pub method: String,
    /// Path and query; of a request that was refused, whatever its first line was.
    pub target: String,
    /// Whose.
    pub host: Option<String>,
    /// Its name, `X-Request-Id`.
    pub id: Option<String>,
    /// `User-Agent`.
    pub user_agent: Option<String>,
    /// `Referer`.
    pub referer: Option<String>,
}

impl RequestRecord {
    /// What it has said.
    pub fn said(&self) -> Said {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let mut lines = Lines::new();
        match Request::parse(&self.head, &NO_LIMITS, &mut lines) {
            Ok(request) => {
                let field = |name: &str| request.fields.named(name.as_bytes()).next().map(text);
                Said {
                    method: text(request.method_name),
                    target: text(self.asked.as_deref().unwrap_or(request.target)),
                    host: request.host.map(text),
                    id: field("x-request-id"),
                    user_agent: field("user-agent"),
                    referer: field("referer"),
                }
            }
            Err(_) => Said { target: text(&self.head), ..Said::default() },
        }
    }

    /// Whether something was not as it should be.
    pub fn is_noteworthy(&self) -> bool {
        !self.outcome.is_ok() || !self.failed_attempts.is_empty() || !self.queued.is_zero()
    }
}
