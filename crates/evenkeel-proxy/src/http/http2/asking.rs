//! A connection to a backend that speaks HTTP/2, and the requests that it carries.
//!
//! Who asks has to do with an errand only, in memory. The connection is driven apart from that, and says whom it has news for.

use super::errand::Errand;
use super::limits;
use super::wire::{Desk, Turn, Wire};
use crate::http::port::Came;
use crate::reactor::Row;
use crate::tls::Tunnel;
use evenkeel_core::http2::endpoint::{Endpoint, Event};
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
    /// When it was made. Nobody asks how long a backend takes for a frame: requests have their own deadlines.
    made: Instant,
    /// Whether nothing more comes or goes.
    is_over: bool,
    /// By their numbers, which grow.
    errands: Vec<Errand>,
    begun: u64,
    /// How many more requests were taken back than answered.
    taken_back: usize,
    /// Whose go it is first: the room for all of them goes round.
    first: u64,
}

impl Asking {
    /// Through `socket`, and `tunnel` if that is TLS, to a backend at `authority`.
    pub fn new(
        (socket, mut tunnel): (OwnedFd, Option<Tunnel>),
        authority: String,
        (desk, now): (Rc<RefCell<Desk>>, Instant),
    ) -> Self {
        let early = tunnel.as_mut().map(Tunnel::take_early).unwrap_or_default();
        let wire = Rc::new(Wire::new(socket, tunnel.map(Box::new), desk));
        let mut turn = wire.begin(Readiness::NONE);
        let endpoint = Endpoint::client(limits::of_backends(), &mut turn.out);
        let mut asking = Self {
            wire: Rc::clone(&wire),
            authority: authority.into(),
            endpoint,
            made: now,
            is_over: false,
            errands: Vec::new(),
            begun: 0,
            taken_back: 0,
            first: 0,
        };
        asking.take(&early, &mut turn.desk.unpacked, &mut turn.out);
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
    /// the backend may soon have had enough of one where too many are taken back.
    pub fn has_room(&self) -> bool {
        let most = self.endpoint.streams_max().min(limits::REQUESTS_MAX);
        let is_stuck = self.wire.is_blocked() || self.endpoint.is_full();
        let is_worn = self.taken_back >= limits::TAKEN_BACK_MAX;
        !self.is_over && !is_stuck && !is_worn && self.requests() < most
    }

    /// Whether the backend is still to say anything.
    pub fn is_awaited(&self) -> bool {
        !self.is_over && !self.endpoint.has_begun()
    }

    /// Another request, of the session at `row`: its number.
    pub fn begin(&mut self, row: Row) -> u64 {
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
    pub fn drive(&mut self, ready: &Cell<Readiness>, wake: impl FnMut(Row)) -> bool {
        let wire = Rc::clone(&self.wire);
        let mut turn = wire.begin(ready.get());
        self.part(&mut turn.out);
        self.listen(&mut turn);
        self.go_on(&mut turn);
        self.send(&mut turn);
        ready.set(turn.ready());
        if self.is_over {
            self.errands.iter_mut().for_each(Errand::on_lost);
        }
        self.errands.iter_mut().filter_map(Errand::take_news).for_each(wake);
        turn.is_to_go_on() && !self.is_over
    }

    /// Takes leave of the requests that nobody waits for any more.
    fn part(&mut self, out: &mut Vec<u8>) {
        for mut errand in self.errands.extract_if(.., |errand| errand.is_left()) {
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

    fn listen(&mut self, turn: &mut Turn<'_>) {
        while !self.is_over {
            match turn.hear() {
                Came::Bytes(bytes) => {
                    let (came, unpacked, out) = turn.parts(bytes);
                    self.take(came, unpacked, out);
                }
                Came::Nothing => return,
                Came::End | Came::Lost => self.is_over = true,
            }
        }
    }

    fn take(&mut self, mut came: &[u8], unpacked: &mut Unpacked, out: &mut Vec<u8>) {
        loop {
            match self.endpoint.next(&mut came, unpacked, out, self.made) {
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

    fn send(&mut self, turn: &mut Turn<'_>) {
        self.is_over |= turn.send().is_err();
    }
}
