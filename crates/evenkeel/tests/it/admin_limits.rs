//! What strangers at the admin API can have: so many connections, so many bytes, so much time.

use crate::ask::{Answer, exchange, request};
use crate::harness::Setup;
use evenkeel_testkit::{Server, eventually};
use std::io::{ErrorKind, Read, Write};
use std::time::{Duration, Instant};

/// As in the server.
const CONNECTIONS_MAX: usize = 32;

#[test]
fn a_request_is_only_so_long() {
    let server = Server::echo();
    let running = Setup::to([server.place()]).ready();
    let body = format!("{{\"x\": \"{}\"}}", "x".repeat(1 << 20));
    let head = request("POST", "/api/v1/reload", &format!("host: x\r\ncontent-length: {}\r\n", body.len()));
    assert_eq!(exchange(running.admin(), &(head + &body)).status, 413);
    let long = request("GET", "/livez", &format!("host: x\r\nx: {}\r\n", "x".repeat(20 << 10)));
    assert_eq!(exchange(running.admin(), &long).status, 431);
    let many = request("GET", "/livez", &"a: b\r\n".repeat(100));
    assert_eq!(exchange(running.admin(), &many).status, 431);
    assert_eq!(exchange(running.admin(), "no HTTP at all\r\n\r\n").status, 400);
    assert_eq!(running.ask("GET", "/livez").status, 200);
}

#[test]
fn connections_are_so_many_and_who_is_slow_gives_way() {
    let server = Server::echo();
    let running = Setup::to([server.place()]).ready();
    let mut idle: Vec<_> = (0..CONNECTIONS_MAX).map(|_| running.admin()).collect();
    // Half a head, from one of them.
    idle[0].write_all(b"GET /livez HT").unwrap();
    let began = Instant::now();
    assert_eq!(running.ask("GET", "/livez").status, 200, "served once the first were given up");
    let waited = began.elapsed();
    assert!((Duration::from_secs(5)..Duration::from_secs(20)).contains(&waited), "{waited:?}");
    for mut stream in idle {
        stream.set_nonblocking(true).unwrap();
        eventually("it was closed", || match stream.read(&mut [0; 1024]) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => None,
            Ok(0) | Err(_) => Some(()),
            Ok(_) => None,
        });
    }
    running.connect().check_echo("traffic never noticed");
}

#[test]
fn a_body_that_does_not_come_is_given_up_and_nothing_is_done() {
    let server = Server::echo();
    let mut running = Setup::to([server.place()]).ready();
    let mut slow = running.admin();
    // The first bytes of a body, and then one now and then: what counts is when the last one has come.
    let head = request("POST", "/api/v1/reload", "host: x\r\ncontent-length: 100\r\n");
    slow.write_all((head + "{").as_bytes()).unwrap();
    slow.set_read_timeout(Some(Duration::from_millis(500))).unwrap();
    let (began, mut answer) = (Instant::now(), Vec::new());
    let status = eventually("it is refused", || {
        let _ = slow.write_all(b" ");
        let mut bytes = [0; 1024];
        let count = slow.read(&mut bytes).unwrap_or(0);
        answer.extend_from_slice(&bytes[..count]);
        answer.ends_with(b"}\n").then(|| Answer::parse(&answer).status)
    });
    let waited = began.elapsed();
    assert_eq!(status, 408);
    assert!((Duration::from_secs(8)..Duration::from_secs(20)).contains(&waited), "{waited:?}");
    assert_eq!(running.count_events("reloaded"), 0);
}

#[test]
fn only_so_many_follow_the_events() {
    let server = Server::echo();
    let running = Setup::to([server.place()]).ready();
    let follow = "GET /api/v1/events?follow HTTP/1.1\r\nhost: x\r\n\r\n";
    let mut followers: Vec<_> = (0..16)
        .map(|_| {
            let mut stream = running.admin();
            stream.write_all(follow.as_bytes()).unwrap();
            stream.read_exact(&mut [0; 12]).unwrap();
            stream
        })
        .collect();
    assert_eq!(running.ask("GET", "/api/v1/events?follow").status, 503);
    followers.pop();
    let mut stream = eventually("there is room again", || {
        let mut stream = running.admin();
        stream.write_all(follow.as_bytes()).unwrap();
        let mut begin = [0; 12];
        stream.read_exact(&mut begin).unwrap();
        (&begin == b"HTTP/1.1 200").then_some(stream)
    });
    assert_eq!(running.ask("POST", "/api/v1/reload").status, 200);
    assert!(stream.read(&mut [0; 1024]).unwrap() > 0);
}
