//! Version 1 of the PROXY protocol: a line of text.

use super::proxy_header::{Header, Origin, Transport, in_one_family};
use super::tlv::Tlvs;
use super::{Parse, departs};
use crate::network::decimal;
use std::fmt;
use std::io::Write;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// What a line begins with.
pub const SIGNATURE: &[u8] = b"PROXY ";

/// The longest line, in bytes with its end.
pub const LONGEST: usize = 107;

const TCP4: &[u8] = b"PROXY TCP4 ";
const TCP6: &[u8] = b"PROXY TCP6 ";
const UNKNOWN: &[u8] = b"PROXY UNKNOWN";
const END: &[u8] = b"\r\n";

/// Why bytes are no header of version 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Malformed {
    /// Neither TCP4, TCP6 nor UNKNOWN.
    Protocol {
        /// The first byte that fits none.
        at: usize,
    },
    /// No CR and LF within [`LONGEST`] bytes.
    TooLong,
    /// A CR or a LF alone.
    LineBreak,
    /// Not two addresses and two ports with one space between them.
    Fields,
    /// The source is no address of the family.
    Source,
    /// The destination is no address of the family.
    Destination,
    /// The source port is no number up to 65535, or has a leading zero.
    SourcePort,
    /// The destination port is no number up to 65535, or has a leading zero.
    DestinationPort,
}

/// The header of version 1 that `bytes` begin with.
pub fn parse(bytes: &[u8]) -> Result<Parse<Header<'_>>, Malformed> {
    let departures = [TCP4, TCP6, UNKNOWN].map(|start| departs(bytes, start));
    if let [Some(tcp4), Some(tcp6), Some(unknown)] = departures {
        return Err(Malformed::Protocol { at: tcp4.max(tcp6).max(unknown) });
    }
    let is_unknown = bytes.starts_with(UNKNOWN);
    let Some(length) = length(bytes, is_unknown)? else { return Ok(Parse::Partial) };
    let line = &bytes[..length - END.len()];
    let origin = if is_unknown { unknown(line)? } else { tcp(line)? };
    Ok(Parse::Complete { value: Header { origin, tlvs: Tlvs::default() }, length })
}

/// The header of version 1 that says `origin`, appended to `out`. All but a stream between IP addresses is UNKNOWN, which
/// some receivers refuse; a health check had better name its own two ends.
pub fn write(origin: &Origin<'_>, out: &mut Vec<u8>) {
    let Origin::Ip { transport: Transport::Stream, source, destination } = *origin else {
        out.extend([UNKNOWN, END].concat());
        return;
    };
    let (source, destination) = in_one_family(source, destination);
    out.extend(if source.is_ipv4() { TCP4 } else { TCP6 });
    let [from, to] = [source, destination].map(|addr| in_full(addr.ip()));
    // A vector takes whatever is written.
    let _ = write!(out, "{from} {to} {} {}\r\n", source.port(), destination.port());
}

/// How long the line is with its end, if that was seen.
fn length(bytes: &[u8], is_unknown: bool) -> Result<Option<usize>, Malformed> {
    let line = &bytes[..bytes.len().min(LONGEST)];
    let end = line.windows(END.len()).position(|pair| pair == END);
    let inner = &line[..end.unwrap_or(line.len())];
    // What stands in an UNKNOWN line is ignored, whatever it is; in another it would only fail later.
    let inner = if end.is_none() { inner.strip_suffix(b"\r").unwrap_or(inner) } else { inner };
    if !is_unknown && inner.iter().any(|byte| END.contains(byte)) {
        return Err(Malformed::LineBreak);
    }
    match end {
        Some(end) => Ok(Some(end + END.len())),
        None if line.len() == LONGEST => Err(Malformed::TooLong),
        None => Ok(None),
    }
}

fn unknown(line: &[u8]) -> Result<Origin<'static>, Malformed> {
    match line.get(UNKNOWN.len()) {
        None | Some(b' ') => Ok(Origin::Unknown),
        Some(_) => Err(Malformed::Protocol { at: UNKNOWN.len() }),
    }
}

fn tcp(line: &[u8]) -> Result<Origin<'static>, Malformed> {
    let is_ipv4 = line.starts_with(TCP4);
    let fields = line.get(TCP4.len()..).unwrap_or_default();
    let fields = std::str::from_utf8(fields).map_err(|_| Malformed::Fields)?;
    let [source, destination, source_port, destination_port] =
        collect(fields.split(' ')).ok_or(Malformed::Fields)?;
    let source = address(source, is_ipv4).ok_or(Malformed::Source)?;
    let destination = address(destination, is_ipv4).ok_or(Malformed::Destination)?;
    let source_port = decimal(source_port).ok_or(Malformed::SourcePort)?;
    let destination_port = decimal(destination_port).ok_or(Malformed::DestinationPort)?;
    Ok(Origin::Ip {
        transport: Transport::Stream,
        source: SocketAddr::new(source, source_port),
        destination: SocketAddr::new(destination, destination_port),
    })
}

/// As many as there have to be, and not one more.
fn collect<'a, const COUNT: usize>(mut fields: impl Iterator<Item = &'a str>) -> Option<[&'a str; COUNT]> {
    let mut found = [""; COUNT];
    for place in &mut found {
        *place = fields.next()?;
    }
    fields.next().is_none().then_some(found)
}

/// An address of the family. `::ffff:10.0.0.1` is taken as IPv6: senders that have `inet_ntop` write it so.
fn address(text: &str, is_ipv4: bool) -> Option<IpAddr> {
    if is_ipv4 {
        text.parse().ok().map(|addr: Ipv4Addr| addr.into())
    } else {
        text.parse().ok().map(|addr: Ipv6Addr| addr.into())
    }
}

/// The address without dots in IPv6, of which the specification knows nothing.
fn in_full(addr: IpAddr) -> String {
    match addr {
        IpAddr::V6(ip) if ip.to_ipv4_mapped().is_some() => {
            let [.., high, low] = ip.segments();
            format!("::ffff:{high:x}:{low:x}")
        }
        addr => addr.to_string(),
    }
}

/// Continues "the header".
impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Protocol { at } => write!(f, "is neither TCP4, TCP6 nor UNKNOWN: byte {at} fits none"),
            Self::TooLong => write!(f, "does not end within {LONGEST} bytes"),
            Self::LineBreak => f.write_str("has a CR or a LF alone, not both as its end"),
            Self::Fields => f.write_str("is not two addresses and two ports with one space between them"),
            Self::Source => f.write_str("has a source that is no address of its family"),
            Self::Destination => f.write_str("has a destination that is no address of its family"),
            Self::SourcePort => f.write_str("has a source port that is no number up to 65535"),
            Self::DestinationPort => f.write_str("has a destination port that is no number up to 65535"),
        }
    }
}

impl std::error::Error for Malformed {}
