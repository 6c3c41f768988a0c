//! Messages of HTTP/2 in the words of HTTP/1, and which of the fields of HTTP/1 HTTP/2 has.
//!
//! What is written here is read by [`http`](crate::http) like anybody's: whatever is refused there is refused of HTTP/2. So
//! nothing can be said by way of HTTP/2 that could not be said else. Nothing that is written here can end a line.

use crate::http::framing::Framing;
use crate::http::head::{self, Fields, Known};
use crate::http::method::Method;
use crate::http::refusal::Refusal;
use crate::http::token::{is_name, is_target, is_value, trim};
use std::io::Write as _;

/// The beginning of a request, by its pseudo-fields.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// `:method`.
    pub method: &'a [u8],
    /// `:authority`.
    pub authority: Option<&'a [u8]>,
    /// `:path`.
    pub path: Option<&'a [u8]>,
    /// `:protocol`: what is to be spoken instead, RFC 8441.
    pub protocol: Option<&'a [u8]>,
    /// Whether there is no body.
    pub is_over: bool,
}

impl Asked<'_> {
    /// What the method is to HTTP/1, where another protocol is asked for with `GET`.
    pub fn method(&self) -> Method {
        Method::of(self.method_name())
    }

    fn method_name(&self) -> &[u8] {
        if self.protocol.is_some() { b"GET" } else { self.method }
    }

    /// Whether the stream is to carry bytes, to and fro, instead of messages.
    fn wants_relay(&self) -> bool {
        self.protocol.is_some() || self.method() == Method::Connect
    }
}

/// Adds the head of a request with these fields, and says how its body is to be framed. What comes out may still be refused by
/// who reads it. `nonce` is a number that is another one each time.
pub fn request<'a>(
    asked: &Asked<'_>,
    fields: impl Iterator<Item = (&'a [u8], &'a [u8])>,
    nonce: u128,
    out: &mut Vec<u8>,
) -> Result<Framing, Refusal> {
    // The whole of a URL is a target of HTTP/1, and none here.
    let is_path = |path: &&[u8]| path.starts_with(b"/") || *path == b"*";
    let target = match asked.method() {
        Method::Connect => asked.authority,
        _ => asked.path.filter(is_path),
    };
    let target = target.ok_or(Refusal::Target)?;
    if target.is_empty() || !target.iter().all(|byte| is_target(*byte)) {
        return Err(Refusal::Target);
    }
    if !is_name(asked.method) {
        return Err(Refusal::RequestLine);
    }
    out.extend_from_slice(asked.method_name());
    out.push(b' ');
    out.extend_from_slice(target);
    out.extend_from_slice(b" HTTP/1.1\r\n");
    if let Some(protocol) = asked.protocol {
        upgrade(protocol, nonce, out)?;
    }
    if let Some(authority) = asked.authority {
        // Around other values it means nothing.
        if trim(authority) != authority {
            return Err(Refusal::Host);
        }
        line(b"host", authority, out)?;
    }
    let (mut cookies, mut length) = (Vec::new(), None);
    for (name, value) in fields {
        match Known::of(name) {
            _ if asked.protocol.is_some() && name == b"sec-websocket-key" => continue,
            // Said twice it is refused, unless it says the same.
            Known::Host if asked.authority.is_some_and(|it| it.eq_ignore_ascii_case(value)) => continue,
            Known::Coding | Known::Connection | Known::Upgrade => return Err(Refusal::FieldName),
            Known::Length => length = Some(value),
            _ => {}
        }
        match name {
            b"cookie" => cookies.push(value),
            _ => line(name, value, out)?,
        }
    }
    if !cookies.is_empty() {
        // In pieces, they are one field to HTTP/1: RFC 9113, section 8.2.3.
        line(b"cookie", &cookies.join(&b"; "[..]), out)?;
    }
    let framing = match length {
        Some(_) if asked.wants_relay() => return Err(Refusal::Length),
        None if asked.wants_relay() => Framing::UntilEnd,
        Some(length) => match head::length(length).ok_or(Refusal::Length)? {
            0 => Framing::Empty { said: true },
            length => Framing::Length(length),
        },
        None if !asked.is_over => Framing::Chunked,
        None if matches!(asked.method, b"POST" | b"PUT" | b"PATCH") => Framing::Empty { said: true },
        None => Framing::Empty { said: false },
    };
    finish(framing, length.is_some(), out);
    Ok(framing)
}

