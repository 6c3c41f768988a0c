//! One stream of a client: carries what it says into the pipe of its session, and what that says back, as far as there is room
//! on the other side.

use super::body::{Incoming, Outgoing, Sent};
use super::fields::{pairs, response};
use super::flag::Flag;
use super::pipe::{Left, Pipe};
use crate::session::Session;
use crate::shared::Place;
use bytes::Bytes;
use evenkeel_core::http::head::{Lines, Seeker};
use evenkeel_core::http::method::Method;
use evenkeel_core::http::outcome::Refusal;
use evenkeel_core::http::response::Response;
use evenkeel_core::http2::wording::{self, Asked};
use evenkeel_sys::poll::Readiness;
use h2::server::SendResponse;
use h2::{Reason, RecvStream};
use http::{Request, StatusCode};
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Waker};

/// One stream.
pub struct Stream {
    /// Whose one request is that of the stream.
    pub session: Rc<Session>,
    /// What it says to that, and hears.
    pub pipe: Rc<Pipe>,
    /// Its place under the ceiling of the process, unless it has that of its connection.
    pub place: Option<Place>,
    flag: Arc<Flag>,
    waker: Waker,
    method: Method,
    /// The body, as long as it comes.
    body: Option<Incoming>,
    /// Whether it could not say anything for the socket took nothing.
    is_held_up: bool,
    answer: Answer,
}

/// How far the answer has come.
enum Answer {
    /// Its head is awaited.
    Head(SendResponse<Bytes>),
    /// Its body goes to the client.
    Body(Outgoing),
    /// The client has it, or gets nothing more of it.
    Over,
}

/// A stream that is refused before it is a request.
pub struct Unasked {
    /// Why.
    pub refusal: Refusal,
    /// What it wanted.
    pub line: String,
    respond: SendResponse<Bytes>,
}

impl Unasked {
    /// Tells the client.
    pub fn answer(mut self) {
        let mut response = http::Response::new(());
        *response.status_mut() =
            StatusCode::from_u16(self.refusal.status()).unwrap_or(StatusCode::BAD_REQUEST);
        let _ = self.respond.send_response(response, true);
    }
}

/// The connection is to be broken off by the library, or the stream by us.
struct Broken;

impl Stream {
    /// The stream of `request`; or why there is none.
    pub fn new(
        request: Request<RecvStream>,
        respond: SendResponse<Bytes>,
        pipe: Rc<Pipe>,
        session: impl FnOnce() -> Rc<Session>,
    ) -> Result<Self, Unasked> {
        let (parts, body) = request.into_parts();
        let asked = Asked {
            method: parts.method.as_str().as_bytes(),
            authority: parts.uri.authority().map(|it| it.as_str().as_bytes()),
            path: parts.uri.path_and_query().map(|it| it.as_str().as_bytes()),
            is_over: body.is_end_stream(),
        };
        let written = wording::request(&asked, pairs(&parts.headers), &mut pipe.to_backend.borrow_mut());
        let framing = match written {
            Ok(framing) => framing,
            Err(refusal) => {
                let line = format!("{} {}", parts.method, parts.uri.path());
                return Err(Unasked { refusal, line, respond });
            }
        };
        let (flag, waker) = Flag::raised();
        Ok(Self {
            session: session(),
            pipe,
            place: None,
            flag,
            waker,
            method: Method::of(asked.method),
            body: (!asked.is_over).then(|| Incoming::new(body, framing)),
            is_held_up: false,
            answer: Answer::Head(respond),
        })
    }

    /// Whether something has happened to it, or there is room again where there was none; unless the socket `is_blocked`.
    pub fn is_due(&self, is_blocked: bool) -> bool {
        // Both are to be taken.
        self.flag.take() | self.pipe.has_moved.take() || self.is_held_up && !is_blocked
    }

    /// Whether the session has left, and the client has what there was.
    pub fn is_over(&self) -> bool {
        self.pipe.left.get() != Left::Not
    }

    /// Whether the client has the whole answer, or nothing of it follows.
    pub fn is_answered(&self) -> bool {
        matches!(self.answer, Answer::Over)
    }

