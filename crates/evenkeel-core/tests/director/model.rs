//! What the director should do, told a second time and differently: from the written defaults, by looking back at what
//! happened instead of counting along. Slow and plain on purpose.

use crate::stage::MS;
use evenkeel_core::addr::Addr;
use evenkeel_core::director::{BackendOrder, Duty, Member, PoolConfig, ProbeId, Target};
use evenkeel_core::eject::EjectionRules;
use evenkeel_core::eligible::AllDown;
use evenkeel_core::health::{Check, CheckKind};
use evenkeel_core::live::LiveFailure;
use evenkeel_core::name::PoolName;
use evenkeel_core::snapshot::Pool;
use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

/// How late a day may run its timers.
pub const LATE: Duration = Duration::from_millis(3);

/// What names stand for.
pub type Answers = BTreeMap<String, Vec<IpAddr>>;

pub struct ModelPool {
    pub config: PoolConfig,
    pub backends: Vec<ModelBackend>,
    /// Every order, and every change of the file, in the order in which they came.
    history: Vec<Said>,
    pub answers: Answers,
    /// Whom it had when the file last changed, as far as names are still waited for.
    before: Vec<(Addr, Member)>,
    failing: BTreeSet<String>,
    /// When it first had a backend.
    born: Option<Instant>,
    all_down: bool,
    backups_in: bool,
    /// When its picture was last made.
    pub built: Instant,
    /// Since when the picture that was last made is not true any more.
    pub stale: Option<Instant>,
    /// What the operator has to be told of: `1 up`, `all-down`.
    pub to_tell: Vec<String>,
}

/// What was said about the pool.
enum Said {
    /// By an operator, about a backend.
    Order(Addr, BackendOrder),
    /// By the file, which said something else before.
    File(Vec<Member>, Vec<Member>),
}

/// What operators want of a backend, all in all.
#[derive(Default)]
struct Wish {
    out: bool,
    weight: Option<u32>,
    added: Option<Member>,
    removed: bool,
}

pub struct ModelBackend {
    pub addr: Addr,
    member: Member,
    /// Verdicts since checks began: `P`, `F`, `S`.
    verdicts: String,
    /// `None`: not seen yet.
    up: Option<bool>,
    unseen_until: Instant,
    /// The last ejection, over or not.
    ejection: Option<Ejection>,
    failed: Option<Instant>,
    told_it_stays: Option<Instant>,
    came_in: Option<Instant>,
    pub probe: Probe,
}

struct Ejection {
    doublings: u32,
    /// Which checks of connects say nothing of.
    for_answers: bool,
    /// Verdicts since it began, of checks made at the backend's own address.
    verdicts: String,
    /// `None` until the director has said for how long.
    until: Option<Instant>,
    over: Option<Instant>,
}

pub struct Probe {
    pub in_flight: Option<ProbeId>,
    asked: Option<Instant>,
    /// When the next one may come at the earliest, and must come at the latest.
    pub window: (Instant, Instant),
}

impl ModelPool {
    pub fn new(now: Instant, config: PoolConfig, known: &Answers) -> Self {
        let mut pool = Self {
            config: PoolConfig { members: Vec::new(), ..config.clone() },
            backends: Vec::new(),
            history: Vec::new(),
            answers: BTreeMap::new(),
            before: Vec::new(),
            failing: BTreeSet::new(),
            born: None,
            all_down: false,
            backups_in: false,
            built: now,
            stale: None,
            to_tell: Vec::new(),
        };
        pool.configure(now, config, known);
        pool
    }

    /// Takes what the file says now, where names stand for `known` in one pool or another.
    pub fn configure(&mut self, now: Instant, config: PoolConfig, known: &Answers) {
        let hosts: BTreeSet<_> = config.members.iter().filter_map(|it| it.target.host()).collect();
        self.answers.retain(|host, _| hosts.iter().any(|it| **host == ***it));
        self.failing.retain(|host| hosts.iter().any(|it| **host == ***it));
        let had = |host| self.config.members.iter().any(|it| it.target.host() == Some(host));
        for host in hosts.into_iter().filter(|host| !had(host)) {
            self.answers.extend(known.get(&**host).map(|addrs| (host.to_string(), addrs.clone())));
        }
        self.before = self.backends.iter().map(|it| (it.addr.clone(), it.member.clone())).collect();
        let before = std::mem::replace(&mut self.config, config);
        self.history.push(Said::File(before.members.clone(), self.config.members.clone()));
        self.gather(now, &before);
    }

