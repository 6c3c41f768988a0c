//! Which backends a pool should have, by its configuration and by what its names stand for, and how it gets there from
//! those it has.

use super::action::{EventKind, Origin};
use super::backend::{BackendState, CheckAt, Wanted};
use super::config::{Member, PoolConfig, Target};
use super::order::PoolOrders;
use super::outbox::Outbox;
use super::pool::{Names, PoolState, Resolved, close};
use crate::addr::Addr;
use crate::eligible::Standing;
use crate::health::Check;
use crate::name::BackendKey;
use crate::span::after;
use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Up to so many probes begin at once; more are spread over half of the check's timeout.
const AT_ONCE: usize = 64;

impl PoolState {
    /// Takes over a configuration; `known` is what names stand for in any pool.
    pub fn configure(&mut self, now: Instant, config: PoolConfig, known: &Names, out: &mut Outbox) {
        let hosts: Vec<&Arc<str>> = config.members.iter().filter_map(|it| it.target.host()).collect();
        self.names.retain(|host, _| hosts.contains(&host));
        for host in hosts {
            let resolved = || known.get(host).cloned().unwrap_or_default();
            self.names.entry(Arc::clone(host)).or_insert_with(resolved);
        }
        self.orders.give_way(&self.config, &config);
        self.config = config;
        self.held = self.backends.iter().map(|it| (it.key.addr.clone(), it.wanted.clone())).collect();
        self.reconcile(now, &Origin::Config, out);
        // With fewer failures allowed, some are suspects although nobody will report it.
        self.forgive_suspects();
    }

    /// The name `host` stands for `addrs` now; says whether the backends are others now.
    pub fn resolve(
        &mut self,
        now: Instant,
        host: &str,
        addrs: Result<Vec<IpAddr>, Arc<str>>,
        out: &mut Outbox,
    ) -> bool {
        let Some((host, known)) = self.names.get_key_value(host) else { return false };
        let (host, was_failing) = (Arc::clone(host), known.failing);
        let nothing =
            |addrs: Vec<IpAddr>| if addrs.is_empty() { Err("it has no address".into()) } else { Ok(addrs) };
        let (resolved, event) = match addrs.and_then(nothing) {
            Ok(mut addrs) => {
                addrs.sort_unstable();
                addrs.dedup();
                (Resolved { addrs, failing: false }, EventKind::Resolved { host: Arc::clone(&host) })
            }
            Err(error) => {
                let addrs = known.addrs.clone();
                (Resolved { addrs, failing: true }, EventKind::Unresolved { host: Arc::clone(&host), error })
            }
        };
        if resolved.failing != was_failing {
            out.announce(&self.config.name, None, event);
        }
        let may_let_go = known.is_asked_for() && !self.held.is_empty();
        let changed = resolved.addrs != known.addrs || may_let_go;
        self.names.insert(Arc::clone(&host), resolved);
        if changed {
            self.reconcile(now, &Origin::Name(host), out);
        }
        changed
    }

    /// Makes the backends those that are wanted, because of `by`: whoever is one already stays as it is.
    pub fn reconcile(&mut self, now: Instant, by: &Origin, out: &mut Outbox) {
        let mut wanted = wanted(&self.config, &self.orders, &self.names);
        let let_go = self.hold(&mut wanted);
        let mut known: BTreeMap<Addr, BackendState> =
            std::mem::take(&mut self.backends).into_iter().map(|it| (it.key.addr.clone(), it)).collect();
        let total = wanted.len();
        self.taken_out.retain(|_, load| load.strong_count() > 0);
        self.index = wanted.iter().enumerate().map(|(index, (addr, _))| (addr.clone(), index)).collect();
        for (nth, (addr, wanted)) in wanted.into_iter().enumerate() {
            let probe_at = after(now, delay(nth, total, wanted.check.as_ref()));
            let mut backend = match known.remove(&addr) {
                Some(backend) => self.keep(now, backend, wanted, probe_at, out),
                None => {
                    out.announce(&self.config.name, Some(&addr), EventKind::Added { by: by.clone() });
                    self.add(now, addr, wanted, probe_at)
                }
            };
            backend.rearm(out);
            self.backends.push(backend);
        }
        for (addr, backend) in known {
            let by = if let_go.contains(&addr) { Origin::Config } else { by.clone() };
            out.announce(&self.config.name, Some(&addr), EventKind::Removed { by });
            close(&backend, self.config.on_remove, out);
            self.taken_out.insert(addr, backend.load());
            backend.leave(out);
        }
        if !self.backends.is_empty() {
            self.born.get_or_insert(now);
        }
    }

