//! Sessions that come from another process: they are where they were there, under the same ids, whatever the limits and
//! the configuration say now.

use super::{Suspended, Traffic};
use crate::books::{CountedSeat, ServiceCounts};
use crate::pools::LocalPool;
use crate::relay::{Relay, SuspendedRelay};
use crate::session::{Course, Greeting, Noted, Notes, Opening, Origin, Places, Reach, Session};
use crate::shared::Ceiling;
use crate::worker::{Service, Slot, Stage, Worker};
use evenkeel_core::addr::Addr;
use evenkeel_core::admit::Gate;
use evenkeel_core::balance::{Balance, Picker};
use evenkeel_core::flow::FlowRules;
use evenkeel_core::name::{ListenerName, PoolName};
use evenkeel_core::snapshot::{Listener, Pool, PoolRules};
use evenkeel_core::sockets::Inward;
use evenkeel_sys::poll::Readiness;
use std::cell::{Cell, OnceCell, RefCell};
use std::collections::BTreeMap;
use std::os::fd::OwnedFd;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

/// Where sessions belong that are adopted together: looked up once for all of them.
struct Homes {
    /// Those of listeners that are not configured any more.
    strangers: BTreeMap<ListenerName, Home>,
    pools: BTreeMap<PoolName, PoolHome>,
    /// The rules of the last one: most have the same.
    rules: Option<Arc<PoolRules>>,
}

/// What a session has of its service.
#[derive(Clone)]
struct Home {
    listener: Arc<Listener>,
    ceiling: Arc<Ceiling>,
    counts: Arc<ServiceCounts>,
    gate: Option<Arc<Gate>>,
}

struct PoolHome {
    pool: Rc<LocalPool>,
    /// Where in it a backend is.
    index: BTreeMap<Addr, usize>,
}

impl Worker {
    /// Goes on with these sessions.
    pub fn adopt(self: &Rc<Self>, mut sessions: Vec<Suspended<OwnedFd>>) {
        sessions.sort_by_key(heard_of);
        let mut homes = Homes { strangers: BTreeMap::new(), pools: BTreeMap::new(), rules: None };
        sessions.into_iter().for_each(|session| self.adopt_one(session, &mut homes));
        self.open_ports();
    }

    fn adopt_one(self: &Rc<Self>, mut suspended: Suspended<OwnedFd>, homes: &mut Homes) {
        homes.share_rules(suspended.traffic.rules_mut());
        let row = self.next_row();
        let Home { listener, counts, ceiling, gate } = homes.at(self, &suspended);
        let (pool, seat) = homes.seat(self, &suspended);
        let backend = suspended.backend;
        let (peer, origin) = match suspended.via {
            None => (suspended.client, OnceCell::new()),
            Some(via) => (via, OnceCell::from(Box::new(Origin::of(suspended.client)))),
        };
        let session = Rc::new(Session {
            id: suspended.id,
            row,
            listener,
            pool: pool.into(),
            peer,
            origin,
            accepted: suspended.accepted,
            client_ready: Cell::new(Readiness::NONE),
            backend_ready: Cell::new(Readiness::NONE),
            opening: RefCell::new(Opening {
                notes: Notes::from(Noted {
                    greeting: suspended.server_name.map(Greeting::to),
                    observed: suspended.observed,
                    failed_attempts: suspended.failed_attempts,
                    tls: None,
                    queued: suspended.queued,
                }),
                course: Course::Once(Reach::Connected(backend.clone(), suspended.connect.into())),
            }),
            counts,
            source_place: OnceCell::new(),
            gate: None,
            places: OnceCell::from(Places {
                of_process: self.shared.sessions.join(),
                of_service: Some(ceiling.join()),
            }),
        });
        if let Some(place) = gate.and_then(|gate| gate.join(session.source())) {
            let _ = session.source_place.set(Box::new(place));
        }
        match suspended.traffic {
            Traffic::Relay(relay) => self.resume_relay(session, seat, relay),
            Traffic::Flow(flow) => {
                let accepting = self.doors.borrow().named(&session.listener.name).cloned();
                self.resume_flow(session, accepting.as_ref(), (backend, seat), flow);
            }
        }
    }

