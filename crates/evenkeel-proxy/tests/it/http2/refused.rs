//! What is refused, and that nothing of it reaches a backend.

use super::*;
use evenkeel_testkit::http2::raw::{self, END_HEADERS, END_STREAM, Frame, kind};

/// Says `bytes` behind the beginning of a connection, and gives what comes until a stream or the connection is over.
fn ending(peer: &Peer, bytes: &[u8]) -> (u8, u32) {
    peer.send(&[raw::hello(), bytes.to_vec()].concat()).unwrap();
    loop {
        let Frame { kind, flags, payload, .. } = Frame::read(|length| peer.receive(length)).unwrap();
        let number = |at: usize| u32::from_be_bytes(payload[at..at + 4].try_into().unwrap());
        match kind {
            kind::RST_STREAM => return (kind, number(0)),
            kind::GOAWAY => return (kind, number(4)),
            kind::HEADERS if flags & END_STREAM != 0 => return (kind, 0),
            kind::DATA if flags & END_STREAM != 0 => return (kind, 0),
            _ => {}
        }
    }
}

fn head(fields: &[(&str, &str)]) -> Vec<u8> {
    raw::frame(kind::HEADERS, END_HEADERS | END_STREAM, 1, &raw::fields(fields))
}

const GET: (&str, &str) = (":method", "GET");
const HTTP: (&str, &str) = (":scheme", "http");
const HOST: (&str, &str) = (":authority", "web.test");
const ROOT: (&str, &str) = (":path", "/");

#[test]
fn what_breaks_the_rules_of_http_2_is_reset_and_reaches_nobody() {
    let server = named("a");
    let mut rig = rig(&[&server], rules());
    for fields in [
        &[GET, HTTP, HOST, ROOT, ("connection", "close")][..],
        &[GET, HTTP, HOST, ROOT, ("transfer-encoding", "chunked")],
        &[GET, HTTP, HOST, ROOT, ("upgrade", "websocket")],
        &[GET, HTTP, HOST, ROOT, ("keep-alive", "5")],
        &[GET, HTTP, HOST, ROOT, ("proxy-connection", "close")],
        &[GET, HTTP, HOST, ROOT, ("te", "gzip")],
        &[GET, HTTP, HOST, ROOT, ("content-length", "5")],
        &[GET, HTTP, HOST, ROOT, ("content-length", "0"), ("content-length", "1")],
        &[GET, HTTP, HOST, ROOT, ("content-length", "+0")],
        &[GET, HTTP, HOST, ROOT, GET],
        &[GET, HTTP, HOST, ROOT, ("a", "b"), GET],
        &[GET, HTTP, HOST],
        &[GET, HOST, ROOT],
        &[HTTP, HOST, ROOT],
        &[GET, HTTP, HOST, (":path", "")],
        &[GET, HTTP, HOST, (":path", "evil")],
        &[GET, HTTP, HOST, (":path", "http://evil.test/")],
        &[GET, HTTP, HOST, ROOT, (":status", "200")],
        &[(":method", "GET"), (":protocol", "websocket"), HTTP, HOST, ROOT],
        &[(":method", "CONNECT"), (":protocol", "websocket"), HOST, ROOT],
        &[(":method", "CONNECT"), HTTP, HOST, ROOT],
    ] {
        let peer = rig.connect();
        assert_eq!(ending(&peer, &head(fields)), (kind::RST_STREAM, 1), "{fields:?}");
        assert_eq!(fate(&rig.request()), (None, "http2-stream"), "{fields:?}");
    }
    assert_eq!(server.accepted(), 0);
}

#[test]
fn what_no_field_may_be_breaks_the_connection_or_the_stream() {
    let server = named("a");
    let mut rig = rig(&[&server], rules());
    for field in [
        ("X-Upper", "a"),
        ("a b", "c"),
        ("a:", "c"),
        ("", "c"),
        ("a\r\nb", "c"),
        ("a", "b\r\nTransfer-Encoding: chunked"),
        ("a", "b\nc"),
        ("a", "b\rc"),
        ("a", "b\0c"),
        (":unknown", "a"),
        (":method", "GET / HTTP/1.1\r\nHost: evil\r\n\r\n"),
        (":path", "/ HTTP/1.1\r\nHost: evil\r\n\r\n"),
    ] {
        let peer = rig.connect();
        let (what, _) = ending(&peer, &head(&[GET, HTTP, HOST, ROOT, field]));
        assert!(matches!(what, kind::RST_STREAM | kind::GOAWAY), "{field:?}");
        let (status, word) = fate(&rig.request());
        assert!(status.is_none() && word.starts_with("http2-"), "{word}");
    }
    assert_eq!(server.accepted(), 0);
}

