//! Bodies in both directions, what follows them, and streams that end before their time.

use super::*;
use crate::tls::tls_server;
use evenkeel_testkit::http2::{Bytes, HeaderMap, Reason};
use evenkeel_testkit::{Pattern, serve};
use std::sync::atomic::AtomicUsize;
use std::sync::mpsc::channel;

fn trailer(name: &'static str, value: &'static str) -> HeaderMap {
    HeaderMap::from_iter([(name.parse().unwrap(), value.parse().unwrap())])
}

#[test]
fn bodies_and_what_follows_them_go_both_ways() {
    let server = Server::start(&Place::any(), |peer: &Peer| {
        let Ok(head) = web::read_head(peer) else { return };
        assert!(
            head.contains("\r\ntransfer-encoding: chunked\r\n")
                || head.contains("Transfer-Encoding: chunked")
        );
        let mut rest = Vec::new();
        while !rest.ends_with(b"\r\n0\r\nx-after: body\r\n\r\n") {
            rest.extend(peer.receive(1).unwrap());
        }
        let answer = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n\
            5\r\nhello\r\n6\r\n world\r\n0\r\nX-Sum: 11\r\n\r\n";
        peer.send(answer).unwrap();
    });
    let rig = rig(&[&server], rules());
    let peer = rig.connect();
    let client = Client::new(&peer);
    let answer = client.ask(request("POST", "/"), b"a body", trailer("x-after", "body")).unwrap();
    assert_eq!((answer.text().as_str(), answer.field("transfer-encoding")), ("hello world", None));
    assert_eq!(answer.trailers, trailer("x-sum", "11"));
}

#[test]
fn long_bodies_go_both_ways_by_many_streams_at_once() {
    const LONG: usize = 2_000_000;
    let server = Server::start(
        &Place::any(),
        web::serve(|asked| {
            assert_eq!((asked.body.len(), asked.field("content-length")), (LONG, Some("2000000")));
            web::ok(&asked.text())
        }),
    );
    let rig = rig(&[&server], rules());
    let peer = rig.connect();
    let client = Client::new(&peer);
    let body: Vec<u8> = (0..LONG).map(|at| b'a' + (at / 1000 % 26) as u8).collect();
    let asked: Vec<_> = (0..5)
        .map(|_| {
            let mut asked = request("POST", "/");
            asked.headers_mut().append("content-length", LONG.into());
            let (answer, mut stream) = client.begin(asked, false);
            stream.send_data(Bytes::from(body.clone()), true).unwrap();
            answer
        })
        .collect();
    for answer in asked {
        assert!(client.wait(answer).unwrap().body == body);
    }
}

#[test]
fn a_hundred_streams_that_are_answered_at_once_have_their_own_answers() {
    let come = AtomicUsize::new(0);
    let server = Server::start(
        &Place::any(),
        web::serve(move |asked| {
            come.fetch_add(1, Relaxed);
            eventually("all have come", || (come.load(Relaxed) == 100).then_some(()));
            web::ok(&asked.first_line().repeat(100))
        }),
    );
    let rig = rig(&[&server], rules());
    let peer = rig.connect();
    let paths: Vec<String> = (0..100).map(|number| format!("/{number}")).collect();
    for (path, answer) in paths.iter().zip(Client::new(&peer).get_all(&paths)) {
        assert_eq!(answer.unwrap().text(), format!("GET {path} HTTP/1.1").repeat(100));
    }
}

/// Each has less room than a record of TLS.
#[test]
fn a_hundred_streams_at_once_have_their_answers_from_a_backend_under_tls() {
    const LONG: usize = 100_000;
    let keys = Keys::new();
    let server = tls_server(&keys, |peer| {
        let mut asked = Vec::new();
        while let Ok(byte) = peer.receive(1) {
            asked.extend(byte);
            if asked.ends_with(b"\r\n\r\n") {
                asked.clear();
                let _ = peer.send(&web::ok(&"a".repeat(LONG)));
            }
        }
    });
    let mut parts = Parts::to(&[server.place()]);
    originate(&mut parts, keys.client().as_ref().clone(), Some(NAME));
    parts.reception.http = Some(Arc::new(rules()));
    let rig = parts.start();
    let peer = rig.connect();
    let paths: Vec<String> = (0..100).map(|number| format!("/{number}")).collect();
    for answer in Client::new(&peer).get_all(&paths) {
        assert_eq!(answer.map(|answer| answer.body.len()).ok(), Some(LONG));
    }
}

