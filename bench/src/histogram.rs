//! How long things took: counts in steps of at most 1/64 of the value, from a nanosecond to centuries.

use std::time::Duration;

/// Steps for each doubling, as a power of two.
const STEP_BITS: u32 = 6;
const STEPS: u64 = 1 << STEP_BITS;

/// A histogram of durations. Recording one is an index and an addition.
#[derive(Clone, Debug)]
pub struct Histogram {
    counts: Box<[u64]>,
    total: u64,
}

impl Default for Histogram {
    fn default() -> Self {
        Self { counts: vec![0; index(u64::MAX) + 1].into(), total: 0 }
    }
}

impl Histogram {
    /// Counts one duration.
    pub fn record(&mut self, took: Duration) {
        let ns = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        self.counts[index(ns)] += 1;
        self.total += 1;
    }

    /// The duration in nanoseconds that this share (0 to 1) of all did not exceed; `None` when nothing was recorded.
    pub fn quantile(&self, share: f64) -> Option<u64> {
        let rank = ((self.total as f64 * share).ceil() as u64).max(1);
        let mut seen = 0;
        let at = self.counts.iter().position(|count| {
            seen += count;
            seen >= rank
        });
        at.map(highest)
    }
}

/// Where a duration is counted: small ones each for themselves, others by their highest bits.
fn index(ns: u64) -> usize {
    if ns < STEPS {
        return ns as usize;
    }
    let shift = ns.ilog2() - STEP_BITS;
    (STEPS * u64::from(shift) + (ns >> shift)) as usize
}

/// The longest duration that is counted at an index.
fn highest(index: usize) -> u64 {
    let index = index as u64;
    if index < STEPS {
        return index;
    }
    let shift = index / STEPS - 1;
    let first = (index % STEPS + STEPS) << shift;
    first + ((1 << shift) - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_duration_is_right_within_a_64th() {
        for ns in (0..64).flat_map(|bit| [1u64 << bit, (1 << bit) - 1, (1 << bit) + (1 << bit) / 3, u64::MAX])
        {
            let shown = highest(index(ns));
            assert!(shown >= ns && shown - ns <= ns / 64, "{ns} is shown as {shown}");
            assert_eq!(index(shown), index(ns));
        }
    }

    #[test]
    fn steps_leave_no_gap() {
        for at in 1..index(u64::MAX) {
            assert_eq!(index(highest(at) + 1), at + 1);
        }
    }

    #[test]
    fn quantiles_are_by_rank() {
        let mut histogram = Histogram::default();
        assert_eq!(histogram.quantile(0.5), None);
        for ns in 1..=50 {
            histogram.record(Duration::from_nanos(ns));
        }
        let shown = [0.0, 0.5, 0.99, 1.0].map(|share| histogram.quantile(share));
        assert_eq!(shown, [1, 25, 50, 50].map(Some));
    }
}
