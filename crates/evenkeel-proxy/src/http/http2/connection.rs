//! A connection of HTTP/2 with a client: its streams become sessions, which it carries bytes for.

use super::limits;
use super::opening;
use super::pipe::Pipe;
use super::stream::Stream;
use super::wire::{Io, Wire};
use crate::http::answer::Told;
use crate::http::arrival::Refused;
use crate::http::exchange::Terms;
use crate::http::{Client, tell};
use crate::session::{Open, Session};
use crate::shared::Place;
use crate::worker::Worker;
use bytes::Bytes;
use evenkeel_core::end::{End, Side};
use evenkeel_core::http::outcome::Refusal;
use evenkeel_core::http::rules::Timeouts;
use h2::server::{self, Handshake, SendResponse};
use h2::{Reason, RecvStream};
use http::Request;
use std::future::poll_fn;
use std::pin::pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

/// Streams that are carried before the library writes what came of it: it keeps the room that it has needed for that.
const CARRIED_AT_ONCE: usize = 16;

/// How long a client that was told to leave may take.
const LINGER: Duration = Duration::from_secs(2);

/// Whether it was agreed upon with the client, under TLS.
pub fn is_agreed(session: &Session) -> bool {
    let opening = session.opening.borrow();
    let agreed = opening.notes.tls.as_ref().and_then(|tls| tls.agreed.as_ref());
    agreed.is_some_and(|agreed| agreed.alpn.as_deref() == Some("h2"))
}

/// Serves `client`, who speaks HTTP/2.
pub fn serve(worker: Rc<Worker>, session: Rc<Session>, client: Client) -> Open {
    Box::pin(async move {
        let mut connection = Connection::new(worker, session, client).ok_or(End::Closed(Side::Evenkeel))?;
        let end = poll_fn(|_| connection.advance()).await;
        Err(end)
    })
}

struct Connection {
    worker: Rc<Worker>,
    session: Rc<Session>,
    wire: Rc<Wire>,
    talk: Talk,
    streams: Vec<Stream>,
    timeouts: Timeouts,
    /// Since when it has no streams.
    idle_since: Instant,
    /// Since when the client is to open no more of them.
    leaving_since: Option<Instant>,
    /// Whether the client was told to calm down.
    has_been_told: bool,
    /// How the session ends, once its streams have.
    end: Option<End>,
}

/// There is no room for another stream.
struct NoRoom;

/// How far it has come.
enum Talk {
    Greeting(Box<Handshake<Io, Bytes>>),
    Speaking(Box<server::Connection<Io, Bytes>>),
    /// We have said all, and wait for the client to leave.
    Leaving,
    Over,
}

impl Talk {
    /// Has the library write what it was told. How that went is seen when it is driven.
    fn push(&mut self) {
        if let Self::Speaking(connection) = self {
            let _ = connection.poll_closed(&mut Context::from_waker(Waker::noop()));
        }
    }
}

impl Connection {
    fn new(worker: Rc<Worker>, session: Rc<Session>, client: Client) -> Option<Self> {
        let rules = Terms::of(&worker, &session)?.rules;
        session.serving()?.speak_http2();
        let (socket, tunnel, held) = client.into_parts()?;
        let now = worker.reactor.now();
        let desk = Rc::clone(&worker.http.frames);
        let wire = Rc::new(Wire::new(socket, tunnel, held, (desk, now)).watched());
        let handshake = limits::library(&rules.limits).handshake(Io(Rc::clone(&wire)));
        Some(Self {
            talk: Talk::Greeting(Box::new(handshake)),
            streams: Vec::new(),
            timeouts: rules.timeouts,
            idle_since: now,
            leaving_since: None,
            has_been_told: false,
            end: None,
            worker,
            session,
            wire,
        })
    }

