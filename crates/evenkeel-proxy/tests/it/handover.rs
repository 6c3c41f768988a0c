//! Sessions move from one plane to another, as they do from one process to the next: nobody notices, and nothing is
//! counted twice.

use crate::rig::{Parts, Rig, addr};
use evenkeel_core::end::End;
use evenkeel_core::name::{BackendKey, PoolName, ServiceName};
use evenkeel_core::side::Side;
use evenkeel_core::snapshot::SessionLimits;
use evenkeel_proxy::{
    Closing, Filter, Held, Helm, Suspended, SuspendedDirection, SuspendedRelay, Traffic, Visit,
};
use evenkeel_testkit::{Ending, Peer, Place, Server, eventually, serve};
use std::collections::BTreeSet;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

const SECOND: Duration = Duration::from_secs(1);

/// Lets all established sessions of a plane go and come back, as another process would get them; says how many.
pub fn move_all(helm: &Helm) -> usize {
    helm.stop_accepting(soon()).unwrap();
    let sessions = suspend(helm);
    let moved = sessions.len();
    helm.release(BTreeSet::new()).unwrap();
    helm.adopt(sessions, soon()).unwrap();
    helm.go_on();
    moved
}

fn soon() -> Instant {
    Instant::now() + evenkeel_testkit::PATIENCE
}

/// Every established session, with descriptors of its own.
fn suspend(helm: &Helm) -> Vec<Suspended<OwnedFd>> {
    let (sender, sessions) = channel();
    let hand = move |step: &[Suspended<BorrowedFd<'_>>]| step.iter().all(|it| sender.send(owned(it)).is_ok());
    helm.suspend(soon(), hand).unwrap();
    sessions.try_iter().collect()
}

fn owned(lent: &Suspended<BorrowedFd<'_>>) -> Suspended<OwnedFd> {
    let own = |fd: &BorrowedFd<'_>| fd.try_clone_to_owned().unwrap();
    let direction = |lent: &SuspendedDirection<BorrowedFd<'_>>| {
        assert!(lent.is_sound(), "{lent:?}");
        let held = match &lent.held {
            Held::Nothing => Held::Nothing,
            Held::Memory(bytes) => Held::Memory(bytes.clone()),
            Held::Pipe { read_end, write_end } => {
                Held::Pipe { read_end: own(read_end), write_end: own(write_end) }
            }
        };
        SuspendedDirection { half: lent.half, held, gathers: lent.gathers }
    };
    let Traffic::Relay(relay) = &lent.traffic else { panic!("a flow") };
    Suspended {
        id: lent.id,
        listener: lent.listener.clone(),
        client: lent.client.clone(),
        via: lent.via.clone(),
        server_name: lent.server_name.clone(),
        observed: lent.observed,
        pool: lent.pool.clone(),
        accepted: lent.accepted,
        failed_attempts: lent.failed_attempts.clone(),
        queued: lent.queued,
        backend: lent.backend.clone(),
        connect: lent.connect,
        traffic: Traffic::Relay(SuspendedRelay {
            client: own(&relay.client),
            backend: own(&relay.backend),
            to_backend: direction(&relay.to_backend),
            to_client: direction(&relay.to_client),
            rules: relay.rules.clone(),
            established: relay.established,
            active: relay.active,
            is_half_closed: relay.is_half_closed,
            drain: relay.drain,
            first_byte: relay.first_byte,
            lost: relay.lost,
            first_closed: relay.first_closed,
            patience: relay.patience,
        }),
    }
}

/// The sessions of `from` move to `to`.
pub fn move_over(from: &mut Rig, to: &mut Rig) {
    let helm = from.plane().helm();
    helm.stop_accepting(soon()).unwrap();
    helm.settle(soon()).unwrap();
    let sessions = suspend(&helm);
    to.plane().helm().adopt(sessions, soon()).unwrap();
    helm.release(BTreeSet::new()).unwrap();
}

/// A plane elsewhere, in front of the same backend.
fn next(server: &Server) -> Rig {
    Parts::to(&[server.place()]).start()
}

