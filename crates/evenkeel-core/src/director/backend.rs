//! One backend as the director sees it: its checks, its ejections, its ramp, and when it wants to be woken.

use super::action::{Action, Cause, EventKind, ProbeId};
use super::config::{Leaving, PoolConfig};
use super::order::Duty;
use super::outbox::{Outbox, Timer};
use super::view::{BackendView, Tally};
use crate::addr::Addr;
use crate::backend::Backend;
use crate::dice::Dice;
use crate::eject::EjectionRules;
use crate::eject::{Ejection, Tolerance};
use crate::eligible::{Candidate, Standing};
use crate::health::{Change, Check, CheckKind, Health, HealthState, Verdict};
use crate::live::LiveFailure;
use crate::load::{Load, SeatLimits};
use crate::name::BackendKey;
use crate::ramp;
use crate::span::after;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

/// A backend as the configuration wants it: what may change while the backend stays the same one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Wanted {
    pub weight: u32,
    pub backup: bool,
    /// The name that it was found by.
    pub host: Option<Arc<str>>,
    pub limits: SeatLimits,
    pub check: Option<CheckAt>,
}

/// A check, and where it is made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct CheckAt {
    pub check: Arc<Check>,
    pub target: Addr,
}

impl CheckAt {
    /// Whether it asks for answers, as requests do.
    pub fn asks_for_answers(&self) -> bool {
        matches!(self.check.kind, CheckKind::Http(_))
    }
}

/// The director's picture of one backend.
#[derive(Clone, Debug)]
pub(super) struct BackendState {
    pub key: BackendKey,
    pub wanted: Wanted,
    load: Arc<Load>,
    pub health: Health,
    /// Without a verdict it counts as up from then on.
    pub checking_until: Instant,
    pub ejection: Ejection,
    /// When it last failed: by a check that took it down, or in live traffic.
    pub failed_at: Option<Instant>,
    /// When the operator was last told that it should be out but has to stay.
    declined_at: Option<Instant>,
    /// Since when it ramps.
    pub ramp_since: Option<Instant>,
    probe: Schedule,
    tally: Tally,
    /// Its timer.
    armed: Option<Instant>,
}

/// When a backend is probed.
#[derive(Clone, Debug)]
struct Schedule {
    due: Instant,
    /// When the last probe was asked for.
    asked: Option<Instant>,
    /// That one, if it has not ended yet.
    in_flight: Option<ProbeId>,
}

impl BackendState {
    /// A backend nobody knew before; its first probe is due at `probe_at`.
    pub fn new(now: Instant, key: BackendKey, wanted: Wanted, load: Arc<Load>, probe_at: Instant) -> Self {
        let (health, timeout) = match &wanted.check {
            Some(at) => (Health::checking(), at.check.timeout),
            None => (Health::up(), Duration::ZERO),
        };
        Self {
            key,
            wanted,
            load,
            health,
            checking_until: after(now, timeout),
            ejection: Ejection::default(),
            failed_at: None,
            declined_at: None,
            ramp_since: None,
            probe: Schedule { due: probe_at, asked: None, in_flight: None },
            tally: Tally::default(),
            armed: None,
        }
    }

    /// How it stands.
    pub fn standing(&self) -> Standing {
        match (self.health.state(), self.ejection.until()) {
            (HealthState::Checking, _) => Standing::Checking,
            (HealthState::Down, _) => Standing::Down,
            (HealthState::Up, Some(_)) => Standing::Ejected,
            (HealthState::Up, None) => Standing::Up,
        }
    }

    /// What counts about it for who may take traffic.
    pub fn candidate(&self) -> Candidate {
        let Wanted { weight, backup, .. } = self.wanted;
        Candidate { standing: self.standing(), weight, backup, failed_at: self.failed_at }
    }

    /// What percentage of its share it has at `now`; `None` is all of it.
    pub fn percent(&self, now: Instant, pool: &PoolConfig) -> Option<u32> {
        ramp::percent(&pool.slow_start?, self.ramp_since?, now)
    }

    /// What is known of how busy it is, as long as that is of interest to anybody.
    pub fn load(&self) -> Weak<Load> {
        Arc::downgrade(&self.load)
    }

    /// Sessions there now.
    pub fn sessions(&self) -> u32 {
        self.load.sessions()
    }

