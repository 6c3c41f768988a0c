//! The control plane's one state machine: configuration, discovery, probes, live failures and time go in; snapshots,
//! probes to run and events come out.

mod action;
mod backend;
mod config;
mod memory;
mod order;
mod outbox;
mod outlook;
mod plan;
mod pool;
mod reconcile;
mod view;

pub use crate::eligible::Standing;
pub use action::{Action, Cause, Closed, Event, EventKind, Origin, ProbeId};
pub use config::{Config, Leaving, Member, PoolConfig, Target, WEIGHT_MAX};
pub use memory::{BackendMemory, Memory, PoolMemory};
pub use order::{Agreement, BackendOrder, Difference, Duty, Order, OrderError, Wish, WishMemory};
pub use outlook::{CheckOutlook, Hindrance, Outlook};
pub use plan::{BackendPlan, Change, Connects, ListenerPlan, Plan, PoolPlan};
pub use view::{BackendView, State, Tally};

use crate::addr::Addr;
use crate::dice::Dice;
use crate::health::Verdict;
use crate::live::LiveFailure;
use crate::name::{BackendKey, PoolName, ServiceName};
use crate::side::Side;
use crate::snapshot::{Listener, Snapshot};
use crate::span::after;
use outbox::{Outbox, Timer, Timers};
use pool::{Names, PoolState, Resolved};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::mem;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Publications are at least so far apart; what changes meanwhile goes into the next one.
const PUBLISH_EVERY: Duration = Duration::from_millis(20);

/// After a publication the next one waits for this many times what it took, so that whoever makes them has most of its time for
/// other things: the table of a large pool takes longer than the time between two of its checks.
const PUBLISH_REST: u32 = 4;

/// Decides who may take traffic.
///
/// Call any `handle_*` when something happened, then [`poll_action`](Self::poll_action) until it returns `None`, and
/// [`handle_published`](Self::handle_published) once what it said to publish is in force; then wait for the next event or
/// for [`poll_timeout`](Self::poll_timeout), at which [`handle_timeout`](Self::handle_timeout) is due. Times never run
/// backwards.
#[derive(Clone, Debug)]
pub struct Director {
    listeners: Vec<Arc<Listener>>,
    /// Services that operators want to take nothing new.
    duties: BTreeMap<ServiceName, Duty>,
    pools: BTreeMap<PoolName, PoolState>,
    /// The pools in the order of the configuration.
    order: Vec<PoolName>,
    out: Outbox,
    published: Arc<Snapshot>,
    /// When that was begun.
    publish_began: Instant,
    /// No publication before this.
    publish_after: Instant,
}

impl Director {
    /// A director for `config`; `seed` is for jitter.
    pub fn new(now: Instant, config: Config, seed: u64) -> Self {
        let out = Outbox {
            actions: VecDeque::new(),
            timers: Timers::default(),
            changed: BTreeSet::new(),
            dice: Dice::new(seed),
            probe: ProbeId::default(),
        };
        let mut director = Self {
            listeners: Vec::new(),
            duties: BTreeMap::new(),
            pools: BTreeMap::new(),
            order: Vec::new(),
            out,
            published: Arc::default(),
            publish_began: now,
            publish_after: now,
        };
        director.configure(now, config);
        // At the start nobody has joined: there was nothing before.
        director.out.actions.clear();
        director.begin(now);
        director
    }

    /// The director as it would be under `config`; nothing changes until the caller keeps it, and publishes its
    /// [`snapshot`](Self::snapshot).
    pub fn propose(&self, now: Instant, config: Config) -> Self {
        let mut director = self.clone();
        // Its snapshot will be newer than any that is still to be handed out.
        director.out.actions.retain(|it| !matches!(it, Action::Publish(_)));
        director.configure(now, config);
        director.begin(now);
        director
    }

    /// The director as it would be once `order` is carried out. A pool may be named by a service that sends to it; to be kept like that of [`propose`](Self::propose).
    pub fn order(&self, now: Instant, order: Order) -> Result<Self, OrderError> {
        let mut director = self.clone();
        director.out.actions.retain(|it| !matches!(it, Action::Publish(_)));
        match order {
            Order::Service(service, duty) => director.order_service(service, duty)?,
            Order::Backend(key, order) => {
                let pool = director.pool_of(key.pool.as_str());
                let known = pool.and_then(|name| director.pools.get_mut(&name));
                let pool = known.ok_or_else(|| OrderError::NoPool(key.pool.clone()))?;
                pool.order(now, key.addr, order, &mut director.out)?;
            }
        }
        director.begin(now);
        Ok(director)
    }

    fn order_service(&mut self, service: ServiceName, duty: Duty) -> Result<(), OrderError> {
        if !self.listeners.iter().any(|it| it.name.service == service) {
            return Err(OrderError::NoService(service));
        }
        if duty == Duty::Off {
            self.out.actions.push_back(Action::Close(Closed::Service(service.clone()), Leaving::Cut));
        }
        match duty {
            Duty::On => drop(self.duties.remove(&service)),
            duty => drop(self.duties.insert(service, duty)),
        }
        Ok(())
    }

