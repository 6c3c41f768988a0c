//! What is counted of a backend, and the seats there.

use super::counters::{Counters, Histogram, Times};
use crate::shared::count;
use evenkeel_core::attempt::ConnectFailure;
use evenkeel_core::load::Seat;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

/// What one worker has counted of one backend.
#[derive(Debug, Default)]
#[repr(align(128))]
pub struct BackendCounts {
    /// Sessions connected.
    sessions: AtomicU64,
    /// Requests sent, also again.
    pub requests: AtomicU64,
    /// Answers to those that were 5xx, or calls that count as such.
    pub errors: AtomicU64,
    /// Bytes that it took.
    pub to_backend: AtomicU64,
    /// Bytes that clients took from it.
    pub to_client: AtomicU64,
    /// Connects that failed, by [`ConnectFailure::index`].
    failures: Counters<{ ConnectFailure::WORDS.len() }>,
    connect: Histogram,
}

impl BackendCounts {
    pub(super) fn set(&self, sums: &BackendSums) {
        self.sessions.store(sums.sessions, Relaxed);
        self.requests.store(sums.requests, Relaxed);
        self.errors.store(sums.errors, Relaxed);
        self.to_backend.store(sums.to_backend, Relaxed);
        self.to_client.store(sums.to_client, Relaxed);
        self.failures.set(&sums.failures);
        self.connect.set(&sums.connect);
    }

    pub(super) fn add_to(&self, sums: &mut BackendSums) {
        sums.sessions += self.sessions.load(Relaxed);
        sums.requests += self.requests.load(Relaxed);
        sums.errors += self.errors.load(Relaxed);
        sums.to_backend += self.to_backend.load(Relaxed);
        sums.to_client += self.to_client.load(Relaxed);
        self.failures.add_to(&mut sums.failures);
        self.connect.add_to(&mut sums.connect);
    }
}

/// A seat at a backend, and where what happens to it is counted.
#[derive(Debug)]
pub struct CountedSeat {
    seat: Seat,
    /// Of this worker and the backend.
    pub counts: Arc<BackendCounts>,
}

impl CountedSeat {
    /// `seat`, counted in `counts`.
    pub fn new(seat: Seat, counts: Arc<BackendCounts>) -> Self {
        Self { seat, counts }
    }

    /// The connect has worked and took so long.
    pub fn connected(&mut self, took: Duration) {
        self.seat.connected();
        count(&self.counts.sessions, 1);
        self.counts.connect.record(took);
    }

    /// A connection was made for requests, and took so long; whether they are answered has still to be seen.
    pub fn linked(&mut self, took: Duration) {
        self.seat.opened();
        count(&self.counts.sessions, 1);
        self.counts.connect.record(took);
    }

    /// Datagrams can be sent there; whether they arrive has still to be seen.
    pub fn opened(&mut self) {
        self.seat.opened();
        count(&self.counts.sessions, 1);
    }

    /// There was a connection already.
    pub fn reused(&mut self) {
        self.seat.opened();
    }

    /// The backend has answered, and so serves.
    pub fn answered(&self) {
        self.seat.answered();
    }

    /// The connect has failed, or the backend did not answer: the seat is free.
    pub fn failed(self, failure: ConnectFailure) {
        self.count_failed(failure);
    }

    /// What was sent there has failed like a connect, and the seat is still taken.
    pub fn count_failed(&self, failure: ConnectFailure) {
        self.counts.failures.count(failure.index());
    }
}

/// What all workers have counted of one backend since it is there.
#[derive(Clone, Debug, Default)]
pub struct BackendSums {
    /// Sessions connected.
    pub sessions: u64,
    /// Requests sent, also again.
    pub requests: u64,
    /// Answers to those that were 5xx, or calls that count as such.
    pub errors: u64,
    /// Bytes that it took.
    pub to_backend: u64,
    /// Bytes that clients took from it.
    pub to_client: u64,
    /// Connects that failed, by [`ConnectFailure::index`].
    pub failures: [u64; ConnectFailure::WORDS.len()],
    /// Connects that worked.
    pub connect: Times,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::books::PerWorker;
    use evenkeel_core::counts::bucket;

    #[test]
    fn sums_are_over_all_workers_and_only_those_that_count_have_a_place() {
        let place: PerWorker<BackendCounts> = PerWorker::new(8);
        for worker in [0, 5, 5] {
            count(&place.of(worker).sessions, 1);
            place.of(worker).connect.record(Duration::from_micros(100));
            place.of(worker).failures.count(ConnectFailure::TimedOut.index());
        }
        assert_eq!(place.all().count(), 2);
        let sums = place.sum(BackendSums::default(), BackendCounts::add_to);
        assert_eq!((sums.sessions, sums.connect.micros), (3, 300));
        assert_eq!(sums.connect.buckets[bucket(Duration::from_micros(100))], 3);
        assert_eq!(sums.failures[ConnectFailure::TimedOut.index()], 3);
    }
}
