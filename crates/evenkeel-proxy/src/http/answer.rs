//! What a client is told by us: that its request came to nothing, and no more than it should know of why.

use super::Client;
use super::exchange::Exchange;
use crate::session::{Interrupted, Session};
use crate::shared::count;
use crate::worker::Worker;
use evenkeel_core::http::method::Method;
use evenkeel_core::http::outcome::{Outcome, phrase};
use evenkeel_core::http::steer::Said;
use evenkeel_core::http::write::{self, Onward};
use std::io;
use std::time::{Duration, Instant};

/// How long a client may take for an answer of ours.
#[derive(Clone, Copy)]
pub struct Patience {
    /// From some bytes that it takes to the next.
    pub pause: Duration,
    /// By when it must have all, if it must.
    pub by: Option<Instant>,
}

impl Patience {
    /// With whom something was said that is no request.
    pub const WITH_STRANGERS: Self = Self { pause: Duration::from_secs(5), by: None };

    /// By when it has to take something, if it does at `now`.
    fn ends(&self, now: Instant) -> Instant {
        let at = now + self.pause;
        self.by.map_or(at, |by| by.min(at))
    }
}

/// What a client was told by us.
#[derive(Clone, Copy, Debug, Default)]
pub struct Told {
    /// Bytes of the head that it took.
    pub head: u64,
    /// Bytes of the body.
    pub body: u64,
    /// What became of the rest, if it has not taken all: nothing else must follow.
    pub broken: Option<Outcome>,
}

impl Told {
    /// So many bytes of what was `said`.
    fn of(said: &[u8], taken: usize, broken: Option<Outcome>) -> Self {
        let end = said.windows(4).position(|four| four == b"\r\n\r\n").map_or(said.len(), |at| at + 4);
        let head = end.min(taken);
        Self { head: head as u64, body: (taken - head) as u64, broken }
    }
}

/// Tells the client the status of `outcome`.
pub async fn refuse(
    worker: &Worker,
    session: &Session,
    client: &mut Client,
    outcome: Outcome,
    (method, onward): (Option<Method>, Onward),
    patience: Patience,
) -> Told {
    let Some(status) = outcome.status() else { return Told::default() };
    let text = format!("{status} {}\n", phrase(status));
    let fields: &[u8] = match status {
        405 => b"Content-Type: text/plain\r\nAllow: GET, HEAD, POST, PUT, DELETE, OPTIONS, PATCH\r\n",
        _ => b"Content-Type: text/plain\r\n",
    };
    let mut said = Vec::new();
    write::answer(status, fields, text.as_bytes(), method, onward, &mut said);
    say(worker, session, client, &said, patience).await
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
    let patience = Patience { by: exchange.by(), ..exchange.patience() };
    say(worker, session, client, &bytes, patience).await
}

/// Says all of `bytes`, however little is taken at a time.
async fn say(
    worker: &Worker,
    session: &Session,
    client: &mut Client,
    bytes: &[u8],
    patience: Patience,
) -> Told {
    let (mut given, mut taken) = (0, 0);
    let broken = loop {
        let by = patience.ends(worker.reactor.now());
        let more = session.until(worker, by, || give(worker, session, client, &bytes[given..])).await;
        if matches!(more, Ok(Ok(_))) || client.is_flushed() {
            note_taken(worker, session, given - taken);
            taken = given;
        }
        match more {
            Ok(Ok(0)) => break None,
            Ok(Ok(more)) => given += more,
            Ok(Err(_)) | Err(Interrupted::ClientLeft) => break Some(Outcome::ClientLeft),
            Err(Interrupted::TooLate) => break Some(Outcome::Stalled),
        }
    };
    Told::of(bytes, taken, broken)
}

/// Gives the client some of the `rest` once it has taken all before; `None`: it takes nothing now.
fn give(worker: &Worker, session: &Session, client: &mut Client, rest: &[u8]) -> Option<io::Result<usize>> {
    let mut tools = worker.tools.borrow_mut();
    let (_, cipher) = tools.buffers();
    let most = rest.len().min(client.room());
    let mut port = client.port(&session.client_ready);
    match port.flush() {
        Ok(true) if most == 0 => Some(Ok(0)),
        Ok(true) => Some(port.send(&rest[..most], cipher)).filter(|sent| !matches!(sent, Ok(0))),
        Ok(false) => None,
        Err(error) => Some(Err(error)),
    }
}

fn note_taken(worker: &Worker, session: &Session, bytes: usize) {
    if bytes == 0 {
        return;
    }
    count(&session.counts.to_client, bytes as u64);
    worker.note_moved(bytes as u64);
    if let Some(serving) = session.serving() {
        serving.on_moved(session, (0, bytes), worker.reactor.now());
        serving.set_aborts_on_close(false);
    }
}
