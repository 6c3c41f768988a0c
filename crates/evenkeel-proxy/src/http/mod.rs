//! HTTP: a session whose requests are balanced one by one. Nothing of it is known to the way of a TCP session, which turns
//! off to here where it would be connected.
//!
//! A request arrives ([`arrival`]), gets a connection to a backend ([`reach`], [`link`]), goes there and its answer comes
//! back ([`round`]), or another backend is tried ([`exchange`]); what is said by us instead is in [`answer`]. Then it is
//! told of ([`tell`]), and the next one may come. Between requests nothing is held but the connection.

mod answer;
mod arrival;
mod client;
mod exchange;
mod http2;
mod judge;
mod link;
mod order;
mod port;
mod reach;
mod record;
mod round;
mod running;
mod tell;
mod way;

pub use client::Client;
pub use record::{RequestRecord, Said, Who};

use link::Links;

use crate::reactor::Row;
use crate::record::Carried;
use crate::session::{Established, Open, Opened, Session};
use crate::worker::Worker;
use arrival::Arrival;
use evenkeel_core::end::{End, Side};
use evenkeel_core::http::head::Lines;
use evenkeel_core::http::outcome::Outcome;
use evenkeel_sys::poll::Readiness;
use exchange::Exchange;
use order::Orders;
use running::Running;
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Instant;
use way::Wanted;

/// What HTTP has in one worker.
#[derive(Default)]
pub struct Http {
    /// Connections to backends.
    pub links: Links,
    /// What requests that are being served may have to hear.
    pub orders: Orders,
    /// Room to write heads in, and to note where the fields of heads lie.
    desk: RefCell<Desk>,
    /// What connections of HTTP/2 read into.
    frames: Rc<RefCell<http2::Desk>>,
}

#[derive(Default)]
struct Desk {
    out: Vec<u8>,
    lines: Lines,
}

/// How a session fares that serves requests.
pub struct Serving {
    /// By which its worker knows its listener.
    pub listener: u32,
    /// The session of the connection, of which this one serves a single stream.
    pub connection: Option<Rc<Session>>,
    /// Whether it is such a connection.
    pub is_http2: Cell<bool>,
    /// Requests that have come.
    pub requests: Cell<u64>,
    /// Bytes that backends took.
    pub to_backend: Cell<u64>,
    /// Bytes that the client took.
    pub to_client: Cell<u64>,
    /// When bytes last moved, or a request ended.
    pub active: Cell<Instant>,
    /// Whether it moves so much that others go first.
    pub is_bulk: Cell<bool>,
    /// Where the client would go with its request.
    pub wanted: RefCell<Wanted>,
}

impl Serving {
    /// For `session`, if its requests are balanced.
    pub fn of(worker: &Worker, session: &Session) -> Option<Self> {
        session.listener.reception.http.as_ref()?;
        let accepting = worker.accepting.borrow();
        let own = accepting.values().find(|accepting| accepting.listener.name == session.listener.name);
        Some(Self {
            listener: own.map_or(u32::MAX, |accepting| accepting.number),
            connection: None,
            is_http2: Cell::default(),
            requests: Cell::default(),
            to_backend: Cell::default(),
            to_client: Cell::default(),
            active: Cell::new(worker.reactor.now()),
            is_bulk: Cell::default(),
            wanted: RefCell::default(),
        })
    }

    /// For a stream of `connection`, whose session is served like this.
    pub fn of_stream(&self, connection: &Rc<Session>, now: Instant) -> Self {
        Self {
            listener: self.listener,
            connection: Some(Rc::clone(connection)),
            is_http2: Cell::default(),
            requests: Cell::new(self.requests.get()),
            to_backend: Cell::default(),
            to_client: Cell::default(),
            active: Cell::new(now),
            is_bulk: Cell::default(),
            wanted: RefCell::default(),
        }
    }

    /// How the connection fares that this is a stream of.
    fn whole(&self) -> Option<&Self> {
        self.connection.as_ref()?.serving.get().map(|serving| &**serving)
    }

    /// A request has come.
    pub fn on_request(&self) {
        if let Some(whole) = self.whole() {
            whole.on_request();
            self.requests.set(whole.requests.get() - 1);
        }
        self.requests.set(self.requests.get() + 1);
    }

    /// A backend has taken so many bytes, and the client so many.
    pub fn on_moved(&self, (to_backend, to_client): (usize, usize), now: Instant) {
        self.to_backend.set(self.to_backend.get() + to_backend as u64);
        self.to_client.set(self.to_client.get() + to_client as u64);
        self.active.set(now);
        self.whole().into_iter().for_each(|whole| whole.on_moved((to_backend, to_client), now));
    }

