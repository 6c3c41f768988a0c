//! What the control plane wants of a worker: to accept and pick as published, to drain, to stop.

use super::doors::ROUND_TRIP;
use super::{Command, Drain, Service, Slot, Stage, Worker};
use crate::bind::Publication;
use crate::listener::Accepting;
use crate::pools::LocalPool;
use crate::reactor::Row;
use evenkeel_core::end::End;
use evenkeel_core::name::ServiceName;
use evenkeel_core::side_by_side::differing;
use evenkeel_core::snapshot::{Listener, Pool};
use std::cell::Cell;
use std::collections::{BTreeSet, VecDeque};
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

    /// Accepts where the publication says and nowhere else, and picks from its pools. What is as it was is passed over: there
    /// may be thousands of services, and sessions wait meanwhile.
    fn reconcile(self: &Rc<Self>, publication: &Publication) {
        let has_new_keys =
            !Arc::ptr_eq(&self.keyring.replace(Arc::clone(&publication.keyring)), &publication.keyring);
        self.reconcile_pools(publication, has_new_keys);
        let with_new_gate = self.reconcile_services(publication);
        if self.draining.get().is_some() {
            return;
        }
        let is_same = |known: Option<&Rc<Accepting>>, now: Option<&Arc<Listener>>| {
            let Some((known, now)) = known.zip(now) else { return false };
            let is_touched = has_new_keys && now.reception.tls.is_some();
            let has_new_gate = || with_new_gate.contains(&now.name.service);
            Arc::ptr_eq(&known.listener, now) && now.open && !is_touched && !has_new_gate()
        };
        let changed = differing(self.doors.borrow().all_open(), &publication.snapshot.listeners, is_same);
        let is_open = |it: &Listener| it.open || publication.bound.contains_key(&it.name);
        let (open, gone): (Vec<_>, Vec<_>) =
            changed.into_iter().partition(|(_, now)| now.as_ref().is_some_and(|now| is_open(now)));
        // Those who go first: another may listen on their sockets from now on.
        let gone = gone.iter().filter_map(|(name, _)| self.doors.borrow().named(name).cloned()).collect();
        self.forget(gone, ROUND_TRIP);
        let open = open.iter().filter_map(|(_, now)| now.as_ref());
        open.for_each(|listener| self.reconcile_listener(listener, publication));
        self.forget_services(&publication.snapshot);
    }

    /// Accepts on one listener as it is now.
    fn reconcile_listener(self: &Rc<Self>, listener: &Arc<Listener>, publication: &Publication) {
        let name = &listener.name;
        let pool = listener.pool.as_ref().and_then(|name| self.pools.borrow().get(name).cloned());
        let known = self.doors.borrow().named(name).cloned();
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
        if known.as_deref().is_some_and(is_same) {
            return;
        }
        let next_number = || self.doors.borrow_mut().next_number();
        let accepting = Rc::new(Accepting {
            number: known.as_ref().map_or_else(next_number, |known| known.number),
            listener: Arc::clone(listener),
            pool,
            tls,
            bound: Arc::clone(&publication.bound[name]),
            ceiling: Arc::clone(&publication.services[&name.service]),
            gate: gate.cloned(),
            counts: publication.books.services[&name.service].of(self.index),
            routes: publication.books.routes_of(&name.service),
            flows,
            stride: Cell::default(),
        });
        if known.is_none() {
            self.listen(&accepting);
        }
        self.doors.borrow_mut().open(accepting);
    }

    /// Those that have another gate than before.
    fn reconcile_services(&self, publication: &Publication) -> BTreeSet<ServiceName> {
        let mut services = self.services.borrow_mut();
        let others = differing(&services, &publication.services, |known, ceiling| {
            known.zip(ceiling).is_some_and(|(known, ceiling)| Arc::ptr_eq(&known.ceiling, ceiling))
        });
        for (name, ceiling) in others {
            services.remove(&name);
            if let Some((ceiling, book)) = ceiling.zip(publication.books.services.get(&name)) {
                services.insert(name, Service { ceiling, counts: book.of(self.index), gate: None });
            }
        }
        let gate_of = |service: &Service| service.gate.as_ref().map(Arc::as_ptr);
        let gates = differing(&services, &publication.gates, |known, gate| {
            known.and_then(gate_of) == gate.map(Arc::as_ptr)
        });
        for (name, gate) in &gates {
            services.get_mut(name).into_iter().for_each(|service| service.gate.clone_from(gate));
        }
        gates.into_iter().map(|(name, _)| name).collect()
    }

    fn reconcile_pools(&self, publication: &Publication, has_new_keys: bool) {
        let mut pools = self.pools.borrow_mut();
        let is_touched = |pool: &Pool| has_new_keys && pool.rules.tls.is_some();
        let changed = differing(&pools, &publication.snapshot.pools, |local, now| {
            local.zip(now).is_some_and(|(local, now)| local.is_at(now) && !is_touched(now))
        });
        for (name, now) in &changed {
            let Some(pool) = now else {
                pools.remove(name);
                continue;
            };
            let book = &publication.books.pools[name];
            let local = pools.entry(name.clone()).or_insert_with(|| {
                let (seed, now) = (self.dice.borrow_mut().roll(), self.reactor.now());
                Rc::new(LocalPool::new(
                    (self.index, self.shared.workers()),
                    Arc::clone(pool),
                    Arc::clone(book),
                    seed,
                    now,
                ))
            });
            local.publish(pool, book, &publication.keyring);
            self.on_seat_freed(local);
        }
        if !changed.is_empty() {
            self.http.links.retain(pools.values().flat_map(|pool| eligible(pool.newest())));
        }
    }

    fn drain(self: &Rc<Self>, window: Duration) {
        let before = self.draining.get();
        let (is_shut, is_over) = before.map_or((false, false), |it| (it.is_shut, it.is_over));
        self.draining.set(Some(Drain { began: self.reactor.now(), window, is_shut, is_over }));
        // Whoever still comes has some of the window left.
        self.close_doors(ROUND_TRIP.min(window / 2));
    }

    /// Has every session end in time; no more can come.
    pub(super) fn hurry(&self) {
        let Some(drain) = self.draining.get() else { return };
        for slot in self.table.borrow_mut().iter_mut() {
            let by = slot.stage.drain_by(self.drain_deadline(drain)).or(self.drains_by());
            by.into_iter().for_each(|at| self.reactor.arm_by(slot.session.row.index, at));
        }
        self.wake_serving(|_| true);
        self.tell_drained();
    }

    /// Sees to it that the session at `row` is over by `at`, if it is established.
    pub fn close_by(&self, row: Row, at: Instant) {
        if let Some(slot) = self.table.borrow_mut().at_mut(row) {
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
        let Some(drain) = self.draining.get().filter(|drain| drain.is_shut && !drain.is_over) else { return };
        if self.table.borrow().is_empty() {
            self.draining.set(Some(Drain { is_over: true, ..drain }));
            self.flush_records();
            self.shared.on_drained();
        }
    }

    /// Ends every session at once.
    fn stop(self: &Rc<Self>) {
        self.doors.borrow_mut().clear();
        let rows: Vec<Row> = self.table.borrow().iter().map(|slot| slot.session.row).collect();
        rows.into_iter().for_each(|row| self.cut(row, End::Stopped));
    }

    /// Ends a session for a reason of ours, wherever it is.
    pub fn cut(self: &Rc<Self>, row: Row, end: End) {
        if let Some(Slot { stage: Stage::Relaying { relay, .. }, .. }) = self.table.borrow_mut().at_mut(row) {
            relay.cut(self.reactor.now());
        }
        self.end(row, end);
    }
}

/// The places in memory of the loads of those that may take traffic.
fn eligible(pool: Arc<Pool>) -> impl Iterator<Item = usize> {
    (0..pool.backends.len()).filter_map(move |index| {
        let backend = &pool.backends[index];
        backend.eligible.then(|| Arc::as_ptr(&backend.load).addr())
    })
}
