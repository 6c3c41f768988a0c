//! What a proposal would change, with the sessions that are there now: for whoever wants to know before.

use super::config::{Leaving, PoolConfig};
use super::pool::PoolState;
use super::{Director, Duty};
use crate::name::{BackendKey, ListenerName, PoolName};
use crate::reception::Reception;
use crate::side_by_side::side_by_side;
use crate::snapshot::{Listener, PoolRules, SessionLimits};
use std::collections::BTreeMap;

/// What becomes of something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// It is new.
    Added,
    /// It stays, and is another one in some respect.
    Changed,
    /// It goes.
    Removed,
}

/// Everything that a proposal would change.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// Listeners that open, close, or change.
    pub listeners: Vec<ListenerPlan>,
    /// Pools that are not as before.
    pub pools: Vec<PoolPlan>,
}

/// What becomes of a listener.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListenerPlan {
    /// Which.
    pub name: ListenerName,
    /// What becomes of it.
    pub change: Change,
    /// What is said of it, and is not as before.
    pub parts: Vec<&'static str>,
}

/// What becomes of a pool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PoolPlan {
    /// Which.
    pub name: PoolName,
    /// What becomes of it.
    pub change: Change,
    /// What is said of it as a whole, and is not as before.
    pub parts: Vec<&'static str>,
    /// Backends that are not as before.
    pub backends: Vec<BackendPlan>,
}

/// What becomes of a backend.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BackendPlan {
    /// Which.
    pub key: BackendKey,
    /// What becomes of it.
    pub change: Change,
    /// Sessions there now.
    pub sessions: u32,
    /// What becomes of them.
    pub leaving: Leaving,
}

impl Plan {
    /// Whether nothing would change.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Sessions at backends that go: how many would be kept, drained, and cut.
    pub fn sessions(&self) -> (u64, u64, u64) {
        let (mut kept, mut drained, mut cut) = (0, 0, 0);
        for backend in self.pools.iter().flat_map(|it| &it.backends) {
            let sum = match backend.leaving {
                Leaving::Keep => &mut kept,
                Leaving::Drain(_) => &mut drained,
                Leaving::Cut => &mut cut,
            };
            *sum += u64::from(backend.sessions) * u64::from(backend.change == Change::Removed);
        }
        (kept, drained, cut)
    }
}

impl Director {
    /// What would change if `proposal` were kept.
    pub fn plan(&self, proposal: &Self) -> Plan {
        let pools = side_by_side(&self.pools, &proposal.pools);
        let pools = pools.filter_map(|(_, before, after)| match (before, after) {
            (Some(before), Some(after)) => stays(before, after),
            (Some(before), None) => Some(goes(before)),
            (None, Some(after)) => Some(comes(after)),
            (None, None) => None,
        });
        Plan { listeners: self.plan_listeners(proposal), pools: pools.collect() }
    }

    fn plan_listeners<'a>(&'a self, proposal: &'a Self) -> Vec<ListenerPlan> {
        let named = |of: &'a Self| -> BTreeMap<&'a ListenerName, &'a Listener> {
            of.listeners.iter().map(|it| (&it.name, &**it)).collect()
        };
        let is_on = |of: &Self, name: &ListenerName| of.duty(&name.service) == Duty::On;
        let (before, after) = (named(self), named(proposal));
        let plan = |(name, before, after): (&&ListenerName, Option<&&Listener>, Option<&&Listener>)| {
            let (change, parts) = match (before, after) {
                (None, _) => (Change::Added, Vec::new()),
                (_, None) => (Change::Removed, Vec::new()),
                (Some(before), Some(after)) => {
                    let parts = listener_parts(before, after, is_on(self, name) != is_on(proposal, name));
                    (!parts.is_empty()).then_some((Change::Changed, parts))?
                }
            };
            Some(ListenerPlan { name: ListenerName::clone(name), change, parts })
        };
        side_by_side(&before, &after).filter_map(plan).collect()
    }
}

/// What differs between two configurations of a listener, which may also be opened or closed by order.
fn listener_parts(before: &Listener, after: &Listener, opens: bool) -> Vec<&'static str> {
    // All that there is, so that nothing can be forgotten.
    let Listener { name: _, pool, reception, open, backlog, max_sessions, socket, inward, unix_mode, flows } =
        before;
    let Reception { accept_proxy, tls, gate, routes, http } = &**reception;
    let other = &*after.reception;
    differing([
        ("open or not", opens || *open != after.open),
        ("pool", *pool != after.pool),
        ("accept-proxy", *accept_proxy != other.accept_proxy),
        ("tls", *tls != other.tls),
        ("who may connect", *gate != other.gate),
        ("routes", *routes != other.routes),
        ("requests", *http != other.http),
        ("max-sessions", *max_sessions != after.max_sessions),
        ("flows", *flows != after.flows),
        (
            "sockets",
            (backlog, socket, inward, unix_mode)
                != (&after.backlog, &after.socket, &after.inward, &after.unix_mode),
        ),
    ])
}

