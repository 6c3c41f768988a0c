//! The body of a message of HTTP/1 without what frames it there.

use crate::http::chunked::Chunks;
use crate::http::framing::Framing;
use crate::http::head::{Known, Lines};
use crate::http::refusal::Refusal;

/// A body on its way out of its framing.
#[derive(Debug)]
pub struct Unframed {
    from: From,
}

#[derive(Debug)]
enum From {
    Length(u64),
    Chunks(Box<Chunks>),
}

impl Unframed {
    /// One that is framed like this; one that lasts until its connection ends is none.
    pub fn new(framing: Framing) -> Self {
        let from = match framing {
            Framing::Chunked => From::Chunks(Box::default()),
            Framing::Length(length) => From::Length(length),
            Framing::Empty { .. } | Framing::UntilEnd => From::Length(0),
        };
        Self { from }
    }

    /// Whether all has come.
    pub fn is_done(&self) -> bool {
        match &self.from {
            From::Length(left) => *left == 0,
            From::Chunks(chunks) => chunks.is_done(),
        }
    }

    /// Whether all that came is carried as it stands. If it is it has been taken in.
    pub fn takes_whole(&mut self, came: &[u8]) -> bool {
        let From::Length(left) = &mut self.from else { return false };
        let rest = left.checked_sub(came.len() as u64);
        *left = rest.unwrap_or(*left);
        rest.is_some()
    }

    /// Takes in what came and adds what it carries to `out`; says how many of the bytes were of this body.
    pub fn read(&mut self, came: &[u8], out: &mut Vec<u8>) -> Result<usize, Refusal> {
        match &mut self.from {
            From::Length(left) => {
                let length = usize::try_from(*left).unwrap_or(usize::MAX).min(came.len());
                out.extend_from_slice(&came[..length]);
                *left -= length as u64;
                Ok(length)
            }
            From::Chunks(chunks) => chunks.read(came, |piece| out.extend_from_slice(piece)),
        }
    }

    /// Tells `on` of each field behind the body: name and value.
    pub fn trailers(&self, on: impl FnMut((&[u8], &[u8]))) {
        if let From::Chunks(chunks) = &self.from {
            let mut lines = Lines::new();
            let fields = chunks.trailer(&mut lines);
            fields.into_iter().flat_map(|it| it.pairs(|known| known == Known::Other)).for_each(on);
        }
    }
}
