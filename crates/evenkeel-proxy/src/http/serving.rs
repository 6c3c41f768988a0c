//! How a session fares that goes to backends request by request.

use super::way::Wanted;
use crate::record::Carried;
use crate::session::{Reach, Session};
use crate::worker::Worker;
use evenkeel_core::end::End;
use evenkeel_core::span::Span;
use std::cell::Cell;
use std::rc::Rc;
use std::time::Instant;

/// How a session fares that serves requests. Most wait for the next one: what only others need is apart, so that these are small.
pub struct Serving {
    /// By which its worker knows its listener.
    pub listener: u32,
    requests: Cell<u32>,
    to_backend: Cell<u64>,
    to_client: Cell<u64>,
    /// How long after the session was accepted bytes last moved, or a request ended.
    active: Cell<Span>,
    busy: Cell<Option<Box<Busy>>>,
}

/// What there is while a request is served, or with HTTP/2.
#[derive(Default)]
struct Busy {
    connection: Option<Rc<Session>>,
    is_http2: bool,
    is_bulk: bool,
    aborts_on_close: bool,
    wanted: Wanted,
    reach: Reach,
    ended: Option<End>,
}

impl Serving {
    /// For `session`, if its requests are balanced.
    pub fn of(worker: &Worker, session: &Session) -> Option<Self> {
        session.listener.reception.http.as_ref()?;
        let doors = worker.doors.borrow();
        let number = doors.named(&session.listener.name).map_or(u32::MAX, |accepting| accepting.number);
        Some(Self::begin(number, session.since(worker.reactor.now())))
    }

    /// For a stream of `connection`, whose session is served like this.
    pub fn of_stream(&self, connection: &Rc<Session>) -> Self {
        let serving = Self::begin(self.listener, Span::ZERO);
        serving.requests.set(self.requests.get());
        serving.change(|busy| busy.connection = Some(Rc::clone(connection)));
        serving
    }

    fn begin(listener: u32, active: Span) -> Self {
        Self {
            listener,
            requests: Cell::default(),
            to_backend: Cell::default(),
            to_client: Cell::default(),
            active: Cell::new(active),
            busy: Cell::default(),
        }
    }

    /// `work` must not come back to this.
    fn look<T: Default>(&self, work: impl FnOnce(&Busy) -> T) -> T {
        let Some(busy) = self.busy.take() else { return T::default() };
        let found = work(&busy);
        self.busy.set(Some(busy));
        found
    }

    fn change(&self, work: impl FnOnce(&mut Busy)) {
        let mut busy = self.busy.take().unwrap_or_default();
        work(&mut busy);
        self.busy.set(Some(busy));
    }

    /// The session of the connection, of which this one serves a single stream.
    pub fn connection(&self) -> Option<Rc<Session>> {
        self.look(|busy| busy.connection.clone())
    }

    /// How the session of a stream has ended.
    pub fn ended(&self) -> Option<End> {
        self.look(|busy| busy.ended)
    }

    /// The session of a stream has ended like this.
    pub fn end(&self, end: End) {
        self.change(|busy| busy.ended = Some(end));
    }

    /// Whether it is such a connection, or one of its streams.
    pub fn is_http2(&self) -> bool {
        self.look(|busy| busy.is_http2 || busy.connection.is_some())
    }

    /// Its client speaks HTTP/2.
    pub fn speak_http2(&self) {
        self.change(|busy| busy.is_http2 = true);
    }

    /// Whether it moves so much that others go first.
    pub fn is_bulk(&self) -> bool {
        self.look(|busy| busy.is_bulk)
    }

    /// It moves that much from now on, or no more.
    pub fn set_bulk(&self, is_bulk: bool) {
        if self.is_bulk() != is_bulk {
            self.change(|busy| busy.is_bulk = is_bulk);
        }
    }

    /// Where the client would go with its request.
    pub fn wanted(&self) -> Wanted {
        self.look(|busy| busy.wanted.clone())
    }

    /// That is where it would go.
    pub fn want(&self, wanted: Wanted) {
        self.change(|busy| busy.wanted = wanted);
    }

    /// How far it has come with a request.
    pub fn reach(&self) -> Reach {
        self.look(|busy| busy.reach.clone())
    }

    /// It has come so far.
    pub fn set_reach(&self, reach: Reach) {
        self.change(|busy| busy.reach = reach);
    }

    /// Requests that have come.
    pub fn requests(&self) -> u64 {
        self.requests.get().into()
    }

    /// A request has come.
    pub fn on_request(&self) {
        let connection = self.connection();
        if let Some(whole) = connection.as_deref().and_then(Session::serving) {
            whole.on_request();
            self.requests.set(whole.requests.get() - 1);
        }
        self.requests.set(self.requests.get().saturating_add(1));
    }

    /// Whether its client has left when it ends its side before its answer begins.
    pub fn aborts_on_close(&self) -> bool {
        self.look(|busy| busy.aborts_on_close)
    }

    /// It does, or an answer has begun.
    pub fn set_aborts_on_close(&self, aborts: bool) {
        if aborts != self.aborts_on_close() {
            self.change(|busy| busy.aborts_on_close = aborts);
        }
    }

    /// A request of `session`, its own, has ended.
    pub fn on_answered(&self, session: &Session, now: Instant) {
        self.active.set(session.since(now));
    }

    /// It waits for the next request, and holds nothing.
    pub fn rest(&self) {
        self.busy.take();
    }

    /// A backend has taken so many bytes, and the client so many, for `session`, its own.
    pub fn on_moved(&self, session: &Session, (to_backend, to_client): (usize, usize), now: Instant) {
        self.to_backend.set(self.to_backend.get() + to_backend as u64);
        self.to_client.set(self.to_client.get() + to_client as u64);
        self.active.set(session.since(now));
        if let Some(connection) = self.connection() {
            let whole = connection.serving();
            whole.into_iter().for_each(|whole| whole.on_moved(&connection, (to_backend, to_client), now));
        }
    }

    /// What was carried for the requests of `session`, its own.
    pub fn carried(&self, session: &Session) -> Carried {
        Carried {
            to_backend: self.to_backend.get(),
            to_client: self.to_client.get(),
            datagrams: None,
            first_byte: None,
            active: self.active.get().after(session.accepted),
        }
    }
}
