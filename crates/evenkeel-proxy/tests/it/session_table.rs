//! Every way a session can end, through real sockets, and the record that it leaves.
//!
//! Not here: a want of descriptors takes a process of its own; the integration tests of the binary have that.

use crate::rig::{Parts, Rig, addr};
use evenkeel_core::attempt::ConnectFailure;
use evenkeel_core::balance::Balance;
use evenkeel_core::end::End;
use evenkeel_core::load::SeatLimits;
use evenkeel_core::name::PoolName;
use evenkeel_core::side::Side;
use evenkeel_core::snapshot::Keepalive;
use evenkeel_proxy::SessionRecord;
use evenkeel_testkit::pattern::Pattern;
use evenkeel_testkit::{Ending, Peer, Place, Server, Silent, eventually, serve};
use std::sync::{Arc, Barrier};
use std::time::Duration;

/// Short, but longer than a busy machine makes a thread wait.
const SOON: Duration = Duration::from_millis(500);

/// A session over an echo that is known to be established.
fn echo_session(change: impl FnOnce(&mut Parts)) -> (Server, Rig, Peer) {
    let server = Server::echo();
    let mut parts = Parts::to(&[server.place()]);
    change(&mut parts);
    let rig = parts.start();
    let client = rig.connect();
    client.check_echo("hello");
    (server, rig, client)
}

fn check_established(record: &SessionRecord, server: &Server, bytes: u64) {
    assert_eq!(record.backend, Some(addr(server.place())));
    assert_eq!((record.to_backend, record.to_client), (bytes, bytes));
    assert!(record.failed_attempts.is_empty());
    let (connect, first_byte) = (record.connect.unwrap(), record.first_byte.unwrap());
    assert!(connect <= first_byte && first_byte <= record.duration, "{record:?}");
}

#[test]
fn closed_by_the_client() {
    let (server, mut rig, client) = echo_session(|_| ());
    client.finish();
    assert_eq!(client.ending(), Ending::Fin);
    let record = rig.record();
    assert_eq!(record.end, End::Closed(Side::Client));
    check_established(&record, &server, 5);
    assert_eq!(record.client.ip(), Some(client.local()));
    assert_eq!(
        (record.listener.addr, record.pool.as_ref().map(PoolName::as_str)),
        (addr(&rig.place), Some("web"))
    );
}

#[test]
fn closed_by_the_backend() {
    let server = Server::hello("bye");
    let mut rig = Parts::to(&[server.place()]).start();
    assert_eq!(rig.connect().text(), "bye");
    let record = rig.record();
    assert_eq!(record.end, End::Closed(Side::Backend));
    assert_eq!((record.to_backend, record.to_client), (0, 3));
}

#[test]
fn reset_by_the_client() {
    let (server, mut rig, client) = echo_session(|_| ());
    client.reset();
    let record = rig.record();
    assert_eq!(record.end, End::Reset(Side::Client));
    check_established(&record, &server, 5);
}

#[test]
fn reset_by_the_backend() {
    let server = Server::start(&Place::any(), serve::reset_after(3));
    let mut rig = Parts::to(&[server.place()]).start();
    let client = rig.connect();
    client.send(b"one").unwrap();
    assert_eq!(client.ending(), Ending::Reset);
    let record = rig.record();
    assert_eq!(record.end, End::Reset(Side::Backend));
    assert_eq!((record.to_backend, record.to_client), (3, 0));
    assert_eq!(record.first_byte, None);
}

/// As brokers of MQTT do with clients that say good-bye and close.
#[test]
fn whoever_is_gone_is_not_waited_for_when_the_other_side_is_reset() {
    let server = Server::start(&Place::any(), |peer: &Peer| {
        peer.read_to_end();
        let _ = peer.send(b"to nobody");
        peer.reset_on_drop();
    });
    let mut rig = Parts::to(&[server.place()]).start();
    let client = rig.connect();
    client.send(b"bye").unwrap();
    drop(client);
    let record = rig.record();
    assert!(record.duration < Duration::from_secs(5), "{record:?}");
    assert!(matches!(record.end, End::Reset(_)), "{record:?}");
}

