//! So much per second, and so much at once: a bucket of tokens for one owner ([`Bucket`], as the bandwidth of a
//! session), and one that workers share ([`SharedBucket`], as the new connections of a service).

mod pace;

pub use pace::SharedBucket;
pub(crate) use pace::{Pace, TICKS, ahead};

use std::time::{Duration, Instant};

/// What one token is made of, so that a nanosecond at one token per second earns 1 and nothing is lost to rounding.
const TOKEN: i128 = 1_000_000_000;

/// How fast a bucket fills, and how much it holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// Tokens per second.
    pub per_second: u64,
    /// Tokens at most: what may be taken at once after a pause.
    pub burst: u64,
}

/// A bucket of tokens, full at the start.
///
/// The rate is told with every call, so that a bucket outlives a change of it. Time that goes backwards earns nothing,
/// and is not earned again when it comes back.
#[derive(Clone, Debug)]
pub struct Bucket {
    /// In billionths of a token; below zero after more was spent than there was.
    level: i128,
    filled: Instant,
}

impl Bucket {
    /// A full bucket.
    pub fn new(rate: Rate, now: Instant) -> Self {
        Self { level: capacity(rate), filled: now }
    }

    /// How many whole tokens there are.
    pub fn available(&mut self, rate: Rate, now: Instant) -> u64 {
        self.fill(rate, now);
        u64::try_from(self.level / TOKEN).unwrap_or(0)
    }

    /// Takes `n` tokens, or none at all when there are fewer.
    #[must_use]
    pub fn take(&mut self, rate: Rate, now: Instant, n: u64) -> bool {
        let enough = self.available(rate, now) >= n;
        if enough {
            self.spend(n);
        }
        enough
    }

    /// Takes `n` tokens whether they are there or not: what was done already is paid for by waiting longer.
    pub fn spend(&mut self, n: u64) {
        self.level = self.level.saturating_sub(i128::from(n) * TOKEN);
    }

    /// When there will be `n` tokens, or a full bucket if it holds fewer, provided that nobody takes any until then;
    /// `None` is never.
    pub fn ready_at(&mut self, rate: Rate, now: Instant, n: u64) -> Option<Instant> {
        self.fill(rate, now);
        let missing = u128::try_from(i128::from(n.min(rate.burst)) * TOKEN - self.level).unwrap_or(0);
        if missing == 0 {
            return Some(now);
        }
        let nanos = (rate.per_second > 0).then(|| missing.div_ceil(rate.per_second.into()))?;
        self.filled.checked_add(duration(nanos)?)
    }

    fn fill(&mut self, rate: Rate, now: Instant) {
        let elapsed =
            i128::try_from(now.saturating_duration_since(self.filled).as_nanos()).unwrap_or(i128::MAX);
        let earned = elapsed.saturating_mul(rate.per_second.into());
        self.level = self.level.saturating_add(earned).min(capacity(rate));
        self.filled = self.filled.max(now);
    }
}

fn capacity(rate: Rate) -> i128 {
    i128::from(rate.burst) * TOKEN
}

