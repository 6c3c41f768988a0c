//! The control plane's one state machine: configuration, discovery, probes, live failures and time go in; snapshots,
//! probes to run and events come out.

mod action;
mod config;

pub use action::{Action, Cause, Event, EventKind};
pub use config::{AllDown, Config, EjectionRules, Member, PoolConfig, SlowStart, Target};

use crate::addr::Addr;
use crate::attempt::ConnectFailure;
use crate::health::Verdict;
use crate::name::{BackendKey, PoolName};
use crate::snapshot::Snapshot;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

/// Decides who may take traffic.
///
/// Call any `handle_*` when something happened, then [`poll_action`](Self::poll_action) until it returns `None`, then
/// wait for the next event or for [`poll_timeout`](Self::poll_timeout), at which
/// [`handle_timeout`](Self::handle_timeout) is due.
#[derive(Clone, Debug)]
pub struct Director {}

impl Director {
    /// A director for `config`; `seed` is for jitter.
    pub fn new(now: Instant, config: Config, seed: u64) -> Self {
        let _ = (now, config, seed);
        Self {}
    }

    /// The director as it would be under `config`; nothing changes until the caller keeps it.
    pub fn propose(&self, now: Instant, config: Config) -> Self {
        let _ = (now, config);
        self.clone()
    }

    /// The picture as it is now: the one a caller publishes first.
    pub fn snapshot(&self) -> Arc<Snapshot> {
        Arc::default()
    }

    /// A probe asked for by [`Action::Probe`] has ended.
    pub fn handle_probe(&mut self, now: Instant, key: &BackendKey, verdict: Verdict) {
        let _ = (now, key, verdict);
    }

    /// A connect of live traffic failed, the `in_row`th time in a row.
    pub fn handle_suspect(&mut self, now: Instant, key: &BackendKey, failure: ConnectFailure, in_row: u32) {
        let _ = (now, key, failure, in_row);
    }

    /// The name `host` in `pool` now stands for exactly these addresses, or could not be resolved and why.
    pub fn handle_resolved(
        &mut self,
        now: Instant,
        pool: &PoolName,
        host: &str,
        addrs: Result<Vec<IpAddr>, Arc<str>>,
    ) {
        let _ = (now, pool, host, addrs);
    }

    /// The time given by [`poll_timeout`](Self::poll_timeout) has come.
    pub fn handle_timeout(&mut self, now: Instant) {
        let _ = now;
    }

    /// When [`handle_timeout`](Self::handle_timeout) is due.
    pub fn poll_timeout(&self) -> Option<Instant> {
        None
    }

    /// What to do now.
    pub fn poll_action(&mut self) -> Option<Action> {
        None
    }

    /// How every backend stands, in the order of the configuration.
    pub fn backends(&self) -> Vec<(BackendKey, Standing)> {
        Vec::new()
    }
}

/// How a backend stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Not checked yet; takes no traffic for one check timeout at most.
    Checking,
    /// Takes traffic, as far as its tier is in use.
    Up,
    /// Its checks fail.
    Down,
    /// Live traffic failed.
    Ejected,
}

/// So that a caller can name a backend by address without building a key twice.
impl From<(PoolName, Addr)> for BackendKey {
    fn from((pool, addr): (PoolName, Addr)) -> Self {
        Self { pool, addr }
    }
}
