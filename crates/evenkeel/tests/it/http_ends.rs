//! How answers and connections end whose clients do not take them, or go on speaking.

use crate::harness::{Running, Setup};
use crate::tls::ends_tls;
use evenkeel_testkit::http2::raw::{self, END_HEADERS, END_STREAM, Frame, kind};
use evenkeel_testkit::tls::client;
use evenkeel_testkit::web::{self, Message};
use evenkeel_testkit::{Authority, Ending, Place, Server, TlsPeer, eventually};
use std::sync::Arc;

/// Bytes of the body of an answer of ours.
const LENGTH: usize = 60_000;

/// A service that answers by itself.
fn ruled(keys: &str) -> Running {
    let route = format!(
        "[http.web.route]\n\"/*\" = {{ answer = {{ status = 200, body = \"{}\" }} }}",
        "x".repeat(LENGTH)
    );
    Setup::to([&Place::local(1)]).http().keys(keys).keys(&route).ready()
}

#[test]
fn nothing_follows_an_answer_of_ours_that_was_not_taken_in_time() {
    let mut running = ruled("timeout.body = \"300ms\"");
    let client = running.connect();
    client.send(&web::request("GET / HTTP/1.1\nHost: a", "").repeat(1000)).unwrap();
    let line =
        running.wait_for("it is cut", |line| line["kind"] == "request" && line["outcome"] == "stalled");
    assert_eq!((&line["status"], &line["by"]), (&200.into(), &"evenkeel".into()), "{line}");
    assert!(line["to_client"].as_u64().unwrap() < LENGTH as u64, "only what was taken: {line}");
    let (heard, ending) = client.read_to_end();
    assert_eq!(ending, Ending::Reset, "a cut does not look like an end");
    let mut rest = &heard[..];
    while let Some(end) = rest.windows(4).position(|four| four == b"\r\n\r\n") {
        let (head, body) = rest.split_at(end + 4);
        assert!(head.starts_with(b"HTTP/1.1 200 OK\r\n"));
        let (body, next) = body.split_at(body.len().min(LENGTH));
        assert!(body.iter().all(|byte| *byte == b'x'), "another answer in the body");
        rest = next;
    }
    running.end();
}

#[test]
fn a_stream_without_room_for_an_answer_of_ours_is_reset_in_time_and_told_of() {
    let mut running = ruled("timeout.body = \"300ms\"");
    let peer = running.connect();
    let no_room = raw::frame(kind::SETTINGS, 0, 0, &[0, 4, 0, 0, 0, 0]);
    let get = raw::frame(kind::HEADERS, END_HEADERS | END_STREAM, 1, &raw::get(&[]));
    peer.send(&[raw::PREFACE, &no_room, &get].concat()).unwrap();
    let reset = loop {
        let frame = Frame::read(|length| peer.receive(length)).unwrap();
        assert!(frame.kind != kind::DATA || frame.payload.is_empty(), "there is no room for that");
        if frame.kind == kind::RST_STREAM {
            break frame;
        }
    };
    assert_eq!((reset.stream, reset.number(0)), (1, 2), "it did not end in order");
    let line = running.wait_for("it", |line| line["kind"] == "request");
    assert_eq!((&line["outcome"], &line["status"]), (&"stalled".into(), &200.into()), "{line}");
    assert!(line["to_client"].as_u64().unwrap() < LENGTH as u64, "{line}");
    drop(peer);
    running.end();
}

#[test]
fn bytes_of_our_own_answers_are_counted_as_those_of_backends_are() {
    let running = ruled("");
    let client = running.connect();
    let answer = web::get(&client, "/").unwrap();
    let length = answer.head.len() + answer.body.len();
    let counted = format!("evenkeel_service_to_client_bytes_total{{service=\"web\"}} {length}\n");
    eventually("they are counted", || running.ask("GET", "/metrics").text.contains(&counted).then_some(()));
    let sessions = running.look("/api/v1/sessions");
    assert_eq!(sessions["sessions"][0]["to_client"], length, "{sessions}");
    drop(client);
    running.end();
}

/// Bytes of an answer that comes before its request is whole.
const EARLY: usize = 1_500_000;

#[test]
fn an_answer_that_comes_before_its_request_is_whole_reaches_a_client_that_goes_on_sending() {
    let server = Server::start(&Place::any(), |peer| {
        let _ = web::read_head(peer);
        let _ = peer.send(format!("HTTP/1.1 200 OK\r\nContent-Length: {EARLY}\r\n\r\n").as_bytes());
        let _ = peer.send(&vec![b'r'; EARLY]);
        let _ = peer.read_to_end();
    });
    let running = Setup::to([server.place()]).http().ready();
    let client = running.connect();
    client.socket().set_recv_buffer_size(16 * 1024).unwrap();
    client.send(&web::request("POST / HTTP/1.1\nHost: a\nContent-Length: 1000000000", "")).unwrap();
    std::thread::scope(|scope| {
        scope.spawn(|| while client.send(&[b'u'; 8192]).is_ok() {});
        let head = web::read_head(&client).unwrap();
        assert_eq!(Message { head, body: Vec::new() }.status(), 200);
        let mut left = EARLY;
        while left > 0 {
            let some = left.min(8192);
            client.receive(some).unwrap_or_else(|error| panic!("{left} bytes before the end: {error}"));
            left -= some;
        }
        // Or it would go on for as long as it may.
        let _ = client.socket().shutdown(std::net::Shutdown::Both);
    });
    running.end();
}

#[test]
fn a_client_that_speaks_tls_is_told_that_nothing_follows() {
    let authority = Authority::new("x");
    let server = Server::start(&Place::any(), web::serve(|_| web::ok("hello")));
    let keys = "timeout.keep-alive = \"200ms\"\ntimeout.head = \"200ms\"";
    let running = ends_tls(&server, &authority.sign(&["web.test"]), keys).http().ready();
    let config = Arc::new(client(Some(&authority), None));
    for asked in
        ["GET / HTTP/1.1\nHost: a\nConnection: close", "GET / HTTP/1.0", "GET / HTTP/1.1\nHost: a", ""]
    {
        let client = TlsPeer::connect(&running.place, &config, "web.test").unwrap();
        if !asked.is_empty() {
            client.send(&web::request(asked, "")).unwrap();
        }
        let (heard, ending) = client.read_to_end();
        assert_eq!(heard.ends_with(b"hello"), !asked.is_empty(), "{asked:?}");
        assert_eq!(ending, Some(Ending::Fin), "{asked:?}");
    }
    running.end();
}
