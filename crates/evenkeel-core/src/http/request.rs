//! The head of a request: understood, or refused.

use super::framing::Framing;
use super::head::HeadLimits;
use super::head::{self, Fields, Known, Lines};
use super::method::Method;
use super::refusal::Refusal;
use super::token::{is_target, is_token, list};
use super::version::Version;

/// What a client wants.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// Its method, by what it lets us do.
    pub method: Method,
    /// The method as it is written.
    pub method_name: &'a [u8],
    /// Path and query, or `*`; of one that wants a tunnel, whereto.
    pub target: &'a [u8],
    /// Whose, with the port if one is said.
    pub host: Option<&'a [u8]>,
    /// What the client speaks.
    pub version: Version,
    /// The other fields, and those.
    pub fields: Fields<'a>,
    /// How the body is framed.
    pub body: Framing,
    /// Whether the client wants to go on after the answer.
    pub keeps: bool,
    /// The protocol that it would rather speak.
    pub upgrade: Option<&'a [u8]>,
}

impl<'a> Request<'a> {
    /// Understands a head, of which `bytes` are all; `lines` is room for its fields.
    pub fn parse(bytes: &'a [u8], limits: &HeadLimits, lines: &'a mut Lines) -> Result<Self, Refusal> {
        let RequestLine { method_name, target, version, length: start } = request_line(bytes)?;
        if target.len() > limits.target as usize {
            return Err(Refusal::TargetTooLong);
        }
        head::read(bytes, start, limits.fields, lines)?;
        let connection = head::connection(bytes, lines);
        let fields = Fields::new(bytes, lines);
        let method = Method::of(method_name);
        let (target, host) = target_and_host(method, target, version, fields)?;
        let body = framing(version, fields)?;
        if method == Method::Connect && !body.is_empty() {
            // What follows belongs to the tunnel, RFC 9110, section 9.3.6.
            return Err(Refusal::Length);
        }
        check_expectation(fields)?;
        Ok(Self {
            method,
            method_name,
            target,
            host,
            version,
            fields,
            body,
            keeps: connection.is_kept(version),
            upgrade: match connection.upgrade && version == Version::Http11 && method != Method::Connect {
                true => upgrade(fields),
                false => None,
            },
        })
    }

    /// The same, said by way of HTTP/2: its connection lasts.
    pub fn over_http2(self) -> Self {
        Self { version: Version::Http2, ..self }
    }

    /// What routes are asked about: a tunnel has no path.
    pub fn path_and_query(&self) -> &'a [u8] {
        if self.method == Method::Connect { b"*" } else { self.target }
    }

    /// The host without its port.
    pub fn host_name(&self) -> Option<&'a [u8]> {
        self.host.map(without_port)
    }
}

/// What of `host` stands before its port, if it has one.
pub(super) fn without_port(host: &[u8]) -> &[u8] {
    let colon = host.iter().rposition(|byte| *byte == b':');
    // The colons of an IPv6 address are in brackets.
    let port = colon.filter(|at| !host[*at..].contains(&b']'));
    &host[..port.unwrap_or(host.len())]
}

/// The first line, taken apart.
struct RequestLine<'a> {
    method_name: &'a [u8],
    target: &'a [u8],
    version: Version,
    /// With its end.
    length: usize,
}

fn request_line(bytes: &[u8]) -> Result<RequestLine<'_>, Refusal> {
    let method = bytes.iter().position(|byte| !is_token(*byte)).ok_or(Refusal::RequestLine)?;
    if method == 0 {
        return Err(Refusal::NotHttp);
    }
    let rest = bytes[method..].strip_prefix(b" ").ok_or(Refusal::RequestLine)?;
    let target = rest.iter().position(|byte| !is_target(*byte)).ok_or(Refusal::RequestLine)?;
    let end = rest[target..].strip_prefix(b" ").filter(|_| target > 0).ok_or(Refusal::RequestLine)?;
    let version = match end.get(..10) {
        Some(b"HTTP/1.1\r\n") => Version::Http11,
        Some(b"HTTP/1.0\r\n") => Version::Http10,
        Some([b'H', b'T', b'T', b'P', b'/', major, b'.', minor, b'\r', b'\n'])
            if major.is_ascii_digit() && minor.is_ascii_digit() =>
        {
            return Err(Refusal::Version);
        }
        _ => return Err(Refusal::RequestLine),
    };
    let length = bytes.len() - end.len() + 10;
    Ok(RequestLine { method_name: &bytes[..method], target: &rest[..target], version, length })
}

