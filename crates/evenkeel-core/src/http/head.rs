//! Heads: where one ends, and the fields in it, strictly by RFC 9112.

use super::refusal::Refusal;
use super::token::{are_alike, is_token, is_value, list, trim};
use super::version::Version;
use memchr::{memchr, memchr_iter};

/// Looks for the end of a head among bytes that come little by little, each once.
#[derive(Clone, Copy, Debug, Default)]
pub struct Seeker {
    seen: usize,
}

impl Seeker {
    /// The length of the head that `bytes`, all that came so far, begin with; `None` if there is more to come.
    pub fn end(&mut self, bytes: &[u8]) -> Result<Option<usize>, Refusal> {
        while let Some(found) = memchr(b'\n', &bytes[self.seen..]) {
            let at = self.seen + found;
            self.seen = at + 1;
            if at == 0 || bytes[at - 1] != b'\r' {
                return Err(Refusal::LineEnd);
            }
            if at >= 3 && bytes[at - 2] == b'\n' {
                return Ok(Some(at + 1));
            }
        }
        self.seen = bytes.len();
        Ok(None)
    }
}

/// The lines of a whole head of ours, without their ends and the empty one.
pub fn lines(head: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut start = 0;
    memchr_iter(b'\n', head).filter_map(move |end| {
        let line = head[start..end].strip_suffix(b"\r");
        start = end + 1;
        line.filter(|line| !line.is_empty())
    })
}

/// How long a head may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeadLimits {
    /// In all, in bytes.
    pub bytes: u32,
    /// In fields.
    pub fields: u32,
    /// The target of a request, in bytes.
    pub target: u32,
}

impl HeadLimits {
    /// What a head of our own making keeps.
    pub const OURS: Self = Self { bytes: u32::MAX, fields: u32::MAX, target: u32::MAX };
}

/// Where one field lies in its head.
#[derive(Clone, Copy, Debug)]
pub struct Line {
    start: u32,
    colon: u32,
    /// Behind the line's end.
    end: u32,
    known: Known,
}

/// What a field means to us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Known {
    /// Nothing: it is passed on as it came.
    Other,
    /// `Host`.
    Host,
    /// `Content-Length`.
    Length,
    /// `Transfer-Encoding`.
    Coding,
    /// `Connection`.
    Connection,
    /// `Upgrade`.
    Upgrade,
    /// `Expect`.
    Expect,
    /// Any other that means this connection and not the next, by its name or because `Connection` says so.
    Hop,
    /// `X-Forwarded-For`.
    ForwardedFor,
    /// `X-Forwarded-Proto`.
    ForwardedProto,
    /// `X-Forwarded-Host`.
    ForwardedHost,
    /// `X-Forwarded-Port`.
    ForwardedPort,
    /// Any other by which proxies are used to tell of a client.
    ForwardedElse,
    /// `Forwarded`.
    Forwarded,
    /// `X-Request-Id`.
    RequestId,
}

impl Known {
    /// What a field of this name means to us.
    pub(crate) fn of(name: &[u8]) -> Self {
        match Self::alike(name) {
            Self::Other => Self::Other,
            // Only some take it for that: it may mean nothing that we mean.
            _ if name.contains(&b'_') => Self::Hop,
            known => known,
        }
    }

    /// What a field of this name means to somebody.
    pub(super) fn alike(name: &[u8]) -> Self {
        const NAMES: [(&[u8], Known); 19] = [
            (b"te", Known::Hop),
            (b"host", Known::Host),
            (b"expect", Known::Expect),
            (b"upgrade", Known::Upgrade),
            (b"x-real-ip", Known::ForwardedElse),
            (b"forwarded", Known::Forwarded),
            (b"connection", Known::Connection),
            (b"keep-alive", Known::Hop),
            (b"x-request-id", Known::RequestId),
            (b"content-length", Known::Length),
            (b"http2-settings", Known::Hop),
            (b"x-forwarded-for", Known::ForwardedFor),
            (b"x-forwarded-host", Known::ForwardedHost),
            (b"x-forwarded-port", Known::ForwardedPort),
            (b"proxy-connection", Known::Hop),
            (b"x-forwarded-proto", Known::ForwardedProto),
            (b"transfer-encoding", Known::Coding),
            (b"proxy-authenticate", Known::Hop),
            (b"proxy-authorization", Known::Hop),
        ];
        let found = NAMES.iter().find(|(known, _)| are_alike(name, known));
        let is_forwarded = || name.get(..12).is_some_and(|start| are_alike(start, b"x-forwarded-"));
        match found {
            Some((_, known)) => *known,
            None if is_forwarded() => Self::ForwardedElse,
            None => Self::Other,
        }
    }
}

/// Room for where the fields of a head lie, to be used again and again.
pub type Lines = Vec<Line>;