fn duration(nanos: u128) -> Option<Duration> {
    let (seconds, rest) = (nanos / 1_000_000_000, nanos % 1_000_000_000);
    Some(Duration::new(u64::try_from(seconds).ok()?, rest as u32))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const NANO: Duration = Duration::from_nanos(1);

    #[test]
    fn a_burst_at_once_and_then_the_rate() {
        let (start, rate) = (Instant::now(), Rate { per_second: 10, burst: 3 });
        let mut bucket = Bucket::new(rate, start);
        assert!(bucket.take(rate, start, 2) && !bucket.take(rate, start, 2) && bucket.take(rate, start, 1));
        let next = start + Duration::from_millis(100);
        assert_eq!(bucket.ready_at(rate, start, 1), Some(next));
        assert!(!bucket.take(rate, next - NANO, 1) && bucket.take(rate, next, 1));
        assert_eq!(bucket.available(rate, next + Duration::from_secs(99)), 3, "savings are bounded");
    }

    #[test]
    fn what_was_spent_beyond_the_bucket_is_waited_for() {
        let (start, rate) = (Instant::now(), Rate { per_second: 1000, burst: 1000 });
        let mut bucket = Bucket::new(rate, start);
        bucket.spend(3000);
        assert_eq!(bucket.available(rate, start), 0);
        assert_eq!(bucket.ready_at(rate, start, 1000), Some(start + Duration::from_secs(3)));
        assert_eq!(
            bucket.ready_at(rate, start, u64::MAX),
            Some(start + Duration::from_secs(3)),
            "a full one"
        );
    }

    #[test]
    fn nothing_drifts_however_often_it_is_asked() {
        let (start, rate) = (Instant::now(), Rate { per_second: 3, burst: 1 });
        let mut bucket = Bucket::new(rate, start);
        let taken = (0..1_000_000).filter(|at| bucket.take(rate, start + Duration::from_micros(10 * at), 1));
        // One at the start, and three in each of ten seconds but the last, which ends before its third.
        assert_eq!(taken.count(), 30);
    }

    #[test]
    fn time_that_goes_back_and_forth_earns_once() {
        let (start, rate) = (Instant::now(), Rate { per_second: 1, burst: 10 });
        let (mut bucket, later) = (Bucket::new(rate, start), start + Duration::from_secs(2));
        bucket.spend(10);
        for _ in 0..100 {
            bucket.available(rate, later);
            assert_eq!(bucket.available(rate, start), 2);
        }
    }

    #[test]
    fn a_rate_of_nothing_is_never_ready_and_a_lower_burst_holds_at_once() {
        let (now, nothing) = (Instant::now(), Rate { per_second: 0, burst: 1 });
        let mut bucket = Bucket::new(Rate { per_second: 9, burst: 9 }, now);
        assert!(bucket.take(nothing, now, 1) && !bucket.take(nothing, now, 1));
        assert_eq!(bucket.ready_at(nothing, now, 1), None);
        let most = Rate { per_second: u64::MAX, burst: u64::MAX };
        assert_eq!(bucket.available(most, now + Duration::from_secs(1 << 40)), u64::MAX);
    }

    proptest! {
        /// Against what a bucket promises: in no time, from any grant on, more than a burst and what the rate earns.
        /// Time goes back as well, and is then the latest there was.
        #[test]
        fn no_span_gets_more_than_a_burst_and_its_rate_and_none_gets_less(
            (per_second, burst) in (0..50_u64, 0..20_u64),
            steps in proptest::collection::vec((-300_000_000..900_000_000_i64, 0..8_u64), 1..100),
        ) {
            let (start, rate) = (Instant::now() + Duration::from_secs(3600), Rate { per_second, burst });
            let (mut bucket, mut at, mut latest) = (Bucket::new(rate, start), 0_i64, 0_i64);
            let mut granted: Vec<(i64, u64)> = Vec::new();
            for (step, n) in steps {
                at += step;
                latest = latest.max(at);
                let offset = Duration::from_nanos(at.unsigned_abs());
                let now = if at < 0 { start - offset } else { start + offset };
                let mut spans = granted.iter().enumerate().map(|(from, (since, _))| {
                    let taken: u64 = granted[from..].iter().map(|(_, n)| n).sum();
                    let earned = i128::from(latest - since) * i128::from(per_second);
                    i128::from(taken + n) * TOKEN <= i128::from(burst) * TOKEN + earned
                });
                let promised = n <= burst && spans.all(|holds| holds);
                if let Some(ready) = bucket.ready_at(rate, now, n).filter(|ready| n <= burst && *ready > now) {
                    prop_assert!(bucket.clone().take(rate, ready, n), "ready when it is said to be");
                    prop_assert!(!bucket.clone().take(rate, ready - NANO, n), "and not before");
                }
                prop_assert_eq!(bucket.take(rate, now, n), promised);
                if promised {
                    granted.push((latest, n));
                }
            }
        }
    }
}
