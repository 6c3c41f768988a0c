//! What a director has seen, beyond its configuration, as plain data: another process goes on from there.

use super::backend::BackendState;
use super::outbox::Outbox;
use super::pool::{PoolState, Resolved};
use super::{Action, Director, Origin};
use crate::addr::Addr;
use crate::eject::Ejection;
use crate::eligible::Standing;
use crate::health::Health;
use crate::name::PoolName;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

/// What a director has seen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Memory {
    /// By pool.
    pub pools: Vec<PoolMemory>,
}

/// What it has seen of a pool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PoolMemory {
    /// Which one.
    pub name: PoolName,
    /// Since when it has had backends.
    pub born: Option<Instant>,
    /// Whether the operator was told that nobody is left.
    pub all_down: bool,
    /// Whether the operator was told that backups are in.
    pub backups_in: bool,
    /// The names that were resolved, and the last good answer for each.
    pub names: Vec<(Arc<str>, Vec<IpAddr>)>,
    /// Its backends.
    pub backends: Vec<BackendMemory>,
}

/// What it has seen of a backend.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BackendMemory {
    /// Which one.
    pub addr: Addr,
    /// What its checks came to.
    pub health: Health,
    /// How often, and until when, live traffic took it out.
    pub ejection: Ejection,
    /// When it last failed.
    pub failed_at: Option<Instant>,
    /// Since when it ramps.
    pub ramp_since: Option<Instant>,
}

impl Director {
    /// What it has seen until now.
    pub fn memory(&self) -> Memory {
        Memory { pools: self.pools.values().map(PoolState::memory).collect() }
    }

    /// Goes on from what another director had seen, wherever its configuration is about the same pools and backends. Call
    /// it before the first snapshot is published; nothing of it is announced.
    pub fn recall(&mut self, now: Instant, memory: &Memory) {
        for memory in &memory.pools {
            if let Some(pool) = self.pools.get_mut(&memory.name) {
                pool.recall(now, memory, &mut self.out);
                self.out.changed.insert(memory.name.clone());
            }
        }
        self.out.actions.retain(|action| matches!(action, Action::Probe { .. }));
        self.begin(now);
    }
}

impl PoolState {
    fn memory(&self) -> PoolMemory {
        let resolved = self.names.iter().filter(|(_, it)| !it.addrs.is_empty());
        PoolMemory {
            name: self.config.name.clone(),
            born: self.born,
            all_down: self.all_down,
            backups_in: self.backups_in,
            names: resolved.map(|(host, it)| (Arc::clone(host), it.addrs.clone())).collect(),
            backends: self.backends.iter().map(BackendState::memory).collect(),
        }
    }

    fn recall(&mut self, now: Instant, memory: &PoolMemory, out: &mut Outbox) {
        for (host, addrs) in &memory.names {
            if let Some(known) = self.names.get_mut(host) {
                *known = Resolved { addrs: addrs.clone(), failing: false };
            }
        }
        self.reconcile(now, &Origin::Config, out);
        (self.all_down, self.backups_in) = (memory.all_down, memory.backups_in);
        self.born = memory.born.or(self.born);
        for memory in &memory.backends {
            if let Some(&index) = self.index.get(&memory.addr) {
                self.backends[index].recall(memory, self.config.ejection.is_some());
                self.backends[index].rearm(out);
            }
        }
    }
}

impl BackendState {
    fn memory(&self) -> BackendMemory {
        BackendMemory {
            addr: self.key.addr.clone(),
            health: self.health.clone(),
            ejection: self.ejection.clone(),
            failed_at: self.failed_at,
            ramp_since: self.ramp_since,
        }
    }

    /// What its configuration has no use for, it does not remember: one that is not checked is up.
    fn recall(&mut self, memory: &BackendMemory, may_be_ejected: bool) {
        self.failed_at = memory.failed_at;
        if self.wanted.check.is_some() {
            self.health = memory.health.clone();
        }
        if may_be_ejected && (self.standing() == Standing::Up || memory.ejection.until().is_none()) {
            self.ejection = memory.ejection.clone();
        }
        self.ramp_since = memory.ramp_since;
    }
}
