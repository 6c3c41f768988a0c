//! A plane in this process, with one listener and one pool, and what it tells.

use evenkeel_core::addr::Addr;
use evenkeel_core::backend::Backend;
use evenkeel_core::balance::{Balance, Picker};
use evenkeel_core::eject::Tolerance;
use evenkeel_core::flow::FlowRules;
use evenkeel_core::load::{Load, SeatLimits};
use evenkeel_core::name::{ListenerName, PoolName, Protocol, ServiceName};
use evenkeel_core::reception::Reception;
use evenkeel_core::snapshot::{
    ConnectRules, Listener, Pool, PoolRules, QueueRules, SessionLimits, Snapshot, SocketOptions,
};
use evenkeel_core::sockets::Inward;
use evenkeel_proxy::{
    Inherited, Keyring, PlaneOptions, Records, Report, RequestRecord, SessionRecord, Started, Telling,
    UserPlane,
};
use evenkeel_testkit::{PATIENCE, Peer, Place, port};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

/// What a rig is built of; [`Parts::to`] gives something sensible to change.
pub struct Parts {
    pub backends: Vec<Backend>,
    pub balance: Balance,
    pub last_resort: Vec<u32>,
    pub rules: PoolRules,
    pub reception: Reception,
    /// Further pools, which only routes lead to.
    pub routed: Vec<(PoolName, Backend)>,
    /// Whether sessions go to the first pool when no route is for them.
    pub has_default: bool,
    pub keyring: Keyring,
    pub max_sessions: u32,
    pub workers: usize,
    /// Bytes held for clients that have no backend yet, in all.
    pub early_bytes: u64,
}

impl Parts {
    /// One after the other to these places, without any limit but the defaults of the connect.
    pub fn to(places: &[&Place]) -> Self {
        let socket = SocketOptions { keepalive: None, user_timeout: None };
        Self {
            backends: places.iter().map(|place| backend(place)).collect(),
            balance: Balance::RoundRobin,
            last_resort: Vec::new(),
            rules: PoolRules {
                connect: ConnectRules {
                    timeout: Duration::from_millis(1500),
                    total: Duration::from_millis(4500),
                    attempts: 3,
                    retry_percent: 20,
                    retry_min_per_second: 3,
                },
                queue: QueueRules { length: u32::MAX, timeout: Duration::from_secs(1) },
                session: SessionLimits { idle: None, half_close: None, lifetime: None, bandwidth: None },
                socket,
                outward: None,
                send_proxy: None,
                http2: None,
                tls: None,
            },
            reception: Reception::default(),
            routed: Vec::new(),
            has_default: true,
            keyring: Keyring::default(),
            max_sessions: 10_000,
            workers: 2,
            early_bytes: u64::MAX,
        }
    }

    /// Starts a plane that listens on a free port of 127.0.0.1.
    pub fn start(self) -> Rig {
        self.start_at(Place::local(port::free()))
    }

    /// Starts a plane that listens there.
    pub fn start_at(self, place: Place) -> Rig {
        let options = PlaneOptions { workers: self.workers, max_sessions: self.max_sessions };
        let (sender, records) = channel();
        let Started { mut plane, reports } =
            UserPlane::start(&options, move |batch| sender.send(batch).is_ok()).unwrap();
        plane.tell_of(Telling::ENDS);
        plane.limit_early(self.early_bytes);
        let keyring = Arc::new(self.keyring.clone());
        let publication = plane.prepare(self.snapshot(&place), &mut Inherited::new()).unwrap();
        plane.publish(publication.with_keyring(keyring));
        Rig { place, plane: Some(plane), reports, records, told: VecDeque::new(), asked: VecDeque::new() }
    }

    fn snapshot(self, listen: &Place) -> Arc<Snapshot> {
        let name =
            ListenerName { service: ServiceName::new("web"), protocol: Protocol::Tcp, addr: addr(listen) };
        let pool_name = PoolName::new("web");
        let listener = Listener {
            open: true,
            name: name.clone(),
            pool: self.has_default.then(|| pool_name.clone()),
            reception: Arc::new(self.reception),
            backlog: 1024,
            max_sessions: u32::MAX,
            socket: self.rules.socket,
            inward: Inward::default(),
            unix_mode: 0o600,
            flows: FlowRules::default(),
        };
        let rules = Arc::new(self.rules);
        let pool = |name: PoolName, backends: Vec<Backend>| Pool {
            name,
            picker: Picker::new(self.balance, &backends),
            backends: backends.into(),
            spares: Box::default(),
            last_resort: Box::default(),
            rules: Arc::clone(&rules),
            line: Arc::default(),
            cursor: Arc::default(),
        };
        let first = Pool { last_resort: self.last_resort.into(), ..pool(pool_name, self.backends) };
        let routed = self.routed.into_iter().map(|(name, backend)| pool(name, vec![backend]));
        Arc::new(Snapshot {
            generation: 1,
            listeners: BTreeMap::from([(name, Arc::new(listener))]),
            pools: [first].into_iter().chain(routed).map(|it| (it.name.clone(), Arc::new(it))).collect(),
        })
    }
}

/// A backend that takes traffic without limit.
pub fn backend(place: &Place) -> Backend {
    Backend {
        addr: addr(place),
        host: None,
        weight: 1,
        eligible: true,
        lost: false,
        limits: SeatLimits::NONE,
        tolerance: Tolerance::default(),
        load: Arc::new(Load::default()),
    }
}

/// The core's word for a place.
pub fn addr(place: &Place) -> Addr {
    match place {
        Place::Ip(addr) => Addr::Ip(*addr),
        Place::Unix(path) => Addr::Unix(Arc::from(path.as_path())),
    }
}

/// A running plane.
pub struct Rig {
    pub place: Place,
    pub plane: Option<UserPlane>,
    pub reports: Receiver<Report>,
    records: Receiver<Records>,
    told: VecDeque<SessionRecord>,
    asked: VecDeque<RequestRecord>,
}

impl Rig {
    /// A client of it.
    pub fn connect(&self) -> Peer {
        Peer::connect(&self.place)
    }

    /// The running plane.
    pub fn plane(&mut self) -> &mut UserPlane {
        self.plane.as_mut().expect("not stopped yet")
    }

    /// The next record of an ended session.
    pub fn record(&mut self) -> SessionRecord {
        while self.told.is_empty() {
            self.take_records("a session record in time");
        }
        self.told.pop_front().expect("just looked")
    }

    /// The next record of a request.
    pub fn request(&mut self) -> RequestRecord {
        while self.asked.is_empty() {
            self.take_records("a request record in time");
        }
        self.asked.pop_front().expect("just looked")
    }

    fn take_records(&mut self, what: &str) {
        let records = self.records.recv_timeout(PATIENCE).expect(what);
        self.told.extend(records.ended);
        self.asked.extend(records.requests);
    }

    /// Lets this time pass, in which no session may end.
    pub fn pass(&mut self, time: Duration) {
        let record = self.records.recv_timeout(time);
        assert!(record.is_err() && self.told.is_empty(), "ended: {record:?}");
    }
}
