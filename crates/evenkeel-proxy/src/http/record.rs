//! What is told about a request when it has come to its end: one line of the log.

use evenkeel_core::addr::Addr;
use evenkeel_core::attempt::Attempt;
use evenkeel_core::http::grpc;
use evenkeel_core::http::head;
use evenkeel_core::http::outcome::Outcome;
use evenkeel_core::http::version::Version;
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
    pub head: Vec<u8>,
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
    /// How it has ended, as its backend says, if it was a call of gRPC.
    pub grpc: Option<grpc::Status>,
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

impl<'a> Said<&'a [u8]> {
    /// This field stands in its head; of two alike the first one counts.
    fn note(&mut self, line: &'a [u8]) {
        let wanted = [
            (&b"host"[..], &mut self.host),
            (b"x-request-id", &mut self.id),
            (b"user-agent", &mut self.user_agent),
            (b"referer", &mut self.referer),
        ];
        for (name, value) in wanted {
            if value.is_none() {
                *value = value_of(line, name);
            }
        }
    }
}

/// What this field says, if it has this name, in small letters.
fn value_of<'a>(line: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let (start, rest) = line.split_at_checked(name.len())?;
    let value = rest.strip_prefix(b":")?;
    start.eq_ignore_ascii_case(name).then(|| value.trim_ascii())
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
            head: Vec::new(),
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
            grpc: None,
            to_backend: 0,
            to_client: 0,
            head_to_client: 0,
            outcome,
        }
    }

    /// What it has said, as text.
    pub fn said(&self) -> Said<String> {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let Said { method, target, host, id, user_agent, referer } = self.said_in_bytes();
        Said {
            method: text(method),
            target: text(target),
            host: host.map(text),
            id: id.map(text),
            user_agent: user_agent.map(text),
            referer: referer.map(text),
        }
    }

    /// What it has said, to the byte.
    pub fn said_in_bytes(&self) -> Said<&[u8]> {
        let mut lines = head::lines(&self.head);
        let Some(first) = lines.next() else {
            return Said { target: &self.head, ..Said::default() };
        };
        let mut words = first.split(|byte| *byte == b' ');
        let mut said = Said { method: words.next().unwrap_or_default(), ..Said::default() };
        let target = words.next().unwrap_or_default();
        said.target = self.asked.as_deref().unwrap_or(target);
        lines.for_each(|line| said.note(line));
        said
    }

    /// Whether something was not as it should be.
    pub fn is_noteworthy(&self) -> bool {
        !self.outcome.is_ok() || !self.failed_attempts.is_empty() || !self.queued.is_zero()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use evenkeel_core::http::refusal::Refusal;
    use evenkeel_core::name::{Protocol, ServiceName};

    fn record(head: &str) -> RequestRecord {
        let addr = Addr::Ip(([127, 0, 0, 1], 1).into());
        let listener =
            ListenerName { service: ServiceName::new("web"), addr: addr.clone(), protocol: Protocol::Tcp };
        let outcome = Outcome::Refused(Refusal::FieldName);
        let client = Who::At(addr);
        RequestRecord {
            head: head.into(),
            ..RequestRecord::of(listener, client, SystemTime::UNIX_EPOCH, outcome)
        }
    }

    #[test]
    fn what_a_request_says_is_found_in_its_head() {
        let head = "PUT /a?b HTTP/1.1\r\nHost: a:80\r\nREFERER:\t x y \r\nUser-Agent-Of: no\r\nreferer: z\r\n\
                    user-agent:\r\nX_Request_Id: no\r\nX-Request-Id: 7\r\n\r\n";
        let mut record = record(head);
        let said = Said {
            method: &b"PUT"[..],
            target: b"/a?b",
            host: Some(b"a:80"),
            id: Some(b"7"),
            user_agent: Some(b""),
            referer: Some(b"x y"),
        };
        assert_eq!(record.said_in_bytes(), said);
        record.asked = Some((*b"/asked").into());
        assert_eq!(record.said_in_bytes(), Said { target: &b"/asked"[..], ..said });
    }

    #[test]
    fn of_a_request_that_was_refused_its_first_line_is_all_there_is() {
        for line in ["", "\u{1f}GET / host: a", "GET / HTTP/1.1"] {
            assert_eq!(record(line).said(), Said { target: line.to_owned(), ..Said::default() });
        }
    }
}
