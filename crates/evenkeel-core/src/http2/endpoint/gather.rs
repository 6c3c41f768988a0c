//! From bytes that come as they like to frames.

use super::super::PREFACE;
use super::super::frame::{ACK, FRAME_MAX, HEAD_BYTES, Head, Kind, PADDED};
use super::super::reason::Reason;
use std::borrow::Cow;
use std::time::Instant;

/// A frame: its head, and what it carries.
pub type Frame<'a> = (Head, Cow<'a, [u8]>);

/// How far the bytes of the other side have come.
#[derive(Debug, Default)]
pub struct Gather {
    /// Bytes of the preface that are to come.
    preface: u8,
    /// Whether a frame has come.
    has_begun: bool,
    /// The beginning of a frame.
    partial: Vec<u8>,
    /// What is left of a frame that carries a body.
    body: Option<Body>,
    /// A message whose end is in other frames.
    block: Option<Box<Block>>,
    /// Since when it is in the middle of something.
    inside_since: Option<Instant>,
    /// Whether a frame has come to its end since that was looked at.
    has_moved: bool,
}

/// What is left of a frame that carries a body.
#[derive(Clone, Copy, Debug)]
pub struct Body {
    /// Whose; 0: nobody's, it is only to be skipped.
    pub stream: u32,
    /// Bytes of the body.
    pub left: usize,
    /// Bytes behind those.
    pub padding: usize,
    /// Whether nothing of the stream follows.
    pub is_over: bool,
}

/// A message that comes in pieces.
#[derive(Debug)]
pub struct Block {
    /// Whose.
    pub stream: u32,
    /// Whether nothing of the stream follows.
    pub is_over: bool,
    /// What has come.
    pub bytes: Vec<u8>,
}

impl Gather {
    /// Of somebody who has to begin with the preface.
    pub fn behind_preface(now: Instant) -> Self {
        Self { preface: PREFACE.len() as u8, inside_since: Some(now), ..Self::default() }
    }

