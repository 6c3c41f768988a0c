//! When source ports towards a backend run short: each session takes one, and the kernel has one range of them for each
//! address that is connected from, and to.

use crate::addr::Addr;
use crate::snapshot::Snapshot;
use crate::sockets::Source;
use std::collections::BTreeMap;
use std::ops::RangeInclusive;

/// Percent of the ports at which they count as scarce.
const SCARCE_PERCENT: u64 = 70;

/// Percent below which they no longer do.
const ENOUGH_PERCENT: u64 = 60;

/// Whom ports are scarce towards, as it was told.
#[derive(Debug)]
pub struct Ports {
    /// As many as one source address has.
    size: u32,
    scarce: Vec<(Addr, Source)>,
}

/// A backend towards which ports have become scarce.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scarce {
    /// Which.
    pub backend: Addr,
    /// Sessions there.
    pub sessions: u32,
    /// Ports that there are for them.
    pub ports: u32,
}

impl Ports {
    /// Ports out of this range.
    pub fn new(range: RangeInclusive<u16>) -> Self {
        Self { size: u32::try_from(range.len()).unwrap_or(u32::MAX), scarce: Vec::new() }
    }

    /// Those towards whom ports have become scarce since the last look. Pools that connect to one backend from the same
    /// addresses share their ports; sessions with their client's address take none of ours.
    pub fn look(&mut self, snapshot: &Snapshot) -> Vec<Scarce> {
        let mut taken: BTreeMap<(&Addr, &Source), (u32, u32)> = BTreeMap::new();
        for pool in snapshot.pools.values() {
            let source = pool.rules.source();
            for backend in &pool.backends {
                let sources = backend.addr.ip().and_then(|addr| source.count(addr.ip()));
                if let (Some(sources), here @ 1..) = (sources, backend.load.sessions()) {
                    let ports = self.size.saturating_mul(u32::try_from(sources).unwrap_or(u32::MAX));
                    let (sessions, _) = taken.entry((&backend.addr, source)).or_insert((0, ports));
                    *sessions = sessions.saturating_add(here);
                }
            }
        }
        self.scarce.retain(|(addr, source)| {
            taken.get(&(addr, source)).is_some_and(|&it| reaches(it, ENOUGH_PERCENT))
        });
        let new: Vec<_> = taken
            .into_iter()
            .map(|((addr, source), taken)| ((addr.clone(), source.clone()), taken))
            .filter(|(key, taken)| reaches(*taken, SCARCE_PERCENT) && !self.scarce.contains(key))
            .collect();
        self.scarce.extend(new.iter().map(|(key, _)| key.clone()));
        new.into_iter().map(|((backend, _), (sessions, ports))| Scarce { backend, sessions, ports }).collect()
    }
}

