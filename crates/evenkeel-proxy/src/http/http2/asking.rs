//! A connection to a backend that speaks HTTP/2, and the requests that it carries.
//!
//! Who asks has to do with an errand only, in memory. The connection is driven apart from that, and says whom it has news for.

use super::errand::{Errand, Failed};
use super::limits;
use super::wire::{Desk, Turn, Wire};
use crate::http::port::Came;
use crate::reactor::Row;
use crate::tls::Tunnel;
use evenkeel_core::http2::endpoint::{Endpoint, Event};
use evenkeel_core::http2::silence::{Due, Silence};
use evenkeel_core::http2::unpacked::Unpacked;
use evenkeel_sys::poll::Readiness;
use std::cell::{Cell, RefCell};
use std::os::fd::OwnedFd;
use std::rc::Rc;
use std::time::Instant;

/// The connection.
pub struct Asking {
    wire: Rc<Wire>,
    /// Whom a request is for that does not say so.
    authority: Box<str>,
    endpoint: Endpoint,
    /// How long the backend has said nothing.
    silence: Silence,
    /// Whether nothing more comes or goes.
    is_over: bool,
    /// Whether that is so as nothing came any more.
    is_silent: bool,
    /// By their numbers, which grow.
    errands: Vec<Errand>,
    begun: u64,
    /// How many more requests were taken back than answered.
    taken_back: usize,
    /// Whose go it is first: the room for all of them goes round.
    first: u64,
}

impl Asking {
    /// Through `socket`, and `tunnel` if that is TLS, to a backend at `authority`, whose `silence` begins.
    pub fn new(
        (socket, mut tunnel): (OwnedFd, Option<Tunnel>),
        authority: String,
        silence: Silence,
        desk: Rc<RefCell<Desk>>,
    ) -> Self {
        let early = tunnel.as_mut().map(Tunnel::take_early).unwrap_or_default();
        let wire = Rc::new(Wire::new(socket, tunnel.map(Box::new), desk));
        let mut turn = wire.begin(Readiness::NONE);
        let endpoint = Endpoint::client(limits::of_backends(), &mut turn.out);
        let mut asking = Self {
            wire: Rc::clone(&wire),
            authority: authority.into(),
            endpoint,
            silence,
            is_over: false,
            is_silent: false,
            errands: Vec::new(),
            begun: 0,
            taken_back: 0,
            first: 0,
        };
        let now = asking.silence.since();
        asking.take(&early, &mut turn.desk.unpacked, &mut turn.out, now);
        drop(turn);
        asking
    }

    /// Its socket.
    pub fn socket(&self) -> &OwnedFd {
        &self.wire.socket
    }

    /// How many requests it has.
    pub fn requests(&self) -> usize {
        self.errands.iter().filter(|errand| !errand.is_left()).count()
    }

    /// Whether it may have another request. Where bytes of those that it has must wait, others are better off elsewhere; and
    /// the backend may soon have had enough of one where too many are taken back. One on which the backend was asked whether it
    /// is there has to wait for what it says.
    pub fn has_room(&self) -> bool {
        let most = self.endpoint.streams_max().min(limits::REQUESTS_MAX);
        let is_stuck = self.wire.is_blocked() || self.endpoint.is_full();
        let is_worn = self.taken_back >= limits::TAKEN_BACK_MAX;
        let is_doubtful = self.silence.is_asked();
        !self.is_over && !is_stuck && !is_worn && !is_doubtful && self.requests() < most
    }

    /// Whether the backend is still to say anything, or was asked to.
    pub fn is_awaited(&self) -> bool {
        !self.is_over && (!self.endpoint.has_begun() || self.silence.is_asked())
    }

    /// Whether the backend is to be asked, or it or a request is to be given up, for want of a word.
    pub fn is_overdue(&self, now: Instant) -> bool {
        let is_due = || self.silence.due(self.endpoint.has_streams(), now).is_some();
        !self.is_over && (is_due() || self.errands.iter().any(|errand| errand.is_overdue(now)))
    }

    /// Whether it was given up for that.
    pub fn is_silent(&self) -> bool {
        self.is_silent
    }

    /// Another request, of the session at `row`: its number.
    pub fn begin(&mut self, row: Row) -> u64 {
        if self.errands.len() >= self.endpoint.streams_max() {
            // Those of which only the end is missing make room.
            self.errands.iter_mut().for_each(Errand::hurry);
        }
        self.begun += 1;
        self.errands.push(Errand::new(self.begun, row));
        self.begun
    }

    /// The request of this number, as long as it has not left.
    pub fn errand(&mut self, number: u64) -> Option<&mut Errand> {
        let at = self.errands.binary_search_by_key(&number, |errand| errand.number).ok()?;
        Some(&mut self.errands[at])
    }

