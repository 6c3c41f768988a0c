//! One request to a backend that speaks HTTP/2, and its answer, both in the words of HTTP/1 to who asks: the two ends of a
//! connection, in memory.

use super::answer::Answer;
use super::body::Outgoing;
use super::heads;
use crate::reactor::Row;
use evenkeel_core::http::head::HeadLimits;
use evenkeel_core::http::head::{Lines, Seeker};
use evenkeel_core::http::method::Method;
use evenkeel_core::http::refusal::Refusal;
use evenkeel_core::http::request::Request;
use evenkeel_core::http2::endpoint::Endpoint;
use evenkeel_core::http2::message::Malformed;
use evenkeel_core::http2::reason::Reason;
use evenkeel_core::http2::unpacked::Unpacked;
use std::io::{self, ErrorKind};
use std::time::{Duration, Instant};

/// How long a backend may take from the last byte of an answer to the end of its stream.
const LINGER: Duration = Duration::from_secs(1);

/// A request and its answer.
pub struct Errand {
    /// By which it is known.
    pub number: u64,
    /// Whose it is; nobody's, once its session has left.
    row: Option<Row>,
    /// What was said of the request, and has not gone.
    said: Vec<u8>,
    asking: Stage,
    /// Its stream, once it was asked.
    stream: u32,
    method: Option<Method>,
    answer: Answer,
    /// What became of it, if that is nothing.
    failed: Option<Failed>,
    /// Whether the session has done something that the connection has not looked at.
    is_due: bool,
    /// Whether there is something that the session has not looked at.
    has_news: bool,
    /// Up to when the end of its stream is waited for, once its session has left with all of the answer.
    lingers_by: Option<Instant>,
    /// Whether there is no room for such waiting.
    is_hurried: bool,
}

/// How far the request has gone.
enum Stage {
    Head,
    Body(Box<Outgoing>),
    Over,
}

/// It comes to nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failed {
    /// Nobody knows how far the backend has come with it.
    Seen,
    /// The backend has not looked at the request.
    Unseen,
    /// Nothing comes from the backend any more.
    Silent,
}

impl From<Malformed> for Failed {
    fn from(_: Malformed) -> Self {
        Self::Seen
    }
}

impl From<Refusal> for Failed {
    fn from(_: Refusal) -> Self {
        Self::Seen
    }
}

/// What the session has to do with.
impl Errand {
    /// A request of the session at `row`, of which nothing was said yet.
    pub fn new(number: u64, row: Row) -> Self {
        Self {
            number,
            row: Some(row),
            said: Vec::new(),
            asking: Stage::Head,
            stream: 0,
            method: None,
            answer: Answer::default(),
            failed: None,
            is_due: false,
            has_news: false,
            lingers_by: None,
            is_hurried: false,
        }
    }

    /// Takes bytes of the request, but nothing more before those are on their way. What the backend does not want is gone.
    pub fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if !self.flush()? {
            return Err(ErrorKind::WouldBlock.into());
        }
        if !matches!(self.asking, Stage::Over) {
            self.said.extend_from_slice(bytes);
            self.is_due = true;
        }
        Ok(bytes.len())
    }

    /// Gives bytes of the answer; whether those were all that are here now.
    pub fn read(&mut self, room: &mut [u8]) -> io::Result<(usize, bool)> {
        if self.answer.is_read() {
            let why = self.failed.map_or(ErrorKind::WouldBlock, |_| ErrorKind::ConnectionReset);
            return Err(why.into());
        }
        let length = self.answer.read(room);
        self.is_due |= self.answer.is_read();
        Ok((length, self.answer.is_read()))
    }

    /// Whether all of what was said is on its way.
    pub fn flush(&self) -> io::Result<bool> {
        match self.failed {
            Some(_) => Err(ErrorKind::ConnectionReset.into()),
            None => Ok(self.is_flushed()),
        }
    }

    /// The same, whatever became of it.
    pub fn is_flushed(&self) -> bool {
        self.said.is_empty() && !matches!(&self.asking, Stage::Body(body) if body.is_held())
    }

    /// What became of it, if that is nothing.
    pub fn failed(&self) -> Option<Failed> {
        self.failed
    }

    /// Whether the connection has to look at it.
    pub fn is_due(&self) -> bool {
        self.is_due
    }

    /// The session wants nothing more of it.
    pub fn leave(&mut self) {
        self.row = None;
    }
}

