//! Strings whose frequent bytes are short: RFC 7541, section 5.2. They are only read here; why is said where we write.

use super::Broken;

/// Bits of the code of each byte, and of the end of the string: appendix B. The codes follow from them, since shorter ones come
/// first, and those of a length are in order.
#[rustfmt::skip]
const LENGTHS: [u8; 257] = [
    13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 28,
    6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6, 5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12, 10,
    13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6,
    15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5, 6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13, 28,
    20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23, 24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24,
    22, 21, 20, 22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23, 21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23,
    26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25, 19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27, 27,
    20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23, 26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26,
    30,
];

/// What stands for the end of the string, and may not stand in it.
const END: u16 = 256;

/// Bits of the shortest code, and of the longest.
const SHORTEST: u8 = 5;
const LONGEST: u8 = 30;

/// A byte or [`END`], and the bits of its code.
type Code = (u16, u8);

/// Codes by their first eight bits; where they are longer they have no bits here. Of what is written in HTTP nearly all is here.
const SHORT: [Code; 256] = short();

/// All by their codes.
const SYMBOLS: [u16; 257] = symbols();

/// The first code of each length, where its symbol stands in [`SYMBOLS`], and the first 32 bits behind the codes of this length.
const ROWS: [Row; LONGEST as usize + 1] = rows();

#[derive(Clone, Copy)]
struct Row {
    first: u32,
    place: usize,
    behind: u64,
}

const fn symbols() -> [u16; 257] {
    let (mut symbols, mut count, mut length) = ([0; 257], 0, SHORTEST);
    while length <= LONGEST {
        let mut symbol = 0;
        while symbol < LENGTHS.len() {
            if LENGTHS[symbol] == length {
                symbols[count] = symbol as u16;
                count += 1;
            }
            symbol += 1;
        }
        length += 1;
    }
    symbols
}

const fn rows() -> [Row; LONGEST as usize + 1] {
    let mut rows = [Row { first: 0, place: 0, behind: 0 }; LONGEST as usize + 1];
    let (mut first, mut place, mut length) = (0, 0, 1);
    while length < rows.len() {
        let mut codes = 0;
        while place + codes < SYMBOLS.len() && LENGTHS[SYMBOLS[place + codes] as usize] as usize == length {
            codes += 1;
        }
        let behind = first + codes as u64;
        rows[length] = Row { first: first as u32, place, behind: behind << (32 - length) };
        (first, place, length) = (behind << 1, place + codes, length + 1);
    }
    rows
}

const fn short() -> [Code; 256] {
    let (mut short, mut bits) = ([(0, 0); 256], 0);
    while bits < short.len() {
        let code = find((bits as u32) << 24);
        if code.1 <= 8 {
            short[bits] = code;
        }
        bits += 1;
    }
    short
}

/// The code that these bits begin with. There always is one.
const fn find(bits: u32) -> Code {
    let mut length = SHORTEST;
    while length < LONGEST && bits as u64 >= ROWS[length as usize].behind {
        length += 1;
    }
    let row = ROWS[length as usize];
    (SYMBOLS[row.place + ((bits >> (32 - length)) - row.first) as usize], length)
}

/// Adds to `out` what is packed in `packed`: up to 8 bytes for 5.
pub fn unpack(packed: &[u8], out: &mut Vec<u8>) -> Result<(), Broken> {
    out.reserve(packed.len() * 8 / usize::from(SHORTEST));
    let mut bits = Bits { next: 0, count: 0, rest: packed };
    loop {
        bits.fill();
        let next = (bits.next >> 32) as u32;
        let (symbol, length) = match SHORT[(next >> 24) as usize] {
            (_, 0) => find(next),
            code => code,
        };
        if u32::from(length) > bits.count {
            return bits.are_padding().then_some(()).ok_or(Broken::Huffman);
        }
        if symbol == END {
            return Err(Broken::Huffman);
        }
        out.push(symbol as u8);
        bits.next <<= length;
        bits.count -= u32::from(length);
    }
}

/// Bits that are not yet read.
struct Bits<'a> {
    /// The first of them, and zeros behind the last.
    next: u64,
    /// So many of them; what follows is in `rest` too.
    count: u32,
    rest: &'a [u8],
}

