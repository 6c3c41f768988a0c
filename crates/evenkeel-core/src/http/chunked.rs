//! Chunks, RFC 9112, section 7.1: read strictly, whatever is written is written anew.

use super::edit::Edits;
use super::head::{self, Fields, Known, Lines, Seeker};
use super::refusal::Refusal;

/// Bytes of what may stand behind the length of a chunk, which is read and forgotten.
const EXTENSION_MAX: u32 = 256;

/// Bytes of the fields behind the last chunk.
const TRAILER_MAX: usize = 8 * 1024;

/// How many fields there may be.
const TRAILER_FIELDS_MAX: u32 = 32;

/// Digits of a length, at most: far more than anybody has.
const DIGITS_MAX: u32 = 15;

/// How far a body in chunks has come.
#[derive(Debug, Default)]
pub struct Chunks {
    state: State,
    /// Of the fields behind the last chunk, what has come so far.
    trailer: Vec<u8>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// In the length of a chunk.
    Length { value: u64, digits: u32 },
    /// In white space behind it, in front of an extension.
    Gap { value: u64, seen: u32 },
    /// In what stands behind it.
    Extension { value: u64, seen: u32 },
    /// At the end of its line.
    LengthEnd { value: u64 },
    /// In what it holds.
    Data { left: u64 },
    /// At the end of that: in front of the CR, or of the LF.
    DataEnd { has_cr: bool },
    /// In the fields behind the last chunk.
    Trailer,
    /// At the end.
    Done,
}

impl Default for State {
    fn default() -> Self {
        Self::Length { value: 0, digits: 0 }
    }
}

impl Chunks {
    /// Whether the last byte has come.
    pub fn is_done(&self) -> bool {
        self.state == State::Done
    }

    /// Takes in what came, and gives what it holds to `data`. Says how many of the bytes were its.
    pub fn read(&mut self, came: &[u8], mut data: impl FnMut(&[u8])) -> Result<usize, Refusal> {
        let mut at = 0;
        while at < came.len() {
            match self.state {
                State::Data { left } => {
                    let length = usize::try_from(left).unwrap_or(usize::MAX).min(came.len() - at);
                    data(&came[at..at + length]);
                    at += length;
                    self.state = match left - length as u64 {
                        0 => State::DataEnd { has_cr: false },
                        left => State::Data { left },
                    };
                }
                State::Trailer => at += self.read_trailer(&came[at..])?,
                State::Done => break,
                state => {
                    self.state = step(state, came[at]).ok_or(Refusal::Chunk)?;
                    at += 1;
                }
            }
        }
        Ok(at)
    }

    fn read_trailer(&mut self, came: &[u8]) -> Result<usize, Refusal> {
        let had = self.trailer.len();
        // Mostly there are none: an empty line.
        let room = (TRAILER_MAX + 2).saturating_sub(had).min(came.len());
        self.trailer.extend_from_slice(&came[..room]);
        let end = if self.trailer.starts_with(b"\r\n") {
            Some(2)
        } else {
            Seeker::default().end(&self.trailer).map_err(|_| Refusal::Chunk)?
        };
        match end {
            Some(end) => {
                self.trailer.truncate(end);
                self.state = State::Done;
                head::read(&self.trailer, 0, TRAILER_FIELDS_MAX, &mut Lines::new())
                    .map_err(|_| Refusal::Chunk)?;
                Ok(end - had)
            }
            None if self.trailer.len() > TRAILER_MAX => Err(Refusal::Chunk),
            None => Ok(room),
        }
    }

    /// Adds the fields that stand behind the last chunk, but for those that may not stand there, or that the `edits` do not keep:
    /// whoever reads them may take them for fields of the head (RFC 9110, section 6.5.1).
    pub fn write_trailer(&self, edits: &Edits, out: &mut Vec<u8>) {
        if let Some(fields) = self.trailer(&mut Lines::new()) {
            let passing = fields.lines(|known, name| known == Known::Other && edits.keeps(name));
            passing.for_each(|line| out.extend_from_slice(line));
        }
    }

    /// The fields that stand behind the last chunk, if there are any; `lines` is room for them.
    pub fn trailer<'a>(&'a self, lines: &'a mut Lines) -> Option<Fields<'a>> {
        let is_read =
            self.trailer.len() > 2 && head::read(&self.trailer, 0, TRAILER_FIELDS_MAX, lines).is_ok();
        is_read.then(|| Fields::new(&self.trailer, lines))
    }
}

/// What follows upon one byte outside of what chunks hold.
fn step(state: State, byte: u8) -> Option<State> {
    match (state, byte) {
        (State::Length { value, digits }, _) if byte.is_ascii_hexdigit() && digits < DIGITS_MAX => {
            let digit = (byte as char).to_digit(16)?;
            Some(State::Length { value: value << 4 | u64::from(digit), digits: digits + 1 })
        }
        (State::Length { value, digits: 1.. }, b'\r') => Some(State::LengthEnd { value }),
        (State::Length { value, digits: 1.. }, b';') => Some(State::Extension { value, seen: 0 }),
        (State::Length { value, digits: 1.. }, b' ' | b'\t') => Some(State::Gap { value, seen: 1 }),
        (State::Gap { value, seen }, b' ' | b'\t') if seen < EXTENSION_MAX => {
            Some(State::Gap { value, seen: seen + 1 })
        }
        (State::Gap { value, seen }, b';') => Some(State::Extension { value, seen }),
        (State::Extension { value, .. }, b'\r') => Some(State::LengthEnd { value }),
        (State::Extension { value, seen }, _) if super::token::is_value(byte) && seen < EXTENSION_MAX => {
            Some(State::Extension { value, seen: seen + 1 })
        }
        (State::LengthEnd { value: 0 }, b'\n') => Some(State::Trailer),
        (State::LengthEnd { value }, b'\n') => Some(State::Data { left: value }),
        (State::DataEnd { has_cr: false }, b'\r') => Some(State::DataEnd { has_cr: true }),
        (State::DataEnd { has_cr: true }, b'\n') => Some(State::default()),
        _ => None,
    }
}

/// Makes one chunk of what stands in `out` from `start` on.
pub fn enclose(out: &mut Vec<u8>, start: usize) {
    let length = out.len() - start;
    // An empty one would be the last.
    if length > 0 {
        out.splice(start..start, format!("{length:x}\r\n").into_bytes());
        out.extend_from_slice(b"\r\n");
    }
}
