//! Goes on with a session, as far as it gets.

use super::{Slot, Stage, Worker};
use crate::Report;
use crate::books::CountedSeat;
use crate::http::{self, Waiting};
use crate::reactor::Row;
use crate::record::Still;
use crate::relay::{Progress, Relay};
use crate::session::{self, Established, Open, Opened, Session};
use crate::shared::count;
use evenkeel_core::end::End;
use evenkeel_core::objection::Objection;
use evenkeel_core::side::Side;
use evenkeel_sys::socket;
use std::os::fd::BorrowedFd;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

/// A step of a TLS handshake counts as so many bytes, which take about as long. Handshakes go onto the ready list, too: a
/// thousand clients that come at once must not stand between others and their few bytes.
const SHAKE_BYTES: u64 = 256 * 1024;

impl Worker {
    /// Goes on with a session, as far as it gets. A panic ends that session and no other.
    pub(super) fn go(self: &Rc<Self>, row: Row) {
        self.guarded(Some(row), || self.go_unguarded(row));
    }

    /// Does `work`, in which a panic ends the session at `row`, if it is of one.
    pub fn guarded(self: &Rc<Self>, row: Option<Row>, work: impl FnOnce()) {
        if let Err(panic) = catch_unwind(AssertUnwindSafe(work)) {
            let message = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
            let message = message.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default();
            count(&self.counts().panics, 1);
            self.shared.report(Report::Panicked { message });
            // What has panicked once may do so again where it is ended.
            let cut = || row.into_iter().for_each(|row| self.cut(row, End::Panicked));
            let _ = catch_unwind(AssertUnwindSafe(cut));
        }
    }

    fn go_unguarded(self: &Rc<Self>, row: Row) {
        let mut table = self.table.borrow_mut();
        let Some(slot) = table.at_mut(row) else { return };
        slot.queued = false;
        if let Stage::Relaying { relay, seat } = &mut slot.stage {
            return match self.relay(&slot.session, relay, seat) {
                Progress::Waiting => {
                    relay.next_deadline().into_iter().for_each(|at| self.reactor.arm_by(row.index, at));
                }
                Progress::Unfinished => self.queue(slot),
                Progress::Ended(end) => {
                    drop(table);
                    self.end(row, end);
                }
            };
        }
        if let Stage::Flowing(flow) = &slot.stage {
            let flow = Rc::clone(flow);
            drop(table);
            return self.answer(&flow);
        }
        if self.drains_by().is_some_and(|by| self.reactor.now() >= by) {
            drop(table);
            return self.end(row, End::Drained);
        }
        if slot.session.is_shaking() {
            self.moved.set(self.moved.get() + SHAKE_BYTES);
        }
        let session = Rc::clone(&slot.session);
        let stage = std::mem::replace(&mut slot.stage, Stage::Away);
        drop(table);
        match stage {
            Stage::Opening(future) => self.open(row, future),
            Stage::Waiting(waiting) => self.wait(session, waiting),
            Stage::Relaying { .. } | Stage::Flowing(_) | Stage::Away => {}
        }
    }

