//! What is told about a request when it has come to its end: one line of the log.

use evenkeel_core::addr::Addr;
use evenkeel_core::attempt::Attempt;
use evenkeel_core::http::head::Lines;
use evenkeel_core::http::outcome::Outcome;
use evenkeel_core::http::request::{Request, Version};
use evenkeel_core::http::rules::HeadLimits;
use evenkeel_core::name::{ListenerName, PoolName};
use std::fmt;
use std::net::IpAddr;
use std::time::{Duration, SystemTime};

/// Who a client is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Who {
    /// Whoever has connected, or whom the header of a proxy names.
    At(Addr),
    /// Whom a proxy that is believed names in its request.
    Named(IpAddr),
}

impl Who {
    /// Its address, if it has one.
    pub fn ip(&self) -> Option<IpAddr> {
        match self {
            Self::At(addr) => addr.ip().map(|addr| addr.ip().to_canonical()),
            Self::Named(ip) => Some(*ip),
        }
    }
}

impl fmt::Display for Who {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::At(addr) => addr.fmt(f),
            Self::Named(ip) => ip.fmt(f),
        }
    }
}

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
    /// Who the client is.
    pub client: Who,
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
    /// Time that its head took, from its first byte to its last.
    pub head_took: Duration,
    /// Time spent waiting for a seat.
    pub queued: Duration,
    /// Time the connect took; `None` if there was a connection already.
    pub connect: Option<Duration>,
    /// From its beginning until the last backend that was asked had taken all of it.
    pub sent: Option<Duration>,
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
    /// Those of heads among them.
    pub head_to_client: u64,
    /// What became of it.
    pub outcome: Outcome,
}

/// What a request has said, as bytes or as text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Said<T> {
    /// Its method.
    pub method: T,
    /// Path and query; of a request that was refused, whatever its first line was.
    pub target: T,
    /// Whose.
    pub host: Option<T>,
    /// Its name, `X-Request-Id`.
    pub id: Option<T>,
    /// `User-Agent`.
    pub user_agent: Option<T>,
    /// `Referer`.
    pub referer: Option<T>,
}

impl RequestRecord {
    /// One of which nothing else is known yet.
    pub fn of(listener: ListenerName, client: Who, began_at: SystemTime, outcome: Outcome) -> Self {
        Self {
            session: 0,
            number: 0,
            began_at,
            listener,
            client,
            via: None,
            head: Box::default(),
            asked: None,
            route: None,
            version: Version::Http11,
            pool: None,
            backend: None,
            failed_attempts: Vec::new(),
            head_took: Duration::ZERO,
            queued: Duration::ZERO,
            connect: None,
            sent: None,
            first_byte: None,
            duration: Duration::ZERO,
            status: None,
            to_backend: 0,
            to_client: 0,
            head_to_client: 0,
            outcome,
        }
    }

    /// What it has said, as text.
    pub fn said(&self) -> Said<String> {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let mut lines = Lines::new();
        let Said { method, target, host, id, user_agent, referer } = self.said_in_bytes(&mut lines);
        Said {
            method: text(method),
            target: text(target),
            host: host.map(text),
            id: id.map(text),
            user_agent: user_agent.map(text),
            referer: referer.map(text),
        }
    }

    /// What it has said, to the byte; `lines` is room for its fields.
    pub fn said_in_bytes<'a>(&'a self, lines: &'a mut Lines) -> Said<&'a [u8]> {
        let Ok(request) = Request::parse(&self.head, &HeadLimits::OURS, lines) else {
            return Said { target: &self.head, ..Said::default() };
        };
        let field = |name: &str| request.fields.named(name.as_bytes()).next();
        Said {
            method: request.method_name,
            target: self.asked.as_deref().unwrap_or(request.target),
            host: request.host,
            id: field("x-request-id"),
            user_agent: field("user-agent"),
            referer: field("referer"),
        }
    }

    /// Whether something was not as it should be.
    pub fn is_noteworthy(&self) -> bool {
        !self.outcome.is_ok() || !self.failed_attempts.is_empty() || !self.queued.is_zero()
    }
}
