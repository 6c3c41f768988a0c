//! What is told at the start: where it listens, where that goes, and what the user should look at.

use super::Room;
use crate::binding;
use crate::config::Settings;
use crate::logging::{Listening, Notice, count};
use crate::sandbox::Sandbox;
use evenkeel_core::addr::Addr;
use evenkeel_core::balance::Balance;
use evenkeel_core::director::{Config, PoolConfig, Target};
use evenkeel_core::name::{PoolName, Protocol, ServiceName};
use evenkeel_proxy::Publication;
use std::collections::BTreeMap;
use std::time::Instant;

/// One notice for each service and pool, with the addresses that it is really bound to, and what was wished for in vain.
pub fn listening(publication: &Publication, config: &Config) -> Vec<Notice> {
    let listener_of: BTreeMap<_, _> =
        config.listeners.iter().map(|listener| (&listener.name, listener)).collect();
    let mut services: BTreeMap<(&ServiceName, &PoolName), Vec<Addr>> = BTreeMap::new();
    for (name, addr) in publication.bound() {
        for pool in listener_of.get(name).into_iter().flat_map(|listener| listener.pools()) {
            services.entry((&name.service, pool)).or_default().push(addr.clone());
        }
    }
    let pools = config.pools_by_name();
    let notice = |((service, pool), listeners): ((&ServiceName, &PoolName), _)| {
        let pool = *pools.get(pool)?;
        let names = pool.members.iter().filter(|member| is_name(&member.target)).count();
        Some(Notice::Listening(Listening {
            service: service.clone(),
            listeners,
            pool: pool.name.clone(),
            backends: pool.members.len() - names,
            names,
            balance: balance(pool),
        }))
    };
    let wishes = binding::warnings(publication).map(Notice::Warning);
    services.into_iter().filter_map(notice).chain(wishes).collect()
}

fn is_name(target: &Target) -> bool {
    matches!(target, Target::Name { .. })
}

fn balance(pool: &PoolConfig) -> &'static str {
    match pool.balance {
        Balance::Random { .. } => "random",
        Balance::RoundRobin => "round-robin",
        Balance::LeastConn => "least-conn",
        Balance::Maglev { .. } => "maglev",
        Balance::First => "first",
    }
}

/// That it takes traffic.
pub fn ready(began: Instant, room: &Room) -> Notice {
    Notice::Ready {
        took: began.elapsed(),
        workers: room.workers,
        max_sessions: room.max_sessions,
        descriptors: room.descriptors,
    }
}

/// What is not as the user may think.
pub fn warnings(
    settings: &Settings,
    room: &Room,
    unused: &[(Protocol, Addr)],
    sandbox: &Sandbox,
) -> Vec<Notice> {
    let unused = unused.iter().map(|(protocol, addr)| {
        let kind = protocol.word();
        format!("a socket passed by the service manager is not used: no `[{kind}]` service listens on {addr}")
    });
    let ceiling = settings.max_sessions.filter(|&wanted| wanted > room.ceiling).map(|wanted| {
        format!(
            "`max-sessions` is {wanted}, but {} allow {} only: raise the limit of open files",
            count(room.descriptors as usize, "descriptor"),
            room.ceiling
        )
    });
    let missing = sandbox.missing().map(|(layer, why)| format!("the sandbox goes without {layer}: {why}"));
    unused.chain(ceiling).chain(missing).map(Notice::Warning).collect()
}

/// One line for the service manager.
pub fn status(config: &Config) -> String {
    let members: usize = config.pools.iter().map(|pool| pool.members.len()).sum();
    format!("{}, {}", count(config.listeners.len(), "listener"), count(members, "backend"))
}
