//! One thread, one reactor, one session table: a worker takes connections, opens them and drives their relays.

mod doors;
mod drive;
mod ending;
mod obey;
mod table;

pub use table::{Slot, Stage};

use crate::Report;
use crate::bind::Publication;
use crate::books::ServiceCounts;
use crate::handover::{Done, Hand, Settling, Suspended};
use crate::heartbeat::Heartbeat;
use crate::http::{Http, Serving};
use crate::pools::{LocalPool, Next};
use crate::reactor::{self, Reactor, Row, Token};
use crate::record::{Batch, Telling};
use crate::relay::Tools;
use crate::session::{self, Session};
use crate::shared::{Ceiling, Counts, Shared, count};
use crate::tls::Keyring;
use crate::udp::Udp;
use crate::visit::{Progressing, Visit};
use doors::Doors;
use evenkeel_core::admit::Gate;
use evenkeel_core::dice::Dice;
use evenkeel_core::end::End;
use evenkeel_core::foresight::Foresight;
use evenkeel_core::name::{ListenerName, PoolName, ServiceName};
use evenkeel_core::side::Side;
use evenkeel_sys::poll::{Events, Readiness};
use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::io;
use std::os::fd::OwnedFd;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant};
use table::Table;

/// What the control plane tells a worker.
pub enum Command {
    /// Obey this from now on.
    Publish(Arc<Publication>),
    /// Accept nothing any more; sessions end within this time.
    Drain(Duration),
    /// Make records of this.
    Tell(Telling),
    /// Go through the sessions.
    Visit(Arc<Visit>),
    /// Accept nothing until told to go on.
    StopAccepting(Done),
    /// Say when the sessions that are being opened are open, or that time has come.
    Settle(Instant, Done),
    /// Give every established session away, and stand still until told what came of it.
    Suspend(Arc<Hand>, Done),
    /// Whoever was given the sessions has them, and accepts on these listeners.
    Release(Arc<BTreeSet<ListenerName>>, Done),
    /// Go on as before [`StopAccepting`](Self::StopAccepting).
    GoOn,
    /// Go on with these sessions of another process.
    Adopt(Vec<Suspended<OwnedFd>>, Done),
    /// Take no datagrams before [`Adopt`](Self::Adopt): who goes on with flows has to have them first.
    HoldPorts,
    /// End every session and the worker.
    Stop,
}

/// Bytes that are moved off the ready list in one turn. Whoever is in bulk goes there; the others are served at once, and
/// so wait for no more than this, however many transfers there are.
const MOVED_MAX: u64 = 1024 * 1024;

/// One worker. All its state is its own.
pub struct Worker {
    /// Which of the workers this is.
    pub index: usize,
    /// What it waits with.
    pub reactor: Reactor,
    /// What it shares with the others.
    pub shared: Arc<Shared>,
    /// Where it accepts.
    pub doors: RefCell<Doors>,
    /// The services as published, also those that accept nothing.
    pub services: RefCell<BTreeMap<ServiceName, Service>>,
    /// What their TLS needs.
    keyring: RefCell<Arc<Keyring>>,
    /// Where their sessions go.
    pub pools: RefCell<BTreeMap<PoolName, Rc<LocalPool>>>,
    /// The session table.
    pub table: RefCell<Table>,
    /// What goes through it.
    pub visits: RefCell<VecDeque<Progressing>>,
    /// What it lends to its relays.
    pub tools: RefCell<Tools>,
    /// Its flows, and what it lends to them.
    pub udp: Udp,
    /// What the requests of its sessions share.
    pub http: Http,
    /// Of what it makes records.
    pub telling: Cell<Telling>,
    /// Records on their way.
    pub records: RefCell<Batch>,
    /// How far it has come in telling of open sessions.
    pub heartbeat: Cell<Option<Heartbeat>>,
    /// For jitter.
    pub dice: RefCell<Dice>,
    sessions_begun: Cell<u64>,
    /// What waits for sessions to be open.
    pub settling: RefCell<Option<Settling>>,
    draining: Cell<Option<Drain>>,
    /// How the session ends that is being dropped, and with it the request that it serves.
    pub ending: Cell<Option<End>>,
    /// Bytes that were moved so far.
    moved: Cell<u64>,
    /// The session that begins just now, if its client is not watched: as soon as it has to wait it is.
    pub unwatched: Cell<Option<Row>>,
    /// What it has learnt of how soon its sessions are answered.
    pub foresight: RefCell<Foresight>,
}

/// A service in one worker.
pub struct Service {
    /// Its ceiling.
    pub ceiling: Arc<Ceiling>,
    /// Where this worker counts it.
    pub counts: Arc<ServiceCounts>,
    /// What its clients have to pass, if anything.
    pub gate: Option<Arc<Gate>>,
}

