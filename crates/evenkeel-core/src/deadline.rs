//! When a session has lasted, or been silent, too long: idle, half-close, lifetime and drain as one machine.

use crate::end::End;
use crate::snapshot::SessionLimits;
use crate::span::Span;
use std::time::Instant;

/// The deadlines of one established session.
#[derive(Clone, Debug)]
pub struct Deadlines {
    established: Instant,
    /// How long after that bytes last moved.
    active: Span,
    /// Once one side has sent everything: how long after that the other is waited for. More than `active` where bytes were
    /// still under way when its time was over.
    half_closed: Option<Span>,
    /// Rare, and so not in the row of a session.
    drain: Option<Box<Instant>>,
}

impl Deadlines {
    /// For a session established `now`.
    pub fn new(now: Instant) -> Self {
        Self { established: now, active: Span::ZERO, half_closed: None, drain: None }
    }

    /// For a session that another process established and watched so far; where one side has sent everything, the other
    /// is waited for anew, since `half_closed`.
    pub fn resume(
        established: Instant,
        active: Instant,
        half_closed: Option<Instant>,
        drain: Option<Instant>,
    ) -> Self {
        let since = |at| Span::between(established, at);
        Self {
            established,
            active: since(active),
            half_closed: half_closed.map(since),
            drain: drain.map(Box::new),
        }
    }

    /// Bytes have moved.
    pub fn on_activity(&mut self, now: Instant) {
        self.active = self.age(now);
    }

    /// One side has sent everything.
    pub fn on_half_closed(&mut self, now: Instant) {
        self.active = self.age(now);
        self.half_closed = Some(self.active);
    }

    /// It was silent for as long as one side may be alone, but bytes are still under way: to a side that reads slowly or
    /// pauses, for which the other can only wait. It is no more abandoned than any session that is idle.
    pub fn on_under_way(&mut self, now: Instant) {
        self.half_closed = Some(self.age(now));
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
        self.half_closed.is_some()
    }

    /// When bytes last moved.
    pub fn last_active(&self) -> Instant {
        self.active.after(self.established)
    }

    /// The next deadline under these limits, and what the session ends as when it passes. One that would end as
    /// half-closed does not while bytes are [under way](Self::on_under_way).
    pub fn next(&self, limits: &SessionLimits) -> Option<(Instant, End)> {
        let alone = self.half_closed.zip(limits.half_close);
        let after = |span: Span, limit| span.after(self.established) + limit;
        let alone = alone.map(|(since, limit)| (after(since.max(self.active), limit), End::HalfClosed));
        let may_be_idle = alone.is_none() || self.is_under_way();
        let idle = limits.idle.filter(|_| may_be_idle).map(|limit| (after(self.active, limit), End::Idle));
        let lifetime = limits.lifetime.map(|limit| (self.established + limit, End::Lifetime));
        let drain = self.drain.as_deref().map(|at| (*at, End::Drained));
        [alone, idle, lifetime, drain].into_iter().flatten().min_by_key(|(at, _)| *at)
    }

    /// When the session must be over whatever moves, under these limits.
    pub fn last(&self, limits: &SessionLimits) -> Option<Instant> {
        self.drain().into_iter().chain(limits.lifetime.map(|limit| self.established + limit)).min()
    }

    /// How long the session has been established.
    pub fn age(&self, now: Instant) -> Span {
        Span::between(self.established, now)
    }

    /// Whether bytes were under way when that was looked at last, and none has moved since.
    fn is_under_way(&self) -> bool {
        self.half_closed.is_some_and(|since| since > self.active)
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
    fn while_bytes_are_under_way_idle_counts_and_then_half_close_anew() {
        let start = Instant::now();
        let at = |seconds: u32| start + seconds * SECOND;
        let limits =
            |idle| SessionLimits { idle, half_close: Some(10 * SECOND), lifetime: None, bandwidth: None };
        let (long, short) = (limits(Some(25 * SECOND)), limits(Some(5 * SECOND)));
        let mut deadlines = Deadlines::new(start);
        deadlines.on_half_closed(start);
        assert_eq!(deadlines.next(&short), Some((at(10), End::HalfClosed)), "the shorter one does not count");
        deadlines.on_under_way(at(10));
        assert_eq!(deadlines.next(&long), Some((at(20), End::HalfClosed)));
        assert_eq!(deadlines.next(&limits(None)), Some((at(20), End::HalfClosed)));
        assert_eq!(deadlines.next(&short), Some((at(5), End::Idle)));
        deadlines.on_under_way(at(20));
        assert_eq!(deadlines.next(&long), Some((at(25), End::Idle)), "nobody holds it for ever");
        deadlines.on_activity(at(21));
        assert_eq!(deadlines.next(&long), Some((at(31), End::HalfClosed)));
    }

    #[test]
    fn without_limits_there_is_no_deadline() {
        let limits = SessionLimits { idle: None, half_close: None, lifetime: None, bandwidth: None };
        assert_eq!(Deadlines::new(Instant::now()).next(&limits), None);
    }
}
