//! The end of accepting. Who has begun to connect would be reset if the sockets were closed at once; so others are turned
//! away first, and the sockets closed when the last handshake should be over.

use super::Worker;
use crate::listener::Accepting;
use std::rc::Rc;
use std::time::{Duration, Instant};

/// How long those are waited for who have begun to connect: longer than a round trip to nearly everywhere.
pub const ROUND_TRIP: Duration = Duration::from_millis(200);

/// A listener that nobody can begin to connect to, and when it is closed.
pub struct Closing {
    at: Instant,
    accepting: Rc<Accepting>,
}

impl Worker {
    /// Stops accepting on one listener; who waits there already is served, and where others are turned away, so is who has
    /// begun to connect, within `last`.
    pub(super) fn forget(self: &Rc<Self>, accepting: Rc<Accepting>, last: Duration) {
        let number = accepting.number;
        self.accepting.borrow_mut().remove(&number);
        if accepting.bound.awaits_last() {
            let at = self.reactor.now() + last;
            self.closing.borrow_mut().push(Closing { at, accepting });
        } else {
            self.close(accepting);
        }
        self.wake_serving(|serving| serving.listener == number);
    }

    /// Stops accepting for good, and has sessions end then. Ports of flows stay open: what belongs to a flow goes on.
    pub(super) fn close_doors(self: &Rc<Self>, last: Duration) {
        self.open_doors().into_iter().for_each(|accepting| self.forget(accepting, last));
        self.end_closing();
    }

    fn open_doors(&self) -> Vec<Rc<Accepting>> {
        self.accepting.borrow().values().filter(|it| it.flows.is_none()).cloned().collect()
    }

    /// The listeners at which connections are accepted, those that are closed next among them.
    pub fn doors(&self) -> Vec<Rc<Accepting>> {
        let closing = self.closing.borrow();
        let closing = closing.iter().map(|it| &it.accepting).filter(|it| it.flows.is_none()).cloned();
        self.open_doors().into_iter().chain(closing).collect()
    }

    /// Whether none is closed now: who waits there would be accepted, which nobody may be.
    fn keeps_closing(&self) -> bool {
        self.halted.get() && self.draining.get().is_none()
    }

    /// Closes the listeners whose time it is.
    pub(super) fn end_closing(self: &Rc<Self>) {
        if self.keeps_closing() {
            return;
        }
        let now = self.reactor.now();
        let due: Vec<_> = self.closing.borrow_mut().extract_if(.., |it| it.at <= now).collect();
        due.into_iter().for_each(|it| self.close(it.accepting));
        let is_last = self.draining.get().is_some() && self.closing.borrow().is_empty();
        if is_last && !self.shut.replace(true) {
            self.hurry();
        }
    }

    /// How long it is until one is to be closed; `None`: there is none.
    pub(super) fn closing_due(&self) -> Option<Duration> {
        let next = self.closing.borrow().iter().map(|it| it.at).min().filter(|_| !self.keeps_closing())?;
        Some(next.saturating_duration_since(self.reactor.now()))
    }

    /// The listener that the reactor knows by this number.
    pub(super) fn listener(&self, number: u32) -> Option<Rc<Accepting>> {
        let closing = self.closing.borrow();
        let last = closing.iter().map(|it| &it.accepting).find(|it| it.number == number);
        self.accepting.borrow().get(&number).or(last).cloned()
    }
}
