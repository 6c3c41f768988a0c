//! What the user asked for: validated, names resolved, no text left that still wants parsing.

use crate::addr::Addr;
use crate::balance::Balance;
use crate::eject::EjectionRules;
use crate::eligible::AllDown;
use crate::health::Check;
use crate::load::SeatLimits;
use crate::name::PoolName;
use crate::ramp::SlowStart;
use crate::snapshot::{Listener, PoolRules};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// A whole configuration. Every listener's pool is among the pools; names are unique.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Config {
    /// Who listens where.
    pub listeners: Vec<Arc<Listener>>,
    /// Who may take traffic.
    pub pools: Vec<PoolConfig>,
}

impl Config {
    /// The pools by their names.
    pub fn pools_by_name(&self) -> BTreeMap<&PoolName, &PoolConfig> {
        self.pools.iter().map(|pool| (&pool.name, pool)).collect()
    }
}

/// A pool as configured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PoolConfig {
    /// Identity.
    pub name: PoolName,
    /// Its backends, or the names that stand for them.
    pub members: Vec<Member>,
    /// What holds for those that say nothing of it themselves, as those that are added by order.
    pub limits: SeatLimits,
    /// How one is chosen.
    pub balance: Balance,
    /// How they are checked; `None` is not at all: every backend counts as up.
    pub check: Option<Arc<Check>>,
    /// When live traffic takes one out; `None` is never.
    pub ejection: Option<EjectionRules>,
    /// How one that was added or has recovered comes back; `None` is at once.
    pub slow_start: Option<SlowStart>,
    /// What to do when none is left.
    pub all_down: AllDown,
    /// What becomes of the sessions at one that has left.
    pub on_remove: Leaving,
    /// What becomes of the sessions at one whose checks fail. `None`: they stay, but a flow begins anew elsewhere when its client
    /// sends more.
    pub on_down: Option<Leaving>,
    /// Rules of the sessions.
    pub rules: Arc<PoolRules>,
}

/// The largest share that a member may have.
pub const WEIGHT_MAX: u32 = 1000;

/// One entry of `to`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Where.
    pub target: Target,
    /// Its share, up to [`WEIGHT_MAX`]; 0 takes nothing.
    pub weight: u32,
    /// Takes traffic only while no member that is not a backup can.
    pub backup: bool,
    /// Sessions at once at most; `None` is as the pool's [`limits`](PoolConfig::limits) say.
    pub max_sessions: Option<u32>,
    /// Checked at this port instead of the one in the pool's check.
    pub check_port: Option<u16>,
    /// Checked at this address instead of the one in the pool's check.
    pub check_addr: Option<std::net::IpAddr>,
}

impl Member {
    /// What it may bear in a pool with these limits: its own counts where it has one.
    pub fn limits(&self, pool: SeatLimits) -> SeatLimits {
        SeatLimits { sessions: self.max_sessions.unwrap_or(pool.sessions), ..pool }
    }
}

/// Where a member is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Target {
    /// At an address.
    Addr(Addr),
    /// At every address that a name stands for.
    Name {
        /// The host name.
        host: Arc<str>,
        /// The port.
        port: u16,
    },
}

impl Target {
    /// The name that has to be resolved, if it is one.
    pub fn host(&self) -> Option<&Arc<str>> {
        match self {
            Self::Addr(_) => None,
            Self::Name { host, .. } => Some(host),
        }
    }
}

/// What becomes of open sessions when their backend is not to be used any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leaving {
    /// They go on.
    Keep,
    /// They may end within this time; those that are left are closed, spread over its second half.
    Drain(Duration),
    /// They are closed, one after the other within a second or two.
    Cut,
}