/// Reads the fields that stand in `bytes` from `start` on: up to an empty line at the end. No more than `most` of them.
pub fn read(bytes: &[u8], start: usize, most: u32, lines: &mut Lines) -> Result<(), Refusal> {
    lines.clear();
    let (mut at, end) = (start, bytes.len() - 2);
    while at < end {
        if lines.len() >= most as usize {
            return Err(Refusal::TooManyFields);
        }
        let line = read_one(bytes, at)?;
        at = line.end as usize;
        lines.push(line);
    }
    Ok(())
}

fn read_one(bytes: &[u8], start: usize) -> Result<Line, Refusal> {
    let name = bytes[start..].iter().position(|byte| !is_token(*byte));
    let colon = start + name.ok_or(Refusal::FieldName)?;
    if bytes[colon] != b':' || colon == start {
        let is_fold = colon == start && matches!(bytes[colon], b' ' | b'\t');
        return Err(if is_fold { Refusal::Folded } else { Refusal::FieldName });
    }
    let value = bytes[colon + 1..].iter().position(|byte| !is_value(*byte));
    let stop = colon + 1 + value.ok_or(Refusal::FieldValue)?;
    match (bytes[stop], bytes.get(stop + 1)) {
        (b'\r', Some(b'\n')) => {}
        (b'\r', _) => return Err(Refusal::LineEnd),
        _ => return Err(Refusal::FieldValue),
    }
    let known = Known::of(&bytes[start..colon]);
    Ok(Line { start: start as u32, colon: colon as u32, end: stop as u32 + 2, known })
}

/// What `Connection` says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Connection {
    /// It is closed after this.
    pub close: bool,
    /// It is kept, says somebody of HTTP/1.0.
    pub keep_alive: bool,
    /// Another protocol may follow.
    pub upgrade: bool,
}

impl Connection {
    /// Whether somebody of this version who says so wants to go on.
    pub fn is_kept(self, version: Version) -> bool {
        !self.close && (version == Version::Http11 || self.keep_alive)
    }
}

/// What `Connection` says in `lines` of `bytes`; the fields that it names are marked as of this connection alone, unless they
/// are such that nobody may take away.
pub fn connection(bytes: &[u8], lines: &mut [Line]) -> Connection {
    let mut said = Connection::default();
    for index in 0..lines.len() {
        if lines[index].known != Known::Connection {
            continue;
        }
        for option in list(value(bytes, &lines[index])) {
            match option {
                _ if option.eq_ignore_ascii_case(b"close") => said.close = true,
                _ if option.eq_ignore_ascii_case(b"keep-alive") => said.keep_alive = true,
                _ if option.eq_ignore_ascii_case(b"upgrade") => said.upgrade = true,
                _ => mark(bytes, lines, option),
            }
        }
    }
    said
}

fn mark(bytes: &[u8], lines: &mut [Line], option: &[u8]) {
    for line in lines.iter_mut().filter(|line| line.known == Known::Other) {
        if name(bytes, line).eq_ignore_ascii_case(option) {
            line.known = Known::Hop;
        }
    }
}

fn name<'a>(bytes: &'a [u8], line: &Line) -> &'a [u8] {
    &bytes[line.start as usize..line.colon as usize]
}

fn value<'a>(bytes: &'a [u8], line: &Line) -> &'a [u8] {
    trim(&bytes[line.colon as usize + 1..line.end as usize - 2])
}

/// The fields of a head.
#[derive(Clone, Copy, Debug)]
pub struct Fields<'a> {
    bytes: &'a [u8],
    lines: &'a [Line],
}

/// A field that must be there once at most is there twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Twice;

impl<'a> Fields<'a> {
    /// Those in `lines` of `bytes`.
    pub fn new(bytes: &'a [u8], lines: &'a [Line]) -> Self {
        Self { bytes, lines }
    }

    /// The values of those of this kind.
    pub fn all(self, known: Known) -> impl Iterator<Item = &'a [u8]> {
        self.lines.iter().filter(move |line| line.known == known).map(move |line| value(self.bytes, line))
    }

    /// The value of the one of this kind.
    pub fn only(self, known: Known) -> Result<Option<&'a [u8]>, Twice> {
        let mut all = self.all(known);
        match (all.next(), all.next()) {
            (_, Some(_)) => Err(Twice),
            (first, None) => Ok(first),
        }
    }

    /// The values of those of this name.
    pub fn named(self, wanted: &[u8]) -> impl Iterator<Item = &'a [u8]> {
        let is_it = move |line: &&Line| name(self.bytes, line).eq_ignore_ascii_case(wanted);
        self.lines.iter().filter(is_it).map(move |line| value(self.bytes, line))
    }

    /// Names and values of those of which `passes` holds.
    pub fn pairs(self, passes: impl Fn(Known) -> bool) -> impl Iterator<Item = (&'a [u8], &'a [u8])> {
        let passing = move |line: &&Line| passes(line.known);
        let pair = move |line| (name(self.bytes, line), value(self.bytes, line));
        self.lines.iter().filter(passing).map(pair)
    }

    /// Those for which `passes` holds, each as it stands with its line's end.
    pub fn lines(self, passes: impl Fn(Known, &[u8]) -> bool) -> impl Iterator<Item = &'a [u8]> {
        let passing = move |line: &&Line| passes(line.known, name(self.bytes, line));
        self.lines.iter().filter(passing).map(move |line| &self.bytes[line.start as usize..line.end as usize])
    }
}

