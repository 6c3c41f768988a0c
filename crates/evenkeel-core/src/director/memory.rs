//! What a director has seen and was ordered, beyond its configuration, as plain data: another process goes on from there.

use super::backend::{BackendState, Wanted};
use super::config::{Member, Target};
use super::order::{Duty, PoolOrders, WishMemory};
use super::outbox::Outbox;
use super::pool::{PoolState, Resolved};
use super::{Action, Director, Origin};
use crate::addr::Addr;
use crate::eject::Ejection;
use crate::eligible::Standing;
use crate::health::Health;
use crate::name::{BackendKey, PoolName, ServiceName};
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

/// What a director has seen, and what operators want of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Memory {
    /// What they want of services.
    pub duties: Vec<(ServiceName, Duty)>,
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
    /// What operators want of its backends.
    pub orders: Vec<WishMemory>,
    /// Its backends.
    pub backends: Vec<BackendMemory>,
}

/// What it has seen of a backend.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BackendMemory {
    /// Which one.
    pub addr: Addr,
    /// Its share.
    pub weight: u32,
    /// Whether it is a backup.
    pub backup: bool,
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
    /// What it has seen until now, and what operators want.
    pub fn memory(&self) -> Memory {
        Memory { duties: self.duties(), pools: self.pools.values().map(PoolState::memory).collect() }
    }

    /// What operators want of services.
    pub fn duties(&self) -> Vec<(ServiceName, Duty)> {
        self.duties.iter().map(|(name, duty)| (name.clone(), *duty)).collect()
    }

    /// Goes on from what another director had seen, and with the orders that it had, wherever its configuration is about the
    /// same services, pools and backends; what the configuration has changed counts. Call it before the first snapshot is
    /// published; nothing of it is announced.
    pub fn recall(&mut self, now: Instant, memory: &Memory) {
        self.duties = memory.duties.iter().cloned().collect();
        self.forget_duties();
        self.recall_names(now, memory);
        for memory in &memory.pools {
            if let Some(pool) = self.pools.get_mut(&memory.name) {
                pool.recall(now, memory, &mut self.out);
                self.out.changed.insert(memory.name.clone());
            }
        }
        let pools = &self.pools;
        let is_there =
            |key: &BackendKey| pools.get(&key.pool).is_some_and(|it| it.index.contains_key(&key.addr));
        self.out.actions.retain(|action| matches!(action, Action::Probe { key, .. } if is_there(key)));
        self.begin(now);
    }

    /// What a name stands for is the same in every pool, also in one that is new.
    fn recall_names(&mut self, now: Instant, memory: &Memory) {
        let names: BTreeMap<_, _> =
            memory.pools.iter().flat_map(|it| &it.names).map(|(host, addrs)| (host, addrs)).collect();
        for (name, pool) in &mut self.pools {
            if pool.recall_names(&names) {
                pool.reconcile(now, &Origin::Config, &mut self.out);
                self.out.changed.insert(name.clone());
            }
        }
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
            orders: self.orders.memory(&self.config),
            backends: self.backends.iter().map(BackendState::memory).collect(),
        }
    }

    /// Says whether that is news.
    fn recall_names(&mut self, known: &BTreeMap<&Arc<str>, &Vec<IpAddr>>) -> bool {
        let mut is_news = false;
        for (host, resolved) in &mut self.names {
            if let Some(addrs) = known.get(host) {
                *resolved = Resolved { addrs: addrs.to_vec(), failing: false };
                is_news = true;
            }
        }
        is_news
    }

    /// A backend as another process had it, for as long as it is held.
    fn as_it_was(&self, memory: &BackendMemory) -> (Addr, Wanted) {
        let BackendMemory { addr, weight, backup, .. } = memory;
        let member = Member {
            target: Target::Addr(addr.clone()),
            weight: *weight,
            backup: *backup,
            max_sessions: None,
            check_port: None,
            check_addr: None,
        };
        (addr.clone(), Wanted::of(&member, addr, *weight, &self.config))
    }

    fn recall(&mut self, now: Instant, memory: &PoolMemory, out: &mut Outbox) {
        self.held = memory.backends.iter().map(|it| self.as_it_was(it)).collect();
        self.orders = PoolOrders::recalled(&memory.orders, &self.config);
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
            weight: self.wanted.weight,
            backup: self.wanted.backup,
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
