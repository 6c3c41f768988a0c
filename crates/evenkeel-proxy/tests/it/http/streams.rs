//! Bodies of any size in both directions, early answers, and other protocols.

use super::*;
use evenkeel_testkit::{Pattern, Peer, serve};
use std::sync::mpsc::channel;

const LONG: u64 = 20_000_000;
const PIECE: u64 = 100_000;

#[test]
fn long_bodies_go_both_ways_at_once() {
    let pattern = Pattern::new(7);
    let (server_pattern, echo_length) = (pattern.clone(), LONG);
    let server = Server::start(&Place::any(), move |peer| {
        let Ok(head) = web::read_head(peer) else { return };
        let _ = peer.send(format!("HTTP/1.1 200 OK\r\nContent-Length: {echo_length}\r\n\r\n").as_bytes());
        assert!(head.contains("\r\nContent-Length: 20000000\r\n"), "{head}");
        for piece in 0..echo_length / PIECE {
            server_pattern.check(piece * PIECE, &peer.receive(PIECE as usize).unwrap());
            peer.send_pattern(&server_pattern, piece * PIECE, PIECE).unwrap();
        }
    });
    let rig = rig(&[&server], rules());
    let client = rig.connect();
    client.send(&web::request("POST / HTTP/1.1\nHost: a\nContent-Length: 20000000", "")).unwrap();
    std::thread::scope(|scope| {
        // Before the request is over the answer has begun.
        scope.spawn(|| client.send_pattern(&pattern, 0, LONG).unwrap());
        let head = web::read_head(&client).unwrap();
        assert!(head.starts_with("HTTP/1.1 200"), "{head}");
        let mut buffer = vec![0; 1 << 16];
        let mut total = 0;
        while total < LONG {
            let n = client.read(&mut buffer).unwrap();
            pattern.check(total, &buffer[..n]);
            total += n as u64;
        }
    });
}

#[test]
fn chunks_go_through_as_chunks() {
    let server = Server::start(
        &Place::any(),
        web::serve(|asked| {
            assert_eq!(asked.field("content-length"), None);
            let body = asked.text();
            format!(
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{:x}\r\n{body}\r\n0\r\nX-Sum: 1\r\n\r\n",
                body.len()
            )
            .into_bytes()
        }),
    );
    let rig = rig(&[&server], rules());
    let client = rig.connect();
    for _ in 0..3 {
        let lines = "POST / HTTP/1.1\nHost: a\nTransfer-Encoding: chunked";
        client.send(&web::request(lines, "5;x=y\r\nhello\r\n6\r\n world\r\n0\r\n\r\n")).unwrap();
        assert_eq!(web::read_answer(&client).unwrap().text(), "hello world");
    }
    assert_eq!(server.accepted(), 1);
}

#[test]
fn an_answer_and_a_request_may_come_byte_by_byte() {
    let answers =
        ["HTTP/1.1 103 Early Hints\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nslow"].concat();
    let server = Server::start(&Place::any(), move |peer| {
        while web::read_request(peer).is_ok() {
            answers.as_bytes().chunks(1).for_each(|byte| drop(peer.send(byte)));
        }
    });
    let mut rig = rig(&[&server], rules());
    let client = rig.connect();
    for _ in 0..20 {
        b"GET / HTTP/1.1\r\nHost: a\r\n\r\n".chunks(1).for_each(|byte| client.send(byte).unwrap());
        assert!(web::read_answer(&client).unwrap().first_line().ends_with("103 Early Hints"));
        assert_eq!(web::read_answer(&client).unwrap().text(), "slow");
        assert!(rig.request().failed_attempts.is_empty());
    }
}

#[test]
fn a_client_that_does_not_read_stops_its_backend() {
    let pattern = Pattern::new(3);
    let (sent, news) = channel();
    let server = Server::start(&Place::any(), move |peer| {
        let _ = web::read_request(peer);
        let _ = peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 200000000\r\n\r\n");
        peer.set_patience(SOON);
        // A write that blocks for so long fails: the other side is full.
        let failed = (0..).map(|n| peer.send_pattern(&pattern, n * 100_000, 100_000)).take(2000);
        let _ = sent.send(failed.take_while(Result::is_ok).count());
    });
    let rig = rig(&[&server], rules());
    let client = rig.connect();
    client.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
    let taken = news.recv_timeout(PATIENCE).unwrap();
    assert!(taken < 1000, "{taken} pieces of 100 kB went somewhere");
}

