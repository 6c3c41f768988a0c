//! Bytes that prove their place: an endless fixed stream, checked by comparing. A byte that is lost, doubled, changed
//! or moved shows at once, and at the speed of `memcmp` also in a debug build.

use evenkeel_core::dice::Dice;

/// The stream's period: a prime, so that no power of two (a buffer, a pipe) can hide a shift.
const PERIOD: usize = 1_048_573;

/// A stream of pseudo-random bytes; every seed gives another one.
#[derive(Clone, Debug)]
pub struct Pattern {
    /// One period and what a slice that begins at its end still needs.
    bytes: Vec<u8>,
}

impl Pattern {
    /// The most bytes that [`slice`](Self::slice) gives at once.
    pub const CHUNK: usize = 256 * 1024;

    /// The stream of `seed`.
    pub fn new(seed: u64) -> Self {
        let mut dice = Dice::new(seed);
        let mut bytes: Vec<u8> = (0..=PERIOD / 8).flat_map(|_| dice.roll().to_le_bytes()).collect();
        bytes.truncate(PERIOD);
        bytes.extend_from_within(..Self::CHUNK);
        Self { bytes }
    }

    /// The `len` bytes of the stream from `offset` on; at most [`CHUNK`](Self::CHUNK) of them.
    pub fn slice(&self, offset: u64, len: usize) -> &[u8] {
        let start = (offset % PERIOD as u64) as usize;
        &self.bytes[start..start + len.min(Self::CHUNK)]
    }

    /// Panics unless `got` is what the stream holds at `offset`.
    pub fn check(&self, offset: u64, got: &[u8]) {
        for (index, piece) in got.chunks(Self::CHUNK).enumerate() {
            let at = offset + (index * Self::CHUNK) as u64;
            assert!(self.slice(at, piece.len()) == piece, "wrong bytes after {at}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slice_is_the_same_however_it_is_cut_also_across_the_period() {
        let pattern = Pattern::new(1);
        let start = PERIOD as u64 - 10;
        let whole = pattern.slice(start, 20).to_vec();
        assert_eq!(whole, [pattern.slice(start, 10), pattern.slice(start + 10, 10)].concat());
        assert_eq!(&whole[10..], pattern.slice(0, 10));
    }

    #[test]
    #[should_panic(expected = "wrong bytes after 0")]
    fn a_lost_byte_is_noticed() {
        let pattern = Pattern::new(2);
        pattern.check(0, pattern.slice(1, 1000));
    }
}
