//! Where backends come from, besides the configuration. A source says what a name stands for now, never what changed.

mod dns;

pub use dns::LOOKUPS_MAX;

use crate::control::Input;
use evenkeel_core::director::{Config, Target};
use evenkeel_core::name::PoolName;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use tokio::sync::Notify;
use tokio::sync::mpsc::Sender;
use tokio::task::JoinSet;

/// Looks names up again and again, in the background, until it is dropped.
pub struct Discovery {
    /// Ends the lookups on drop.
    _tasks: JoinSet<()>,
    /// Wakes the lookups of a pool's names.
    wakes: BTreeMap<PoolName, Vec<Arc<Notify>>>,
}

impl Discovery {
    /// Follows every name in `config`; what they stand for goes to `inputs`. Needs a tokio runtime around it.
    pub fn follow(config: &Config, inputs: &Sender<Input>) -> Self {
        let mut tasks = JoinSet::new();
        let mut wakes: BTreeMap<PoolName, Vec<Arc<Notify>>> = BTreeMap::new();
        for (host, pools) in names(config) {
            let wake = Arc::new(Notify::new());
            for pool in &pools {
                wakes.entry(pool.clone()).or_default().push(Arc::clone(&wake));
            }
            tasks.spawn(dns::follow(host, pools, inputs.clone(), wake));
        }
        Self { _tasks: tasks, wakes }
    }

    /// Something in `pool` has failed: what its names stand for may have moved, so they are looked up again soon.
    pub fn doubt(&self, pool: &PoolName) {
        self.wakes.get(pool).into_iter().flatten().for_each(|wake| wake.notify_one());
    }
}

/// Every name of a configuration, with the pools that it is in.
fn names(config: &Config) -> BTreeMap<Arc<str>, BTreeSet<PoolName>> {
    let mut names: BTreeMap<Arc<str>, BTreeSet<PoolName>> = BTreeMap::new();
    for pool in &config.pools {
        for member in &pool.members {
            if let Target::Name { host, .. } = &member.target {
                names.entry(Arc::clone(host)).or_default().insert(pool.name.clone());
            }
        }
    }
    names
}