    /// Moves what can be moved now; whether the session has something to look at.
    pub fn advance(&mut self, is_blocked: bool) -> bool {
        let waker = self.waker.clone();
        let cx = &mut Context::from_waker(&waker);
        self.is_held_up = is_blocked;
        let moved = self.carry(cx, is_blocked);
        let has_left = self.pipe.left.get();
        if has_left != Left::Not && !matches!(self.answer, Answer::Over) {
            self.reset();
        }
        match moved {
            Ok(moved) => moved,
            Err(Broken) => {
                self.give_up();
                self.answer = Answer::Over;
                true
            }
        }
    }

    fn carry(&mut self, cx: &mut Context<'_>, is_blocked: bool) -> Result<bool, Broken> {
        let is_reset = match &mut self.answer {
            Answer::Head(respond) => respond.poll_reset(cx).is_ready(),
            Answer::Body(body) => body.stream.poll_reset(cx).is_ready(),
            Answer::Over => false,
        };
        if is_reset {
            return Err(Broken);
        }
        let has_heard = self.upload(cx)?;
        Ok((!is_blocked && self.download(cx)?) | has_heard)
    }

    /// The session is told that its client has left, unless that has all it wanted.
    pub fn give_up(&mut self) {
        self.body = None;
        if !matches!(self.answer, Answer::Over) {
            self.session.client_ready.set(Readiness::BROKEN);
        }
    }

    /// What the client got is not all: it is told so.
    fn reset(&mut self) {
        match std::mem::replace(&mut self.answer, Answer::Over) {
            Answer::Head(mut respond) => respond.send_reset(Reason::INTERNAL_ERROR),
            Answer::Body(mut body) => body.stream.send_reset(Reason::INTERNAL_ERROR),
            Answer::Over => {}
        }
    }

    /// Carries the body into the pipe; whether something came.
    fn upload(&mut self, cx: &mut Context<'_>) -> Result<bool, Broken> {
        let Some(body) = &mut self.body else { return Ok(false) };
        let came = body.carry(&mut self.pipe.to_backend.borrow_mut(), cx).map_err(|_| Broken)?;
        if came.end {
            self.body = None;
        }
        if came.something {
            let ready = &self.session.client_ready;
            ready.set(ready.get().and(Readiness::READABLE));
        }
        Ok(came.something)
    }

    /// Carries the answer out of the pipe; whether all of what was there has gone.
    fn download(&mut self, cx: &mut Context<'_>) -> Result<bool, Broken> {
        let was_flushed = self.pipe.is_flushed();
        while self.send_head()? {}
        while self.send_body(cx)? {}
        let is_held = matches!(&self.answer, Answer::Body(body) if body.is_held());
        self.pipe.is_held.set(is_held);
        Ok(!was_flushed && self.pipe.is_flushed())
    }

    /// Sends the head that the pipe begins with, if there is one.
    fn send_head(&mut self) -> Result<bool, Broken> {
        let Answer::Head(respond) = &mut self.answer else { return Ok(false) };
        let mut told = self.pipe.to_client.borrow_mut();
        // We have written it: it is whole soon.
        let Ok(Some(end)) = Seeker::default().end(&told) else { return Ok(false) };
        let mut lines = Lines::new();
        let Ok(head) = Response::parse(&told[..end], self.method, &mut lines) else { return Err(Broken) };
        let response = response(&head);
        let (is_interim, is_over, framing) = (head.is_interim(), head.body.is_empty(), head.body);
        told.drain(..end);
        drop(told);
        if is_interim {
            let _ = respond.send_informational(response);
            return Ok(true);
        }
        let send = respond.send_response(response, is_over).map_err(|_| Broken)?;
        self.answer = match is_over {
            true => Answer::Over,
            false => Answer::Body(Outgoing::new(send, framing)),
        };
        Ok(false)
    }

    /// Sends as much of the body as there is, and as the client has room for; whether there may be more.
    fn send_body(&mut self, cx: &mut Context<'_>) -> Result<bool, Broken> {
        let Answer::Body(body) = &mut self.answer else { return Ok(false) };
        match body.carry(&mut self.pipe.to_client.borrow_mut(), cx).map_err(|_| Broken)? {
            Sent::All => self.answer = Answer::Over,
            Sent::Some => return Ok(true),
            Sent::Nothing => {}
        }
        Ok(false)
    }
}
