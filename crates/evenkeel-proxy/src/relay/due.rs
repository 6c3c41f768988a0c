//! When a relay has something to do though no socket is ready.

use super::Relay;
use super::ending::reset_on_close;
use super::throttle::Throttle;
use evenkeel_core::side::Side;
use evenkeel_core::span::Span;
use evenkeel_sys::socket;
use std::io;
use std::time::{Duration, Instant};

/// How long a source has to be silent of which it is only presumed that it has nothing left, until that is looked into.
/// About as long as a delayed acknowledgement may take (`TCP_DELACK_MIN`); whoever is wronged by it is so once.
pub(super) const LOOK_AFTER: Duration = Duration::from_millis(40);

/// What brings a deadline nearer when it comes true, beside what is rare: one side has sent everything (1), there is
/// something to look for (2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Haste(u8);

impl Relay {
    /// The session must be over by `at`.
    pub fn drain_by(&mut self, at: Instant) {
        self.deadlines.on_drain(at);
        self.due = self.find_due();
    }

    /// When to advance it though no socket is ready. Then there may be nothing to do yet, but never is there before.
    pub fn next_deadline(&self) -> Option<Instant> {
        self.due.map(|due| due.after(self.deadlines.established()))
    }

    /// When something is due, as far as is known now.
    pub(super) fn find_due(&self) -> Option<Span> {
        let established = self.deadlines.established();
        // What a lost side left behind is looked after at every tick of the worker's clock.
        let next = match self.lost() {
            Some(lost) => Some(lost.since),
            None => {
                let deadline = self.deadlines.next(&self.rules.session).map(|(at, _)| at);
                let patience = self.patience.next(established, &self.rules.socket);
                let throttle = self.throttle().and_then(Throttle::next);
                [deadline, patience, throttle, self.next_look()].into_iter().flatten().min()
            }
        };
        next.map(|at| Span::between(established, at))
    }

    pub(super) fn haste(&self) -> Haste {
        Haste(u8::from(self.deadlines.is_half_closed()) | u8::from(self.is_in_doubt()) << 1)
    }

    /// When to look whether a source has more than it was presumed to have.
    pub(super) fn next_look(&self) -> Option<Instant> {
        self.is_in_doubt().then(|| self.deadlines.last_active() + LOOK_AFTER)
    }

    pub(super) fn is_in_doubt(&self) -> bool {
        self.to_backend.is_in_doubt() || self.to_client.is_in_doubt()
    }

    /// Looks, when it is time.
    pub(super) fn look_for_more(&mut self, now: Instant) {
        if self.next_look().is_some_and(|at| now >= at) {
            self.to_backend.look();
            self.to_client.look();
        }
    }

    /// Looks at the sockets, when it is time.
    pub(super) fn take_patience(&mut self, now: Instant) {
        let established = self.deadlines.established();
        let next = self.patience.next(established, &self.rules.socket);
        if self.lost().is_some() || next.is_none_or(|next| now < next) {
            return;
        }
        let sockets = [&self.client, &self.backend];
        let age = now.saturating_duration_since(established);
        let Some(side) = self.patience.look(age, sockets, &self.rules.socket) else { return };
        let socket = if side == Side::Client { &self.client } else { &self.backend };
        // The kernel would go on sending to it, for minutes after the session.
        reset_on_close(socket);
        // So that reading comes to an end behind what it sent.
        let _ = socket::shutdown_read(socket);
        self.on_lost(side, &io::ErrorKind::TimedOut.into(), now);
    }
}
