//! One pool as the director sees it: its backends, which of them take traffic, and the picture made of that.

use super::action::{Action, Cause, Closed, EventKind, Origin, ProbeId};
use super::backend::{BackendState, Wanted};
use super::config::{Leaving, PoolConfig, Target};
use super::order::{Agreement, BackendOrder, Difference, Duty, OrderError, PoolOrders, member_at};
use super::outbox::{Outbox, Timer};
use super::view::BackendView;
use crate::addr::Addr;
use crate::balance::Picker;
use crate::eject::may_eject;
use crate::eligible::{Candidate, Standing, Tier};
use crate::health::Verdict;
use crate::line::Line;
use crate::live::LiveFailure;
use crate::load::Load;
use crate::name::BackendKey;
use crate::ramp;
use crate::snapshot::Pool;
use crate::span::after;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::atomic::AtomicU32;
use std::sync::{Arc, Weak};
use std::time::Instant;

/// The director's picture of one pool.
#[derive(Clone, Debug)]
pub(super) struct PoolState {
    pub config: PoolConfig,
    /// What operators want beside it.
    pub orders: PoolOrders,
    /// What its names stand for.
    pub names: Names,
    /// Backends that the configuration has dropped, as they were: they stay as long as names have not been answered for.
    pub held: Vec<(Addr, Wanted)>,
    /// In the order of the configuration, no address twice.
    pub backends: Vec<BackendState>,
    /// The loads of those that were taken out and may have sessions: whoever comes back goes on with them.
    pub taken_out: BTreeMap<Addr, Weak<Load>>,
    /// Where in `backends` an address is.
    pub index: BTreeMap<Addr, usize>,
    /// Since when it has had backends.
    pub born: Option<Instant>,
    /// Whether the operator was told that nobody is left.
    pub all_down: bool,
    /// Whether the operator was told that backups are in.
    pub backups_in: bool,
    /// The tier in use, as published.
    tier: Tier,
    line: Arc<Line>,
    cursor: Arc<AtomicU32>,
    ramp_armed: Option<Instant>,
}

/// Names, and what they stand for.
pub(super) type Names = BTreeMap<Arc<str>, Resolved>;

/// What a name stands for.
#[derive(Clone, Debug, Default)]
pub(super) struct Resolved {
    /// The last good answer, in order.
    pub addrs: Vec<IpAddr>,
    /// Whether the last answer was none.
    pub failing: bool,
}

impl Resolved {
    /// Whether there was no answer as yet.
    pub fn is_asked_for(&self) -> bool {
        self.addrs.is_empty() && !self.failing
    }
}

impl PoolState {
    /// A pool without backends as yet.
    pub fn new(config: PoolConfig) -> Self {
        Self {
            config,
            orders: PoolOrders::default(),
            names: Names::new(),
            held: Vec::new(),
            backends: Vec::new(),
            taken_out: BTreeMap::new(),
            index: BTreeMap::new(),
            born: None,
            all_down: false,
            backups_in: false,
            tier: Tier::Unseen,
            line: Arc::default(),
            cursor: Arc::default(),
            ramp_armed: None,
        }
    }

    /// An operator wants something of the backend at `addr`.
    pub fn order(
        &mut self,
        now: Instant,
        addr: Addr,
        order: BackendOrder,
        out: &mut Outbox,
    ) -> Result<(), OrderError> {
        let key = BackendKey { pool: self.config.name.clone(), addr };
        match (&order, self.index.contains_key(&key.addr)) {
            (BackendOrder::Add(_), true) => return Err(OrderError::IsThere(key)),
            (BackendOrder::Add(_), false) | (_, true) => {}
            (_, false) => return Err(OrderError::NoBackend(key)),
        }
        if order == BackendOrder::Duty(Duty::Off) {
            out.actions.push_back(Action::Close(Closed::Backend(key.clone()), Leaving::Cut));
        }
        let configured = member_at(&self.config, &key.addr).is_some();
        self.orders.take(&key.addr, order, configured);
        self.reconcile(now, &Origin::Order, out);
        out.changed.insert(key.pool);
        Ok(())
    }

    /// Where orders have made something else of the configuration.
    pub fn differences(&self) -> Vec<Difference> {
        self.orders.differences(&self.config, |addr| self.name_of(addr))
    }