    /// What operators want of `service`.
    pub fn duty(&self, service: &ServiceName) -> Duty {
        self.duties.get(service).copied().unwrap_or_default()
    }

    /// Where orders have made something else of the configuration in force.
    pub fn differences(&self) -> Vec<Difference> {
        let services = self.duties.iter().map(|(name, duty)| Difference::Service(name.clone(), *duty));
        services.chain(self.order.iter().flat_map(|name| self.pools[name].differences())).collect()
    }

    /// Where orders since the configuration was loaded say what that says, too.
    pub fn agreements(&self) -> Vec<Agreement> {
        self.order.iter().flat_map(|name| self.pools[name].agreements()).collect()
    }

    /// The pool called `name`; if none is, the one to which the service of that name sends.
    pub fn pool_of(&self, name: &str) -> Option<PoolName> {
        let of_service = || self.listeners.iter().find(|it| it.name.service.as_str() == name);
        let pool = PoolName::new(name);
        if self.pools.contains_key(&pool) { Some(pool) } else { of_service()?.pool.clone() }
    }

    fn configure(&mut self, now: Instant, config: Config) {
        self.follow_listeners(config.listeners);
        self.forget_duties();
        self.order = config.pools.iter().map(|it| it.name.clone()).collect();
        let names = self.known_names();
        let mut known = mem::take(&mut self.pools);
        for config in config.pools {
            let name = config.name.clone();
            let pool = match known.remove(&name) {
                Some(mut pool) if pool.config == config => {
                    pool.orders.compare_anew();
                    pool
                }
                known => {
                    let mut pool = known.unwrap_or_else(|| PoolState::new(config.clone()));
                    pool.configure(now, config, &names, &mut self.out);
                    self.out.changed.insert(name.clone());
                    pool
                }
            };
            self.pools.insert(name, pool);
        }
        for (name, pool) in known {
            self.out.changed.remove(&name);
            pool.leave(&mut self.out);
        }
    }

    /// What names stand for, whichever pool knows it.
    fn known_names(&self) -> Names {
        let names = self.pools.values().flat_map(|pool| &pool.names);
        let known = names.filter(|(_, it)| !it.addrs.is_empty());
        known.map(|(host, it)| (Arc::clone(host), Resolved { failing: false, ..it.clone() })).collect()
    }

    /// Those that did not change stay the very same.
    fn follow_listeners(&mut self, listeners: Vec<Arc<Listener>>) {
        let known: BTreeMap<_, _> =
            mem::take(&mut self.listeners).into_iter().map(|it| (it.name.clone(), it)).collect();
        let follow =
            |it: Arc<Listener>| known.get(&it.name).filter(|known| **known == it).cloned().unwrap_or(it);
        self.listeners = listeners.into_iter().map(follow).collect();
    }

    /// Drops what operators want of services that are not there.
    fn forget_duties(&mut self) {
        let listeners = &self.listeners;
        self.duties.retain(|name, _| listeners.iter().any(|it| it.name.service == *name));
    }

    /// Asks for the probes that are due, and makes the picture that the caller publishes.
    fn begin(&mut self, now: Instant) {
        self.wake(now);
        self.rebuild(now);
    }

    /// The picture as it was last made: the one a caller publishes first, and after
    /// [`propose`](Self::propose). Later ones come as [`Action::Publish`].
    pub fn snapshot(&self) -> Arc<Snapshot> {
        Arc::clone(&self.published)
    }

    /// The probe asked for by this [`Action::Probe`] has ended. Whether its verdict counts: not if the backend has left, or is
    /// checked in another way by now.
    pub fn handle_probe(&mut self, now: Instant, key: &BackendKey, id: ProbeId, verdict: Verdict) -> bool {
        let pool = self.pools.get_mut(&key.pool);
        let counts = pool.is_some_and(|pool| pool.handle_probe(now, &key.addr, id, verdict, &mut self.out));
        self.publish_if_due(now);
        counts
    }

    /// Live traffic failed, the `in_row`th time in a row.
    pub fn handle_suspect(&mut self, now: Instant, key: &BackendKey, failure: LiveFailure, in_row: u32) {
        if let Some(pool) = self.pools.get_mut(&key.pool).filter(|_| failure.fault() == Side::Backend) {
            pool.handle_suspect(now, &key.addr, failure, in_row, &mut self.out);
        }
        self.publish_if_due(now);
    }

    /// Some calls of [`handle_suspect`](Self::handle_suspect) were lost on the way here. The planes pass suspects over
    /// until they hear otherwise, so those that were not ejected get another chance.
    pub fn handle_lost_suspects(&mut self) {
        self.pools.values().for_each(PoolState::forgive_suspects);
    }

