//! Heads as they go: what was understood, written anew.

use super::edit::Edits;
use super::forwarded::Origin;
use super::framing::Framing;
use super::head::Known;
use super::method::Method;
use super::outcome::phrase;
use super::request::Request;
use super::response::Response;
use super::template::Values;
use super::version::Version;
use std::io::Write as _;

/// As what a request is passed on.
#[derive(Clone, Copy, Debug)]
pub struct Passing<'a> {
    /// By which target.
    pub target: &'a [u8],
    /// What is done to its fields.
    pub edits: &'a Edits,
    /// What the variables in those are.
    pub values: &'a Values<'a>,
    /// By which name it is told through whom.
    pub via: Option<&'a [u8]>,
}

/// What is done to the fields of an answer.
#[derive(Clone, Copy, Debug)]
pub struct Edited<'a> {
    /// Which are taken away.
    pub edits: &'a Edits,
    /// Which are added: lines with their ends.
    pub lines: &'a [u8],
}

/// Adds the head of `request` as a backend gets it: as it came, unless it is `passing` as something else.
pub fn request(request: &Request<'_>, passing: Option<Passing<'_>>, origin: &Origin, out: &mut Vec<u8>) {
    out.extend_from_slice(request.method_name);
    out.push(b' ');
    out.extend_from_slice(passing.map_or(request.target, |passing| passing.target));
    out.extend_from_slice(b" HTTP/1.1\r\nHost: ");
    out.extend_from_slice(request.host.unwrap_or_default());
    out.extend_from_slice(b"\r\n");
    let keeps = |name: &[u8]| passing.is_none_or(|passing| passing.edits.keeps(name));
    let passes = |known, name: &[u8]| origin.passes(known) || asks_proxy(request.method, name);
    let staying = request.fields.lines(|known, name| passes(known, name) && keeps(name));
    staying.for_each(|line| out.extend_from_slice(line));
    if let Some(passing) = passing {
        passing.edits.write(passing.values, out);
    }
    origin.write(request, out);
    if let Some(name) = passing.and_then(|passing| passing.via) {
        via(request.version, name, out);
    }
    frame(request.body, out);
    if let Some(protocol) = request.upgrade {
        upgrade(protocol, out);
    }
    out.extend_from_slice(b"\r\n");
}

/// What a client is to know of its connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Onward {
    /// What it speaks.
    pub version: Version,
    /// Whether there may be another request.
    pub keeps: bool,
}

/// Adds the head of `response` to a request of `method` as its client gets it, and says how its body is framed there.
///
/// Only the last answer is `edited`, not those before it.
pub fn response(
    response: &Response<'_>,
    method: Method,
    onward: Onward,
    edited: Option<Edited<'_>>,
    out: &mut Vec<u8>,
) -> Framing {
    // Cannot fail for a `Vec`.
    let _ = write!(out, "HTTP/1.1 {} ", response.status);
    out.extend_from_slice(response.reason);
    out.extend_from_slice(b"\r\n");
    let keeps = |name: &[u8]| edited.is_none_or(|edited| edited.edits.keeps(name));
    let stays = |known, name: &[u8]| stays(known) || asks_proxy(method, name);
    let passing = response.fields.lines(|known, name| stays(known, name) && keeps(name));
    passing.for_each(|line| out.extend_from_slice(line));
    out.extend_from_slice(edited.map_or(b"", |edited| edited.lines));
    let framing = match response.body {
        Framing::Chunked | Framing::UntilEnd if onward.version == Version::Http10 => Framing::UntilEnd,
        Framing::Chunked | Framing::UntilEnd => Framing::Chunked,
        framing => framing,
    };
    match (response.length, framing) {
        (Some(length), Framing::Empty { said: false })
            if method == Method::Head || response.status == 304 =>
        {
            let _ = write!(out, "Content-Length: {length}\r\n");
        }
        _ => frame(framing, out),
    }
    match response.upgrade {
        Some(protocol) if response.status == 101 => upgrade(protocol, out),
        _ if response.is_interim() || response.opens_tunnel(method) => {}
        _ => keep(Onward { keeps: onward.keeps && framing != Framing::UntilEnd, ..onward }, out),
    }
    out.extend_from_slice(b"\r\n");
    framing
}

/// Whether a field of this name belongs to a tunnel: the proxy that is asked for one is the backend.
fn asks_proxy(method: Method, name: &[u8]) -> bool {
    let is_asked = || {
        [&b"proxy-authorization"[..], b"proxy-authenticate"].iter().any(|it| name.eq_ignore_ascii_case(it))
    };
    method == Method::Connect && is_asked()
}

/// Whether a field of an answer is passed on.
fn stays(known: Known) -> bool {
    !matches!(known, Known::Length | Known::Coding | Known::Connection | Known::Upgrade | Known::Hop)
}

/// Adds an answer of ours: `text`, unless the request was `HEAD`. `fields` are lines with their ends.
pub fn answer(
    status: u16,
    fields: &[u8],
    text: &[u8],
    method: Option<Method>,
    onward: Onward,
    out: &mut Vec<u8>,
) {
    let has_body = status != 204 && status != 304;
    let _ = write!(out, "HTTP/1.1 {status} {}\r\n", phrase(status));
    out.extend_from_slice(fields);
    if has_body {
        let _ = write!(out, "Content-Length: {}\r\n", text.len());
    }
    keep(onward, out);
    out.extend_from_slice(b"\r\n");
    if has_body && method != Some(Method::Head) {
        out.extend_from_slice(text);
    }
}

/// Adds that a message of this version came through whoever is called `name`, RFC 9110, section 7.6.3.
pub fn via(version: Version, name: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(b"Via: ");
    out.extend_from_slice(version.number().as_bytes());
    out.push(b' ');
    out.extend_from_slice(name);
    out.extend_from_slice(b"\r\n");
}

fn frame(framing: Framing, out: &mut Vec<u8>) {
    let _ = match framing {
        Framing::Length(length) => write!(out, "Content-Length: {length}\r\n"),
        Framing::Empty { said: true } => write!(out, "Content-Length: 0\r\n"),
        Framing::Chunked => write!(out, "Transfer-Encoding: chunked\r\n"),
        Framing::Empty { said: false } | Framing::UntilEnd => Ok(()),
    };
}

fn keep(onward: Onward, out: &mut Vec<u8>) {
    match (onward.version, onward.keeps) {
        (Version::Http2, _) | (Version::Http11, true) => {}
        (_, false) => out.extend_from_slice(b"Connection: close\r\n"),
        (Version::Http10, true) => out.extend_from_slice(b"Connection: keep-alive\r\n"),
    }
}

fn upgrade(protocol: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(b"Connection: upgrade\r\nUpgrade: ");
    out.extend_from_slice(protocol);
    out.extend_from_slice(b"\r\n");
}