#[test]
fn a_session_keeps_its_id_its_seat_and_its_past() {
    let server = Server::echo();
    let (mut old, mut new) = (next(&server), next(&server));
    let client = old.connect();
    client.check_echo("before");
    let last = old.plane().last_id();
    move_over(&mut old, &mut new);
    client.check_echo("after");
    let key = BackendKey { pool: PoolName::new("web"), addr: addr(server.place()) };
    let there = |rig: &mut Rig| {
        let plane = rig.plane();
        let load = plane.snapshot().unwrap().pools[&key.pool].backends[0].load.sessions();
        (load, plane.totals().open, plane.totals().accepted)
    };
    eventually("the old one has released it", || (there(&mut old) == (0, 0, 1)).then_some(()));
    assert_eq!(there(&mut new), (1, 1, 0));
    client.finish();
    assert_eq!(client.ending(), Ending::Fin);
    let record = new.record();
    assert_eq!(record.end, End::Closed(Side::Client));
    assert!((1..=last).contains(&record.id), "{} of {last}", record.id);
    assert_eq!((record.to_backend, record.to_client), (11, 11));
    assert_eq!(record.backend, Some(key.addr.clone()));
    assert!(record.connect.is_some() && record.first_byte.is_some());
    old.plane().drain(Duration::from_secs(1));
    assert!(matches!(
        old.reports.recv_timeout(evenkeel_testkit::PATIENCE),
        Ok(evenkeel_proxy::Report::Drained)
    ));
}

#[test]
fn a_half_closed_session_stays_half_closed() {
    let moved = Arc::new(AtomicBool::new(false));
    let may_answer = Arc::clone(&moved);
    let server = Server::start(&Place::any(), move |peer: &Peer| {
        let (all, _) = peer.read_to_end();
        eventually("it has moved", || may_answer.load(Relaxed).then_some(()));
        let _ = peer.send(&all);
    });
    let (mut old, mut new) = (next(&server), next(&server));
    let client = old.connect();
    client.send(b"every").unwrap();
    client.finish();
    eventually("the backend has it", || (server.accepted() == 1).then_some(()));
    move_over(&mut old, &mut new);
    moved.store(true, Relaxed);
    assert_eq!(client.read_to_end(), (b"every".to_vec(), Ending::Fin));
    assert_eq!(new.record().end, End::Closed(Side::Client));
    let quiet = Server::start(&Place::any(), |peer: &Peer| {
        let _ = peer.receive(4);
        peer.finish();
        assert_eq!(peer.receive(5).unwrap(), b"still");
    });
    let mut old = next(&quiet);
    let client = old.connect();
    client.send(b"ping").unwrap();
    assert_eq!(client.ending(), Ending::Fin, "the backend has finished, the client has not");
    move_over(&mut old, &mut new);
    client.send(b"still").unwrap();
    client.finish();
    assert_eq!(new.record().end, End::Closed(Side::Backend));
}

#[test]
fn an_idle_session_keeps_its_deadline() {
    let server = Server::echo();
    let mut parts = Parts::to(&[server.place()]);
    parts.rules.session =
        SessionLimits { idle: Some(8 * SECOND), half_close: None, lifetime: None, bandwidth: None };
    let (mut old, mut new) = (parts.start(), next(&server));
    let client = old.connect();
    client.check_echo("hello");
    let began = Instant::now();
    std::thread::sleep(6 * SECOND);
    move_over(&mut old, &mut new);
    client.read_to_end();
    let record = new.record();
    assert_eq!(record.end, End::Idle);
    assert!(began.elapsed() < 13 * SECOND, "{:?}: it does not begin anew", began.elapsed());
}

#[test]
fn a_session_whose_service_and_backend_are_gone_goes_on() {
    let (server, other) = (Server::echo(), Server::echo());
    let mut old = next(&server);
    let client = old.connect();
    client.check_echo("before");
    let mut parts = Parts::to(&[other.place()]);
    parts.max_sessions = 1;
    let mut new = parts.start();
    let there = new.connect();
    there.check_echo("at its ceiling");
    move_over(&mut old, &mut new);
    client.check_echo("after");
    assert_eq!(new.plane().totals().open, 2, "over the limit, and there all the same");
    drop((client, there));
    new.record();
    new.record();
    eventually("both have ended", || (new.plane().totals().open == 0).then_some(()));
}

