//! One request to a backend that speaks HTTP/2, and its answer, both in the words of HTTP/1 to who asks.

use super::body::{Incoming, Outgoing, Sent};
use super::fields;
use bytes::Bytes;
use evenkeel_core::http::head::{Lines, Seeker};
use evenkeel_core::http::method::Method;
use evenkeel_core::http::request::Request;
use evenkeel_core::http::rules::HeadLimits;
use evenkeel_core::http2::wording;
use h2::Reason;
use h2::client::{ResponseFuture, SendRequest};
use http::Response;
use std::pin::pin;
use std::task::{Context, Poll};

/// A request and its answer.
#[derive(Default)]
pub struct Errand {
    /// What was said of the request, and is not with the library.
    said: Vec<u8>,
    asking: Stage,
    method: Option<Method>,
    answer: Option<ResponseFuture>,
    body: Option<Incoming>,
    /// The answer, as far as nobody has read it.
    told: Vec<u8>,
}

/// How far the request has gone.
#[derive(Default)]
enum Stage {
    #[default]
    Head,
    Body(Outgoing),
    Over,
    /// The backend takes nothing more.
    Deaf,
}

/// It comes to nothing.
pub struct Failed {
    /// The backend has not looked at the request.
    pub is_unseen: bool,
}

impl Failed {
    const SEEN: Self = Self { is_unseen: false };
}

impl From<h2::Error> for Failed {
    fn from(error: h2::Error) -> Self {
        let is_refused = error.is_remote() && error.reason() == Some(Reason::REFUSED_STREAM);
        // Streams that a goodbye covers go on.
        Self { is_unseen: is_refused || error.is_go_away() && error.is_remote() }
    }
}

impl Errand {
    /// Goes on with the request.
    pub fn say(&mut self, bytes: &[u8]) {
        if !matches!(self.asking, Stage::Deaf) {
            self.said.extend_from_slice(bytes);
        }
    }

    /// Whether the library has all of what was said.
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

    /// Moves what can be moved; whether something did.
    pub fn go_on(
        &mut self,
        send: &mut SendRequest<Bytes>,
        authority: &str,
        is_tls: bool,
        cx: &mut Context<'_>,
    ) -> Result<bool, Failed> {
        let mut has_moved = self.ask(send, authority, is_tls, cx)?;
        loop {
            match self.send_body(cx) {
                Ok(false) => break,
                Ok(true) => has_moved = true,
                // Who wants no more of it may have answered.
                Err(_) => {
                    self.asking = Stage::Deaf;
                    self.said.clear();
                }
            }
        }
        Ok(self.go_on_without(cx)? | has_moved)
    }

    /// The same, when the connection is over: what has come is still there.
    pub fn go_on_without(&mut self, cx: &mut Context<'_>) -> Result<bool, Failed> {
        Ok(self.take_head(cx)? | self.take_body(cx)?)
    }

    /// Asks, once the head is complete.
    fn ask(
        &mut self,
        send: &mut SendRequest<Bytes>,
        authority: &str,
        is_tls: bool,
        cx: &mut Context<'_>,
    ) -> Result<bool, Failed> {
        let Stage::Head = self.asking else { return Ok(false) };
        let Ok(Some(end)) = Seeker::default().end(&self.said) else { return Ok(false) };
        if send.poll_ready(cx)?.is_pending() {
            return Ok(false);
        }
        let mut lines = Lines::new();
        let request =
            Request::parse(&self.said[..end], &HeadLimits::OURS, &mut lines).map_err(|_| Failed::SEEN)?;
        let (method, framing) = (request.method, request.body);
        let asked = fields::request(&request, authority, is_tls).ok_or(Failed::SEEN)?;
        let (answer, stream) = send.send_request(asked, framing.is_empty())?;
        self.said.drain(..end);
        self.method = Some(method);
        self.answer = Some(answer);
        self.asking = match framing.is_empty() {
            true => Stage::Over,
            false => Stage::Body(Outgoing::new(stream, framing)),
        };
        Ok(true)
    }

    /// Sends as much of the body as the backend has room for; whether there may be more.
    fn send_body(&mut self, cx: &mut Context<'_>) -> Result<bool, h2::Error> {
        let Stage::Body(body) = &mut self.asking else { return Ok(false) };
        match body.carry(&mut self.said, cx)? {
            Sent::All => self.asking = Stage::Over,
            Sent::Some => return Ok(true),
            Sent::Nothing => {}
        }
        Ok(false)
    }

    /// Takes heads of answers.
    fn take_head(&mut self, cx: &mut Context<'_>) -> Result<bool, Failed> {
        let (Some(answer), Some(method)) = (&mut self.answer, self.method) else { return Ok(false) };
        let mut has_come = false;
        while let Poll::Ready(Some(interim)) = answer.poll_informational(cx) {
            let interim = interim?;
            let head = (interim.status().as_u16(), method);
            wording::response(head, false, fields::pairs(interim.headers()), &mut self.told)
                .map_err(|_| Failed::SEEN)?;
            has_come = true;
        }
        let Poll::Ready(response) = pin!(answer).poll(cx) else { return Ok(has_come) };
        let (head, body) = response?.into_parts();
        let head: Response<()> = Response::from_parts(head, ());
        let is_over = body.is_end_stream();
        let status = (head.status().as_u16(), method);
        let framing = wording::response(status, is_over, fields::pairs(head.headers()), &mut self.told)
            .map_err(|_| Failed::SEEN)?;
        self.answer = None;
        self.body = (!is_over).then(|| Incoming::new(body, framing));
        Ok(true)
    }

    /// Takes pieces of the body, as long as there is room for them; whether the library has something to do then.
    fn take_body(&mut self, cx: &mut Context<'_>) -> Result<bool, Failed> {
        let Some(body) = &mut self.body else { return Ok(false) };
        let came = body.carry(&mut self.told, cx)?;
        if came.end {
            self.body = None;
        }
        Ok(came.something | came.room)
    }
}