/// The number that a `Content-Length` says: digits, and nothing else.
pub fn length(value: &[u8]) -> Option<u64> {
    let is_number = !value.is_empty() && value.len() <= 18 && value.iter().all(u8::is_ascii_digit);
    is_number.then(|| value.iter().fold(0, |number, digit| number * 10 + u64::from(digit - b'0')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_ends_at_an_empty_line_wherever_it_is_cut() {
        let head = b"GET / HTTP/1.1\r\nHost: a\r\n\r\nbody";
        let mut seeker = Seeker::default();
        for length in 0..head.len() {
            let expected = (length >= head.len() - 4).then_some(head.len() - 4);
            match seeker.end(&head[..length]) {
                Ok(Some(end)) => return assert_eq!(Some(end), expected),
                other => assert_eq!(other, Ok(expected)),
            }
        }
        unreachable!("it has ended");
    }

    #[test]
    fn a_bare_line_feed_ends_no_line() {
        for head in [&b"\n"[..], b"GET / HTTP/1.1\nHost: a\r\n\r\n", b"GET / HTTP/1.1\r\nHost: a\n\n"] {
            assert_eq!(Seeker::default().end(head), Err(Refusal::LineEnd));
        }
    }

    #[test]
    fn lengths_are_digits() {
        assert_eq!(
            [&b"0"[..], b"007", b"123456789012345678"].map(length),
            [Some(0), Some(7), Some(123_456_789_012_345_678)]
        );
        for wrong in [&b""[..], b"+1", b"-1", b"1 ", b"0x1", b"1,1", b"1234567890123456789"] {
            assert_eq!(length(wrong), None);
        }
    }

    fn fields(text: &str) -> Result<Vec<(String, String)>, Refusal> {
        let bytes = format!("{text}\r\n");
        let mut lines = Lines::new();
        read(bytes.as_bytes(), 0, 4, &mut lines)?;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Ok(lines
            .iter()
            .map(|line| (text(name(bytes.as_bytes(), line)), text(value(bytes.as_bytes(), line))))
            .collect())
    }

    #[test]
    fn fields_are_names_and_values() {
        let read = fields("A:b\r\nx-y: \t c d \r\nempty:\r\n").unwrap();
        let expected = [("A", "b"), ("x-y", "c d"), ("empty", "")];
        assert!(read.iter().map(|(name, value)| (&name[..], &value[..])).eq(expected));
    }

    #[test]
    fn what_could_be_read_in_two_ways_is_refused() {
        for (text, refusal) in [
            ("a : b\r\n", Refusal::FieldName),
            (": b\r\n", Refusal::FieldName),
            ("a b: c\r\n", Refusal::FieldName),
            ("a\r\n", Refusal::FieldName),
            ("ä: b\r\n", Refusal::FieldName),
            (" a: b\r\n", Refusal::Folded),
            ("a: b\r\n\tc\r\n", Refusal::Folded),
            ("a: b\rc\r\n", Refusal::LineEnd),
            ("a: b\0c\r\n", Refusal::FieldValue),
            ("a: b\x7f\r\n", Refusal::FieldValue),
            ("a:\r\nb:\r\nc:\r\nd:\r\ne:\r\n", Refusal::TooManyFields),
        ] {
            assert_eq!(fields(text), Err(refusal), "{text:?}");
        }
    }

    #[test]
    fn connection_takes_away_what_it_names_but_nothing_that_frames_a_body() {
        let bytes =
            b"Connection: close, X-Secret, Host\r\nX-Secret: 1\r\nHost: a\r\nConnection: upgrade\r\n\r\n";
        let mut lines = Lines::new();
        read(bytes, 0, 9, &mut lines).unwrap();
        let said = connection(bytes, &mut lines);
        assert_eq!(said, Connection { close: true, keep_alive: false, upgrade: true });
        let known: Vec<_> = lines.iter().map(|line| line.known).collect();
        assert_eq!(known, [Known::Connection, Known::Hop, Known::Host, Known::Connection]);
    }
}