    fn advance(&mut self) -> Poll<End> {
        let now = self.worker.reactor.now();
        self.wire.set_now(now);
        self.wire.begin_turn(self.session.client_ready.get());
        self.talk_on(now);
        self.session.client_ready.set(self.wire.ready());
        self.worker.note_moved(self.wire.came() as u64);
        if self.wire.has_more() {
            self.worker.queue_row(self.session.row);
        }
        if let Some(end) = self.end.filter(|_| self.streams.is_empty()) {
            return Poll::Ready(end);
        }
        let by = self.deadline();
        self.worker.reactor.arm(self.session.row.index, self.worker.drains_by().map_or(by, |it| it.min(by)));
        Poll::Pending
    }

    fn talk_on(&mut self, now: Instant) {
        if self.session.client_ready.get().broken() {
            self.stop(self.left());
        }
        loop {
            self.listen(now);
            let has_carried = self.carry(now);
            if !self.calm_down() && !has_carried {
                break;
            }
        }
        self.tell_of_refused(now);
        if self.leaving_since.is_none() && self.is_to_leave(now) {
            self.leave(now);
        }
        if now >= self.deadline() {
            self.stop(End::Closed(Side::Evenkeel));
        }
    }

    /// Drives the library, and takes the streams that it has.
    fn listen(&mut self, now: Instant) {
        let cx = &mut Context::from_waker(Waker::noop());
        loop {
            match &mut self.talk {
                Talk::Greeting(handshake) => match pin!(handshake).poll(cx) {
                    Poll::Ready(Ok(connection)) => {
                        let mut connection = Box::new(connection);
                        connection.set_target_window_size(limits::CONNECTION_WINDOW);
                        self.talk = Talk::Speaking(connection);
                    }
                    Poll::Ready(Err(error)) => return self.on_error(&error, now),
                    Poll::Pending => return,
                },
                Talk::Speaking(connection) => match connection.poll_accept(cx) {
                    Poll::Ready(Some(Ok((request, respond)))) => self.open(request, respond, now),
                    Poll::Ready(Some(Err(error))) => return self.on_error(&error, now),
                    Poll::Ready(None) => return self.on_closed(now),
                    Poll::Pending => return,
                },
                Talk::Leaving => {
                    if self.wire.ignore() {
                        self.stop(End::Closed(Side::Evenkeel));
                    }
                    return;
                }
                Talk::Over => return,
            }
        }
    }

    /// Carries bytes of the streams that have something to do; whether the library has something to do then.
    fn carry(&mut self, now: Instant) -> bool {
        let mut carried = 0;
        for stream in &mut self.streams {
            let is_blocked = self.wire.is_blocked();
            if stream.is_due(is_blocked) {
                carried += 1;
                if stream.advance(is_blocked) {
                    self.worker.queue_row(stream.session.row);
                }
                if carried % CARRIED_AT_ONCE == 0 {
                    self.talk.push();
                }
            }
        }
        let had = self.streams.len();
        for stream in self.streams.extract_if(.., |stream| stream.is_over()) {
            let report = stream.place.and_then(|place| place.leave(None));
            report.into_iter().for_each(|report| self.worker.shared.report(report));
        }
        self.wire.streams.set(self.streams.len());
        if had > 0 && self.streams.is_empty() {
            // An idle connection is to hold as little as it can.
            self.streams = Vec::new();
            self.idle_since = now;
        }
        carried > 0
    }

    /// The client has opened a stream: it gets a session.
    fn open(&mut self, request: Request<RecvStream>, mut respond: SendResponse<Bytes>, now: Instant) {
        let Ok(place) = self.place(now) else {
            respond.send_reset(Reason::REFUSED_STREAM);
            return;
        };
        let pipe = Rc::new(Pipe::new(Rc::clone(&self.wire)));
        match Stream::new(request, respond, pipe, || opening::session(&self.worker, &self.session)) {
            Ok(mut stream) => {
                stream.place = place;
                opening::begin(&self.worker, &stream, self.session.row);
                self.streams.push(stream);
                self.wire.streams.set(self.streams.len());
            }
            Err(unasked) => {
                self.tell_refused(unasked.refusal, unasked.line.as_bytes(), now);
                unasked.answer();
            }
        }
    }

