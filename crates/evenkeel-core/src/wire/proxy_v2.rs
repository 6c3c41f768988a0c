//! Version 2 of the PROXY protocol: a binary header with values (TLVs) behind the addresses.

use super::crc32c::crc32c;
use super::proxy_header::{Header, Origin, Transport};
use super::tlv::{self, Tlvs, kind};
use super::{Parse, departs};
use std::fmt;
use std::net::{IpAddr, SocketAddr};

mod write;

pub use write::{Saying, Unwritable, write};

/// What a header begins with.
pub const SIGNATURE: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";

/// Signature, version and command, family and transport, length of what follows.
const HEAD: usize = 16;
/// The length of a path in a header.
const PATH: usize = 108;
const VERSION: u8 = 2;
const LOCAL: u8 = 0;
const PROXY: u8 = 1;
const UNSPECIFIED: u8 = 0;
const IPV4: u8 = 1;
const IPV6: u8 = 2;
const UNIX: u8 = 3;
const STREAM: u8 = 1;
const DATAGRAM: u8 = 2;

/// Why bytes are no header of version 2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Malformed {
    /// Another signature.
    Signature {
        /// The first byte that is different.
        at: usize,
    },
    /// A version that is not 2.
    Version(u8),
    /// Neither LOCAL nor PROXY.
    Command(u8),
    /// An address family that does not exist.
    Family(u8),
    /// A transport that does not exist.
    Transport(u8),
    /// More bytes than allowed.
    TooLong {
        /// How many it says it has.
        length: usize,
        /// How many are allowed.
        longest: usize,
    },
    /// Fewer bytes than its addresses need.
    Addresses,
    /// What follows the addresses is no sequence of values.
    Tlv(tlv::Malformed),
    /// The checksum is that of another header.
    Checksum,
}

/// The header of version 2 that `bytes` begin with, of at most `longest` bytes. Whatever makes it malformed is told as
/// soon as that byte is there, except for what needs the whole.
pub fn parse(bytes: &[u8], longest: usize) -> Result<Parse<Header<'_>>, Malformed> {
    let Some(head) = head(bytes, longest)? else { return Ok(Parse::Partial) };
    let Some(header) = bytes.get(..head.length) else { return Ok(Parse::Partial) };
    let (addresses, values) = header[HEAD..].split_at_checked(head.addresses).unwrap_or_default();
    let origin = origin(head, addresses);
    let tlvs = match Tlvs::parse(values) {
        Ok(tlvs) => tlvs,
        // Nobody says how long addresses are that nobody knows: those bytes need not be values.
        Err(_) if matches!(origin, Origin::Local | Origin::Unknown) => Tlvs::default(),
        Err(malformed) => return Err(Malformed::Tlv(malformed)),
    };
    verify(header, tlvs)?;
    Ok(Parse::Complete { value: Header { origin, tlvs }, length: head.length })
}

/// The first 16 bytes.
#[derive(Clone, Copy)]
struct Head {
    command: u8,
    family: u8,
    transport: u8,
    /// Of the header as a whole.
    length: usize,
    /// Of both addresses.
    addresses: usize,
}

fn head(bytes: &[u8], longest: usize) -> Result<Option<Head>, Malformed> {
    if let Some(at) = departs(bytes, SIGNATURE) {
        return Err(Malformed::Signature { at });
    }
    let Some(&version_command) = bytes.get(12) else { return Ok(None) };
    let command = command(version_command)?;
    let Some(&family_transport) = bytes.get(13) else { return Ok(None) };
    let (family, transport) = (family_transport >> 4, family_transport & 0xf);
    // The sender of LOCAL may put there what it likes.
    if command != LOCAL && family > UNIX {
        return Err(Malformed::Family(family));
    }
    if command != LOCAL && transport > DATAGRAM {
        return Err(Malformed::Transport(transport));
    }
    let Some(&[high, low]) = bytes.get(14..HEAD).and_then(|it| it.first_chunk()) else { return Ok(None) };
    let behind = usize::from(u16::from_be_bytes([high, low]));
    let length = HEAD + behind;
    if length > longest {
        return Err(Malformed::TooLong { length, longest });
    }
    let addresses = addresses(family);
    if command != LOCAL && behind < addresses {
        return Err(Malformed::Addresses);
    }
    Ok(Some(Head { command, family, transport, length, addresses }))
}