impl Bits<'_> {
    /// Makes sure that a code can be read, if there are so many bits.
    fn fill(&mut self) {
        if self.count >= LONGEST.into() {
            return;
        }
        if let Some(eight) = self.rest.first_chunk() {
            self.next |= u64::from_be_bytes(*eight) >> self.count;
            let bytes = (64 - self.count) / 8;
            self.rest = &self.rest[bytes as usize..];
            self.count += bytes * 8;
            return;
        }
        while self.count <= 56
            && let Some((byte, rest)) = self.rest.split_first()
        {
            self.next |= u64::from(*byte) << (56 - self.count);
            self.count += 8;
            self.rest = rest;
        }
    }

    /// Less than a byte, and only ones.
    fn are_padding(&self) -> bool {
        self.count < 8 && self.next.leading_ones() == self.count
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The code of a symbol, as appendix B has it; bit by bit, and so by other means than it is read.
    fn code(symbol: usize) -> String {
        let place = |symbol: usize| (LENGTHS[symbol], symbol);
        let earlier = (0..LENGTHS.len()).filter(|other| place(*other) < place(symbol));
        let begin: u64 = earlier.map(|other| 1 << (32 - LENGTHS[other])).sum();
        format!("{begin:032b}")[..LENGTHS[symbol].into()].to_owned()
    }

    fn packed(mut bits: String) -> Vec<u8> {
        bits.extend(std::iter::repeat_n('1', bits.len().next_multiple_of(8) - bits.len()));
        let bytes = bits.as_bytes().chunks(8);
        bytes.map(|bits| u8::from_str_radix(str::from_utf8(bits).unwrap(), 2).unwrap()).collect()
    }

    fn unpacked(packed: &[u8]) -> Result<Vec<u8>, Broken> {
        let mut out = b"before".to_vec();
        unpack(packed, &mut out).map(|()| out.split_off(6))
    }

    #[test]
    fn the_codes_are_those_of_the_rfc() {
        let kraft: u64 = LENGTHS.iter().map(|length| 1 << (LONGEST - length)).sum();
        assert_eq!(kraft, 1 << LONGEST, "no code is missing, and none is the beginning of another");
        for (symbol, expected) in [
            (b'0'.into(), "00000"),
            (b't'.into(), "01001"),
            (b' '.into(), "010100"),
            (b'&'.into(), "11111000"),
            (0, "1111111111000"),
            (249, "1111111111111111111111111110"),
            (END.into(), "111111111111111111111111111111"),
        ] {
            assert_eq!(code(symbol), expected);
        }
    }

    #[test]
    fn padding_is_of_ones_and_shorter_than_a_byte() {
        assert_eq!(unpacked(&[]), Ok(vec![]));
        for length in 1..200 {
            let zeros = packed(code(b'0'.into()).repeat(length));
            assert_eq!(unpacked(&zeros), Ok(vec![b'0'; length]));
            assert_eq!(unpacked(&[&zeros[..], &[0xff]].concat()), Err(Broken::Huffman), "a byte of ones");
            let padding = (8 - 5 * length % 8) % 8;
            for bit in 0..padding {
                let mut wrong = zeros.clone();
                *wrong.last_mut().unwrap() ^= 1 << bit;
                assert_ne!(unpacked(&wrong), Ok(vec![b'0'; length]), "a bit of the padding is 0");
            }
        }
        assert_eq!(unpacked(&[0x07]), Ok(vec![b'0']));
        assert_eq!(unpacked(&[0x06]), Err(Broken::Huffman));
    }

    #[test]
    fn the_end_may_not_be_said() {
        for symbol in 0..256 {
            let with = packed(code(symbol) + &code(END.into()));
            assert_eq!(unpacked(&with), Err(Broken::Huffman));
            assert_eq!(
                unpacked(&packed(code(symbol) + &code(END.into()) + &code(symbol))),
                Err(Broken::Huffman)
            );
        }
    }

    proptest! {
        #[test]
        fn what_is_packed_bit_by_bit_is_unpacked(bytes: Vec<u8>) {
            let packed = packed(bytes.iter().map(|byte| code((*byte).into())).collect());
            prop_assert_eq!(unpacked(&packed), Ok(bytes));
        }

        #[test]
        fn what_can_be_unpacked_was_packed_so(bytes: Vec<u8>) {
            if let Ok(unpacked) = unpacked(&bytes) {
                prop_assert_eq!(packed(unpacked.iter().map(|byte| code((*byte).into())).collect()), bytes);
            }
        }
    }
}
