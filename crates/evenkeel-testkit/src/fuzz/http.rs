//! HTTP/1: what is passed on of a head can be read in one way alone, and says what was understood; a body is the same
//! wherever it is cut. Read by readers of their own, which share nothing with what they judge.

use evenkeel_core::http::body::Passage;
use evenkeel_core::http::edit::Edits;
use evenkeel_core::http::forwarded::Forwarded;
use evenkeel_core::http::forwarded::Origin;
use evenkeel_core::http::framing::Framing;
use evenkeel_core::http::head::HeadLimits;
use evenkeel_core::http::head::{Lines, Seeker};
use evenkeel_core::http::method::Method;
use evenkeel_core::http::request::Request;
use evenkeel_core::http::response::Response;
use evenkeel_core::http::version::Version;
use evenkeel_core::http::write::{self, Onward};

/// What clients may send here, and as much again for what is added to it.
const LIMITS: HeadLimits = HeadLimits { bytes: 1 << 14, fields: 100, target: 8000 };
const ROOMY: HeadLimits = HeadLimits { bytes: 1 << 16, fields: 200, target: 9000 };

/// The head of a request, as a stranger sends it: what goes on to a backend is as unambiguous as can be.
pub fn request(bytes: &[u8]) {
    let Some(head) = sought(bytes) else { return };
    let mut lines = Lines::new();
    let Ok(request) = Request::parse(head, &LIMITS, &mut lines) else { return };
    for (x, standard) in [(true, false), (false, true), (true, true)] {
        let mut out = Vec::new();
        write::request(&request, None, &stranger(x, standard), &mut out);
        let fields = Plain::read(&out);
        assert_eq!(fields.named("host").len(), 1, "{fields:?}");
        assert!(fields.named("x-forwarded-for").iter().all(|value| x && *value == "10.0.0.7"), "{fields:?}");
        assert!(fields.named("forwarded").iter().all(|it| standard && it.starts_with("for=10.0.0.7")));
        fields.frames(request.body);
        let mut again = Lines::new();
        let again = Request::parse(&out, &ROOMY, &mut again).expect("what was written is read");
        assert_eq!((again.method_name, again.target), (request.method_name, request.target));
        assert_eq!(again.host.unwrap_or_default(), request.host.unwrap_or_default());
        assert_eq!((again.body, again.upgrade), (request.body, request.upgrade));
    }
}

/// The head of an answer, as a backend sends it: what goes on to a client is as unambiguous as can be.
pub fn answer(bytes: &[u8]) {
    let Some(head) = sought(bytes) else { return };
    for method in [Method::of(b"GET"), Method::of(b"HEAD")] {
        let mut lines = Lines::new();
        let Ok(response) = Response::parse(head, method, &mut lines) else { continue };
        for (version, keeps) in [(Version::Http11, true), (Version::Http11, false), (Version::Http10, true)] {
            let mut out = Vec::new();
            let framing = write::response(&response, method, Onward { version, keeps }, None, &mut out);
            let mut again = Lines::new();
            let again = Response::parse(&out, method, &mut again).expect("what was written is read");
            assert_eq!((again.status, again.reason), (response.status, response.reason));
            assert_eq!((again.body, again.length), (framing, response.length), "{:?}", Plain::read(&out));
            assert!(version == Version::Http11 || framing != Framing::Chunked);
            assert!(framing != Framing::UntilEnd || !again.keeps, "nobody would know where it ends");
        }
    }
}

/// A body in chunks: the same data and the same end in pieces of any size, and as an independent reader sees it.
pub fn chunks(bytes: &[u8]) {
    let whole = passed(bytes, bytes.len().max(1), Framing::UntilEnd);
    for piece in [1, 2, 7, 64] {
        assert_eq!(passed(bytes, piece, Framing::UntilEnd), whole, "in pieces of {piece}");
    }
    let read = unchunked(bytes);
    match &whole {
        Some((data, used)) => assert_eq!(read, Some((data.clone(), *used))),
        // It may have been too long for a limit.
        None => assert!(read.is_none() || bytes.len() > 256, "refused, and there is nothing wrong with it"),
    }
    if let Some((onward, used)) = passed(bytes, 3, Framing::Chunked) {
        assert_eq!(Some(used), whole.as_ref().map(|(_, used)| *used));
        assert_eq!(
            unchunked(&onward).map(|(data, end)| (data, end == onward.len())),
            whole.map(|(data, _)| (data, true))
        );
    }
}

/// The head that `bytes` begin with; found at the same place however they come.
fn sought(bytes: &[u8]) -> Option<&[u8]> {
    let at_once = Seeker::default().end(bytes);
    let mut seeker = Seeker::default();
    let step_by_step = (0..=bytes.len()).map(|shown| seeker.end(&bytes[..shown])).find(|it| *it != Ok(None));
    assert_eq!(step_by_step.unwrap_or(Ok(None)), at_once);
    Some(&bytes[..at_once.ok()??])
}

