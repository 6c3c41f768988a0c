//! What the control plane wants of a worker: to accept and pick as published, to drain, to stop.

use super::closing::ROUND_TRIP;
use super::{Command, Drain, Service, Slot, Stage, Worker, tenant};
use crate::bind::Publication;
use crate::listener::Accepting;
use crate::pools::LocalPool;
use crate::reactor::Row;
use crate::shared::Ceiling;
use evenkeel_core::end::End;
use evenkeel_core::name::{ListenerName, ServiceName};
use evenkeel_core::snapshot::{Listener, Pool};
use std::cell::Cell;
use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant};

impl Worker {
    /// Does what the control plane wants; whether that is to stop.
    pub(super) fn obey(self: &Rc<Self>, inbox: &Receiver<Command>) -> bool {
        let mut later = VecDeque::new();
        while let Some(command) = later.pop_front().or_else(|| inbox.try_recv().ok()) {
            match command {
                Command::Publish(publication) => self.reconcile(&publication),
                Command::Drain(window) => self.drain(window),
                Command::Tell(telling) => self.tell_of(telling),
                Command::Visit(visit) => self.visits.borrow_mut().push_back(visit.into()),
                Command::StopAccepting(_done) => self.stop_accepting(),
                Command::Settle(by, done) => self.begin_to_settle(by, done),
                Command::Suspend(hand, done) => later = self.suspend(&*hand, done, inbox),
                Command::Release(listeners, _done) => self.release(&[], &listeners),
                Command::GoOn => self.accept_again(),
                Command::Adopt(sessions, _done) => self.adopt(sessions),
                Command::HoldPorts => self.hold_ports(),
                Command::Stop => {
                    self.stop();
                    return true;
                }
            }
        }
        false
    }

    /// Accepts where the publication says and nowhere else, and picks from its pools.
    fn reconcile(self: &Rc<Self>, publication: &Publication) {
        self.reconcile_pools(publication);
        self.reconcile_services(publication);
        if self.draining.get().is_some() {
            return;
        }
        let mut current: BTreeMap<ListenerName, Rc<Accepting>> =
            self.accepting.borrow().values().map(|a| (a.listener.name.clone(), Rc::clone(a))).collect();
        let has = |it: &Listener| it.open || publication.bound.contains_key(&it.name);
        let open = || publication.snapshot.listeners.iter().filter(|(_, listener)| has(listener));
        // Those who go first: another may listen on their sockets from now on.
        let gone: Vec<_> =
            current.keys().filter(|it| !open().any(|(name, _)| name == *it)).cloned().collect();
        gone.iter()
            .filter_map(|name| current.remove(name))
            .for_each(|accepting| self.forget(accepting, ROUND_TRIP));
        for (name, listener) in open() {
            let pool = listener.pool.as_ref().and_then(|name| self.pools.borrow().get(name).cloned());
            let known = current.get(name);
            let gate = publication.gates.get(&name.service);
            let flows = self.flows_of(listener);
            let terms = listener.reception.tls.as_ref();
            let tls = terms.and_then(|terms| publication.keyring.server(terms));
            let is_same = |known: &Accepting| {
                known.listener == *listener
                    && known.pool.as_ref().map(Rc::as_ptr) == pool.as_ref().map(Rc::as_ptr)
                    && known.gate.as_ref().map(Arc::as_ptr) == gate.map(Arc::as_ptr)
                    && known.tls == tls
            };
            if known.is_some_and(|known| is_same(known)) {
                continue;
            }
            let number = known.map_or_else(|| self.next_listener(), |known| known.number);
            let accepting = Rc::new(Accepting {
                number,
                listener: Arc::clone(listener),
                pool,
                tls,
                bound: Arc::clone(&publication.bound[name]),
                ceiling: Arc::clone(&publication.services[&name.service]),
                gate: gate.cloned(),
                counts: publication.books.services[&name.service].of(self.index),
                routes: publication.books.routes_of(&name.service),
                flows,
                resting: Cell::new(known.and_then(|known| known.resting.get())),
                stride: Cell::default(),
            });
            if known.is_none() {
                self.listen(&accepting);
            }
            self.accepting.borrow_mut().insert(number, accepting);
        }
        self.forget_services(&publication.snapshot);
    }