/// Keepalive that gives up after some three seconds.
fn impatient(parts: &mut Parts) {
    let second = Duration::from_secs(1);
    parts.rules.socket.keepalive = Some(Keepalive { idle: second, interval: second, count: 2 });
    parts.rules.socket.user_timeout = Some(2 * second);
}

#[test]
fn vanished_client() {
    let (server, mut rig, client) = echo_session(impatient);
    client.vanish();
    let record = rig.record();
    assert_eq!(record.end, End::Vanished(Side::Client));
    check_established(&record, &server, 5);
}

/// A session whose backend has vanished.
fn gone_backend(change: impl FnOnce(&mut Parts)) -> (Server, Rig, Peer) {
    let gone = Arc::new(Barrier::new(2));
    let server = {
        let gone = Arc::clone(&gone);
        Server::start(&Place::any(), move |peer: &Peer| {
            let _ = peer.receive(5);
            peer.vanish();
            gone.wait();
            let _ = serve::read_away(peer);
        })
    };
    let mut parts = Parts::to(&[server.place()]);
    change(&mut parts);
    let rig = parts.start();
    let client = rig.connect();
    client.send(b"hello").unwrap();
    gone.wait();
    (server, rig, client)
}

#[test]
fn vanished_backend_while_something_is_on_its_way() {
    let (_server, mut rig, client) = gone_backend(impatient);
    client.send(b"is anybody there?").unwrap();
    assert_eq!(client.ending(), Ending::Reset, "that is no orderly end");
    assert_eq!(rig.record().end, End::Vanished(Side::Backend));
}

#[test]
fn vanished_backend_while_the_client_goes_on_sending_a_little() {
    let (_server, mut rig, client) = gone_backend(|parts| parts.rules.socket.user_timeout = Some(SOON));
    // Each byte fits into the send buffer, so that the session is never silent.
    eventually("it is over", || client.send(b"?").err());
    assert_eq!(rig.record().end, End::Vanished(Side::Backend));
}

/// Far more than a peer with a narrow window takes.
const MUCH: u64 = 8 * 1024 * 1024;

/// Keeps the kernel from reading on while `peer` pauses.
fn narrow(peer: &Peer) {
    peer.socket().set_recv_buffer_size(64 * 1024).unwrap();
}

/// Several times the limit of the session.
const PAUSE: Duration = Duration::from_secs(3);

#[test]
fn a_client_that_pauses_is_there_all_the_same() {
    let pattern = Pattern::new(1);
    let server = Server::start(&Place::any(), serve::source(pattern.clone(), MUCH));
    let mut parts = Parts::to(&[server.place()]);
    parts.rules.socket.user_timeout = Some(SOON);
    let mut rig = parts.start();
    let client = rig.connect();
    narrow(&client);
    rig.pass(PAUSE);
    assert_eq!(client.check_pattern(&pattern), (MUCH, Ending::Fin));
    client.finish();
    assert_eq!(rig.record().end, End::Closed(Side::Backend));
}

#[test]
fn a_client_that_vanishes_while_it_pauses_is_found() {
    let server = Server::start(&Place::any(), serve::source(Pattern::new(3), MUCH));
    let mut parts = Parts::to(&[server.place()]);
    parts.rules.socket.user_timeout = Some(SOON);
    let mut rig = parts.start();
    let client = rig.connect();
    narrow(&client);
    rig.pass(SOON);
    client.vanish();
    assert_eq!(rig.record().end, End::Vanished(Side::Client));
}