/// Adds that this `protocol` is wanted, which has to be one that we know how to ask for in HTTP/1.
fn upgrade(protocol: &[u8], nonce: u128, out: &mut Vec<u8>) -> Result<(), Refusal> {
    if !protocol.eq_ignore_ascii_case(b"websocket") {
        return Err(Refusal::Connect);
    }
    out.extend_from_slice(b"connection: upgrade\r\nupgrade: websocket\r\nsec-websocket-key: ");
    out.extend_from_slice(&websocket_key(nonce));
    out.extend_from_slice(b"\r\n");
    Ok(())
}

/// Sixteen bytes in base64, RFC 6455, section 4.1. HTTP/2 has none: a stream cannot be taken for something else.
fn websocket_key(nonce: u128) -> [u8; 24] {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut key = [b'='; 24];
    for (at, digit) in key[..22].iter_mut().enumerate() {
        // The last one has two bits only.
        let bits = if at < 21 { nonce >> (122 - 6 * at) } else { nonce << 4 };
        *digit = DIGITS[(bits & 0x3f) as usize];
    }
    key
}

/// Adds the head of an answer to `method`, and says how its body is to be framed.
pub fn response<'a>(
    (status, method): (u16, Method),
    is_over: bool,
    fields: impl Iterator<Item = (&'a [u8], &'a [u8])>,
    out: &mut Vec<u8>,
) -> Result<Framing, Refusal> {
    // Cannot fail for a `Vec`.
    let _ = write!(out, "HTTP/1.1 {status} \r\n");
    let mut length = None;
    for (name, value) in fields {
        match Known::of(name) {
            Known::Coding | Known::Connection | Known::Upgrade => return Err(Refusal::FieldName),
            Known::Length => length = Some(value),
            _ => {}
        }
        line(name, value, out)?;
    }
    let has_no_body = method == Method::Head || matches!(status, 100..200 | 204 | 304);
    let framing = match length {
        _ if has_no_body => Framing::Empty { said: false },
        Some(length) => match head::length(length).ok_or(Refusal::Length)? {
            0 => Framing::Empty { said: true },
            length => Framing::Length(length),
        },
        None if is_over => Framing::Empty { said: true },
        None => Framing::Chunked,
    };
    finish(framing, length.is_some(), out);
    Ok(framing)
}

fn line(name: &[u8], value: &[u8], out: &mut Vec<u8>) -> Result<(), Refusal> {
    if !is_name(name) {
        return Err(Refusal::FieldName);
    }
    if !value.iter().all(|byte| is_value(*byte)) {
        return Err(Refusal::FieldValue);
    }
    out.extend_from_slice(name);
    out.extend_from_slice(b": ");
    out.extend_from_slice(value);
    out.extend_from_slice(b"\r\n");
    Ok(())
}

fn finish(framing: Framing, has_length: bool, out: &mut Vec<u8>) {
    match framing {
        Framing::Chunked => out.extend_from_slice(b"transfer-encoding: chunked\r\n"),
        Framing::Empty { said: true } if !has_length => out.extend_from_slice(b"content-length: 0\r\n"),
        _ => {}
    }
    out.extend_from_slice(b"\r\n");
}

/// Adds a piece of a body.
pub fn piece(framing: Framing, bytes: &[u8], out: &mut Vec<u8>) {
    match framing {
        // An empty one would be the last.
        Framing::Chunked if !bytes.is_empty() => {
            let _ = write!(out, "{:x}\r\n", bytes.len());
            out.extend_from_slice(bytes);
            out.extend_from_slice(b"\r\n");
        }
        Framing::Chunked => {}
        _ => out.extend_from_slice(bytes),
    }
}

/// Adds the end of a body, and the fields behind it where there is a place for them.
pub fn end<'a>(
    framing: Framing,
    mut trailers: impl Iterator<Item = (&'a [u8], &'a [u8])>,
    out: &mut Vec<u8>,
) -> Result<(), Refusal> {
    if framing == Framing::Chunked {
        out.extend_from_slice(b"0\r\n");
        trailers.try_for_each(|(name, value)| line(name, value, out))?;
        out.extend_from_slice(b"\r\n");
    }
    Ok(())
}

/// Those of `fields` that HTTP/2 has: names and values.
pub fn passing(fields: Fields<'_>) -> impl Iterator<Item = (&[u8], &[u8])> {
    fields.pairs(|known| {
        use Known as K;
        !matches!(known, K::Host | K::Coding | K::Connection | K::Upgrade | K::Hop)
    })
}