    /// What there is to be seen of it, and what operators want of it.
    pub fn view(&self, duty: Duty, now: Instant, pool: &PoolConfig) -> BackendView {
        let Wanted { weight, backup, limits, check, host: _ } = &self.wanted;
        BackendView {
            key: self.key.clone(),
            standing: self.standing(),
            duty,
            weight: *weight,
            slow_start: self.percent(now, pool),
            backup: *backup,
            max_sessions: limits.sessions,
            checked: check.is_some(),
            tally: self.tally.clone(),
        }
    }

    /// What the planes get to see of it.
    pub fn publish(&self, weight: u32, eligible: bool, duty: Duty, pool: &PoolConfig) -> Backend {
        let leaves = self.standing() == Standing::Down && pool.on_down != Some(Leaving::Keep);
        Backend {
            addr: self.key.addr.clone(),
            host: self.wanted.host.clone(),
            weight,
            eligible,
            lost: leaves || duty == Duty::Off,
            limits: self.wanted.limits,
            tolerance: pool.ejection.map_or_else(Tolerance::default, |rules| rules.tolerance),
            load: Arc::clone(&self.load),
        }
    }

    /// It may take traffic from now on: with a clean slate, and slowly if it `ramps`.
    pub fn come_in(&mut self, now: Instant, ramps: bool) {
        self.load.forgive();
        self.ramp_since = ramps.then_some(now);
    }

    /// Whether the verdict of this probe is still to come.
    pub fn awaits(&self, id: ProbeId) -> bool {
        self.probe.in_flight == Some(id)
    }

    /// The probe that it [awaits](Self::awaits) has ended.
    pub fn handle_probe(&mut self, now: Instant, verdict: Verdict, dice: &mut Dice) -> Option<EventKind> {
        let at = self.wanted.check.clone()?;
        self.probe.in_flight = None;
        self.tally.note(now, &verdict);
        let event = match (self.health.observe(&at.check, &verdict), verdict) {
            (Some(Change::Up(passes)), Verdict::Pass(took)) => Some(EventKind::Up { passes, took }),
            (Some(Change::Down(failures)), Verdict::Fail(failure)) => {
                self.failed_at = Some(now);
                // From here on the checks have the word.
                self.ejection.end(now);
                Some(EventKind::Down { cause: Cause::Check(failure), failures })
            }
            (_, Verdict::Fail(failure)) if failure.is_ours() => None,
            (_, verdict) => self.observe_ejected(now, &at, matches!(verdict, Verdict::Pass(_))),
        };
        let interval = if self.is_in_doubt() { at.check.fast_interval } else { at.check.interval };
        self.schedule(now, dice.jitter(interval));
        event
    }

    fn observe_ejected(&mut self, now: Instant, at: &CheckAt, passed: bool) -> Option<EventKind> {
        if self.standing() != Standing::Ejected || at.target != self.key.addr {
            return None;
        }
        self.ejection.observe(passed, at.check.rise, at.asks_for_answers()).then(|| self.give_back(now))
    }

    /// Gives it another chance if it is a suspect, and neither out nor down.
    pub fn forgive_if_suspect(&self, rules: &EjectionRules) {
        if self.standing() == Standing::Up && self.load.exceeds(&rules.tolerance) {
            self.load.forgive();
        }
    }

    /// Ends its ejection.
    fn give_back(&mut self, now: Instant) -> EventKind {
        self.ejection.end(now);
        EventKind::Returned
    }

    /// Whether the active check agrees that it fails.
    pub fn is_failing(&self) -> bool {
        self.health.is_failing()
    }

    /// Takes it out for a while.
    pub fn eject(
        &mut self,
        now: Instant,
        rules: &EjectionRules,
        failure: LiveFailure,
        failures: u32,
        dice: &mut Dice,
    ) -> EventKind {
        let time = self.ejection.eject(now, rules, failure, dice);
        self.tally.ejections += 1;
        EventKind::Ejected { cause: Cause::Live(failure), failures, time }
    }

    /// It should be out but has to stay. The operator hears of it once per `max_time`.
    pub fn decline(&mut self, now: Instant, rules: &EjectionRules, cause: Cause) -> Option<EventKind> {
        // The planes pass a suspect over until they hear otherwise.
        self.load.forgive();
        let said_lately = |at: Instant| now.saturating_duration_since(at) < rules.max_time;
        if self.declined_at.is_some_and(said_lately) {
            return None;
        }
        self.declined_at = Some(now);
        Some(EventKind::NotEjected { cause })
    }