    fn resume_relay(&self, session: Rc<Session>, seat: CountedSeat, relay: SuspendedRelay<OwnedFd>) {
        let row = session.row;
        let relay = Relay::resume(relay, self.reactor.now(), &self.tools.borrow());
        if let Err(end) = self.watch(row, relay.sockets()) {
            return self.account(&session, Some(relay.carried()), end);
        }
        // It has its go with the others, when what its sockets are ready for has been told.
        let slot = Slot { session, stage: Stage::Relaying { relay, seat }, queued: true };
        self.table.borrow_mut().take_row(slot);
        self.reactor.push_ready(row);
    }
}

/// Flows stand in their table in the order in which they were heard of last.
fn heard_of(session: &Suspended<OwnedFd>) -> Option<Instant> {
    match &session.traffic {
        Traffic::Flow(flow) => Some(flow.kept.active),
        Traffic::Relay(_) => None,
    }
}

impl Homes {
    fn at(&mut self, worker: &Worker, session: &Suspended<OwnedFd>) -> Home {
        let name = &session.listener;
        if let Some(known) = worker.doors.borrow().named(name) {
            return Home {
                listener: Arc::clone(&known.listener),
                ceiling: Arc::clone(&known.ceiling),
                counts: Arc::clone(&known.counts),
                gate: known.gate.clone(),
            };
        }
        let stranger = || {
            let (services, listener) = (worker.services.borrow(), Arc::new(stranger(session)));
            match services.get(&name.service) {
                Some(Service { ceiling, counts, gate }) => Home {
                    listener,
                    ceiling: Arc::clone(ceiling),
                    counts: Arc::clone(counts),
                    gate: gate.clone(),
                },
                None => Home {
                    listener,
                    ceiling: Arc::new(Ceiling::new(u32::MAX)),
                    counts: Arc::default(),
                    gate: None,
                },
            }
        };
        self.strangers.entry(name.clone()).or_insert_with(stranger).clone()
    }

    fn seat(&mut self, worker: &Worker, session: &Suspended<OwnedFd>) -> (Rc<LocalPool>, CountedSeat) {
        let home = self.pools.entry(session.pool.clone()).or_insert_with(|| {
            let known = worker.pools.borrow().get(&session.pool).cloned();
            let pool = known.unwrap_or_else(|| no_pool(worker, session));
            let newest = pool.newest();
            let index = newest.backends.iter().zip(0..).map(|(it, index)| (it.addr.clone(), index)).collect();
            PoolHome { pool, index }
        });
        (Rc::clone(&home.pool), home.pool.join(home.index.get(&session.backend).copied()))
    }

    fn share_rules(&mut self, rules: &mut Arc<PoolRules>) {
        let same = self.rules.take().filter(|last| *last == *rules).unwrap_or_else(|| Arc::clone(rules));
        *rules = Arc::clone(self.rules.insert(same));
    }
}

fn stranger(session: &Suspended<OwnedFd>) -> Listener {
    Listener {
        name: session.listener.clone(),
        pool: Some(session.pool.clone()),
        reception: Arc::default(),
        open: false,
        backlog: 0,
        max_sessions: u32::MAX,
        socket: session.traffic.rules().socket,
        inward: Inward::default(),
        unix_mode: 0,
        flows: FlowRules::default(),
    }
}

/// A pool that is not configured any more.
fn no_pool(worker: &Worker, session: &Suspended<OwnedFd>) -> Rc<LocalPool> {
    let pool = Pool {
        name: session.pool.clone(),
        backends: Box::default(),
        picker: Picker::new(Balance::First, &[]),
        spares: Box::default(),
        last_resort: Box::default(),
        rules: Arc::clone(session.traffic.rules()),
        line: Arc::default(),
        cursor: Arc::default(),
    };
    let seed = worker.dice.borrow_mut().roll();
    Rc::new(LocalPool::new(
        (worker.index, worker.shared.workers()),
        Arc::new(pool),
        Arc::new([]),
        seed,
        worker.reactor.now(),
    ))
}
