//! Bodies, between the words of HTTP/1 and the frames of HTTP/2.

use evenkeel_core::http::framing::Framing;
use evenkeel_core::http::refusal::Refusal;
use evenkeel_core::http2::endpoint::Endpoint;
use evenkeel_core::http2::framed::Framed;
use evenkeel_core::http2::hpack;
use evenkeel_core::http2::message::{self, Malformed};
use evenkeel_core::http2::unframed::Unframed;
use evenkeel_core::http2::unpacked::Unpacked;

/// A body that comes in frames.
#[derive(Debug, Default)]
pub struct Incoming {
    /// As long as it comes, and somebody wants it.
    framed: Option<Framed>,
    /// Bytes of it that were written down, and that the other side has no new room for.
    unreleased: u32,
}

impl Incoming {
    /// One that is to be written down like this.
    pub fn new(framing: Framing) -> Self {
        Self { framed: Some(Framed::new(framing)), unreleased: 0 }
    }

    /// Writes a piece down, and the end if that was all.
    pub fn piece(&mut self, piece: &[u8], is_over: bool, words: &mut Vec<u8>) -> Result<(), Malformed> {
        self.unreleased += piece.len() as u32;
        let Some(framed) = &mut self.framed else { return Ok(()) };
        framed.piece(piece, words)?;
        if is_over {
            framed.end(std::iter::empty(), words)?;
            self.framed = None;
        }
        Ok(())
    }

    /// Writes down its end, and what follows it.
    pub fn trailers(&mut self, unpacked: &Unpacked, words: &mut Vec<u8>) -> Result<(), Malformed> {
        message::trailers(unpacked)?;
        self.framed.take().map_or(Ok(()), |framed| framed.end(unpacked.fields(), words))
    }

    /// Whether it has come to its end, or there is none.
    pub fn is_over(&self) -> bool {
        self.framed.is_none()
    }

    /// Whether nothing but its end is to come, or not even that.
    pub fn has_all(&self) -> bool {
        self.framed.is_none_or(|framed| framed.has_all())
    }

    /// Nobody wants what is still to come.
    pub fn forget(&mut self) {
        self.framed = None;
    }

    /// Gives the other side new room when all `words` were taken.
    pub fn release(&mut self, stream: u32, words: &[u8], endpoint: &mut Endpoint, out: &mut Vec<u8>) {
        if words.is_empty() && self.unreleased > 0 {
            endpoint.release(stream, std::mem::take(&mut self.unreleased), out);
        }
    }
}

/// A body that goes in frames.
#[derive(Debug)]
pub struct Outgoing {
    words: Unframed,
    /// What was taken of it.
    taken: Vec<u8>,
    /// How much of that has gone.
    gone: usize,
}

impl Outgoing {
    /// What stands in words of this `framing`.
    pub fn new(framing: Framing) -> Self {
        Self { words: Unframed::new(framing), taken: Vec::new(), gone: 0 }
    }

    /// Whether something was taken that has not gone.
    pub fn is_held(&self) -> bool {
        self.gone < self.taken.len()
    }

    /// Takes `words` once all before has gone, and sends what the other side has room for; whether that was the end.
    pub fn carry(
        &mut self,
        (stream, endpoint): (u32, &mut Endpoint),
        words: &mut Vec<u8>,
        out: &mut Vec<u8>,
    ) -> Result<bool, Refusal> {
        loop {
            if !self.is_held() {
                self.take(words)?;
            }
            let is_end = self.words.is_done();
            let length = endpoint.room(stream).min(self.taken.len() - self.gone);
            let is_last = is_end && self.gone + length == self.taken.len();
            if is_last && self.has_trailers() {
                self.send(stream, length, false, endpoint, out);
                endpoint.fields(stream, true, out, |out| {
                    self.words.trailers(|(name, value)| hpack::field(name, value, out));
                });
                return Ok(true);
            }
            self.send(stream, length, is_last, endpoint, out);
            if is_last || length == 0 {
                return Ok(is_last);
            }
        }
    }

    fn send(
        &mut self,
        stream: u32,
        length: usize,
        is_last: bool,
        endpoint: &mut Endpoint,
        out: &mut Vec<u8>,
    ) {
        if length > 0 || is_last {
            endpoint.data(stream, &self.taken[self.gone..self.gone + length], is_last, out);
            self.gone += length;
        }
    }

    /// What `words` carry. Nearly always that is all of them, which need not be copied then.
    fn take(&mut self, words: &mut Vec<u8>) -> Result<(), Refusal> {
        self.gone = 0;
        self.taken.clear();
        if self.words.takes_whole(words) {
            std::mem::swap(&mut self.taken, words);
            return Ok(());
        }
        let used = self.words.read(words, &mut self.taken)?;
        words.drain(..used);
        Ok(())
    }

    fn has_trailers(&self) -> bool {
        let mut has_some = false;
        self.words.trailers(|_| has_some = true);
        has_some
    }
}
