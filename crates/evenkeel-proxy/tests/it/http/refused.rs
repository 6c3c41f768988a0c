//! What is refused, and that nothing of it reaches a backend.

use super::*;
use evenkeel_core::http::refusal::Refusal;

#[test]
fn what_could_be_read_in_two_ways_reaches_nobody_and_ends_the_connection() {
    let server = named("a");
    let mut rig = rig(&[&server], rules());
    for (lines, refusal) in [
        ("POST / HTTP/1.1\nHost: a\nContent-Length: 5\nTransfer-Encoding: chunked", Refusal::LengthAndCoding),
        ("POST / HTTP/1.1\nHost: a\nContent-Length: 5\nContent-Length: 6", Refusal::Length),
        ("POST / HTTP/1.1\nHost: a\nTransfer-Encoding: chunked, chunked", Refusal::Coding),
        ("POST / HTTP/1.1\nHost: a\nTransfer-Encoding : chunked", Refusal::FieldName),
        ("GET / HTTP/1.1\nHost: a\nX: y\n z", Refusal::Folded),
        ("GET / HTTP/1.1\nHost: a\nHost: b", Refusal::Host),
        ("GET http://b/ HTTP/1.1\nHost: a", Refusal::Host),
        ("CONNECT a:443 HTTP/1.1\nHost: a", Refusal::Connect),
        ("GET / HTTP/3.0\nHost: a", Refusal::Version),
    ] {
        let client = rig.connect();
        let smuggled = web::request("GET /smuggled HTTP/1.1\nHost: a", "");
        client.send(&[web::request(lines, ""), smuggled].concat()).unwrap();
        let answer = web::read_answer(&client).unwrap();
        assert_eq!(
            (answer.status(), answer.field("connection")),
            (refusal.status(), Some("close")),
            "{lines}"
        );
        assert_eq!(client.text(), "", "no second answer");
        let record = rig.request();
        assert_eq!(fate(&record), (Some(refusal.status()), refusal.word()), "{lines}");
        assert_eq!(record.said().target, lines.lines().next().unwrap());
    }
    assert_eq!(server.accepted(), 0);
}

#[test]
fn a_bare_line_feed_is_refused_at_once() {
    let server = named("a");
    let mut rig = rig(&[&server], rules());
    let client = rig.connect();
    client.send(b"GET / HTTP/1.1\n").unwrap();
    assert_eq!(web::read_answer(&client).unwrap().status(), 400);
    assert_eq!(rig.request().outcome.word(), "line-end");
}

#[test]
fn what_is_too_long_or_too_slow_is_told_so() {
    let server = named("a");
    let mut short = rules();
    short.timeouts.head = SOON;
    short.timeouts.body = SOON;
    short.body_max = Some(10);
    let mut rig = rig(&[&server], short);
    let long = "x".repeat(2000);
    for (sent, status, word) in [
        (web::request(&format!("GET /{long} HTTP/1.1\nHost: a"), ""), 414, "target-too-long"),
        (format!("GET /{}", "x".repeat(5000)).into_bytes(), 414, "target-too-long"),
        (
            web::request(&format!("GET / HTTP/1.1\nHost: a\nX: {}", "x".repeat(5000)), ""),
            431,
            "head-too-long",
        ),
        (
            web::request(&format!("GET / HTTP/1.1\nHost: a{}", "\nX: y".repeat(40)), ""),
            431,
            "too-many-fields",
        ),
        ("\r\n".repeat(2048).into_bytes(), 431, "head-too-long"),
        (web::request("PUT / HTTP/1.1\nHost: a\nContent-Length: 11", ""), 413, "body-too-long"),
        (b"GET / HTTP/1.1\r\nHost: a\r\n".to_vec(), 408, "head-late"),
        (web::request("PUT / HTTP/1.1\nHost: a\nContent-Length: 5", "a"), 408, "body-late"),
    ] {
        let client = rig.connect();
        client.send(&sent).unwrap();
        let answer = web::read_answer(&client).unwrap();
        assert_eq!((answer.status(), rig.request().outcome.word()), (status, word));
    }
    let client = rig.connect();
    let chunks = web::request("PUT / HTTP/1.1\nHost: a\nTransfer-Encoding: chunked", "20\r\n");
    client.send(&[chunks, vec![b'x'; 32]].concat()).unwrap();
    assert_eq!(web::read_answer(&client).unwrap().status(), 413);
    assert_eq!(rig.request().outcome.word(), "body-too-long");
    assert_eq!(rig.connect().text(), "", "who says nothing is told nothing");
}

#[test]
fn a_chunk_that_is_none_ends_the_request() {
    let server = named("a");
    let mut rig = rig(&[&server], rules());
    let client = rig.connect();
    client.send(&web::request("PUT / HTTP/1.1\nHost: a\nTransfer-Encoding: chunked", "5;\nhello")).unwrap();
    assert_eq!(web::read_answer(&client).unwrap().status(), 400);
    assert_eq!(fate(&rig.request()), (Some(400), "chunk"));
}
