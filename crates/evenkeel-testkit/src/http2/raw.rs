//! Frames, byte by byte, and fields without compression.

use std::io;

/// What a client says first.
pub const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Kinds of frames.
pub mod kind {
    #![expect(missing_docs, reason = "they are those of RFC 9113, section 6")]

    pub const DATA: u8 = 0;
    pub const HEADERS: u8 = 1;
    pub const PRIORITY: u8 = 2;
    pub const RST_STREAM: u8 = 3;
    pub const SETTINGS: u8 = 4;
    pub const PING: u8 = 6;
    pub const GOAWAY: u8 = 7;
    pub const WINDOW_UPDATE: u8 = 8;
    pub const CONTINUATION: u8 = 9;
}

/// Nothing of the stream follows.
pub const END_STREAM: u8 = 1;
/// Nothing of the message follows.
pub const END_HEADERS: u8 = 4;

/// Of settings and pings: this is the answer.
pub const ACK: u8 = 1;

/// A frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// What it is for.
    pub kind: u8,
    /// What is said of it in bits.
    pub flags: u8,
    /// The stream that it is of.
    pub stream: u32,
    /// What it carries.
    pub payload: Vec<u8>,
}

impl Frame {
    /// What is said at `at` in four bytes: why a stream is reset, or a connection ends.
    pub fn number(&self, at: usize) -> u32 {
        u32::from_be_bytes(self.payload[at..at + 4].try_into().unwrap())
    }

    /// Reads one by `receive`, which gives so many bytes.
    pub fn read(mut receive: impl FnMut(usize) -> io::Result<Vec<u8>>) -> io::Result<Self> {
        let head = receive(9)?;
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
        let stream = u32::from_be_bytes(head[5..9].try_into().unwrap());
        Ok(Self { kind: head[3], flags: head[4], stream, payload: receive(length as usize)? })
    }
}

/// A frame as it goes.
pub fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = (payload.len() as u32).to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// What a client says before its first request.
pub fn hello() -> Vec<u8> {
    [PREFACE, &frame(kind::SETTINGS, 0, 0, &[])].concat()
}

/// Fields as they go without compression, which leaves them as they are.
pub fn fields(fields: &[(&str, &str)]) -> Vec<u8> {
    let mut out = Vec::new();
    for (name, value) in fields {
        out.push(0);
        for text in [name, value] {
            number(text.len(), &mut out);
            out.extend_from_slice(text.as_bytes());
        }
    }
    out
}

/// A number with a prefix of seven bits: RFC 7541, section 5.1.
fn number(number: usize, out: &mut Vec<u8>) {
    if number < 127 {
        return out.push(number as u8);
    }
    out.push(127);
    let mut rest = number - 127;
    while rest >= 128 {
        out.push(rest as u8 | 128);
        rest >>= 7;
    }
    out.push(rest as u8);
}

/// The beginning of a request for `/`, with these fields beside.
pub fn get<'a>(beside: &[(&'a str, &'a str)]) -> Vec<u8> {
    let asked = [(":method", "GET"), (":scheme", "http"), (":authority", "web.test"), (":path", "/")];
    fields(&[&asked, beside].concat())
}
