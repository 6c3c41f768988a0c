//! Compressed fields: what others write is read, what is written here is read too, and nothing does harm.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod model;
mod recorded;
mod rfc;
mod strict;
mod written;

use evenkeel_core::http2::hpack::{Broken, Decoder};

/// The bytes that hexadecimal digits stand for, whatever blanks are between them.
fn hex(digits: &str) -> Vec<u8> {
    let digits: Vec<u8> = digits.bytes().filter(|it| !it.is_ascii_whitespace()).collect();
    let byte = |pair: &[u8]| u8::from_str_radix(str::from_utf8(pair).unwrap(), 16).unwrap();
    digits.chunks(2).map(byte).collect()
}

type Pair = (Vec<u8>, Vec<u8>);

/// The fields of a block.
fn pairs(decoder: &mut Decoder, block: &[u8]) -> Result<Vec<Pair>, Broken> {
    let mut pairs = Vec::new();
    decoder.read(block, &mut b"what was left there".to_vec(), |name, value| {
        pairs.push((name.to_vec(), value.to_vec()));
    })?;
    Ok(pairs)
}

/// The fields of a block, as lines.
fn read(decoder: &mut Decoder, block: &[u8]) -> Result<String, Broken> {
    Ok(lines(pairs(decoder, block)?))
}

fn lines(pairs: impl IntoIterator<Item = Pair>) -> String {
    let line = |(name, value): Pair| [&name[..], b": ", &value, b"\n"].concat();
    String::from_utf8(pairs.into_iter().flat_map(line).collect()).unwrap()
}

/// The table as a next block would see it, the newest first.
fn table(decoder: &Decoder) -> Vec<Pair> {
    let entry = |index: usize| pairs(&mut decoder.clone(), &number(0x80, 7, index)).ok();
    (62..).map_while(entry).flatten().collect()
}

/// A number as RFC 7541 has it, in other words than those of what is tested.
fn number(first: u8, bits: u32, number: usize) -> Vec<u8> {
    let full = 2_usize.pow(bits) - 1;
    let Some(more) = number.checked_sub(full) else { return vec![first + number as u8] };
    let last = (0..4).find(|groups| more < 1 << (7 * (groups + 1))).unwrap();
    let group = |nth: u32| (more >> (7 * nth)) as u8 % 128 + if nth < last { 128 } else { 0 };
    std::iter::once(first + full as u8).chain((0..=last).map(group)).collect()
}
