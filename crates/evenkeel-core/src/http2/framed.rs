//! The body of a message of HTTP/2 in the framing of HTTP/1.

use super::message::Malformed;
use super::wording;
use crate::http::framing::Framing;

/// A body on its way into its framing.
#[derive(Clone, Copy, Debug)]
pub struct Framed {
    framing: Framing,
    /// Bytes that are to come, if that is known.
    left: Option<u64>,
}

impl Framed {
    /// One that is framed like this.
    pub fn new(framing: Framing) -> Self {
        let left = match framing {
            Framing::Length(length) => Some(length),
            Framing::Empty { .. } => Some(0),
            Framing::Chunked | Framing::UntilEnd => None,
        };
        Self { framing, left }
    }

    /// Adds a piece that has come to `out`.
    pub fn piece(&mut self, piece: &[u8], out: &mut Vec<u8>) -> Result<(), Malformed> {
        if let Some(left) = &mut self.left {
            *left = left.checked_sub(piece.len() as u64).ok_or(Malformed)?;
        }
        wording::piece(self.framing, piece, out);
        Ok(())
    }

    /// Whether all of it has come, where its length is known: nothing but its end may follow.
    pub fn has_all(&self) -> bool {
        self.left == Some(0)
    }

    /// Adds its end, and the fields behind it where there is a place for them.
    pub fn end<'a>(
        &self,
        trailers: impl Iterator<Item = (&'a [u8], &'a [u8])>,
        out: &mut Vec<u8>,
    ) -> Result<(), Malformed> {
        if self.left.is_some_and(|left| left > 0) {
            return Err(Malformed);
        }
        wording::end(self.framing, trailers, out).map_err(|_| Malformed)
    }
}
