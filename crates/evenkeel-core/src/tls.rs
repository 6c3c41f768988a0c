//! TLS: how it is to be spoken, as configured, and how it can fail. Files are only named here; whoever starts or reloads
//! reads them.

use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// TLS towards the clients of a listener: they speak to us, and what they say is carried on in the clear, or under
/// another TLS.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Termination {
    /// What we show; a client that names no host, or one that is in none of them, sees the first. Never empty.
    pub certificates: Box<[Certificate]>,
    /// The protocols that we speak inside (ALPN), the preferred first; empty: it is not spoken about.
    pub alpn: Box<[Box<str>]>,
    /// The oldest version that is spoken.
    pub oldest: Version,
    /// What clients show of themselves; `None`: they are not asked.
    pub clients: Option<ClientCertificates>,
    /// How long a handshake may take.
    pub timeout: Duration,
}

/// A certificate with its chain, and its key; of a folder, all that are in it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Certificate {
    /// The file of the certificate, with the chain behind it; or a folder.
    pub chain: Arc<Path>,
    /// The file of the key; `None`: it is in the same file, or beside it under a name that says so.
    pub key: Option<Arc<Path>>,
    /// The host name that it is obtained for without anybody's doing: until then there is no such file.
    pub obtained_for: Option<Arc<str>>,
}

/// What clients have to show.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ClientCertificates {
    /// The file of those whose signature counts.
    pub roots: Arc<Path>,
    /// Whether one that shows nothing is refused.
    pub required: bool,
}

/// TLS towards the backends of a pool.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Origination {
    /// Whose signature counts.
    pub trust: Trust,
    /// The name that a backend has to show; `None`: that by which it is configured, or its address.
    pub server_name: Option<Arc<str>>,
    /// What we show when we are asked.
    pub certificate: Option<Certificate>,
    /// The protocols that we offer (ALPN); empty: we do not speak about it.
    pub alpn: Box<[Box<str>]>,
}

/// Whose signature on a backend's certificate counts.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Trust {
    /// Theirs whom this machine trusts.
    System,
    /// Theirs who are in this file.
    File(Arc<Path>),
    /// Anybody's: whoever is in the way can read and change everything.
    Anybody,
}

/// Versions that are spoken at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Version {
    /// TLS 1.2.
    Tls12,
    /// TLS 1.3.
    Tls13,
}

/// As it is configured and logged.
impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Tls12 => "1.2",
            Self::Tls13 => "1.3",
        })
    }
}

/// What was agreed upon with a client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Agreed {
    /// The version.
    pub version: Version,
    /// The protocol inside.
    pub alpn: Option<Box<str>>,
    /// Whether an earlier session was taken up again, which spares most of the work.
    pub resumed: bool,
    /// Whether the client has shown a certificate that counts.
    pub client_certificate: bool,
}

/// Why no TLS came about, or why it ended; told of the other side.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fault {
    /// It speaks something else.
    NotTls,
    /// It speaks HTTP, and that in the clear.
    PlainHttp,
    /// There is no version that both speak.
    Version,
    /// There is nothing in common of what a handshake needs besides: ciphers, signatures, groups.
    Nothing,
    /// There is no protocol (ALPN) that both speak.
    Protocol,
    /// It has shown no certificate, and has to.
    NoCertificate,
    /// Nobody who counts has signed its certificate.
    UnknownIssuer,
    /// Its certificate has expired.
    Expired,
    /// Its certificate is of the future.
    NotYetValid,
    /// Its certificate is for another name.
    WrongName,
    /// Its certificate is for another purpose.
    WrongPurpose,
    /// Its certificate is not acceptable in some other way.
    Certificate,
    /// It has ended it with an alert of this number.
    Alert(u8),
    /// It has closed the connection in the middle of the handshake.
    Left,
    /// The handshake has not come to its end in time.
    TooLate,
    /// What it sent breaks the protocol.
    Misbehaved,
    /// Something of ours failed.
    Ours,
    /// There is no certificate yet that could be shown to it.
    Unready,
}

