//! What version 2 of the PROXY protocol says beside addresses: values with a type and a length (TLVs).

use std::fmt;

/// Types of values, as the specification has them.
pub mod kind {
    /// The protocol inside the connection, as in TLS.
    pub const ALPN: u8 = 0x01;
    /// The host name that the client asked for.
    pub const AUTHORITY: u8 = 0x02;
    /// The checksum of the header.
    pub const CRC32C: u8 = 0x03;
    /// Padding.
    pub const NOOP: u8 = 0x04;
    /// What names the connection.
    pub const UNIQUE_ID: u8 = 0x05;
    /// The client's TLS; its values are those from `SSL_VERSION` to `SSL_KEY_ALGORITHM`.
    pub const SSL: u8 = 0x20;
    /// The version of TLS, in words.
    pub const SSL_VERSION: u8 = 0x21;
    /// The common name of the client's certificate.
    pub const SSL_COMMON_NAME: u8 = 0x22;
    /// The cipher, in words.
    pub const SSL_CIPHER: u8 = 0x23;
    /// What the proxy's certificate is signed with.
    pub const SSL_SIGNATURE_ALGORITHM: u8 = 0x24;
    /// What the key of the proxy's certificate is made with.
    pub const SSL_KEY_ALGORITHM: u8 = 0x25;
}

/// The longest unique ID, in bytes.
pub const UNIQUE_ID_LONGEST: usize = 128;

/// One value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tlv<'a> {
    /// Its type, one of [`kind`] or another.
    pub kind: u8,
    /// What it is.
    pub value: &'a [u8],
}

/// Values one after the other, each whole.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tlvs<'a>(&'a [u8]);

/// What is known of the client's TLS. Texts are bytes as they came.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ssl<'a> {
    /// What the client did, as bits: [`Ssl::TLS`] and so on.
    pub client: u8,
    /// 0 if the client has a certificate that is good.
    pub verify: u32,
    /// The version, `TLSv1.3`.
    pub version: Option<&'a [u8]>,
    /// The common name of the client's certificate.
    pub common_name: Option<&'a [u8]>,
    /// The cipher, `ECDHE-RSA-AES128-GCM-SHA256`.
    pub cipher: Option<&'a [u8]>,
    /// What the proxy's certificate is signed with, `RSA-SHA256`.
    pub signature_algorithm: Option<&'a [u8]>,
    /// What the key of the proxy's certificate is made with, `RSA2048`.
    pub key_algorithm: Option<&'a [u8]>,
}

/// Why bytes are no values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Malformed {
    /// One ends behind the end.
    Cut {
        /// Its type.
        kind: u8,
    },
    /// A unique ID of more than [`UNIQUE_ID_LONGEST`] bytes.
    UniqueId,
    /// A checksum that is not one of four bytes, or a second one.
    Checksum,
    /// What is said about TLS is not flags, a result and whole values.
    Ssl,
}

impl<'a> Tlvs<'a> {
    /// The values that `bytes` are, if they are well formed.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Malformed> {
        let tlvs = Self::whole(bytes)?;
        let mut checksums = 0;
        for Tlv { kind, value } in tlvs.iter() {
            match kind {
                kind::UNIQUE_ID if value.len() > UNIQUE_ID_LONGEST => return Err(Malformed::UniqueId),
                kind::CRC32C if value.len() != 4 || checksums > 0 => return Err(Malformed::Checksum),
                kind::CRC32C => checksums += 1,
                kind::SSL if Ssl::parse(value).is_none() => return Err(Malformed::Ssl),
                _ => {}
            }
        }
        Ok(tlvs)
    }

    /// Each value, in order. A type may come more than once.
    pub fn iter(&self) -> Iter<'a> {
        Iter(self.0)
    }

    /// The first value of this type.
    pub fn find(&self, kind: u8) -> Option<&'a [u8]> {
        self.iter().find(|tlv| tlv.kind == kind).map(|tlv| tlv.value)
    }

    /// What is known of the client's TLS, if something is.
    pub fn ssl(&self) -> Option<Ssl<'a>> {
        self.find(kind::SSL).and_then(Ssl::parse)
    }

    /// The values as they came, for whoever keeps them.
    pub fn as_bytes(&self) -> &'a [u8] {
        self.0
    }

    /// Where among the bytes the value of the first of this type begins.
    pub(super) fn position(&self, kind: u8) -> Option<usize> {
        let mut iter = self.iter();
        iter.find(|tlv| tlv.kind == kind).map(|tlv| self.0.len() - iter.0.len() - tlv.value.len())
    }

    fn whole(bytes: &'a [u8]) -> Result<Self, Malformed> {
        let mut rest = Iter(bytes);
        rest.by_ref().for_each(drop);
        rest.0.first().map_or(Ok(Self(bytes)), |&kind| Err(Malformed::Cut { kind }))
    }
}

/// The values of [`Tlvs`], in order.
#[derive(Clone, Debug)]
pub struct Iter<'a>(&'a [u8]);

impl<'a> Iterator for Iter<'a> {
    type Item = Tlv<'a>;

    fn next(&mut self) -> Option<Tlv<'a>> {
        let (&[kind, high, low], behind) = self.0.split_first_chunk()?;
        let (value, rest) = behind.split_at_checked(u16::from_be_bytes([high, low]).into())?;
        self.0 = rest;
        Some(Tlv { kind, value })
    }
}

impl<'a> Ssl<'a> {
    /// The client speaks TLS.
    pub const TLS: u8 = 0x01;
    /// It gave a certificate on this connection.
    pub const CERTIFICATE_NOW: u8 = 0x02;
    /// It gave a certificate at least once in this TLS session.
    pub const CERTIFICATE_IN_SESSION: u8 = 0x04;

