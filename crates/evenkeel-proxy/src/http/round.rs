//! One try to have a request answered by one backend: its bytes go there, the answer's come back, both at once, and never more
//! of either is taken than the other side takes.

mod download;
mod upload;

use super::exchange::Exchange;
use super::judge;
use super::port::Port;
use super::reach::Reached;
use super::{Client, Desk};
use crate::session::Session;
use crate::worker::Worker;
use evenkeel_core::end::End;
use evenkeel_core::http::body::Passage;
use evenkeel_core::http::failing::Failing;
use evenkeel_core::http::head::{Lines, Seeker};
use evenkeel_core::http::outcome::Outcome;
use evenkeel_core::http::refusal::Refusal;
use evenkeel_core::live::Answer;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::Poll;
use std::time::Instant;

/// Bytes that it may move in one turn before others get theirs.
const TURN_BYTES: u64 = 256 * 1024;

/// Bytes in one exchange after which it waits on the list of those that move many.
const BULK_BYTES: u64 = 256 * 1024;

/// What a try came to.
pub enum RoundEnd {
    /// The client has the whole answer.
    Done,
    /// Both sides change to another protocol, which begins with this.
    Upgraded(Beginning),
    /// There is no answer, and the client has got nothing.
    Failed(Failing),
    /// There will be none.
    Over(Outcome),
}

/// What each side is still to get of HTTP when another protocol follows.
pub struct Beginning {
    /// The rest of the request.
    pub to_backend: Vec<u8>,
    /// The answer.
    pub to_client: Vec<u8>,
}

/// One try.
pub struct Round<'a, 'r> {
    worker: &'a Rc<Worker>,
    session: &'a Session,
    client: &'a mut Client,
    exchange: &'a mut Exchange,
    reached: &'a Reached<'r>,
    has_begun: bool,
    /// The backend takes nothing more.
    is_deaf: bool,
    to_backend: Rest,
    to_client: Rest,
    /// Of the answer's head, what has come so far.
    came: Vec<u8>,
    seeker: Seeker,
    interim: u32,
    /// The answer's body, once its head has come.
    answer: Option<Passage>,
    /// Whether the link may serve again.
    in_order: bool,
    moved: u64,
    moved_at: Instant,
    /// The last order that it has heard.
    heard: u64,
    /// Whether the client has said something in this step, of which perhaps nothing is passed on: the length of a chunk.
    has_heard: bool,
}

/// What a worker lends for a turn.
struct Hand<'t> {
    scratch: &'t mut [u8],
    cipher: &'t mut [u8],
    out: &'t mut Vec<u8>,
    lines: &'t mut Lines,
}

/// Bytes that were to be sent and not taken.
#[derive(Default)]
struct Rest {
    bytes: Vec<u8>,
    sent: usize,
}

impl Rest {
    fn of(bytes: &[u8]) -> Self {
        Self { bytes: bytes.to_vec(), sent: 0 }
    }

    /// Sends what is left; whether nothing is, not even in the tunnel. Adds what was taken to `taken`.
    fn flush(&mut self, port: &mut Port<'_>, cipher: &mut [u8], taken: &mut usize) -> std::io::Result<bool> {
        if self.sent < self.bytes.len() {
            let sent = port.send(&self.bytes[self.sent..], cipher)?;
            *taken += sent;
            self.sent += sent;
            if self.sent < self.bytes.len() {
                return Ok(false);
            }
            *self = Self::default();
        }
        port.flush()
    }

    /// What is left.
    fn take(&mut self) -> Vec<u8> {
        let Self { bytes, sent } = std::mem::take(self);
        bytes[sent..].to_vec()
    }
}

impl<'a, 'r> Round<'a, 'r> {
    /// To send `exchange` to the backend that was `reached`.
    pub fn new(
        worker: &'a Rc<Worker>,
        session: &'a Session,
        client: &'a mut Client,
        exchange: &'a mut Exchange,
        reached: &'a Reached<'r>,
    ) -> Self {
        exchange.cut_by = None;
        Self {
            worker,
            session,
            client,
            exchange,
            reached,
            has_begun: false,
            is_deaf: false,
            to_backend: Rest::default(),
            to_client: Rest::default(),
            came: Vec::new(),
            seeker: Seeker::default(),
            interim: 0,
            answer: None,
            in_order: true,
            moved: 0,
            moved_at: worker.reactor.now(),
            heard: worker.http.orders.last(),
            has_heard: false,
        }
    }

