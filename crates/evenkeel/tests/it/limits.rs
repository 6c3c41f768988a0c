//! Limits: descriptors run out, ceilings are reached, and it serves on, does not spin, and resumes by itself.

use crate::harness::{Running, Setup};
use evenkeel_testkit::crowd::GREETING;
use evenkeel_testkit::limits::{Turn, set_descriptors_of};
use evenkeel_testkit::{Crowd, Peer, Place, Server, eventually, serve};
use std::time::Duration;

/// Connects, and sends what an echo would answer.
fn ask(running: &Running) -> Peer {
    let client = running.connect();
    client.send(b"hello").unwrap();
    client
}

/// Less than a third of one core is used while nothing can be done.
fn check_no_spin(running: &Running) {
    let before = running.cpu_time();
    std::thread::sleep(Duration::from_millis(600));
    let used = running.cpu_time() - before;
    assert!(used < Duration::from_millis(200), "{used:?} of CPU in 600 ms of waiting");
}

#[test]
fn at_the_ceiling_of_descriptors_new_clients_wait_and_are_served_later() {
    let server = Server::echo();
    let mut running = Setup::to([server.place()]).start(|start| start.nofile(80)).ready();
    let ready = running.wait_event("ready");
    let ceiling = ready["max_sessions"].as_u64().unwrap() as usize;
    assert!((2..40).contains(&ceiling), "{ready}");
    assert_eq!(ready["descriptors"], 80);
    let mut clients: Vec<Peer> = (0..ceiling).map(|_| ask(&running)).collect();
    clients.iter().for_each(|client| assert_eq!(client.receive(5).unwrap(), b"hello"));
    let waiting: Vec<Peer> = (0..10).map(|_| ask(&running)).collect();
    assert_eq!(running.wait_event("ceiling-reached")["sessions"], ceiling);
    check_no_spin(&running);
    assert_eq!(waiting.iter().filter(|client| client.has_bytes()).count(), 0);
    assert_eq!(running.count_events("ceiling-reached"), 1, "told once");
    clients[0].check_echo("those inside are served");
    clients.clear();
    waiting.iter().for_each(|client| assert_eq!(client.receive(5).unwrap(), b"hello"));
    running.wait_event("ceiling-left");
    assert_eq!(running.count_events("accept-failed"), 0, "the ceiling is lower than the limit");
}

#[test]
fn when_descriptors_run_out_all_the_same_it_serves_on_and_recovers() {
    let server = Server::echo();
    let mut running = Setup::to([server.place()]).ready();
    let first = ask(&running);
    assert_eq!(first.receive(5).unwrap(), b"hello");
    set_descriptors_of(running.pid(), Some(running.descriptors() as u64 + 5));
    let clients: Vec<Peer> = (0..20).map(|_| ask(&running)).collect();
    running.wait_for("the want of descriptors", |line| {
        line["event"] == "accept-failed" || line["end"] == "no-resources" || line["end"] == "failed"
    });
    check_no_spin(&running);
    first.check_echo("who is inside is served");
    running.check_alive();
    set_descriptors_of(running.pid(), None);
    // Those who could be accepted but not connected onwards were closed; the others have waited.
    let served = clients.iter().filter(|client| client.receive(5).is_ok()).count();
    assert!(served >= 15, "{served} of 20 were served");
    for _ in 0..20 {
        ask(&running).receive(5).unwrap();
    }
}

