//! What is counted of the requests of a service.

use super::counters::{Counters, Histogram, Times};
use evenkeel_core::http::grpc;
use evenkeel_core::http::outcome::Outcome;
use std::time::Duration;

/// What one worker has counted of the requests of one service.
#[derive(Debug, Default)]
pub struct RequestCounts {
    /// By what their clients were told: nothing, or a status of that class.
    answers: Counters<CLASSES>,
    /// By [`Outcome::index`].
    outcomes: Counters<{ Outcome::WORDS }>,
    /// Of calls of gRPC, by their status.
    calls: Counters<{ grpc::Status::ALL.len() }>,
    duration: Histogram,
    first_byte: Histogram,
}

/// Classes of statuses, and none.
pub const CLASSES: usize = 6;

/// Which of them a client was told.
pub(super) fn class(status: Option<u16>) -> usize {
    status.map(|status| usize::from(status / 100)).filter(|class| *class < CLASSES).unwrap_or(0)
}

impl RequestCounts {
    /// A request has come to its end, after so long; its client was told `status`, of which the first byte came after so long.
    pub fn end(
        &self,
        outcome: Outcome,
        status: Option<u16>,
        duration: Duration,
        first_byte: Option<Duration>,
    ) {
        self.answers.count(class(status));
        self.outcomes.count(outcome.index());
        self.duration.record(duration);
        if let Some(first_byte) = first_byte {
            self.first_byte.record(first_byte);
        }
    }

    /// It was a call that has ended like this.
    pub fn end_call(&self, status: grpc::Status) {
        self.calls.count(usize::from(status.number()));
    }

    pub(super) fn set(&self, sums: &RequestSums) {
        self.answers.set(&sums.answers);
        self.outcomes.set(&sums.outcomes);
        self.calls.set(&sums.calls);
        self.duration.set(&sums.duration);
        self.first_byte.set(&sums.first_byte);
    }

    pub(super) fn add_to(&self, sums: &mut RequestSums) {
        self.answers.add_to(&mut sums.answers);
        self.outcomes.add_to(&mut sums.outcomes);
        self.calls.add_to(&mut sums.calls);
        self.duration.add_to(&mut sums.duration);
        self.first_byte.add_to(&mut sums.first_byte);
    }
}

/// What all workers have counted of the requests of one service since it is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestSums {
    /// By what their clients were told: nothing, or a status of that class.
    pub answers: [u64; CLASSES],
    /// By [`Outcome::index`].
    pub outcomes: [u64; Outcome::WORDS],
    /// Of calls of gRPC, by their status.
    pub calls: [u64; grpc::Status::ALL.len()],
    /// From the end of a head to the end of the answer.
    pub duration: Times,
    /// To the answer's first byte.
    pub first_byte: Times,
}

impl Default for RequestSums {
    fn default() -> Self {
        Self {
            answers: [0; CLASSES],
            outcomes: [0; Outcome::WORDS],
            calls: [0; grpc::Status::ALL.len()],
            duration: Times::default(),
            first_byte: Times::default(),
        }
    }
}
