//! The log: a line with every field for each session, events as JSON, and a reader that is slow or gone.

use crate::harness::{Setup, tally};
use evenkeel_testkit::{Peer, Server, Signal, eventually};
use serde_json::Value;

#[test]
fn every_session_has_a_line_with_every_field() {
    let server = Server::echo();
    let mut running = Setup::to([server.place()]).ready();
    let client = running.connect();
    client.check_echo("hello");
    let port = client.local().port();
    drop(client);
    let line = running.wait_session("the session", |_| true);
    let text = |field: &str| line[field].as_str().unwrap_or_else(|| panic!("{field} in {line}")).to_owned();
    let ms = |field: &str| line[field].as_f64().unwrap_or_else(|| panic!("{field} in {line}"));
    assert_eq!((text("service"), text("pool")), ("web".into(), "web".into()));
    assert_eq!(text("listener"), running.place.to_string());
    assert_eq!(text("client"), format!("127.0.0.1:{port}"));
    assert_eq!(text("backend"), server.place().to_string());
    assert_eq!((text("end"), text("by")), ("ok".into(), "client".into()));
    assert_eq!((&line["to_backend"], &line["to_client"]), (&5.into(), &5.into()));
    assert_eq!(line["attempts"], Value::Array(Vec::new()));
    assert!(line["id"].is_u64(), "{line}");
    assert_eq!(ms("queued_ms"), 0.0);
    assert!(ms("connect_ms") <= ms("first_byte_ms") && ms("first_byte_ms") <= ms("ms"), "{line}");
    let ts = text("ts");
    assert!(ts.len() == "2026-11-22T14:02:11.031Z".len() && ts.ends_with('Z'), "{ts}");
}

#[test]
fn every_line_is_json_and_ids_are_unique() {
    let server = Server::hello("a");
    let mut running = Setup::to([server.place()]).ready();
    running.tally(100);
    let sessions = running.wait_sessions(100);
    let ids: std::collections::BTreeSet<u64> =
        sessions.iter().map(|line| line["id"].as_u64().unwrap()).collect();
    assert_eq!(ids.len(), 100);
    running.signal(Signal::TERM);
    running.wait_event("stopped");
    for line in running.stdout().lines() {
        assert!(serde_json::from_str::<Value>(line).is_ok_and(|line| line.is_object()), "{line}");
    }
}

#[test]
fn a_reader_that_is_stuck_delays_nobody_and_learns_what_it_missed() {
    let server = Server::hello("a");
    let mut running = Setup::to([server.place()]).start(|start| start.hold_stdout()).ready();
    let (place, mut served) = (&running.place.clone(), 0);
    // A pipe holds 64 KiB; this is some megabytes of lines.
    for _ in 0..10 {
        served += std::thread::scope(|scope| {
            let client = || tally(place, 500)["a"];
            let clients: Vec<_> = (0..4).map(|_| scope.spawn(client)).collect();
            clients.into_iter().map(|client| client.join().unwrap()).sum::<usize>()
        });
    }
    assert_eq!(served, 20_000, "every client was served");
    assert!(running.resident_kib() < 100_000, "{} KiB", running.resident_kib());
    running.read_stdout();
    running.signal(Signal::TERM);
    let stopped = running.wait_event("stopped");
    let dropped = stopped["lines_dropped"].as_u64().unwrap();
    // The probe for readiness was a session of its own.
    let told = running.sessions().len() as u64;
    assert_eq!(told + dropped, stopped["sessions"].as_u64().unwrap(), "{stopped}");
}

#[test]
fn a_reader_that_is_gone_ends_nothing() {
    let server = Server::hello("a");
    let mut running = Setup::to([server.place()]).start(|start| start.hold_stdout()).ready();
    running.close_stdout();
    assert_eq!(running.tally(50)["a"], 50);
    running.check_alive();
    running.end();
}

#[test]
fn off_writes_nothing() {
    let server = Server::hello("a");
    let setup = Setup::to([server.place()]).top("log = \"off\"");
    let mut running = setup.spawn();
    eventually("it listens", || Peer::try_connect(&running.place).ok());
    running.tally(3);
    running.signal(Signal::TERM);
    assert_eq!(running.exit_code(), 0);
    assert_eq!(running.stdout(), "");
}

#[test]
fn text_is_a_readable_line_for_each_session() {
    let server = Server::hello("a");
    let setup = Setup::to([server.place()]).top("log = \"text\"");
    let mut running = setup.spawn();
    running.wait_line("ready", |line| line.contains("ready").then_some(()));
    let client = running.connect();
    let from = client.local().to_string();
    assert_eq!(client.text(), "a");
    drop(client);
    let place = server.place().to_string();
    let line = running.wait_line("the session", |line| line.contains(&from).then(|| line.to_owned()));
    for part in ["web", "->", place.as_str(), "0 B to backend", "1 B to client", "ok"] {
        assert!(line.contains(part), "{part} in {line}");
    }
    assert!(!line.contains('\x1b'), "no colours off a terminal: {line}");
}
