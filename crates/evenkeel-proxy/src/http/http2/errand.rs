//! One request to a backend that speaks HTTP/2, and its answer, both in the words of HTTP/1 to who asks.

use super::body::{Incoming, Outgoing};
use super::heads;
use evenkeel_core::http::head::{Lines, Seeker};
use evenkeel_core::http::method::Method;
use evenkeel_core::http::outcome::Refusal;
use evenkeel_core::http::request::Request;
use evenkeel_core::http::rules::HeadLimits;
use evenkeel_core::http2::endpoint::Endpoint;
use evenkeel_core::http2::message::{self, Malformed};
use evenkeel_core::http2::reason::Reason;
use evenkeel_core::http2::unpacked::Unpacked;
use evenkeel_core::http2::wording;

/// A request and its answer.
#[derive(Default)]
pub struct Errand {
    /// What was said of the request, and has not gone.
    said: Vec<u8>,
    asking: Stage,
    stream: u32,
    method: Option<Method>,
    answer: Answer,
    /// The answer, as far as nobody has read it.
    told: Vec<u8>,
}

/// How far the request has gone.
#[derive(Default)]
enum Stage {
    #[default]
    Head,
    Body(Box<Outgoing>),
    Over,
}

/// How far the answer has come.
#[derive(Default)]
enum Answer {
    #[default]
    Head,
    Body(Incoming),
}

/// It comes to nothing.
pub struct Failed {
    /// The backend has not looked at the request.
    pub is_unseen: bool,
}

impl Failed {
    const SEEN: Self = Self { is_unseen: false };
}

impl From<Malformed> for Failed {
    fn from(_: Malformed) -> Self {
        Self::SEEN
    }
}

impl From<Refusal> for Failed {
    fn from(_: Refusal) -> Self {
        Self::SEEN
    }
}

impl Errand {
    /// Goes on with the request, as long as the backend wants it.
    pub fn say(&mut self, bytes: &[u8]) {
        if !matches!(self.asking, Stage::Over) {
            self.said.extend_from_slice(bytes);
        }
    }

    /// Whether all of what was said has gone.
    pub fn is_flushed(&self) -> bool {
        self.said.is_empty() && !matches!(&self.asking, Stage::Body(body) if body.is_held())
    }

    /// Whether there is nothing of the answer to be heard now.
    pub fn has_nothing(&self) -> bool {
        self.told.is_empty()
    }

    /// Moves what there is of the answer into `room`; how many bytes.
    pub fn hear(&mut self, room: &mut [u8]) -> usize {
        let length = self.told.len().min(room.len());
        room[..length].copy_from_slice(&self.told[..length]);
        self.told.drain(..length);
        length
    }

    /// Moves what can be moved.
    pub fn go_on(
        &mut self,
        endpoint: &mut Endpoint,
        whom: (&str, bool),
        out: &mut Vec<u8>,
    ) -> Result<(), Failed> {
        self.ask(endpoint, whom, out)?;
        if let Stage::Body(body) = &mut self.asking
            && body.carry((self.stream, endpoint), &mut self.said, out)?
        {
            self.asking = Stage::Over;
        }
        if let Answer::Body(body) = &mut self.answer {
            body.release(self.stream, &self.told, endpoint, out);
        }
        Ok(())
    }

    /// Asks, once the head is complete.
    fn ask(
        &mut self,
        endpoint: &mut Endpoint,
        (authority, is_tls): (&str, bool),
        out: &mut Vec<u8>,
    ) -> Result<(), Failed> {
        let Stage::Head = self.asking else { return Ok(()) };
        let Ok(Some(end)) = Seeker::default().end(&self.said) else { return Ok(()) };
        let mut lines = Lines::new();
        let request = Request::parse(&self.said[..end], &HeadLimits::OURS, &mut lines)?;
        let (method, framing) = (request.method, request.body);
        let opened =
            endpoint.open(framing.is_empty(), out, |out| heads::request(&request, authority, is_tls, out));
        // That it can be was seen before it was given a request.
        self.stream = opened.ok_or(Failed { is_unseen: true })?;
        self.said.drain(..end);
        self.method = Some(method);
        self.asking = match framing.is_empty() {
            true => Stage::Over,
            false => Stage::Body(Box::new(Outgoing::new(framing))),
        };
        Ok(())
    }

    /// The fields of an answer have come, or those that follow its body.
    pub fn take_fields(&mut self, unpacked: &Unpacked, is_over: bool) -> Result<(), Failed> {
        let Some(method) = self.method else { return Err(Failed::SEEN) };
        if unpacked.is_too_long() {
            return Err(Failed::SEEN);
        }
        if let Answer::Body(body) = &mut self.answer {
            return match is_over {
                true => Ok(body.trailers(unpacked, &mut self.told)?),
                false => Err(Failed::SEEN),
            };
        }
        let status = message::response(unpacked)?;
        let framing = wording::response((status, method), is_over, unpacked.fields(), &mut self.told)?;
        match status {
            100..200 if is_over || status == 101 => return Err(Failed::SEEN),
            100..200 => return Ok(()),
            _ => {}
        }
        self.answer = Answer::Body(match is_over {
            true => Incoming::default(),
            false => Incoming::new(framing),
        });
        Ok(())
    }

    /// A piece of its body has come.
    pub fn take_piece(&mut self, piece: &[u8], is_over: bool) -> Result<(), Failed> {
        match &mut self.answer {
            Answer::Body(body) => Ok(body.piece(piece, is_over, &mut self.told)?),
            Answer::Head => Err(Failed::SEEN),
        }
    }

    /// The backend has reset the stream. Who wants no more of a request may have answered it.
    pub fn on_reset(&mut self, is_unseen: bool) -> Result<(), Failed> {
        self.asking = Stage::Over;
        self.said.clear();
        match &self.answer {
            Answer::Body(body) if body.is_over() => Ok(()),
            _ => Err(Failed { is_unseen }),
        }
    }

    /// Nobody asks any more.
    pub fn leave(mut self, endpoint: &mut Endpoint, out: &mut Vec<u8>) {
        if let Answer::Body(body) = &mut self.answer {
            body.release(self.stream, &[], endpoint, out);
        }
        endpoint.reset(self.stream, Reason::CANCEL, out);
    }
}
