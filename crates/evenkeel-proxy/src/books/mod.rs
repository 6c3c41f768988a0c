//! What is counted for each service and each backend. Every worker has its own place for each, which it alone writes;
//! whoever wants to know sums over them.

mod routes;

pub use routes::{RouteBook, RouteCounts, RouteSums};

use crate::shared::count;
use evenkeel_core::attempt::ConnectFailure;
use evenkeel_core::counts::{BUCKETS, bucket};
use evenkeel_core::end::End;
use evenkeel_core::flow::Lost;
use evenkeel_core::http::grpc;
use evenkeel_core::http::outcome::Outcome;
use evenkeel_core::load::Seat;
use evenkeel_core::name::{BackendKey, ListenerName, PoolName, ServiceName};
use evenkeel_core::observe::Objection;
use evenkeel_core::snapshot::{Pool, Snapshot};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, OnceLock};
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
fn class(status: Option<u16>) -> usize {
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

    fn set(&self, sums: &RequestSums) {
        self.answers.set(&sums.answers);
        self.outcomes.set(&sums.outcomes);
        self.calls.set(&sums.calls);
        self.duration.set(&sums.duration);
        self.first_byte.set(&sums.first_byte);
    }

    fn add_to(&self, sums: &mut RequestSums) {
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
        count(&self.lost.0[lost as usize], datagrams);
    }

    fn set(&self, sums: &DatagramSums) {
        self.to_backend.store(sums.to_backend, Relaxed);
        self.to_client.store(sums.to_client, Relaxed);
        self.lost.set(&sums.lost);
    }

    fn add_to(&self, sums: &mut DatagramSums) {
        sums.to_backend += self.to_backend.load(Relaxed);
        sums.to_client += self.to_client.load(Relaxed);
        self.lost.add_to(&mut sums.lost);
    }
}

