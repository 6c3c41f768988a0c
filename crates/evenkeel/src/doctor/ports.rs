//! Ports: those that are listened on, and those that connects come from.

use super::facts::Facts;
use super::finding::Finding;
use crate::binding;
use crate::config::Loaded;
use crate::logging::{Grouped, count};
use evenkeel_core::director::{PoolConfig, Target};
use std::net::SocketAddr;

/// A bit of capabilities(7).
const CAP_NET_BIND_SERVICE: u64 = 1 << 10;

/// What is to be said of ports, for `loaded` or in general.
pub fn judge(facts: &Facts, loaded: Option<&Loaded>) -> Vec<Finding> {
    let mut findings = source_ports(facts, loaded);
    findings.extend(drawn_ports(facts, loaded));
    findings.push(time_wait(facts, loaded));
    findings.extend(privileged_ports(facts, loaded));
    findings
}

/// TCP backends of a pool; a name counts as one.
fn backends(pool: &PoolConfig) -> impl Iterator<Item = Option<SocketAddr>> {
    pool.members.iter().filter_map(|member| match &member.target {
        Target::Addr(addr) => Some(Some(addr.ip()?)),
        Target::Name { .. } => Some(None),
    })
}

/// Whether there are source ports for as many sessions as may come.
fn source_ports(facts: &Facts, loaded: Option<&Loaded>) -> Vec<Finding> {
    let (first, last) = (facts.source_ports.start(), facts.source_ports.end());
    let ports = facts.source_ports.len() as u64;
    let wider = "sysctl -w net.ipv4.ip_local_port_range=\"15000 64999\"";
    let mut findings = vec![match ports {
        0..20_000 => Finding::warning(
            "source ports",
            format!("{} of them, {first} to {last}, are few", Grouped(ports)),
        )
        .mend(wider),
        _ => Finding::ok(
            "source ports",
            format!("{} of them, {first} to {last}, for each backend", Grouped(ports)),
        ),
    }];
    let Some(loaded) = loaded else { return findings };
    let Some(sessions) = loaded.settings.max_sessions.map(u64::from) else { return findings };
    for pool in &loaded.config.pools {
        let source = pool.rules.source();
        let sources = |addr: Option<SocketAddr>| match addr {
            Some(addr) => source.count(addr.ip()),
            None => source.count([0; 4].into()),
        };
        // Of clients that are seen as they are, each has ports of its own.
        let room: Option<u64> = backends(pool).map(|addr| Some(sources(addr)? as u64 * ports)).sum();
        if let Some(room @ 1..) = room.filter(|&room| room < sessions) {
            let what = format!(
                "pool `{}` has ports for {} sessions, and `max-sessions` is {}",
                pool.name,
                Grouped(room),
                Grouped(sessions)
            );
            findings.push(
                Finding::warning("source ports", what)
                    .mend(wider)
                    .mend("# or give the pool more addresses: source = \"10.0.0.2-10.0.0.9\""),
            );
        }
    }
    findings
}

/// A port that is listened on may be drawn as a source port while evenkeel does not run, and then it is taken.
fn drawn_ports(facts: &Facts, loaded: Option<&Loaded>) -> Option<Finding> {
    let listeners = loaded?.config.listeners.iter().filter_map(|listener| listener.name.addr.ip());
    let reserved = |port: u16| {
        facts.reserved_ports.split(',').any(|range| {
            let (first, last) = range.split_once('-').unwrap_or((range, range));
            first.parse().is_ok_and(|first: u16| first <= port)
                && last.parse().is_ok_and(|last: u16| port <= last)
        })
    };
    let mut drawn: Vec<u16> = listeners.map(|addr| addr.port()).collect();
    drawn.retain(|port| facts.source_ports.contains(port) && !reserved(*port));
    drawn.sort_unstable();
    drawn.dedup();
    let (first, list) = (drawn.first()?, drawn.iter().map(u16::to_string).collect::<Vec<_>>().join(","));
    let all = [facts.reserved_ports.as_str(), &list].into_iter().filter(|part| !part.is_empty());
    let what = format!(
        "{} that is listened on, such as {first}, may be a source port of somebody else when evenkeel starts",
        count(drawn.len(), "port")
    );
    let command = format!("sysctl -w net.ipv4.ip_local_reserved_ports={}", all.collect::<Vec<_>>().join(","));
    Some(Finding::warning("ports to listen on", what).mend(command))
}

/// Who ends a connection keeps its port for a minute, unless it may be used again.
fn time_wait(facts: &Facts, loaded: Option<&Loaded>) -> Finding {
    let pools = loaded.into_iter().flat_map(|loaded| &loaded.config.pools);
    let is_far = pools.flat_map(backends).any(|addr| addr.is_none_or(|addr| !addr.ip().is_loopback()));
    let rate = facts.source_ports.len() / 60;
    match facts.tw_reuse {
        Some(1) | None => Finding::ok("ports in TIME_WAIT", "they are used again after a second"),
        Some(2) if !is_far => Finding::ok("ports in TIME_WAIT", "towards this machine they are used again"),
        Some(_) => Finding::warning(
            "ports in TIME_WAIT",
            format!(
                "a port rests for a minute after each session: more than {rate} new sessions a second to one backend \
                 run out of them"
            ),
        )
        .mend("sysctl -w net.ipv4.tcp_tw_reuse=1"),
    }
}

fn privileged_ports(facts: &Facts, loaded: Option<&Loaded>) -> Option<Finding> {
    let listeners = &loaded?.config.listeners;
    let is_privileged = |addr: &&SocketAddr| u64::from(addr.port()) < facts.unprivileged_from;
    let addrs: Vec<SocketAddr> = listeners.iter().filter_map(|listener| listener.name.addr.ip()).collect();
    let lowest = addrs.iter().filter(is_privileged).map(SocketAddr::port).min()?;
    Some(match facts.capabilities & CAP_NET_BIND_SERVICE {
        0 => Finding::problem(
            "privileged ports",
            format!("user {} may not listen on port {lowest}", facts.user),
        )
        .mend_all(mends("CAP_NET_BIND_SERVICE"))
        .mend(format!("# or: sysctl -w net.ipv4.ip_unprivileged_port_start={lowest}")),
        _ => Finding::ok("privileged ports", format!("user {} may listen on port {lowest}", facts.user)),
    })
}

/// How the program gets a capability.
fn mends(capability: &str) -> [String; 2] {
    let [command, unit] = binding::capability_commands(capability);
    [command, format!("# or in its unit: {unit}")]
}
