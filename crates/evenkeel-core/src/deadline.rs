//! When a session has lasted, or been silent, too long: idle, half-close, lifetime and drain as one machine.

use crate::end::End;
use crate::snapshot::SessionLimits;
use std::time::Instant;

/// The deadlines of one established session.
#[derive(Clone, Debug)]
pub struct Deadlines {
    established: Instant,
    active: Instant,
    half_closed: bool,
    /// Rare, and so not in the row of a session.
    drain: Option<Box<Instant>>,
}

impl Deadlines {
    /// For a session established `now`.
    pub fn new(now: Instant) -> Self {
        Self { established: now, active: now, half_closed: false, drain: None }
    }

    /// For a session that another process established and watched so far.
    pub fn resume(established: Instant, active: Instant, half_closed: bool, drain: Option<Instant>) -> Self {
        Self { established, active, half_closed, drain: drain.map(Box::new) }
    }

    /// Bytes have moved.
    pub fn on_activity(&mut self, now: Instant) {
        self.active = now;
    }

    /// One side has sent everything.
    pub fn on_half_closed(&mut self, now: Instant) {
        self.half_closed = true;
        self.active = now;
    }

    /// The session must be over by `at`; of several such times the first counts.
    pub fn on_drain(&mut self, at: Instant) {
        let at = self.drain.as_deref().map_or(at, |known| at.min(*known));
        self.drain = Some(Box::new(at));
    }

    /// When the session must be over, if it must.
    pub fn drain(&self) -> Option<Instant> {
        self.drain.as_deref().copied()
    }

    /// When the session was established.
    pub fn established(&self) -> Instant {
        self.established
    }

    /// Whether one side has sent everything.
    pub fn is_half_closed(&self) -> bool {
        self.half_closed
    }

    /// When bytes last moved.
    pub fn last_active(&self) -> Instant {
        self.active
    }

    /// The next deadline under these limits, and what the session ends as when it passes.
    pub fn next(&self, limits: &SessionLimits) -> Option<(Instant, End)> {
        let silence = match limits.half_close {
            Some(limit) if self.half_closed => Some((self.active + limit, End::HalfClosed)),
            _ => limits.idle.map(|limit| (self.active + limit, End::Idle)),
        };
        let lifetime = limits.lifetime.map(|limit| (self.established + limit, End::Lifetime));
        let drain = self.drain.as_deref().map(|at| (*at, End::Drained));
        [silence, lifetime, drain].into_iter().flatten().min_by_key(|(at, _)| *at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn the_earliest_deadline_counts_and_activity_moves_idle_only() {
        let start = Instant::now();
        let limits = SessionLimits {
            idle: Some(10 * SECOND),
            half_close: Some(2 * SECOND),
            lifetime: Some(15 * SECOND),
            bandwidth: None,
        };
        let mut deadlines = Deadlines::new(start);
        assert_eq!(deadlines.next(&limits), Some((start + 10 * SECOND, End::Idle)));
        deadlines.on_activity(start + 7 * SECOND);
        assert_eq!(deadlines.next(&limits), Some((start + 15 * SECOND, End::Lifetime)));
        deadlines.on_half_closed(start + 8 * SECOND);
        assert_eq!(deadlines.next(&limits), Some((start + 10 * SECOND, End::HalfClosed)));
        deadlines.on_drain(start + 9 * SECOND);
        assert_eq!(deadlines.next(&limits), Some((start + 9 * SECOND, End::Drained)));
    }

    #[test]
    fn without_limits_there_is_no_deadline() {
        let limits = SessionLimits { idle: None, half_close: None, lifetime: None, bandwidth: None };
        assert_eq!(Deadlines::new(Instant::now()).next(&limits), None);
    }
}