    /// Goes on with what is not plain data yet.
    fn open(self: &Rc<Self>, row: Row, mut future: Open) {
        let next = match future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Pending => return self.set_stage(row, Stage::Opening(future)),
            Poll::Ready(Ok(Opened::Relay(established))) => return self.establish(row, established),
            Poll::Ready(Err(end)) => return self.end(row, end),
            Poll::Ready(Ok(Opened::Serving(future))) => Stage::Opening(future),
            Poll::Ready(Ok(Opened::Waiting(waiting))) => Stage::Waiting(waiting),
        };
        self.set_stage(row, next);
        self.go_unguarded(row);
    }

    /// Looks whether the next request of a session has come.
    fn wait(self: &Rc<Self>, session: Rc<Session>, mut waiting: Waiting) {
        let row = session.row;
        match waiting.advance(self, &session) {
            Poll::Pending => self.set_stage(row, Stage::Waiting(waiting)),
            Poll::Ready(Err(end)) => self.end(row, end),
            Poll::Ready(Ok(arrival)) => {
                let future = http::serve(Rc::clone(self), session, waiting.into_client(), arrival);
                self.open(row, future);
            }
        }
    }

    fn relay(&self, session: &Session, relay: &mut Relay, seat: &CountedSeat) -> Progress {
        let row = session.row;
        let (to_backend, to_client) = (relay.to_backend(), relay.to_client());
        let was_unwatched = relay.is_unwatched();
        let mut progress = relay.advance(self.reactor.now(), &mut self.tools.borrow_mut());
        let (to_backend, to_client) = (relay.to_backend() - to_backend, relay.to_client() - to_client);
        self.moved.set(self.moved.get() + to_backend + to_client);
        count(&session.counts.to_backend, to_backend);
        count(&session.counts.to_client, to_client);
        count(&seat.counts.to_backend, to_backend);
        count(&seat.counts.to_client, to_client);
        if was_unwatched {
            progress = self.ask_or_watch(row, relay, progress);
        }
        for side in [Side::Client, Side::Backend] {
            if let Some((socket, reading)) = relay.watch(side) {
                // It cannot fail for a socket that is watched; if it did, the session would only wake more often.
                let _ = self.reactor.set_reading(socket, row, side == Side::Client, reading);
            }
            if let Some((socket, bytes)) = relay.gather(side) {
                // Where it is not taken, every byte is told of.
                let _ = socket::set_low_water(socket, bytes);
            }
        }
        if relay.was_too_fast() {
            session.observe(Objection::Bandwidth);
        }
        if relay.wants_review() {
            self.reactor.push_review(row);
        }
        progress
    }

    /// A session that nobody watched is asked in the next turn, or watched from now on, unless it is over.
    fn ask_or_watch(&self, row: Row, relay: &mut Relay, progress: Progress) -> Progress {
        if let Progress::Ended(_) = progress {
            self.foresight.borrow_mut().on_outcome(false);
            count(&self.counts().unwatched, 1);
            return progress;
        }
        if relay.is_unwatched() {
            self.reactor.push_expected(row);
            return progress;
        }
        self.foresight.borrow_mut().on_outcome(true);
        if let Err(end) = self.watch(row, relay.sockets()) {
            relay.cut(self.reactor.now());
            return Progress::Ended(end);
        }
        progress
    }

    /// The reactor tells of both sockets of the session at `row` from now on, the client's and the backend's.
    pub fn watch(&self, row: Row, [client, backend]: [BorrowedFd<'_>; 2]) -> Result<(), End> {
        let client = self.reactor.add_stream(client, row, true);
        let watched = client.and_then(|()| self.reactor.add_stream(backend, row, false));
        watched.map_err(|error| session::unwatchable(&error))
    }

    /// Gives a go to sessions whose sources gather bytes and have told of none for a while.
    pub(super) fn review(self: &Rc<Self>) {
        while let Some(row) = self.reactor.pop_review() {
            if let Some(Slot { stage: Stage::Relaying { relay, .. }, .. }) =
                self.table.borrow_mut().at_mut(row)
            {
                relay.review();
            }
            self.go(row);
        }
    }

    /// From now on the session is plain data.
    fn establish(self: &Rc<Self>, row: Row, Established { mut relay, seat }: Established) {
        let mut table = self.table.borrow_mut();
        let Some(slot) = table.at_mut(row) else { return };
        relay.on_ready(Side::Client, slot.session.client_ready.get());
        relay.on_ready(Side::Backend, slot.session.backend_ready.get());
        if self.unwatched.take() == Some(row) {
            relay.go_unwatched();
        }
        if let Some(drain) = self.draining.get() {
            relay.drain_by(self.drain_deadline(drain));
        }
        if self.telling.get().opened {
            let now = self.reactor.now();
            self.records
                .borrow_mut()
                .push_open(slot.session.open_record(relay.carried(), Still::Opened, now), now);
        }
        slot.stage = Stage::Relaying { relay, seat };
        // The deadline of the opening is still armed; the relay's replaces it.
        self.reactor.disarm(row.index);
        drop(table);
        self.go_unguarded(row);
    }
}