    /// Whether an order about the backend at `addr` makes sense; if so it is carried out.
    pub fn ordered(&mut self, now: Instant, addr: &Addr, order: &BackendOrder) -> bool {
        let is_there = self.backends.iter().any(|it| it.addr == *addr);
        if is_there == matches!(order, BackendOrder::Add(_)) {
            return false;
        }
        self.history.push(Said::Order(addr.clone(), order.clone()));
        self.stale = Some(now);
        let same = self.config.clone();
        self.gather(now, &same);
        true
    }

    /// All that was said about the backend at `addr`, the newest last: what the file changed is as new as its change.
    fn wish(&self, addr: &Addr) -> Wish {
        let mut wish = Wish::default();
        let mut in_file = false;
        for said in &self.history {
            match said {
                Said::File(before, after) => {
                    let (before, after) = (at(before, addr), at(after, addr));
                    in_file = after.is_some();
                    if before.is_some() && after.is_none() {
                        wish = Wish::default();
                    } else if before.is_none() && after.is_some() {
                        wish = Wish { out: wish.out, ..Wish::default() };
                    } else if before != after {
                        wish.removed = false;
                        let same = before.map(|it| it.weight) == after.map(|it| it.weight);
                        wish.weight = wish.weight.filter(|_| same);
                    }
                }
                Said::Order(about, order) if about == addr => match order {
                    BackendOrder::Duty(duty) => wish.out = *duty != Duty::On,
                    BackendOrder::Weight(weight) => wish.weight = Some(*weight),
                    BackendOrder::Remove => wish = Wish { removed: wish.added.is_none(), ..Wish::default() },
                    BackendOrder::Add(member) if in_file => {
                        wish = Wish { weight: Some(member.weight), ..Wish::default() };
                    }
                    BackendOrder::Add(member) => {
                        wish = Wish { added: Some(member.clone()), ..Wish::default() };
                    }
                },
                Said::Order(..) => {}
            }
        }
        wish
    }

    pub fn resolved(&mut self, now: Instant, host: &str, answer: Option<Vec<IpAddr>>) {
        if self.config.members.iter().all(|it| it.target.host().is_none_or(|it| **it != *host)) {
            return;
        }
        match answer.filter(|it| !it.is_empty()) {
            None if self.failing.insert(host.into()) => {
                self.to_tell.push("unresolved".into());
                let same = self.config.clone();
                self.gather(now, &same);
            }
            None => {}
            Some(answer) => {
                if self.failing.remove(host) {
                    self.to_tell.push("resolved".into());
                }
                let distinct: BTreeSet<_> = answer.into_iter().collect();
                self.answers.insert(host.into(), distinct.into_iter().collect());
                let same = self.config.clone();
                self.gather(now, &same);
            }
        }
    }

    /// Makes the backends those that the configuration and the answers say.
    fn gather(&mut self, now: Instant, before: &PoolConfig) {
        let mut wanted: Vec<(Addr, Member)> = Vec::new();
        for member in &self.config.members {
            let addrs = match &member.target {
                Target::Addr(addr) => vec![addr.clone()],
                Target::Name { host, port } => {
                    let known = self.answers.get(&**host).cloned().unwrap_or_default();
                    known.into_iter().map(|ip| SocketAddr::new(ip, *port).into()).collect()
                }
            };
            for addr in addrs {
                if wanted.iter().all(|(it, _)| *it != addr) {
                    wanted.push((addr, member.clone()));
                }
            }
        }
        let spoken_of = self.history.iter().filter_map(|said| match said {
            Said::Order(addr, _) => Some(addr.clone()),
            Said::File(..) => None,
        });
        for addr in spoken_of.collect::<BTreeSet<_>>() {
            if let Some(member) = self.wish(&addr).added.filter(|_| wanted.iter().all(|(it, _)| *it != addr))
            {
                wanted.push((addr, member));
            }
        }
        wanted.retain(|(addr, _)| !self.wish(addr).removed);
        self.keep_those_before(&mut wanted);
        for (addr, member) in &mut wanted {
            let wish = self.wish(addr);
            member.weight = if wish.out { 0 } else { wish.weight.unwrap_or(member.weight) };
        }
        let mut old = std::mem::take(&mut self.backends);
        for (addr, member) in wanted {
            let known = old.iter().position(|it| it.addr == addr).map(|at| old.remove(at));
            let backend = match known {
                Some(backend) => self.kept(now, backend, member, before),
                None => self.added(now, addr, member),
            };
            self.backends.push(backend);
        }
        self.to_tell.extend(old.iter().map(|it| format!("{} removed", it.addr)));
        if !self.backends.is_empty() {
            self.born.get_or_insert(now);
        }
    }

