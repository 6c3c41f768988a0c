//! Counters in a row, and histograms: what one worker writes, and the sums over all.

use crate::shared::count;
use evenkeel_core::counts::{BUCKETS, bucket};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

/// Counters in a row.
#[derive(Debug)]
pub(super) struct Counters<const N: usize>([AtomicU64; N]);

impl<const N: usize> Default for Counters<N> {
    fn default() -> Self {
        Self([const { AtomicU64::new(0) }; N])
    }
}

impl<const N: usize> Counters<N> {
    pub(super) fn count(&self, index: usize) {
        self.add(index, 1);
    }

    pub(super) fn add(&self, index: usize, by: u64) {
        count(&self.0[index], by);
    }

    pub(super) fn set(&self, sums: &[u64; N]) {
        self.0.iter().zip(sums).for_each(|(counter, sum)| counter.store(*sum, Relaxed));
    }

    pub(super) fn add_to(&self, sums: &mut [u64; N]) {
        sums.iter_mut().zip(&self.0).for_each(|(sum, counter)| *sum += counter.load(Relaxed));
    }
}

/// How many times were how long.
#[derive(Debug, Default)]
pub(super) struct Histogram {
    buckets: Counters<BUCKETS>,
    micros: AtomicU64,
}

impl Histogram {
    pub(super) fn record(&self, time: Duration) {
        self.buckets.count(bucket(time));
        count(&self.micros, u64::try_from(time.as_micros()).unwrap_or(0));
    }

    pub(super) fn set(&self, times: &Times) {
        self.buckets.set(&times.buckets);
        self.micros.store(times.micros, Relaxed);
    }

    pub(super) fn add_to(&self, times: &mut Times) {
        self.buckets.add_to(&mut times.buckets);
        times.micros += self.micros.load(Relaxed);
    }
}

/// How many times were how long, over all workers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Times {
    /// By [`bucket`].
    pub buckets: [u64; BUCKETS],
    /// Their sum, in microseconds.
    pub micros: u64,
}

impl Default for Times {
    fn default() -> Self {
        Self { buckets: [0; BUCKETS], micros: 0 }
    }
}
