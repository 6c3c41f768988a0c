//! Requests whose backend is drained, disabled or gone, and those that an order ends: what becomes of them, and their line.

use crate::harness::{Running, Setup};
use evenkeel_testkit::http2::{Client, request};
use evenkeel_testkit::web;
use evenkeel_testkit::{Ending, Peer, Place, Server, Signal, eventually};
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};

/// Before two servers, each of which has its turn: the first, `a`, says its name; the second, `b`, too, but to `/slow` only when it
/// may, to `/half` with half of an answer, and to `/wait` never.
struct Two {
    b: Server,
    may_answer: Arc<AtomicBool>,
    running: Running,
    _a: Server,
}

fn two(keys: &str, top: &str) -> Two {
    let may_answer = Arc::new(AtomicBool::new(false));
    let a = Server::start(&Place::any(), web::serve(|_| web::ok("a")));
    let go = Arc::clone(&may_answer);
    let b = Server::start(&Place::any(), move |peer| {
        while let Ok(asked) = web::read_request(peer) {
            match asked.first_line().split(' ').nth(1) {
                Some("/slow") => eventually("it may answer", || go.load(SeqCst).then_some(())),
                Some("/half") => {
                    let _ = peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf");
                    peer.read_to_end();
                }
                Some("/wait") => drop(peer.read_to_end()),
                _ => {}
            }
            if peer.send(&web::ok("b")).is_err() {
                return;
            }
        }
    });
    let keys = format!("balance = \"round-robin\"\nslow-start = \"off\"\n{keys}");
    let setup = Setup::to([a.place(), b.place()]).http().keys(&keys).top("workers = 1").top(top);
    let running = setup.ready();
    assert_eq!(web::get(&running.connect(), "/").unwrap().text(), "a", "whose turn it is");
    Two { b, may_answer, running, _a: a }
}

impl Two {
    /// A client whose request is at `b`.
    fn ask(&self, first_line: &str) -> Peer {
        let client = self.running.connect();
        client
            .send(&web::request(&format!("{first_line} HTTP/1.1\nHost: a\nContent-Length: 0"), ""))
            .unwrap();
        eventually("it is asked", || (self.b.accepted() > 0).then_some(()));
        client
    }

    fn order(&self, args: &str) {
        let (code, _, errors) = self.running.command(args);
        assert_eq!(code, 0, "{args}: {errors}");
    }

    fn line(&mut self, path: &str) -> Value {
        self.running.wait_for("its line", |line| line["kind"] == "request" && line["target"] == path)
    }
}

#[test]
fn a_request_that_waits_at_a_backend_which_is_disabled_goes_to_another_one() {
    let mut two = two("", "");
    let client = two.ask("GET /wait");
    two.order(&format!("disable web {}", two.b.place()));
    assert_eq!(web::read_answer(&client).unwrap().text(), "a");
    let told = two.line("/wait");
    let attempt = &told["attempts"][0];
    assert_eq!((&attempt["detail"], &told["outcome"]), (&json!("backend-left"), &json!("ok")), "{told}");
    assert_eq!(two.running.count_events("ejected"), 0, "it did nothing wrong");
    let failures = &two.running.look("/api/v1/pools/web")["backends"][1]["connect_failures"];
    assert_eq!(failures, &json!({}));
}

#[test]
fn one_that_may_have_been_done_is_told_503() {
    let mut two = two("", "");
    let client = two.ask("POST /wait");
    two.order(&format!("disable web {}", two.b.place()));
    assert_eq!(web::read_answer(&client).unwrap().status(), 503);
    let told = two.line("/wait");
    assert_eq!((&told["outcome"], &told["by"]), (&json!("backend-left"), &json!("evenkeel")), "{told}");
}

#[test]
fn an_answer_that_is_cut_does_not_look_whole_and_has_its_line() {
    let mut two = two("", "");
    let client = two.ask("GET /half");
    assert!(String::from_utf8(client.receive(42).unwrap()).unwrap().ends_with("half"));
    two.order(&format!("disable web {}", two.b.place()));
    assert_eq!(client.ending(), Ending::Reset);
    let told = two.line("/half");
    assert_eq!((&told["outcome"], &told["status"]), (&json!("drain"), &json!(200)), "{told}");
    assert_eq!(told["backend"], two.b.place().to_string(), "{told}");
    let page = two.running.ask("GET", "/metrics").text;
    assert!(page.contains("request_outcomes_total{service=\"web\",outcome=\"cut\"} 1\n"), "{page}");
}

#[test]
fn a_backend_that_drains_answers_what_it_was_asked_and_its_connection_is_closed_then() {
    let two = two("", "");
    let client = two.ask("GET /slow");
    two.order(&format!("drain web {}", two.b.place()));
    two.may_answer.store(true, SeqCst);
    assert_eq!(web::read_answer(&client).unwrap().text(), "b");
    eventually("nothing waits there", || (two.b.open() == 0).then_some(()));
    assert_eq!(web::get(&client, "/").unwrap().text(), "a", "the client stays");
}

#[test]
fn a_backend_that_is_removed_has_its_time_to_answer_and_no_more() {
    let mut two = two("on-remove = \"drain(400ms)\"", "");
    let client = two.ask("POST /wait");
    two.order(&format!("remove web {}", two.b.place()));
    assert_eq!(web::read_answer(&client).unwrap().status(), 503);
    let told = two.line("/wait");
    assert!(told["ms"].as_f64().unwrap() >= 200.0, "{told}");
}

#[test]
fn a_session_that_an_operator_closes_tells_of_the_request_that_it_was_serving() {
    let mut two = two("", "");
    let client = two.ask("GET /half");
    client.receive(42).unwrap();
    let id = two.running.look("/api/v1/sessions")["sessions"][0]["id"].to_string();
    two.order(&format!("sessions --id {id} --close"));
    assert_eq!(client.ending(), Ending::Reset);
    let told = two.line("/half");
    assert_eq!((&told["outcome"], &told["by"]), (&json!("order"), &json!("evenkeel")), "{told}");
    assert_eq!((&told["backend"], told["session"].to_string()), (&json!(two.b.place().to_string()), id));
}

#[test]
fn a_request_that_outlasts_the_time_to_stop_is_cut_and_told_of() {
    let mut two = two("", "drain = \"300ms\"");
    let client = two.ask("GET /half");
    client.receive(42).unwrap();
    two.running.signal(Signal::TERM);
    assert_eq!(client.ending(), Ending::Reset);
    assert_eq!(two.line("/half")["outcome"], "drain");
    assert_eq!(two.running.exit_code(), 0);
}

#[test]
fn streams_of_http_2_obey_as_well_and_their_connection_goes_on() {
    let mut two = two("", "");
    let peer = two.running.connect();
    let client = Client::new(&peer);
    let (half, _body) = client.begin(request("GET", "/half"), true);
    client.wait_until(|| two.b.accepted() == 1);
    two.order(&format!("disable web {}", two.b.place()));
    assert!(client.wait(half).is_err(), "it is reset");
    let told = two.line("/half");
    assert_eq!((&told["outcome"], &told["protocol"]), (&json!("drain"), &json!("HTTP/2.0")), "{told}");
    assert_eq!(client.get("/").unwrap().text(), "a");
}