#[test]
fn five_thousand_idle_sessions_while_others_are_served() {
    // Those of the clients and of the backend are both of this process.
    let turn = Turn::wait();
    let sessions = turn.connections(5_000, 2, 5_000) as u64;
    let (crowd, server) = (Crowd::start(), Server::echo());
    // On a machine that is busy with something else a connect may take long: that is not what is tested here.
    let text = |listen: &Place, to: &Place| {
        let patience = "timeout = { connect = \"20s\", connect-total = \"20s\", queue = \"20s\" }";
        format!("listen = \"{listen}\"\nto = \"{to}\"\nhealth = \"off\"\n{patience}\n")
    };
    let idle = Place::local(evenkeel_testkit::port::free());
    let mut setup = Setup::to([server.place()]);
    setup = setup.keys(&format!("[tcp.idle]\n{}", text(&idle, crowd.place())));
    let running = setup.ready();
    running.connect().check_echo("before");
    let before = running.resident_kib();
    let open: Vec<Peer> = (0..sessions).map(|_| Peer::connect(&idle)).collect();
    open.iter().for_each(|client| assert_eq!(client.receive(1).unwrap(), GREETING));
    let each = (running.resident_kib().saturating_sub(before)) * 1024 / sessions;
    eprintln!("{each} bytes of memory for each idle session");
    assert!(each < 2_000, "{each} bytes for each idle session");
    let cpu = running.cpu_time();
    for _ in 0..200 {
        running.connect().check_echo("while they are there");
    }
    let used = running.cpu_time() - cpu;
    assert!(used < Duration::from_secs(2), "{used:?} for 200 sessions beside idle ones");
}

#[test]
fn a_service_has_its_own_ceiling() {
    let server = Server::echo();
    let mut running = Setup::to([server.place()]).keys("max-sessions = 2").ready();
    let clients = [ask(&running), ask(&running)];
    clients.iter().for_each(|client| drop(client.receive(5).unwrap()));
    let third = ask(&running);
    assert_eq!(running.wait_event("ceiling-reached")["service"], "web");
    assert!(!third.has_bytes());
    drop(clients);
    assert_eq!(third.receive(5).unwrap(), b"hello");
    running.wait_event("ceiling-left");
}

#[test]
fn the_process_can_be_given_a_lower_ceiling() {
    let server = Server::start(&Place::any(), serve::echo);
    let mut running = Setup::to([server.place()]).top("max-sessions = 3").ready();
    assert_eq!(running.wait_event("ready")["max_sessions"], 3);
    let clients: Vec<Peer> = (0..3).map(|_| ask(&running)).collect();
    clients.iter().for_each(|client| drop(client.receive(5).unwrap()));
    let fourth = ask(&running);
    running.wait_event("ceiling-reached");
    assert_eq!(server.accepted(), 3);
    drop(clients);
    assert_eq!(fourth.receive(5).unwrap(), b"hello");
    eventually("all seats are free but one", || (server.open() == 1).then_some(()));
}

#[test]
fn a_ceiling_higher_than_what_descriptors_allow_is_told() {
    let server = Server::echo();
    let setup = Setup::to([server.place()]).top("max-sessions = 100000").start(|start| start.nofile(200));
    let mut running = setup.ready();
    running.wait_for("a warning", |line| {
        line["event"] == "warning" && line["message"].as_str().unwrap().contains("max-sessions")
    });
}

#[test]
fn a_limit_of_bandwidth_that_observes_is_told_of_in_the_log_and_counted() {
    let server = Server::echo();
    let keys = "max-bandwidth = { rate = \"10kB/s\", mode = \"observe\" }";
    let mut running = Setup::to([server.place()]).keys(keys).ready();
    let (client, much) = (running.connect(), vec![b'x'; 1_000_000]);
    std::thread::scope(|scope| {
        scope.spawn(|| client.send(&much).unwrap());
        assert!(client.receive(much.len()).unwrap() == much, "a hundred times as fast as the limit");
    });
    drop(client);
    let session = &running.wait_sessions(1)[0];
    assert_eq!(session["observed"], serde_json::json!(["bandwidth"]));
    let (code, why, _) = running.command(&format!("why session {}", session["id"]));
    assert!(code == 0 && why.contains("only observe were against it: bandwidth"), "{why}");
    let metrics = running.ask("GET", "/metrics").text;
    let counted = "evenkeel_service_observed_total{service=\"web\",rule=\"bandwidth\"} 1";
    assert!(metrics.contains(counted), "{metrics}");
}