    /// Whoever was there before the file changed stays until each name was answered for, and as long as nobody else is there.
    fn keep_those_before(&mut self, wanted: &mut Vec<(Addr, Member)>) {
        let hosts = self.config.members.iter().filter_map(|it| it.target.host());
        let unknown: Vec<_> = hosts.filter(|it| !self.answers.contains_key(&***it)).collect();
        if unknown.is_empty() || !wanted.is_empty() && unknown.iter().all(|it| self.failing.contains(&***it))
        {
            self.before.clear();
        }
        let mut before = std::mem::take(&mut self.before);
        before.retain(|(addr, _)| !self.wish(addr).removed && wanted.iter().all(|(it, _)| it != addr));
        wanted.extend(before.iter().cloned());
        self.before = before;
    }

    fn added(&mut self, now: Instant, addr: Addr, member: Member) -> ModelBackend {
        self.to_tell.push(format!("{addr} added"));
        let check = self.config.check.as_ref();
        let mut backend = ModelBackend {
            addr,
            member,
            verdicts: String::new(),
            up: check.is_none().then_some(true),
            unseen_until: now + check.map_or(Duration::ZERO, |it| it.timeout),
            ejection: None,
            failed: None,
            told_it_stays: None,
            came_in: None,
            probe: Probe { in_flight: None, asked: None, window: (now, now) },
        };
        if backend.is_in() {
            backend.came_in = self.ramps(now).then_some(now);
        }
        backend
    }

    fn kept(
        &mut self,
        now: Instant,
        mut backend: ModelBackend,
        member: Member,
        before: &PoolConfig,
    ) -> ModelBackend {
        let took = backend.may_take();
        let asks = |config: &PoolConfig, it: &Member| config.check.clone().map(|c| (c, it.check_port));
        let (asked, asks) = (asks(before, &backend.member), asks(&self.config, &member));
        backend.member = member;
        match (asked, asks) {
            (_, None) => {
                if backend.up != Some(true) {
                    self.to_tell.push(format!("{} unchecked", backend.addr));
                }
                backend.up = Some(true);
                backend.verdicts.clear();
                backend.probe.in_flight = None;
            }
            (asked, asks) if asked != asks => {
                backend.probe.in_flight = None;
                backend.probe.window = (now, now);
            }
            _ => {}
        }
        if self.config.ejection.is_none() && backend.is_out() {
            backend.end_ejection(now);
            self.to_tell.push(format!("{} returned", backend.addr));
        }
        if !took && backend.may_take() {
            backend.came_in = self.ramps(now).then_some(now);
        }
        backend
    }

    /// Slow start is not for a pool that is new as a whole.
    fn ramps(&self, now: Instant) -> bool {
        let Some(slow_start) = self.config.slow_start else { return false };
        self.born.is_some_and(|born| now >= born + slow_start.duration)
    }

    pub fn asked(&mut self, now: Instant, addr: &Addr, id: ProbeId) {
        let backend = self.backends.iter_mut().find(|it| it.addr == *addr).expect("probed, so it is there");
        assert!(self.config.check.is_some(), "{addr} is probed without a check");
        let probe = &mut backend.probe;
        let (earliest, latest) = probe.window;
        assert_eq!(probe.in_flight, None, "{addr} is probed twice at once");
        assert!(now >= earliest, "{addr} is probed {:?} early", earliest - now);
        assert!(now <= latest + LATE, "{addr} is probed {:?} late", now - latest);
        (probe.in_flight, probe.asked) = (Some(id), Some(now));
    }

