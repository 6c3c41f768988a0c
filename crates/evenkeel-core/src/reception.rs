//! What a client goes through between accept and the choice of a backend; as configured.

use crate::admit::{GateRules, Reason};
use crate::end::Side;
use crate::http::rules::HttpRules;
use crate::network::Network;
use crate::route::RouteTable;
use crate::tls::{Fault, Termination};
use crate::wire::client_hello;
use crate::wire::proxy::Malformed;
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

/// What holds for the clients of a listener until their sessions are sent somewhere.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reception {
    /// Who else may say where a client is; `None`: every client is where its connection comes from.
    pub accept_proxy: Option<AcceptProxy>,
    /// What TLS they speak to us, after that; `None`: none that concerns us.
    pub tls: Option<Arc<Termination>>,
    /// Who may become a session at all.
    pub gate: GateRules,
    /// Where its sessions go by what a TLS client asks for; `None`: all of them to one pool.
    pub routes: Option<Routes>,
    /// What holds for their requests, where those are balanced one by one; `None`: nobody looks at what they say.
    pub http: Option<Arc<HttpRules>>,
}

/// Routes, and how clients are waited for that have to say something before one is found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Routes {
    /// The routes.
    pub table: RouteTable,
    /// Whether any of them depends on what a client says.
    pub by_hello: bool,
    /// How long a client's hello may take.
    pub timeout: Duration,
    /// How long it may be, in bytes.
    pub longest: usize,
    /// What becomes of clients that speak something else than TLS, or say nothing in time.
    pub strangers: Strangers,
}

/// Clients that do not say what they want by a TLS hello.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Strangers {
    /// They are closed.
    Closed,
    /// They go where those go who ask for no name.
    Served,
}

/// The PROXY protocol, from proxies in front of this one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AcceptProxy {
    /// The proxies: they have to send a header, and it is believed.
    pub from: Box<[Network]>,
    /// What becomes of everybody else.
    pub others: Others,
    /// How long the header may take, and the first byte of somebody who must not send one.
    pub timeout: Duration,
}

/// Those who are not among the proxies of [`AcceptProxy`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Others {
    /// They are refused.
    Refused,
    /// They are served, unless they send a header.
    Direct,
}

impl AcceptProxy {
    /// Whether somebody at `addr` is one of the proxies.
    pub fn trusts(&self, addr: IpAddr) -> bool {
        self.from.iter().any(|network| network.contains(addr))
    }
}

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