fn stranger(x: bool, standard: bool) -> Origin {
    Origin {
        client: Some([10, 0, 0, 7].into()),
        is_tls: false,
        is_trusted: false,
        id: 7,
        rules: Forwarded { x, standard },
    }
}

/// What is passed on of a body in chunks that comes in pieces, and bytes of it; none if it is not a whole one.
fn passed(bytes: &[u8], piece: usize, to: Framing) -> Option<(Vec<u8>, usize)> {
    let (mut passage, mut out, mut used) = (Passage::new(Framing::Chunked, to, None), Vec::new(), 0);
    for came in bytes.chunks(piece) {
        used += passage.carry(came, &Edits::default(), &mut out).ok()?;
        if passage.is_done() {
            return Some((out, used));
        }
    }
    None
}

/// A head, read by somebody who knows nothing but lines, and bears nothing else.
#[derive(Debug)]
struct Plain<'a>(Vec<(String, &'a str)>);

impl<'a> Plain<'a> {
    fn read(head: &'a [u8]) -> Self {
        let is_text = |byte: &u8| *byte == b'\t' || *byte >= b' ' && *byte != 0x7f;
        let lines: Vec<&[u8]> =
            head.strip_suffix(b"\r\n\r\n").expect("it ends").split(|it| *it == b'\n').collect();
        let (_, all_but_last) = lines.split_last().expect("there is a line");
        assert!(all_but_last.iter().all(|line| line.ends_with(b"\r")), "bare line feeds");
        let lines = lines.into_iter().map(|line| line.strip_suffix(b"\r").unwrap_or(line));
        let field = |line: &'a [u8]| {
            assert!(!line.is_empty() && line.iter().all(is_text), "{line:?}");
            // Values may be anything; those that count here are ASCII.
            let at = line.iter().position(|byte| *byte == b':').expect("a colon");
            let name = str::from_utf8(&line[..at]).expect("a name").to_ascii_lowercase();
            assert!(!name.is_empty() && !name.contains([' ', '\t']), "{name:?}");
            (name, str::from_utf8(&line[at + 1..]).unwrap_or("?").trim_matches([' ', '\t']))
        };
        Self(lines.skip(1).map(field).collect())
    }

    fn named(&self, name: &str) -> Vec<&'a str> {
        self.0.iter().filter(|(it, _)| it.replace('_', "-") == name).map(|(_, value)| *value).collect()
    }

    /// They say that the body is framed so, and nothing else.
    fn frames(&self, framing: Framing) {
        let said = (self.named("content-length"), self.named("transfer-encoding"));
        let length = match framing {
            Framing::Empty { said: true } => Some("0".to_owned()),
            Framing::Length(length) => Some(length.to_string()),
            Framing::Empty { said: false } | Framing::Chunked | Framing::UntilEnd => None,
        };
        let coding = (framing == Framing::Chunked).then_some("chunked");
        assert_eq!(said, (length.iter().map(String::as_str).collect(), coding.into_iter().collect()));
    }
}

/// The data of a body in chunks and where it ends, if it is whole and nothing is wrong with it.
fn unchunked(bytes: &[u8]) -> Option<(Vec<u8>, usize)> {
    let (mut data, mut rest) = (Vec::new(), bytes);
    loop {
        let (line, after) = line(rest)?;
        let extension = line.iter().position(|byte| *byte == b';');
        let digits = extension.map_or(line, |at| line[..at].trim_ascii_end());
        let is_size = (1..=15).contains(&digits.len()) && digits.iter().all(u8::is_ascii_hexdigit);
        let size = usize::from_str_radix(str::from_utf8(digits).ok().filter(|_| is_size)?, 16).ok()?;
        rest = after;
        if size == 0 {
            break;
        }
        data.extend_from_slice(rest.get(..size)?);
        rest = rest[size..].strip_prefix(b"\r\n")?;
    }
    loop {
        let (line, after) = line(rest)?;
        rest = after;
        if line.is_empty() {
            return Some((data, bytes.len() - rest.len()));
        }
        let name = line.split(|byte| *byte == b':').next().filter(|name| name.len() < line.len())?;
        let is_token = |byte: &u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte);
        if name.is_empty() || !name.iter().all(is_token) {
            return None;
        }
    }
}

/// A line without control characters, and what is behind its end.
fn line(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = bytes.iter().position(|byte| *byte != b'\t' && *byte < b' ' || *byte == 0x7f)?;
    Some((&bytes[..end], bytes[end..].strip_prefix(b"\r\n")?))
}
