//! Backends that are there and do not serve: their answers take them out, and they come back.

use crate::harness::{Running, Setup};
use evenkeel_testkit::web;
use evenkeel_testkit::{Peer, Place, Server, eventually};
use serde_json::json;
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering::SeqCst};

/// A server that answers with this status, which may change.
fn with_status(status: &Arc<AtomicU16>) -> Server {
    let status = Arc::clone(status);
    let said = move || format!("HTTP/1.1 {} X\r\nContent-Length: 2\r\n\r\nhi", status.load(SeqCst));
    Server::start(&Place::any(), web::serve(move |_| said().into_bytes()))
}

/// In front of them, each in turn.
fn in_front(servers: [&Server; 2], eject: &str) -> Running {
    let keys = format!("balance = \"round-robin\"\neject = {eject}");
    let places = servers.map(|server| server.place());
    Setup::to(places).http().keys(&keys).top("workers = 1").ready()
}

/// What so many requests were answered with: a digit for each, the first of its status.
fn answers(running: &Running, requests: u32) -> String {
    let client = Peer::connect(&running.place);
    (0..requests).map(|_| web::get(&client, "/").unwrap().status().to_string().remove(0)).collect()
}

#[test]
fn five_answers_in_a_row_that_say_that_it_cannot_serve_take_a_backend_out_for_a_while() {
    let (good, ill) = (Arc::new(AtomicU16::new(200)), Arc::new(AtomicU16::new(503)));
    let (a, b) = (with_status(&good), with_status(&ill));
    let mut running = in_front([&a, &b], "{ time = \"60s\" }");
    assert_eq!(answers(&running, 20), "25252525252222222222", "not a sixth");
    let event = running.wait_backend("ejected", b.place());
    assert_eq!(event["cause"], "it answers 503", "{event}");
    let why = running.look(&format!("/api/v1/pools/web/backends/{}/why", b.place()));
    assert_eq!(why["reasons"][0]["says"], "live traffic failed: 5 answers in a row, it answers 503", "{why}");
    assert_eq!((&why["failures"][0]["failure"], &why["connect_failures"]), (&json!("answer"), &json!({})));
    let page = running.ask("GET", "/metrics").text;
    let line = format!("evenkeel_backend_request_errors_total{{pool=\"web\",backend=\"{}\"}} 5\n", b.place());
    assert!(page.contains(&line), "{page}");
    assert_eq!(running.look("/api/v1/pools/web")["backends"][1]["requests"], json!({"sent": 5, "errors": 5}));
    running.end();
}

#[test]
fn one_that_is_out_for_its_answers_is_back_when_its_time_is_over() {
    let (good, ill) = (Arc::new(AtomicU16::new(200)), Arc::new(AtomicU16::new(503)));
    let (a, b) = (with_status(&good), with_status(&ill));
    // The check of connects passes all the time.
    let mut running =
        in_front([&a, &b], "{ time = \"100ms\" }\nhealth = { interval = \"20ms\", timeout = \"1s\" }");
    for server in [&a, &b] {
        running.wait_backend("up", server.place());
    }
    eventually("it is out", || {
        answers(&running, 10);
        (running.count_events("ejected") > 0).then_some(())
    });
    ill.store(200, SeqCst);
    running.wait_backend("returned", b.place());
    assert!(answers(&running, 4).starts_with("2222"));
    running.end();
}

#[test]
fn a_request_that_fails_by_itself_takes_nobody_out_unless_that_is_wanted() {
    let (good, ill) = (Arc::new(AtomicU16::new(200)), Arc::new(AtomicU16::new(500)));
    let (a, b) = (with_status(&good), with_status(&ill));
    let running = in_front([&a, &b], "{ time = \"60s\" }");
    assert_eq!(answers(&running, 20), "25".repeat(10));
    running.end();
    let running = in_front([&a, &b], "{ time = \"60s\", errors = 2, errors-are = \"5xx\" }");
    assert_eq!(answers(&running, 8), "25252222");
    running.end();
    ill.store(503, SeqCst);
    let running = in_front([&a, &b], "{ errors = 0 }");
    assert_eq!(answers(&running, 20), "25".repeat(10), "they do not count");
    running.end();
}

#[test]
fn a_backend_that_takes_connections_and_never_answers_goes_out_as_one_that_takes_none() {
    let a = with_status(&Arc::new(AtomicU16::new(200)));
    let mute = Server::start(&Place::any(), |peer| drop(web::read_request(peer)));
    let mut running = in_front([&a, &mute], "{ time = \"60s\" }");
    assert_eq!(answers(&running, 20), "2".repeat(20), "another one answered");
    let event = running.wait_backend("ejected", mute.place());
    assert_eq!(event["cause"], "closed before it answered", "{event}");
    assert_eq!(mute.accepted(), 3);
    running.end();
}