#[test]
fn who_waits_to_be_told_to_go_on_is_told_by_the_backend() {
    let server = Server::start(&Place::any(), |peer| {
        let Ok(head) = web::read_head(peer) else { return };
        assert!(head.contains("Expect: 100-continue"), "{head}");
        let _ = peer.send(b"HTTP/1.1 100 Continue\r\n\r\n");
        let body = peer.receive(5).unwrap();
        let _ = peer.send(&web::ok(&String::from_utf8_lossy(&body)));
    });
    let rig = rig(&[&server], rules());
    let client = rig.connect();
    let lines = "PUT / HTTP/1.1\nHost: a\nContent-Length: 5\nExpect: 100-continue";
    client.send(&web::request(lines, "")).unwrap();
    assert_eq!(web::read_head(&client).unwrap(), "HTTP/1.1 100 Continue\r\n\r\n");
    client.send(b"hello").unwrap();
    assert_eq!(web::read_answer(&client).unwrap().text(), "hello");
}

#[test]
fn an_answer_before_the_request_is_over_ends_the_connection_and_is_heard() {
    let server = Server::start(&Place::any(), |peer| {
        let _ = web::read_head(peer);
        let _ = peer.send(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno");
        let _ = peer.read_to_end();
    });
    let mut rig = rig(&[&server], rules());
    let client = rig.connect();
    client.send(&web::request("PUT / HTTP/1.1\nHost: a\nContent-Length: 500", "some")).unwrap();
    let answer = web::read_answer(&client).unwrap();
    assert_eq!((answer.status(), answer.field("connection")), (403, Some("close")));
    assert_eq!(client.text(), "");
    assert_eq!(fate(&rig.request()), (Some(403), "ok"));
}

#[test]
fn another_protocol_is_relayed_with_what_was_said_already() {
    let server = Server::start(&Place::any(), |peer: &Peer| {
        let Ok(head) = web::read_head(peer) else { return };
        assert!(head.contains("\r\nConnection: upgrade\r\nUpgrade: websocket\r\n"), "{head}");
        let _ = peer.send(b"HTTP/1.1 101 Go\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nhello");
        serve::echo(peer);
    });
    let mut rig = rig(&[&server], rules());
    let client = rig.connect();
    let lines = "GET /ws HTTP/1.1\nHost: a\nConnection: Upgrade\nUpgrade: websocket";
    client.send(&web::request(lines, "early")).unwrap();
    let head = web::read_head(&client).unwrap();
    assert!(head.starts_with("HTTP/1.1 101 Go\r\n") && head.contains("Upgrade: websocket"), "{head}");
    assert_eq!(client.receive(10).unwrap(), b"helloearly");
    client.check_echo("and on");
    client.finish();
    assert_eq!(client.text(), "");
    assert_eq!(fate(&rig.request()), (Some(101), "upgraded"));
    assert_eq!(rig.record().end.word(), "ok");
}

#[test]
fn a_client_that_leaves_takes_its_request_along() {
    let (left, news) = channel();
    let server = Server::start(&Place::any(), move |peer| {
        let _ = web::read_request(peer);
        let _ = left.send(peer.read_to_end().0.len());
    });
    let mut rig = rig(&[&server], rules());
    let client = rig.connect();
    client.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
    evenkeel_testkit::eventually("it was asked", || (server.open() == 1).then_some(()));
    client.reset();
    assert_eq!(news.recv_timeout(PATIENCE), Ok(0));
    assert_eq!(fate(&rig.request()), (None, "client-left"));
}

#[test]
fn a_client_that_leaves_in_the_length_of_a_chunk_has_left() {
    let (asked, news) = channel();
    let server = Server::start(&Place::any(), move |peer| {
        let _ = web::read_request(peer).and_then(|_| peer.send(&web::ok("a")));
        let _ = asked.send(web::read_head(peer).is_ok());
        let _ = peer.read_to_end();
    });
    let mut rig = rig(&[&server], rules());
    let client = rig.connect();
    web::get(&client, "/").unwrap();
    client.send(&web::request("PUT / HTTP/1.1\nHost: a\nTransfer-Encoding: chunked", "")).unwrap();
    assert_eq!(news.recv_timeout(PATIENCE), Ok(true));
    client.send(b"5").unwrap();
    client.finish();
    assert_eq!(fate(&rig.request()), (Some(200), "ok"));
    assert_eq!(fate(&rig.request()), (None, "client-left"));
}
