//! As much of DNS (RFC 1035) as a check needs: a question is written, and an answer to it known from everything else. What
//! the answer says is nobody's business here: its records are counted off, of whatever types they are.

use super::cursor::Cursor;
use std::fmt;
use std::sync::Arc;

/// The types that can be asked for.
pub const TYPES: [&str; 10] = ["A", "AAAA", "CNAME", "HTTPS", "MX", "NS", "PTR", "SOA", "SRV", "TXT"];

/// Their numbers.
const NUMBERS: [u16; TYPES.len()] = [1, 28, 5, 65, 15, 2, 12, 6, 33, 16];

/// The class of all that is asked.
const INTERNET: u16 = 1;

/// The bits of a header's flags.
const RESPONSE: u16 = 0x8000;
const OPCODE: u16 = 0x7800;
const TRUNCATED: u16 = 0x0200;
const RECURSION_DESIRED: u16 = 0x0100;
const RCODE: u16 = 0x000f;

/// Name, type and class, as a message has them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    name: Arc<str>,
    kind: &'static str,
    wire: Arc<[u8]>,
}

/// What is said instead of an answer, or with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Rcode(u8);

/// Why a datagram is no answer to a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Flaw {
    /// It ends within its header or within what that promises.
    Cut,
    /// Its id is another one.
    OtherId,
    /// It asks something itself.
    Asks,
    /// It is of another kind than the question, by its opcode.
    OtherKind,
    /// It answers another question.
    OtherQuestion,
    /// It holds a name that cannot be.
    BadName,
}

impl Question {
    /// Asks for what `name` has of a type that [`TYPES`] knows; `.` is the root. `None` if there can be no such name.
    pub fn new(name: &str, kind: &str) -> Option<Self> {
        let (kind, number) = TYPES.into_iter().zip(NUMBERS).find(|(known, _)| *known == kind)?;
        let mut wire = Vec::new();
        for label in name.strip_suffix('.').unwrap_or(name).split('.').filter(|_| name != ".") {
            let length = u8::try_from(label.len()).ok().filter(|length| (1..=63).contains(length))?;
            wire.push(length);
            wire.extend(label.bytes());
        }
        wire.push(0);
        let is_name = name.bytes().all(|byte| byte.is_ascii_graphic()) && wire.len() <= 255;
        wire.extend(number.to_be_bytes());
        wire.extend(INTERNET.to_be_bytes());
        is_name.then(|| Self { name: name.into(), kind, wire: wire.into() })
    }

    /// Appends a query with this question, which wants recursion as a client does.
    pub fn write(&self, id: u16, out: &mut Vec<u8>) {
        for field in [id, RECURSION_DESIRED, 1, 0, 0, 0] {
            out.extend(field.to_be_bytes());
        }
        out.extend_from_slice(&self.wire);
    }

    /// How `bytes` answer it, as it was asked under this `id`. One that was truncated, as it says itself, need not be whole.
    pub fn answered(&self, id: u16, bytes: &[u8]) -> Result<Rcode, Flaw> {
        let mut rest = Cursor(bytes);
        let mut fields = [0; 6];
        for field in &mut fields {
            *field = rest.u16().ok_or(Flaw::Cut)?;
        }
        let [its_id, flags, questions, records @ ..] = fields;
        match flags {
            _ if its_id != id => return Err(Flaw::OtherId),
            flags if flags & RESPONSE == 0 => return Err(Flaw::Asks),
            flags if flags & OPCODE != 0 => return Err(Flaw::OtherKind),
            _ => {}
        }
        let rcode = Rcode((flags & RCODE) as u8);
        self.is_repeated(questions, rcode, &mut rest)?;
        if flags & TRUNCATED == 0 {
            for _ in 0..records.into_iter().map(u32::from).sum() {
                pass_record(&mut rest)?;
            }
        }
        Ok(rcode)
    }

    /// An answer repeats its question; servers that could not make anything of it may leave it out.
    fn is_repeated(&self, questions: u16, rcode: Rcode, rest: &mut Cursor<'_>) -> Result<(), Flaw> {
        match questions {
            0 if rcode != Rcode::NOERROR => Ok(()),
            1 => match rest.take(self.wire.len()) {
                // The length of a label is no letter.
                Some(it) if it.eq_ignore_ascii_case(&self.wire) => Ok(()),
                _ => Err(Flaw::OtherQuestion),
            },
            _ => Err(Flaw::OtherQuestion),
        }
    }
}

impl Rcode {
    /// All is well.
    pub const NOERROR: Self = Self(0);

    /// Those that have a name, by number (RFC 6895).
    pub const WORDS: [&str; 11] = [
        "noerror", "formerr", "servfail", "nxdomain", "notimp", "refused", "yxdomain", "yxrrset", "nxrrset",
        "notauth", "notzone",
    ];

    /// The one that is called so.
    pub fn named(word: &str) -> Option<Self> {
        Self::WORDS.iter().zip(0..).find(|(known, _)| **known == word).map(|(_, number)| Self(number))
    }
}

/// Leaves a record behind.
fn pass_record(rest: &mut Cursor<'_>) -> Result<(), Flaw> {
    pass_name(rest)?;
    // Type, class, and how long it holds.
    let _ = rest.take(8).ok_or(Flaw::Cut)?;
    rest.vec16().map(|_| ()).ok_or(Flaw::Cut)
}

/// Leaves a name behind. Where a pointer leads does not matter, and so no loop of them does.
fn pass_name(rest: &mut Cursor<'_>) -> Result<(), Flaw> {
    loop {
        match rest.u8().ok_or(Flaw::Cut)? {
            0 => return Ok(()),
            length @ 1..=63 => rest.take(length.into()).map(|_| ()).ok_or(Flaw::Cut)?,
            192.. => return rest.u8().map(|_| ()).ok_or(Flaw::Cut),
            64..=191 => return Err(Flaw::BadName),
        }
    }
}

impl fmt::Display for Question {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.name, self.kind)
    }
}

/// As `dig` and the logs of name servers have it.
impl fmt::Display for Rcode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match Self::WORDS.get(usize::from(self.0)) {
            Some(word) => f.write_str(&word.to_ascii_uppercase()),
            None => write!(f, "RCODE{}", self.0),
        }
    }
}

impl fmt::Display for Flaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Cut => "it ends too early",
            Self::OtherId => "its id is not that of the question",
            Self::Asks => "it is a query itself",
            Self::OtherKind => "its opcode is not that of a query",
            Self::OtherQuestion => "it answers another question",
            Self::BadName => "it holds a name that cannot be",
        })
    }
}