    /// The name `host` in `pool` now stands for exactly these addresses, or could not be resolved and why. What it
    /// last stood for stays when it cannot be resolved, or to no address.
    pub fn handle_resolved(
        &mut self,
        now: Instant,
        pool: &PoolName,
        host: &str,
        addrs: Result<Vec<IpAddr>, Arc<str>>,
    ) {
        let known = self.pools.get_mut(pool);
        if known.is_some_and(|it| it.resolve(now, host, addrs, &mut self.out)) {
            self.out.changed.insert(pool.clone());
            self.wake(now);
        }
        self.publish_if_due(now);
    }

    /// The snapshot of the last [`Action::Publish`] is in force, and it is `now` by that.
    pub fn handle_published(&mut self, now: Instant) {
        let took = now.saturating_duration_since(self.publish_began);
        self.publish_after = after(now, PUBLISH_EVERY.max(took.saturating_mul(PUBLISH_REST)));
    }

    /// The time given by [`poll_timeout`](Self::poll_timeout) has come.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.wake(now);
        self.publish_if_due(now);
    }

    /// When [`handle_timeout`](Self::handle_timeout) is due.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let publish = (!self.out.changed.is_empty()).then_some(self.publish_after);
        publish.into_iter().chain(self.out.timers.next()).min()
    }

    /// What to do now.
    pub fn poll_action(&mut self) -> Option<Action> {
        self.out.actions.pop_front()
    }

    /// Names that stand for nothing as yet, by pool, those without such left out.
    pub fn unknown_names(&self) -> BTreeMap<PoolName, Vec<Arc<str>>> {
        let names = self.pools.iter().map(|(name, pool)| (name, pool.unknown_names().cloned().collect()));
        names
            .filter(|(_, names): &(_, Vec<_>)| !names.is_empty())
            .map(|(pool, names)| (pool.clone(), names))
            .collect()
    }

    /// How every backend stands, in the order of the configuration.
    pub fn backends(&self) -> Vec<(BackendKey, Standing)> {
        let backends = self.order.iter().flat_map(|name| &self.pools[name].backends);
        backends.map(|it| (it.key.clone(), it.standing())).collect()
    }

    /// What the configuration in force says.
    pub fn config(&self) -> Config {
        let pools = self.order.iter().map(|name| self.pools[name].config.clone()).collect();
        Config { listeners: self.listeners.clone(), pools }
    }

    /// What there is to be seen of every backend, in the order of the configuration.
    pub fn views(&self, now: Instant) -> Vec<BackendView> {
        self.order.iter().flat_map(|name| self.pools[name].views(now)).collect()
    }

    /// What there is to be seen of one backend, why it takes no traffic if it does not, and what would change that.
    pub fn outlook(&self, now: Instant, key: &BackendKey) -> Option<Outlook> {
        self.pools.get(&key.pool)?.outlook(now, &key.addr)
    }

    /// The one word for how a backend stands; removed is one that is not there.
    pub fn state(&self, key: &BackendKey) -> State {
        self.pools.get(&key.pool).map_or(State::Removed, |pool| pool.state(&key.addr))
    }

    fn wake(&mut self, now: Instant) {
        while let Some(timer) = self.out.timers.pop_due(now) {
            let (Timer::Backend(BackendKey { pool: name, .. }) | Timer::Ramp(name)) = &timer;
            let Some(pool) = self.pools.get_mut(name) else {
                debug_assert!(false, "{timer:?} outlived its pool");
                continue;
            };
            match &timer {
                Timer::Backend(key) => pool.handle_wake(now, &key.addr, &mut self.out),
                Timer::Ramp(_) => pool.handle_ramp(&mut self.out),
            }
        }
    }

    fn publish_if_due(&mut self, now: Instant) {
        if self.out.changed.is_empty() || now < self.publish_after {
            return;
        }
        self.rebuild(now);
        self.out.actions.push_back(Action::Publish(Arc::clone(&self.published)));
    }

    /// Makes a new picture; pools that did not change stay the very same.
    fn rebuild(&mut self, now: Instant) {
        let changed = mem::take(&mut self.out.changed);
        let before = &self.published.pools;
        let pools = self.pools.iter_mut().map(|(name, pool)| {
            let picture = match before.get(name) {
                Some(picture) if !changed.contains(name) => Arc::clone(picture),
                _ => pool.build(now, &mut self.out),
            };
            (name.clone(), picture)
        });
        self.published = Arc::new(Snapshot {
            generation: self.published.generation + 1,
            pools: pools.collect(),
            listeners: self.listeners.iter().map(|it| (it.name.clone(), self.on_duty(it))).collect(),
        });
        self.publish_began = now;
        self.publish_after = after(now, PUBLISH_EVERY);
    }

    /// The listener as it is to be: closed while operators want its service to take nothing new.
    fn on_duty(&self, listener: &Arc<Listener>) -> Arc<Listener> {
        match self.duty(&listener.name.service) {
            Duty::On => Arc::clone(listener),
            Duty::Drain | Duty::Off => Arc::new(Listener { open: false, ..Listener::clone(listener) }),
        }
    }
}

/// So that a caller can name a backend by address without building a key twice.
impl From<(PoolName, Addr)> for BackendKey {
    fn from((pool, addr): (PoolName, Addr)) -> Self {
        Self { pool, addr }
    }
}
