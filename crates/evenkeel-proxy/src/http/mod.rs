//! HTTP: a session whose requests are balanced one by one. Nothing of it is known to the way of a TCP session, which turns
//! off to here where it would be connected.
//!
//! A request arrives ([`arrival`]), gets a connection to a backend ([`reach`], [`link`]), goes there and its answer comes
//! back ([`round`]), or another backend is tried ([`exchange`]); what is said by us instead is in [`answer`]. Then it is
//! told of ([`tell`]), and the next one may come. Between requests nothing is held but the connection.

mod answer;
mod arrival;
mod exchange;
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

pub use record::{RequestRecord, Said, Who};

use link::Links;

use crate::reactor::Row;
use crate::record::Carried;
use crate::session::{Established, Open, Opened, Session};
use crate::tls::Tunnel;
use crate::worker::Worker;
use arrival::Arrival;
use evenkeel_core::end::{End, Side};
use evenkeel_core::http::head::Lines;
use evenkeel_core::http::outcome::Outcome;
use evenkeel_sys::poll::Readiness;
use exchange::Exchange;
use order::Orders;
use port::Port;
use running::Running;
use std::cell::{Cell, RefCell};
use std::os::fd::OwnedFd;
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
            requests: Cell::default(),
            to_backend: Cell::default(),
            to_client: Cell::default(),
            active: Cell::new(worker.reactor.now()),
            is_bulk: Cell::default(),
            wanted: RefCell::default(),
        })
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

/// The client of a session.
pub struct Client {
    socket: OwnedFd,
    tunnel: Option<Box<Tunnel>>,
    /// What it has said and was not used yet.
    held: Vec<u8>,
}

impl Client {
    /// At `socket`, through `tunnel` if it speaks TLS; it has said `early` already.
    pub fn new(socket: OwnedFd, mut tunnel: Option<Tunnel>, mut early: Vec<u8>) -> Self {
        if let Some(tunnel) = &mut tunnel {
            early = tunnel.take_early();
        }
        Self { socket, tunnel: tunnel.map(Box::new), held: early }
    }

    /// Moves what is held to the beginning of `room`, as far as there is room: more than that may have come with the end of a
    /// TLS handshake. Says how many bytes.
    fn take_held(&mut self, room: &mut [u8]) -> usize {
        let length = self.held.len().min(room.len());
        room[..length].copy_from_slice(&self.held[..length]);
        self.held.drain(..length);
        length
    }

    /// Holds `rest`, in front of what there was no room for.
    fn hold(&mut self, rest: &[u8]) {
        self.held = [rest, &self.held].concat();
    }

    /// Whether something has come that nobody will read.
    fn has_more(&self, session: &Session) -> bool {
        !self.held.is_empty() || session.client_ready.get().readable()
    }

    fn port<'a>(&'a mut self, ready: &'a Cell<Readiness>) -> Port<'a> {
        Port { socket: &self.socket, tunnel: self.tunnel.as_deref_mut(), ready }
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
    Box::pin(async move {
        let mut is_first = true;
        loop {
            let arrival = arrival::next(&worker, &session, &mut client, is_first).await?;
            is_first = false;
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
    }
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
        let _ = evenkeel_sys::socket::reset_on_close(&client.socket);
    }
    Next::Close
}

impl Worker {
    /// A connection to a backend became ready: whoever uses it gets a go; if nobody does, it is of no use any more.
    pub fn on_link(&self, place: Row, readiness: Readiness) -> Option<Row> {
        self.http.links.on_ready(place, readiness)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_there_is_no_room_for_is_held_and_comes_last() {
        let socket = std::fs::File::open("/dev/null").unwrap().into();
        let mut client = Client::new(socket, None, b"GET /one and two".to_vec());
        let mut room = [0; 8];
        assert_eq!(client.take_held(&mut room), 8);
        client.hold(&room[4..]);
        assert_eq!(client.held, b"/one and two");
        assert_eq!(client.take_held(&mut [0; 64]), 12);
        assert!(client.held.is_empty());
    }
}
