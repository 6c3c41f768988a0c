//! How a session was opened: who its client is and what it has said, what went wrong on the way, and how far it has come.

use crate::http::Serving;
use crate::tls::Server;
use evenkeel_core::addr::Addr;
use evenkeel_core::attempt::Attempt;
use evenkeel_core::objection::Objections;
use evenkeel_core::span::Span;
use evenkeel_core::tls::Agreed;
use evenkeel_core::wire::client_hello::ClientHello;
use std::ops::{Deref, DerefMut};
use std::path::Path;
use std::time::Duration;

/// Where a client is, as a proxy in front has said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// The client.
    pub client: Addr,
    /// Where the client connected to.
    pub destination: Addr,
    /// What else was said, as it came.
    pub tlvs: Box<[u8]>,
}

impl Origin {
    /// Only where the client is: the rest is of no use any more once a session is established.
    pub fn of(client: Addr) -> Self {
        Self { client, destination: Addr::Unix(Path::new("").into()), tlvs: Box::default() }
    }
}

/// What a TLS client has said that it wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Greeting {
    /// The host, in lower case.
    pub server_name: Option<Box<str>>,
    /// The protocol that it likes best.
    pub alpn: Option<Box<[u8]>>,
    /// Whether it asked for TLS before, in the way of PostgreSQL: so has the backend to be.
    pub is_postgres: bool,
}

impl Greeting {
    /// What a hello says.
    pub fn of(hello: &ClientHello<'_>, is_postgres: bool) -> Self {
        Self {
            server_name: hello.server_name.as_deref().map(Into::into),
            alpn: hello.alpn.clone().next().map(Into::into),
            is_postgres,
        }
    }

    /// Only the host: the rest is of no use any more once a session is established.
    pub fn to(server_name: Box<str>) -> Self {
        Self { server_name: Some(server_name), alpn: None, is_postgres: false }
    }
}

/// TLS with a client that ends here.
#[derive(Clone, Default)]
pub struct ClientTls {
    /// What is needed to speak it, until it is spoken.
    pub server: Option<Server>,
    /// What was agreed upon with it.
    pub agreed: Option<Box<Agreed>>,
}

/// How the opening of a session went.
#[derive(Default)]
pub struct Opening {
    /// What was not as plain as it mostly is.
    pub notes: Notes,
    /// How it goes to backends.
    pub course: Course,
}

/// How a session goes to backends.
pub enum Course {
    /// To one, with all its bytes.
    Once(Reach),
    /// Request by request.
    ByRequest(Serving),
}

impl Default for Course {
    fn default() -> Self {
        Self::Once(Reach::default())
    }
}

/// What most openings have none of: a pointer, so that the rows of sessions are small. To write to it is what makes room.
#[derive(Clone, Default)]
pub struct Notes(Option<Box<Noted>>);

/// What there may be to say of an opening.
#[derive(Clone)]
pub struct Noted {
    /// What the client has said, where that was read.
    pub greeting: Option<Greeting>,
    /// What rules that only observe have against it.
    pub observed: Objections,
    /// The connects that failed.
    pub failed_attempts: Vec<Attempt>,
    /// The client's TLS, if it ends here.
    pub tls: Option<ClientTls>,
    /// Time spent waiting for a seat.
    pub queued: Duration,
}

impl Noted {
    const NOTHING: Self = Self {
        greeting: None,
        observed: Objections::NONE,
        failed_attempts: Vec::new(),
        tls: None,
        queued: Duration::ZERO,
    };

    fn is_nothing(&self) -> bool {
        let Self { greeting, observed, failed_attempts, tls, queued } = self;
        let is_plain = greeting.is_none() && tls.is_none() && *observed == Objections::NONE;
        is_plain && failed_attempts.is_empty() && queued.is_zero()
    }
}

impl Notes {
    /// All of them.
    pub fn take(self) -> Noted {
        self.0.map_or(Noted::NOTHING, |noted| *noted)
    }
}

impl From<Noted> for Notes {
    fn from(noted: Noted) -> Self {
        Self((!noted.is_nothing()).then(|| Box::new(noted)))
    }
}

impl Deref for Notes {
    type Target = Noted;

    fn deref(&self) -> &Noted {
        static NOTHING: Noted = Noted::NOTHING;
        self.0.as_deref().unwrap_or(&NOTHING)
    }
}

impl DerefMut for Notes {
    fn deref_mut(&mut self) -> &mut Noted {
        self.0.get_or_insert_with(|| Box::new(Noted::NOTHING))
    }
}

/// How far a session has come on its way to a backend.
#[derive(Clone, Debug, Default)]
pub enum Reach {
    /// Nobody is chosen.
    #[default]
    Nobody,
    /// Waits in line for a seat, since so long after it was accepted.
    InLine(Span),
    /// Waits for an answer of this backend, since so long after it was accepted.
    Connecting(Addr, Span),
    /// Is connected to this backend, which took so long.
    Connected(Addr, Span),
}

impl Reach {
    /// Who it is connected to, and how long that took.
    pub fn connected(self) -> Option<(Addr, Duration)> {
        match self {
            Self::Connected(backend, took) => Some((backend, took.into())),
            Self::Nobody | Self::InLine(_) | Self::Connecting(..) => None,
        }
    }
}

impl Opening {
    /// Whether the first backend that was tried took it, at once.
    pub fn was_smooth(&self) -> bool {
        self.notes.failed_attempts.is_empty() && self.notes.queued.is_zero()
    }
}
