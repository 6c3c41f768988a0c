//! Sessions that have ended lately. Bounded, and those worth a look are kept apart: a flood of good ones does not wash
//! them away.

use evenkeel_proxy::SessionRecord;
use std::collections::{BTreeSet, VecDeque};
use std::net::IpAddr;

/// Sessions of each kind that are kept; a record is some 300 bytes.
pub const KEPT: usize = 2048;

/// Clients that are named to somebody who asks for one that is not there.
const CLIENTS_MAX: usize = 1000;

/// The last sessions, oldest first.
#[derive(Debug, Default)]
pub struct Recent {
    smooth: VecDeque<SessionRecord>,
    noteworthy: VecDeque<SessionRecord>,
}

/// Which sessions are wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sought {
    /// The one with this number.
    Id(u64),
    /// Those of this client.
    Client(IpAddr),
}

/// What is known of them.
#[derive(Debug, Default)]
pub struct Kept {
    /// Those that were wanted.
    pub sessions: Vec<SessionRecord>,
    /// The lowest and the highest number that is kept.
    pub ids: Option<(u64, u64)>,
    /// Whether only those worth a look are kept: there is no log.
    pub noteworthy_only: bool,
    /// Other clients of which some are, when there is none of this one.
    pub clients: BTreeSet<IpAddr>,
}

impl Recent {
    /// These have ended.
    pub fn take(&mut self, records: Vec<SessionRecord>) {
        for record in records {
            let ring = if record.is_noteworthy() { &mut self.noteworthy } else { &mut self.smooth };
            if ring.len() == KEPT {
                ring.pop_front();
            }
            ring.push_back(record);
        }
    }

    /// Those that are wanted.
    pub fn find(&self, sought: Sought) -> Kept {
        let all = || self.smooth.iter().chain(&self.noteworthy);
        let is_meant = |record: &&SessionRecord| match sought {
            Sought::Id(id) => record.id == id,
            Sought::Client(ip) => client(record) == Some(ip),
        };
        let sessions: Vec<SessionRecord> = all().filter(is_meant).cloned().collect();
        let ids = || all().map(|it| it.id);
        let mut clients = BTreeSet::new();
        if sessions.is_empty() {
            clients.extend(all().rev().filter_map(client).take(CLIENTS_MAX));
        }
        let ids = ids().min().zip(ids().max());
        Kept { sessions, ids, noteworthy_only: false, clients }
    }
}

fn client(record: &SessionRecord) -> Option<IpAddr> {
    record.client.ip().map(|addr| addr.ip().to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;
    use evenkeel_core::addr::Addr;
    use evenkeel_core::end::{End, Side};
    use evenkeel_core::name::{ListenerName, PoolName, ServiceName};
    use std::net::SocketAddr;
    use std::time::{Duration, SystemTime};

    #[test]
    fn a_flood_of_good_sessions_does_not_wash_away_one_that_failed() {
        let mut recent = Recent::default();
        recent.take(vec![record(1, "192.0.2.1:1", End::Idle)]);
        recent.take((2..10_000).map(|id| record(id, "192.0.2.2:1", End::Closed(Side::Client))).collect());
        let ids = |sought| recent.find(sought).sessions.iter().map(|it| it.id).collect::<Vec<_>>();
        assert_eq!(
            (ids(Sought::Id(1)), ids(Sought::Id(2)), ids(Sought::Id(9999))),
            (vec![1], vec![], vec![9999])
        );
        assert_eq!(ids(Sought::Client("192.0.2.1".parse().unwrap())), [1]);
        assert_eq!(ids(Sought::Client("192.0.2.2".parse().unwrap())).len(), KEPT);
        let unknown = recent.find(Sought::Client("192.0.2.3".parse().unwrap()));
        assert_eq!((unknown.ids, unknown.clients.len()), (Some((1, 9999)), 2));
    }

    #[test]
    fn a_client_is_its_address_whatever_the_listener() {
        let mut recent = Recent::default();
        recent.take(vec![record(1, "[::ffff:192.0.2.1]:7", End::Closed(Side::Client))]);
        assert_eq!(recent.find(Sought::Client("192.0.2.1".parse().unwrap())).sessions.len(), 1);
    }

    #[test]
    fn a_record_is_as_small_as_the_documents_say() {
        assert!(2 * KEPT * size_of::<SessionRecord>() <= 1_500_000, "{}", size_of::<SessionRecord>());
    }

    fn record(id: u64, client: &str, end: End) -> SessionRecord {
        let client: SocketAddr = client.parse().unwrap();
        SessionRecord {
            id,
            accepted_at: SystemTime::UNIX_EPOCH,
            listener: ListenerName { service: ServiceName::new("web"), addr: client.into() },
            client: Addr::Ip(client),
            via: None,
            server_name: None,
            observed: Default::default(),
            pool: Some(PoolName::new("web")),
            backend: None,
            failed_attempts: Vec::new(),
            queued: Duration::ZERO,
            connect: None,
            first_byte: None,
            duration: Duration::ZERO,
            to_backend: 0,
            to_client: 0,
            end,
        }
    }
}
