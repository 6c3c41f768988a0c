//! Bodies, between the words of HTTP/1 and the frames of HTTP/2.

use super::fields::{add, pairs};
use super::pipe::PIPE_BYTES;
use bytes::Bytes;
use evenkeel_core::http::body::Framing;
use evenkeel_core::http2::unframed::Unframed;
use evenkeel_core::http2::wording;
use h2::{Reason, RecvStream, SendStream};
use http::HeaderMap;
use std::task::{Context, Poll};

/// A body that comes in frames.
pub struct Incoming {
    stream: RecvStream,
    framing: Framing,
    /// Bytes of it that were written down, and that the other side has no new room for.
    unreleased: usize,
}

/// What came of a look at it.
#[derive(Default)]
pub struct Came {
    /// Whether something was written down.
    pub something: bool,
    /// Whether the other side got new room.
    pub room: bool,
    /// Whether nothing follows.
    pub end: bool,
}

impl Incoming {
    /// What `stream` brings, to be written down like this.
    pub fn new(stream: RecvStream, framing: Framing) -> Self {
        Self { stream, framing, unreleased: 0 }
    }

    /// Writes down what has come, as long as there is room. The other side gets new room when all of that was taken.
    pub fn carry(&mut self, words: &mut Vec<u8>, cx: &mut Context<'_>) -> Result<Came, h2::Error> {
        let mut came = Came::default();
        loop {
            if words.is_empty() && self.unreleased > 0 {
                let _ = self.stream.flow_control().release_capacity(std::mem::take(&mut self.unreleased));
                came.room = true;
            }
            if words.len() >= PIPE_BYTES {
                return Ok(came);
            }
            match self.stream.poll_data(cx) {
                Poll::Ready(Some(piece)) => {
                    let piece = piece?;
                    self.unreleased += piece.len();
                    wording::piece(self.framing, &piece, words);
                    came.something = true;
                    continue;
                }
                Poll::Ready(None) => {}
                Poll::Pending => return Ok(came),
            }
            let Poll::Ready(trailers) = self.stream.poll_trailers(cx) else { return Ok(came) };
            let trailers = trailers?.unwrap_or_default();
            wording::end(self.framing, pairs(&trailers), words).map_err(|_| Reason::INTERNAL_ERROR)?;
            return Ok(Came { something: true, end: true, ..came });
        }
    }
}

/// A body that goes in frames.
pub struct Outgoing {
    /// Where it goes.
    pub stream: SendStream<Bytes>,
    words: Unframed,
    /// What was taken of it, and has not gone.
    rest: Bytes,
}

/// How much of it has gone.
pub enum Sent {
    /// All, and what follows it.
    All,
    /// A piece.
    Some,
    /// Nothing: there is nothing, or no room for it.
    Nothing,
}

impl Outgoing {
    /// What stands in words of this `framing` and goes to `stream`.
    pub fn new(stream: SendStream<Bytes>, framing: Framing) -> Self {
        Self { stream, words: Unframed::new(framing), rest: Bytes::new() }
    }

    /// Whether something was taken that has not gone.
    pub fn is_held(&self) -> bool {
        !self.rest.is_empty()
    }

    /// Takes `words` once all before has gone, and sends what the other side has room for.
    pub fn carry(&mut self, words: &mut Vec<u8>, cx: &mut Context<'_>) -> Result<Sent, h2::Error> {
        if self.rest.is_empty() {
            self.rest = self.take(words)?;
        }
        if self.rest.is_empty() {
            if !self.words.is_done() {
                return Ok(Sent::Nothing);
            }
            self.end()?;
            return Ok(Sent::All);
        }
        self.stream.reserve_capacity(self.rest.len());
        let room = match self.stream.capacity() {
            0 => match self.stream.poll_capacity(cx) {
                Poll::Ready(Some(room)) => room?,
                // It is told why elsewhere.
                Poll::Ready(None) | Poll::Pending => return Ok(Sent::Nothing),
            },
            room => room,
        };
        let piece = self.rest.split_to(room.min(self.rest.len()));
        let is_last = self.words.is_done() && self.rest.is_empty() && !self.has_trailers();
        self.stream.send_data(piece, is_last)?;
        Ok(if is_last { Sent::All } else { Sent::Some })
    }

    /// What `words` carry. Nearly always that is all of them, which need not be copied then.
    fn take(&mut self, words: &mut Vec<u8>) -> Result<Bytes, h2::Error> {
        if self.words.takes_whole(words) {
            return Ok(std::mem::take(words).into());
        }
        let mut data = Vec::with_capacity(words.len());
        let used = self.words.read(words, &mut data).map_err(|_| Reason::INTERNAL_ERROR)?;
        words.drain(..used);
        Ok(data.into())
    }

    fn has_trailers(&self) -> bool {
        let mut has_some = false;
        self.words.trailers(|_| has_some = true);
        has_some
    }

    /// Says that it is over, and what follows it.
    fn end(&mut self) -> Result<(), h2::Error> {
        let mut trailers = HeaderMap::new();
        self.words.trailers(|field| add(&mut trailers, field));
        match trailers.is_empty() {
            true => self.stream.send_data(Bytes::new(), true),
            false => self.stream.send_trailers(trailers),
        }
    }
}