/// When sessions are closed that have not ended by themselves.
#[derive(Clone, Copy)]
struct Drain {
    began: Instant,
    window: Duration,
    /// Whether nothing is accepted any more.
    is_shut: bool,
    /// Whether the last session has ended, which was told.
    is_over: bool,
}

impl Worker {
    /// A worker that has nothing to do yet.
    pub fn new(index: usize, shared: Arc<Shared>, pipes: u32, seed: u64) -> io::Result<Rc<Self>> {
        let reactor = Reactor::new()?;
        reactor.add_level(shared.wake(index), Token::Inbox, false)?;
        Ok(Rc::new(Self {
            index,
            reactor,
            shared,
            doors: RefCell::default(),
            services: RefCell::default(),
            keyring: RefCell::default(),
            pools: RefCell::default(),
            table: RefCell::default(),
            visits: RefCell::default(),
            tools: RefCell::new(Tools::new(pipes)),
            udp: Udp::default(),
            http: Http::default(),
            telling: Cell::default(),
            records: RefCell::default(),
            heartbeat: Cell::default(),
            dice: RefCell::new(Dice::new(seed)),
            sessions_begun: Cell::new(0),
            settling: RefCell::default(),
            draining: Cell::new(None),
            ending: Cell::new(None),
            moved: Cell::new(0),
            unwatched: Cell::new(None),
            foresight: RefCell::default(),
        }))
    }

    /// Works until told to stop.
    pub fn run(self: Rc<Self>, inbox: &Receiver<Command>) {
        let mut events = reactor::events();
        let (mut expected, mut expired) = (Vec::new(), Vec::new());
        let mut moved_before = 0;
        loop {
            let pauses = [
                self.end_rests(),
                self.records_due(),
                self.unsettled_for(),
                self.heartbeat_due(),
                self.flows_due(),
                self.http.links.due(self.reactor.now()),
                self.closing_due(),
            ];
            let at_most = pauses.into_iter().flatten().min();
            let busy_poll = self.shared.busy_poll();
            let moved = self.moved.get() - std::mem::replace(&mut moved_before, self.moved.get());
            if self.reactor.wait(&mut events, at_most, busy_poll, moved).is_err() {
                // The one way epoll_wait can fail here is a bad descriptor, which is a defect: do not spin on it.
                std::thread::sleep(Duration::from_millis(10));
            }
            // Before what has happened, so that a change holds for whoever comes after it was said to hold.
            let stopped = self.obey(inbox);
            self.reactor.take_expected(&mut expected);
            if self.http.links.are_any() {
                // First: what has come by one that waits is no answer to a request that comes now.
                self.on_events(&events, true);
            }
            self.on_events(&events, false);
            expected.drain(..).for_each(|row| self.go(row));
            self.carry_on();
            self.guarded(None, || self.drive_links());
            self.reactor.expire(&mut expired);
            expired.drain(..).for_each(|index| self.on_deadline(index));
            self.guarded(None, || self.expire_flows());
            self.review();
            self.guarded(None, || self.sweep_links());
            self.end_closing();
            // And after it: the call that was taken note of meanwhile may have been for more.
            let stopped = stopped || self.obey(inbox);
            self.settle();
            self.visit();
            self.beat();
            if stopped || self.records.borrow().is_due(self.reactor.now()) {
                self.flush_records();
            }
            self.counts().pipes.store(self.tools.borrow().open_pipes(), Relaxed);
            self.counts().busy_polling.store(self.reactor.waits_awake(busy_poll).into(), Relaxed);
            if stopped {
                return;
            }
        }
    }

    /// Gives a go to those who want one, until so much was moved that it is time to look after everybody else.
    fn carry_on(self: &Rc<Self>) {
        let enough = self.moved.get() + MOVED_MAX;
        for _ in 0..self.reactor.ready_len() {
            if self.moved.get() >= enough {
                return;
            }
            self.reactor.pop_ready().into_iter().for_each(|row| self.go(row));
        }
    }

    /// What has happened to links, or to all else.
    fn on_events(self: &Rc<Self>, events: &Events, to_links: bool) {
        let mut index = 0;
        while let Some((token, readiness)) = reactor::event(events, index) {
            if matches!(token, Token::Link(_)) == to_links {
                self.on_event(token, readiness);
            }
            index += 1;
        }
    }

    fn on_event(self: &Rc<Self>, token: Token, readiness: Readiness) {
        match token {
            Token::Session { row, client } => self.on_ready(row, client, readiness),
            Token::Link(place) => self.guarded(None, || {
                self.on_link(place, readiness).into_iter().for_each(|row| self.go(row));
            }),
            Token::Listener(number) => {
                let accepting = self.doors.borrow().any_numbered(number).cloned();
                accepting.into_iter().for_each(|accepting| self.guarded(None, || self.accept(&accepting)));
            }
            Token::Port(number) => {
                let accepting = self.doors.borrow().numbered(number).cloned();
                accepting.into_iter().for_each(|accepting| self.receive(&accepting));
            }
            Token::Inbox => {
                self.shared.wake(self.index).reset();
                let pools: Vec<_> = self.pools.borrow().values().cloned().collect();
                pools.iter().filter(|pool| pool.is_awaited()).for_each(|pool| self.beckon(pool, None));
            }
        }
    }

