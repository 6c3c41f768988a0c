//! The head of an answer: understood, or not to be used.

use super::framing::Framing;
use super::head::{self, Fields, Known, Lines};
use super::method::Method;
use super::refusal::Refusal;
use super::token::{is_value, list};
use super::version::Version;

/// How long the head of an answer may be, in bytes.
pub const HEAD_MAX: usize = 32 * 1024;

/// How many fields it may have.
const FIELDS_MAX: u32 = 256;

/// What a backend answers.
#[derive(Clone, Copy, Debug)]
pub struct Response<'a> {
    /// Its status.
    pub status: u16,
    /// What the backend speaks.
    pub version: Version,
    /// The status in words; may be empty.
    pub reason: &'a [u8],
    /// The fields.
    pub fields: Fields<'a>,
    /// How the body is framed.
    pub body: Framing,
    /// The length that is said, also of a body that is not there.
    pub length: Option<u64>,
    /// Whether the backend wants to go on after it.
    pub keeps: bool,
    /// The protocol that it changes to.
    pub upgrade: Option<&'a [u8]>,
}

impl<'a> Response<'a> {
    /// Understands a head, of which `bytes` are all; `lines` is room for its fields.
    pub fn parse(bytes: &'a [u8], to: Method, lines: &'a mut Lines) -> Result<Self, Refusal> {
        let StatusLine { status, reason, version, length: start } = status_line(bytes)?;
        head::read(bytes, start, FIELDS_MAX, lines)?;
        let connection = head::connection(bytes, lines);
        let fields = Fields::new(bytes, lines);
        let (body, length) = framing(status, to, version, fields)?;
        Ok(Self {
            status,
            version,
            reason,
            fields,
            body,
            length,
            keeps: connection.is_kept(version) && body != Framing::UntilEnd,
            upgrade: fields.only(Known::Upgrade).ok().flatten().filter(|_| connection.upgrade),
        })
    }

    /// Whether the bytes that follow are those of a tunnel, if it answers a request of this method.
    pub fn opens_tunnel(&self, to: Method) -> bool {
        to == Method::Connect && (200..300).contains(&self.status)
    }

    /// Whether another answer to the same request follows.
    pub fn is_interim(&self) -> bool {
        (100..200).contains(&self.status) && self.status != 101
    }
}

/// The first line, taken apart.
struct StatusLine<'a> {
    status: u16,
    reason: &'a [u8],
    version: Version,
    /// With its end.
    length: usize,
}

fn status_line(bytes: &[u8]) -> Result<StatusLine<'_>, Refusal> {
    let version = match bytes.get(..9) {
        Some(b"HTTP/1.1 ") => Version::Http11,
        Some(b"HTTP/1.0 ") => Version::Http10,
        _ => return Err(Refusal::NotHttp),
    };
    let status = match bytes.get(9..12) {
        Some(digits) if digits.iter().all(u8::is_ascii_digit) => {
            digits.iter().fold(0, |status, digit| status * 10 + u16::from(digit - b'0'))
        }
        _ => return Err(Refusal::RequestLine),
    };
    let rest = &bytes[12..];
    let end = rest.iter().position(|byte| !is_value(*byte)).ok_or(Refusal::RequestLine)?;
    let is_line = rest[end..].starts_with(b"\r\n") && (end == 0 || rest[0] == b' ');
    if !is_line || !(100..=999).contains(&status) {
        return Err(Refusal::RequestLine);
    }
    let reason = rest[..end].strip_prefix(b" ").unwrap_or_default();
    Ok(StatusLine { status, reason, version, length: 12 + end + 2 })
}

fn framing(
    status: u16,
    to: Method,
    version: Version,
    fields: Fields<'_>,
) -> Result<(Framing, Option<u64>), Refusal> {
    let length = fields.only(Known::Length).map_err(|_| Refusal::Length)?;
    let length = length.map(|value| head::length(value).ok_or(Refusal::Length)).transpose()?;
    let coding = coding(version, fields)?;
    if coding && length.is_some() {
        return Err(Refusal::LengthAndCoding);
    }
    let is_tunnel = to == Method::Connect && (200..300).contains(&status);
    let has_no_body = to == Method::Head || is_tunnel || status < 200 || status == 204 || status == 304;
    let body = match length {
        _ if has_no_body => Framing::Empty { said: false },
        Some(0) => Framing::Empty { said: true },
        Some(length) => Framing::Length(length),
        None if coding => Framing::Chunked,
        None => Framing::UntilEnd,
    };
    // Said of a body that would be there, RFC 9110, section 8.6.
    let says_length = status >= 200 && status != 204;
    Ok((body, length.filter(|_| says_length)))
}

/// Whether the body comes in chunks.
fn coding(version: Version, fields: Fields<'_>) -> Result<bool, Refusal> {
    match fields.only(Known::Coding).map_err(|_| Refusal::Coding)? {
        None => Ok(false),
        Some(coding) if coding.eq_ignore_ascii_case(b"chunked") && version == Version::Http11 => Ok(true),
        Some(coding) if list(coding).all(|it| it.eq_ignore_ascii_case(b"identity")) => Ok(false),
        Some(_) => Err(Refusal::Coding),
    }
}