    /// The next frame in what `came`, which gets shorter by it. Of one that carries a body only the head is taken, and how
    /// much is padding.
    pub fn frame<'a>(&mut self, came: &mut &'a [u8]) -> Result<Option<Frame<'a>>, Reason> {
        self.skip_preface(came)?;
        if self.preface > 0 {
            return Ok(None);
        }
        let found = match self.partial.is_empty() {
            true => self.whole(came)?,
            false => self.in_pieces(came)?,
        };
        let Some((head, _)) = &found else { return Ok(None) };
        self.has_moved = true;
        let is_first = !std::mem::replace(&mut self.has_begun, true);
        let is_out_of_place = match &self.block {
            Some(block) => head.kind != Kind::Continuation || head.stream != block.stream,
            None => head.kind == Kind::Continuation,
        };
        let is_hello = head.kind == Kind::Settings && !head.has(ACK);
        if is_first && !is_hello || is_out_of_place {
            return Err(Reason::PROTOCOL_ERROR);
        }
        Ok(found)
    }

    fn skip_preface(&mut self, came: &mut &[u8]) -> Result<(), Reason> {
        let rest = &PREFACE[PREFACE.len() - usize::from(self.preface)..];
        let length = rest.len().min(came.len());
        let (begin, behind) = came.split_at(length);
        if begin != &rest[..length] {
            return Err(Reason::PROTOCOL_ERROR);
        }
        self.preface -= length as u8;
        *came = behind;
        Ok(())
    }

    /// As it nearly always is: frames come in one piece.
    fn whole<'a>(&mut self, came: &mut &'a [u8]) -> Result<Option<Frame<'a>>, Reason> {
        if let Some(head) = Head::read(came) {
            let wanted = wanted(head)?;
            if let Some((frame, rest)) = came.split_at_checked(wanted) {
                *came = rest;
                return Ok(Some((head, Cow::Borrowed(&frame[HEAD_BYTES..]))));
            }
        }
        self.partial.extend_from_slice(came);
        *came = &[];
        Ok(None)
    }

    fn in_pieces<'a>(&mut self, came: &mut &'a [u8]) -> Result<Option<Frame<'a>>, Reason> {
        loop {
            let head = Head::read(&self.partial);
            let wanted = head.map_or(Ok(HEAD_BYTES), wanted)?;
            if let Some(head) = head
                && self.partial.len() == wanted
            {
                let payload = self.partial.split_off(HEAD_BYTES);
                self.partial = Vec::new();
                return Ok(Some((head, Cow::Owned(payload))));
            }
            if came.is_empty() {
                return Ok(None);
            }
            let length = (wanted - self.partial.len()).min(came.len());
            let (piece, rest) = came.split_at(length);
            self.partial.extend_from_slice(piece);
            *came = rest;
        }
    }

    /// What follows are the bytes of a body.
    pub fn begin_body(&mut self, body: Body) {
        self.body = Some(body);
    }

    /// Goes on with the body of a frame, if it is in one: whose, the bytes that came, and whether they are the last. `None` if it is
    /// in none, or nothing is known until more comes.
    pub fn body<'a>(&mut self, came: &mut &'a [u8]) -> Option<(Body, &'a [u8])> {
        let body = self.body.as_mut()?;
        let (bytes, rest) = came.split_at(body.left.min(came.len()));
        body.left -= bytes.len();
        let padding = body.padding.min(rest.len());
        body.padding -= if body.left == 0 { padding } else { 0 };
        *came = if body.left == 0 { &rest[padding..] } else { rest };
        let body = *body;
        let is_done = body.left == 0 && body.padding == 0;
        if is_done {
            self.body = None;
        }
        let is_over = is_done && body.is_over;
        (is_done || !bytes.is_empty()).then_some((Body { is_over, ..body }, bytes))
    }

    /// Whether it is in the body of a frame.
    pub fn is_in_body(&self) -> bool {
        self.body.is_some()
    }

    /// Nobody wants what is left of the body in a frame of `stream`.
    pub fn forget_body(&mut self, stream: u32) {
        if let Some(body) = self.body.as_mut().filter(|body| body.stream == stream) {
            (body.stream, body.is_over) = (0, false);
        }
    }

    /// A message goes on in the next frame.
    pub fn begin_block(&mut self, block: Block) {
        self.block = Some(Box::new(block));
    }

    /// Adds a `piece` to the message that goes on, which may be so long at `most`. It is complete if this was the last.
    pub fn go_on(&mut self, piece: &[u8], most: usize, is_last: bool) -> Result<Option<Box<Block>>, Reason> {
        let Some(block) = &mut self.block else { return Err(Reason::PROTOCOL_ERROR) };
        if block.bytes.len() + piece.len() > most {
            return Err(Reason::ENHANCE_YOUR_CALM);
        }
        block.bytes.extend_from_slice(piece);
        Ok(if is_last { self.block.take() } else { None })
    }

    /// Whether a frame has come.
    pub fn has_begun(&self) -> bool {
        self.has_begun
    }

    /// All that came was taken: notes whether the other side is in the middle of something now.
    pub fn note_inside(&mut self, now: Instant) {
        let is_inside = !self.has_begun || !self.partial.is_empty() || self.block.is_some();
        let has_moved = std::mem::take(&mut self.has_moved);
        self.inside_since = match self.inside_since {
            _ if !is_inside => None,
            // It has not come to an end since.
            Some(since) if !has_moved || self.block.is_some() => Some(since),
            _ => Some(now),
        };
    }

    /// Since when the other side is in the middle of a message, or of a frame that carries no body.
    pub fn inside_since(&self) -> Option<Instant> {
        self.inside_since
    }
}

/// Bytes of a frame that are needed before it is looked at.
fn wanted(head: Head) -> Result<usize, Reason> {
    let needed = match head.kind {
        Kind::Data => usize::from(head.has(PADDED)),
        _ => head.length,
    };
    match head.length {
        length if length > FRAME_MAX || length < needed => Err(Reason::FRAME_SIZE_ERROR),
        _ => Ok(HEAD_BYTES + needed),
    }
}
