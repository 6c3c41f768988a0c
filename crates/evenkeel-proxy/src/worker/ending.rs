//! How a session leaves the table, is counted and told of.

use super::{Slot, Stage, Worker};
use crate::reactor::Row;
use crate::record::Carried;
use crate::session::Session;
use crate::shared::count;
use evenkeel_core::end::End;
use std::rc::Rc;
use std::time::Duration;

impl Worker {
    /// The session at `row` is over.
    pub fn end(self: &Rc<Self>, row: Row, end: End) {
        let Some(mut slot) = self.table.borrow_mut().remove(row) else { return };
        self.reactor.disarm(row.index);
        if let Some(connection) = slot.session.connection() {
            self.drop_request(&mut slot, end);
            return self.end_stream(slot, connection, end);
        }
        if self.draining.get().is_some() && end == End::Drained || end == End::Stopped {
            count(&self.counts().cut, 1);
        }
        self.drop_request(&mut slot, end);
        self.account(&slot.session, slot.session.carried(slot.stage.carried()), end);
        if let Stage::Flowing(flow) = &slot.stage {
            self.forget_flow(flow);
        }
        let session = Rc::clone(&slot.session);
        drop(slot);
        session.seated_in().into_iter().for_each(|pool| self.on_seat_freed(&pool));
        self.on_room(session);
        self.tell_drained();
    }

    /// Drops the request that a session serves which ends: it is told of before that is.
    fn drop_request(&self, slot: &mut Slot, end: End) {
        if slot.session.serving().is_some() && matches!(slot.stage, Stage::Opening(_)) {
            self.ending.set(Some(end));
            slot.stage = Stage::Away;
            self.ending.set(None);
        }
    }

    /// A stream is over, which is no session to anybody else: its connection has to look after what it left.
    fn end_stream(&self, slot: Slot, connection: Rc<Session>, end: End) {
        let session = Rc::clone(&slot.session);
        session.serving().into_iter().for_each(|serving| serving.end(end));
        if let Some(carried) = slot.stage.carried() {
            let moved = (carried.to_backend as usize, carried.to_client as usize);
            let whole = connection.serving();
            whole.into_iter().for_each(|whole| whole.on_moved(&connection, moved, self.reactor.now()));
            self.tell(&session, Some(carried), end);
        }
        drop(slot);
        session.seated_in().into_iter().for_each(|pool| self.on_seat_freed(&pool));
        drop(session);
        self.queue_row(connection.row);
        // The connection may have gone first.
        self.on_room(connection);
        self.tell_drained();
    }

    /// Counts and tells of the end of a session.
    pub fn account(&self, session: &Session, carried: Option<Carried>, end: End) {
        let now = self.reactor.now();
        let duration = now.saturating_duration_since(session.accepted);
        session.counts.end(end, duration, session.opening.borrow().notes.queued);
        self.tell(session, carried, end);
    }

    /// Tells of the end of a session, if that is wanted.
    fn tell(&self, session: &Session, carried: Option<Carried>, end: End) {
        let now = self.reactor.now();
        // Those that serve requests are told of request by request.
        let is_told = session.serving().is_none() || session.backend().is_some() || !end.is_ok();
        if is_told && (self.telling.get().all || !end.is_ok() || !session.opening.borrow().was_smooth()) {
            self.records.borrow_mut().push(session.record(carried, end, now), now);
        }
    }

    /// How long records may wait for more to come; `None`: there are none.
    pub(super) fn records_due(&self) -> Option<Duration> {
        self.records.borrow().due().map(|at| at.saturating_duration_since(self.reactor.now()))
    }

    pub(super) fn flush_records(&self) {
        let records = self.records.borrow_mut().take();
        if !records.is_empty() {
            self.shared.hand_over(self.index, records);
        }
    }
}
