//! The hello itself, once all of it is there.

use super::{Alpn, ClientHello, Malformed, Part, Version};
use crate::host_name;
use crate::wire::cursor::Cursor;
use std::borrow::Cow;

const SERVER_NAME: u16 = 0;
const ALPN: u16 = 16;
const SUPPORTED_VERSIONS: u16 = 43;

const HOST_NAME: u8 = 0;

/// What the message says behind its type and length. Extensions that are not asked about are only gone over: also those of
/// types that exist to be unknown (GREASE), and an encrypted hello, beside which the name is that of who can decrypt it.
pub(super) fn parse(body: &[u8]) -> Result<ClientHello<'_>, Malformed> {
    let mut rest = Cursor(body);
    let legacy_version = rest.u16().ok_or(Malformed::Part(Part::LegacyVersion))?;
    rest.take(32).ok_or(Malformed::Part(Part::Random))?;
    part(Part::SessionId, rest.vec8(), |it| it.len() <= 32)?;
    part(Part::CipherSuites, rest.vec16(), |it| !it.is_empty() && it.len() % 2 == 0)?;
    part(Part::Compression, rest.vec8(), |it| !it.is_empty())?;
    // Before TLS 1.3 there need be no extensions, not even how many there are.
    let all = if rest.is_empty() { &[] } else { part(Part::Extensions, rest.vec16(), |_| rest.is_empty())? };
    let extensions = Extensions::parse(all)?;
    Ok(ClientHello {
        server_name: extensions.server_name.map(server_name).transpose()?.flatten(),
        alpn: extensions.alpn.map(alpn).transpose()?.unwrap_or_default(),
        version: match extensions.supported_versions {
            Some(versions) => newest(versions)?,
            None => Some(legacy(legacy_version)?),
        },
    })
}

/// The extensions that are asked about, unread.
#[derive(Default)]
struct Extensions<'a> {
    server_name: Option<&'a [u8]>,
    alpn: Option<&'a [u8]>,
    supported_versions: Option<&'a [u8]>,
}

impl<'a> Extensions<'a> {
    fn parse(all: &'a [u8]) -> Result<Self, Malformed> {
        let mut found = Self::default();
        let mut rest = Cursor(all);
        while !rest.is_empty() {
            let cut = Malformed::Part(Part::Extensions);
            let (kind, value) = (rest.u16().ok_or(cut)?, rest.vec16().ok_or(cut)?);
            let (place, part) = match kind {
                SERVER_NAME => (&mut found.server_name, Part::ServerName),
                ALPN => (&mut found.alpn, Part::Alpn),
                SUPPORTED_VERSIONS => (&mut found.supported_versions, Part::Versions),
                _ => continue,
            };
            if place.replace(value).is_some() {
                return Err(Malformed::Twice(part));
            }
        }
        Ok(found)
    }
}

/// RFC 6066: names of different types, one of each; only one type was ever given a meaning.
fn server_name(extension: &[u8]) -> Result<Option<Cow<'_, str>>, Malformed> {
    let mut rest = Cursor(list(Part::ServerName, extension, Cursor::vec16)?);
    let mut host = None;
    while !rest.is_empty() {
        let kind = rest.u8().ok_or(Malformed::Part(Part::ServerName))?;
        let name = part(Part::ServerName, rest.vec16(), |it| !it.is_empty())?;
        if kind == HOST_NAME && host.replace(name).is_some() {
            return Err(Malformed::Twice(Part::ServerName));
        }
    }
    Ok(host.and_then(host_name::canonical))
}

/// RFC 7301: names, none of them empty.
fn alpn(extension: &[u8]) -> Result<Alpn<'_>, Malformed> {
    Alpn::parse(list(Part::Alpn, extension, Cursor::vec16)?).ok_or(Malformed::Part(Part::Alpn))
}

/// RFC 8446: what is said there counts, and nothing else.
fn newest(extension: &[u8]) -> Result<Option<Version>, Malformed> {
    let versions = list(Part::Versions, extension, Cursor::vec8)?;
    if versions.len() % 2 != 0 {
        return Err(Malformed::Part(Part::Versions));
    }
    let versions = versions.chunks_exact(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]]));
    Ok(versions.filter_map(known).max())
}

/// Before TLS 1.3 the version was the highest that the client knows; one above 1.2 means 1.2.
fn legacy(version: u16) -> Result<Version, Malformed> {
    known(version.min(0x0303)).ok_or(Malformed::Part(Part::LegacyVersion))
}

fn known(version: u16) -> Option<Version> {
    Some(match version {
        0x0300 => Version::Ssl30,
        0x0301 => Version::Tls10,
        0x0302 => Version::Tls11,
        0x0303 => Version::Tls12,
        0x0304 => Version::Tls13,
        _ => return None,
    })
}

/// The list that an extension is, with its length, and that is not empty.
fn list<'a>(
    name: Part,
    extension: &'a [u8],
    read: impl Fn(&mut Cursor<'a>) -> Option<&'a [u8]>,
) -> Result<&'a [u8], Malformed> {
    let mut rest = Cursor(extension);
    let list = read(&mut rest);
    part(name, list, |it| rest.is_empty() && !it.is_empty())
}

fn part(name: Part, value: Option<&[u8]>, is_good: impl Fn(&[u8]) -> bool) -> Result<&[u8], Malformed> {
    value.filter(|value| is_good(value)).ok_or(Malformed::Part(name))
}
