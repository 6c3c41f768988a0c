//! What a client goes through between accept and the choice of a backend; as configured.

use crate::end::Side;
use crate::network::Network;
use crate::wire::proxy::Malformed;
use std::net::IpAddr;
use std::time::Duration;

/// What holds for the clients of a listener until their sessions are sent somewhere.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reception {
    /// Who else may say where a client is; `None`: every client is where its connection comes from.
    pub accept_proxy: Option<AcceptProxy>,
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
    /// No route is for it.
    NoRoute,
}

impl Rejection {
    /// The words of all rejections.
    pub const WORDS: [&str; 8] = [
        "not-a-proxy",
        "header-missing",
        "header-late",
        "header-too-long",
        "header-malformed",
        "header-forbidden",
        "silent",
        "no-route",
    ];

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
            Self::NoRoute => 7,
        }
    }

    /// Whose doing it was.
    pub fn by(&self) -> Side {
        match self {
            Self::NotAProxy | Self::NoRoute => Side::Evenkeel,
            Self::HeaderMissing
            | Self::HeaderLate
            | Self::HeaderTooLong
            | Self::HeaderMalformed(_)
            | Self::HeaderForbidden
            | Self::Silent => Side::Client,
        }
    }
}
