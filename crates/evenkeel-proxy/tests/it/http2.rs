//! Requests that come by HTTP/2, through real sockets.

mod backends;
mod calls;
mod flood;
mod mutated;
mod refused;
mod relayed;
mod shared;
mod streams;

use crate::http::{SOON, fate, mirror, named, rig, rules};
use crate::rig::Parts;
use crate::tls::{Keys, NAME, originate, terminate};
use evenkeel_core::http::version::Version;
use evenkeel_core::snapshot::Http2Rules;
use evenkeel_testkit::http2::raw::{self, Frame, kind};
use evenkeel_testkit::http2::{Client, HeaderMap, request};
use evenkeel_testkit::web::{self, Message};
use evenkeel_testkit::{PATIENCE, Peer, Place, Server, TlsPeer, eventually};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

/// A message of HTTP/1 that came as somebody's body.
fn heard(text: String) -> Message {
    Message { head: text, body: Vec::new() }
}

#[test]
fn each_request_of_a_connection_goes_to_the_next_backend() {
    let servers = [named("a"), named("b"), named("c")];
    let mut rig = rig(&servers.each_ref(), rules());
    let peer = rig.connect();
    let client = Client::new(&peer);
    let said: Vec<_> = (0..6).map(|_| client.get("/").unwrap().text()).collect();
    assert_eq!(said, ["a", "b", "c", "a", "b", "c"]);
    assert!(servers.iter().all(|server| server.accepted() == 1), "their connections are used again");
    let records: Vec<_> = (0..6).map(|_| rig.request()).collect();
    assert_eq!(records.iter().map(|it| it.number).collect::<Vec<_>>(), [1, 2, 3, 4, 5, 6]);
    assert!(records.iter().all(|it| it.version == Version::Http2 && it.session == records[0].session));
    assert_eq!((fate(&records[0]), records[0].said().target.as_str()), ((Some(200), "ok"), "/"));
    assert!(records[0].connect.is_some() && records[5].connect.is_none());
}

#[test]
fn requests_that_come_at_once_are_served_at_once_and_each_gets_its_own_answer() {
    let servers = [mirror(), mirror()];
    let rig = rig(&servers.each_ref(), rules());
    let peer = rig.connect();
    let client = Client::new(&peer);
    // More than may be open at once: the others wait for their turn.
    let paths: Vec<_> = (0..150).map(|number| format!("/{number}")).collect();
    for (path, answer) in paths.iter().zip(client.get_all(&paths)) {
        assert!(answer.unwrap().text().starts_with(&format!("GET {path} HTTP/1.1\r\n")));
    }
}

#[test]
fn a_backend_of_http_1_gets_what_it_is_used_to() {
    let server = mirror();
    let rig = rig(&[&server], rules());
    let peer = rig.connect();
    let mut asked = request("POST", "/x?y=1");
    for (name, value) in
        [("x-forwarded-for", "6.6.6.6"), ("cookie", "a=1"), ("cookie", "b=2"), ("te", "trailers")]
    {
        asked.headers_mut().append(name, value.parse().unwrap());
    }
    let answer = Client::new(&peer).ask(asked, b"", HeaderMap::new()).unwrap();
    let heard = heard(answer.text());
    assert_eq!(heard.first_line(), "POST /x?y=1 HTTP/1.1");
    assert_eq!((heard.field("host"), heard.field("content-length")), (Some("web.test"), Some("0")));
    assert_eq!((heard.field("cookie"), heard.field("te")), (Some("a=1; b=2"), None));
    assert_eq!(heard.field("x-forwarded-for"), Some("127.0.0.1"));
    assert_eq!(heard.field("x-request-id").map(str::len), Some(32));
}

