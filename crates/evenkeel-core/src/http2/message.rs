//! Which fields make a message, and which make none: RFC 9113, sections 8.2 and 8.3.

use super::unpacked::Unpacked;
use super::wording::Asked;
use crate::http::head::{self, Known};
use crate::http::token::{is_target, is_token, is_value};

/// It is no message: its stream is reset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed;

/// The fields that a message begins with.
#[derive(Default)]
struct Beginning<'a> {
    method: Option<&'a [u8]>,
    scheme: Option<&'a [u8]>,
    authority: Option<&'a [u8]>,
    path: Option<&'a [u8]>,
    protocol: Option<&'a [u8]>,
    status: Option<&'a [u8]>,
}

/// The request that these fields make, of which nothing follows if it `is_over`.
pub fn request(unpacked: &Unpacked, is_over: bool) -> Result<Asked<'_>, Malformed> {
    let Beginning { method, scheme, authority, path, protocol, status: None } = beginning(unpacked)? else {
        return Err(Malformed);
    };
    let method = method.filter(|method| !method.is_empty() && method.iter().all(|byte| is_token(*byte)));
    let asked = Asked { method: method.ok_or(Malformed)?, authority, path, protocol, is_over };
    let has_path = scheme.is_some_and(is_scheme) && path.is_some_and(is_path);
    let is_whole = match (asked.method, protocol) {
        (b"CONNECT", Some(_)) => has_path && authority.is_some(),
        (_, Some(_)) => false,
        (b"CONNECT", None) => scheme.is_none() && path.is_none() && authority.is_some(),
        _ => has_path,
    };
    if is_whole && has_body_as_said(unpacked, is_over)? { Ok(asked) } else { Err(Malformed) }
}

/// The status of the answer that these fields make.
pub fn response(unpacked: &Unpacked) -> Result<u16, Malformed> {
    match beginning(unpacked)? {
        Beginning {
            status: Some([a, b, c]),
            method: None,
            scheme: None,
            authority: None,
            path: None,
            protocol: None,
        } if [a, b, c].iter().all(|it| it.is_ascii_digit()) && *a > b'0' => {
            Ok([a, b, c].iter().fold(0, |number, digit| number * 10 + u16::from(**digit - b'0')))
        }
        _ => Err(Malformed),
    }
}

/// Whether these may stand behind a body.
pub fn trailers(unpacked: &Unpacked) -> Result<(), Malformed> {
    let has_beginning = unpacked.all().any(|(name, _)| name.starts_with(b":"));
    beginning(unpacked)?;
    if has_beginning { Err(Malformed) } else { Ok(()) }
}

/// Looks at all: what begins the message, each once and before all others; and whether each of those may be in it.
fn beginning(unpacked: &Unpacked) -> Result<Beginning<'_>, Malformed> {
    let mut beginning = Beginning::default();
    let mut is_behind = false;
    for (name, value) in unpacked.all() {
        if !value.iter().all(|byte| is_value(*byte)) {
            return Err(Malformed);
        }
        let place = match name {
            b":method" => &mut beginning.method,
            b":scheme" => &mut beginning.scheme,
            b":authority" => &mut beginning.authority,
            b":path" => &mut beginning.path,
            b":protocol" => &mut beginning.protocol,
            b":status" => &mut beginning.status,
            _ if is_passing(name, value) => {
                is_behind = true;
                continue;
            }
            _ => return Err(Malformed),
        };
        if is_behind || place.replace(value).is_some() {
            return Err(Malformed);
        }
    }
    Ok(beginning)
}

/// Whether a field may be in a message: not if it means this connection alone.
fn is_passing(name: &[u8], value: &[u8]) -> bool {
    let is_name = |byte: &u8| is_token(*byte) && !byte.is_ascii_uppercase();
    !name.is_empty()
        && name.iter().all(is_name)
        && !matches!(
            name,
            b"connection" | b"keep-alive" | b"proxy-connection" | b"transfer-encoding" | b"upgrade"
        )
        && (name != b"te" || value.eq_ignore_ascii_case(b"trailers"))
}

/// Whether the length of the body is said once at most, and may be true.
fn has_body_as_said(unpacked: &Unpacked, is_over: bool) -> Result<bool, Malformed> {
    let mut lengths = unpacked.fields().filter(|(name, _)| Known::of(name) == Known::Length);
    let Some((_, said)) = lengths.next() else { return Ok(true) };
    let length = head::length(said).ok_or(Malformed)?;
    Ok(lengths.next().is_none() && (!is_over || length == 0))
}

fn is_scheme(scheme: &[u8]) -> bool {
    let is_inside = |byte: &u8| byte.is_ascii_alphanumeric() || b"+-.".contains(byte);
    scheme.first().is_some_and(u8::is_ascii_alphabetic) && scheme.iter().all(is_inside)
}

/// Whether this is a path, or what `OPTIONS` has for one.
fn is_path(path: &[u8]) -> bool {
    path == b"*" || path.starts_with(b"/") && path.iter().all(|byte| is_target(*byte))
}