    /// Live traffic failed: note when, and ask the check soon.
    pub fn note_failed(&mut self, now: Instant) {
        self.failed_at = Some(now);
        if let Some(at) = &self.wanted.check {
            let soon = self.probe.asked.map_or(now, |asked| after(asked, at.check.fast_interval).max(now));
            self.probe.due = self.probe.due.min(soon);
        }
    }

    /// Its time has come: at most one thing changes, and at most one probe is asked for.
    pub fn handle_wake(&mut self, now: Instant, out: &mut Outbox) -> Option<EventKind> {
        self.armed = None;
        if let Some(at) =
            self.wanted.check.as_ref().filter(|_| self.probe.in_flight.is_none() && self.probe.due <= now)
        {
            let (key, host, check) = (self.key.clone(), self.wanted.host.clone(), Arc::clone(&at.check));
            let id = out.next_probe();
            out.actions.push_back(Action::Probe { id, key, host, target: at.target.clone(), check });
            self.probe.in_flight = Some(id);
            self.probe.asked = Some(now);
        }
        match self.standing() {
            Standing::Checking if self.checking_until <= now => {
                self.health.assume_up();
                Some(EventKind::AssumedUp)
            }
            Standing::Ejected if self.ejection.until().is_some_and(|at| at <= now) => {
                Some(self.give_back(now))
            }
            Standing::Checking | Standing::Ejected | Standing::Up | Standing::Down => None,
        }
    }

    /// The configuration wants it like this now, and live traffic may eject it or not.
    pub fn change(
        &mut self,
        now: Instant,
        wanted: Wanted,
        pool: &PoolConfig,
        probe_at: Instant,
    ) -> Option<EventKind> {
        let checked_alike = self.wanted.check == wanted.check;
        self.wanted = wanted;
        if !checked_alike {
            // What an old one still sees says nothing of what is asked now.
            self.probe.in_flight = None;
        }
        if self.wanted.check.is_none() {
            if self.health.state() != HealthState::Up {
                self.health = Health::up();
                return Some(EventKind::Unchecked);
            }
            self.health = Health::up();
        } else if !checked_alike {
            self.probe.due = probe_at;
        }
        let is_stuck = pool.ejection.is_none() && self.standing() == Standing::Ejected;
        is_stuck.then(|| self.give_back(now))
    }

    /// Arms its timer for the next time it wants to be woken.
    pub fn rearm(&mut self, out: &mut Outbox) {
        if self.standing() != Standing::Up {
            self.ramp_since = None;
        }
        debug_assert!(self.wanted.check.is_some() || self.health == Health::up(), "unchecked, yet not up");
        debug_assert!(
            self.ejection.until().is_none() || self.health.state() == HealthState::Up,
            "ejected although its checks have the word"
        );
        let key = &self.key;
        let at = self.next_wake();
        out.timers.set(&mut self.armed, at, || Timer::Backend(key.clone()));
    }

    /// It left: takes its timer back.
    pub fn leave(mut self, out: &mut Outbox) {
        let key = &self.key;
        out.timers.set(&mut self.armed, None, || Timer::Backend(key.clone()));
    }

    /// When its next probe is due; `None` while one is under way, or when it is not checked.
    pub fn next_probe(&self) -> Option<Instant> {
        (self.wanted.check.is_some() && self.probe.in_flight.is_none()).then_some(self.probe.due)
    }

    fn next_wake(&self) -> Option<Instant> {
        let probe = self.next_probe();
        let turn = match self.standing() {
            Standing::Checking => Some(self.checking_until),
            Standing::Ejected => self.ejection.until(),
            Standing::Up | Standing::Down => None,
        };
        probe.into_iter().chain(turn).min()
    }

    fn is_in_doubt(&self) -> bool {
        self.health.is_in_doubt() || self.standing() == Standing::Ejected
    }

    /// The next probe: so long after the last was asked for.
    fn schedule(&mut self, now: Instant, interval: Duration) {
        let asked = self.probe.asked.unwrap_or(now);
        self.probe.due = after(asked, interval.max(Duration::from_millis(1))).max(now);
    }
}
