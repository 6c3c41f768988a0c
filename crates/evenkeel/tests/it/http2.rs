//! HTTP/2 with clients, through the whole program.

use crate::chain::Chain;
use crate::harness::Setup;
use evenkeel_testkit::http2::raw::{self, Frame, kind};
use evenkeel_testkit::http2::{self, Client, Reason, Response, request};
use evenkeel_testkit::{Peer, Place, Server, eventually, web};
use serde_json::json;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};

/// A backend that says by the first flag that it was asked for `/slow`, and answers that when the second one is up.
fn gated() -> (Server, Arc<AtomicBool>, Arc<AtomicBool>) {
    let (asked, open) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
    let (seen, gate) = (Arc::clone(&asked), Arc::clone(&open));
    let server = Server::start(
        &Place::any(),
        web::serve(move |request| {
            if request.first_line().contains("/slow") {
                seen.store(true, SeqCst);
                eventually("it may answer", || gate.load(SeqCst).then_some(()));
            }
            web::ok("done")
        }),
    );
    (server, asked, open)
}

#[test]
fn an_upgrade_tells_a_client_to_go_and_finishes_its_streams() {
    let (server, asked, open) = gated();
    let mut chain = Chain::new(Setup::to([server.place()]).http());
    let peer = Peer::connect(&chain.place);
    let client = Client::new(&peer);
    assert_eq!(client.get("/").unwrap().text(), "done");
    let (answer, _body) = client.begin(request("GET", "/slow"), true);
    client.wait_until(|| asked.load(SeqCst));
    chain.upgrade();
    client.wait_for_goodbye();
    let next = Peer::connect(&chain.place);
    assert_eq!(Client::new(&next).get("/").unwrap().text(), "done", "the new process");
    open.store(true, SeqCst);
    assert_eq!(client.wait(answer).unwrap().text(), "done");
    chain.wait_alone();
}

#[test]
fn a_backend_that_drains_answers_all_that_it_has_on_one_connection_which_is_closed_then() {
    let (come, open) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (seen, gate) = (Arc::clone(&come), Arc::clone(&open));
    let server = Server::start(
        &Place::any(),
        http2::serve(move |request, mut respond| {
            let (seen, gate) = (Arc::clone(&seen), Arc::clone(&gate));
            async move {
                let number: usize = request.uri().path()[1..].parse().unwrap();
                seen.fetch_add(1, SeqCst);
                http2::until(|| gate.load(SeqCst) >= number).await;
                let _ = respond.send_response(Response::new(()), true);
            }
        }),
    );
    let running = Setup::to([server.place()]).http().keys("to-http = \"2\"").top("workers = 1").ready();
    let peer = Peer::connect(&running.place);
    let client = Client::new(&peer);
    assert_eq!(client.get("/0").unwrap().status, 200);
    let [(first, _), (second, _)] = ["/1", "/2"].map(|path| client.begin(request("GET", path), true));
    client.wait_until(|| come.load(SeqCst) == 3);
    let (code, _, errors) = running.command(&format!("drain web {}", server.place()));
    assert_eq!(code, 0, "{errors}");
    open.store(1, SeqCst);
    assert_eq!(client.wait(first).unwrap().status, 200);
    assert_eq!((server.accepted(), server.open()), (1, 1), "the other one is still there");
    open.store(2, SeqCst);
    assert_eq!(client.wait(second).unwrap().status, 200);
    eventually("nothing waits there", || (server.open() == 0).then_some(()));
    running.end();
}

