//! Sessions that have ended lately, and requests. Bounded, and those worth a look are kept apart: a flood of good ones does
//! not wash them away; of requests the others are not kept at all.

use super::{Input, PastRequest};
use evenkeel_proxy::{Records, RequestRecord, SessionRecord};
use std::collections::{BTreeSet, VecDeque};
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use tokio::sync::mpsc::Sender;

/// Sessions of each kind that are kept; a record is some 300 bytes.
pub const KEPT: usize = 2048;

/// Requests that are kept; one is a kilobyte at most.
pub const REQUESTS_KEPT: usize = 2048;

/// Clients that are named to somebody who asks for one that is not there.
const CLIENTS_MAX: usize = 1000;

/// Batches of them on their way to the control loop, at most; most have some 64.
const UNDER_WAY_MAX: usize = 64;

/// Sessions that have ended, on their way to the control loop.
pub struct Ended {
    records: Vec<SessionRecord>,
    requests: Vec<PastRequest>,
    /// How many were not kept so far; also what counts the batches that are under way.
    missed: Arc<AtomicU64>,
}

/// Hands ended sessions to the control loop. Never waits: what it has no room for is not kept, and counted.
pub struct Keeper {
    inputs: Sender<Input>,
    missed: Arc<AtomicU64>,
}

impl Keeper {
    /// By way of `inputs`.
    pub fn new(inputs: Sender<Input>) -> Self {
        Self { inputs, missed: Arc::default() }
    }

    /// These have ended.
    pub fn keep(&self, records: Records) {
        let requests = records.requests.into_iter().filter(RequestRecord::is_noteworthy);
        let requests: Vec<PastRequest> = requests.map(PastRequest::from).collect();
        if records.ended.is_empty() && requests.is_empty() {
            return;
        }
        let number = (records.ended.len() + requests.len()) as u64;
        let is_full = Arc::strong_count(&self.missed) > UNDER_WAY_MAX;
        let ended = Ended { records: records.ended, requests, missed: Arc::clone(&self.missed) };
        if is_full || self.inputs.try_send(Input::Ended(ended)).is_err() {
            self.missed.fetch_add(number, Relaxed);
        }
    }
}

/// The last sessions, oldest first.
#[derive(Debug, Default)]
pub struct Recent {
    smooth: VecDeque<SessionRecord>,
    noteworthy: VecDeque<SessionRecord>,
    requests: VecDeque<PastRequest>,
    /// Sessions and requests that did not come here: the control loop was busy.
    missed: u64,
}

/// Which sessions are wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sought {
    /// The one with this number.
    Id(u64),
    /// Those of this client.
    Client(IpAddr),
    /// The one with a request of this name.
    Request(Box<str>),
}

/// What is known of them.
#[derive(Debug, Default)]
pub struct Kept {
    /// Those that were wanted.
    pub sessions: Vec<SessionRecord>,
    /// Their requests, as far as those were worth a look.
    pub requests: Vec<PastRequest>,
    /// The lowest and the highest number that is kept.
    pub ids: Option<(u64, u64)>,
    /// Sessions and requests that were not kept, because the control loop was busy.
    pub missed: u64,
    /// Whether only those worth a look are kept: there is no log.
    pub noteworthy_only: bool,
    /// Other clients of which some are, when there is none of this one.
    pub clients: BTreeSet<IpAddr>,
}

impl Recent {
    /// These have ended.
    pub fn take(&mut self, ended: Ended) {
        self.missed = ended.missed.load(Relaxed);
        for record in ended.records {
            let ring = if record.is_noteworthy() { &mut self.noteworthy } else { &mut self.smooth };
            if ring.len() == KEPT {
                ring.pop_front();
            }
            ring.push_back(record);
        }
        self.requests.extend(ended.requests);
        self.requests.drain(..self.requests.len().saturating_sub(REQUESTS_KEPT));
    }

    /// Those that are wanted.
    pub fn find(&self, sought: &Sought) -> Kept {
        let all = || self.smooth.iter().chain(&self.noteworthy);
        let is_meant = |record: &&SessionRecord| match sought {
            Sought::Id(id) => record.id == *id,
            Sought::Client(ip) => client(record) == Some(*ip),
            Sought::Request(_) => false,
        };
        let is_asked = |request: &&PastRequest| match sought {
            Sought::Id(id) => request.session == *id,
            Sought::Client(ip) => request.client.ip() == Some(*ip),
            Sought::Request(name) => request.id.as_ref() == Some(name),
        };
        let sessions: Vec<SessionRecord> = all().filter(is_meant).cloned().collect();
        let requests: Vec<PastRequest> = self.requests.iter().filter(is_asked).cloned().collect();
        let ids = || all().map(|it| it.id);
        let mut clients = BTreeSet::new();
        if sessions.is_empty() {
            clients.extend(all().rev().filter_map(client).take(CLIENTS_MAX));
        }
        let ids = ids().min().zip(ids().max());
        Kept { sessions, requests, ids, missed: self.missed, noteworthy_only: false, clients }
    }
}

