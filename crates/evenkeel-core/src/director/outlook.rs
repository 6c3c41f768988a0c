//! Why a backend takes no traffic, and what would bring it back.

use super::BackendView;
use super::backend::{BackendState, CheckAt};
use super::order::Duty;
use super::pool::PoolState;
use super::view::State;
use crate::addr::Addr;
use crate::eligible::Standing;
use crate::health::Check;
use crate::span::after;
use std::sync::Arc;
use std::time::Instant;

/// How one backend stands, and what is to be expected of it.
#[derive(Clone, Debug)]
pub struct Outlook {
    /// What there is to be seen of it.
    pub view: BackendView,
    /// What keeps traffic from it; empty: it takes some.
    pub hindrances: Vec<Hindrance>,
    /// While it starts slowly: the share that it has, in percent, and when it has all of it.
    pub slow_start: Option<(u32, Instant)>,
    /// How it is checked.
    pub check: Option<CheckOutlook>,
}

/// How a backend is checked.
#[derive(Clone, Debug)]
pub struct CheckOutlook {
    /// What is asked.
    pub check: Arc<Check>,
    /// Where; differs from the backend's address when the check has its own.
    pub target: Addr,
    /// Verdicts in a row that speak against how it stands.
    pub streak: u32,
    /// When the next one is due; `None`: one is under way.
    pub next: Option<Instant>,
}

/// Something that keeps traffic from a backend.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Hindrance {
    /// An operator wants nothing new there.
    Duty(Duty),
    /// Its weight is 0.
    NoWeight,
    /// Its first check has not ended; then, or at that time, it is known.
    Unseen(Instant),
    /// Its checks fail: so many have passed in a row since, of those that are needed.
    Down {
        /// Have passed.
        passes: u32,
        /// Are needed.
        rise: u32,
    },
    /// Live traffic failed.
    Ejected {
        /// When it is over.
        until: Instant,
        /// Checks that passed meanwhile, and how many in a row end it before its time; `None`: none do.
        early: Option<(u32, u32)>,
    },
    /// It is a backup, and others take traffic or may yet.
    Backup,
}

impl PoolState {
    /// How the backend at `addr` stands, in one word.
    pub fn state(&self, addr: &Addr) -> State {
        let index = self.index.get(addr);
        let duty = self.orders.duty(addr);
        index.map_or(State::Removed, |&index| State::of(duty, self.backends[index].standing()))
    }

    /// Why the backend at `addr` takes no traffic, and what would change that.
    pub fn outlook(&self, now: Instant, addr: &Addr) -> Option<Outlook> {
        let backend = &self.backends[*self.index.get(addr)?];
        let view = backend.view(self.orders.duty(addr), now, &self.config);
        let mut hindrances = backend.hindrances(view.duty);
        if hindrances.is_empty() && view.backup && !self.takes(backend) {
            hindrances.push(Hindrance::Backup);
        }
        let ramp = backend.ramp_since.zip(self.config.slow_start);
        let full_at = ramp.map(|(since, rules)| after(since, rules.duration));
        let slow_start = backend.percent(now, &self.config).zip(full_at);
        Some(Outlook { hindrances, slow_start, check: backend.check_outlook(), view })
    }
}

impl BackendState {
    /// What keeps traffic from it, whatever the other backends do.
    fn hindrances(&self, duty: Duty) -> Vec<Hindrance> {
        let by_operator = match (duty, self.wanted.weight) {
            (Duty::Drain | Duty::Off, _) => Some(Hindrance::Duty(duty)),
            (Duty::On, 0) => Some(Hindrance::NoWeight),
            (Duty::On, _) => None,
        };
        let rise = self.wanted.check.as_ref().map_or(0, |at| at.check.rise);
        let by_health = match self.standing() {
            Standing::Up => None,
            Standing::Checking => Some(Hindrance::Unseen(self.checking_until)),
            Standing::Down => Some(Hindrance::Down { passes: self.health.streak(), rise }),
            Standing::Ejected => self.ejection.until().map(|until| {
                let sees_it = |at: &CheckAt| {
                    at.target == self.key.addr && self.ejection.may_end_early(at.asks_for_answers())
                };
                let early = self.wanted.check.as_ref().filter(|at| sees_it(at));
                Hindrance::Ejected { until, early: early.map(|_| (self.ejection.pack().passes, rise)) }
            }),
        };
        by_operator.into_iter().chain(by_health).collect()
    }

    fn check_outlook(&self) -> Option<CheckOutlook> {
        let CheckAt { check, target } = self.wanted.check.clone()?;
        Some(CheckOutlook { check, target, streak: self.health.streak(), next: self.next_probe() })
    }
}
