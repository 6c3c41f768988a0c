//! HTTP: a session whose requests are balanced one by one. Nothing of it is known to the way of a TCP session, which turns
//! off to here where it would be connected.
//!
//! A request arrives ([`arrival`]), gets a connection to a backend ([`reach`], [`links`]), goes there and its answer comes
//! back ([`round`]), or another backend is tried ([`exchange`]); what is said by us instead is in [`answer`]. Then it is
//! told of ([`tell`]), and the next one may come. Between requests nothing is held but the connection.

mod answer;
mod arrival;
mod client;
mod exchange;
mod footing;
mod http2;
mod judge;
mod lease;
mod leave;
mod link;
mod links;
mod making;
mod order;
mod port;
mod reach;
mod record;
mod round;
mod running;
mod serving;
mod shelf;
mod tell;
mod way;

pub use arrival::{Arrival, Waiting};
pub use client::Client;
pub use record::{RequestRecord, Said, Who};
pub use serving::Serving;

use links::Links;

use crate::reactor::Row;
use crate::session::{Established, Open, Opened, Session};
use crate::worker::Worker;
use answer::{Patience, Told};
use arrival::Head;
use evenkeel_core::end::End;
use evenkeel_core::http::head::Lines;
use evenkeel_core::http::outcome::Outcome;
use evenkeel_core::side::Side;
use evenkeel_sys::poll::Readiness;
use exchange::Exchange;
use order::Orders;
use running::Running;
use std::cell::RefCell;
use std::future::{poll_fn, ready};
use std::rc::Rc;

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

/// What follows a request.
enum Next {
    /// Perhaps another one.
    Request,
    /// The end of the connection.
    Close,
    /// Another protocol.
    Relay(Box<Established>),
}

/// Begins to serve the requests of `client`.
pub fn begin(worker: &Rc<Worker>, session: &Rc<Session>, client: Client) -> Result<Opened, End> {
    if http2::is_agreed(session) {
        return Ok(Opened::Serving(http2::serve(Rc::clone(worker), Rc::clone(session), client)));
    }
    wait(worker, session, client, true)
}

fn wait(worker: &Worker, session: &Session, client: Client, is_first: bool) -> Result<Opened, End> {
    let waiting = Waiting::new(worker, session, client, is_first).ok_or(End::Closed(Side::Evenkeel))?;
    Ok(Opened::Waiting(waiting))
}

/// Serves the request that has come, until its client has no more for now, or speaks another protocol.
pub fn serve(worker: Rc<Worker>, session: Rc<Session>, mut client: Client, arrival: Arrival) -> Open {
    let Arrival::Head(head) = arrival else { return http2::serve(worker, session, client) };
    Box::pin(async move {
        let next = serve_one(&worker, &session, &mut client, head).await;
        match next {
            Next::Request => {
                session.serving().into_iter().for_each(|serving| serving.rest());
                wait(&worker, &session, client, false)
            }
            Next::Close => Err(End::Closed(Side::Evenkeel)),
            Next::Relay(established) => Ok(Opened::Relay(*established)),
        }
    })
}

async fn serve_one(worker: &Rc<Worker>, session: &Rc<Session>, client: &mut Client, head: Head) -> Next {
    match head {
        Head::Request(exchange) => {
            let mut running = Running { worker, session, client, exchange };
            let Running { client, exchange, .. } = &mut running;
            let (outcome, upgraded) = exchange.run(worker, session, client).await;
            conclude(worker, session, client, exchange, outcome, upgraded).await
        }
        Head::Refused(refused) => {
            let outcome = Outcome::Refused(refused.refusal);
            let (onward, method) = (refused.onward(), refused.method());
            let patience = Patience::WITH_STRANGERS;
            let told = answer::refuse(worker, session, client, outcome, (method, onward), patience).await;
            tell::refused(worker, session, &refused, told);
            match told.broken {
                Some(_) => client.cut(),
                None => leave::leave(worker, session, client, patience.pause).await,
            }
            Next::Close
        }
    }
}

/// Serves the one request of a stream of HTTP/2.
pub fn serve_stream(worker: Rc<Worker>, session: Rc<Session>, client: Client) -> Open {
    // Not in the future, which would have a place for the client beside this one: what is above 1,032 bytes the allocator
    // does not keep at hand for the next stream.
    let Some(mut waiting) = Waiting::new(&worker, &session, client, true) else {
        return Box::pin(ready(Err(End::Closed(Side::Evenkeel))));
    };
    Box::pin(async move {
        let head = poll_fn(|_| waiting.advance_stream(&worker, &session)).await?;
        let mut client = waiting.into_client();
        if let Next::Relay(established) = serve_one(&worker, &session, &mut client, head).await {
            return Ok(Opened::Relay(*established));
        }
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
    mut outcome: Outcome,
    upgraded: Option<Box<Established>>,
) -> Next {
    let told = tell_client(worker, session, client, exchange, outcome).await;
    let broken = told.and_then(|told| told.broken);
    if outcome == Outcome::Ruled {
        // Of others it matters more why they came to nothing.
        outcome = broken.unwrap_or(outcome);
    }
    tell::ended(worker, session, exchange, outcome);
    if let Some(established) = upgraded {
        return Next::Relay(established);
    }
    let is_whole = broken.is_none() && (outcome.is_ok() || told.is_some());
    if exchange.keeps() && is_whole {
        return Next::Request;
    }
    if !is_whole {
        // What was cut must not look like an end.
        client.cut();
    } else if !exchange.is_body_gone() || client.has_more(session) {
        leave::leave(worker, session, client, exchange.patience().pause).await;
    } else {
        client.close(session, worker.tools.borrow_mut().cipher());
    }
    Next::Close
}

/// Tells the client what a route of ours says, or that its request came to nothing, if it is to be told something by us.
async fn tell_client(
    worker: &Worker,
    session: &Session,
    client: &mut Client,
    exchange: &mut Exchange,
    outcome: Outcome,
) -> Option<Told> {
    let told = if let Some(said) = exchange.way.said.take() {
        let onward = exchange.onward(exchange.is_body_gone());
        exchange.status = Some(said.status);
        answer::rule(worker, session, client, (exchange, &said), onward).await
    } else {
        exchange.status = Some(outcome.status().filter(|_| !exchange.is_answered)?);
        let onward = exchange.onward(exchange.is_body_gone() && !matches!(outcome, Outcome::Refused(_)));
        let how = (Some(exchange.method), onward);
        answer::refuse(worker, session, client, outcome, how, exchange.patience()).await
    };
    exchange.note_told(told);
    Some(told)
}

impl Worker {
    /// A link became ready: whose go it is at once. Others that it has news for get one after that.
    pub fn on_link(&self, place: Row, readiness: Readiness) -> Option<Row> {
        self.http.links.on_ready((place, readiness), self.reactor.now(), |row| self.queue_row(row))
    }

    /// Closes links that have waited for too long, or been silent.
    pub fn sweep_links(&self) {
        self.http.links.sweep(self.reactor.now(), |row| self.queue_row(row));
    }

    /// Sends what requests have put into their links since those were driven.
    pub fn drive_links(&self) {
        self.http.links.drive_due(self.reactor.now(), |row| self.queue_row(row));
    }
}