/// The names of what differs.
fn differing<const N: usize>(parts: [(&'static str, bool); N]) -> Vec<&'static str> {
    parts.into_iter().filter(|(_, differs)| *differs).map(|(name, _)| name).collect()
}

fn stays(before: &PoolState, after: &PoolState) -> Option<PoolPlan> {
    let parts = parts(&before.config, &after.config);
    let mut backends = Vec::new();
    for backend in &before.backends {
        let plan = |change, leaving| BackendPlan {
            key: backend.key.clone(),
            change,
            sessions: backend.sessions(),
            leaving,
        };
        let addr = &backend.key.addr;
        let is_held = after.holds(addr) && !before.holds(addr);
        match after.index.get(addr).filter(|_| !is_held).map(|&at| &after.backends[at]) {
            None => backends.push(plan(Change::Removed, after.config.on_remove)),
            Some(other) if other.wanted != backend.wanted => {
                backends.push(plan(Change::Changed, Leaving::Keep));
            }
            Some(_) => {}
        }
    }
    let is_new = |it: &&super::backend::BackendState| !before.index.contains_key(&it.key.addr);
    backends.extend(after.backends.iter().filter(is_new).map(|it| BackendPlan {
        key: it.key.clone(),
        change: Change::Added,
        sessions: 0,
        leaving: Leaving::Keep,
    }));
    let same = parts.is_empty() && backends.is_empty();
    (!same).then(|| PoolPlan { name: before.config.name.clone(), change: Change::Changed, parts, backends })
}

fn goes(pool: &PoolState) -> PoolPlan {
    whole(pool, Change::Removed, pool.config.on_remove)
}

fn comes(pool: &PoolState) -> PoolPlan {
    whole(pool, Change::Added, Leaving::Keep)
}

fn whole(pool: &PoolState, change: Change, leaving: Leaving) -> PoolPlan {
    let backends = pool.backends.iter().map(|it| BackendPlan {
        key: it.key.clone(),
        change,
        sessions: it.sessions(),
        leaving,
    });
    PoolPlan { name: pool.config.name.clone(), change, parts: Vec::new(), backends: backends.collect() }
}

/// What differs between two configurations of a pool, its backends aside. Names that stand for backends count, with the
/// limits of those: what they stand for is not known yet.
fn parts(before: &PoolConfig, after: &PoolConfig) -> Vec<&'static str> {
    let names = |pool: &PoolConfig| -> Vec<_> {
        let named = pool.members.iter().filter(|it| it.target.host().is_some());
        named.map(|it| (it.clone(), pool.limits)).collect()
    };
    // All that there is, so that nothing can be forgotten.
    let PoolConfig {
        name: _,
        members: _,
        limits: _,
        balance,
        check,
        ejection,
        slow_start,
        all_down,
        on_remove,
        on_down,
        rules,
    } = before;
    let PoolRules { connect, queue, session, socket, outward, send_proxy, http2, tls } = &**rules;
    let other = &*after.rules;
    let timeouts = |limits: &SessionLimits| SessionLimits { bandwidth: None, ..*limits };
    differing([
        ("names", names(before) != names(after)),
        ("balance", *balance != after.balance),
        ("health", *check != after.check),
        ("eject", *ejection != after.ejection),
        ("slow-start", *slow_start != after.slow_start),
        ("all-down", *all_down != after.all_down),
        ("on-remove", *on_remove != after.on_remove),
        ("on-down", *on_down != after.on_down),
        ("connect and retry", *connect != other.connect),
        ("queue", *queue != other.queue),
        ("timeouts", timeouts(session) != timeouts(&other.session)),
        ("max-bandwidth", session.bandwidth != other.session.bandwidth),
        ("sockets", *socket != other.socket || *outward != other.outward),
        ("send-proxy", *send_proxy != other.send_proxy),
        ("to-tls", *tls != other.tls),
        ("to-http", *http2 != other.http2),
    ])
}

/// Connects of live traffic: how many were tried, and how many of them failed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Connects {
    /// Tried.
    pub tried: u64,
    /// Failed.
    pub failed: u64,
}

impl Connects {
    /// Whether so many more fail `since` than `before` that it can be no chance: five at least, and a tenth of all
    /// beyond twice the share that failed before.
    pub fn jumped(before: Self, since: Self) -> bool {
        let share = |it: Self| it.failed as f64 / it.tried.max(1) as f64;
        since.failed >= 5 && share(since) > 2.0 * share(before) + 0.1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_jump_is_many_failures_and_more_than_there_were() {
        let connects = |failed, tried| Connects { tried, failed };
        let good = connects(0, 1000);
        assert!(Connects::jumped(good, connects(5, 20)));
        assert!(!Connects::jumped(good, connects(4, 4)), "too few to tell");
        assert!(!Connects::jumped(good, connects(50, 1000)), "few of many");
        assert!(!Connects::jumped(connects(400, 1000), connects(80, 100)), "it was as bad before");
        assert!(!Connects::jumped(good, Connects::default()));
        assert!(Connects::jumped(Connects::default(), connects(9, 9)), "nothing is known of before");
    }
}