impl ServiceCounts {
    fn set(&self, sums: &ServiceSums) {
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
}

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
    fn set(&self, sums: &BackendSums) {
        self.sessions.store(sums.sessions, Relaxed);
        self.requests.store(sums.requests, Relaxed);
        self.errors.store(sums.errors, Relaxed);
        self.to_backend.store(sums.to_backend, Relaxed);
        self.to_client.store(sums.to_client, Relaxed);
        self.failures.set(&sums.failures);
        self.connect.set(&sums.connect);
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

/// Counters in a row.
#[derive(Debug)]
struct Counters<const N: usize>([AtomicU64; N]);

impl<const N: usize> Default for Counters<N> {
    fn default() -> Self {
        Self([const { AtomicU64::new(0) }; N])
    }
}

impl<const N: usize> Counters<N> {
    fn count(&self, index: usize) {
        count(&self.0[index], 1);
    }

    fn set(&self, sums: &[u64; N]) {
        self.0.iter().zip(sums).for_each(|(counter, sum)| counter.store(*sum, Relaxed));
    }

    fn add_to(&self, sums: &mut [u64; N]) {
        sums.iter_mut().zip(&self.0).for_each(|(sum, counter)| *sum += counter.load(Relaxed));
    }
}

/// How many times were how long.
#[derive(Debug, Default)]
struct Histogram {
    buckets: Counters<BUCKETS>,
    micros: AtomicU64,
}

impl Histogram {
    fn record(&self, time: Duration) {
        self.buckets.count(bucket(time));
        count(&self.micros, u64::try_from(time.as_micros()).unwrap_or(0));
    }

    fn set(&self, times: &Times) {
        self.buckets.set(&times.buckets);
        self.micros.store(times.micros, Relaxed);
    }

    fn add_to(&self, times: &mut Times) {
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

/// A place for each worker and one for what was counted before this process, made when it is first asked for: memory goes to what is in use.
#[derive(Debug)]
pub struct PerWorker<T>(Box<[OnceLock<Arc<T>>]>);

impl<T: Default> PerWorker<T> {
    fn new(workers: usize) -> Self {
        Self((0..=workers).map(|_| OnceLock::new()).collect())
    }

    /// The place for what was counted before this process.
    fn before(&self) -> Arc<T> {
        self.of(self.0.len() - 1)
    }

    /// The place of a worker.
    pub fn of(&self, worker: usize) -> Arc<T> {
        Arc::clone(self.0[worker].get_or_init(Arc::default))
    }

    /// The place of a worker, to write to it.
    pub fn at(&self, worker: usize) -> &T {
        self.0[worker].get_or_init(Arc::default)
    }

    fn all(&self) -> impl Iterator<Item = &T> {
        self.0.iter().filter_map(OnceLock::get).map(Arc::as_ref)
    }
}

/// The places of the backends of a pool, in its order.
pub type PoolBook = Arc<[Arc<PerWorker<BackendCounts>>]>;

/// Everything that is counted for a publication. What stays from one to the next keeps its counts; what leaves is
/// forgotten.
#[derive(Clone, Debug, Default)]
pub struct Books {
    /// By service.
    pub services: BTreeMap<ServiceName, Arc<PerWorker<ServiceCounts>>>,
    /// By pool.
    pub pools: BTreeMap<PoolName, PoolBook>,
    /// By service, of those that have routes for requests.
    routes: BTreeMap<ServiceName, routes::Named>,
}

impl Books {
    /// The books for `snapshot`, after `before` was published with its books.
    pub fn follow(snapshot: &Snapshot, before: Option<(&Snapshot, &Books)>, workers: usize) -> Self {
        let mut services = BTreeMap::new();
        for ListenerName { service, .. } in snapshot.listeners.keys() {
            let known = || before.and_then(|(_, books)| books.services.get(service)).cloned();
            let place = || known().unwrap_or_else(|| Arc::new(PerWorker::new(workers)));
            services.entry(service.clone()).or_insert_with(place);
        }
        let pools = snapshot.pools.iter().map(|(name, pool)| {
            let known =
                before.and_then(|(before, books)| Some((before.pools.get(name)?, books.pools.get(name)?)));
            (name.clone(), follow_pool(pool, known, workers))
        });
        let routes = routes::follow(snapshot, before.map(|(_, books)| &books.routes), workers);
        Self { services, pools: pools.collect(), routes }
    }

    /// What was counted of `service`; `open` is told by its ceiling, `uncounted` by its gate.
    pub fn service(&self, service: &ServiceName, open: u32, uncounted: u64) -> Option<ServiceSums> {
        let mut sums = ServiceSums {
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
        };
        for counts in self.services.get(service)?.all() {
            sums.accepted += counts.accepted.load(Relaxed);
            sums.retries += counts.retries.load(Relaxed);
            sums.tls_full += counts.tls_full.load(Relaxed);
            sums.tls_resumed += counts.tls_resumed.load(Relaxed);
            sums.to_backend += counts.to_backend.load(Relaxed);
            sums.to_client += counts.to_client.load(Relaxed);
            counts.datagrams.add_to(&mut sums.datagrams);
            counts.ends.add_to(&mut sums.ends);
            counts.observed.add_to(&mut sums.observed);
            counts.duration.add_to(&mut sums.duration);
            counts.queued.add_to(&mut sums.queued);
            if let Some(counts) = counts.requests.get() {
                counts.add_to(&mut sums.requests);
            }
        }
        Some(sums)
    }

    /// The places of the routes of `service`.
    pub fn routes_of(&self, service: &ServiceName) -> RouteBook {
        self.routes.get(service).map(|named| Arc::clone(&named.book)).unwrap_or_default()
    }

    /// What was counted of each route of each service.
    pub fn routes(&self) -> BTreeMap<ServiceName, Vec<(Box<str>, RouteSums)>> {
        self.routes.iter().map(|(service, named)| (service.clone(), named.sums().collect())).collect()
    }

    /// What was counted of each backend of `snapshot`.
    pub fn backends(&self, snapshot: &Snapshot) -> BTreeMap<BackendKey, BackendSums> {
        let pools = self.pools.iter().filter_map(|(name, book)| Some((snapshot.pools.get(name)?, book)));
        pools
            .flat_map(|(pool, book)| {
                pool.backends.iter().zip(book.iter()).map(|(backend, place)| {
                    let key = BackendKey { pool: pool.name.clone(), addr: backend.addr.clone() };
                    (key, sum_backend(place))
                })
            })
            .collect()
    }
}

impl Books {
    /// Goes on counting from these sums, those of the process before this one, for what is in `snapshot`.
    pub fn count_on_from(
        &self,
        snapshot: &Snapshot,
        services: &BTreeMap<ServiceName, ServiceSums>,
        backends: &BTreeMap<BackendKey, BackendSums>,
    ) {
        for (service, place) in &self.services {
            if let Some(sums) = services.get(service) {
                place.before().set(sums);
            }
        }
        for (name, book) in &self.pools {
            let backends_of = snapshot.pools.get(name).into_iter().flat_map(|pool| &pool.backends);
            for (backend, place) in backends_of.zip(book.iter()) {
                let key = BackendKey { pool: name.clone(), addr: backend.addr.clone() };
                if let Some(sums) = backends.get(&key) {
                    place.before().set(sums);
                }
            }
        }
    }
}

fn follow_pool(pool: &Arc<Pool>, known: Option<(&Arc<Pool>, &PoolBook)>, workers: usize) -> PoolBook {
    let place = || Arc::new(PerWorker::new(workers));
    let Some((before, book)) = known else { return pool.backends.iter().map(|_| place()).collect() };
    if Arc::ptr_eq(before, pool) {
        return Arc::clone(book);
    }
    let known: BTreeMap<_, _> = before.backends.iter().map(|it| &it.addr).zip(book.iter()).collect();
    let follow = |addr| known.get(addr).map_or_else(place, |place| Arc::clone(place));
    pool.backends.iter().map(|it| follow(&it.addr)).collect()
}

fn sum_backend(place: &PerWorker<BackendCounts>) -> BackendSums {
    let mut sums = BackendSums::default();
    for counts in place.all() {
        sums.sessions += counts.sessions.load(Relaxed);
        sums.requests += counts.requests.load(Relaxed);
        sums.errors += counts.errors.load(Relaxed);
        sums.to_backend += counts.to_backend.load(Relaxed);
        sums.to_client += counts.to_client.load(Relaxed);
        counts.failures.add_to(&mut sums.failures);
        counts.connect.add_to(&mut sums.connect);
    }
    sums
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_are_over_all_workers_and_only_those_that_count_have_a_place() {
        let place: PerWorker<BackendCounts> = PerWorker::new(8);
        for worker in [0, 5, 5] {
            count(&place.of(worker).sessions, 1);
            place.of(worker).connect.record(Duration::from_micros(100));
            place.of(worker).failures.count(ConnectFailure::TimedOut.index());
        }
        assert_eq!(place.all().count(), 2);
        let sums = sum_backend(&place);
        assert_eq!((sums.sessions, sums.connect.micros), (3, 300));
        assert_eq!(sums.connect.buckets[bucket(Duration::from_micros(100))], 3);
        assert_eq!(sums.failures[ConnectFailure::TimedOut.index()], 3);
    }

    #[test]
    fn two_workers_never_write_to_one_pair_of_cache_lines() {
        assert_eq!(align_of::<ServiceCounts>(), 128);
        assert_eq!(align_of::<BackendCounts>(), 128);
    }
}
