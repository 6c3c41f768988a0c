//! One stream of a client: carries what it says into the pipe of its session, and what that says back, as far as there is room
//! on the other side.

use super::body::{Incoming, Outgoing};
use super::detour::Detour;
use super::heads;
use super::pipe::{Left, Pipe};
use crate::session::Session;
use crate::shared::Place;
use evenkeel_core::end::End;
use evenkeel_core::http::framing::Framing;
use evenkeel_core::http::head::{Lines, Seeker};
use evenkeel_core::http::method::Method;
use evenkeel_core::http::response::Response;
use evenkeel_core::http2::endpoint::Endpoint;
use evenkeel_core::http2::message::Malformed;
use evenkeel_core::http2::reason::Reason;
use evenkeel_core::http2::unpacked::Unpacked;
use evenkeel_sys::poll::Readiness;
use std::rc::Rc;

/// One stream.
pub struct Stream {
    /// Its number.
    pub id: u32,
    /// Whose one request is that of the stream.
    pub session: Rc<Session>,
    /// What it says to that, and hears.
    pub pipe: Rc<Pipe>,
    /// Its place under the ceiling of the process, unless it has that of its connection.
    pub place: Option<Place>,
    /// Where its bytes go, if it carries those of a relay.
    pub detour: Option<Detour>,
    method: Method,
    body: Incoming,
    /// Whether it could not say anything for too much is to go out.
    is_held_up: bool,
    answer: Answer,
}

/// How far the answer has come.
enum Answer {
    /// Its head is awaited.
    Head,
    /// Its body goes to the client.
    Body(Box<Outgoing>),
    /// What goes to the client are the bytes of a relay.
    Relayed,
    /// The client has it, or gets nothing more of it.
    Over,
}

/// What the session says cannot be passed on.
struct Broken;

impl Stream {
    /// The stream of a request by this `method`, whose head is in the pipe; a body follows if there is a framing for it.
    pub fn new(
        id: u32,
        session: Rc<Session>,
        pipe: Rc<Pipe>,
        (method, body): (Method, Option<Framing>),
    ) -> Self {
        Self {
            id,
            session,
            pipe,
            place: None,
            detour: None,
            method,
            body: body.map(Incoming::new).unwrap_or_default(),
            is_held_up: false,
            answer: Answer::Head,
        }
    }

    /// Whether its session has done something, or there is room again where there was none; unless too much `is_full`.
    pub fn is_due(&self, endpoint: &Endpoint, is_full: bool) -> bool {
        let has_moved = self.pipe.has_moved.take();
        let is_held = || self.pipe.is_held.get() && endpoint.room(self.id) > 0;
        let may_carry = |detour: &Detour| detour.may_read() || self.ended().is_some();
        let has_detour = || self.detour.as_ref().is_some_and(may_carry);
        has_moved || !is_full && (self.is_held_up || is_held() || has_detour())
    }

    /// How the session has ended, if it has.
    fn ended(&self) -> Option<End> {
        self.session.serving().and_then(|serving| serving.ended())
    }

    /// Whether the session has left, and the client has what there was.
    pub fn is_over(&self) -> bool {
        self.pipe.left.get() != Left::Not
    }

    /// Whether the client has the whole answer, or nothing of it follows.
    pub fn is_answered(&self) -> bool {
        matches!(self.answer, Answer::Over)
    }

    /// A piece of the body has come.
    pub fn take(&mut self, piece: &[u8], is_over: bool) -> Result<(), Malformed> {
        self.body.piece(piece, is_over, &mut self.pipe.to_backend.borrow_mut())?;
        self.wake_reader();
        Ok(())
    }

    /// The body is over, and these fields follow it.
    pub fn take_trailers(&mut self, unpacked: &Unpacked) -> Result<(), Malformed> {
        self.body.trailers(unpacked, &mut self.pipe.to_backend.borrow_mut())?;
        self.wake_reader();
        Ok(())
    }

    fn wake_reader(&self) {
        if self.detour.is_some() {
            // It is the connection that reads.
            self.pipe.has_moved.set(true);
        }
        let ready = &self.session.client_ready;
        ready.set(ready.get().and(Readiness::READABLE));
    }

    /// Moves what can be moved now; whether the session has something to look at.
    pub fn advance(&mut self, endpoint: &mut Endpoint, out: &mut Vec<u8>, is_full: bool) -> bool {
        self.is_held_up = is_full;
        if let Some(socket) = self.pipe.take_detour() {
            self.detour = Some(Detour::new(socket));
        }
        let has_room = match self.detour {
            Some(_) => {
                self.relay(endpoint, out, is_full);
                false
            }
            None => self.serve(endpoint, out, is_full),
        };
        if self.is_over() {
            self.conclude(endpoint, out);
        }
        has_room
    }

    /// Makes room for the request, and passes the answer on; whether there is room for more of it.
    fn serve(&mut self, endpoint: &mut Endpoint, out: &mut Vec<u8>, is_full: bool) -> bool {
        self.body.release(self.id, &self.pipe.to_backend.borrow(), endpoint, out);
        if is_full {
            return false;
        }
        self.download(endpoint, out).unwrap_or_else(|Broken| {
            endpoint.reset(self.id, Reason::INTERNAL_ERROR, out);
            self.give_up();
            true
        })
    }

