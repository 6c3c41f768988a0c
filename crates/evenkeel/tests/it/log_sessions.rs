//! What the log says of sessions that open, that go on for long, and that are too many.

use crate::harness::{Running, Setup};
use evenkeel_testkit::limits::have_descriptors;
use evenkeel_testkit::{Server, eventually};
use serde_json::Value;
use std::collections::HashMap;

fn of_kind(lines: &[Value], kind: &str) -> Vec<Value> {
    lines.iter().filter(|line| line["kind"] == kind).cloned().collect()
}

#[test]
fn a_session_is_told_of_when_it_opens_while_it_goes_on_and_at_its_end() {
    let server = Server::echo();
    let top = "log-sessions = \"open-and-end\"\nlog-heartbeat = \"1s\"";
    let mut running = Setup::to([server.place()]).top(top).ready();
    let client = running.connect();
    client.check_echo("hello");
    let open = running.wait_for("the open record", |line| line["kind"] == "open");
    assert_eq!(open["client"], client.local().to_string());
    assert_eq!((&open["backend"], &open["to_backend"]), (&server.place().to_string().into(), &0.into()));
    assert!(open.get("end").is_none() && open.get("by").is_none(), "{open}");
    let beats =
        eventually("three beats", || Some(of_kind(&running.log(), "alive")).filter(|beats| beats.len() >= 3));
    for (beat, second) in beats.iter().zip(1..) {
        assert_eq!((&beat["id"], &beat["to_backend"]), (&open["id"], &5.into()), "{beat}");
        let ms = beat["ms"].as_f64().unwrap();
        assert!(ms >= f64::from(second) * 1000.0, "beat {second} after {ms} ms");
    }
    drop(client);
    let end = running.wait_session("the end", |_| true);
    assert_eq!((&end["kind"], &end["id"]), (&"end".into(), &open["id"]));
    assert_eq!(of_kind(&running.log(), "open").len(), 1);
    running.end();
}

#[test]
fn without_those_keys_there_is_one_line_and_a_reload_turns_them_on() {
    let server = Server::echo();
    let mut running = Setup::to([server.place()]).ready();
    let client = running.connect();
    client.check_echo("hello");
    let path = running.file("evenkeel.toml");
    let text = std::fs::read_to_string(&path).unwrap();
    running.reload(format!("log-heartbeat = \"1s\"\n{text}"));
    running.wait_event("reloaded");
    let beat = running.wait_for("a beat", |line| line["kind"] == "alive");
    assert_eq!(beat["client"], client.local().to_string());
    drop(client);
    running.wait_session("the end", |_| true);
    assert_eq!(of_kind(&running.log(), "open"), Vec::<Value>::new());
    running.end();
}

#[test]
fn a_table_of_many_steps_is_told_of_whole_and_once_a_beat() {
    const SESSIONS: usize = 1500;
    if !have_descriptors(5 * SESSIONS as u64) {
        return eprintln!("skipped: too few descriptors may be open here");
    }
    let server = Server::echo();
    let top = "workers = 1\nlog-heartbeat = \"2s\"";
    let mut running = Setup::to([server.place()]).top(top).ready();
    let clients: Vec<_> = (0..SESSIONS).map(|_| running.connect()).collect();
    // By session: how often it was told of, and its age in milliseconds when that was last.
    let told_of = |running: &mut Running| {
        let mut told = HashMap::<u64, (u64, f64)>::new();
        for beat in of_kind(&running.log(), "alive") {
            let (times, age) = told.entry(beat["id"].as_u64().unwrap()).or_default();
            (*times, *age) = (*times + 1, beat["ms"].as_f64().unwrap());
        }
        told
    };
    let told =
        eventually("a beat of each", || Some(told_of(&mut running)).filter(|told| told.len() == SESSIONS));
    for (id, (times, age)) in told {
        assert!(times as f64 <= age / 2000.0, "session {id}: {times} beats in {age} ms");
    }
    drop(clients);
    running.end();
}

#[test]
fn sampling_keeps_every_failure_and_counts_what_it_leaves_out() {
    let mut server = Server::hello("a");
    let mut running =
        Setup::to([server.place()]).top("log-max-rate = \"5/s\"").keys("eject = \"off\"").ready();
    assert_eq!(running.tally(300)["a"], 300);
    server.stop();
    assert_eq!(running.tally(100)[""], 100);
    let count = |lines: &[Value], end: &str| lines.iter().filter(|line| line["end"] == end).count() as u64;
    let left_out = |lines: &[Value]| -> u64 {
        let told = lines.iter().filter(|line| line["event"] == "left-out");
        told.map(|line| line["lines"].as_u64().unwrap()).sum()
    };
    eventually("all are accounted for", || {
        let log = running.log();
        (count(&log, "ok") + left_out(&log) == 300 && count(&log, "refused") == 100).then_some(())
    });
    assert!(left_out(&running.log()) > 200, "{}", left_out(&running.log()));
    let page = running.ask("GET", "/metrics").text;
    assert!(page.contains(&format!("evenkeel_log_lines_left_out_total {}\n", left_out(&running.log()))));
    let known = &running.look("/api/v1/clients/127.0.0.1")["ended"];
    assert_eq!(*known, 400, "those without a line are known all the same");
    running.end();
}