#[test]
fn a_backend_that_pauses_is_there_all_the_same() {
    let (pattern, paused) = (Pattern::new(2), Arc::new(Barrier::new(2)));
    let server = {
        let (sink, paused) = (serve::sink(pattern.clone()), Arc::clone(&paused));
        Server::start(&Place::any(), move |peer: &Peer| {
            narrow(peer);
            paused.wait();
            sink(peer);
        })
    };
    let mut parts = Parts::to(&[server.place()]);
    parts.rules.socket.user_timeout = Some(SOON);
    let mut rig = parts.start();
    let client = rig.connect();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            client.send_pattern(&pattern, 0, MUCH).unwrap();
            client.finish();
        });
        rig.pass(PAUSE);
        paused.wait();
    });
    assert_eq!(client.text(), format!("{MUCH} Fin"));
    assert_eq!(rig.record().end, End::Closed(Side::Client));
}

#[test]
fn idle() {
    let (server, mut rig, client) = echo_session(|parts| parts.rules.session.idle = Some(SOON));
    client.read_to_end();
    let record = rig.record();
    assert_eq!(record.end, End::Idle);
    assert!(record.duration >= SOON);
    check_established(&record, &server, 5);
}

#[test]
fn a_byte_now_and_then_is_not_idle() {
    let (_server, mut rig, client) = echo_session(|parts| parts.rules.session.idle = Some(6 * SOON));
    for _ in 0..8 {
        std::thread::sleep(SOON);
        client.check_echo("still here");
    }
    client.finish();
    assert_eq!(rig.record().end, End::Closed(Side::Client));
}

#[test]
fn half_closed_for_too_long() {
    let over = Arc::new(Barrier::new(2));
    let server = {
        let over = Arc::clone(&over);
        Server::start(&Place::any(), move |peer: &Peer| {
            let _ = serve::read_away(peer);
            over.wait();
        })
    };
    let mut parts = Parts::to(&[server.place()]);
    parts.rules.session.half_close = Some(SOON);
    let mut rig = parts.start();
    let client = rig.connect();
    client.send(b"question").unwrap();
    client.finish();
    client.read_to_end();
    let record = rig.record();
    over.wait();
    assert_eq!(record.end, End::HalfClosed);
    assert_eq!((record.to_backend, record.to_client), (8, 0));
}

#[test]
fn lifetime_over_though_bytes_flow() {
    let (_server, mut rig, client) = echo_session(|parts| parts.rules.session.lifetime = Some(2 * SOON));
    while client.exchange(b"x").is_ok() {
        std::thread::sleep(SOON / 10);
    }
    let record = rig.record();
    assert_eq!(record.end, End::Lifetime);
    assert!(record.duration >= 2 * SOON);
}

#[test]
fn drained() {
    let (server, mut rig, client) = echo_session(|_| ());
    rig.plane().drain(2 * SOON);
    eventually("new clients are refused", || Peer::try_connect(&rig.place).err());
    client.check_echo("still served");
    client.read_to_end();
    // Who came before the listener was closed is served, too.
    let record =
        eventually("its record", || Some(rig.record()).filter(|it| it.client.ip() == Some(client.local())));
    assert_eq!(record.end, End::Drained);
    check_established(&record, &server, 17);
    eventually("the plane says that it is drained", || {
        matches!(rig.reports.try_recv(), Ok(evenkeel_proxy::Report::Drained)).then_some(())
    });
}

#[test]
fn stopped() {
    let (server, mut rig, client) = echo_session(|_| ());
    rig.plane.take().unwrap().stop();
    client.read_to_end();
    let record = rig.record();
    assert_eq!(record.end, End::Stopped);
    check_established(&record, &server, 5);
}

#[test]
fn refused_everywhere() {
    let mut servers = Server::hellos(["a", "b"]);
    servers.iter_mut().for_each(Server::stop);
    let mut rig = Parts::to(&[servers[0].place(), servers[1].place()]).start();
    rig.connect().read_to_end();
    let record = rig.record();
    assert_eq!(record.end, End::NotConnected(ConnectFailure::Refused));
    assert_eq!((record.backend, record.connect), (None, None));
    let mut tried: Vec<_> = record.failed_attempts.iter().map(|attempt| attempt.backend.clone()).collect();
    tried.sort();
    let mut both = servers.each_ref().map(|server| addr(server.place()));
    both.sort();
    assert_eq!(tried, both, "each is tried once");
    assert!(record.failed_attempts.iter().all(|attempt| attempt.failure == ConnectFailure::Refused));
}

