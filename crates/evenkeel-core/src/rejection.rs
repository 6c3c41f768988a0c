//! Why a client is not let in.

use crate::objection::Reason;
use crate::side::Side;
use crate::tls::Fault;
use crate::wire::client_hello;
use crate::wire::proxy::Malformed;
use std::fmt;

/// Why a client was not let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rejection {
    /// Only proxies may connect, and it is none of them.
    NotAProxy,
    /// A proxy sent no header.
    HeaderMissing,
    /// A proxy did not send its header in time.
    HeaderLate,
    /// A proxy sent a header that is longer than any may be.
    HeaderTooLong,
    /// A proxy sent something that is no header, though it begins like one.
    HeaderMalformed(Malformed),
    /// Somebody who is no proxy sent a header.
    HeaderForbidden,
    /// It said nothing, on a service where clients speak first.
    Silent,
    /// It did not say in time what it wants.
    HelloLate,
    /// It said so at too great a length.
    HelloTooLong,
    /// It said so in a way that is wrong.
    HelloMalformed(client_hello::Malformed),
    /// It speaks something else than TLS.
    NotTls,
    /// No TLS came about with it.
    Tls(Fault),
    /// No route is for it.
    NoRoute,
    /// The service's rules are against it.
    NotAdmitted(Reason),
    /// There is no room for what it says before there is a backend for it.
    NoRoom,
}

impl Rejection {
    /// The words of all rejections.
    pub const WORDS: [&str; 18] = [
        "not-a-proxy",
        "header-missing",
        "header-late",
        "header-too-long",
        "header-malformed",
        "header-forbidden",
        "silent",
        "hello-late",
        "hello-too-long",
        "hello-malformed",
        "not-tls",
        "tls-handshake",
        "no-route",
        "not-allowed",
        "source-sessions",
        "source-rate",
        "rate",
        "early-bytes",
    ];

    /// Which of the [`WORDS`](Self::WORDS) is a failure of ours; the others are the client's doing, or wanted.
    pub const FAILURE: usize = 17;

    /// The one word that names this rejection in logs and metrics.
    pub fn word(&self) -> &'static str {
        Self::WORDS[self.index()]
    }

    /// Which of the [`WORDS`](Self::WORDS) is its.
    pub fn index(&self) -> usize {
        match self {
            Self::NotAProxy => 0,
            Self::HeaderMissing => 1,
            Self::HeaderLate => 2,
            Self::HeaderTooLong => 3,
            Self::HeaderMalformed(_) => 4,
            Self::HeaderForbidden => 5,
            Self::Silent => 6,
            Self::HelloLate => 7,
            Self::HelloTooLong => 8,
            Self::HelloMalformed(_) => 9,
            Self::NotTls => 10,
            Self::Tls(_) => 11,
            Self::NoRoute => 12,
            Self::NotAdmitted(reason) => 13 + *reason as usize,
            Self::NoRoom => Self::FAILURE,
        }
    }

    /// What exactly was wrong, where the word does not say it.
    pub fn detail(&self) -> Option<&dyn fmt::Display> {
        match self {
            Self::HeaderMalformed(malformed) => Some(malformed),
            Self::HelloMalformed(malformed) => Some(malformed),
            Self::Tls(fault) => Some(fault),
            _ => None,
        }
    }

    /// Whose doing it was.
    pub fn by(&self) -> Side {
        match self {
            Self::NotAProxy
            | Self::NoRoute
            | Self::NotAdmitted(_)
            | Self::NoRoom
            | Self::Tls(Fault::Ours | Fault::Unready) => Side::Evenkeel,
            Self::HeaderMissing
            | Self::HeaderLate
            | Self::HeaderTooLong
            | Self::HeaderMalformed(_)
            | Self::HeaderForbidden
            | Self::Silent
            | Self::HelloLate
            | Self::HelloTooLong
            | Self::HelloMalformed(_)
            | Self::NotTls
            | Self::Tls(_) => Side::Client,
        }
    }
}

/// What happened, for a person.
impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::HeaderMalformed(malformed) => return malformed.fmt(f),
            Self::HelloMalformed(malformed) => return malformed.fmt(f),
            Self::Tls(fault) => return write!(f, "no TLS came about with the client: {fault}"),
            Self::NotAProxy => "only proxies in `accept-proxy` may connect, and it is none of them",
            Self::HeaderMissing => "the proxy sent no PROXY protocol header",
            Self::HeaderLate => "the proxy did not send its header within `accept-proxy.timeout`",
            Self::HeaderTooLong => "the proxy sent a header that is longer than any may be",
            Self::HeaderForbidden => "a client that is no proxy sent a PROXY protocol header",
            Self::Silent => "the client said nothing, where clients speak first",
            Self::HelloLate => "the client did not say what it wants within `hello.timeout`",
            Self::HelloTooLong => "the client's TLS hello is longer than `hello.max-bytes`",
            Self::NotTls => "the client does not speak TLS",
            Self::NoRoute => "no route is for what the client asks for",
            Self::NotAdmitted(Reason::Denied) => "`allow` and `deny` do not let it in",
            Self::NotAdmitted(Reason::SourceSessions) => {
                "its source has as many sessions as `max-sessions-per-source` lets it have"
            }
            Self::NotAdmitted(Reason::SourceRate) => "its source connects faster than `max-rate-per-source`",
            Self::NotAdmitted(Reason::Rate) => "clients connect faster than `max-rate`",
            Self::NoRoom => "what clients say before they have a backend takes all of `max-early-bytes`",
        })
    }
}
