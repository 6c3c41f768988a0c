//! The PROXY protocol (HAProxy, "The PROXY protocol, versions 1 & 2"): a proxy in front of us says who its client is,
//! before the first byte of that client. Whether a header is to be expected is configured, never guessed: a client
//! could say to be anybody.

use super::proxy_header::Header;
use super::{Parse, departs, proxy_v1, proxy_v2};
use std::fmt;

/// The longest header that is taken, in bytes. Most have less than 100; TLVs with a certificate's name or a cookie make
/// them longer.
pub const LONGEST: usize = 4096;

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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::proxy_header::Origin;
    use crate::wire::tlv::Tlvs;

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
