//! The sender's side of version 2: from what is known of a client to a header.

use super::{DATAGRAM, HEAD, IPV4, IPV6, LOCAL, PATH, PROXY, SIGNATURE, STREAM, UNIX, UNSPECIFIED, VERSION};
use crate::wire::crc32c::crc32c;
use crate::wire::proxy_header::{Origin, Transport, in_one_family};
use crate::wire::tlv::{self, Ssl, Tlv, Tlvs, kind};
use std::fmt;
use std::net::{IpAddr, SocketAddr};

/// What a header says beside on whose behalf it is.
#[derive(Clone, Copy, Debug, Default)]
pub struct Saying<'a> {
    /// The protocol inside the connection, `h2`.
    pub alpn: Option<&'a [u8]>,
    /// The host name that the client asked for.
    pub authority: Option<&'a [u8]>,
    /// What names the connection.
    pub unique_id: Option<&'a [u8]>,
    /// What is known of the client's TLS.
    pub ssl: Option<Ssl<'a>>,
    /// What the proxy in front of us said. Passed on, but for padding, its checksum, and what is said anew above.
    pub received: Tlvs<'a>,
    /// Whether to add a checksum.
    pub checksum: bool,
}

/// Why a header cannot be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unwritable {
    /// It would be longer than any header can say.
    TooLong,
    /// A path of more than 108 bytes.
    Path,
    /// A unique ID of more than 128 bytes.
    UniqueId,
}

/// The header of version 2 that says `origin` and `saying`, appended to `out`. If it cannot be written, `out` is as it was.
pub fn write(origin: &Origin<'_>, saying: &Saying<'_>, out: &mut Vec<u8>) -> Result<(), Unwritable> {
    let start = out.len();
    let written = append(origin, saying, out);
    if written.is_err() {
        out.truncate(start);
    }
    written
}

fn append(origin: &Origin<'_>, saying: &Saying<'_>, out: &mut Vec<u8>) -> Result<(), Unwritable> {
    let start = out.len();
    out.extend(SIGNATURE);
    push_origin(origin, out)?;
    push_values(saying, out)?;
    let behind = out.len() - start - HEAD;
    let length = u16::try_from(behind + if saying.checksum { CHECKSUM } else { 0 });
    out[start + HEAD - 2..start + HEAD]
        .copy_from_slice(&length.map_err(|_| Unwritable::TooLong)?.to_be_bytes());
    if saying.checksum {
        push(kind::CRC32C, &[0; 4], out)?;
        let (header, sum) = out[start..].split_at(out.len() - start - 4);
        let sum = crc32c(&[header, sum]);
        let at = out.len() - 4;
        out[at..].copy_from_slice(&sum.to_be_bytes());
    }
    Ok(())
}

/// The bytes of a checksum with its type and length.
const CHECKSUM: usize = 3 + 4;

/// The head behind the signature, with room for the length, and the addresses.
fn push_origin(origin: &Origin<'_>, out: &mut Vec<u8>) -> Result<(), Unwritable> {
    let mut head = |command, family, transport| {
        out.extend([VERSION << 4 | command, family << 4 | transport, 0, 0]);
    };
    match *origin {
        Origin::Local => head(LOCAL, UNSPECIFIED, UNSPECIFIED),
        Origin::Unknown => head(PROXY, UNSPECIFIED, UNSPECIFIED),
        Origin::Ip { transport, source, destination } => {
            let (source, destination) = in_one_family(source, destination);
            head(PROXY, if source.is_ipv4() { IPV4 } else { IPV6 }, number(transport));
            push_ip(source, out);
            push_ip(destination, out);
            out.extend(source.port().to_be_bytes());
            out.extend(destination.port().to_be_bytes());
        }
        Origin::Unix { transport, source, destination } => {
            head(PROXY, UNIX, number(transport));
            push_path(source, out)?;
            push_path(destination, out)?;
        }
    }
    Ok(())
}

fn number(transport: Transport) -> u8 {
    match transport {
        Transport::Stream => STREAM,
        Transport::Datagram => DATAGRAM,
    }
}

fn push_ip(addr: SocketAddr, out: &mut Vec<u8>) {
    match addr.ip() {
        IpAddr::V4(ip) => out.extend(ip.octets()),
        IpAddr::V6(ip) => out.extend(ip.octets()),
    }
}

fn push_path(path: &[u8], out: &mut Vec<u8>) -> Result<(), Unwritable> {
    let padding = PATH.checked_sub(path.len()).ok_or(Unwritable::Path)?;
    out.extend(path);
    out.extend(std::iter::repeat_n(0, padding));
    Ok(())
}

fn push_values(saying: &Saying<'_>, out: &mut Vec<u8>) -> Result<(), Unwritable> {
    if saying.unique_id.is_some_and(|id| id.len() > tlv::UNIQUE_ID_LONGEST) {
        return Err(Unwritable::UniqueId);
    }
    let ssl = saying.ssl.map(|ssl| ssl.to_value().ok_or(Unwritable::TooLong)).transpose()?;
    let own = [
        (kind::ALPN, saying.alpn),
        (kind::AUTHORITY, saying.authority),
        (kind::UNIQUE_ID, saying.unique_id),
        (kind::SSL, ssl.as_deref()),
    ];
    for (kind, value) in own {
        if let Some(value) = value {
            push(kind, value, out)?;
        }
    }
    let is_new = |kind| own.iter().any(|(own, value)| *own == kind && value.is_some());
    let is_kept = |tlv: &Tlv<'_>| ![kind::CRC32C, kind::NOOP].contains(&tlv.kind) && !is_new(tlv.kind);
    saying.received.iter().filter(is_kept).try_for_each(|tlv| push(tlv.kind, tlv.value, out))
}

fn push(kind: u8, value: &[u8], out: &mut Vec<u8>) -> Result<(), Unwritable> {
    tlv::push(Tlv { kind, value }, out).ok_or(Unwritable::TooLong)
}

impl fmt::Display for Unwritable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong => f.write_str("the PROXY protocol header would be longer than one can be"),
            Self::Path => write!(f, "a path of more than {PATH} bytes fits in no PROXY protocol header"),
            Self::UniqueId => {
                write!(f, "a unique ID has more than the {} bytes it may have", tlv::UNIQUE_ID_LONGEST)
            }
        }
    }
}

impl std::error::Error for Unwritable {}