#[test]
fn a_connection_is_one_session_and_an_order_on_a_backend_ends_the_streams_there() {
    let asked = Arc::new(AtomicUsize::new(0));
    let silent = || {
        let seen = Arc::clone(&asked);
        Server::start(&Place::any(), move |peer: &Peer| {
            if web::read_request(peer).is_ok() {
                seen.fetch_add(1, SeqCst);
                let _ = peer.read_to_end();
            }
        })
    };
    let (a, b) = (silent(), silent());
    let keys = "balance = \"round-robin\"\nhealth = \"off\"";
    let running = Setup::to([a.place(), b.place()]).http().keys(keys).ready();
    let peer = Peer::connect(&running.place);
    let client = Client::new(&peer);
    let (first, _) = client.begin(request("GET", "/a"), true);
    client.wait_until(|| asked.load(SeqCst) == 1);
    let (second, _) = client.begin(request("GET", "/b"), true);
    client.wait_until(|| asked.load(SeqCst) == 2);
    let open = running.look("/api/v1/sessions");
    assert_eq!(open["sessions"].as_array().map(Vec::len), Some(1), "{open}");
    let there = running.look(&format!("/api/v1/sessions?backend={}", b.place()));
    assert_eq!(there["sessions"].as_array().map(Vec::len), Some(1), "{there}");
    running.tell("POST", "/api/v1/sessions/close", &json!({ "backend": b.place().to_string() }));
    let gone = client.wait_for_one_of(first, second);
    assert_eq!(gone.unwrap_err().reason(), Some(Reason::INTERNAL_ERROR));
    assert_eq!(running.look("/api/v1/sessions")["sessions"].as_array().map(Vec::len), Some(1), "it goes on");
    let id = &open["sessions"][0]["id"];
    running.tell("POST", "/api/v1/sessions/close", &json!({ "id": id }));
    client.wait_for_goodbye();
    eventually("it is gone", || (a.open() + b.open() == 0).then_some(()));
    running.end();
}

#[test]
fn a_service_whose_listeners_are_closed_says_goodbye_and_finishes_its_streams() {
    let (server, asked, open) = gated();
    let running = Setup::to([server.place()]).http().ready();
    let (busy, idle) = (Peer::connect(&running.place), Peer::connect(&running.place));
    let (busy, idle) = (Client::new(&busy), Client::new(&idle));
    assert_eq!(idle.get("/").unwrap().text(), "done");
    let (answer, _) = busy.begin(request("GET", "/slow"), true);
    busy.wait_until(|| asked.load(SeqCst));
    running.tell("POST", "/api/v1/services/web/drain", &json!({}));
    idle.wait_for_goodbye();
    busy.wait_for_goodbye();
    open.store(true, SeqCst);
    assert_eq!(busy.wait(answer).unwrap().text(), "done");
    running.end();
}

#[test]
fn a_connection_that_is_dead_without_a_word_is_given_up_and_log_and_metrics_say_so() {
    let begun = AtomicUsize::new(0);
    let server = Server::start(&Place::any(), move |peer: &Peer| {
        let is_first = begun.fetch_add(1, SeqCst) == 0;
        let _ = peer.receive(24).and_then(|_| peer.send(&raw::frame(kind::SETTINGS, 0, 0, &[])));
        while let Ok(frame) = Frame::read(|length| peer.receive(length)) {
            // To anything behind the first request it says nothing.
            if frame.kind == kind::HEADERS && is_first && frame.stream > 1 {
                return drop(peer.read_to_end());
            }
            if frame.kind == kind::HEADERS {
                let end = raw::END_HEADERS | raw::END_STREAM;
                let _ = peer.send(&raw::frame(kind::HEADERS, end, frame.stream, &[0x88]));
            }
        }
    });
    let keys = "to-http = \"2\"\ntimeout = { ping = \"500ms\" }";
    let mut running = Setup::to([server.place()]).http().keys(keys).top("workers = 1").ready();
    for _ in 0..2 {
        assert_eq!(web::get(&Peer::connect(&running.place), "/").unwrap().status(), 200);
    }
    let line = running.wait_for("the second", |line| line["kind"] == "request" && line["session"] == 2);
    assert_eq!((&line["outcome"], &line["status"]), (&json!("ok"), &json!(200)), "{line}");
    assert_eq!(line["attempts"][0]["detail"], "backend-silent", "{line}");
    let sample = format!(
        "evenkeel_backend_silent_connections_total{{pool=\"web\",backend=\"{}\"}} 1\n",
        server.place()
    );
    let page = running.ask("GET", "/metrics").text;
    assert!(page.contains(&sample), "{page}");
    running.end();
}
