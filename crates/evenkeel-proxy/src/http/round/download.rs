//! From the backend to the client.

use super::{Beginning, Hand, Rest, Round, RoundEnd};
use crate::http::exchange::{Exchange, Terms};
use crate::http::http2::Failed;
use crate::http::judge;
use crate::http::port::Came;
use crate::shared::count;
use evenkeel_core::http::body::Passage;
use evenkeel_core::http::failing::Failing;
use evenkeel_core::http::framing::Framing;
use evenkeel_core::http::grpc::Call;
use evenkeel_core::http::head::Seeker;
use evenkeel_core::http::outcome::Outcome;
use evenkeel_core::http::response::{HEAD_MAX, Response};
use evenkeel_core::http::version::Version;
use evenkeel_core::http::write::{self, Onward};
use evenkeel_core::live::Answer;

/// Answers before the answer, at most.
const INTERIM_MAX: u32 = 16;

impl Round<'_, '_> {
    /// Takes bytes of the answer from the backend to the client, once.
    pub(super) fn download(&mut self, hand: &mut Hand<'_>) -> Option<RoundEnd> {
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
        let most = self.client.room();
        let came = self.reached.lease.with_port(|port| {
            let room = had.saturating_add(port.room(most)).min(hand.scratch.len());
            port.recv(&mut hand.scratch[had..room], hand.cipher)
        });
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
        match answer.map(|response| self.begin_answer(&response, &came[at..], hand.out)) {
            None => self.exchange.head_to_client += hand.out.len() as u64,
            Some(Ok(())) => {}
            Some(Err(end)) => return Some(end),
        }
        self.give_to_client(None, hand)
    }

    /// The answer begins with `response`, and so much of its body; writes to `out` what the client gets of it.
    fn begin_answer(
        &mut self,
        response: &Response<'_>,
        body: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<(), RoundEnd> {
        self.exchange.status = Some(response.status);
        let is_upgrade = response.status == 101;
        let may_upgrade = self.exchange.may_upgrade && self.exchange.body.is_done();
        if is_upgrade && !(may_upgrade && response.upgrade.is_some()) {
            return Err(RoundEnd::Failed(Failing::Malformed));
        }
        let call = Call::of(response);
        if call.is_none() {
            let said = Answer::Http(response.status);
            judge::answered(self.worker, self.reached, said, self.exchange.began);
        }
        let keeps = self.exchange.body.is_done() && !Terms::last(self.worker, self.session);
        let onward: Onward = self.exchange.onward(keeps);
        let Exchange { way, terms, method, .. } = &mut *self.exchange;
        way.name_backend(&terms.rules, self.reached, self.client.is_tls());
        way.name_us(&terms.rules, response.version);
        let framing = write::response(response, *method, onward, Some(way.edited(&terms.rules)), out);
        self.exchange.onward(framing != Framing::UntilEnd);
        let head = out.len() as u64;
        self.in_order = response.keeps;
        self.came = Vec::new();
        if is_upgrade || response.opens_tunnel(self.exchange.method) {
            self.exchange.head_to_client += head;
            out.extend_from_slice(body);
            let to_backend = self.to_backend.take();
            return Err(RoundEnd::Upgraded(Beginning { to_backend, to_client: std::mem::take(out) }));
        }
        let mut answer = Passage::new(response.body, framing, None).answering(call);
        match answer.carry(body, self.exchange.edits_to_client(), out) {
            // Whatever follows was not asked for.
            Ok(used) => self.in_order &= used == body.len(),
            Err(_) => return Err(RoundEnd::Failed(Failing::Malformed)),
        }
        self.exchange.head_to_client += head;
        self.answer = Some(answer);
        if let Some(serving) = self.session.serving() {
            serving.set_aborts_on_close(false);
        }
        Ok(())
    }

    /// The first `length` bytes of the scratch go on with the answer.
    fn on_body(&mut self, length: usize, hand: &mut Hand<'_>) -> Option<RoundEnd> {
        let answer = self.answer.as_mut()?;
        let came = &hand.scratch[..length];
        match answer.as_they_are(came) {
            0 => {
                hand.out.clear();
                match answer.carry(came, self.exchange.edits_to_client(), hand.out) {
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

    fn note_to_client(&mut self, bytes: usize) {
        self.exchange.to_client += bytes as u64;
        count(&self.session.counts.to_client, bytes as u64);
        count(&self.reached.seat.counts.to_client, bytes as u64);
        self.note_moved(bytes, (0, bytes));
    }
}