#[test]
fn timed_out() {
    let silent = Silent::start();
    let mut parts = Parts::to(&[silent.place()]);
    parts.rules.connect.timeout = SOON;
    let mut rig = parts.start();
    rig.connect().read_to_end();
    let record = rig.record();
    assert_eq!(record.end, End::NotConnected(ConnectFailure::TimedOut));
    assert!(record.failed_attempts[0].took >= SOON, "{record:?}");
}

#[test]
fn the_connects_of_a_session_share_one_deadline() {
    let silent = [Silent::start(), Silent::start(), Silent::start()];
    let mut parts = Parts::to(&[silent[0].place(), silent[1].place(), silent[2].place()]);
    (parts.rules.connect.timeout, parts.rules.connect.total) = (2 * SOON, 3 * SOON);
    let mut rig = parts.start();
    rig.connect().read_to_end();
    let record = rig.record();
    assert_eq!(record.end, End::NotConnected(ConnectFailure::TimedOut));
    assert_eq!(record.failed_attempts.len(), 2, "{record:?}");
    assert!(record.duration >= 3 * SOON && record.duration < 6 * SOON, "{record:?}");
}

#[test]
fn no_such_socket() {
    let dir = tempfile::tempdir().unwrap();
    let mut rig = Parts::to(&[&Place::Unix(dir.path().join("nobody"))]).start();
    rig.connect().read_to_end();
    assert_eq!(rig.record().end, End::NotConnected(ConnectFailure::NoSuchSocket));
}

#[test]
fn a_failed_connect_is_made_good_elsewhere_and_told() {
    let mut servers = Server::hellos(["a", "b"]);
    servers[0].stop();
    let mut parts = Parts::to(&[servers[0].place(), servers[1].place()]);
    parts.balance = Balance::First;
    let mut rig = parts.start();
    assert_eq!(rig.connect().text(), "b");
    let record = rig.record();
    assert_eq!(record.end, End::Closed(Side::Backend));
    assert_eq!(record.backend, Some(addr(servers[1].place())));
    assert_eq!(record.failed_attempts.len(), 1);
    assert_eq!(record.failed_attempts[0].backend, addr(servers[0].place()));
}

#[test]
fn no_backend() {
    let server = Server::hello("a");
    let mut parts = Parts::to(&[server.place()]);
    parts.backends[0].eligible = false;
    let mut rig = parts.start();
    rig.connect().read_to_end();
    let record = rig.record();
    assert_eq!((record.end, record.backend), (End::NoBackend, None));
}

#[test]
fn the_last_resort_is_tried_when_nobody_is_eligible() {
    let server = Server::hello("a");
    let mut parts = Parts::to(&[server.place()]);
    parts.backends[0].eligible = false;
    parts.last_resort = vec![0];
    assert_eq!(parts.start().connect().text(), "a");
}

/// One seat, which is taken.
fn full(change: impl FnOnce(&mut Parts)) -> (Server, Rig, Peer) {
    echo_session(|parts| {
        parts.backends[0].limits = SeatLimits { sessions: 1, connecting: u32::MAX };
        change(parts);
    })
}

#[test]
fn queue_full() {
    let (_server, mut rig, _client) = full(|parts| parts.rules.queue.length = 0);
    rig.connect().read_to_end();
    assert_eq!(rig.record().end, End::QueueFull);
}

