//! Buckets that many threads take from: each is one number, the moment at which it will be full again, on a clock that
//! ticks as the rate earns.

use super::Rate;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Instant;

/// Ticks that a token takes to be earned. What is left over between two ticks is never lost, as the clock reads from
/// its start; a bucket may be wrong by one tick, once.
pub(crate) const TICKS: u64 = 16;

/// A rate, and a clock of which it earns [`TICKS`] per token.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    per_second: u64,
    burst: u64,
    born: Instant,
}

impl Pace {
    /// More than four billion a second, or at once, are so many.
    pub fn new(rate: Rate, now: Instant) -> Self {
        let most = u64::from(u32::MAX);
        Self { per_second: rate.per_second.min(most), burst: rate.burst.min(most), born: now }
    }

    /// What the clock reads.
    pub fn ticks(&self, now: Instant) -> u64 {
        let nanos = now.saturating_duration_since(self.born).as_nanos().min(u64::MAX.into());
        (nanos * u128::from(self.per_second * TICKS) / 1_000_000_000) as u64
    }

    /// What a full bucket holds, in ticks.
    pub fn burst(&self) -> u64 {
        self.burst * TICKS
    }
}

/// How far `full` is ahead of `ticks`, where both have so many bits and begin again at zero after the last.
pub(crate) fn ahead(full: u64, ticks: u64, bits: u32) -> u64 {
    let above = u64::BITS - bits;
    ((full.wrapping_sub(ticks) << above).cast_signed() >> above).max(0).cast_unsigned()
}

/// A bucket that many threads take from, full at the start. Its rate stays as it is: another rate is another bucket.
///
/// Aligned to two cache lines, so that neighbours do not slow each other down.
#[derive(Debug)]
#[repr(align(128))]
pub struct SharedBucket {
    pace: Pace,
    rate: Rate,
    full: AtomicU64,
}

impl SharedBucket {
    /// A full bucket.
    pub fn new(rate: Rate, now: Instant) -> Self {
        Self { pace: Pace::new(rate, now), rate, full: AtomicU64::new(0) }
    }

    /// The rate that it was made with.
    pub fn rate(&self) -> Rate {
        self.rate
    }

    /// Takes a token, if there is one; right to a sixteenth of a token.
    /// A clock that went back earns nothing until it has caught up.
    #[must_use]
    pub fn take(&self, now: Instant) -> bool {
        let ticks = self.pace.ticks(now);
        let take = |full| {
            let missing = ahead(full, ticks, u64::BITS) + TICKS;
            (missing <= self.pace.burst()).then(|| ticks.wrapping_add(missing))
        };
        self.full.fetch_update(Relaxed, Relaxed, take).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dice::Dice;
    use crate::rate::Bucket;
    use std::time::Duration;

    /// A bucket for one owner with a sixteenth more, or less, is as far off as a shared one may be.
    #[test]
    fn a_shared_bucket_is_right_to_a_sixteenth_of_a_token() {
        let start = Instant::now();
        for seed in 0..300 {
            let mut dice = Dice::new(seed);
            let (per_second, burst) = (1 + dice.below(1000), 1 + dice.below(20));
            let shared = SharedBucket::new(Rate { per_second, burst }, start);
            let exact = Rate { per_second: per_second * 16, burst: burst * 16 };
            let mut bucket = Bucket::new(exact, start);
            let mut now = start;
            for _ in 0..1000 {
                now += Duration::from_nanos(dice.below(2_000_000_000 / per_second));
                let available = bucket.available(exact, now);
                let taken = shared.take(now);
                assert!(!taken || available + 1 >= 16, "seed {seed}: one too many");
                assert!(taken || available < 16 + 1, "seed {seed}: one too few");
                if taken {
                    bucket.spend(16);
                }
            }
        }
    }

    #[test]
    fn many_threads_get_no_more_than_one_would() {
        let (start, rate) = (Instant::now(), Rate { per_second: 1000, burst: 50 });
        let shared = SharedBucket::new(rate, start);
        let taken: usize = std::thread::scope(|scope| {
            let take = || (0..2000).filter(|ms| shared.take(start + Duration::from_millis(*ms))).count();
            let threads: Vec<_> = (0..4).map(|_| scope.spawn(take)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).sum()
        });
        assert_eq!(taken, 50 + 1999);
    }

    #[test]
    fn nothing_at_once_is_nothing_ever_and_no_time_is_too_late() {
        let start = Instant::now();
        let later = start + Duration::from_secs(1 << 20);
        assert!(!SharedBucket::new(Rate { per_second: 9, burst: 0 }, start).take(later));
        let most = SharedBucket::new(Rate { per_second: u64::MAX, burst: u64::MAX }, start);
        assert!(most.take(start) && most.take(later));
    }

    #[test]
    fn a_clock_that_goes_back_earns_nothing() {
        let start = Instant::now();
        let (later, shared) =
            (start + Duration::from_secs(9), SharedBucket::new(Rate { per_second: 1, burst: 2 }, start));
        assert!(shared.take(later) && shared.take(later) && !shared.take(later));
        assert!(!shared.take(start) && !shared.take(later), "nor when it comes back");
        assert!(shared.take(later + Duration::from_secs(1)));
    }

    #[test]
    fn ahead_is_right_across_the_end_of_the_numbers() {
        assert_eq!([ahead(5, 3, 8), ahead(3, 5, 8), ahead(2, 250, 8), ahead(250, 2, 8)], [2, 0, 8, 0]);
        assert_eq!([ahead(1, u64::MAX, 64), ahead(u64::MAX, 1, 64)], [2, 0]);
    }
}
