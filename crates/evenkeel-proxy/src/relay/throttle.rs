//! How much a relay may carry now, where the session's bandwidth has a limit.

use evenkeel_core::rate::{Bucket, Rate};
use evenkeel_core::side::Side;
use std::time::Instant;

/// What each direction of a relay may still carry. The directions do not share: a download does not slow its requests down.
#[derive(Debug)]
pub struct Throttle {
    rate: Rate,
    to_backend: Meter,
    to_client: Meter,
}

/// One direction.
#[derive(Debug)]
struct Meter {
    bucket: Bucket,
    /// Until when it waits to read on.
    waits_until: Option<Instant>,
}

impl Throttle {
    /// So many bytes a second in each direction, from `now` on.
    pub fn new(rate: Rate, now: Instant) -> Self {
        let [to_backend, to_client] =
            [(); 2].map(|()| Meter { bucket: Bucket::new(rate, now), waits_until: None });
        Self { rate, to_backend, to_client }
    }

    /// How many bytes may be read from `source` now. None until a good piece may: small ones cost as much as large ones.
    pub fn quota(&mut self, source: Side, now: Instant) -> usize {
        let (rate, piece) = (self.rate, self.piece());
        let available = self.meter(source).bucket.available(rate, now);
        if available < piece { 0 } else { usize::try_from(available).unwrap_or(usize::MAX) }
    }

    /// So many bytes were read from `source`. They may have been more than the quota: the next ones wait the longer.
    pub fn spend(&mut self, source: Side, bytes: usize) {
        self.meter(source).bucket.spend(bytes as u64);
    }

    /// So many bytes were read from `source`, whatever the quota is. Whether they were within it; if not, none count.
    pub fn allows(&mut self, source: Side, bytes: usize, now: Instant) -> bool {
        let rate = self.rate;
        self.meter(source).bucket.take(rate, now, bytes as u64)
    }

    /// `source` has more to be read than it may send now, or has not.
    pub fn on_paused(&mut self, source: Side, has_more: bool, now: Instant) {
        let (rate, piece) = (self.rate, self.piece());
        let meter = self.meter(source);
        meter.waits_until = if has_more { meter.bucket.ready_at(rate, now, piece) } else { None };
    }

    /// When to look again at a source that has more than it might send.
    pub fn next(&self) -> Option<Instant> {
        [self.to_backend.waits_until, self.to_client.waits_until].into_iter().flatten().min()
    }

    fn piece(&self) -> u64 {
        (self.rate.burst / 4).max(1)
    }

    fn meter(&mut self, source: Side) -> &mut Meter {
        if source == Side::Client { &mut self.to_backend } else { &mut self.to_client }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    const RATE: Rate = Rate { per_second: 1_000_000, burst: 100_000 };

    #[test]
    fn a_quota_comes_in_good_pieces() {
        let start = Instant::now();
        let mut throttle = Throttle::new(RATE, start);
        assert_eq!(throttle.quota(Side::Client, start), 100_000);
        throttle.spend(Side::Client, 90_000);
        assert_eq!(throttle.quota(Side::Client, start), 0, "10,000 are no good piece");
        throttle.on_paused(Side::Client, true, start);
        let next = start + Duration::from_millis(15);
        assert_eq!(throttle.next(), Some(next));
        assert_eq!(throttle.quota(Side::Client, next), 25_000);
        throttle.on_paused(Side::Client, false, next);
        assert_eq!(throttle.next(), None);
        assert_eq!(throttle.quota(Side::Backend, start), 100_000, "the other direction has its own");
    }

    #[test]
    fn a_burst_and_what_its_rate_earns_are_allowed_and_a_byte_more_is_not() {
        let start = Instant::now();
        let mut throttle = Throttle::new(RATE, start);
        assert!(throttle.allows(Side::Client, 100_000, start));
        let later = start + Duration::from_millis(50);
        assert!(throttle.allows(Side::Client, 50_000, later));
        assert!(!throttle.allows(Side::Client, 1, later));
        assert!(throttle.allows(Side::Backend, 100_000, later), "the other direction has its own");
    }

    #[test]
    fn what_was_read_beyond_the_quota_is_waited_for() {
        let start = Instant::now();
        let mut throttle = Throttle::new(RATE, start);
        throttle.spend(Side::Backend, 600_000);
        throttle.on_paused(Side::Backend, true, start);
        assert_eq!(throttle.next(), Some(start + Duration::from_millis(525)));
    }
}