    pub fn verdict(&mut self, now: Instant, addr: &Addr, id: ProbeId, letter: char) {
        let ramps = self.ramps(now);
        let Some(check) = self.config.check.clone() else { return };
        let Some(backend) = self.backends.iter_mut().find(|it| it.addr == *addr) else { return };
        if backend.probe.in_flight != Some(id) {
            return;
        }
        backend.probe.in_flight = None;
        if letter == 'O' {
            backend.ask_again(now, &check);
            return;
        }
        backend.verdicts.push(letter);
        if backend.checked_at_home(&self.config) {
            backend.ejection.iter_mut().for_each(|it| it.verdicts.push(letter));
        }
        let ends_with = |test: fn(char) -> bool, n: u32| {
            backend.verdicts.chars().rev().take_while(|it| test(*it)).count() >= n as usize
        };
        let (passes, fails) = (|it| it == 'P', |it| it != 'P');
        let up = match (backend.up, letter) {
            (None, 'P') => Some(true),
            (None, 'F') => Some(false),
            _ if ends_with(fails, check.fall) => Some(false),
            (Some(false), _) if ends_with(passes, check.rise) => Some(true),
            (up, _) => up,
        };
        if up != backend.up {
            backend.up = up;
            let word = if up == Some(true) { "up" } else { "down" };
            self.to_tell.push(format!("{addr} {word}"));
            backend.end_ejection(now);
            backend.came_in = (ramps && up == Some(true)).then_some(now);
            if up == Some(false) {
                backend.failed = Some(now);
            }
        } else if backend.is_believed(&check) {
            backend.end_ejection(now);
            backend.came_in = ramps.then_some(now);
            self.to_tell.push(format!("{addr} returned"));
        }
        backend.ask_again(now, &check);
    }

    /// Returns whether the backend is to be ejected or to be forgiven.
    pub fn suspect(&mut self, now: Instant, addr: &Addr, failure: LiveFailure, in_row: u32) -> bool {
        let able = self.backends.iter().filter(|it| it.may_take()).count();
        let total = self.backends.iter().filter(|it| it.member.weight > 0).count();
        let Some(backend) = self.backends.iter_mut().find(|it| it.addr == *addr) else { return false };
        backend.failed = Some(now);
        if let Some(check) = &self.config.check {
            let soon = backend.probe.asked.map_or(now, |asked| (asked + check.fast_interval).max(now));
            let (earliest, latest) = backend.probe.window;
            backend.probe.window = (earliest.min(soon), latest.min(soon));
        }
        let Some(rules) = self.config.ejection else { return false };
        let for_answers = matches!(failure, LiveFailure::Answer(_));
        let most = if for_answers { rules.tolerance.errors } else { rules.tolerance.failures };
        if most == 0 || in_row < most || !backend.may_take() {
            return false;
        }
        let check_agrees = !backend.verdicts.is_empty() && !backend.verdicts.ends_with('P');
        let left = able - 1;
        let half_leaves = left * 2 < total;
        if left >= 1 && (check_agrees || !half_leaves) {
            backend.eject(now, &rules, for_answers);
            self.to_tell.push(format!("{addr} ejected"));
        } else if backend.told_it_stays.is_none_or(|at| now >= at + rules.max_time) {
            backend.told_it_stays = Some(now);
            self.to_tell.push(format!("{addr} not-ejected"));
        }
        true
    }

    /// The director has said for how long it ejects.
    pub fn ejected(&mut self, now: Instant, addr: &Addr, time: Duration) {
        let rules = self.config.ejection.expect("somebody is ejected");
        let backend = self.backends.iter_mut().find(|it| it.addr == *addr).expect("it is ejected");
        let ejection = backend.ejection.as_mut().expect("it is ejected");
        let plain = nominal(&rules, ejection.doublings);
        let range = plain * 9 / 10..=plain * 11 / 10;
        assert!(range.contains(&time), "{addr} is out for {time:?}, not about {plain:?}");
        ejection.until = Some(now + time);
    }

    /// Timers have run.
    pub fn time(&mut self, now: Instant) {
        let ramps = self.ramps(now);
        for backend in &mut self.backends {
            let over = backend.is_out() && backend.ejection.as_ref().unwrap().until.unwrap() <= now;
            let unseen = backend.up.is_none() && backend.unseen_until <= now;
            if over {
                backend.end_ejection(now);
                self.to_tell.push(format!("{} returned", backend.addr));
            } else if unseen {
                backend.up = Some(true);
                self.to_tell.push(format!("{} assumed-up", backend.addr));
            }
            if over || unseen {
                backend.came_in = ramps.then_some(now);
            }
        }
    }