#[test]
fn what_fails_before_it_is_over_changes_nothing() {
    let server = Server::echo();
    let mut rig = next(&server);
    let client = rig.connect();
    client.check_echo("before");
    let helm = rig.plane().helm();
    helm.stop_accepting(soon()).unwrap();
    let waiting = Peer::connect(&rig.place);
    drop(suspend(&helm));
    waiting.send(b"wait").unwrap();
    assert!(!waiting.has_bytes());
    helm.go_on();
    client.check_echo("after");
    assert_eq!(waiting.receive(4).unwrap(), b"wait");
}

#[test]
fn from_the_word_that_nothing_is_accepted_on_nothing_is_however_many_come() {
    let server = Server::echo();
    let mut rig = next(&server);
    let (helm, place, is_over) = (rig.plane().helm(), rig.place.clone(), Arc::new(AtomicBool::new(false)));
    let stop = Arc::clone(&is_over);
    let crowd = std::thread::spawn(move || {
        while !stop.load(Relaxed) {
            drop(Peer::connect(&place));
        }
    });
    for _ in 0..200 {
        helm.stop_accepting(soon()).unwrap();
        let accepted = rig.plane().totals().accepted;
        // The turn in which the word came is over when another one is obeyed.
        helm.settle(soon()).unwrap();
        assert_eq!(rig.plane().totals().accepted, accepted);
        helm.go_on();
    }
    is_over.store(true, Relaxed);
    crowd.join().unwrap();
}

#[test]
fn counts_and_ids_go_on() {
    let server = Server::echo();
    let (mut old, mut new) = (next(&server), next(&server));
    let client = old.connect();
    client.check_echo("hello");
    client.finish();
    let id = old.record().id;
    let (totals, services, backends) = (old.plane().totals(), old.plane().services(), old.plane().backends());
    let last = old.plane().last_id();
    assert!(last >= id);
    new.plane().count_on_from(&totals, &services, &backends);
    let web = ServiceName::new("web");
    assert_eq!(new.plane().totals().accepted, 1);
    assert_eq!(new.plane().services()[&web].to_client, 5);
    assert_eq!(new.plane().services()[&web].duration, services[&web].duration);
    let (key, sums) = backends.into_iter().next().unwrap();
    assert_eq!(new.plane().backends()[&key].connect, sums.connect);
    new.plane().number_on_from(last);
    let client = new.connect();
    client.check_echo("hello");
    drop(client);
    assert!(new.record().id > last);
    assert_eq!(new.plane().totals().accepted, 2);
}

#[test]
fn moved_sessions_are_seen_by_visits() {
    let server = Server::start(&Place::any(), serve::stay("x"));
    let (mut old, mut new) = (next(&server), next(&server));
    let clients: Vec<_> = (0..100).map(|_| old.connect()).collect();
    clients.iter().for_each(|client| assert_eq!(client.receive(1).unwrap(), b"x"));
    move_over(&mut old, &mut new);
    let (sender, seen) = channel();
    let answer = Box::new(move |visited: evenkeel_proxy::Visited| sender.send(visited.matched).unwrap());
    new.plane().visit(Visit { filter: Filter::default(), limit: 0, close: Some(Closing::Now), answer });
    assert_eq!(seen.iter().sum::<u64>(), 100);
    (0..100).for_each(|_| assert_eq!(new.record().end, End::Ordered));
}

#[test]
fn sessions_that_are_to_be_closed_soon_are_so_after_they_have_moved() {
    let server = Server::start(&Place::any(), serve::stay("x"));
    let (mut old, mut new) = (next(&server), next(&server));
    let clients: Vec<_> = (0..20).map(|_| old.connect()).collect();
    clients.iter().for_each(|client| assert_eq!(client.receive(1).unwrap(), b"x"));
    let (from, to) = (Duration::from_millis(300), Duration::from_millis(600));
    let close = Some(Closing::Within(from, to));
    // It may not have begun yet when they are asked to move.
    old.plane().visit(Visit { filter: Filter::default(), limit: 0, close, answer: Box::new(drop) });
    move_over(&mut old, &mut new);
    (0..20).for_each(|_| assert_eq!(new.record().end, End::Drained));
}