fn target_and_host<'a>(
    method: Method,
    target: &'a [u8],
    version: Version,
    fields: Fields<'a>,
) -> Result<(&'a [u8], Option<&'a [u8]>), Refusal> {
    let host = fields.only(Known::Host).map_err(|_| Refusal::Host)?;
    if host.is_some_and(|host| !host.is_empty() && !is_authority(host))
        || host.is_none() && version > Version::Http10
    {
        return Err(Refusal::Host);
    }
    let host = host.filter(|host| !host.is_empty());
    match target[0] {
        _ if method == Method::Connect => tunnel(target, host),
        b'/' if !target.contains(&b'#') => Ok((target, host)),
        b'*' if target.len() == 1 && method == Method::Options => Ok((target, host)),
        _ => {
            let (authority, path) = absolute(method, target)?;
            match host {
                // Whoever reads the one must not be told another thing than who reads the other.
                Some(host) if !host.eq_ignore_ascii_case(authority) => Err(Refusal::Host),
                _ => Ok((path, Some(authority))),
            }
        }
    }
}

/// Where a tunnel leads to: a host with a port, which `Host` may leave out.
fn tunnel<'a>(target: &'a [u8], host: Option<&[u8]>) -> Result<(&'a [u8], Option<&'a [u8]>), Refusal> {
    let name = without_port(target);
    let has_port = target.len() > name.len() + 1;
    if !is_authority(target) || !has_port {
        return Err(Refusal::Target);
    }
    let is_same = |host: &[u8]| host.eq_ignore_ascii_case(target) || host.eq_ignore_ascii_case(name);
    if host.is_none_or(is_same) { Ok((target, Some(target))) } else { Err(Refusal::Host) }
}

/// Whose and which path, from `http://whose/path`.
fn absolute(method: Method, target: &[u8]) -> Result<(&[u8], &[u8]), Refusal> {
    let scheme = [&b"http://"[..], b"https://"]
        .into_iter()
        .find(|scheme| target.get(..scheme.len()).is_some_and(|it| it.eq_ignore_ascii_case(scheme)));
    let rest = &target[scheme.ok_or(Refusal::Target)?.len()..];
    let end = rest.iter().position(|byte| matches!(byte, b'/' | b'?' | b'#')).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    let path = match path {
        [] if method == Method::Options => b"*",
        [] => b"/",
        [b'/', ..] if !path.contains(&b'#') => path,
        _ => return Err(Refusal::Target),
    };
    if is_authority(authority) { Ok((authority, path)) } else { Err(Refusal::Host) }
}

/// Whether this is a host, with a port or without.
fn is_authority(bytes: &[u8]) -> bool {
    let (host, port) = match bytes {
        [b'[', inner @ ..] => {
            let Some(end) = inner.iter().position(|byte| *byte == b']') else { return false };
            let is_inside = |byte: &u8| byte.is_ascii_hexdigit() || matches!(byte, b':' | b'.');
            if end == 0 || !inner[..end].iter().all(is_inside) {
                return false;
            }
            (&inner[..end], &inner[end + 1..])
        }
        _ => {
            let colon = bytes.iter().position(|byte| *byte == b':').unwrap_or(bytes.len());
            let (host, port) = bytes.split_at(colon);
            let is_inside = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._~%!$&'()*+;=".contains(byte);
            if !host.iter().all(is_inside) {
                return false;
            }
            (host, port)
        }
    };
    let is_port = match port {
        [] => true,
        [b':', digits @ ..] => digits.len() <= 5 && digits.iter().all(u8::is_ascii_digit),
        _ => false,
    };
    !host.is_empty() && is_port
}

fn framing(version: Version, fields: Fields<'_>) -> Result<Framing, Refusal> {
    let length = fields.only(Known::Length).map_err(|_| Refusal::Length)?;
    let coding = fields.only(Known::Coding).map_err(|_| Refusal::Coding)?;
    match (length, coding) {
        (Some(_), Some(_)) => Err(Refusal::LengthAndCoding),
        (None, Some(coding)) if coding.eq_ignore_ascii_case(b"chunked") && version == Version::Http11 => {
            Ok(Framing::Chunked)
        }
        (None, Some(_)) => Err(Refusal::Coding),
        (Some(length), None) => match head::length(length).ok_or(Refusal::Length)? {
            0 => Ok(Framing::Empty { said: true }),
            length => Ok(Framing::Length(length)),
        },
        (None, None) => Ok(Framing::Empty { said: false }),
    }
}

/// A client may wait with its body until it is told to go on, which is passed on like the answer to that. Nobody knows of anything else.
fn check_expectation(fields: Fields<'_>) -> Result<(), Refusal> {
    match fields.only(Known::Expect) {
        Ok(None) => Ok(()),
        Ok(Some(expected)) if expected.eq_ignore_ascii_case(b"100-continue") => Ok(()),
        _ => Err(Refusal::Expectation),
    }
}

/// The protocol to change to. Never to HTTP/2: a backend that did would be talked to behind our back.
fn upgrade<'a>(fields: Fields<'a>) -> Option<&'a [u8]> {
    let wanted = fields.only(Known::Upgrade).ok()??;
    let is_http = |protocol: &[u8]| {
        protocol.eq_ignore_ascii_case(b"h2c")
            || protocol.get(..4).is_some_and(|start| start.eq_ignore_ascii_case(b"http"))
    };
    (!wanted.is_empty() && !list(wanted).any(is_http)).then_some(wanted)
}