#[test]
fn answers_without_a_body_are_over_with_their_heads() {
    let server = Server::start(
        &Place::any(),
        web::serve(|asked| match asked.first_line() {
            "HEAD / HTTP/1.1" => b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n".to_vec(),
            "GET /204 HTTP/1.1" => b"HTTP/1.1 204 No Content\r\n\r\n".to_vec(),
            "GET /304 HTTP/1.1" => b"HTTP/1.1 304 Not Modified\r\nETag: \"x\"\r\n\r\n".to_vec(),
            _ => b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: keep-alive\r\nKeep-Alive: 5\r\n\r\n"
                .to_vec(),
        }),
    );
    let rig = rig(&[&server], rules());
    let peer = rig.connect();
    let client = Client::new(&peer);
    let head = client.ask(request("HEAD", "/"), b"", HeaderMap::new()).unwrap();
    assert!(head.is_bare && head.field("content-length") == Some("99"));
    let statuses = ["/204", "/304", "/"].map(|path| {
        let answer = client.get(path).unwrap();
        assert!(answer.is_bare && answer.field("connection").is_none(), "{path}");
        assert!(answer.field("keep-alive").is_none(), "{path}");
        answer.status
    });
    assert_eq!(statuses, [204, 304, 200]);
}

#[test]
fn an_idle_client_is_told_to_go() {
    let server = named("a");
    let mut short = rules();
    short.timeouts.keep_alive = SOON;
    let rig = rig(&[&server], short);
    let peer = rig.connect();
    let client = Client::new(&peer);
    assert_eq!(client.get("/").unwrap().text(), "a");
    client.wait_for_goodbye();
}

#[test]
fn a_draining_worker_finishes_the_streams_that_it_has() {
    let go = Arc::new(AtomicBool::new(false));
    let gone = Arc::clone(&go);
    let server = Server::start(&Place::any(), move |peer: &Peer| {
        let begin = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ndo";
        let _ = web::read_request(peer).and_then(|_| peer.send(begin));
        eventually("it may go on", || gone.load(Relaxed).then_some(()));
        let _ = peer.send(b"ne");
    });
    let mut rig = rig(&[&server], rules());
    let peer = rig.connect();
    let client = Client::new(&peer);
    let (answer, _body) = client.begin(request("GET", "/"), true);
    client.wait_until(|| server.open() == 1);
    rig.plane().drain(PATIENCE);
    client.wait_for_goodbye();
    go.store(true, Relaxed);
    assert_eq!(client.wait(answer).unwrap().text(), "done");
    assert_eq!(fate(&rig.request()), (Some(200), "ok"));
}

#[test]
fn under_tls_it_is_agreed_upon() {
    let (keys, server) = (Keys::new(), mirror());
    let mut parts = Parts::to(&[server.place()]);
    let mut config = keys.server().as_ref().clone();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    terminate(&mut parts, config, PATIENCE);
    parts.workers = 1;
    parts.reception.http = Some(Arc::new(rules()));
    let mut rig = parts.start();
    let connect = |protocol: &[u8]| {
        let mut config = keys.client().as_ref().clone();
        config.alpn_protocols = vec![protocol.to_vec()];
        TlsPeer::connect(&rig.place, &Arc::new(config), NAME).unwrap()
    };
    let client = connect(b"h2");
    let ask = raw::frame(kind::HEADERS, raw::END_HEADERS | raw::END_STREAM, 1, &raw::get(&[]));
    client.send(&[raw::hello(), ask].concat()).unwrap();
    let body = loop {
        let frame = Frame::read(|length| client.receive(length)).unwrap();
        if frame.kind == kind::DATA {
            break String::from_utf8(frame.payload).unwrap();
        }
    };
    assert_eq!(heard(body).field("x-forwarded-proto"), Some("https"));

    let client = connect(b"http/1.1");
    client.send(&raw::hello()).unwrap();
    assert!(client.receive(12).unwrap().starts_with(b"HTTP/1.1 505"), "something else was agreed upon");
    assert_eq!(fate(&rig.request()), (Some(200), "ok"));
    assert_eq!(fate(&rig.request()), (Some(505), "version"));
}
