//! Gathering a hello from its records.

use super::{ClientHello, Malformed, RECORD_LONGEST, body};
use crate::wire::Parse;

const HANDSHAKE: u8 = 22;
/// change_cipher_spec, alert, handshake, application_data, heartbeat.
const CONTENT_TYPES: std::ops::RangeInclusive<u8> = 20..=24;
const CLIENT_HELLO: u8 = 1;
/// Content type, version, length.
const RECORD_HEAD: usize = 5;
/// Type and length of a handshake message.
const MESSAGE_HEAD: usize = 4;

/// Reads one hello. Show it all bytes seen so far, each time there are more.
#[derive(Clone, Debug)]
pub struct Reader {
    longest: usize,
    /// Where the record begins that is not complete yet.
    at: usize,
    /// What the records before it hold of the message.
    gathered: usize,
    head: MessageHead,
    /// The message, if it came in more than one record.
    joined: Vec<u8>,
}

impl Reader {
    /// Of a hello of at most `longest` bytes. While it is partial, fewer have been seen.
    pub fn new(longest: usize) -> Self {
        Self { longest, at: 0, gathered: 0, head: MessageHead::default(), joined: Vec::new() }
    }

    /// The hello that `bytes` begin with. They begin with those of the call before.
    pub fn read<'a>(&'a mut self, bytes: &'a [u8]) -> Result<Parse<ClientHello<'a>>, Malformed> {
        while self.head.length() != Some(self.gathered) {
            if !self.advance(bytes)? {
                return Ok(Parse::Partial);
            }
        }
        let length = self.at;
        let message = self.message(bytes);
        let value = body::parse(message.get(MESSAGE_HEAD..).unwrap_or_default())?;
        Ok(Parse::Complete { value, length })
    }

    /// Goes over the next record, if it is there.
    fn advance(&mut self, bytes: &[u8]) -> Result<bool, Malformed> {
        let record = bytes.get(self.at..).unwrap_or_default();
        let Some(length) = record_length(record, self.at)? else { return Ok(false) };
        self.check(self.head, length)?;
        let payload = &record[RECORD_HEAD..];
        let payload = &payload[..payload.len().min(length)];
        let head = self.head.with(payload)?;
        self.check(head, length)?;
        if payload.len() < length {
            return Ok(false);
        }
        self.at += RECORD_HEAD + length;
        self.gathered += length;
        self.head = head;
        Ok(true)
    }

    /// Whether the message, as far as its head is known, has room in what is allowed, and a record of `length` bytes in it.
    fn check(&self, head: MessageHead, length: usize) -> Result<(), Malformed> {
        let gathered = self.gathered + length;
        let missing = head.length().unwrap_or(MESSAGE_HEAD).saturating_sub(gathered);
        // What is missing comes in a record that has a head, too.
        let missing = if missing > 0 { RECORD_HEAD + missing } else { 0 };
        if self.at + RECORD_HEAD + length + missing > self.longest {
            return Err(Malformed::TooLong { longest: self.longest });
        }
        if head.length().is_some_and(|whole| gathered > whole) {
            return Err(Malformed::Trailing);
        }
        Ok(())
    }

    /// The message without the heads of its records: where it came, if it is in one piece there.
    fn message<'a>(&'a mut self, bytes: &'a [u8]) -> &'a [u8] {
        if self.at == RECORD_HEAD + self.gathered {
            return bytes.get(RECORD_HEAD..self.at).unwrap_or_default();
        }
        if self.joined.is_empty() {
            self.joined.reserve_exact(self.gathered);
            let mut rest = bytes.get(..self.at).unwrap_or_default();
            while let Some((&[_, _, _, high, low], behind)) = rest.split_first_chunk::<RECORD_HEAD>() {
                let length = usize::from(u16::from_be_bytes([high, low]));
                let (payload, next) = behind.split_at_checked(length).unwrap_or((behind, &[]));
                self.joined.extend(payload);
                rest = next;
            }
        }
        &self.joined
    }
}

/// How much the record holds that `bytes` begin with, which is `at` bytes from the start; `None` as long as its head is
/// not complete.
fn record_length(bytes: &[u8], at: usize) -> Result<Option<usize>, Malformed> {
    match bytes {
        [HANDSHAKE, ..] | [] => {}
        [other, ..] if at > 0 || CONTENT_TYPES.contains(other) => return Err(Malformed::ContentType(*other)),
        _ => return Err(Malformed::NotTls { at: 0 }),
    }
    // The minor version is to be ignored, but no version had another major one.
    match bytes.get(1) {
        Some(3) | None => {}
        Some(_) if at == 0 => return Err(Malformed::NotTls { at: 1 }),
        Some(major) => return Err(Malformed::RecordVersion(*major)),
    }
    let Some(&[_, _, _, high, low]) = bytes.first_chunk::<RECORD_HEAD>() else { return Ok(None) };
    match usize::from(u16::from_be_bytes([high, low])) {
        0 => Err(Malformed::EmptyRecord),
        length if length > RECORD_LONGEST => Err(Malformed::LongRecord(length)),
        length => Ok(Some(length)),
    }
}