    /// Tries it; says what came of that, and whether the link may serve again.
    pub async fn run(mut self) -> (RoundEnd, bool) {
        let end = poll_fn(|_| {
            self.hear();
            if let Some(end) = self.advance() {
                return Poll::Ready(end);
            }
            let (at, end) = self.deadline();
            if self.worker.reactor.now() >= at {
                return Poll::Ready(end);
            }
            let at = self.worker.drains_by().map_or(at, |by| by.min(at));
            self.worker.reactor.arm_by(self.session.row.index, at);
            Poll::Pending
        })
        .await;
        self.note_call();
        // Also of an answer before the answer: what follows a part of it would be taken for the rest.
        self.exchange.is_answered = self.answer.is_some() || !self.to_client.bytes.is_empty();
        if let Some(serving) = self.session.serving() {
            serving.set_bulk(false);
        }
        (end, self.in_order && self.is_taken())
    }

    /// Whether the backend's socket has taken the whole request: it may answer before that, and what follows on the link would
    /// be the rest to it.
    fn is_taken(&self) -> bool {
        let is_flushed = self.to_backend.bytes.is_empty() && self.reached.lease.is_flushed();
        self.exchange.body.is_done() && !self.is_deaf && is_flushed
    }

    /// A call is judged at its end: its head says 200, whatever becomes of it.
    fn note_call(&mut self) {
        let Some(call) = self.answer.as_ref().filter(|it| it.is_done()).and_then(Passage::call) else {
            return;
        };
        self.exchange.grpc = call.status();
        let said = call.status().map(Answer::Grpc).or(self.exchange.status.map(Answer::Http));
        said.into_iter()
            .for_each(|said| judge::answered(self.worker, self.reached, said, self.exchange.began));
    }

    /// By when something has to happen, and what it means if nothing does.
    fn deadline(&self) -> (Instant, RoundEnd) {
        let (at, end) = self.impatience();
        match self.exchange.cut_by {
            Some(by) if by < at && self.answer.is_none() => (by, RoundEnd::Failed(Failing::Left)),
            Some(by) if by < at => (by, RoundEnd::Over(Outcome::Cut(End::Drained))),
            _ => (at, end),
        }
    }

    /// The same, as far as the service is configured.
    fn impatience(&self) -> (Instant, RoundEnd) {
        let timeouts = &self.exchange.terms.rules.timeouts;
        let is_sent = self.exchange.body.is_done() || self.is_deaf;
        let (patience, end) = match &self.answer {
            Some(_) => (timeouts.body, RoundEnd::Over(Outcome::Stalled)),
            None if is_sent => (timeouts.response, RoundEnd::Failed(Failing::Late)),
            None if self.to_backend.bytes.is_empty() && self.reached.lease.is_flushed() => {
                (timeouts.body, RoundEnd::Over(Outcome::Refused(Refusal::BodyLate)))
            }
            None => (timeouts.body, RoundEnd::Failed(Failing::Late)),
        };
        let at = self.moved_at + patience;
        (self.exchange.by().map_or(at, |by| by.min(at)), end)
    }

    /// Takes note of orders that have come since it has heard one.
    fn hear(&mut self) {
        let orders = &self.worker.http.orders;
        if self.heard < orders.last() {
            let (by, heard) = orders.hear(self.worker, self.session, self.heard);
            self.heard = heard;
            self.exchange.cut_by = self.exchange.cut_by.into_iter().chain(by).min();
        }
    }

    /// Moves what can be moved now.
    fn advance(&mut self) -> Option<RoundEnd> {
        if self.session.has_left() {
            return Some(RoundEnd::Over(Outcome::ClientLeft));
        }
        let worker = Rc::clone(self.worker);
        let (mut tools, mut desk) = (worker.tools.borrow_mut(), worker.http.desk.borrow_mut());
        let (scratch, cipher) = tools.buffers();
        let Desk { out, lines } = &mut *desk;
        let mut hand = Hand { scratch, cipher, out, lines };
        let begun_at = self.moved;
        loop {
            let before = self.moved;
            self.has_heard = false;
            let end = self.upload(&mut hand);
            self.note_sent();
            let end = end.or_else(|| self.download(&mut hand));
            if end.is_some() {
                return end;
            }
            if self.moved == before && !self.has_heard {
                return None;
            }
            if self.moved - begun_at >= TURN_BYTES {
                drop((tools, desk));
                worker.queue_row(self.session.row);
                return None;
            }
        }
    }

    /// So many bytes were moved; so many of them were taken by the backend, and by the client.
    fn note_moved(&mut self, bytes: usize, taken: (usize, usize)) {
        if bytes == 0 {
            return;
        }
        self.moved += bytes as u64;
        self.moved_at = self.worker.reactor.now();
        self.worker.note_moved(bytes as u64);
        if let Some(serving) = self.session.serving() {
            serving.on_moved(self.session, taken, self.moved_at);
            serving.set_bulk(self.moved >= BULK_BYTES);
        }
    }
}
