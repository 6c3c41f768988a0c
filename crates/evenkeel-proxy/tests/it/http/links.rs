//! Connections to backends: used again, bounded, and closed in time.

use super::*;
use evenkeel_testkit::eventually;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};

#[test]
fn a_connection_that_ended_while_it_waited_is_not_used() {
    let server = Server::start(&Place::any(), |peer| {
        let _ = web::read_request(peer);
        let _ = peer.send(&web::ok("once"));
    });
    let mut rig = rig(&[&server], rules());
    let client = rig.connect();
    for number in 1..=5 {
        for method in ["GET", "POST"] {
            let lines = format!("{method} / HTTP/1.1\nHost: a\nContent-Length: 0");
            client.send(&web::request(&lines, "")).unwrap();
            assert_eq!(web::read_answer(&client).unwrap().text(), "once", "{method} {number}");
            // What is done once at most cannot be saved when it crosses the end on its way.
            eventually("it has closed", || (server.open() == 0).then_some(()));
        }
    }
    let records: Vec<_> = (0..10).map(|_| rig.request()).collect();
    assert!(records.iter().all(|record| record.failed_attempts.is_empty()), "nobody failed");
}

#[test]
fn only_so_many_wait_and_not_for_ever() {
    let server = named("a");
    let mut few = rules();
    few.links = LinkRules { idle_max: 2, idle_for: SOON };
    let rig = rig(&[&server], few);
    let clients: Vec<_> = (0..6).map(|_| rig.connect()).collect();
    for client in &clients {
        client.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
    }
    for client in &clients {
        web::read_answer(client).unwrap();
    }
    eventually("two wait", || (server.open() <= 2).then_some(()));
    eventually("none waits", || (server.open() == 0).then_some(()));
    assert_eq!(web::get(&clients[0], "/").unwrap().text(), "a");
}

#[test]
fn without_reuse_every_request_has_a_connection() {
    let server = named("a");
    let mut none = rules();
    none.links.idle_max = 0;
    let rig = rig(&[&server], none);
    let client = rig.connect();
    (0..4).for_each(|_| drop(web::get(&client, "/").unwrap()));
    assert_eq!(server.accepted(), 4);
}

#[test]
fn a_backend_that_says_more_than_it_was_asked_is_not_asked_again_there() {
    let server = Server::start(&Place::any(), web::serve(|_| [web::ok("a"), web::ok("poison")].concat()));
    let rig = rig(&[&server], rules());
    let client = rig.connect();
    for _ in 0..5 {
        assert_eq!(web::get(&client, "/").unwrap().text(), "a");
    }
    assert_eq!(server.accepted(), 5);
}

/// The socket to a backend that does not read has room for some of a body; how much of it varies, so that of many lengths one
/// ends behind what was taken, and within what is held for it.
#[test]
fn a_backend_that_answers_before_it_has_heard_all_does_not_take_what_follows_for_the_rest() {
    let dir = tempfile::tempdir().unwrap();
    let is_sent = Arc::new(AtomicBool::new(false));
    let seen = Arc::clone(&is_sent);
    let server = Server::start(&Place::Unix(dir.path().join("backend")), move |peer| {
        while let Ok(head) = web::read_head(peer) {
            if head.starts_with("PUT ") {
                eventually("all is sent", || seen.swap(false, SeqCst).then_some(()));
                let _ = peer.send(&web::ok("early"));
                let asked = Message { head, body: Vec::new() };
                let length = asked.field("content-length").unwrap().parse();
                let body = peer.receive(length.unwrap()).unwrap_or_default();
                assert!(body.iter().all(|byte| *byte == b'x'), "another request in the body");
            } else if peer.send(&web::ok("next")).is_err() {
                return;
            }
        }
    });
    let rig = rig(&[&server], rules());
    for length in (100_000..500_000).step_by(16_000) {
        let client = rig.connect();
        let lines = format!("PUT / HTTP/1.1\nHost: a\nContent-Length: {length}");
        client.send(&web::request(&lines, &"x".repeat(length))).unwrap();
        is_sent.store(true, SeqCst);
        assert_eq!(web::read_answer(&client).unwrap().text(), "early", "{length}");
        assert_eq!(web::get(&rig.connect(), "/").unwrap().text(), "next", "behind {length} bytes");
    }
}
