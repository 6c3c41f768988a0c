//! Answers why a backend is as it is, and who could have been chosen.

use super::Loop;
use evenkeel_core::director::{Outlook, State};
use evenkeel_core::history::History;
use evenkeel_core::name::{BackendKey, PoolName};
use std::time::Instant;

/// Everything that is known of a backend.
#[derive(Debug)]
pub struct Explained {
    /// When that was.
    pub now: Instant,
    /// Whom it is about, with the name of its pool.
    pub key: BackendKey,
    /// What happened to it.
    pub history: History,
    /// How it stands; `None`: it is not there any more.
    pub outlook: Option<Outlook>,
}

/// A backend that a session could have been sent to.
#[derive(Debug)]
pub struct Candidate {
    /// How it stands now.
    pub outlook: Outlook,
    /// How it stood then, as far as that is known.
    pub then: Option<State>,
}

impl Loop {
    /// Why the backend `key` is as it is, if it is there or was not long ago.
    pub(super) fn explain(&self, key: &BackendKey) -> Option<Box<Explained>> {
        let (now, director) = (Instant::now(), &self.control.director);
        let pool = director.pool_of(key.pool.as_str()).unwrap_or_else(|| key.pool.clone());
        let key = BackendKey { pool, addr: key.addr.clone() };
        let history = self.past.chronicle.of(&key)?.clone();
        Some(Box::new(Explained { now, outlook: director.outlook(now, &key), history, key }))
    }

    /// How the backends of `pool` stand, and how they did at `time`.
    pub(super) fn candidates(&self, pool: &PoolName, time: Instant) -> Vec<Candidate> {
        let (now, director) = (Instant::now(), &self.control.director);
        let snapshot = director.snapshot();
        let backends = snapshot.pools.get(pool).into_iter().flat_map(|it| &it.backends);
        let keys = backends.map(|it| BackendKey { pool: pool.clone(), addr: it.addr.clone() });
        keys.filter_map(|key| {
            let then = self.past.chronicle.of(&key).and_then(|history| history.state_at(time));
            Some(Candidate { outlook: director.outlook(now, &key)?, then })
        })
        .collect()
    }
}
