//! Frames (RFC 9113, 4.1 and 6), as they come and as they are written.

use anyhow::{Result, ensure};

/// Bytes of a frame's head.
const HEAD: usize = 9;

/// Bytes of what a frame holds, at most, as long as nobody has allowed more.
pub const LONGEST: usize = 16_384;

/// What a frame is; others are not of interest here.
pub const DATA: u8 = 0;
pub const HEADERS: u8 = 1;
pub const RST_STREAM: u8 = 3;
pub const SETTINGS: u8 = 4;
pub const PUSH_PROMISE: u8 = 5;
pub const PING: u8 = 6;
pub const GOAWAY: u8 = 7;
pub const WINDOW_UPDATE: u8 = 8;
pub const CONTINUATION: u8 = 9;

/// What flags say: of settings and pings that they are answers, of others that they are the last of their stream, or of a head.
pub const ACK: u8 = 0x1;
pub const END_STREAM: u8 = 0x1;
pub const END_HEADERS: u8 = 0x4;

/// The settings that the load has a wish for.
pub const ENABLE_PUSH: u16 = 2;
pub const INITIAL_WINDOW_SIZE: u16 = 4;

/// A whole frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame<'a> {
    pub kind: u8,
    pub flags: u8,
    pub stream: u32,
    pub payload: &'a [u8],
}

impl<'a> Frame<'a> {
    /// The frame that `bytes` begin with, if all of it is there, and what is behind it.
    fn first(bytes: &'a [u8]) -> Result<Option<(Self, &'a [u8])>> {
        let Some((head, rest)) = bytes.split_first_chunk::<HEAD>() else { return Ok(None) };
        let [l1, l2, l3, kind, flags, s1, s2, s3, s4] = *head;
        let length = u32::from_be_bytes([0, l1, l2, l3]) as usize;
        ensure!(length <= LONGEST, "a frame of {length} bytes");
        let Some((payload, rest)) = rest.split_at_checked(length) else { return Ok(None) };
        Ok(Some((Self { kind, flags, stream: u32::from_be_bytes([s1, s2, s3, s4]), payload }, rest)))
    }

    /// Whether it says no more than that it is an end of this kind, or not.
    pub fn has_only(&self, flags: u8) -> bool {
        self.flags & !flags == 0
    }

    /// Whether nothing follows in its stream.
    pub fn is_last(&self) -> bool {
        self.flags & END_STREAM != 0
    }

    /// Appends it to `out`.
    pub fn write(&self, out: &mut Vec<u8>) {
        let length = (self.payload.len() as u32).to_be_bytes();
        out.extend_from_slice(&length[1..]);
        out.extend_from_slice(&[self.kind, self.flags]);
        out.extend_from_slice(&self.stream.to_be_bytes());
        out.extend_from_slice(self.payload);
    }
}

/// Frames as they come, however they are cut.
#[derive(Clone, Debug, Default)]
pub struct Frames {
    /// What has come of one that is not whole.
    part: Vec<u8>,
}

impl Frames {
    /// Hands on those that are whole with these bytes.
    pub fn on_received(
        &mut self,
        bytes: &[u8],
        mut on_frame: impl FnMut(Frame<'_>) -> Result<()>,
    ) -> Result<()> {
        let held = std::mem::take(&mut self.part);
        let mut rest = if held.is_empty() { bytes } else { &[&held, bytes].concat() };
        while let Some((frame, behind)) = Frame::first(rest)? {
            on_frame(frame)?;
            rest = behind;
        }
        self.part = rest.to_vec();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text() -> Vec<u8> {
        let mut text = Vec::new();
        for (kind, payload) in [(SETTINGS, &b""[..]), (DATA, b"hello"), (PING, b"12345678")] {
            Frame { kind, flags: 1, stream: 3, payload }.write(&mut text);
        }
        text
    }

    #[test]
    fn frames_are_known_however_they_are_cut() {
        let text = text();
        for at in 0..=text.len() {
            let (mut frames, mut came) = (Frames::default(), Vec::new());
            for piece in [&text[..at], &text[at..]] {
                frames
                    .on_received(piece, |frame| {
                        came.push((frame.kind, frame.stream, frame.payload.len()));
                        Ok(())
                    })
                    .unwrap();
            }
            assert_eq!(came, [(SETTINGS, 3, 0), (DATA, 3, 5), (PING, 3, 8)], "cut at {at}");
        }
    }

    #[test]
    fn a_frame_that_is_longer_than_allowed_is_refused() {
        let head = [0, 0x40, 1, DATA, 0, 0, 0, 0, 1];
        assert!(Frames::default().on_received(&head, |_| Ok(())).is_err());
    }
}