/// Whether sessions take this share of the ports.
fn reaches((sessions, ports): (u32, u32), percent: u64) -> bool {
    u64::from(sessions) * 100 >= u64::from(ports) * percent
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::Backend;
    use crate::balance::{Balance, Picker};
    use crate::eject::Tolerance;
    use crate::load::{Load, Seat, SeatLimits};
    use crate::name::PoolName;
    use crate::snapshot::{ConnectRules, Pool, PoolRules, QueueRules, SessionLimits, SocketOptions};
    use crate::sockets::{Outward, Sources};
    use std::sync::Arc;
    use std::time::Duration;

    /// A pool whose only backend is at `addr`.
    fn pool(name: &str, addr: &Addr, load: &Arc<Load>, source: Source) -> (PoolName, Arc<Pool>) {
        let (time, name) = (Duration::from_secs(1), PoolName::new(name));
        let (addr, load) = (addr.clone(), Arc::clone(load));
        let limits = SeatLimits::NONE;
        let backends = [Backend {
            addr,
            host: None,
            weight: 1,
            eligible: true,
            lost: false,
            limits,
            tolerance: Tolerance::default(),
            load,
        }];
        let rules = PoolRules {
            connect: ConnectRules {
                timeout: time,
                total: time,
                attempts: 1,
                retry_percent: 0,
                retry_min_per_second: 0,
            },
            queue: QueueRules { length: 0, timeout: time },
            session: SessionLimits { idle: None, half_close: None, lifetime: None, bandwidth: None },
            socket: SocketOptions { keepalive: None, user_timeout: None },
            outward: Some(Box::new(Outward { source, ..Outward::default() })),
            send_proxy: None,
            http2: None,
            tls: None,
        };
        let pool = Pool {
            name: name.clone(),
            picker: Picker::new(Balance::First, &backends),
            backends: backends.into(),
            spares: Box::default(),
            last_resort: Box::default(),
            rules: Arc::new(rules),
            line: Arc::default(),
            cursor: Arc::default(),
        };
        (name, Arc::new(pool))
    }

    fn snapshot<const N: usize>(pools: [(PoolName, Arc<Pool>); N]) -> Snapshot {
        Snapshot { generation: 1, listeners: BTreeMap::new(), pools: pools.into() }
    }

    fn take(load: &Arc<Load>, sessions: usize) -> Vec<Seat> {
        (0..sessions).map(|_| load.enter(SeatLimits::NONE).expect("no limit")).collect()
    }

    #[test]
    fn scarcity_is_told_once_until_there_are_enough_again() {
        let addr = Addr::Ip("10.0.0.7:80".parse().expect("an address"));
        let load = Arc::default();
        let snapshot = snapshot([pool("web", &addr, &load, Source::Usual)]);
        let mut ports = Ports::new(1000..=1099);
        let mut seats = Vec::new();
        let mut told = String::new();
        for sessions in [69, 70, 90, 60, 80, 59, 69, 71] {
            seats.truncate(sessions);
            seats.extend(take(&load, sessions - seats.len()));
            let new = ports.look(&snapshot);
            let told_of = Scarce { backend: addr.clone(), sessions: sessions as u32, ports: 100 };
            assert!(new.is_empty() || new == [told_of]);
            told.push(if new.is_empty() { '.' } else { '!' });
        }
        assert_eq!(told, ".!.....!");
    }

    #[test]
    fn pools_with_one_backend_share_its_ports_and_a_unix_socket_has_none() {
        let ip = Addr::Ip("10.0.0.7:80".parse().expect("an address"));
        let unix = Addr::Unix(Arc::from(std::path::Path::new("/run/web")));
        let (one, two, three) = (Arc::default(), Arc::default(), Arc::default());
        let usual = || Source::Usual;
        let pools =
            [pool("a", &ip, &one, usual()), pool("b", &ip, &two, usual()), pool("c", &unix, &three, usual())];
        let snapshot = snapshot(pools);
        let _seats = [take(&one, 4), take(&two, 3), take(&three, 10)];
        assert_eq!(Ports::new(1..=10).look(&snapshot), [Scarce { backend: ip, sessions: 7, ports: 10 }]);
    }

    #[test]
    fn more_source_addresses_are_more_ports_and_those_of_clients_are_not_ours() {
        let ip = Addr::Ip("10.0.0.7:80".parse().expect("an address"));
        let (usual, turns, clients) = (Arc::default(), Arc::default(), Arc::default());
        let sources = ["10.0.0.1", "10.0.0.2", "fd00::1"].map(|it| it.parse().expect("an address"));
        let source = Source::Turns(Arc::new(Sources::new(sources)));
        let snapshot = snapshot([
            pool("a", &ip, &usual, Source::Usual),
            pool("b", &ip, &turns, source),
            pool("c", &ip, &clients, Source::Client),
        ]);
        let mut ports = Ports::new(1..=10);
        let _seats = [take(&usual, 6), take(&turns, 13), take(&clients, 30)];
        assert_eq!(ports.look(&snapshot), []);
        let _one_more = take(&turns, 1);
        assert_eq!(ports.look(&snapshot), [Scarce { backend: ip, sessions: 14, ports: 20 }]);
    }
}
