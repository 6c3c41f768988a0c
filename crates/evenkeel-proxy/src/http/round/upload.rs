//! From the client to the backend.

use super::{Hand, Rest, Round, RoundEnd};
use crate::http::port::Came;
use crate::shared::count;
use evenkeel_core::http::outcome::Outcome;

impl Round<'_, '_> {
    /// Takes bytes of the request from the client to the backend, once.
    pub(super) fn upload(&mut self, hand: &mut Hand<'_>) -> Option<RoundEnd> {
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
    pub(super) fn note_sent(&mut self) {
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
            match self.exchange.carry(&held, hand.out) {
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
                match self.exchange.carry(came, hand.out) {
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

    fn note_to_backend(&mut self, bytes: usize) {
        self.exchange.to_backend += bytes as u64;
        count(&self.session.counts.to_backend, bytes as u64);
        count(&self.reached.seat.counts.to_backend, bytes as u64);
        self.note_moved(bytes, (bytes, 0));
    }
}
