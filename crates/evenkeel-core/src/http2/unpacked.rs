//! The fields of one message, unpacked.

use super::hpack::{Broken, Decoder};

/// What a field counts beside its bytes: RFC 9113, section 6.5.2.
pub const FIELD_BYTES: usize = 32;

/// Room for the fields of one message, to be used again and again.
#[derive(Debug, Default)]
pub struct Unpacked {
    bytes: Vec<u8>,
    /// Where names and values end.
    ends: Vec<(u32, u32)>,
    is_too_long: bool,
    /// Room for what is packed within a field.
    scratch: Vec<u8>,
}

impl Unpacked {
    /// Unpacks a `block`. What counts more than `most` in all is read to its end, since what follows depends on it, but not
    /// kept.
    pub fn read(&mut self, decoder: &mut Decoder, block: &[u8], most: usize) -> Result<(), Broken> {
        let Self { bytes, ends, is_too_long, scratch } = self;
        bytes.clear();
        ends.clear();
        let mut counted = 0_usize;
        decoder.read(block, scratch, |name, value| {
            counted = counted.saturating_add(name.len() + value.len() + FIELD_BYTES);
            if counted > most {
                return;
            }
            bytes.extend_from_slice(name);
            let middle = bytes.len() as u32;
            bytes.extend_from_slice(value);
            ends.push((middle, bytes.len() as u32));
        })?;
        *is_too_long = counted > most;
        Ok(())
    }

    /// Whether there was more than is kept.
    pub fn is_too_long(&self) -> bool {
        self.is_too_long
    }

    /// Names and values of all.
    pub fn all(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        let mut start = 0;
        self.ends.iter().map(move |&(middle, end)| {
            let field = (&self.bytes[start..middle as usize], &self.bytes[middle as usize..end as usize]);
            start = end as usize;
            field
        })
    }

    /// The same, without those that say what HTTP/1 has a line of its own for.
    pub fn fields(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.all().filter(|(name, _)| !name.starts_with(b":"))
    }
}
