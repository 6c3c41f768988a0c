//! What the director's parts leave for it: actions to hand out, times to wake at, pools to publish.

use super::action::{Action, Event, EventKind, ProbeId};
use crate::addr::Addr;
use crate::dice::Dice;
use crate::name::{BackendKey, PoolName};
use std::collections::{BTreeSet, VecDeque};
use std::time::Instant;

/// Everything of a director that is not a pool.
#[derive(Clone, Debug)]
pub(super) struct Outbox {
    /// To hand out, oldest first.
    pub actions: VecDeque<Action>,
    /// Whom to wake, and when.
    pub timers: Timers,
    /// Pools that look different from how they were published.
    pub changed: BTreeSet<PoolName>,
    /// For jitter.
    pub dice: Dice,
    /// The last probe that was asked for.
    pub probe: ProbeId,
}

impl Outbox {
    /// What the next probe is known by.
    pub fn next_probe(&mut self) -> ProbeId {
        self.probe.0 += 1;
        self.probe
    }

    /// Tells the operator about a pool, or about one of its backends.
    pub fn announce(&mut self, pool: &PoolName, backend: Option<&Addr>, kind: EventKind) {
        let event = Event { pool: pool.clone(), backend: backend.cloned(), kind };
        self.actions.push_back(Action::Announce(event));
    }
}

/// Who can be woken.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Timer {
    /// A backend: a probe, the end of an ejection, or the first check's last moment.
    Backend(BackendKey),
    /// A pool: the next step of those that ramp.
    Ramp(PoolName),
}

/// Who is woken when. Each owner keeps the time it is armed for, and is armed for one time at most.
#[derive(Clone, Debug, Default)]
pub(super) struct Timers(BTreeSet<(Instant, Timer)>);

impl Timers {
    /// Arms `timer` for `at`, or disarms it; `armed` is its owner's note of that.
    pub fn set(&mut self, armed: &mut Option<Instant>, at: Option<Instant>, timer: impl Fn() -> Timer) {
        if *armed == at {
            return;
        }
        if let Some(armed) = armed.take() {
            let was_armed = self.0.remove(&(armed, timer()));
            debug_assert!(was_armed, "{:?} is not armed for the time it noted", timer());
        }
        if let Some(at) = at {
            self.0.insert((at, timer()));
        }
        *armed = at;
    }

    /// The next time to wake somebody.
    pub fn next(&self) -> Option<Instant> {
        self.0.first().map(|(at, _)| *at)
    }

    /// Whom to wake at `now`; its owner's note has to be cleared.
    pub fn pop_due(&mut self, now: Instant) -> Option<Timer> {
        if self.next()? > now {
            return None;
        }
        self.0.pop_first().map(|(_, timer)| timer)
    }
}