    /// The session has left: what the client got is all, or it is told that it is not. Its body is not wanted any more.
    fn conclude(&mut self, endpoint: &mut Endpoint, out: &mut Vec<u8>) {
        let why = if self.is_answered() { Reason::NO_ERROR } else { Reason::INTERNAL_ERROR };
        self.answer = Answer::Over;
        self.body.forget();
        self.body.release(self.id, &[], endpoint, out);
        endpoint.reset(self.id, why, out);
    }

    /// The session is told that its client has left, unless that has all it wanted. Gives the detour, if there was one: the
    /// session is established, and not told by this.
    pub fn give_up(&mut self) -> Option<Detour> {
        self.body.forget();
        if !self.is_answered() {
            self.session.client_ready.set(Readiness::BROKEN);
        }
        self.answer = Answer::Over;
        let detour = self.detour.take();
        if detour.is_some() {
            self.pipe.end_detour(Left::Cut);
        }
        detour
    }

    /// Carries bytes to a relay and back, once the client knows that it has one.
    fn relay(&mut self, endpoint: &mut Endpoint, out: &mut Vec<u8>, is_full: bool) {
        let Some(detour) = &mut self.detour else { return };
        let pipe = Rc::clone(&self.pipe);
        let mut said = pipe.to_backend.borrow_mut();
        // Who takes nothing any more is heard of by what comes from there.
        let _ = detour.send(&mut said, self.body.is_over());
        self.body.release(self.id, &said, endpoint, out);
        while !is_full && self.hear(endpoint, out) {}
        let is_done = self.ended().is_some() || self.body.is_over() && said.is_empty();
        if self.is_answered() && is_done {
            self.detour = None;
            pipe.end_detour(Left::InOrder);
        }
    }

    /// Sends some of what came from the relay; whether there may be more.
    fn hear(&mut self, endpoint: &mut Endpoint, out: &mut Vec<u8>) -> bool {
        let Some(detour) = &mut self.detour else { return false };
        let pipe = Rc::clone(&self.pipe);
        if pipe.to_client.borrow().is_empty() && detour.may_read() {
            detour.recv(&mut pipe.to_client.borrow_mut());
        }
        let is_over = detour.is_over();
        if self.send_head(endpoint, out).is_err() {
            return false;
        }
        let mut told = pipe.to_client.borrow_mut();
        let length = match self.answer {
            Answer::Relayed => told.len().min(endpoint.room(self.id)),
            _ => 0,
        };
        if length > 0 {
            endpoint.data(self.id, &told[..length], false, out);
            told.drain(..length);
        }
        pipe.is_held.set(!told.is_empty());
        if is_over && told.is_empty() && !self.is_answered() {
            self.end_relayed(endpoint, out);
        }
        length > 0
    }

    /// Nothing more comes from the relay: what was cut must not look like an end.
    fn end_relayed(&mut self, endpoint: &mut Endpoint, out: &mut Vec<u8>) {
        match self.ended().is_some_and(|end| !end.is_ok()) {
            true => endpoint.reset(self.id, Reason::CANCEL, out),
            false => endpoint.data(self.id, &[], true, out),
        }
        self.answer = Answer::Over;
    }

    /// Carries the answer out of the pipe; whether all of what was there has gone.
    fn download(&mut self, endpoint: &mut Endpoint, out: &mut Vec<u8>) -> Result<bool, Broken> {
        let was_flushed = self.pipe.is_flushed();
        while self.send_head(endpoint, out)? {}
        self.send_body(endpoint, out)?;
        let is_held = matches!(&self.answer, Answer::Body(body) if body.is_held());
        self.pipe.is_held.set(is_held);
        Ok(!was_flushed && self.pipe.is_flushed())
    }

    /// Sends the head that the pipe begins with, if there is one; whether another one follows.
    fn send_head(&mut self, endpoint: &mut Endpoint, out: &mut Vec<u8>) -> Result<bool, Broken> {
        let Answer::Head = self.answer else { return Ok(false) };
        let mut told = self.pipe.to_client.borrow_mut();
        // We have written it: it is whole soon.
        let Ok(Some(end)) = Seeker::default().end(&told) else { return Ok(false) };
        let mut lines = Lines::new();
        let Ok(head) = Response::parse(&told[..end], self.method, &mut lines) else { return Err(Broken) };
        let (is_interim, body) = (head.is_interim(), head.body);
        let is_relay = self.detour.is_some();
        let is_over = !is_interim && !is_relay && body.is_empty();
        endpoint.fields(self.id, is_over, out, |out| heads::response(&head, out));
        told.drain(..end);
        self.answer = match is_over {
            _ if is_interim => return Ok(true),
            _ if is_relay => Answer::Relayed,
            true => Answer::Over,
            false => Answer::Body(Box::new(Outgoing::new(body))),
        };
        Ok(false)
    }

    /// Sends as much of the body as there is, and as the client has room for.
    fn send_body(&mut self, endpoint: &mut Endpoint, out: &mut Vec<u8>) -> Result<(), Broken> {
        let Answer::Body(body) = &mut self.answer else { return Ok(()) };
        let mut words = self.pipe.to_client.borrow_mut();
        if body.carry((self.id, endpoint), &mut words, out).map_err(|_| Broken)? {
            self.answer = Answer::Over;
        }
        Ok(())
    }
}