/// The first bytes of the message, as far as they are there: they, too, can be in different records.
#[derive(Clone, Copy, Debug, Default)]
struct MessageHead {
    bytes: [u8; MESSAGE_HEAD],
    filled: usize,
}

impl MessageHead {
    /// With the bytes that follow.
    fn with(mut self, following: &[u8]) -> Result<Self, Malformed> {
        for (place, byte) in self.bytes[self.filled..].iter_mut().zip(following) {
            *place = *byte;
            self.filled += 1;
        }
        match self.bytes[..self.filled] {
            [kind, ..] if kind != CLIENT_HELLO => Err(Malformed::Message(kind)),
            _ => Ok(self),
        }
    }

    /// How long the message is, with its head.
    fn length(&self) -> Option<usize> {
        let [_, length @ ..] = self.bytes;
        let length = length.iter().fold(0, |sum, &byte| sum << 8 | usize::from(byte));
        (self.filled == MESSAGE_HEAD).then_some(MESSAGE_HEAD + length)
    }
}

#[cfg(test)]
mod tests {
    use super::super::{LONGEST, Version};
    use super::*;

    /// The hello in records of `size` bytes.
    fn in_records(body: &[u8], size: usize) -> Vec<u8> {
        let length = u32::try_from(body.len()).unwrap().to_be_bytes();
        let message = [&[CLIENT_HELLO], &length[1..], body].concat();
        let record = |piece: &[u8]| {
            let length = u16::try_from(piece.len()).unwrap().to_be_bytes();
            [&[HANDSHAKE, 3, 1], &length[..], piece].concat()
        };
        message.chunks(size).flat_map(record).collect()
    }

    /// Of `length` bytes, nearly all of them in an extension that nobody knows.
    fn long_body(length: usize) -> Vec<u8> {
        let padding = length - 2 - 32 - 1 - 4 - 2 - 2 - 4;
        let size = |length: usize| u16::try_from(length).unwrap().to_be_bytes();
        let fixed = [&[3, 3], &[7; 32][..], &[0, 0, 2, 0x13, 1, 1, 0]].concat();
        [fixed, size(padding + 4).to_vec(), vec![0xfa, 0xfa], size(padding).to_vec(), vec![0; padding]]
            .concat()
    }

    /// All bytes one at a time, where those of complete records and those inside the newest are not there any more: a
    /// byte is looked at when it is among the first of its record, or once, at the end.
    #[test]
    fn no_byte_is_looked_at_for_each_that_follows() {
        for (length, size) in [(9_000, 1), (9_000, 3), (60_000, 100), (65_000, RECORD_LONGEST)] {
            let bytes = in_records(&long_body(length), size);
            let mut seen = vec![0xee; bytes.len()];
            let mut reader = Reader::new(LONGEST);
            for shown in 1..bytes.len() {
                let heads = reader.at..shown.min(reader.at + RECORD_HEAD + MESSAGE_HEAD);
                seen[heads.clone()].copy_from_slice(&bytes[heads.clone()]);
                assert_eq!(reader.read(&seen[..shown]), Ok(Parse::Partial), "{shown} of {}", bytes.len());
                seen[heads].fill(0xee);
            }
            assert!(
                matches!(reader.read(&bytes), Ok(Parse::Complete { length, .. }) if length == bytes.len())
            );
        }
    }

    #[test]
    fn only_what_spans_records_is_copied() {
        let whole = in_records(&long_body(9_000), RECORD_LONGEST);
        let mut reader = Reader::new(LONGEST);
        assert!(reader.read(&whole).is_ok());
        assert_eq!(reader.joined.capacity(), 0);
        let split = in_records(&long_body(9_000), 5_000);
        let mut reader = Reader::new(LONGEST);
        let said = reader.read(&split).map(|said| said.map(|hello| hello.version));
        assert_eq!(
            said,
            Ok(Parse::Complete { value: Some(Version::Tls12), length: 9_004 + 2 * RECORD_HEAD })
        );
        assert_eq!(reader.joined.len(), 9_004);
        // Whoever asks again gets the same answer.
        assert_eq!(reader.read(&split).map(|said| said.map(|hello| hello.version)), said);
        assert_eq!(reader.joined.len(), 9_004);
    }
}