    /// A socket of the session at `row` became ready.
    fn on_ready(self: &Rc<Self>, row: Row, client: bool, readiness: Readiness) {
        let mut table = self.table.borrow_mut();
        let Some(slot) = table.at_mut(row) else { return };
        if let Stage::Relaying { relay, .. } = &mut slot.stage {
            relay.on_ready(if client { Side::Client } else { Side::Backend }, readiness);
            if relay.is_bulk() {
                return self.queue(slot);
            }
        } else if matches!(slot.stage, Stage::Flowing(_)) {
            // One that waits for another go had more than one takes, and has its turn with others like it.
            if slot.queued {
                return;
            }
        } else {
            let seen = if client { &slot.session.client_ready } else { &slot.session.backend_ready };
            seen.set(seen.get().and(readiness));
            if slot.session.is_shaking() || slot.session.is_bulk() {
                return self.queue(slot);
            }
        }
        drop(table);
        self.go(row);
    }

    fn on_deadline(self: &Rc<Self>, index: u32) {
        let row = self.table.borrow().in_place(index as usize).map(|slot| slot.session.row);
        row.into_iter().for_each(|row| self.go(row));
    }

    /// The place of the next session.
    pub fn next_row(&self) -> Row {
        self.table.borrow_mut().next_row()
    }

    /// The id of the next session that is accepted.
    pub fn next_id(&self) -> u64 {
        let begun = self.sessions_begun.get();
        self.sessions_begun.set(begun + 1);
        let workers = self.shared.counts.len() as u64;
        self.shared.ids_before.load(Relaxed) + begun * workers + self.index as u64 + 1
    }

    /// A session begins its life, its client being watched unless answers are foreseen: it is served as far as possible at once.
    pub fn admit_to_table(self: &Rc<Self>, session: Rc<Session>, client: OwnedFd) {
        let row = session.row;
        let future = Box::pin(session::serve(Rc::clone(self), Rc::clone(&session), client));
        self.take_row(session, Stage::Opening(future));
        self.go(row);
    }

    /// From now on the session has its row, which no other may have taken or left since it was the next one.
    pub fn take_row(&self, session: Rc<Session>, stage: Stage) {
        self.table.borrow_mut().take_row(Slot { session, stage, queued: false });
    }

    /// It has come so far.
    pub fn set_stage(&self, row: Row, stage: Stage) {
        if let Some(slot) = self.table.borrow_mut().at_mut(row) {
            slot.stage = stage;
        }
    }

    /// Another go for the session at `row`, after the others.
    pub fn queue_row(&self, row: Row) {
        if let Some(slot) = self.table.borrow_mut().at_mut(row) {
            self.queue(slot);
        }
    }

    /// Another go for all sessions that serve requests and that are meant.
    pub fn wake_serving(&self, is_meant: impl Fn(&Serving) -> bool) {
        for slot in self.table.borrow_mut().iter_mut() {
            if slot.session.serving().is_some_and(|serving| is_meant(&serving)) {
                self.queue(slot);
            }
        }
    }

    /// So many bytes were moved that no relay has moved.
    pub fn note_moved(&self, bytes: u64) {
        self.moved.set(self.moved.get() + bytes);
    }

    /// Another go for a slot, after the others.
    fn queue(&self, slot: &mut Slot) {
        if !std::mem::replace(&mut slot.queued, true) {
            self.reactor.push_ready(slot.session.row);
        }
    }

    /// What this worker counts.
    pub fn counts(&self) -> &Counts {
        &self.shared.counts[self.index]
    }

    /// A backend of the pool may have room again: whoever waits first gets a go, here or in another worker.
    pub fn on_seat_freed(&self, pool: &LocalPool) {
        if !pool.is_awaited() {
            return;
        }
        self.beckon(pool, None);
        // Those in line before them may be none who can take it.
        pool.picky_elsewhere().for_each(|worker| self.shared.wake(worker).wake());
    }

    /// Whoever is next in line gets a go; behind the session at `behind`, if that is picky and has had one.
    pub fn beckon(&self, pool: &LocalPool, behind: Option<Row>) {
        match pool.beckon(behind) {
            Some(Next::Here(row)) => self.reactor.push_ready(row),
            Some(Next::There(worker)) => self.shared.wake(worker).wake(),
            None => {}
        }
    }

    /// Counts that accepting failed, and tells of it, not too often.
    pub fn report_accept_failure(&self, listener: &ListenerName, errno: i32) {
        count(&self.counts().accept_failures, 1);
        if self.doors.borrow_mut().tells_failure(self.reactor.now()) {
            self.shared.report(Report::AcceptFailed { listener: listener.clone(), errno });
        }
    }
}