    /// Where orders say what the configuration says, too.
    pub fn agreements(&self) -> Vec<Agreement> {
        self.orders.agreements(&self.config)
    }

    /// The name that stands for `addr`.
    fn name_of(&self, addr: &Addr) -> Option<Target> {
        let Addr::Ip(addr) = addr else { return None };
        let stands_for_it = |target: &&Target| match target {
            Target::Name { host, port } => {
                let known = self.names.get(host);
                *port == addr.port() && known.is_some_and(|it| it.addrs.contains(&addr.ip()))
            }
            Target::Addr(_) => false,
        };
        self.config.members.iter().map(|it| &it.target).find(stands_for_it).cloned()
    }

    /// Whether the backend at `addr` is only there because its pool waits for names.
    pub fn holds(&self, addr: &Addr) -> bool {
        self.held.iter().any(|(held, _)| held == addr)
    }

    /// Names that stand for nothing, as far as is known.
    pub fn unknown_names(&self) -> impl Iterator<Item = &Arc<str>> {
        self.names.iter().filter(|(_, it)| it.addrs.is_empty()).map(|(host, _)| host)
    }

    /// What there is to be seen of its backends.
    pub fn views(&self, now: Instant) -> impl Iterator<Item = BackendView> {
        self.backends.iter().map(move |it| it.view(self.orders.duty(&it.key.addr), now, &self.config))
    }

    /// A probe of the backend at `addr` has ended. Whether anybody waited for it.
    pub fn handle_probe(
        &mut self,
        now: Instant,
        addr: &Addr,
        id: ProbeId,
        verdict: Verdict,
        out: &mut Outbox,
    ) -> bool {
        let is_awaited = self.index.get(addr).is_some_and(|&index| self.backends[index].awaits(id));
        if is_awaited {
            self.update(now, addr, out, |backend, _, out| backend.handle_probe(now, verdict, &mut out.dice));
        }
        is_awaited
    }

    /// Live traffic to `addr` failed.
    pub fn handle_suspect(
        &mut self,
        now: Instant,
        addr: &Addr,
        failure: LiveFailure,
        in_row: u32,
        out: &mut Outbox,
    ) {
        let Some(&index) = self.index.get(addr) else { return };
        let suspect = &self.backends[index];
        let is_too_many = |most| in_row >= most && suspect.candidate().is_usable();
        let rules = self.config.ejection.filter(|it| it.tolerance.of(failure).is_some_and(is_too_many));
        let may_go = rules.is_some() && {
            let count = |test: fn(&Candidate) -> bool| {
                self.backends.iter().filter(|it| test(&it.candidate())).count()
            };
            may_eject(count(Candidate::is_usable), count(|it| it.weight > 0), suspect.is_failing())
        };
        self.update(now, addr, out, |backend, _, out| {
            backend.note_failed(now);
            match rules? {
                rules if may_go => Some(backend.eject(now, &rules, failure, in_row, &mut out.dice)),
                rules => backend.decline(now, &rules, Cause::Live(failure)),
            }
        });
        if !self.tier.takes_any() {
            // It is not the one that failed longest ago any more.
            out.changed.insert(self.config.name.clone());
        }
    }

    /// Live failures may have gone unheard: suspects that are not out get another chance.
    pub fn forgive_suspects(&self) {
        if let Some(rules) = &self.config.ejection {
            self.backends.iter().for_each(|it| it.forgive_if_suspect(rules));
        }
    }

    /// The time of the backend at `addr` has come.
    pub fn handle_wake(&mut self, now: Instant, addr: &Addr, out: &mut Outbox) {
        self.update(now, addr, out, |backend, _, out| backend.handle_wake(now, out));
    }

    /// It is time to bring the weights of those who ramp up to date.
    pub fn handle_ramp(&mut self, out: &mut Outbox) {
        self.ramp_armed = None;
        out.changed.insert(self.config.name.clone());
    }

