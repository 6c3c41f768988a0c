//! CRC-32C (RFC 4960, appendix B), a byte at a time: a header is short and checked once for each connection, so that a
//! table is fast enough, and the crates for it bring `unsafe`, build scripts or dozens of other sums.

/// The polynomial, lowest bit first.
const POLYNOMIAL: u32 = 0x82f6_3b78;

static TABLE: [u32; 256] = table();

const fn table() -> [u32; 256] {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let mut rest = byte as u32;
        let mut bit = 0;
        while bit < 8 {
            rest = if rest & 1 == 1 { rest >> 1 ^ POLYNOMIAL } else { rest >> 1 };
            bit += 1;
        }
        table[byte] = rest;
        byte += 1;
    }
    table
}

/// The checksum of all `parts`, one after the other.
pub fn crc32c(parts: &[&[u8]]) -> u32 {
    let step = |sum: u32, byte: &u8| sum >> 8 ^ TABLE[usize::from(sum as u8 ^ byte)];
    !parts.iter().copied().flatten().fold(!0, step)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_usual_examples_have_the_usual_sums() {
        // The catalogue's check value, and the examples of RFC 3720, B.4.
        assert_eq!(crc32c(&[b"123456789"]), 0xe306_9283);
        assert_eq!(crc32c(&[&[0; 32]]), 0x8a91_36aa);
        assert_eq!(crc32c(&[&[0xff; 32]]), 0x62a8_ab43);
        assert_eq!(crc32c(&[]), 0);
    }

    #[test]
    fn parts_are_as_good_as_the_whole() {
        assert_eq!(crc32c(&[b"123", b"", b"456789"]), crc32c(&[b"123456789"]));
    }
}
