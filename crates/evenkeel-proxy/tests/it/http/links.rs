//! Connections to backends: used again, bounded, and closed in time.

use super::*;
use evenkeel_testkit::eventually;

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
