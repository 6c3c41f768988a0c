//! The PROXY protocol (HAProxy, "The PROXY protocol, versions 1 & 2"): a proxy in front of us says who its client is,
//! before the first byte of that client. Whether a header is to be expected is configured, never guessed: a client
//! could say to be anybody.

use super::tlv::Tlvs;
use super::{Parse, departs, proxy_v1, proxy_v2};
use std::fmt;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};

/// The longest header that is taken, in bytes. Most have less than 100; TLVs with a certificate's name or a cookie make
/// them longer.
pub const LONGEST: usize = 4096;

/// What a header says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header<'a> {
    /// On whose behalf the connection was made.
    pub origin: Origin<'a>,
    /// What else is said; nothing in version 1.
    pub tlvs: Tlvs<'a>,
}

/// On whose behalf a connection was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin<'a> {
    /// The proxy's own, as for a health check (LOCAL): who is connected is right as it is.
    Local,
    /// A client's that is not named (UNKNOWN, UNSPEC).
    Unknown,
    /// A client's with an IP address.
    Ip {
        /// What it speaks to the proxy.
        transport: Transport,
        /// The client.
        source: SocketAddr,
        /// What it connected to.
        destination: SocketAddr,
    },
    /// A client's on a Unix socket.
    Unix {
        /// What it speaks to the proxy.
        transport: Transport,
        /// The client's path; empty for one without a name, with a zero first for an abstract one.
        source: &'a [u8],
        /// The path that it connected to.
        destination: &'a [u8],
    },
}

/// What a client speaks to a proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// TCP, or a Unix stream.
    Stream,
    /// UDP, or Unix datagrams.
    Datagram,
}

/// Why bytes are no header of either version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Malformed {
    /// They begin with neither signature.
    Neither {
        /// The first byte that fits neither.
        at: usize,
    },
    /// They begin like version 1.
    V1(proxy_v1::Malformed),
    /// They begin like version 2.
    V2(proxy_v2::Malformed),
}

/// The header that `bytes` begin with, in either version, in at most `longest` bytes.
pub fn parse(bytes: &[u8], longest: usize) -> Result<Parse<Header<'_>>, Malformed> {
    match (departs(bytes, proxy_v1::SIGNATURE), departs(bytes, proxy_v2::SIGNATURE)) {
        _ if bytes.is_empty() => Ok(Parse::Partial),
        (None, _) => proxy_v1::parse(bytes).map_err(Malformed::V1),
        (_, None) => proxy_v2::parse(bytes, longest).map_err(Malformed::V2),
        (Some(v1), Some(v2)) => Err(Malformed::Neither { at: v1.max(v2) }),
    }
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Neither { at } => {
                write!(f, "the proxy sent no PROXY protocol header: byte {at} fits neither version")
            }
            Self::V1(malformed) => write!(f, "the proxy's PROXY protocol header, version 1, {malformed}"),
            Self::V2(malformed) => write!(f, "the proxy's PROXY protocol header, version 2, {malformed}"),
        }
    }
}

impl std::error::Error for Malformed {}

/// Both addresses in one family, as a header needs them: IPv4 if both are, also as `::ffff:10.0.0.1`, else IPv6.
pub(super) fn in_one_family(one: SocketAddr, other: SocketAddr) -> (SocketAddr, SocketAddr) {
    let canonical = |addr: SocketAddr| SocketAddr::new(addr.ip().to_canonical(), addr.port());
    let (one, other) = (canonical(one), canonical(other));
    if one.is_ipv4() == other.is_ipv4() { (one, other) } else { (in_ipv6(one), in_ipv6(other)) }
}

fn in_ipv6(addr: SocketAddr) -> SocketAddr {
    let ip: Ipv6Addr = match addr.ip() {
        IpAddr::V4(ip) => ip.to_ipv6_mapped(),
        IpAddr::V6(ip) => ip,
    };
    SocketAddr::new(ip.into(), addr.port())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(bytes: &[u8]) -> Option<usize> {
        match parse(bytes, LONGEST) {
            Err(Malformed::Neither { at }) => Some(at),
            _ => None,
        }
    }

    #[test]
    fn what_is_neither_version_is_found_at_its_first_byte() {
        assert_eq!(at(b"GET / HTTP/1.1\r\n"), Some(0));
        assert_eq!(at(b"\x16\x03\x01"), Some(0));
        assert_eq!(at(b"PUT / HTTP/1.1\r\n"), Some(1));
        assert_eq!(at(b"PROXZ"), Some(4));
        assert_eq!(at(b"PROXY\t"), Some(5));
        assert_eq!(at(b"\r\n\r\n\0\r\nQUIT\r"), Some(11));
        assert_eq!(at(b"\r\nGET"), Some(2));
    }

    #[test]
    fn a_beginning_of_either_version_is_partial() {
        for whole in [&b"PROXY "[..], b"\r\n\r\n\0\r\nQUIT\n"] {
            for length in 0..=whole.len() {
                assert_eq!(parse(&whole[..length], LONGEST), Ok(Parse::Partial));
            }
        }
    }

    #[test]
    fn the_version_is_told_by_the_first_bytes() {
        let v1 = parse(b"PROXY UNKNOWN\r\nGET /", LONGEST);
        let unknown = Header { origin: Origin::Unknown, tlvs: Tlvs::default() };
        assert_eq!(v1, Ok(Parse::Complete { value: unknown, length: 15 }));
        let v2 = parse(b"\r\n\r\n\0\r\nQUIT\n\x20\x00\x00\x00GET /", LONGEST);
        let local = Header { origin: Origin::Local, tlvs: Tlvs::default() };
        assert_eq!(v2, Ok(Parse::Complete { value: local, length: 16 }));
    }

    #[test]
    fn a_refusal_says_whose_fault_it_is() {
        let text = |bytes| parse(bytes, LONGEST).unwrap_err().to_string();
        assert_eq!(
            text(b"GET / HTTP/1.1\r\n"),
            "the proxy sent no PROXY protocol header: byte 0 fits neither version"
        );
        assert_eq!(
            text(b"PROXY TCP4 10.0.0.1 10.0.0.2 1 066\r\n"),
            "the proxy's PROXY protocol header, version 1, has a destination port that is no number up to 65535"
        );
        assert_eq!(
            text(b"\r\n\r\n\0\r\nQUIT\n\x10"),
            "the proxy's PROXY protocol header, version 2, has version 1 instead of 2"
        );
    }
}