    /// Room for one more stream, each of which has a backend as a session has: the first has the place of its connection.
    fn place(&self, now: Instant) -> Result<Option<Place>, NoRoom> {
        if self.streams.is_empty() {
            return Ok(None);
        }
        let ceiling = &self.worker.shared.sessions;
        let place = ceiling.enter();
        if place.is_none() {
            ceiling.reached(None, now).into_iter().for_each(|report| self.worker.shared.report(report));
        }
        place.map(Some).ok_or(NoRoom)
    }

    /// Tells the client, once, if it costs more than it may; whether it is to be told now.
    fn calm_down(&mut self) -> bool {
        match &mut self.talk {
            Talk::Speaking(connection) if self.wire.is_exhausted() && !self.has_been_told => {
                connection.abrupt_shutdown(Reason::ENHANCE_YOUR_CALM);
                self.has_been_told = true;
                true
            }
            _ => false,
        }
    }

    fn on_error(&mut self, error: &h2::Error, now: Instant) {
        let refusal = match error.reason() {
            _ if error.is_io() || error.is_remote() => None,
            Some(Reason::ENHANCE_YOUR_CALM) => Some(Refusal::Flood),
            Some(Reason::NO_ERROR) | None => None,
            Some(_) => Some(Refusal::Frames),
        };
        if let Some(refusal) = refusal {
            self.tell_refused(refusal, b"", now);
            return self.say_no_more(now);
        }
        self.stop(self.left());
    }

    fn on_closed(&mut self, now: Instant) {
        if self.has_been_told {
            self.tell_refused(Refusal::Flood, b"", now);
        }
        match self.has_been_told || self.leaving_since.is_some() {
            true => self.say_no_more(now),
            false => self.stop(self.left()),
        }
    }

    /// Waits for the client to end its side, having ended ours: a socket that is closed with bytes unread is reset, which might
    /// overtake what was said.
    fn say_no_more(&mut self, now: Instant) {
        self.wire.unwatch();
        self.wire.close();
        self.leaving_since = Some(now);
        self.talk = Talk::Leaving;
        self.break_streams();
    }

    /// It is over: so are its streams.
    fn stop(&mut self, end: End) {
        self.end.get_or_insert(end);
        self.talk = Talk::Over;
        self.break_streams();
    }

    fn break_streams(&mut self) {
        for stream in &mut self.streams {
            stream.give_up();
            self.worker.queue_row(stream.session.row);
        }
    }

    /// What it ends as when the client says nothing more.
    fn left(&self) -> End {
        let has_all = self.streams.iter().all(Stream::is_answered);
        if has_all { End::Closed(Side::Client) } else { End::ClientLeft }
    }

    /// Whether the client is to open no more streams.
    fn is_to_leave(&self, now: Instant) -> bool {
        let is_idle = self.streams.is_empty() && now >= self.idle_since + self.timeouts.keep_alive;
        is_idle || Terms::last(&self.worker, &self.session)
    }

    fn leave(&mut self, now: Instant) {
        self.leaving_since = Some(now);
        match &mut self.talk {
            Talk::Speaking(connection) => {
                connection.graceful_shutdown();
                self.listen(now);
            }
            _ => self.stop(End::Closed(Side::Evenkeel)),
        }
    }

    /// By when it is over, or something is to be done.
    fn deadline(&self) -> Instant {
        let head = self.wire.inside_since().map(|since| since + self.timeouts.head);
        let idle = match self.leaving_since {
            _ if !self.streams.is_empty() => None,
            Some(since) => Some(since.max(self.idle_since) + LINGER),
            None => Some(self.idle_since + self.timeouts.keep_alive),
        };
        let far = self.worker.reactor.now() + Duration::from_secs(3600);
        [head, idle].into_iter().flatten().min().unwrap_or(far)
    }

    /// Streams that the library has refused.
    fn tell_of_refused(&mut self, now: Instant) {
        for _ in 0..self.wire.take_refused() {
            self.tell_refused(Refusal::Stream, b"", now);
        }
    }

    fn tell_refused(&self, refusal: Refusal, said: &[u8], now: Instant) {
        tell::refused(&self.worker, &self.session, &Refused::new(refusal, said, now), Told::default());
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.break_streams();
    }
}
