//! What the control loop remembers of what has happened, for whoever asks why.

use super::recent::Recent;
use evenkeel_core::counts::bucket;
use evenkeel_core::director::{Director, Event, EventKind, Order, Origin};
use evenkeel_core::health::Verdict;
use evenkeel_core::history::{Because, Chronicle};
use evenkeel_core::name::{BackendKey, PoolName};
use evenkeel_proxy::Times;
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

/// What has happened lately.
#[derive(Debug, Default)]
pub struct Past {
    /// To the backends.
    pub chronicle: Chronicle,
    /// Which sessions have ended.
    pub recent: Recent,
    /// How long checks took, by pool.
    pub checks: BTreeMap<PoolName, CheckTimes>,
}

/// How long the checks of a pool took.
#[derive(Clone, Debug, Default)]
pub struct CheckTimes {
    /// Those that passed.
    pub passed: Times,
    /// Those that failed.
    pub failed: Times,
}

impl Past {
    /// Nothing as yet but how `director` begins.
    pub fn begin(now: Instant, director: &Director) -> Self {
        let mut past = Self::default();
        past.follow(now, director);
        past
    }

    /// The backends of `director` are those that are there.
    pub fn follow(&mut self, now: Instant, director: &Director) {
        let present = director.views(now).into_iter().map(|view| (view.key.clone(), view.state())).collect();
        self.chronicle.follow(now, &present);
        let pools: BTreeSet<_> = present.into_keys().map(|key| key.pool).collect();
        self.checks.retain(|pool, _| pools.contains(pool));
    }

    /// A check has ended after `took`.
    pub fn note_check(&mut self, now: Instant, key: &BackendKey, verdict: &Verdict, took: Duration) {
        self.chronicle.note_check(now, key, verdict.clone(), took);
        let times = match verdict {
            Verdict::Fail(failure) if failure.is_ours() => return,
            _ if self.chronicle.of(key).is_none() => return,
            Verdict::Fail(_) => &mut self.checks.entry(key.pool.clone()).or_default().failed,
            Verdict::Pass(_) => &mut self.checks.entry(key.pool.clone()).or_default().passed,
        };
        times.buckets[bucket(took)] += 1;
        times.micros += u64::try_from(took.as_micros()).unwrap_or(0);
    }

    /// `director` has told this event.
    pub fn note_event(&mut self, now: Instant, event: &Event, director: &Director) {
        let Some(addr) = event.backend.clone() else { return };
        // The order itself was noted, with who gave it.
        if let EventKind::Added { by: Origin::Order } | EventKind::Removed { by: Origin::Order } = event.kind
        {
            return;
        }
        let key = BackendKey { pool: event.pool.clone(), addr };
        self.chronicle.note_change(now, &key, director.state(&key), Because::Event(event.kind.clone()));
    }

    /// An order about a backend was carried out; `by` gave it.
    pub fn note_order(&mut self, now: Instant, order: Order, by: &str, director: &Director) {
        let Order::Backend(BackendKey { pool, addr }, _) = &order else { return };
        let Some(pool) = director.pool_of(pool.as_str()) else { return };
        let key = BackendKey { pool, addr: addr.clone() };
        let because = Because::Order { order: Box::new(order), by: by.to_owned() };
        self.chronicle.note_change(now, &key, director.state(&key), because);
    }
}
