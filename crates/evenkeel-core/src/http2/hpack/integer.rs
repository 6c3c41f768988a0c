//! Numbers: in the last bits of a byte, and if they do not fit, in bytes behind it: RFC 7541, section 5.1.

use super::Broken;

/// Bits of a number in the bytes behind the first at most: four bytes. No number that makes sense needs more.
const BITS_MAX: u32 = 28;

/// Takes a number off `rest` that begins in the last `bits` bits of its first byte; the others are somebody else's.
pub fn read(bits: u32, rest: &mut &[u8]) -> Result<usize, Broken> {
    let (first, behind) = rest.split_first().ok_or(Broken::Truncated)?;
    *rest = behind;
    let full = (1 << bits) - 1;
    match usize::from(*first) & full {
        number if number < full => Ok(number),
        _ => Ok(full + more(rest)?),
    }
}

fn more(rest: &mut &[u8]) -> Result<usize, Broken> {
    let mut number = 0;
    for shift in (0..BITS_MAX).step_by(7) {
        let (byte, behind) = rest.split_first().ok_or(Broken::Truncated)?;
        *rest = behind;
        number |= usize::from(byte & 0x7f) << shift;
        if *byte < 0x80 {
            return Ok(number);
        }
    }
    Err(Broken::Number)
}

/// Adds `number`, which begins in the last `bits` bits of a byte whose others are those of `first`.
pub fn write(first: u8, bits: u32, number: usize, out: &mut Vec<u8>) {
    let full = (1 << bits) - 1;
    if number < full {
        out.push(first | number as u8);
        return;
    }
    out.push(first | full as u8);
    let mut left = number - full;
    while left >= 0x80 {
        out.push(left as u8 | 0x80);
        left >>= 7;
    }
    out.push(left as u8);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(first: u8, bits: u32, number: usize) -> Vec<u8> {
        let mut out = Vec::new();
        write(first, bits, number, &mut out);
        out
    }

    #[test]
    fn the_examples_of_the_rfc_are_written_and_read() {
        let examples: [(u8, u32, usize, &[u8]); 3] =
            [(0, 5, 10, &[0x0a]), (0, 5, 1337, &[0x1f, 0x9a, 0x0a]), (0, 8, 42, &[0x2a])];
        for (first, bits, number, bytes) in examples {
            assert_eq!(written(first, bits, number), bytes);
            assert_eq!(read(bits, &mut &bytes[..]), Ok(number));
        }
    }

    #[test]
    fn what_is_written_is_read_whatever_stands_in_front_and_behind() {
        for bits in 4..8 {
            for number in (0..40_000).chain([(1 << BITS_MAX) - 1]) {
                let bytes = [written(0xff << bits, bits, number), vec![7]].concat();
                let mut rest = &bytes[..];
                assert_eq!((read(bits, &mut rest), rest), (Ok(number), &[7][..]));
                assert_eq!(read(bits, &mut &bytes[..bytes.len() - 2]), Err(Broken::Truncated));
            }
        }
    }

    #[test]
    fn a_number_has_so_many_bytes_at_most_even_if_they_say_nothing() {
        assert_eq!(read(7, &mut &[0xff, 0xff, 0xff, 0xff, 0x7f][..]), Ok(127 + (1 << BITS_MAX) - 1));
        assert_eq!(read(7, &mut &[0xff, 0x80, 0x80, 0x80, 0x00][..]), Ok(127));
        for fifth in [0x00, 0x01, 0x80, 0xff] {
            assert_eq!(read(7, &mut &[0xff, 0xff, 0xff, 0xff, 0xff, fifth][..]), Err(Broken::Number));
        }
    }
}
