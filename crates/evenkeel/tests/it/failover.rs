//! Failing over: a backend that cannot be reached is no client's business, as long as another one can.

use crate::harness::Setup;
use evenkeel_testkit::{Ending, Peer, Place, Server, Silent, eventually, serve};
use serde_json::Value;
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::time::Duration;

const HEALTH: &str =
    "health = { tcp = true, interval = \"60ms\", fast-interval = \"20ms\", timeout = \"1s\" }";

#[test]
fn a_refused_connect_is_tried_elsewhere_at_once_and_told() {
    let [mut a, b] = Server::hellos(["a", "b"]);
    a.stop();
    let mut running =
        Setup::to([a.place(), b.place()]).keys("balance = \"round-robin\"\neject = \"off\"").ready();
    assert_eq!(running.tally(6), [("b".into(), 6)].into());
    let sessions = running.wait_sessions(6);
    let retried: Vec<_> = sessions.iter().filter(|line| line["attempts"][0].is_object()).collect();
    assert_eq!(retried.len(), 3, "every other one");
    for session in retried {
        assert_eq!(session["attempts"][0]["backend"], a.place().to_string());
        assert_eq!(session["attempts"][0]["failure"], "refused");
        assert_eq!((&session["backend"], &session["end"]), (&b.place().to_string().into(), &"ok".into()));
    }
}

#[test]
fn a_connect_that_nobody_answers_is_tried_elsewhere_after_its_timeout() {
    let (silent, b) = (Silent::start(), Server::hello("b"));
    let keys = "balance = \"first\"\neject = \"off\"\ntimeout = { connect = \"300ms\" }";
    let mut running = Setup::to([silent.place(), b.place()]).keys(keys).ready();
    assert_eq!(running.tally(2), [("b".into(), 2)].into());
    for session in running.wait_sessions(2) {
        assert_eq!(session["attempts"][0]["failure"], "connect-timeout");
        assert!(session["attempts"][0]["ms"].as_f64() >= Some(300.0), "{session}");
    }
}

#[test]
fn live_failures_eject_a_backend_without_any_check() {
    let [mut a, b] = Server::hellos(["a", "b"]);
    a.stop();
    let keys = "balance = \"round-robin\"\neject = { failures = 3, time = \"300ms\" }";
    let mut running = Setup::to([a.place(), b.place()]).keys(keys).ready();
    assert_eq!(running.tally(6), [("b".into(), 6)].into());
    let ejected = running.wait_backend("ejected", a.place());
    assert_eq!((&ejected["failures"], &ejected["cause"]), (&3.into(), &"connection refused".into()));
    a.restart();
    running.wait_backend("returned", a.place());
    // The log is some milliseconds ahead of the traffic.
    eventually("both serve", || {
        (running.tally(6) == [("a".into(), 3), ("b".into(), 3)].into()).then_some(())
    });
}

/// Clients that ask again and again until told to stop. Each remembers the local ports of its sessions that did not
/// end well.
fn load(place: &Place, stop: &AtomicBool, asked: &AtomicU64) -> BTreeSet<u16> {
    std::thread::scope(|scope| {
        let client = || {
            let mut failed = BTreeSet::new();
            while !stop.load(SeqCst) {
                let client = Peer::connect(place);
                let port = client.local().port();
                let answer = client.exchange(b"question");
                if !answer.is_ok_and(|answer| answer == b"question") {
                    failed.insert(port);
                }
                asked.fetch_add(1, SeqCst);
            }
            failed
        };
        let clients: Vec<_> = (0..6).map(|_| scope.spawn(client)).collect();
        clients.into_iter().flat_map(|client| client.join().unwrap()).collect()
    })
}

#[test]
fn one_of_three_is_killed_under_load_and_only_its_own_sessions_see_it() {
    let mut servers = [Server::echo(), Server::echo(), Server::echo()];
    let mut running = Setup::to(servers.each_ref().map(Server::place)).keys(HEALTH).ready();
    servers.iter().for_each(|server| drop(running.wait_backend("up", server.place())));
    let mut long = Vec::new();
    // A backend gets traffic some milliseconds after the log says that it is up.
    eventually("each has some sessions that stay", || {
        long.push(running.connect());
        long[long.len() - 1].check_echo("hello");
        servers.iter().all(|server| server.open() > 5).then_some(())
    });
    let [_, killed, _] = &mut servers;
    let place = killed.place().to_string();
    let (stop, asked) = (AtomicBool::new(false), AtomicU64::new(0));
    let front = &running.place;
    let mut failed = std::thread::scope(|scope| {
        let failed = scope.spawn(|| load(front, &stop, &asked));
        eventually("some load", || (asked.load(SeqCst) > 200).then_some(()));
        killed.stop();
        let at_kill = asked.load(SeqCst);
        eventually("more load", || (asked.load(SeqCst) > at_kill + 1500).then_some(()));
        stop.store(true, SeqCst);
        failed.join().unwrap()
    });
    let mut cut = 0;
    for client in &long {
        let port = client.local().port();
        if let Err(error) = client.exchange(b"still there?") {
            assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset, "a RST is passed on as a RST");
            failed.insert(port);
            cut += 1;
        }
    }
    assert!(cut >= 5, "{cut} of those who stay were connected to it");
    let count = asked.load(SeqCst) as usize + long.len();
    drop(long);
    let sessions = running.wait_sessions(count);
    for session in sessions.iter().filter(|session| session["end"] != "ok") {
        assert_eq!(
            (&session["end"], &session["backend"]),
            (&"backend-reset".into(), &place.as_str().into()),
            "{session}"
        );
    }
    for port in failed {
        // What was reset leaves its port to others, who may have fared better.
        let has_it = |session: &Value| session["client"].as_str().unwrap().ends_with(&format!(":{port}"));
        let mut its = sessions.iter().filter(|session| has_it(session));
        assert!(its.any(|session| session["backend"] == place.as_str()), "{port} was connected to another");
    }
    running.wait_backend("down", &place);
}