    /// Lets something happen to the backend at `addr`, and sees to all that follows from it.
    fn update(
        &mut self,
        now: Instant,
        addr: &Addr,
        out: &mut Outbox,
        act: impl FnOnce(&mut BackendState, &PoolConfig, &mut Outbox) -> Option<EventKind>,
    ) {
        let Some(&index) = self.index.get(addr) else { return };
        let ramps = self.ramps(now);
        let backend = &mut self.backends[index];
        let before = backend.standing();
        if let Some(kind) = act(backend, &self.config, out) {
            out.announce(&self.config.name, Some(addr), kind);
        }
        if backend.standing() != before {
            match backend.standing() {
                Standing::Up => backend.come_in(now, ramps),
                Standing::Down => close(backend, self.config.on_down.unwrap_or(Leaving::Keep), out),
                Standing::Checking | Standing::Ejected => {}
            }
            out.changed.insert(self.config.name.clone());
        }
        backend.rearm(out);
    }

    /// Whether one that comes up now starts slowly: not while the whole pool is new.
    pub fn ramps(&self, now: Instant) -> bool {
        let grown_up = |born| self.config.slow_start.is_some_and(|it| now >= after(born, it.duration));
        self.born.is_some_and(grown_up)
    }

    /// The picture of it at `now`. What the operator should know of the pool as a whole is announced with it.
    pub fn build(&mut self, now: Instant, out: &mut Outbox) -> Arc<Pool> {
        let candidates: Vec<_> = self.backends.iter().map(BackendState::candidate).collect();
        let tier = Tier::of(&candidates, self.backups_in);
        self.announce_tier(tier, out);
        let percents: Vec<_> = self.backends.iter().map(|it| it.percent(now, &self.config)).collect();
        let ramping = percents.iter().any(Option::is_some);
        self.arm_ramp(now, ramping, out);
        let backends: Box<[_]> = (self.backends.iter().zip(&candidates).zip(percents))
            .map(|((backend, candidate), percent)| {
                let weight = candidate.weight;
                let weight = if ramping { ramp::scaled(weight, percent) } else { weight };
                let duty = self.orders.duty(&backend.key.addr);
                backend.publish(weight, tier.takes(candidate), duty, &self.config)
            })
            .collect();
        Arc::new(Pool {
            name: self.config.name.clone(),
            picker: Picker::over(self.config.balance, &backends, tier.balanced(&candidates)),
            spares: tier.spares(&candidates),
            last_resort: tier.last_resort(&candidates, self.config.all_down),
            backends,
            rules: Arc::clone(&self.config.rules),
            line: Arc::clone(&self.line),
            cursor: Arc::clone(&self.cursor),
        })
    }

    fn announce_tier(&mut self, tier: Tier, out: &mut Outbox) {
        self.tier = tier;
        let (all_down, backups_in) = match tier {
            Tier::Primaries => (false, false),
            Tier::Backups => (false, true),
            Tier::Unseen => (self.all_down, self.backups_in),
            Tier::Nobody => (true, self.backups_in),
        };
        let turns = [
            (&mut self.all_down, all_down, EventKind::AllDown, EventKind::Recovered),
            (&mut self.backups_in, backups_in, EventKind::BackupsIn, EventKind::BackupsOut),
        ];
        for (told, is, begins, ends) in turns {
            if std::mem::replace(told, is) != is {
                out.announce(&self.config.name, None, if is { begins } else { ends });
            }
        }
    }

    fn arm_ramp(&mut self, now: Instant, ramping: bool, out: &mut Outbox) {
        let rules = self.config.slow_start.filter(|_| ramping);
        let at = rules.map(|rules| after(now, ramp::step(&rules)));
        let name = &self.config.name;
        out.timers.set(&mut self.ramp_armed, at, || Timer::Ramp(name.clone()));
    }

    /// Whether `backend` takes new sessions, as the pool was last published.
    pub fn takes(&self, backend: &BackendState) -> bool {
        self.tier.takes(&backend.candidate())
    }

    /// It left: takes its timers back.
    pub fn leave(self, out: &mut Outbox) {
        let Self { config, backends, mut ramp_armed, .. } = self;
        out.timers.set(&mut ramp_armed, None, || Timer::Ramp(config.name.clone()));
        for backend in backends {
            close(&backend, config.on_remove, out);
            backend.leave(out);
        }
    }
}

/// The sessions at a backend that leaves go as its pool wants it.
pub(super) fn close(backend: &BackendState, leaving: Leaving, out: &mut Outbox) {
    if leaving != Leaving::Keep {
        out.actions.push_back(Action::Close(Closed::Backend(backend.key.clone()), leaving));
    }
}