    /// What was carried for its requests.
    pub fn carried(&self) -> Carried {
        Carried {
            to_backend: self.to_backend.get(),
            to_client: self.to_client.get(),
            datagrams: None,
            first_byte: None,
            active: self.active.get(),
        }
    }
}

/// What follows a request.
enum Next {
    /// Perhaps another one.
    Request,
    /// The end of the connection.
    Close,
    /// Another protocol.
    Relay(Box<Established>),
}

/// Serves the requests of a session until its client has no more, or speaks another protocol.
///
/// What waits for the next request is as small as can be, for most connections do: whatever is needed to serve one is made when
/// it has come.
pub fn serve(worker: Rc<Worker>, session: Rc<Session>, mut client: Client) -> Open {
    if http2::is_agreed(&session) {
        return http2::serve(worker, session, client);
    }
    Box::pin(async move {
        let mut is_first = true;
        loop {
            let arrival = arrival::next(&worker, &session, &mut client, is_first).await?;
            is_first = false;
            if matches!(arrival, Arrival::Http2) {
                return http2::serve(worker, session, client).await;
            }
            match Box::pin(serve_one(&worker, &session, &mut client, arrival)).await {
                Next::Request => {}
                Next::Close => return Err(End::Closed(Side::Evenkeel)),
                Next::Relay(established) => return Ok(Opened::Relay(*established)),
            }
        }
    })
}

async fn serve_one(
    worker: &Rc<Worker>,
    session: &Rc<Session>,
    client: &mut Client,
    arrival: Arrival,
) -> Next {
    match arrival {
        Arrival::Request(exchange) => {
            let mut running = Running { worker, session, client, exchange };
            let Running { client, exchange, .. } = &mut running;
            let (outcome, upgraded) = exchange.run(worker, session, client).await;
            conclude(worker, session, client, exchange, outcome, upgraded).await
        }
        Arrival::Refused(refused) => {
            let outcome = Outcome::Refused(refused.refusal);
            let (onward, method) = (refused.onward(), refused.method());
            let said = answer::refuse(worker, session, client, outcome, method, onward).await;
            tell::refused(worker, session, &refused, said);
            answer::leave(worker, session, client).await;
            Next::Close
        }
        Arrival::Http2 => Next::Close,
    }
}

/// Serves the one request of a stream of HTTP/2.
pub fn serve_stream(worker: Rc<Worker>, session: Rc<Session>, mut client: Client) -> Open {
    Box::pin(async move {
        let arrival = arrival::next(&worker, &session, &mut client, true).await?;
        serve_one(&worker, &session, &mut client, arrival).await;
        client.finish();
        Err(End::Closed(Side::Evenkeel))
    })
}

/// What is left to do when it is known what became of a request.
async fn conclude(
    worker: &Rc<Worker>,
    session: &Rc<Session>,
    client: &mut Client,
    exchange: &mut Exchange,
    outcome: Outcome,
    upgraded: Option<Box<Established>>,
) -> Next {
    let mut keeps = exchange.keeps();
    if let Some(said) = exchange.way.said.take() {
        keeps &= exchange.is_body_gone();
        let onward = exchange.onward(keeps);
        exchange.status = Some(said.status);
        let told = answer::rule(worker, session, client, (exchange, &said), onward).await;
        exchange.note_told(told);
    }
    if outcome.status().is_some() {
        keeps &= exchange.is_body_gone() && !matches!(outcome, Outcome::Refused(_));
        let onward = exchange.onward(keeps);
        exchange.status = outcome.status();
        let method = Some(exchange.method);
        let told = answer::refuse(worker, session, client, outcome, method, onward).await;
        exchange.note_told(told);
    }
    tell::ended(worker, session, exchange, outcome);
    if let Some(established) = upgraded {
        return Next::Relay(established);
    }
    let is_whole = outcome.is_ok() || outcome.status().is_some();
    if keeps && is_whole {
        return Next::Request;
    }
    if !exchange.is_body_gone() || client.has_more(session) {
        answer::leave(worker, session, client).await;
    }
    if !is_whole {
        // What was cut must not look like an end.
        client.cut();
    }
    Next::Close
}

impl Worker {
    /// A connection to a backend became ready: whoever uses it gets a go; if nobody does, it is of no use any more.
    pub fn on_link(&self, place: Row, readiness: Readiness) -> Option<Row> {
        self.http.links.on_ready(place, readiness)
    }
}