    /// The next thing that has to happen, and when.
    pub fn next(&self) -> Option<(Instant, &'static str)> {
        let mut next: Option<(Instant, &str)> = self.stale.map(|at| (at + 20 * MS, "publication"));
        let mut due = |at: Instant, what| next = next.into_iter().chain([(at, what)]).min();
        for it in &self.backends {
            if self.config.check.is_some() && it.probe.in_flight.is_none() {
                due(it.probe.window.1, "probe");
            }
            if it.up.is_none() {
                due(it.unseen_until, "end of not being seen");
            }
            if let Some(until) = it.ejection.as_ref().filter(|_| it.is_out()).and_then(|it| it.until) {
                due(until, "return");
            }
            let was_in = it.came_in.is_some_and(|at| at <= self.built);
            if was_in && it.growing(&self.config, self.built).is_some() {
                let step = self.config.slow_start.unwrap().duration / 20;
                due(self.built + step + 20 * MS, "step of a slow start");
            }
        }
        next
    }

    /// What the planes should see of it at `now`.
    pub fn picture<'a>(&'a self, now: Instant) -> Picture<'a> {
        let takers = self.takers();
        let shares: Vec<_> = self.backends.iter().map(|it| it.growing(&self.config, now)).collect();
        let growing = shares.iter().any(Option::is_some);
        let weight = |weight: u32, share: Option<u32>| match growing {
            true => (weight * share.unwrap_or(100)).max(weight.min(1)),
            false => weight,
        };
        let line = |(it, share): (&'a ModelBackend, _)| {
            (&it.addr, weight(it.member.weight, share), takers.contains(&&it.addr))
        };
        Picture {
            backends: self.backends.iter().zip(shares).map(line).collect(),
            spares: self.spares(&takers),
            last_resort: self.last_resort(&takers),
        }
    }

    fn takers(&self) -> Vec<&Addr> {
        let of = |backup| self.backends.iter().filter(move |it| it.member.backup == backup);
        let able = |backup| of(backup).filter(|it| it.may_take()).map(|it| &it.addr).collect::<Vec<_>>();
        let primaries = able(false);
        let some_unseen = of(false).any(|it| it.up.is_none() && it.member.weight > 0);
        match primaries.is_empty() {
            false => primaries,
            true if some_unseen && !self.backups_in => Vec::new(),
            true => able(true),
        }
    }

    /// The backups that could take traffic, while others do.
    fn spares(&self, takers: &[&Addr]) -> Vec<&Addr> {
        let able = self.backends.iter().filter(|it| it.member.backup && it.may_take());
        let idle = able.map(|it| &it.addr).filter(|addr| !takers.contains(addr));
        idle.filter(|_| !takers.is_empty()).collect()
    }

    fn last_resort(&self, takers: &[&Addr]) -> Vec<&Addr> {
        if !takers.is_empty() {
            return Vec::new();
        }
        let all = || self.backends.iter().filter(|it| it.member.weight > 0);
        let unseen = |backup| all().filter(move |it| it.up.is_none() && it.member.backup == backup);
        let idle = all().filter(|it| it.may_take());
        let mut failed: Vec<_> = all().filter(|it| it.up == Some(false) || it.is_out()).collect();
        failed.sort_by_key(|it| it.failed);
        failed.retain(|_| self.config.all_down == AllDown::Try);
        let order = unseen(false).chain(idle).chain(unseen(true)).chain(failed);
        order.map(|it| &it.addr).collect()
    }

    /// Its picture was made: what the operator is told with it.
    pub fn built(&mut self, now: Instant) {
        self.built = now;
        let takers = self.takers();
        let backups_in = self.backends.iter().any(|it| it.member.backup && takers.contains(&&it.addr));
        let (nobody, primaries_in) = (takers.is_empty(), !takers.is_empty() && !backups_in);
        let unseen = self.backends.is_empty()
            || self.backends.iter().any(|it| it.member.weight > 0 && it.up.is_none());
        let all_down = nobody && (self.all_down || !unseen);
        if all_down != self.all_down {
            self.to_tell.push(if all_down { "all-down" } else { "recovered" }.into());
        }
        if backups_in && !self.backups_in {
            self.to_tell.push("backups-in".into());
        }
        if primaries_in && self.backups_in {
            self.to_tell.push("backups-out".into());
        }
        self.all_down = all_down;
        self.backups_in = backups_in || (nobody && self.backups_in);
    }
}

