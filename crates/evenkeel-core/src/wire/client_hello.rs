//! What a TLS client says first, in clear text (RFC 8446, 5246): which host it wants, what it would speak there. It is
//! read, not answered: the client's bytes go to the backend as they are.
//!
//! A hello can come in any number of records, and each in any number of pieces. So what was already seen is state here,
//! and each call looks at the newest record only: a hello that comes in single bytes costs no more than one at once.

use super::cursor::Cursor;
use std::borrow::Cow;
use std::fmt;

mod body;
mod reader;

pub use reader::Reader;

/// The longest hello that is taken, in bytes as they come, with the heads of their records. Large ones have about two
/// KiB, for keys that withstand quantum computers.
pub const LONGEST: usize = 64 * 1024;

/// The most that a record can hold.
const RECORD_LONGEST: usize = 1 << 14;

/// What a client asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientHello<'a> {
    /// The host that it wants, in lower case. `None` also for what is no host name, as an IP address: RFC 6066 does not
    /// let clients send one, some do, and servers take it as if nothing was said.
    pub server_name: Option<Cow<'a, str>>,
    /// The protocols that it would speak, as it likes them best.
    pub alpn: Alpn<'a>,
    /// The newest version that it offers, of those that exist.
    pub version: Option<Version>,
}

/// Versions of TLS, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Version {
    /// SSL 3.0.
    Ssl30,
    /// TLS 1.0.
    Tls10,
    /// TLS 1.1.
    Tls11,
    /// TLS 1.2.
    Tls12,
    /// TLS 1.3.
    Tls13,
}

/// Names of protocols, each whole and none empty: `h2`, `http/1.1`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Alpn<'a>(&'a [u8]);

impl<'a> Alpn<'a> {
    /// The names that `bytes` are, each behind a byte with its length; `None` if they are not.
    pub fn parse(bytes: &'a [u8]) -> Option<Self> {
        let mut rest = Cursor(bytes);
        while !rest.is_empty() {
            rest.vec8().filter(|name| !name.is_empty())?;
        }
        Some(Self(bytes))
    }
}

impl<'a> Iterator for Alpn<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let mut rest = Cursor(self.0);
        let name = rest.vec8();
        self.0 = rest.0;
        name
    }
}

/// Why bytes are no hello of a TLS client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Malformed {
    /// It is not TLS that is spoken here.
    NotTls {
        /// The first byte that cannot be.
        at: usize,
    },
    /// A record of another kind than a handshake: 21 for an alert.
    ContentType(u8),
    /// A further record whose major version is not 3.
    RecordVersion(u8),
    /// A record without anything in it.
    EmptyRecord,
    /// A record of more bytes than one can have.
    LongRecord(usize),
    /// Another message of a handshake.
    Message(u8),
    /// More bytes than allowed.
    TooLong {
        /// How many are allowed.
        longest: usize,
    },
    /// A record in which something follows the hello.
    Trailing,
    /// A part that ends behind the end, is empty or of a length that it cannot have.
    Part(Part),
    /// An extension that came twice.
    Twice(Part),
}

/// A part of a hello.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The version that says nothing any more.
    LegacyVersion,
    /// The random bytes.
    Random,
    /// The session's ID.
    SessionId,
    /// The cipher suites.
    CipherSuites,
    /// The compression methods.
    Compression,
    /// The extensions.
    Extensions,
    /// The server's name.
    ServerName,
    /// The protocols.
    Alpn,
    /// The versions.
    Versions,
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotTls { at } => write!(f, "the client does not speak TLS: byte {at} cannot be"),
            Self::ContentType(kind) => {
                write!(f, "the client sent a TLS record of type {kind} before its hello")
            }
            Self::RecordVersion(major) => write!(f, "the client sent a TLS record of version {major}"),
            Self::EmptyRecord => f.write_str("the client sent an empty TLS record"),
            Self::LongRecord(length) => {
                write!(f, "the client sent a TLS record of {length} bytes, {RECORD_LONGEST} at most")
            }
            Self::Message(kind) => write!(f, "the client sent TLS message {kind} instead of a hello"),
            Self::TooLong { longest } => write!(f, "the client's TLS hello has more than {longest} bytes"),
            Self::Trailing => f.write_str("the client's TLS hello does not end with its record"),
            Self::Part(part) => write!(f, "the client's TLS hello has {part} of a wrong length"),
            Self::Twice(part) => write!(f, "the client's TLS hello has {part} twice"),
        }
    }
}

impl std::error::Error for Malformed {}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::LegacyVersion => "a version",
            Self::Random => "random bytes",
            Self::SessionId => "a session ID",
            Self::CipherSuites => "cipher suites",
            Self::Compression => "compression methods",
            Self::Extensions => "extensions",
            Self::ServerName => "a server name",
            Self::Alpn => "protocols",
            Self::Versions => "supported versions",
        })
    }
}

/// As one says it: `TLS 1.3`.
impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ssl30 => "SSL 3.0",
            Self::Tls10 => "TLS 1.0",
            Self::Tls11 => "TLS 1.1",
            Self::Tls12 => "TLS 1.2",
            Self::Tls13 => "TLS 1.3",
        })
    }
}