    /// Adds those that the configuration has dropped and that are to stay nevertheless: until each name has had an answer, and
    /// for as long as there would be nobody else, as behind a name that is not known anywhere. Gives those that were held
    /// until now, and may go.
    fn hold(&mut self, wanted: &mut Vec<(Addr, Wanted)>) -> BTreeSet<Addr> {
        let waits = self.names.values().any(Resolved::is_asked_for)
            || wanted.is_empty() && self.names.values().any(|it| it.addrs.is_empty());
        if !waits {
            return std::mem::take(&mut self.held).into_iter().map(|(addr, _)| addr).collect();
        }
        let others: BTreeSet<_> = wanted.iter().map(|(addr, _)| addr.clone()).collect();
        self.held.retain(|(addr, _)| !others.contains(addr) && !self.orders.is_removed(addr));
        let held = self.held.iter().map(|(addr, before)| {
            let weight = self.orders.weight(addr, before.weight);
            (addr.clone(), Wanted { weight, ..before.beside(addr, &self.config) })
        });
        wanted.extend(held);
        BTreeSet::new()
    }

    fn keep(
        &self,
        now: Instant,
        mut backend: BackendState,
        wanted: Wanted,
        probe_at: Instant,
        out: &mut Outbox,
    ) -> BackendState {
        let could_take = backend.candidate().is_usable();
        if let Some(kind) = backend.change(now, wanted, &self.config, probe_at) {
            out.announce(&self.config.name, Some(&backend.key.addr), kind);
        }
        if !could_take && backend.candidate().is_usable() {
            backend.come_in(now, self.ramps(now));
        }
        backend
    }

    /// A backend that nobody knew, or that was taken out; its sessions still count.
    fn add(&mut self, now: Instant, addr: Addr, wanted: Wanted, probe_at: Instant) -> BackendState {
        let load = self.taken_out.remove(&addr).and_then(|load| load.upgrade()).unwrap_or_default();
        load.forgive();
        let key = BackendKey { pool: self.config.name.clone(), addr };
        let mut backend = BackendState::new(now, key, wanted, load, probe_at);
        if backend.standing() == Standing::Up {
            backend.come_in(now, self.ramps(now));
        }
        backend
    }
}

/// The backends that `config` and `orders` want, in the order of the configuration. Of two with the same address the
/// first counts.
fn wanted(config: &PoolConfig, orders: &PoolOrders, names: &Names) -> Vec<(Addr, Wanted)> {
    let mut seen = BTreeSet::new();
    let mut wanted = Vec::with_capacity(config.members.len());
    for member in config.members.iter().chain(orders.added()) {
        let addrs = match &member.target {
            Target::Addr(addr) => vec![addr.clone()],
            Target::Name { host, port } => {
                let ips = names.get(host).map_or(&[][..], |it| &it.addrs);
                ips.iter().map(|&ip| Addr::Ip(SocketAddr::new(ip, *port))).collect()
            }
        };
        for addr in addrs {
            if !orders.is_removed(&addr) && seen.insert(addr.clone()) {
                let weight = orders.weight(&addr, member.weight);
                let is_like = Wanted::of(member, &addr, weight, config);
                wanted.push((addr, is_like));
            }
        }
    }
    wanted
}

impl Wanted {
    /// What `member` makes of the backend at `addr`, with that share.
    pub fn of(member: &Member, addr: &Addr, weight: u32, config: &PoolConfig) -> Self {
        Self {
            weight,
            backup: member.backup,
            host: member.target.host().cloned(),
            limits: member.limits(config.limits),
            check: config.check.as_ref().map(|check| {
                let target = check_at(check, member.check_addr, member.check_port, addr);
                CheckAt { check: Arc::clone(check), target }
            }),
        }
    }

    /// The same, of one that `config` has dropped: it is checked where it was before, as the others are.
    fn beside(&self, addr: &Addr, config: &PoolConfig) -> Self {
        let check = config.check.as_ref().map(|check| {
            let before = self.check.as_ref().map(|it| it.target.clone());
            let target = before.unwrap_or_else(|| check_at(check, None, None, addr));
            CheckAt { check: Arc::clone(check), target }
        });
        Self { check, ..self.clone() }
    }
}

/// Where `check` is made: the member's own address and port go before the check's, and those before the backend's. A
/// Unix socket is asked elsewhere only when both are given.
fn check_at(check: &Check, own_ip: Option<IpAddr>, own_port: Option<u16>, addr: &Addr) -> Addr {
    let ip = own_ip.or(check.addr).or(addr.ip().map(|it| it.ip()));
    let port = own_port.or(check.port).or(addr.ip().map(|it| it.port()));
    match (ip, port) {
        (Some(ip), Some(port)) => Addr::Ip(SocketAddr::new(ip, port)),
        _ => addr.clone(),
    }
}

/// How long the first probe of the `nth` of `total` backends waits.
fn delay(nth: usize, total: usize, check: Option<&CheckAt>) -> Duration {
    match check {
        Some(at) if total > AT_ONCE => (at.check.timeout / 2).mul_f64(nth as f64 / total as f64),
        _ => Duration::ZERO,
    }
}