#[test]
fn what_is_refused_of_http_1_is_refused_of_http_2_with_the_same_words() {
    let server = named("a");
    let mut short = rules();
    short.body_max = Some(10);
    let mut rig = rig(&[&server], short);
    let long = "x".repeat(2000);
    let longer = "x".repeat(4500);
    let long_path = format!("/{long}");
    let many: Vec<_> = [GET, HTTP, HOST, ROOT].into_iter().chain([("x", "y"); 40]).collect();
    for (fields, status, word) in [
        (&[GET, HTTP, HOST, ROOT, ("host", "evil.test")][..], 400, "host"),
        (&[GET, HTTP, ROOT], 400, "host"),
        (&[GET, HTTP, ROOT, ("host", "a"), ("host", "b")], 400, "host"),
        (&[GET, HTTP, (":authority", "user@web.test"), ROOT], 400, "host"),
        (&[GET, HTTP, HOST, (":path", "*")], 400, "target"),
        (&[GET, HTTP, HOST, ROOT, ("expect", "miracles")], 417, "expectation"),
        (&[(":method", "CONNECT"), (":authority", "web.test:443")], 405, "connect"),
        (&[GET, HTTP, HOST, (":path", &long_path)], 414, "target-too-long"),
        (&[GET, HTTP, HOST, ROOT, ("x", &longer)], 431, "head-too-long"),
        (&many, 431, "too-many-fields"),
    ] {
        let peer = rig.connect();
        let (what, why) = ending(&peer, &head(fields));
        assert!(matches!(what, kind::HEADERS | kind::DATA), "{fields:?}: {what} {why}");
        assert_eq!(fate(&rig.request()), (Some(status), word), "{fields:?}");
    }
    assert_eq!(server.accepted(), 0);

    let peer = rig.connect();
    let client = Client::new(&peer);
    let mut asked = request("PUT", "/");
    asked.headers_mut().append("content-length", 11.into());
    let (answer, _body) = client.begin(asked, false);
    assert_eq!(client.wait(answer).unwrap().status, 413);
    assert_eq!(fate(&rig.request()), (Some(413), "body-too-long"));
}

#[test]
fn a_tunnel_that_was_refused_is_told_with_where_to() {
    let server = named("a");
    let mut rig = rig(&[&server], rules());
    let asked =
        raw::fields(&[(":method", "CONNECT"), (":authority", "web.test:443"), ("content-length", "3")]);
    ending(&rig.connect(), &raw::frame(kind::HEADERS, END_HEADERS, 1, &asked));
    assert_eq!(rig.request().said().target, "CONNECT web.test:443");
}

#[test]
fn a_host_that_is_said_twice_in_the_same_way_is_one() {
    let server = mirror();
    let rig = rig(&[&server], rules());
    let peer = rig.connect();
    let mut asked = request("GET", "/");
    asked.headers_mut().append("host", "WEB.test".parse().unwrap());
    let answer = Client::new(&peer).ask(asked, b"", HeaderMap::new()).unwrap();
    assert_eq!(answer.text().matches("ost: ").count(), 2, "`Host` and `X-Forwarded-Host`: {}", answer.text());
}

#[test]
fn a_body_that_is_not_as_long_as_it_was_said_to_be_is_reset() {
    let server = Server::start(&Place::any(), |peer: &Peer| drop(peer.read_to_end()));
    let mut rig = rig(&[&server], rules());
    for body in ["123456", "1234"] {
        let peer = rig.connect();
        let fields = raw::get(&[("content-length", "5")]);
        let asked = [
            raw::frame(kind::HEADERS, END_HEADERS, 1, &fields),
            raw::frame(kind::DATA, END_STREAM, 1, body.as_bytes()),
        ];
        assert_eq!(ending(&peer, &asked.concat()), (kind::RST_STREAM, 1));
        assert_eq!(rig.request().status, None);
    }
}

#[test]
fn more_streams_than_may_be_open_are_refused_and_the_others_go_on() {
    let server = Server::start(&Place::any(), |peer: &Peer| drop(peer.read_to_end()));
    let mut rig = rig(&[&server], rules());
    let peer = rig.connect();
    let asked = (0..101).flat_map(|number| {
        raw::frame(kind::HEADERS, END_HEADERS | END_STREAM, number * 2 + 1, &raw::get(&[]))
    });
    assert_eq!(ending(&peer, &asked.collect::<Vec<_>>()), (kind::RST_STREAM, 7), "REFUSED_STREAM");
    assert_eq!(fate(&rig.request()), (None, "http2-stream"));
    eventually("the others are asked", || (server.open() == 100).then_some(()));
}

#[test]
fn streams_count_against_the_ceiling_of_the_process_for_each_may_have_a_backend() {
    let server = Server::start(&Place::any(), |peer: &Peer| drop(peer.read_to_end()));
    let mut parts = Parts::to(&[server.place()]);
    parts.reception.http = Some(Arc::new(rules()));
    (parts.workers, parts.max_sessions) = (1, 3);
    let mut rig = parts.start();
    let peer = rig.connect();
    let asked = (0..4).flat_map(|number| {
        raw::frame(kind::HEADERS, END_HEADERS | END_STREAM, number * 2 + 1, &raw::get(&[]))
    });
    assert_eq!(ending(&peer, &asked.collect::<Vec<_>>()), (kind::RST_STREAM, 7), "REFUSED_STREAM");
    assert_eq!(fate(&rig.request()), (None, "http2-stream"));
    eventually("the others are asked", || (server.open() == 3).then_some(()));
    peer.reset();
    let next = rig.connect();
    let client = Client::new(&next);
    let _asked: Vec<_> = (0..3).map(|_| client.begin(request("GET", "/"), true)).collect();
    client.wait_until(|| server.accepted() == 6);
}
