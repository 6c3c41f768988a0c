//! What is counted for each service and each backend. Every worker has its own place for each, which it alone writes;
//! whoever wants to know sums over them.

mod backend;
mod counters;
mod requests;
mod routes;
mod service;

pub use backend::{BackendCounts, BackendSums, CountedSeat};
pub use counters::Times;
pub use requests::{CLASSES, RequestSums};
pub use routes::{RouteBook, RouteCounts, RouteSums};
pub use service::{DatagramSums, ServiceCounts, ServiceSums};

use evenkeel_core::name::{BackendKey, ListenerName, PoolName, ServiceName};
use evenkeel_core::snapshot::{Pool, Snapshot};
use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

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

    /// What all have counted, each added to `sums`.
    fn sum<S>(&self, mut sums: S, add_to: impl Fn(&T, &mut S)) -> S {
        self.all().for_each(|counts| add_to(counts, &mut sums));
        sums
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
        let place = self.services.get(service)?;
        Some(place.sum(ServiceSums::new(open, uncounted), ServiceCounts::add_to))
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
                    (key, place.sum(BackendSums::default(), BackendCounts::add_to))
                })
            })
            .collect()
    }

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_workers_never_write_to_one_pair_of_cache_lines() {
        assert_eq!(align_of::<ServiceCounts>(), 128);
        assert_eq!(align_of::<BackendCounts>(), 128);
    }
}