#[test]
fn a_stream_that_does_not_read_stops_its_backend_and_no_other_stream() {
    let pattern = Pattern::new(3);
    let taken = Arc::new(AtomicUsize::new(0));
    let sent = Arc::clone(&taken);
    let server = Server::start(&Place::any(), move |peer| {
        let Ok(asked) = web::read_request(peer) else { return };
        if asked.first_line().contains("/short") {
            return drop(peer.send(&web::ok("short")));
        }
        let _ = peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 200000000\r\n\r\n");
        peer.set_patience(SOON);
        let pieces = (0..).map(|n| peer.send_pattern(&pattern, n * 100_000, 100_000)).take(2000);
        sent.store(pieces.take_while(Result::is_ok).count(), Relaxed);
    });
    let rig = rig(&[&server], rules());
    let peer = rig.connect();
    let client = Client::new(&peer);
    let unread = client.begin_unread(request("GET", "/long"));
    assert_eq!(client.get("/short").unwrap().text(), "short");
    client.wait_until(|| taken.load(Relaxed) > 0);
    let taken = taken.load(Relaxed);
    assert!(taken < 1000, "{taken} pieces of 100 kB went somewhere");
    assert_eq!(client.get("/short").unwrap().text(), "short");
    drop(unread);
}

#[test]
fn a_client_that_reads_nothing_for_a_while_gets_everything_in_the_end() {
    const LONG: u64 = 20_000_000;
    let pattern = Pattern::new(5);
    let sent = pattern.clone();
    let server = Server::start(&Place::any(), move |peer| {
        let _ = web::read_request(peer);
        let _ = peer.send(format!("HTTP/1.1 200 OK\r\nContent-Length: {LONG}\r\n\r\n").as_bytes());
        peer.send_pattern(&sent, 0, LONG).unwrap();
    });
    let mut rig = rig(&[&server], rules());
    let peer = rig.connect();
    // All of it is let in: it is the socket that takes no more.
    let room = 0x7000_0000_u32.to_be_bytes();
    let settings = raw::frame(kind::SETTINGS, 0, 0, &[&[0, 4], &room[..]].concat());
    let ask = raw::frame(kind::HEADERS, raw::END_HEADERS | raw::END_STREAM, 1, &raw::get(&[]));
    let window = raw::frame(kind::WINDOW_UPDATE, 0, 0, &room);
    peer.send(&[raw::PREFACE, &settings, &window, &ask].concat()).unwrap();
    rig.pass(SOON);
    let mut came = 0;
    while came < LONG {
        let frame = Frame::read(|length| peer.receive(length)).unwrap();
        if frame.kind == kind::DATA {
            pattern.check(came, &frame.payload);
            came += frame.payload.len() as u64;
        }
    }
    assert_eq!(fate(&rig.request()), (Some(200), "ok"));
}

#[test]
fn what_was_cut_is_reset_and_does_not_look_like_an_end() {
    for cut in ["Content-Length: 9\r\n\r\nhalf", "Transfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n"] {
        let server = Server::start(&Place::any(), move |peer: &Peer| {
            let _ = web::read_request(peer);
            let _ = peer.send(format!("HTTP/1.1 200 OK\r\n{cut}").as_bytes());
        });
        let mut rig = rig(&[&server], rules());
        let peer = rig.connect();
        let client = Client::new(&peer);
        let error = client.get("/").unwrap_err();
        assert_eq!(error.reason(), Some(Reason::INTERNAL_ERROR), "{error}");
        assert_eq!(fate(&rig.request()), (Some(200), "cut-short"));
        assert_eq!(
            client.get("/").unwrap_err().reason(),
            Some(Reason::INTERNAL_ERROR),
            "the connection goes on"
        );
    }
}

#[test]
fn an_answer_before_the_request_is_over_is_heard_and_the_connection_goes_on() {
    let server = Server::start(&Place::any(), |peer: &Peer| {
        let Ok(head) = web::read_head(peer) else { return };
        let answer = if head.starts_with("PUT") { "403 Forbidden" } else { "200 OK" };
        let _ = peer.send(format!("HTTP/1.1 {answer}\r\nContent-Length: 2\r\n\r\nno").as_bytes());
        let _ = peer.read_to_end();
    });
    let rig = rig(&[&server], rules());
    let peer = rig.connect();
    let client = Client::new(&peer);
    let (answer, _body) = client.begin(request("PUT", "/"), false);
    let answer = client.wait(answer).unwrap();
    assert_eq!((answer.status, answer.text().as_str()), (403, "no"));
    assert_eq!(client.get("/").unwrap().status, 200);
}

#[test]
fn a_stream_that_its_client_resets_takes_its_request_along_and_no_other() {
    let (left, news) = channel();
    let server = Server::start(&Place::any(), move |peer: &Peer| {
        let Ok(asked) = web::read_request(peer) else { return };
        if asked.first_line().contains("/other") {
            return drop(peer.send(&web::ok("other")));
        }
        let _ = left.send(peer.read_to_end().0.len());
    });
    let mut rig = rig(&[&server], rules());
    let peer = rig.connect();
    let client = Client::new(&peer);
    let (answer, mut stream) = client.begin(request("GET", "/"), true);
    client.wait_until(|| server.open() == 1);
    stream.send_reset(Reason::CANCEL);
    drop(answer);
    assert_eq!(client.get("/other").unwrap().text(), "other");
    assert_eq!(news.recv_timeout(PATIENCE), Ok(0));
    assert_eq!(fate(&rig.request()), (None, "client-left"));
    assert_eq!(fate(&rig.request()), (Some(200), "ok"));
}