/// What the connection has to do with.
impl Errand {
    /// Whether its session has left.
    pub fn is_left(&self) -> bool {
        self.row.is_none()
    }

    /// Whether nothing is missing but the end of its stream, and that may still come: who took it back would look like one who
    /// does not want what it asks for.
    pub fn lingers(&mut self, now: Instant) -> bool {
        let is_answered =
            self.failed.is_none() && matches!(self.asking, Stage::Over) && self.answer.has_all();
        is_answered && !self.is_hurried && now < *self.lingers_by.get_or_insert(now + LINGER)
    }

    /// Others want the room that it has.
    pub fn hurry(&mut self) {
        self.is_hurried |= self.is_left();
    }

    /// Whether that was waited for in vain.
    pub fn is_overdue(&self, now: Instant) -> bool {
        self.lingers_by.is_some_and(|by| by <= now)
    }

    /// The stream that it is asked by; 0: none yet.
    pub fn stream(&self) -> u32 {
        self.stream
    }

    /// Whose it is, if that has something to look at now.
    pub fn take_news(&mut self) -> Option<Row> {
        self.row.filter(|_| std::mem::take(&mut self.has_news))
    }

    /// Moves what can be moved.
    pub fn go_on(&mut self, endpoint: &mut Endpoint, whom: (&str, bool), out: &mut Vec<u8>) {
        self.is_due = false;
        if self.failed.is_some() {
            return;
        }
        let was_flushed = self.is_flushed();
        if let Err(failed) = self.ask(endpoint, whom, out).and_then(|()| self.send(endpoint, out)) {
            self.fail(failed);
            return self.give_up(endpoint, out);
        }
        self.answer.release(self.stream, endpoint, out);
        // Who has said all does not wait for that.
        let has_more = !matches!(self.asking, Stage::Over);
        self.has_news |= has_more && !was_flushed && self.is_flushed();
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
        // There was room when it was given to this connection; the backend may have changed its mind.
        self.stream = opened.ok_or(Failed::Unseen)?;
        self.said.drain(..end);
        self.method = Some(method);
        self.asking = match framing.is_empty() {
            true => Stage::Over,
            false => Stage::Body(Box::new(Outgoing::new(framing))),
        };
        Ok(())
    }

    /// Sends as much of the body as there is, and as the backend has room for.
    fn send(&mut self, endpoint: &mut Endpoint, out: &mut Vec<u8>) -> Result<(), Failed> {
        if let Stage::Body(body) = &mut self.asking
            && body.carry((self.stream, endpoint), &mut self.said, out)?
        {
            self.asking = Stage::Over;
        }
        Ok(())
    }

    /// The fields of an answer have come, or those that follow its body.
    pub fn take_fields(&mut self, unpacked: &Unpacked, is_over: bool) -> Result<(), Failed> {
        self.has_news = true;
        let method = self.method.ok_or(Failed::Seen)?;
        self.answer.fields(method, unpacked, is_over)
    }

    /// A piece of its body has come.
    pub fn take_piece(&mut self, piece: &[u8], is_over: bool) -> Result<(), Failed> {
        self.has_news = true;
        self.answer.piece(piece, is_over)
    }

    /// The backend has reset the stream. Who wants no more of a request may have answered it.
    pub fn on_reset(&mut self, is_unseen: bool) -> Result<(), Failed> {
        self.end(if is_unseen { Failed::Unseen } else { Failed::Seen })
    }

    /// The connection is over: so is the request, unless it is answered. What was not asked was not seen.
    pub fn on_lost(&mut self, why: Failed) {
        let why = if matches!(self.asking, Stage::Head) { Failed::Unseen } else { why };
        if let Err(failed) = self.end(why) {
            self.fail(failed);
        }
    }

    fn end(&mut self, why: Failed) -> Result<(), Failed> {
        self.has_news = true;
        self.asking = Stage::Over;
        self.said.clear();
        if self.answer.is_whole() { Ok(()) } else { Err(why) }
    }

    /// It comes to nothing, for the first reason that there is.
    pub fn fail(&mut self, failed: Failed) {
        self.has_news = true;
        self.failed.get_or_insert(failed);
    }

    /// Nothing more is said or wanted of it.
    pub fn give_up(&mut self, endpoint: &mut Endpoint, out: &mut Vec<u8>) {
        self.answer.give_up(self.stream, endpoint, out);
        endpoint.reset(self.stream, Reason::CANCEL, out);
    }
}