fn command(version_command: u8) -> Result<u8, Malformed> {
    match (version_command >> 4, version_command & 0xf) {
        (VERSION, command @ (LOCAL | PROXY)) => Ok(command),
        (VERSION, command) => Err(Malformed::Command(command)),
        (version, _) => Err(Malformed::Version(version)),
    }
}

/// How many bytes two addresses of this family take.
fn addresses(family: u8) -> usize {
    match family {
        IPV4 => 2 * (4 + 2),
        IPV6 => 2 * (16 + 2),
        UNIX => 2 * PATH,
        _ => 0,
    }
}

fn origin(head: Head, addresses: &[u8]) -> Origin<'_> {
    let transport = match head.transport {
        _ if head.command == LOCAL => return Origin::Local,
        STREAM => Transport::Stream,
        DATAGRAM => Transport::Datagram,
        _ => return Origin::Unknown,
    };
    let origin = match head.family {
        IPV4 => ip::<4>(addresses, transport),
        IPV6 => ip::<16>(addresses, transport),
        UNIX => unix(addresses, transport),
        _ => None,
    };
    origin.unwrap_or(Origin::Unknown)
}

/// Two IP addresses of `SIZE` bytes, then their ports.
fn ip<const SIZE: usize>(addresses: &[u8], transport: Transport) -> Option<Origin<'_>>
where
    IpAddr: From<[u8; SIZE]>,
{
    let (source, rest) = addresses.split_first_chunk::<SIZE>()?;
    let (destination, ports) = rest.split_first_chunk::<SIZE>()?;
    let (source_port, destination_port) = ports.split_first_chunk::<2>()?;
    let destination_port = destination_port.first_chunk::<2>()?;
    let addr = |ip: &[u8; SIZE], port: &[u8; 2]| SocketAddr::new((*ip).into(), u16::from_be_bytes(*port));
    Some(Origin::Ip {
        transport,
        source: addr(source, source_port),
        destination: addr(destination, destination_port),
    })
}

fn unix(addresses: &[u8], transport: Transport) -> Option<Origin<'_>> {
    let (source, destination) = addresses.split_at_checked(PATH)?;
    Some(Origin::Unix { transport, source: path(source), destination: path(destination) })
}

/// A path without its padding. That of an abstract socket begins with a zero, and may have more of them.
fn path(padded: &[u8]) -> &[u8] {
    let is_abstract = padded.first() == Some(&0);
    let length = if is_abstract {
        padded.iter().rposition(|&byte| byte != 0).map_or(0, |last| last + 1)
    } else {
        padded.iter().position(|&byte| byte == 0).unwrap_or(padded.len())
    };
    &padded[..length]
}

/// The sum is that of the whole header with zeros in place of the sum.
fn verify(header: &[u8], tlvs: Tlvs<'_>) -> Result<(), Malformed> {
    let Some(at) = tlvs.position(kind::CRC32C) else { return Ok(()) };
    let (before, sum_and_after) = header.split_at(header.len() - tlvs.as_bytes().len() + at);
    let Some((sum, after)) = sum_and_after.split_first_chunk() else { return Ok(()) };
    let is_right = crc32c(&[before, &[0; 4], after]) == u32::from_be_bytes(*sum);
    if is_right { Ok(()) } else { Err(Malformed::Checksum) }
}

/// Continues "the header".
impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Signature { at } => write!(f, "has another signature: byte {at} is different"),
            Self::Version(version) => write!(f, "has version {version} instead of 2"),
            Self::Command(command) => write!(f, "has command {command}, which is neither LOCAL nor PROXY"),
            Self::Family(family) => write!(f, "has address family {family}, which does not exist"),
            Self::Transport(transport) => write!(f, "has transport {transport}, which does not exist"),
            Self::TooLong { length, longest } => write!(f, "is of {length} bytes, {longest} at most"),
            Self::Addresses => f.write_str("is too short for its addresses"),
            Self::Tlv(malformed) => malformed.fmt(f),
            Self::Checksum => f.write_str("has the checksum of another header"),
        }
    }
}

impl std::error::Error for Malformed {}
