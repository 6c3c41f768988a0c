//! What of a QUIC packet can be read without its keys, whatever its version (RFC 8999): who it is for and, while a
//! connection begins, who it is from.

use super::cursor::Cursor;

/// A connection ID is at most so long in every version that there is (RFC 9000, 17.2).
pub const ID_MAX: usize = 20;

/// The first packet of a datagram, as far as anybody may read it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Packet<'a> {
    /// One with a long header, as they are until the keys of a connection are agreed upon.
    Long {
        /// The connection that it is for, as its receiver calls it.
        to: &'a [u8],
        /// What its sender wants to be called.
        from: &'a [u8],
    },
    /// One with a short header.
    Short {
        /// Begins with the ID of the connection that it is for; how long that is only its receiver knows.
        to: &'a [u8],
    },
}

impl<'a> Packet<'a> {
    /// Reads the first packet of `datagram`; `None` for what is none.
    pub fn parse(datagram: &'a [u8]) -> Option<Self> {
        let mut rest = Cursor(datagram);
        if rest.u8()? & 0x80 == 0 {
            return Some(Self::Short { to: rest.0 });
        }
        let _version = rest.take(4)?;
        let mut id = || rest.vec8().filter(|id| id.len() <= ID_MAX);
        Some(Self::Long { to: id()?, from: id()? })
    }
}