#[test]
fn queue_timeout() {
    let (_server, mut rig, _client) = full(|parts| parts.rules.queue.timeout = SOON);
    rig.connect().read_to_end();
    let record = rig.record();
    assert_eq!((record.end, record.backend.clone()), (End::QueueTimeout, None));
    assert!(record.queued >= SOON, "{record:?}");
}

#[test]
fn a_seat_that_is_given_back_goes_to_the_one_who_waits() {
    let (_server, mut rig, client) = full(|parts| parts.rules.queue.timeout = Duration::from_secs(10));
    let waiting = rig.connect();
    waiting.send(b"hello").unwrap();
    waiting.set_patience(SOON);
    assert!(waiting.receive(1).is_err(), "one seat is one session");
    waiting.set_patience(evenkeel_testkit::PATIENCE);
    drop(client);
    assert_eq!(waiting.receive(5).unwrap(), b"hello");
    drop(waiting);
    rig.record();
    let record = rig.record();
    assert_eq!(record.end, End::Closed(Side::Client));
    assert!(record.queued >= SOON, "{record:?}");
}

#[test]
fn the_client_left_while_it_waited() {
    let (_server, mut rig, _client) = full(|parts| parts.rules.queue.timeout = Duration::from_secs(10));
    rig.connect().reset();
    let record = rig.record();
    assert_eq!((record.end, record.to_backend), (End::ClientLeft, 0));
}

#[test]
fn the_client_left_while_a_connect_was_in_progress() {
    let silent = Silent::start();
    let mut rig = Parts::to(&[silent.place()]).start();
    rig.connect().reset();
    let record = rig.record();
    assert_eq!((record.end, record.to_backend), (End::ClientLeft, 0));
    assert!(record.failed_attempts.is_empty(), "not after the connect's timeout: {record:?}");
}

#[test]
fn a_client_that_has_finished_before_there_is_a_backend_is_answered_all_the_same() {
    let (silent, server) = (Silent::start(), Server::echo());
    let mut parts = Parts::to(&[silent.place(), server.place()]);
    parts.balance = Balance::First;
    parts.rules.connect.timeout = SOON;
    let mut rig = parts.start();
    let client = rig.connect();
    client.send(b"all I have to say").unwrap();
    client.finish();
    assert_eq!(client.text(), "all I have to say");
    let record = rig.record();
    assert_eq!(record.end, End::Closed(Side::Client));
    assert_eq!(record.failed_attempts[0].failure, ConnectFailure::TimedOut);
}

#[test]
fn seats_come_back_however_sessions_end() {
    let server = Server::start(&Place::any(), |peer: &Peer| {
        // By turns: resets, closes, waits for the client.
        match peer.receive(1).as_deref() {
            Ok(b"r") => peer.reset_on_drop(),
            Ok(b"w") => drop(serve::read_away(peer)),
            _ => {}
        }
    });
    let mut parts = Parts::to(&[server.place()]);
    parts.backends[0].limits = SeatLimits { sessions: 3, connecting: 1 };
    parts.rules.queue.timeout = Duration::from_secs(15);
    let load = Arc::clone(&parts.backends[0].load);
    let mut rig = parts.start();
    for turn in 0..60 {
        let client = rig.connect();
        client.send(&b"rwc"[turn % 3..][..1]).unwrap();
        if turn % 2 == 0 {
            client.reset();
        }
    }
    (0..60).for_each(|_| drop(rig.record()));
    eventually("every seat is free", || ((load.sessions(), load.connecting()) == (0, 0)).then_some(()));
    assert_eq!(rig.plane().totals().open, 0);
}

#[test]
fn a_stop_ends_also_those_who_connect_and_those_who_wait() {
    let silent = Silent::start();
    let mut rig = Parts::to(&[silent.place()]).start();
    let client = rig.connect();
    client.send(b"early").unwrap();
    let plane = rig.plane.take().unwrap();
    eventually("the session is accepted", || (plane.totals().open == 1).then_some(()));
    plane.stop();
    client.read_to_end();
    assert_eq!(rig.record().end, End::Stopped);
}