    fn reconcile_services(&self, publication: &Publication) {
        let service = |(name, ceiling): (&ServiceName, &Arc<Ceiling>)| {
            let counts = publication.books.services.get(name)?.of(self.index);
            let gate = publication.gates.get(name).cloned();
            Some((name.clone(), Service { ceiling: Arc::clone(ceiling), counts, gate }))
        };
        *self.services.borrow_mut() = publication.services.iter().filter_map(service).collect();
    }

    fn reconcile_pools(&self, publication: &Publication) {
        let mut pools = self.pools.borrow_mut();
        pools.retain(|name, _| publication.snapshot.pools.contains_key(name));
        for (name, pool) in &publication.snapshot.pools {
            let book = &publication.books.pools[name];
            match pools.get(name) {
                Some(local) => local.publish(pool, book, &publication.keyring),
                None => {
                    let seed = self.dice.borrow_mut().roll();
                    let (now, book_of) = (self.reactor.now(), Arc::clone(book));
                    let local = LocalPool::new(self.index, Arc::clone(pool), book_of, seed, now);
                    local.publish(pool, book, &publication.keyring);
                    pools.insert(name.clone(), Rc::new(local));
                }
            }
        }
        pools.values().for_each(|pool| self.beckon(pool));
        self.http.links.retain(|| pools.values().flat_map(|pool| eligible(&pool.newest())).collect());
    }

    fn next_listener(&self) -> u32 {
        let number = self.listeners_begun.get();
        self.listeners_begun.set(number + 1);
        number
    }

    fn drain(self: &Rc<Self>, window: Duration) {
        self.draining.set(Some(Drain { began: self.reactor.now(), window }));
        // Whoever still comes has some of the window left.
        self.close_doors(ROUND_TRIP.min(window / 2));
    }

    /// Has every session end in time; no more can come.
    pub(super) fn hurry(&self) {
        let Some(drain) = self.draining.get() else { return };
        for (_, slot) in self.table.borrow_mut().iter_mut() {
            let by = slot.stage.drain_by(self.drain_deadline(drain)).or(self.drains_by());
            by.into_iter().for_each(|at| self.reactor.arm_by(slot.session.row.index, at));
        }
        self.wake_serving(|_| true);
        self.tell_drained();
    }

    /// Sees to it that the session at `row` is over by `at`, if it is established.
    pub fn close_by(&self, row: Row, at: Instant) {
        if let Some(slot) = tenant(&mut self.table.borrow_mut(), row) {
            let by = slot.stage.drain_by(at);
            by.into_iter().for_each(|at| self.reactor.arm_by(row.index, at));
        }
    }

    /// When a session is closed that has not ended by itself: somewhere in the second half of the window, so that not
    /// all clients come back to another balancer at once.
    pub(super) fn drain_deadline(&self, drain: Drain) -> Instant {
        let half = drain.window / 2;
        let ms = self.dice.borrow_mut().below(half.as_millis() as u64 + 1);
        drain.began + half + Duration::from_millis(ms)
    }

    /// When sessions are closed that are not open even then, if it is draining.
    pub fn drains_by(&self) -> Option<Instant> {
        self.draining.get().map(|drain| drain.began + drain.window)
    }

    /// Tells that the last session has ended, if it has and none can come any more.
    pub(super) fn tell_drained(&self) {
        let is_drained = self.shut.get() && self.table.borrow().is_empty();
        if is_drained && !self.told_drained.replace(true) {
            self.flush_records();
            self.shared.on_drained();
        }
    }

    /// Ends every session at once.
    fn stop(self: &Rc<Self>) {
        self.accepting.borrow_mut().clear();
        self.closing.borrow_mut().clear();
        let rows: Vec<Row> = self.table.borrow().iter().map(|(_, slot)| slot.session.row).collect();
        rows.into_iter().for_each(|row| self.cut(row, End::Stopped));
    }

    /// Ends a session for a reason of ours, wherever it is.
    pub fn cut(self: &Rc<Self>, row: Row, end: End) {
        if let Some(Slot { stage: Stage::Relaying { relay, .. }, .. }) =
            tenant(&mut self.table.borrow_mut(), row)
        {
            relay.cut(self.reactor.now());
        }
        self.end(row, end);
    }
}

/// The places in memory of the loads of those that may take traffic.
fn eligible(pool: &Pool) -> Vec<usize> {
    let eligible = pool.backends.iter().filter(|backend| backend.eligible);
    eligible.map(|backend| Arc::as_ptr(&backend.load).addr()).collect()
}
