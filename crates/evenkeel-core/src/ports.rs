//! When source ports towards a backend run short: each session takes one, and the kernel has one range of them for each
//! address that is connected to.

use crate::addr::Addr;
use crate::snapshot::Snapshot;
use std::collections::BTreeMap;
use std::ops::RangeInclusive;

/// Percent of the ports at which they count as scarce.
const SCARCE_PERCENT: u64 = 70;

/// Percent below which they no longer do.
const ENOUGH_PERCENT: u64 = 60;

/// Whom ports are scarce towards, as it was told.
#[derive(Debug)]
pub struct Ports {
    /// As many as there are.
    pub size: u32,
    scarce: Vec<Addr>,
}

impl Ports {
    /// Ports out of this range.
    pub fn new(range: RangeInclusive<u16>) -> Self {
        Self { size: u32::try_from(range.len()).unwrap_or(u32::MAX), scarce: Vec::new() }
    }

    /// Those towards whom ports have become scarce since the last look, and how many sessions are there. A backend of
    /// several pools is one address.
    pub fn look(&mut self, snapshot: &Snapshot) -> Vec<(Addr, u32)> {
        let mut sessions: BTreeMap<&Addr, u32> = BTreeMap::new();
        for backend in snapshot.pools.values().flat_map(|pool| &pool.backends) {
            let here = backend.load.sessions();
            if here > 0 && backend.addr.ip().is_some() {
                let sum = sessions.entry(&backend.addr).or_default();
                *sum = sum.saturating_add(here);
            }
        }
        let size = u64::from(self.size);
        let reaches = |sessions: u32, percent: u64| u64::from(sessions) * 100 >= size * percent;
        self.scarce.retain(|addr| sessions.get(addr).is_some_and(|&here| reaches(here, ENOUGH_PERCENT)));
        let is_new = |addr: &Addr, here: u32| reaches(here, SCARCE_PERCENT) && !self.scarce.contains(addr);
        let new: Vec<_> = sessions
            .into_iter()
            .filter(|&(addr, here)| is_new(addr, here))
            .map(|(addr, here)| (addr.clone(), here))
            .collect();
        self.scarce.extend(new.iter().map(|(addr, _)| addr.clone()));
        new
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::balance::{Balance, Picker};
    use crate::load::{Load, Seat, SeatLimits};
    use crate::name::PoolName;
    use crate::snapshot::{Backend, ConnectRules, Pool, PoolRules, QueueRules, SessionLimits, SocketOptions};
    use std::sync::Arc;
    use std::time::Duration;

    /// A pool whose only backend is at `addr`.
    fn pool(name: &str, addr: &Addr, load: &Arc<Load>) -> (PoolName, Arc<Pool>) {
        let (time, name) = (Duration::from_secs(1), PoolName::new(name));
        let (addr, load) = (addr.clone(), Arc::clone(load));
        let limits = SeatLimits::NONE;
        let backends = [Backend { addr, weight: 1, eligible: true, limits, suspect_after: 0, load }];
        let rules = PoolRules {
            connect: ConnectRules {
                timeout: time,
                total: time,
                attempts: 1,
                retry_percent: 0,
                retry_min_per_second: 0,
            },
            queue: QueueRules { length: 0, timeout: time },
            session: SessionLimits { idle: None, half_close: None, lifetime: None },
            socket: SocketOptions { keepalive: None, user_timeout: None },
            send_proxy: None,
        };
        let pool = Pool {
            name: name.clone(),
            picker: Picker::new(Balance::First, &backends),
            backends: backends.into(),
            last_resort: Box::default(),
            rules: Arc::new(rules),
            waiting: Arc::default(),
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
        let snapshot = snapshot([pool("web", &addr, &load)]);
        let mut ports = Ports::new(1000..=1099);
        let mut seats = Vec::new();
        let mut told = String::new();
        for sessions in [69, 70, 90, 60, 80, 59, 69, 71] {
            seats.truncate(sessions);
            seats.extend(take(&load, sessions - seats.len()));
            let new = ports.look(&snapshot);
            assert!(new.is_empty() || new == [(addr.clone(), sessions as u32)]);
            told.push(if new.is_empty() { '.' } else { '!' });
        }
        assert_eq!(told, ".!.....!");
    }

    #[test]
    fn pools_with_one_backend_share_its_ports_and_a_unix_socket_has_none() {
        let ip = Addr::Ip("10.0.0.7:80".parse().expect("an address"));
        let unix = Addr::Unix(Arc::from(std::path::Path::new("/run/web")));
        let (one, two, three) = (Arc::default(), Arc::default(), Arc::default());
        let snapshot = snapshot([pool("a", &ip, &one), pool("b", &ip, &two), pool("c", &unix, &three)]);
        let _seats = [take(&one, 4), take(&two, 3), take(&three, 10)];
        assert_eq!(Ports::new(1..=10).look(&snapshot), [(ip, 7)]);
    }
}
