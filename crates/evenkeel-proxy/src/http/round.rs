//! One try to have a request answered by one backend: its bytes go there, the answer's come back, both at once, and never more
//! of either is taken than the other side takes.

use super::exchange::{Exchange, Terms};
use super::http2::Failed;
use super::judge;
use super::port::{Came, Port};
use super::reach::Reached;
use super::{Client, Desk};
use crate::session::Session;
use crate::shared::count;
use crate::worker::Worker;
use evenkeel_core::attempt::Answer;
use evenkeel_core::end::End;
use evenkeel_core::http::body::{Framing, Passage};
use evenkeel_core::http::grpc::Call;
use evenkeel_core::http::head::{Lines, Seeker};
use evenkeel_core::http::outcome::{Failing, Outcome, Refusal};
use evenkeel_core::http::request::Version;
use evenkeel_core::http::response::{HEAD_MAX, Response};
use evenkeel_core::http::write::{self, Onward};
use std::future::poll_fn;
use std::rc::Rc;
use std::task::Poll;
use std::time::Instant;

/// Bytes that it may move in one turn before others get theirs.
const TURN_BYTES: u64 = 256 * 1024;

/// Bytes in one exchange after which it waits on the list of those that move many.
const BULK_BYTES: u64 = 256 * 1024;

/// Answers before the answer, at most.
const INTERIM_MAX: u32 = 16;