impl Fault {
    const ALL: [Self; 18] = [
        Self::NotTls,
        Self::PlainHttp,
        Self::Version,
        Self::Nothing,
        Self::Protocol,
        Self::NoCertificate,
        Self::UnknownIssuer,
        Self::Expired,
        Self::NotYetValid,
        Self::WrongName,
        Self::WrongPurpose,
        Self::Certificate,
        Self::Alert(0),
        Self::Left,
        Self::TooLate,
        Self::Misbehaved,
        Self::Ours,
        Self::Unready,
    ];

    /// Whether the other side is told of it, by an alert.
    pub fn is_told(self) -> bool {
        !matches!(
            self,
            Self::NotTls | Self::PlainHttp | Self::Alert(_) | Self::Left | Self::TooLate | Self::Ours
        )
    }

    /// A number that stands for it, in another process too.
    pub fn code(self) -> u16 {
        let alert = if let Self::Alert(number) = self { number } else { 0 };
        let same = |it: &Self| std::mem::discriminant(it) == std::mem::discriminant(&self);
        let index = Self::ALL.iter().position(same).unwrap_or_default();
        (index as u16) << 8 | u16::from(alert)
    }

    /// What this number stands for.
    pub fn from_code(code: u16) -> Self {
        match Self::ALL.get(usize::from(code >> 8)) {
            Some(Self::Alert(_)) => Self::Alert(code as u8),
            Some(fault) => *fault,
            None => Self::Ours,
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotTls => "it does not speak TLS",
            Self::PlainHttp => "it speaks plain HTTP",
            Self::Version => "no version in common",
            Self::Nothing => "no cipher, signature or group in common",
            Self::Protocol => "no protocol (ALPN) in common",
            Self::NoCertificate => "it showed no certificate",
            Self::UnknownIssuer => "its certificate has an unknown issuer",
            Self::Expired => "its certificate has expired",
            Self::NotYetValid => "its certificate is not valid yet",
            Self::WrongName => "its certificate is for another name",
            Self::WrongPurpose => "its certificate is for another purpose",
            Self::Certificate => "its certificate is not acceptable",
            Self::Alert(number) => return write!(f, "it said {} (alert {number})", alert(*number)),
            Self::Left => "it left in the middle of the handshake",
            Self::TooLate => "the handshake took too long",
            Self::Misbehaved => "it broke the protocol",
            Self::Ours => "a failure of evenkeel itself",
            Self::Unready => "there is no certificate yet",
        })
    }
}

/// The name of an alert (RFC 8446, section 6), in plain words.
fn alert(number: u8) -> &'static str {
    match number {
        10 => "that a message was unexpected",
        20 => "that a record was damaged",
        40 => "that the handshake failed",
        42 => "that the certificate is bad",
        43 => "that the certificate is of an unsupported kind",
        44 => "that the certificate is revoked",
        45 => "that the certificate has expired",
        46 => "that the certificate is not acceptable",
        47 => "that a parameter was illegal",
        48 => "that the certificate has an unknown issuer",
        49 => "that access is denied",
        50 => "that a message could not be decoded",
        51 => "that a signature was wrong",
        70 => "that the version is not spoken",
        71 => "that the ciphers are too weak",
        80 => "that something inside it failed",
        86 => "that a fallback is inappropriate",
        90 => "that its user gave up",
        109 => "that an extension is missing",
        112 => "that the name is unknown",
        116 => "that a certificate is required",
        120 => "that no protocol (ALPN) is in common",
        _ => "that it gives up",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_comes_out_of_its_number() {
        for fault in Fault::ALL.into_iter().chain([Fault::Alert(48)]) {
            assert_eq!(Fault::from_code(fault.code()), fault);
        }
        assert_eq!(Fault::from_code(u16::MAX), Fault::Ours);
    }

    #[test]
    fn every_fault_has_words_of_its_own() {
        let mut told: Vec<_> = Fault::ALL.iter().map(ToString::to_string).collect();
        told.sort();
        told.dedup();
        assert_eq!(told.len(), Fault::ALL.len());
    }
}