#[test]
fn a_client_that_leaves_takes_all_of_its_requests_along() {
    let server = Server::start(&Place::any(), |peer: &Peer| drop(peer.read_to_end()));
    let mut rig = rig(&[&server], rules());
    let peer = rig.connect();
    let client = Client::new(&peer);
    let _asked: Vec<_> = (0..3).map(|_| client.begin(request("GET", "/"), true)).collect();
    client.wait_until(|| server.open() == 3);
    drop(client);
    peer.reset();
    for _ in 0..3 {
        assert_eq!(fate(&rig.request()), (None, "client-left"));
    }
    assert_eq!(rig.record().end.word(), "client-left");
}

#[test]
fn a_request_that_was_not_answered_goes_to_another_backend() {
    let dead = Server::start(&Place::any(), |peer: &Peer| drop(web::read_request(peer)));
    let alive = named("alive");
    let mut rig = rig(&[&dead, &alive], rules());
    let peer = rig.connect();
    let client = Client::new(&peer);
    for _ in 0..3 {
        assert_eq!(client.get("/").unwrap().text(), "alive");
    }
    assert_eq!(rig.request().failed_attempts.len(), 1);
}

#[test]
fn nothing_of_another_protocol_is_said() {
    let server = Server::start(&Place::any(), |peer: &Peer| {
        let _ = web::read_head(peer);
        let _ = peer.send(b"HTTP/1.1 101 Go\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nhello");
        serve::echo(peer);
    });
    let rig = rig(&[&server], rules());
    let peer = rig.connect();
    assert_eq!(Client::new(&peer).get("/").unwrap().status, 502);
}

#[test]
fn many_uploads_that_are_refused_in_the_middle_break_no_connection() {
    let server = Server::start(&Place::any(), |peer: &Peer| {
        let Ok(head) = web::read_head(peer) else { return };
        let answer = if head.starts_with("PUT") { "413 No" } else { "200 OK" };
        let _ = peer
            .send(format!("HTTP/1.1 {answer}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n").as_bytes());
        let _ = peer.read_to_end();
    });
    let rig = rig(&[&server], rules());
    let peer = rig.connect();
    let client = Client::new(&peer);
    // It is said how many there may be.
    assert_eq!(client.get("/").unwrap().status, 200);
    let mut uploads: Vec<_> = (0..90).map(|_| client.begin_both(request("PUT", "/"))).collect();
    for (_, body) in &mut uploads {
        body.send_data(Bytes::from(vec![b'x'; 60_000]), false).unwrap();
    }
    for (answer, _body) in uploads {
        assert_eq!(client.wait(answer).unwrap().status(), 413);
    }
    assert_eq!(client.get("/").unwrap().status, 200);
}

#[test]
fn who_pauses_reading_is_not_taken_for_one_that_says_half_of_a_frame() {
    const LENGTH: usize = 2_000_000;
    const STREAMS: u32 = 20;
    let server = Server::start(
        &Place::any(),
        web::serve(|_| {
            let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {LENGTH}\r\n\r\n");
            [head.into_bytes(), vec![b'x'; LENGTH]].concat()
        }),
    );
    let mut short = rules();
    short.timeouts.head = 4 * SOON;
    let rig = rig(&[&server], short);
    let peer = rig.connect();
    peer.socket().set_recv_buffer_size(64 * 1024).unwrap();
    let much = [0x7f, 0, 0, 0];
    let room = [
        raw::frame(kind::SETTINGS, 0, 0, &[&[0, 4][..], &much].concat()),
        raw::frame(kind::WINDOW_UPDATE, 0, 0, &much),
    ];
    let ask = |stream| raw::frame(kind::HEADERS, raw::END_HEADERS | raw::END_STREAM, stream, &raw::get(&[]));
    let asked: Vec<u8> = (0..STREAMS).map(|number| number * 2 + 1).flat_map(ask).collect();
    let ping = raw::frame(kind::PING, 0, 0, &[7; 8]);
    peer.send(&[raw::PREFACE, &room.concat(), &asked, &ping[..10]].concat()).unwrap();
    // Until nothing more fits; then for longer than a head may take.
    std::thread::sleep(SOON);
    peer.send(&ping[10..]).unwrap();
    std::thread::sleep(5 * SOON);
    let (mut ended, mut came) = (0, 0);
    while ended < STREAMS {
        let frame = Frame::read(|length| peer.receive(length)).unwrap();
        if frame.kind == kind::DATA {
            came += frame.payload.len();
            ended += u32::from(frame.flags & raw::END_STREAM > 0);
        }
    }
    assert_eq!(came, STREAMS as usize * LENGTH);
}