#[test]
fn all_down_and_back() {
    let mut servers = Server::hellos(["a", "b"]);
    let mut running = Setup::to(servers.each_ref().map(Server::place)).keys(HEALTH).ready();
    servers.iter().for_each(|server| drop(running.wait_backend("up", server.place())));
    servers.iter_mut().for_each(Server::stop);
    running.wait_event("all-down");
    running.forget();
    assert_eq!(running.connect().text(), "");
    let session = running.wait_session("the session", |_| true);
    assert_eq!(session["end"], "refused", "the last resort was tried: {session}");
    servers.iter_mut().for_each(Server::restart);
    running.wait_event("recovered");
    assert_eq!(running.tally(10).values().sum::<usize>(), 10);
}

#[test]
fn all_down_can_mean_close() {
    let mut server = Server::hello("a");
    server.stop();
    let keys = format!("{HEALTH}\nall-down = \"close\"");
    let mut running = Setup::to([server.place()]).keys(&keys).ready();
    running.wait_event("all-down");
    let session = eventually("it is closed without a try", || {
        running.tally(1);
        running.sessions().into_iter().find(|session| session["end"] == "no-backend")
    });
    assert_eq!(session["attempts"], serde_json::json!([]));
}

#[test]
fn what_was_sent_once_is_never_sent_again() {
    let a = Server::start(&Place::any(), serve::reset_after(8));
    let b = Server::echo();
    let mut running = Setup::to([a.place(), b.place()]).keys("balance = \"first\"").ready();
    let client = running.connect();
    client.send(b"question").unwrap();
    assert_eq!(client.ending(), Ending::Reset);
    let session = running.wait_session("the session", |_| true);
    assert_eq!((&session["end"], &session["by"]), (&"backend-reset".into(), &"backend".into()));
    assert_eq!(b.accepted(), 0);
}

#[test]
fn a_backend_that_accepts_and_closes_is_passed_on_as_it_is() {
    let closes = Server::start(&Place::any(), serve::close);
    let mut running = Setup::to([closes.place()]).ready();
    assert_eq!(running.connect().ending(), Ending::Fin);
    let session = running.wait_session("the session", |_| true);
    assert_eq!((&session["end"], &session["by"]), (&"ok".into(), &"backend".into()));
}

#[test]
fn retries_keep_to_their_budget() {
    let [mut a, b] = Server::hellos(["a", "b"]);
    a.stop();
    let keys = "balance = \"round-robin\"\neject = \"off\"\nretry = { budget = \"0%\", min-per-second = 1 }";
    let mut running = Setup::to([a.place(), b.place()]).top("workers = 1").keys(keys).ready();
    let tally = running.tally(2000);
    assert!(tally.get("").is_some_and(|&failed| failed > 300), "a budget ends: {tally:?}");
    let sessions = running.wait_sessions(2000);
    assert!(
        sessions
            .iter()
            .any(|line| line["end"] == "refused" && line["attempts"].as_array().unwrap().len() == 1)
    );
}

#[test]
fn clients_wait_for_room_in_the_queue_of_a_unix_socket_as_over_tcp() {
    let folder = tempfile::tempdir().unwrap();
    let (listener, place) = Place::Unix(folder.path().join("backend")).listen(1).unwrap();
    let running = Setup::to([&place]).ready();
    let clients: Vec<Peer> = (0..6).map(|_| running.connect()).collect();
    clients.iter().for_each(|client| client.send(b"hello").unwrap());
    // Two are in the queue, the others are told that it is full.
    std::thread::sleep(Duration::from_millis(100));
    let server = std::thread::spawn(move || {
        for _ in 0..6 {
            let peer = Peer::new(listener.accept().unwrap().0);
            let said = peer.receive(5).unwrap();
            peer.send(&said).unwrap();
        }
    });
    clients.iter().for_each(|client| assert_eq!(client.receive(5).unwrap(), b"hello"));
    server.join().unwrap();
}
