//! What is counted agrees with what happened; and an operator sees the sessions that are open, and can close them.

use crate::rig::{Parts, addr};
use evenkeel_core::attempt::ConnectFailure;
use evenkeel_core::end::End;
use evenkeel_core::name::{BackendKey, PoolName, ServiceName};
use evenkeel_core::side::Side;
use evenkeel_proxy::{Closing, Filter, UserPlane, Visit, Visited};
use evenkeel_testkit::{PATIENCE, Peer, Place, Server, eventually, port};
use std::sync::mpsc::channel;
use std::time::Duration;

fn key(place: &Place) -> BackendKey {
    BackendKey { pool: PoolName::new("web"), addr: addr(place) }
}

#[test]
fn sessions_bytes_retries_and_failures_are_counted_where_they_belong() {
    let (server, dead) = (Server::echo(), Place::local(port::free()));
    let mut rig = Parts::to(&[&dead, server.place()]).start();
    for _ in 0..2 {
        let client = rig.connect();
        client.check_echo("hello");
        client.finish();
        assert_eq!(rig.record().end, End::Closed(Side::Client));
    }
    let plane = rig.plane();
    let service = &plane.services()[&ServiceName::new("web")];
    assert_eq!((service.accepted, service.open), (2, 0));
    assert_eq!((service.to_backend, service.to_client), (10, 10));
    assert_eq!(service.ends[End::Closed(Side::Client).index()], 2);
    assert_eq!(service.ends.iter().sum::<u64>(), 2);
    assert_eq!(service.duration.buckets.iter().sum::<u64>(), 2);
    assert_eq!(service.queued.buckets.iter().sum::<u64>(), 0);
    let backends = plane.backends();
    let (dead, alive) = (&backends[&key(&dead)], &backends[&key(server.place())]);
    assert_eq!((alive.sessions, alive.to_backend, alive.to_client), (2, 10, 10));
    assert_eq!(alive.connect.buckets.iter().sum::<u64>(), 2);
    assert_eq!(dead.sessions, 0);
    assert_eq!(dead.failures[ConnectFailure::Refused.index()], service.retries);
    assert!(service.retries >= 1);
}

#[test]
fn bytes_are_counted_while_a_session_lasts() {
    let server = Server::echo();
    let mut rig = Parts::to(&[server.place()]).start();
    let client = rig.connect();
    client.check_echo("hello");
    let plane = rig.plane();
    eventually("five bytes each way", || {
        let sums = &plane.backends()[&key(server.place())];
        (sums.to_backend == 5 && sums.to_client == 5).then_some(())
    });
    assert_eq!(plane.services()[&ServiceName::new("web")].open, 1);
}

/// Goes through all sessions, and gives those that the filter means with their number.
fn visit(plane: &UserPlane, filter: Filter, close: bool) -> Visited {
    visit_and(plane, filter, close.then_some(Closing::Now))
}

fn visit_and(plane: &UserPlane, filter: Filter, close: Option<Closing>) -> Visited {
    let (sender, receiver) = channel();
    let answer = Box::new(move |visited| sender.send(visited).unwrap());
    plane.visit(Visit { filter, limit: 100, close, answer });
    let mut all = Visited::default();
    while let Ok(visited) = receiver.recv_timeout(PATIENCE) {
        all.matched += visited.matched;
        all.sessions.extend(visited.sessions);
    }
    all
}

#[test]
fn sessions_are_found_by_what_they_are_and_closed_alone() {
    let servers = [Server::echo(), Server::echo()];
    let mut rig = Parts::to(&[servers[0].place(), servers[1].place()]).start();
    let clients: Vec<Peer> = (0..6).map(|_| rig.connect()).collect();
    clients.iter().for_each(|client| client.check_echo("hello"));

    let all = visit(rig.plane(), Filter::default(), false);
    assert_eq!((all.matched, all.sessions.len()), (6, 6));
    let of_first = Filter { backend: Some(addr(servers[0].place())), ..Filter::default() };
    let some = visit(rig.plane(), of_first.clone(), false);
    assert_eq!(some.matched, 3);
    assert!(some.sessions.iter().all(|it| it.to_backend == 5 && it.idle.is_some()), "{some:?}");
    for nobody in [
        Filter { id: Some(9999), ..Filter::default() },
        Filter { service: Some(ServiceName::new("other")), ..Filter::default() },
        Filter { client: Some("127.0.0.2".parse().unwrap()), ..Filter::default() },
    ] {
        assert_eq!(visit(rig.plane(), nobody, true).matched, 0);
    }

    assert_eq!(visit(rig.plane(), of_first, true).matched, 3);
    let ends: Vec<_> = (0..3).map(|_| rig.record().end).collect();
    assert_eq!(ends, [End::Ordered; 3]);
    assert_eq!(servers[0].accepted(), 3);
    assert_eq!(visit(rig.plane(), Filter::default(), false).matched, 3);
    let goes_on = |client: &&Peer| client.exchange(b"still here").is_ok_and(|echo| echo == b"still here");
    assert_eq!(clients.iter().filter(goes_on).count(), 3);
}

#[test]
fn sessions_are_closed_one_after_the_other_within_a_time() {
    let server = Server::echo();
    let mut rig = Parts::to(&[server.place()]).start();
    let clients: Vec<Peer> = (0..20).map(|_| rig.connect()).collect();
    clients.iter().for_each(|client| client.check_echo("hello"));
    let (from, to) = (Duration::from_millis(100), Duration::from_millis(600));
    assert_eq!(visit_and(rig.plane(), Filter::default(), Some(Closing::Within(from, to))).matched, 20);
    let ends: Vec<_> =
        (0..20).map(|_| rig.record()).map(|it| (it.end, it.accepted_at + it.duration)).collect();
    assert!(ends.iter().all(|(end, _)| *end == End::Drained), "{ends:?}");
    let (first, last) =
        (ends.iter().map(|it| it.1).min().unwrap(), ends.iter().map(|it| it.1).max().unwrap());
    assert!(last.duration_since(first).unwrap() >= (to - from) / 4, "{ends:?}");
}