    /// Moves what can be moved, and lets `wake` know of each session that has something to look at. Says whether there is
    /// something to do that nothing will tell of.
    pub fn drive(&mut self, ready: &Cell<Readiness>, now: Instant, wake: impl FnMut(Row)) -> bool {
        let wire = Rc::clone(&self.wire);
        let mut turn = wire.begin(ready.get());
        self.listen(&mut turn, now);
        self.part(&mut turn.out, now);
        self.go_on(&mut turn);
        self.doubt(&mut turn, now);
        self.send(&mut turn);
        ready.set(turn.ready());
        if self.is_over {
            let why = if self.is_silent { Failed::Silent } else { Failed::Seen };
            self.errands.iter_mut().for_each(|errand| errand.on_lost(why));
        }
        self.errands.iter_mut().filter_map(Errand::take_news).for_each(wake);
        turn.is_to_go_on() && !self.is_over
    }

    /// Takes leave of the requests that nobody waits for any more.
    fn part(&mut self, out: &mut Vec<u8>, now: Instant) {
        let endpoint = &self.endpoint;
        let is_over = |it: &mut Errand| it.is_left() && !(endpoint.knows(it.stream()) && it.lingers(now));
        let over: Vec<Errand> = self.errands.extract_if(.., is_over).collect();
        for mut errand in over {
            match self.endpoint.knows(errand.stream()) {
                true => self.taken_back += 1,
                false => self.taken_back = self.taken_back.saturating_sub(1),
            }
            errand.give_up(&mut self.endpoint, out);
        }
        if self.errands.is_empty() {
            // An idle connection is to hold as little as it can.
            self.errands = Vec::new();
        }
    }

    fn listen(&mut self, turn: &mut Turn<'_>, now: Instant) {
        while !self.is_over {
            match turn.hear() {
                Came::Bytes(bytes) => {
                    self.silence.on_came(now);
                    let (came, unpacked, out) = turn.parts(bytes);
                    self.take(came, unpacked, out, now);
                }
                Came::Nothing => return,
                Came::End | Came::Lost => self.is_over = true,
            }
        }
    }

    fn take(&mut self, mut came: &[u8], unpacked: &mut Unpacked, out: &mut Vec<u8>, now: Instant) {
        loop {
            match self.endpoint.next(&mut came, unpacked, out, now) {
                Ok(Some(event)) => self.on_event(event, unpacked, out),
                Ok(None) => return,
                Err(why) => {
                    self.endpoint.go_away(why, out);
                    self.is_over = true;
                    return;
                }
            }
        }
    }

    fn on_event(&mut self, event: Event<'_>, unpacked: &Unpacked, out: &mut Vec<u8>) {
        let (Event::Fields { stream, .. } | Event::Data { stream, .. } | Event::Reset { stream, .. }) = event
        else {
            // There is room: each is asked whether it waits for that.
            return;
        };
        if !matches!(event, Event::Reset { .. }) {
            self.silence.on_answered();
        }
        // What was given up is not told of any more.
        let Some(errand) = self.errands.iter_mut().find(|errand| errand.stream() == stream) else { return };
        let taken = match event {
            Event::Fields { is_over, .. } => errand.take_fields(unpacked, is_over),
            Event::Data { bytes, is_over, .. } => errand.take_piece(bytes, is_over),
            Event::Reset { is_unseen, .. } => errand.on_reset(is_unseen),
            Event::Room => Ok(()),
        };
        if let Err(failed) = taken {
            errand.fail(failed);
            errand.give_up(&mut self.endpoint, out);
        }
    }

    /// Goes on with the requests, beginning where the room for all of them was used up.
    fn go_on(&mut self, turn: &mut Turn<'_>) {
        let begin = self.errands.partition_point(|errand| errand.number < self.first);
        let count = self.errands.len();
        let mut was_full = self.endpoint.is_full();
        for at in (begin..count).chain(0..begin) {
            if turn.is_full() {
                self.send(turn);
            }
            if self.is_over {
                return;
            }
            let errand = &mut self.errands[at];
            if turn.is_full() {
                self.first = errand.number;
                return;
            }
            errand.go_on(&mut self.endpoint, (&self.authority, self.wire.is_tls()), &mut turn.out);
            if !was_full && self.endpoint.is_full() {
                (was_full, self.first) = (true, errand.number + 1);
            }
        }
    }

    /// Asks a backend that owes something and has been silent whether it is there; gives it up if it was asked already. The
    /// question goes with what was just asked, so that the first request after a pause does not wait for its answer.
    fn doubt(&mut self, turn: &mut Turn<'_>, now: Instant) {
        match self.silence.poll(self.endpoint.has_streams(), now).filter(|_| !self.is_over) {
            Some(Due::Ping) => self.endpoint.ping(&mut turn.out),
            Some(Due::End) => {
                // It may be we who were held up, and have not been told yet of what has come.
                turn.look_again();
                self.listen(turn, now);
                self.is_silent = self.silence.is_asked() && !self.is_over;
                self.is_over |= self.is_silent;
            }
            None => {}
        }
    }

    fn send(&mut self, turn: &mut Turn<'_>) {
        self.is_over |= turn.send().is_err();
    }
}
