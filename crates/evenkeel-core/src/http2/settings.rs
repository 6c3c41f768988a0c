//! What the two sides of a connection tell each other that they can do: RFC 9113, section 6.5.

use super::frame::{self, FRAME_MAX, Kind};
use super::reason::Reason;
use super::window::FIRST_WINDOW;

/// Bytes of compressed fields that are remembered.
pub const HEADER_TABLE_SIZE: u16 = 0x1;
/// Whether answers may come that nobody has asked for.
pub const ENABLE_PUSH: u16 = 0x2;
/// Streams that the other side may have open.
pub const MAX_CONCURRENT_STREAMS: u16 = 0x3;
/// The window that streams begin with.
pub const INITIAL_WINDOW_SIZE: u16 = 0x4;
/// Bytes that a frame may carry.
pub const MAX_FRAME_SIZE: u16 = 0x5;
/// Bytes that the fields of a message may be.
pub const MAX_HEADER_LIST_SIZE: u16 = 0x6;
/// Whether `CONNECT` may name a protocol: RFC 8441.
pub const ENABLE_CONNECT_PROTOCOL: u16 = 0x8;

/// What the table of compressed fields has room for, unless something else is said.
const FIRST_TABLE: u32 = 4096;

/// What the other side has said, as far as it means something to us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The window that its streams begin with.
    pub window: u32,
    /// Streams that we may have open there.
    pub streams: u32,
    /// Whether its table of compressed fields is smaller than it would be if nothing were said.
    pub has_small_table: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self { window: FIRST_WINDOW, streams: u32::MAX, has_small_table: false }
    }
}

impl Settings {
    /// Takes in what a frame of them says.
    pub fn read(&mut self, payload: &[u8]) -> Result<(), Reason> {
        let (settings, []) = payload.as_chunks::<6>() else { return Err(Reason::FRAME_SIZE_ERROR) };
        for [a, b, w, x, y, z] in settings {
            let value = u32::from_be_bytes([*w, *x, *y, *z]);
            match u16::from_be_bytes([*a, *b]) {
                HEADER_TABLE_SIZE => self.has_small_table |= value < FIRST_TABLE,
                ENABLE_PUSH if value > 1 => return Err(Reason::PROTOCOL_ERROR),
                MAX_CONCURRENT_STREAMS => self.streams = value,
                INITIAL_WINDOW_SIZE if value > 0x7fff_ffff => return Err(Reason::FLOW_CONTROL_ERROR),
                INITIAL_WINDOW_SIZE => self.window = value,
                // What we send is never longer than any of them may say.
                MAX_FRAME_SIZE if !(FRAME_MAX as u32..1 << 24).contains(&value) => {
                    return Err(Reason::PROTOCOL_ERROR);
                }
                _ => {}
            }
        }
        Ok(())
    }
}

/// Adds a frame that says these.
pub fn write(settings: &[(u16, u32)], out: &mut Vec<u8>) {
    out.extend_from_slice(&frame::head(Kind::Settings, 0, 0, settings.len() * 6));
    for (setting, value) in settings {
        out.extend_from_slice(&setting.to_be_bytes());
        out.extend_from_slice(&value.to_be_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(settings: &[(u16, u32)]) -> Result<Settings, Reason> {
        let mut out = Vec::new();
        write(settings, &mut out);
        let mut read = Settings::default();
        read.read(&out[frame::HEAD_BYTES..])?;
        Ok(read)
    }

    #[test]
    fn what_is_said_is_taken_in_and_the_last_word_counts() {
        let said =
            [(MAX_CONCURRENT_STREAMS, 5), (INITIAL_WINDOW_SIZE, 1), (INITIAL_WINDOW_SIZE, 2), (0x99, 7)];
        assert_eq!(read(&said), Ok(Settings { window: 2, streams: 5, has_small_table: false }));
        assert!(
            read(&[(HEADER_TABLE_SIZE, 4095), (HEADER_TABLE_SIZE, 5000)]).is_ok_and(|it| it.has_small_table)
        );
    }

    #[test]
    fn what_cannot_be_said_is_refused() {
        assert_eq!(read(&[(ENABLE_PUSH, 2)]), Err(Reason::PROTOCOL_ERROR));
        assert_eq!(read(&[(INITIAL_WINDOW_SIZE, 1 << 31)]), Err(Reason::FLOW_CONTROL_ERROR));
        assert_eq!(read(&[(MAX_FRAME_SIZE, 16_383)]), Err(Reason::PROTOCOL_ERROR));
        assert_eq!(read(&[(MAX_FRAME_SIZE, 1 << 24)]), Err(Reason::PROTOCOL_ERROR));
        assert_eq!(Settings::default().read(&[0; 7]), Err(Reason::FRAME_SIZE_ERROR));
    }
}
