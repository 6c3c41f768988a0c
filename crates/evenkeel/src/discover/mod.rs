//! Where backends come from, besides the configuration. A source says what a name stands for now, never what changed.

mod dns;

use crate::control::Input;
use evenkeel_core::director::{Config, Target};
use evenkeel_core::name::PoolName;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use tokio::sync::mpsc::Sender;
use tokio::task::JoinSet;

/// Looks names up again and again, in the background, until it is dropped.
#[derive(Default)]
pub struct Discovery {
    /// Dropping it ends them.
    _tasks: JoinSet<()>,
}

impl Discovery {
    /// Follows every name in `config`; what they stand for goes to `inputs`. Needs a tokio runtime around it.
    pub fn follow(config: &Config, inputs: &Sender<Input>) -> Self {
        let mut tasks = JoinSet::new();
        for (host, pools) in names(config) {
            tasks.spawn(dns::follow(host, pools, inputs.clone()));
        }
        Self { _tasks: tasks }
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
