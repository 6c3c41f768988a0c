//! Room for sessions that are still in another process, so that no ceiling and no cap is broken while they are on their
//! way.

use crate::bind::Publication;
use crate::shared::{Place, Shared};
use evenkeel_core::load::Seat;
use evenkeel_core::name::{BackendKey, ServiceName};
use std::sync::Arc;

/// How many sessions are open, and where.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Open {
    /// By service.
    pub services: Vec<(ServiceName, u32)>,
    /// By backend, connects in progress included.
    pub backends: Vec<(BackendKey, u32)>,
}

/// Their places under the ceilings, and their seats; given back on drop.
pub struct Reserved {
    places: Vec<Place>,
    seats: Vec<Seat>,
    shared: Arc<Shared>,
}

impl Open {
    /// In this process.
    pub(crate) fn of(publication: &Publication) -> Self {
        let services = publication.services.iter().map(|(name, ceiling)| (name.clone(), ceiling.taken()));
        let backends = publication.snapshot.pools.values().flat_map(|pool| {
            pool.backends.iter().map(|backend| {
                let key = BackendKey { pool: pool.name.clone(), addr: backend.addr.clone() };
                (key, backend.load.sessions())
            })
        });
        Self {
            services: services.filter(|(_, sessions)| *sessions > 0).collect(),
            backends: backends.filter(|(_, sessions)| *sessions > 0).collect(),
        }
    }

    /// Takes room for them here, as far as `publication` has the same services and backends.
    pub(crate) fn reserve(&self, publication: &Publication, shared: &Arc<Shared>) -> Reserved {
        let mut reserved = Reserved { places: Vec::new(), seats: Vec::new(), shared: Arc::clone(shared) };
        for (service, sessions) in &self.services {
            let ceilings = publication.services.get(service).into_iter().chain([&shared.sessions]);
            ceilings.for_each(|it| reserved.places.extend((0..*sessions).map(|_| it.join())));
        }
        for (key, sessions) in &self.backends {
            let backends = publication.snapshot.pools.get(&key.pool).map(|pool| &pool.backends);
            let backend = backends.and_then(|backends| backends.iter().find(|it| it.addr == key.addr));
            reserved.seats.extend(backend.iter().flat_map(|it| (0..*sessions).map(|_| it.load.join())));
        }
        reserved
    }
}

impl Drop for Reserved {
    fn drop(&mut self) {
        self.places.clear();
        self.seats.clear();
        // Somebody may wait for one of those.
        self.shared.nudge();
    }
}