impl ModelBackend {
    fn is_out(&self) -> bool {
        self.ejection.as_ref().is_some_and(|it| it.over.is_none())
    }

    pub fn may_take(&self) -> bool {
        self.up == Some(true) && !self.is_out() && self.member.weight > 0
    }

    /// Up as far as its health goes, whatever its weight.
    pub fn is_in(&self) -> bool {
        self.up == Some(true) && !self.is_out()
    }

    /// A verdict came: when the next probe may come.
    fn ask_again(&mut self, now: Instant, check: &Check) {
        let interval = if self.in_doubt() { check.fast_interval } else { check.interval };
        let asked = self.probe.asked.expect("it was in flight");
        self.probe.window = ((asked + interval * 9 / 10).max(now), (asked + interval * 11 / 10).max(now));
    }

    fn in_doubt(&self) -> bool {
        let last_passed = self.verdicts.chars().last().map(|it| it == 'P');
        self.is_out() || self.up.is_none() || last_passed.is_some_and(|it| Some(it) != self.up)
    }

    fn eject(&mut self, now: Instant, rules: &EjectionRules, for_answers: bool) {
        let doublings = match &self.ejection {
            None => 0,
            Some(last) => {
                let quiet = (now - last.over.unwrap()).as_secs_f64() / rules.max_time.as_secs_f64();
                let more = u32::from(nominal(rules, last.doublings) < rules.max_time);
                (last.doublings + more).saturating_sub(quiet as u32)
            }
        };
        self.came_in = None;
        let (verdicts, until, over) = Default::default();
        self.ejection = Some(Ejection { doublings, for_answers, verdicts, until, over });
    }

    fn end_ejection(&mut self, now: Instant) {
        if self.is_out() {
            self.ejection.iter_mut().for_each(|it| it.over = Some(now));
        }
    }

    /// Whether checks alone end its ejection.
    fn is_believed(&self, check: &Check) -> bool {
        let Some(ejection) = self.ejection.as_ref().filter(|it| it.over.is_none()) else { return false };
        let sees_it = !ejection.for_answers || matches!(check.kind, CheckKind::Http(_));
        sees_it && ejection.doublings == 0 && ejection.verdicts.ends_with(&"P".repeat(check.rise as usize))
    }

    fn checked_at_home(&self, config: &PoolConfig) -> bool {
        let port = self.member.check_port.or(config.check.as_ref().and_then(|it| it.port));
        port.is_none() || self.addr.ip().map(|it| it.port()) == port
    }

    /// The percentage of its share that it has, while that is not all.
    fn growing(&self, config: &PoolConfig, now: Instant) -> Option<u32> {
        let rules = config.slow_start?;
        let since = now - self.came_in.filter(|_| self.is_in())?;
        let part = since.as_nanos() * u128::from(100 - rules.from_percent) / rules.duration.as_nanos();
        (since < rules.duration).then_some(rules.from_percent + part as u32)
    }
}

fn nominal(rules: &EjectionRules, doublings: u32) -> Duration {
    (0..doublings).fold(rules.time, |time, _| (time * 2).min(rules.max_time))
}

/// What counts of a pool: address, weight and whether it takes traffic, who is spare, and the last resort.
#[derive(Debug, PartialEq, Eq)]
pub struct Picture<'a> {
    backends: Vec<(&'a Addr, u32, bool)>,
    spares: Vec<&'a Addr>,
    last_resort: Vec<&'a Addr>,
}

impl<'a> Picture<'a> {
    /// As published.
    pub fn of(pool: &'a Pool) -> Self {
        let at = |index: &u32| &pool.backends[*index as usize].addr;
        Self {
            backends: pool.backends.iter().map(|it| (&it.addr, it.weight, it.eligible)).collect(),
            spares: pool.spares.iter().map(at).collect(),
            last_resort: pool.last_resort.iter().map(at).collect(),
        }
    }
}

/// A pool by name.
pub type Pools = BTreeMap<PoolName, ModelPool>;

/// How long a day is.
pub const DAY: Duration = Duration::from_secs(150);

/// The member whose own address this is.
fn at<'a>(members: &'a [Member], addr: &Addr) -> Option<&'a Member> {
    members.iter().find(|it| it.target == Target::Addr(addr.clone()))
}
