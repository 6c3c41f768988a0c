//! What is counted of a service: its sessions, and its datagrams.

use super::counters::{Counters, Histogram, Times};
use super::requests::{RequestCounts, RequestSums};
use evenkeel_core::end::End;
use evenkeel_core::flow::Lost;
use evenkeel_core::objection::Objection;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

/// What one worker has counted of one service.
#[derive(Debug, Default)]
#[repr(align(128))]
pub struct ServiceCounts {
    /// Sessions accepted.
    pub accepted: AtomicU64,
    /// Connects tried again on another backend.
    pub retries: AtomicU64,
    /// TLS handshakes with clients that did everything.
    pub tls_full: AtomicU64,
    /// Those that took up an earlier session.
    pub tls_resumed: AtomicU64,
    /// Bytes that backends took.
    pub to_backend: AtomicU64,
    /// Bytes that clients took.
    pub to_client: AtomicU64,
    /// Datagrams.
    pub datagrams: DatagramCounts,
    /// Ends, by [`End::index`].
    ends: Counters<{ End::WORDS }>,
    /// Sessions that a rule was against which only observes, by [`Objection::index`].
    observed: Counters<{ Objection::ALL.len() }>,
    duration: Histogram,
    queued: Histogram,
    /// Made with the first request.
    requests: OnceLock<Box<RequestCounts>>,
}

impl ServiceCounts {
    /// What is counted of its requests.
    pub fn requests(&self) -> &RequestCounts {
        self.requests.get_or_init(Box::default)
    }

    /// A session has ended, after so long, `queued` of it waiting for a seat.
    pub fn end(&self, end: End, duration: Duration, queued: Duration) {
        self.ends.count(end.index());
        self.duration.record(duration);
        if !queued.is_zero() {
            self.queued.record(queued);
        }
    }

    /// A rule that only observes has this against a session.
    pub fn observed(&self, objection: Objection) {
        self.observed.count(objection.index());
    }

    pub(super) fn set(&self, sums: &ServiceSums) {
        self.accepted.store(sums.accepted, Relaxed);
        self.retries.store(sums.retries, Relaxed);
        self.tls_full.store(sums.tls_full, Relaxed);
        self.tls_resumed.store(sums.tls_resumed, Relaxed);
        self.to_backend.store(sums.to_backend, Relaxed);
        self.to_client.store(sums.to_client, Relaxed);
        self.datagrams.set(&sums.datagrams);
        self.ends.set(&sums.ends);
        self.observed.set(&sums.observed);
        self.duration.set(&sums.duration);
        self.queued.set(&sums.queued);
        if sums.requests != RequestSums::default() {
            self.requests().set(&sums.requests);
        }
    }

    pub(super) fn add_to(&self, sums: &mut ServiceSums) {
        sums.accepted += self.accepted.load(Relaxed);
        sums.retries += self.retries.load(Relaxed);
        sums.tls_full += self.tls_full.load(Relaxed);
        sums.tls_resumed += self.tls_resumed.load(Relaxed);
        sums.to_backend += self.to_backend.load(Relaxed);
        sums.to_client += self.to_client.load(Relaxed);
        self.datagrams.add_to(&mut sums.datagrams);
        self.ends.add_to(&mut sums.ends);
        self.observed.add_to(&mut sums.observed);
        self.duration.add_to(&mut sums.duration);
        self.queued.add_to(&mut sums.queued);
        if let Some(requests) = self.requests.get() {
            requests.add_to(&mut sums.requests);
        }
    }
}

/// What all workers have counted of one service since it is there.
#[derive(Clone, Debug)]
pub struct ServiceSums {
    /// Sessions accepted.
    pub accepted: u64,
    /// Sessions open now.
    pub open: u32,
    /// Connects tried again on another backend.
    pub retries: u64,
    /// TLS handshakes with clients that did everything.
    pub tls_full: u64,
    /// Those that took up an earlier session.
    pub tls_resumed: u64,
    /// Bytes that backends took.
    pub to_backend: u64,
    /// Bytes that clients took.
    pub to_client: u64,
    /// Datagrams.
    pub datagrams: DatagramSums,
    /// Ends, by [`End::index`].
    pub ends: [u64; End::WORDS],
    /// Sessions that a rule was against which only observes, by [`Objection::index`].
    pub observed: [u64; Objection::ALL.len()],
    /// Clients who were let in uncounted, as there were too many sources to count.
    pub uncounted: u64,
    /// From accept to the end.
    pub duration: Times,
    /// In line for a seat, of those who waited.
    pub queued: Times,
    /// Its requests, where those are balanced.
    pub requests: RequestSums,
}

impl ServiceSums {
    /// Nothing counted yet; so many are open, and so many were let in uncounted.
    pub(super) fn new(open: u32, uncounted: u64) -> Self {
        Self {
            accepted: 0,
            open,
            retries: 0,
            tls_full: 0,
            tls_resumed: 0,
            to_backend: 0,
            to_client: 0,
            datagrams: DatagramSums::default(),
            ends: [0; End::WORDS],
            observed: [0; Objection::ALL.len()],
            uncounted,
            duration: Times::default(),
            queued: Times::default(),
            requests: RequestSums::default(),
        }
    }
}

/// What one worker has counted of the datagrams of a service.
#[derive(Debug, Default)]
pub struct DatagramCounts {
    /// That backends' sockets took.
    pub to_backend: AtomicU64,
    /// That clients' sockets took.
    pub to_client: AtomicU64,
    /// Dropped, by [`Lost`].
    lost: Counters<{ Lost::ALL.len() }>,
}

impl DatagramCounts {
    /// So many were dropped.
    pub fn lose(&self, lost: Lost, datagrams: u64) {
        self.lost.add(lost as usize, datagrams);
    }

    pub(super) fn set(&self, sums: &DatagramSums) {
        self.to_backend.store(sums.to_backend, Relaxed);
        self.to_client.store(sums.to_client, Relaxed);
        self.lost.set(&sums.lost);
    }

    pub(super) fn add_to(&self, sums: &mut DatagramSums) {
        sums.to_backend += self.to_backend.load(Relaxed);
        sums.to_client += self.to_client.load(Relaxed);
        self.lost.add_to(&mut sums.lost);
    }
}

/// What all workers have counted of the datagrams of a service.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DatagramSums {
    /// That backends' sockets took.
    pub to_backend: u64,
    /// That clients' sockets took.
    pub to_client: u64,
    /// Dropped, by [`Lost`].
    pub lost: [u64; Lost::ALL.len()],
}