    fn parse(value: &'a [u8]) -> Option<Self> {
        let (&[client, verify @ ..], values): (&[u8; 5], _) = value.split_first_chunk()?;
        let values = Tlvs::whole(values).ok()?;
        Some(Self {
            client,
            verify: u32::from_be_bytes(verify),
            version: values.find(kind::SSL_VERSION),
            common_name: values.find(kind::SSL_COMMON_NAME),
            cipher: values.find(kind::SSL_CIPHER),
            signature_algorithm: values.find(kind::SSL_SIGNATURE_ALGORITHM),
            key_algorithm: values.find(kind::SSL_KEY_ALGORITHM),
        })
    }

    /// The value of type [`kind::SSL`] that says this; `None` if a text is too long for its length.
    pub(super) fn to_value(self) -> Option<Vec<u8>> {
        let mut value = vec![self.client];
        value.extend(self.verify.to_be_bytes());
        let texts = [
            (kind::SSL_VERSION, self.version),
            (kind::SSL_COMMON_NAME, self.common_name),
            (kind::SSL_CIPHER, self.cipher),
            (kind::SSL_SIGNATURE_ALGORITHM, self.signature_algorithm),
            (kind::SSL_KEY_ALGORITHM, self.key_algorithm),
        ];
        for (kind, text) in texts {
            if let Some(text) = text {
                push(Tlv { kind, value: text }, &mut value)?;
            }
        }
        Some(value)
    }
}

/// Appends the value with its head; `None` if it is too long for its length.
pub(super) fn push(tlv: Tlv<'_>, out: &mut Vec<u8>) -> Option<()> {
    let length = u16::try_from(tlv.value.len()).ok()?;

    out.push(tlv.kind);
    out.extend(length.to_be_bytes());
    out.extend(tlv.value);
    Some(())
}

/// Continues "the header".
impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cut { kind } => write!(f, "has a value of type {kind:#04x} that ends behind its end"),
            Self::UniqueId => write!(f, "has a unique ID of more than {UNIQUE_ID_LONGEST} bytes"),
            Self::Checksum => f.write_str("has a checksum that is not one of four bytes"),
            Self::Ssl => f.write_str("has a value about TLS that is cut off"),
        }
    }
}

impl std::error::Error for Malformed {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_come_in_order_with_types_nobody_knows() {
        let tlvs = Tlvs::parse(b"\xe0\0\x01x\x04\0\0\xe0\0\x02yz").unwrap();
        let values: Vec<_> = tlvs.iter().map(|tlv| (tlv.kind, tlv.value)).collect();
        assert_eq!(values, [(0xe0, &b"x"[..]), (4, b""), (0xe0, b"yz")]);
        assert_eq!(tlvs.find(0xe0), Some(&b"x"[..]));
        assert_eq!(tlvs.find(0xe1), None);
        assert_eq!(tlvs.position(0xe0), Some(3));
        assert_eq!(tlvs.position(4), Some(7));
    }

    #[test]
    fn a_value_that_is_cut_off_is_no_value() {
        for cut in [&b"\x01"[..], b"\x01\0", b"\x01\0\x01", b"\x04\0\0\x01\xff\xffx"] {
            assert_eq!(Tlvs::parse(cut), Err(Malformed::Cut { kind: 1 }), "{cut:x?}");
        }
    }

    #[test]
    fn values_of_known_types_have_their_sizes() {
        let parse = |kind, length| {
            let mut bytes = Vec::new();
            push(Tlv { kind, value: &vec![0; length] }, &mut bytes).unwrap();
            Tlvs::parse(&bytes).map(drop)
        };
        assert_eq!(parse(kind::UNIQUE_ID, 128), Ok(()));
        assert_eq!(parse(kind::UNIQUE_ID, 129), Err(Malformed::UniqueId));
        assert_eq!(parse(kind::CRC32C, 4), Ok(()));
        assert_eq!(parse(kind::CRC32C, 3), Err(Malformed::Checksum));
        assert_eq!(parse(kind::SSL, 5), Ok(()));
        assert_eq!(parse(kind::SSL, 4), Err(Malformed::Ssl));
        assert_eq!(parse(kind::SSL, 6), Err(Malformed::Ssl));
        let twice = b"\x03\0\x04aaaa\x03\0\x04bbbb";
        assert_eq!(Tlvs::parse(twice), Err(Malformed::Checksum));
    }

    #[test]
    fn what_is_known_of_tls_is_read_as_it_is_written() {
        let ssl = Ssl {
            client: Ssl::TLS | Ssl::CERTIFICATE_NOW,
            version: Some(b"TLSv1.3"),
            common_name: Some(b"example.com"),
            cipher: Some(b"TLS_AES_128_GCM_SHA256"),
            signature_algorithm: Some(b"RSA-SHA256"),
            key_algorithm: Some(b""),
            verify: 18,
        };
        assert_eq!(Ssl::parse(&ssl.to_value().unwrap()), Some(ssl));
        let empty = Ssl::default();
        assert_eq!(Ssl::parse(&empty.to_value().unwrap()), Some(empty));
    }

    #[test]
    fn what_does_not_fit_in_a_length_is_not_written() {
        let long = vec![0; 65_536];
        assert_eq!(push(Tlv { kind: 1, value: &long }, &mut Vec::new()), None);
        assert_eq!(Ssl { cipher: Some(&long), ..Ssl::default() }.to_value(), None);
    }
}