/// What a try came to.
pub enum RoundEnd {
    /// The client has the whole answer.
    Done,
    /// Both sides change to another protocol; this is what the client is to get first.
    Upgraded(Vec<u8>),
    /// There is no answer, and the client has got nothing.
    Failed(Failing),
    /// There will be none.
    Over(Outcome),
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
        let (at, end) = match &self.answer {
            Some(_) => (self.moved_at + timeouts.body, RoundEnd::Over(Outcome::Stalled)),
            None if is_sent => (self.moved_at + timeouts.response, RoundEnd::Failed(Failing::Late)),
            None if self.to_backend.bytes.is_empty() && self.reached.lease.is_flushed() => {
                (self.moved_at + timeouts.body, RoundEnd::Over(Outcome::Refused(Refusal::BodyLate)))
            }
            None => (self.moved_at + timeouts.body, RoundEnd::Failed(Failing::Late)),
        };
        match timeouts.request.map(|limit| self.exchange.began + limit) {
            Some(whole) if whole < at && self.answer.is_some() => (whole, RoundEnd::Over(Outcome::Stalled)),
            Some(whole) if whole < at => (whole, RoundEnd::Failed(Failing::Late)),
            _ => (at, end),
        }
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
        if self.session.client_ready.get().broken() {
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

    /// Takes bytes of the request from the client to the backend, once.
    fn upload(&mut self, hand: &mut Hand<'_>) -> Option<RoundEnd> {
        if self.is_deaf {
            return None;
        }
        if !std::mem::replace(&mut self.has_begun, true) {
            return self.send_head(hand);
        }
        let mut taken = 0;
        let rest = &mut self.to_backend;
        let flushed = self.reached.lease.with_port(|port| rest.flush(port, hand.cipher, &mut taken));
        self.note_to_backend(taken);
        match flushed {
            Ok(true) if !self.exchange.body.is_done() => self.send_body(hand),
            Ok(_) => None,
            Err(_) => {
                self.is_deaf = true;
                None
            }
        }
    }

    /// Notes when the last of it was taken.
    fn note_sent(&mut self) {
        let is_taken = self.has_begun && self.exchange.body.is_done() && self.to_backend.bytes.is_empty();
        if is_taken && !self.is_deaf {
            self.exchange.sent.get_or_insert(self.worker.reactor.now());
        }
    }

    fn send_head(&mut self, hand: &mut Hand<'_>) -> Option<RoundEnd> {
        let head = std::mem::take(&mut self.exchange.head);
        let mut end = None;
        if self.client.held.is_empty() || self.exchange.body.is_done() {
            self.give_to_backend(&head, hand.cipher);
        } else {
            // With what has come of the body already: one call for both.
            hand.out.clear();
            hand.out.extend_from_slice(&head);
            let held = std::mem::take(&mut self.client.held);
            self.exchange.is_body_touched = true;
            match self.exchange.body.carry(&held, hand.out) {
                Ok(used) => {
                    self.client.held = held[used..].to_vec();
                    self.give_to_backend(hand.out, hand.cipher);
                }
                Err(refusal) => end = Some(RoundEnd::Over(Outcome::Refused(refusal))),
            }
        }
        self.exchange.head = head;
        end
    }

    fn send_body(&mut self, hand: &mut Hand<'_>) -> Option<RoundEnd> {
        let length = if self.client.held.is_empty() {
            match self.client.port(&self.session.client_ready).recv(hand.scratch, hand.cipher) {
                Came::Bytes(bytes) => bytes,
                Came::Nothing => return None,
                Came::End | Came::Lost => return Some(RoundEnd::Over(Outcome::ClientLeft)),
            }
        } else {
            self.client.take_held(hand.scratch)
        };
        self.has_heard = true;
        self.exchange.is_body_touched = true;
        let came = &hand.scratch[..length];
        let used = match self.exchange.body.as_they_are(came) {
            0 => {
                hand.out.clear();
                match self.exchange.body.carry(came, hand.out) {
                    Ok(used) => used,
                    Err(refusal) => return Some(RoundEnd::Over(Outcome::Refused(refusal))),
                }
            }
            bytes => {
                self.exchange.body.on_passed(bytes);
                self.client.hold(&came[bytes..]);
                self.give_to_backend(&hand.scratch[..bytes], hand.cipher);
                return None;
            }
        };
        self.client.hold(&came[used..]);
        self.give_to_backend(hand.out, hand.cipher);
        None
    }

    /// What is not taken now is kept. A backend that takes nothing may have answered already.
    fn give_to_backend(&mut self, bytes: &[u8], cipher: &mut [u8]) {
        match self.reached.lease.with_port(|port| port.send(bytes, cipher)) {
            Ok(taken) => {
                if taken < bytes.len() {
                    self.to_backend = Rest::of(&bytes[taken..]);
                }
                self.note_to_backend(taken);
            }
            Err(_) => self.is_deaf = true,
        }
    }

    /// Takes bytes of the answer from the backend to the client, once.
    fn download(&mut self, hand: &mut Hand<'_>) -> Option<RoundEnd> {
        let mut taken = 0;
        let mut port = self.client.port(&self.session.client_ready);
        let flushed = self.to_client.flush(&mut port, hand.cipher, &mut taken);
        self.note_to_client(taken);
        match flushed {
            Ok(true) if self.is_over() => return Some(RoundEnd::Done),
            Ok(true) => {}
            Ok(false) => return None,
            Err(_) => return Some(RoundEnd::Over(Outcome::ClientLeft)),
        }
        let had = self.came.len();
        hand.scratch[..had].copy_from_slice(&self.came);
        let room = had.saturating_add(self.client.room()).min(hand.scratch.len());
        let room = &mut hand.scratch[had..room];
        let came = self.reached.lease.with_port(|port| port.recv(room, hand.cipher));
        let end = match came {
            Came::Bytes(bytes) => {
                self.exchange.first_byte.get_or_insert(self.worker.reactor.now());
                self.note_moved(bytes, (0, 0));
                match self.answer {
                    None => self.on_head(had + bytes, hand),
                    Some(_) => self.on_body(bytes, hand),
                }
            }
            Came::Nothing => None,
            Came::End => self.on_end(hand),
            Came::Lost => Some(self.on_lost()),
        };
        end.or_else(|| self.is_over().then_some(RoundEnd::Done))
    }

    /// Whether the client has everything.
    fn is_over(&self) -> bool {
        let is_flushed = self.client.is_flushed();
        self.answer.as_ref().is_some_and(Passage::is_done) && self.to_client.bytes.is_empty() && is_flushed
    }

    /// The first `length` bytes of the scratch are the beginning of the answer.
    fn on_head(&mut self, length: usize, hand: &mut Hand<'_>) -> Option<RoundEnd> {
        let malformed = Some(RoundEnd::Failed(Failing::Malformed));
        let came = &hand.scratch[..length];
        let mut at = 0;
        hand.out.clear();
        let answer = loop {
            let end = match self.seeker.end(&came[at..]) {
                Ok(Some(end)) => end,
                Ok(None) if length - at >= HEAD_MAX => return Some(RoundEnd::Failed(Failing::TooLong)),
                Ok(None) => {
                    self.came = came[at..].to_vec();
                    break None;
                }
                Err(_) => return malformed,
            };
            self.seeker = Seeker::default();
            let Ok(response) = Response::parse(&came[at..at + end], self.exchange.method, hand.lines) else {
                return malformed;
            };
            at += end;
            if !response.is_interim() {
                break Some(response);
            }
            self.interim += 1;
            if self.interim > INTERIM_MAX {
                return malformed;
            }
            let onward = self.exchange.onward(true);
            if onward.version > Version::Http10 {
                write::response(&response, self.exchange.method, onward, None, hand.out);
            }
        };
        let Some(response) = answer else {
            self.exchange.head_to_client += hand.out.len() as u64;
            return self.give_to_client(None, hand);
        };
        self.exchange.status = Some(response.status);
        let is_upgrade = response.status == 101;
        if is_upgrade && !(self.exchange.may_upgrade && response.upgrade.is_some()) {
            return malformed;
        }
        let call = Call::of(&response);
        if call.is_none() {
            let said = Answer::Http(response.status);
            judge::answered(self.worker, self.reached, said, self.exchange.began);
        }
        let keeps = self.exchange.body.is_done() && !Terms::last(self.worker, self.session);
        let onward: Onward = self.exchange.onward(keeps);
        let Exchange { way, terms, method, .. } = &mut *self.exchange;
        way.name_backend(&terms.rules, self.reached, self.client.is_tls());
        way.name_us(&terms.rules, response.version);
        let edited = Some(way.edited(&terms.rules));
        let framing = write::response(&response, *method, onward, edited, hand.out);
        self.exchange.onward(framing != Framing::UntilEnd);
        self.exchange.head_to_client += hand.out.len() as u64;
        self.in_order = response.keeps;
        let mut answer = Passage::new(response.body, framing, None).answering(call);
        self.came = Vec::new();
        if is_upgrade || response.opens_tunnel(self.exchange.method) {
            hand.out.extend_from_slice(&came[at..]);
            return Some(RoundEnd::Upgraded(std::mem::take(hand.out)));
        }
        match answer.carry(&came[at..], hand.out) {
            // Whatever follows was not asked for.
            Ok(used) => self.in_order &= at + used == length,
            Err(_) => return malformed,
        }
        self.answer = Some(answer);
        self.give_to_client(None, hand)
    }

    /// The first `length` bytes of the scratch go on with the answer.
    fn on_body(&mut self, length: usize, hand: &mut Hand<'_>) -> Option<RoundEnd> {
        let answer = self.answer.as_mut()?;
        let came = &hand.scratch[..length];
        match answer.as_they_are(came) {
            0 => {
                hand.out.clear();
                match answer.carry(came, hand.out) {
                    Ok(used) => self.in_order &= used == length,
                    Err(_) => return Some(RoundEnd::Over(Outcome::CutShort)),
                }
                self.give_to_client(None, hand)
            }
            bytes => {
                answer.on_passed(bytes);
                self.in_order &= bytes == length;
                self.give_to_client(Some(bytes), hand)
            }
        }
    }

    /// The backend has ended its side.
    fn on_end(&mut self, hand: &mut Hand<'_>) -> Option<RoundEnd> {
        self.in_order = false;
        hand.out.clear();
        match self.answer.as_mut().map(|answer| answer.on_end(hand.out)) {
            None => Some(RoundEnd::Failed(Failing::Closed)),
            Some(true) => self.give_to_client(None, hand),
            Some(false) => Some(RoundEnd::Over(Outcome::CutShort)),
        }
    }

    fn on_lost(&mut self) -> RoundEnd {
        self.in_order = false;
        match &self.answer {
            None if self.reached.lease.failed() == Some(Failed::Silent) => RoundEnd::Failed(Failing::Silent),
            None => RoundEnd::Failed(Failing::Reset),
            Some(_) => RoundEnd::Over(Outcome::CutShort),
        }
    }

    /// Sends so many bytes of the scratch, or all that was written; what is not taken now is kept.
    fn give_to_client(&mut self, of_scratch: Option<usize>, hand: &mut Hand<'_>) -> Option<RoundEnd> {
        let bytes = match of_scratch {
            Some(length) => &hand.scratch[..length],
            None => &hand.out[..],
        };
        let sent = self.client.port(&self.session.client_ready).send(bytes, hand.cipher);
        let Ok(taken) = sent else { return Some(RoundEnd::Over(Outcome::ClientLeft)) };
        if taken < bytes.len() {
            self.to_client = Rest::of(&bytes[taken..]);
        }
        self.note_to_client(taken);
        None
    }

    fn note_to_backend(&mut self, bytes: usize) {
        self.exchange.to_backend += bytes as u64;
        count(&self.session.counts.to_backend, bytes as u64);
        count(&self.reached.seat.counts.to_backend, bytes as u64);
        self.note_moved(bytes, (bytes, 0));
    }

    fn note_to_client(&mut self, bytes: usize) {
        self.exchange.to_client += bytes as u64;
        count(&self.session.counts.to_client, bytes as u64);
        count(&self.reached.seat.counts.to_client, bytes as u64);
        self.note_moved(bytes, (0, bytes));
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
