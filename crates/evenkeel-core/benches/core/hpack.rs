//! Fields of HTTP/2: a request that is new and one that is known, and what is written.

use crate::timing::Bench;
use evenkeel_core::http2::hpack::{self, Decoder};

/// Of a browser, by its own names, as Python's `hpack` writes it: packed, and for the table.
const FIRST: &str = "8287418cf1e3c2e5f23a6ba0ab90f4ff4493606841528610649572211fe7780401360782d77ab5d07f66a281b0dae053fafc087ed4ce6aad\
    f2a7979c89c6bed4b3bdc0b405c1fda988a4ea76040080010054c26b0b29fcb01680b83f53b0497ca589d34d1f43aeba0c41a4c7a98f33a6\
    9a3fdf9a68fa1d75d0620d263d4c79a68fbed00177febe58f9fbed00177b518b2d4b70ddf45abefb4005db50929bd9abfa5242cb40d25fa5\
    23b3e94f684c9f73929d29ad171863c78f0b97c8e9ae82ae43d2c7609a4150831ea81e9052b83091f6a32b45047f6a2672d258241d9d7f";

/// The same again.
const AGAIN: [u8; 10] = [0x82, 0x87, 0xc5, 0xc4, 0xc3, 0xc2, 0xc1, 0xc0, 0xbf, 0xbe];

const ANSWER: [(&[u8], &[u8]); 7] = [
    (b"Server", b"nginx"),
    (b"Date", b"Thu, 14 Aug 2025 09:12:44 GMT"),
    (b"Content-Type", b"text/html; charset=utf-8"),
    (b"Content-Length", b"15423"),
    (b"Last-Modified", b"Tue, 12 Aug 2025 07:00:01 GMT"),
    (b"ETag", b"\"689aefd1-3c3f\""),
    (b"X-Cache", b"HIT"),
];

pub fn cases(bench: &mut Bench) {
    bench.case(
        "hpack: read a first request",
        || (first(), Vec::new()),
        |(block, scratch)| read(&mut Decoder::new(), block, scratch),
    );
    bench.case("hpack: read a request that is known", known, |(decoder, scratch)| {
        read(decoder, &AGAIN, scratch)
    });
    bench.case(
        "hpack: read an answer without a table",
        || (written(), Vec::new()),
        |(block, scratch)| read(&mut Decoder::new(), block, scratch),
    );
    bench.case("hpack: write an answer", Vec::new, write);
}

fn first() -> Vec<u8> {
    let byte = |at: usize| u8::from_str_radix(&FIRST[at..at + 2], 16).expect("digits");
    (0..FIRST.len()).step_by(2).map(byte).collect()
}

fn known() -> (Decoder, Vec<u8>) {
    let (mut decoder, mut scratch) = (Decoder::new(), Vec::new());
    read(&mut decoder, &first(), &mut scratch);
    (decoder, scratch)
}

/// The bytes of the fields.
fn read(decoder: &mut Decoder, block: &[u8], scratch: &mut Vec<u8>) -> usize {
    let mut bytes = 0;
    decoder.read(block, scratch, |name, value| bytes += name.len() + value.len()).expect("a block");
    bytes
}

fn written() -> Vec<u8> {
    let mut out = Vec::new();
    write(&mut out);
    out
}

fn write(out: &mut Vec<u8>) {
    out.clear();
    hpack::status(200, out);
    ANSWER.iter().for_each(|(name, value)| hpack::field(name, value, out));
}
