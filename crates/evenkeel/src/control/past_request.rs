//! What is kept of a request that was worth a look: it failed over, was refused, waited, or came to nothing. As clients can make
//! many of those and long ones, of each only so much is kept.

use crate::logging::cut;
use evenkeel_core::addr::Addr;
use evenkeel_core::attempt::Attempt;
use evenkeel_core::http::grpc;
use evenkeel_core::http::outcome::Outcome;
use evenkeel_core::name::{ListenerName, PoolName};
use evenkeel_proxy::{RequestRecord, Who};
use std::time::{Duration, SystemTime};

/// Bytes of a target that are kept.
const TARGET_MAX: usize = 256;

/// Bytes of any other word of a client's.
const WORD_MAX: usize = 128;

/// What is kept of a request.
#[derive(Clone, Debug)]
pub struct PastRequest {
    /// What a backend got as `X-Request-Id`; of one that was refused there is none.
    pub id: Option<Box<str>>,
    /// The session that it came in.
    pub session: u64,
    /// Its number there.
    pub number: u64,
    /// When its head was complete, or refused.
    pub began_at: SystemTime,
    /// Who accepted the session.
    pub listener: ListenerName,
    /// Who the client is.
    pub client: Who,
    /// The proxy in front that has said so.
    pub via: Option<Addr>,
    /// Its method; empty if it was refused before it had one.
    pub method: Box<str>,
    /// Whose.
    pub host: Option<Box<str>>,
    /// Path and query, or the first line of one that was refused.
    pub target: Box<str>,
    /// What the client speaks.
    pub protocol: &'static str,
    /// The route that it took.
    pub route: Option<Box<str>>,
    /// Where it was sent.
    pub pool: Option<PoolName>,
    /// Who was asked last.
    pub backend: Option<Addr>,
    /// The attempts that failed.
    pub failed_attempts: Vec<Attempt>,
    /// Time spent waiting for a seat.
    pub queued: Duration,
    /// Time the connect took, if one was needed.
    pub connect: Option<Duration>,
    /// From its beginning to the first byte of the answer.
    pub first_byte: Option<Duration>,
    /// To the last one.
    pub duration: Duration,
    /// What the client was told.
    pub status: Option<u16>,
    /// How it has ended as a call of gRPC.
    pub grpc: Option<grpc::Status>,
    /// What became of it.
    pub outcome: Outcome,
}

impl From<RequestRecord> for PastRequest {
    fn from(record: RequestRecord) -> Self {
        let said = record.said();
        let word = |text: String| Box::from(&*cut(&text, WORD_MAX));
        Self {
            id: said.id.map(word),
            session: record.session,
            number: record.number,
            began_at: record.began_at,
            listener: record.listener,
            client: record.client,
            via: record.via,
            method: word(said.method),
            host: said.host.map(word),
            target: Box::from(&*cut(&said.target, TARGET_MAX)),
            protocol: record.version.word(),
            route: record.route,
            pool: record.pool,
            backend: record.backend,
            failed_attempts: record.failed_attempts,
            queued: record.queued,
            connect: record.connect,
            first_byte: record.first_byte,
            duration: record.duration,
            status: record.status,
            grpc: record.grpc,
            outcome: record.outcome,
        }
    }
}

#[cfg(test)]
pub mod tests {
    use super::*;
    use crate::control::recent::REQUESTS_KEPT;
    use evenkeel_core::http::refusal::Refusal;
    use evenkeel_core::name::{Protocol, ServiceName};

    /// A request with this head, and a client that left.
    pub fn record(head: &str) -> RequestRecord {
        let addr = Addr::Ip("192.0.2.1:7".parse().unwrap());
        let listener =
            ListenerName { service: ServiceName::new("web"), protocol: Protocol::Tcp, addr: addr.clone() };
        let (client, left) = (Who::At(addr), Outcome::ClientLeft);
        RequestRecord {
            session: 7,
            number: 1,
            head: head.as_bytes().into(),
            ..RequestRecord::of(listener, client, SystemTime::UNIX_EPOCH, left)
        }
    }

    #[test]
    fn of_long_words_only_so_much_is_kept() {
        let long = "x".repeat(8000);
        let head = format!("{long} /{long} HTTP/1.1\r\nHost: {long}\r\nX-Request-Id: {long}\r\n\r\n");
        let kept = PastRequest::from(record(&head));
        let words =
            [Some(&kept.method), kept.host.as_ref(), kept.id.as_ref()].map(|word| word.unwrap().len());
        assert_eq!((words, kept.target.len()), ([WORD_MAX; 3], TARGET_MAX));
        let refused = RequestRecord { outcome: Outcome::Refused(Refusal::NotHttp), ..record("\x16\x03") };
        let kept = PastRequest::from(refused);
        assert_eq!((&*kept.method, &*kept.target, kept.id), ("", "\u{16}\u{3}", None));
    }

    #[test]
    fn all_of_them_are_as_small_as_the_documents_say() {
        let words = 3 * WORD_MAX + TARGET_MAX;
        assert!(
            REQUESTS_KEPT * (size_of::<PastRequest>() + words) <= 2_200_000,
            "{}",
            size_of::<PastRequest>()
        );
    }
}
