//! Frames: RFC 9113, sections 4.1 and 6.

use super::reason::Reason;

/// Bytes of a frame's head.
pub const HEAD_BYTES: usize = 9;

/// Bytes that a frame carries, at most: we never say that it might be more.
pub const FRAME_MAX: usize = 16_384;

/// What a frame is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A piece of a body.
    Data,
    /// A message, or what follows its body.
    Headers,
    /// How urgent a stream is.
    Priority,
    /// The end of a stream before its time.
    Reset,
    /// What the sender can do.
    Settings,
    /// An answer that nobody has asked for.
    Push,
    /// Wants an answer.
    Ping,
    /// No new streams.
    GoAway,
    /// Room for more of a body.
    WindowUpdate,
    /// Goes on with a message.
    Continuation,
    /// Something else.
    Other,
}

impl Kind {
    const ALL: [Self; 10] = [
        Self::Data,
        Self::Headers,
        Self::Priority,
        Self::Reset,
        Self::Settings,
        Self::Push,
        Self::Ping,
        Self::GoAway,
        Self::WindowUpdate,
        Self::Continuation,
    ];
}

/// Nothing of the stream follows.
pub const END_STREAM: u8 = 0x1;
/// Of settings and pings: this is the answer.
pub const ACK: u8 = 0x1;
/// Nothing of the message follows.
pub const END_HEADERS: u8 = 0x4;
/// Some of it is padding.
pub const PADDED: u8 = 0x8;
/// It says how urgent its stream is.
pub const PRIORITY: u8 = 0x20;

/// The head of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// What it is for.
    pub kind: Kind,
    /// What is said of it in bits.
    pub flags: u8,
    /// Bytes behind the head.
    pub length: usize,
    /// The stream that it is of; 0: of the connection.
    pub stream: u32,
}

impl Head {
    /// The one that `bytes` begin with; `None` if there is more to come of it.
    pub fn read(bytes: &[u8]) -> Option<Self> {
        let [a, b, c, kind, flags, w, x, y, z] = *bytes.first_chunk::<HEAD_BYTES>()?;
        Some(Self {
            kind: Kind::ALL.get(usize::from(kind)).copied().unwrap_or(Kind::Other),
            flags,
            length: u32::from_be_bytes([0, a, b, c]) as usize,
            stream: u32::from_be_bytes([w & 0x7f, x, y, z]),
        })
    }

    /// Whether it says this.
    pub fn has(self, flag: u8) -> bool {
        self.flags & flag != 0
    }

    /// Whether nothing of its stream follows.
    pub fn ends_stream(self) -> bool {
        matches!(self.kind, Kind::Data | Kind::Headers) && self.has(END_STREAM)
    }
}

/// Adds a frame. What is longer than a frame may be is the caller's mistake.
pub fn write(kind: Kind, flags: u8, stream: u32, payload: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(&head(kind, flags, stream, payload.len()));
    out.extend_from_slice(payload);
}

/// The head of a frame that carries so many bytes.
pub fn head(kind: Kind, flags: u8, stream: u32, length: usize) -> [u8; HEAD_BYTES] {
    let [_, a, b, c] = (length as u32).to_be_bytes();
    let [w, x, y, z] = stream.to_be_bytes();
    [a, b, c, kind as u8, flags, w, x, y, z]
}

/// What `payload` carries beside its padding.
pub fn unpad(head: Head, payload: &[u8]) -> Result<&[u8], Reason> {
    if !head.has(PADDED) {
        return Ok(payload);
    }
    let (padding, rest) = payload.split_first().ok_or(Reason::FRAME_SIZE_ERROR)?;
    let length = rest.len().checked_sub(usize::from(*padding)).ok_or(Reason::PROTOCOL_ERROR)?;
    Ok(&rest[..length])
}

/// The number in a frame that carries nothing else.
pub fn number(payload: &[u8]) -> Result<u32, Reason> {
    payload.try_into().map(u32::from_be_bytes).map_err(|_| Reason::FRAME_SIZE_ERROR)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        for (number, kind) in Kind::ALL.into_iter().enumerate() {
            let mut out = Vec::new();
            write(kind, 0x25, 0x7fff_fffe, &[7; 300], &mut out);
            assert_eq!(usize::from(out[3]), number);
            let read = Head { kind, flags: 0x25, length: 300, stream: 0x7fff_fffe };
            assert_eq!(Head::read(&out), Some(read));
            assert_eq!(Head::read(&out[..8]), None);
        }
        assert_eq!(
            Head::read(&[0, 0, 0, 99, 0, 0x80, 0, 0, 1]).map(|it| (it.kind, it.stream)),
            Some((Kind::Other, 1))
        );
    }

    #[test]
    fn padding_is_no_more_than_there_is() {
        let padded = Head { kind: Kind::Headers, flags: PADDED, length: 4, stream: 1 };
        assert_eq!(unpad(padded, &[1, 9, 9, 0]), Ok(&[9, 9][..]));
        assert_eq!(unpad(padded, &[3, 0, 0, 0]), Ok(&[][..]));
        assert_eq!(unpad(padded, &[4, 0, 0, 0]), Err(Reason::PROTOCOL_ERROR));
        assert_eq!(unpad(padded, &[]), Err(Reason::FRAME_SIZE_ERROR));
    }
}
