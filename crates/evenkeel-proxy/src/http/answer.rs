//! What a client is told by us: that its request came to nothing, and no more than it should know of why.

use super::Client;
use super::exchange::Exchange;
use super::port::Came;
use crate::session::Session;
use crate::worker::Worker;
use evenkeel_core::http::method::Method;
use evenkeel_core::http::outcome::{Outcome, phrase};
use evenkeel_core::http::steer::Said;
use evenkeel_core::http::write::{self, Onward};
use std::time::Duration;

/// How long an answer of ours may take to be sent.
const PATIENCE: Duration = Duration::from_secs(5);

/// How long a client whose connection is closed may go on saying what nobody wants to hear: a connection that is closed with
/// bytes unread is reset, which might overtake the answer.
const LINGER: Duration = Duration::from_secs(2);

/// Bytes of that, at most.
const LINGER_BYTES: usize = 256 * 1024;

/// What a client was told by us.
#[derive(Clone, Copy, Debug, Default)]
pub struct Told {
    /// Bytes of the head.
    pub head: u64,
    /// Bytes of the body.
    pub body: u64,
}

impl Told {
    fn of(said: &[u8]) -> Self {
        let end = said.windows(4).position(|four| four == b"\r\n\r\n").map_or(said.len(), |at| at + 4);
        Self { head: end as u64, body: (said.len() - end) as u64 }
    }
}

/// Tells the client the status of `outcome`.
pub async fn refuse(
    worker: &Worker,
    session: &Session,
    client: &mut Client,
    outcome: Outcome,
    method: Option<Method>,
    onward: Onward,
) -> Told {
    let Some(status) = outcome.status() else { return Told::default() };
    let text = format!("{status} {}\n", phrase(status));
    let fields: &[u8] = match status {
        405 => b"Content-Type: text/plain\r\nAllow: GET, HEAD, POST, PUT, DELETE, OPTIONS, PATCH\r\n",
        _ => b"Content-Type: text/plain\r\n",
    };
    let mut said = Vec::new();
    write::answer(status, fields, text.as_bytes(), method, onward, &mut said);
    say(worker, session, client, &said).await;
    Told::of(&said)
}

/// Tells the client what a route of ours says.
pub async fn rule(
    worker: &Worker,
    session: &Session,
    client: &mut Client,
    (exchange, said): (&Exchange, &Said),
    onward: Onward,
) -> Told {
    let edited = exchange.way.edited(&exchange.terms.rules);
    let fields = [&said.fields, edited.lines].concat();
    let mut bytes = Vec::new();
    write::answer(said.status, &fields, &said.body, Some(exchange.method), onward, &mut bytes);
    say(worker, session, client, &bytes).await;
    Told::of(&bytes)
}

/// Sends `bytes`, however little is taken at a time.
async fn say(worker: &Worker, session: &Session, client: &mut Client, bytes: &[u8]) {
    let mut sent = 0;
    let send = || {
        let mut tools = worker.tools.borrow_mut();
        let (_, cipher) = tools.buffers();
        let mut port = client.port(&session.client_ready);
        match port.send(&bytes[sent..], cipher) {
            Ok(taken) => sent += taken,
            Err(_) => return Some(()),
        }
        (sent == bytes.len() && port.flush().unwrap_or(true)).then_some(())
    };
    let _ = session.until(worker, worker.reactor.now() + PATIENCE, send).await;
}

/// Ends our side, and waits for the client to end its.
pub async fn leave(worker: &Worker, session: &Session, client: &mut Client) {
    if client.is_stream() {
        return;
    }
    let mut heard = 0;
    client.port(&session.client_ready).close(worker.tools.borrow_mut().cipher());
    let hear = || {
        let mut tools = worker.tools.borrow_mut();
        let (scratch, cipher) = tools.buffers();
        loop {
            match client.port(&session.client_ready).recv(scratch, cipher) {
                Came::Bytes(bytes) if heard < LINGER_BYTES => heard += bytes,
                Came::Nothing => return None,
                Came::Bytes(_) | Came::End | Came::Lost => return Some(()),
            }
        }
    };
    let _ = session.until(worker, worker.reactor.now() + LINGER, hear).await;
}