fn client(record: &SessionRecord) -> Option<IpAddr> {
    record.client.ip().map(|addr| addr.ip().to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::past_request;
    use evenkeel_core::addr::Addr;
    use evenkeel_core::end::End;
    use evenkeel_core::name::{ListenerName, PoolName, Protocol, ServiceName};
    use evenkeel_core::side::Side;
    use evenkeel_proxy::Datagrams;
    use std::net::SocketAddr;
    use std::time::{Duration, SystemTime};

    #[test]
    fn a_flood_of_good_sessions_does_not_wash_away_one_that_failed() {
        let mut recent = Recent::default();
        recent.take(ended(vec![record(1, "192.0.2.1:1", End::Idle)]));
        recent.take(ended(
            (2..10_000).map(|id| record(id, "192.0.2.2:1", End::Closed(Side::Client))).collect(),
        ));
        let ids = |sought| recent.find(&sought).sessions.iter().map(|it| it.id).collect::<Vec<_>>();
        assert_eq!(
            (ids(Sought::Id(1)), ids(Sought::Id(2)), ids(Sought::Id(9999))),
            (vec![1], vec![], vec![9999])
        );
        assert_eq!(ids(Sought::Client("192.0.2.1".parse().unwrap())), [1]);
        assert_eq!(ids(Sought::Client("192.0.2.2".parse().unwrap())).len(), KEPT);
        let unknown = recent.find(&Sought::Client("192.0.2.3".parse().unwrap()));
        assert_eq!((unknown.ids, unknown.clients.len()), (Some((1, 9999)), 2));
    }

    #[test]
    fn a_client_is_its_address_whatever_the_listener() {
        let mut recent = Recent::default();
        recent.take(ended(vec![record(1, "[::ffff:192.0.2.1]:7", End::Closed(Side::Client))]));
        assert_eq!(recent.find(&Sought::Client("192.0.2.1".parse().unwrap())).sessions.len(), 1);
    }

    #[test]
    fn what_a_busy_control_loop_has_no_room_for_is_counted_and_not_kept() {
        let (inputs, mut received) = tokio::sync::mpsc::channel(100);
        let keeper = Keeper::new(inputs);
        let two = || Records {
            ended: vec![record(1, "192.0.2.1:1", End::Idle), record(2, "192.0.2.1:1", End::Idle)],
            ..Records::default()
        };
        (0..UNDER_WAY_MAX + 6).for_each(|_| keeper.keep(two()));
        let mut recent = Recent::default();
        while let Ok(Input::Ended(ended)) = received.try_recv() {
            recent.take(ended);
        }
        let kept = recent.find(&Sought::Id(1));
        assert_eq!((kept.sessions.len(), kept.missed), (UNDER_WAY_MAX, 12));
        keeper.keep(two());
        assert!(received.try_recv().is_ok(), "there is room again");
    }

    #[test]
    fn requests_are_found_by_session_client_and_name_and_a_flood_leaves_the_last() {
        let mut recent = Recent::default();
        let asked = |session: u64| {
            let head = format!("GET / HTTP/1.1\r\nHost: a\r\nX-Request-Id: r{session}\r\n\r\n");
            PastRequest::from(RequestRecord { session, ..past_request::tests::record(&head) })
        };
        let requests = (1..=REQUESTS_KEPT as u64 + 1).map(asked).collect();
        recent.take(Ended { records: Vec::new(), requests, missed: Arc::default() });
        let found = |sought| recent.find(&sought).requests.len();
        assert_eq!((found(Sought::Id(1)), found(Sought::Id(2))), (0, 1));
        assert_eq!((found(Sought::Request("r1".into())), found(Sought::Request("r2".into()))), (0, 1));
        assert_eq!(found(Sought::Client("192.0.2.1".parse().unwrap())), REQUESTS_KEPT);
    }

    #[test]
    fn a_record_is_as_small_as_the_documents_say() {
        assert!(2 * KEPT * size_of::<SessionRecord>() <= 1_600_000, "{}", size_of::<SessionRecord>());
    }

    fn ended(records: Vec<SessionRecord>) -> Ended {
        Ended { records, requests: Vec::new(), missed: Arc::default() }
    }

    fn record(id: u64, client: &str, end: End) -> SessionRecord {
        let client: SocketAddr = client.parse().unwrap();
        SessionRecord {
            id,
            accepted_at: SystemTime::UNIX_EPOCH,
            listener: ListenerName {
                service: ServiceName::new("web"),
                protocol: Protocol::Tcp,
                addr: client.into(),
            },
            client: Addr::Ip(client),
            via: None,
            server_name: None,
            tls: None,
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
            datagrams: Datagrams::default(),
            end,
        }
    }
}
