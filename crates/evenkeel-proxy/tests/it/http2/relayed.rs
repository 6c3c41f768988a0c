//! Streams that carry bytes instead of messages: WebSocket (RFC 8441) and tunnels.

use super::*;
use evenkeel_core::end::End;
use evenkeel_core::side::Side;
use evenkeel_testkit::http2::raw::{END_HEADERS, END_STREAM};
use evenkeel_testkit::{Ending, Pattern, serve};
use std::sync::mpsc::channel;

const WEBSOCKET: [(&str, &str); 7] = [
    (":method", "CONNECT"),
    (":protocol", "websocket"),
    (":scheme", "http"),
    (":authority", "web.test"),
    (":path", "/chat?x=1"),
    ("sec-websocket-version", "13"),
    ("sec-websocket-protocol", "talk"),
];

const CHANGED: &[u8] = b"HTTP/1.1 101 Go\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: x\r\nSec-WebSocket-Protocol: talk\r\n\r\n";

fn ask(stream: u32, fields: &[(&str, &str)]) -> Vec<u8> {
    raw::frame(kind::HEADERS, END_HEADERS, stream, &raw::fields(fields))
}

fn say(stream: u32, bytes: &[u8], flags: u8) -> Vec<u8> {
    raw::frame(kind::DATA, flags, stream, bytes)
}

/// The next frame that is of a stream and carries something, or ends it.
fn next(peer: &Peer) -> Frame {
    loop {
        let frame = Frame::read(|length| peer.receive(length)).unwrap();
        match frame.kind {
            kind::DATA if !frame.payload.is_empty() || frame.flags & END_STREAM != 0 => return frame,
            kind::HEADERS | kind::RST_STREAM | kind::GOAWAY => return frame,
            _ => {}
        }
    }
}

/// A server that changes the protocol, and then does this.
fn changing(then: impl Fn(&Peer) + Send + Sync + 'static) -> Server {
    Server::start(&Place::any(), move |peer: &Peer| {
        let Ok(head) = web::read_head(peer) else { return };
        let message = Message { head, body: Vec::new() };
        let key = message.field("sec-websocket-key").unwrap_or_default();
        assert_eq!(message.first_line(), "GET /chat?x=1 HTTP/1.1");
        assert_eq!((key.len(), key.ends_with("==")), (24, true), "{key}");
        assert_eq!(message.field("upgrade"), Some("websocket"));
        assert_eq!(message.field("sec-websocket-protocol"), Some("talk"));
        peer.send(CHANGED).unwrap();
        then(peer);
    })
}

/// A client for which stream 1 has been changed.
fn changed(rig: &crate::rig::Rig) -> Peer {
    let peer = rig.connect();
    peer.send(&[raw::hello(), ask(1, &WEBSOCKET)].concat()).unwrap();
    let head = next(&peer);
    assert_eq!((head.kind, head.flags, head.payload[0]), (kind::HEADERS, END_HEADERS, 0x88), ":status 200");
    let said = String::from_utf8_lossy(&head.payload).into_owned();
    assert!(said.contains("talk") && !said.contains("upgrade") && !said.contains("accept"), "{said}");
    peer
}

/// What comes of stream 1 until it is over: its bytes, and the last frame.
fn rest(peer: &Peer) -> (Vec<u8>, Frame) {
    let mut said = Vec::new();
    loop {
        let frame = next(peer);
        assert_eq!(frame.stream, 1, "{frame:?}");
        if frame.kind == kind::DATA {
            said.extend_from_slice(&frame.payload);
        }
        if frame.kind != kind::DATA || frame.flags & END_STREAM != 0 {
            return (said, frame);
        }
    }
}

#[test]
fn a_websocket_is_relayed_until_both_sides_have_ended() {
    let server = changing(serve::echo);
    let mut rig = rig(&[&server], rules());
    let peer = changed(&rig);
    for round in 0..3 {
        let said = format!("round {round}");
        peer.send(&say(1, said.as_bytes(), 0)).unwrap();
        assert_eq!(next(&peer).payload, said.as_bytes());
    }
    peer.send(&say(1, b"bye", END_STREAM)).unwrap();
    let (said, last) = rest(&peer);
    assert_eq!((said, last.kind), (b"bye".to_vec(), kind::DATA));
    let request = rig.request();
    assert_eq!((fate(&request), request.version), ((Some(101), "upgraded"), Version::Http2));
    let record = rig.record();
    assert_eq!((record.to_backend, record.end), (24, End::Closed(Side::Client)));
    assert_eq!(record.id, request.session);
    assert_eq!(server.open(), 0);
}

#[test]
fn a_backend_that_ends_it_ends_the_stream_whatever_the_client_does() {
    let server = changing(|peer| peer.finish());
    let mut parts = Parts::to(&[server.place()]);
    parts.reception.http = Some(Arc::new(rules()));
    parts.rules.session.half_close = Some(SOON);
    let rig = parts.start();
    let peer = changed(&rig);
    assert_eq!(rest(&peer).1.kind, kind::DATA);
    let told = next(&peer);
    assert_eq!((told.kind, told.number(0)), (kind::RST_STREAM, 0), "nobody waits for what the client says");
}

#[test]
fn requests_go_on_beside_it() {
    let server = Server::start(&Place::any(), |peer: &Peer| {
        let Ok(head) = web::read_head(peer) else { return };
        if head.starts_with("GET /chat") {
            let _ = peer.send(CHANGED);
            serve::echo(peer);
        } else {
            let _ = peer.send(&web::ok("beside"));
        }
    });
    let rig = rig(&[&server], rules());
    let peer = rig.connect();
    peer.send(&[raw::hello(), ask(1, &WEBSOCKET)].concat()).unwrap();
    assert_eq!(next(&peer).kind, kind::HEADERS);
    for stream in (3..40).step_by(2) {
        let get = raw::frame(kind::HEADERS, END_HEADERS | END_STREAM, stream, &raw::get(&[]));
        peer.send(&[say(1, b"hello", 0), get].concat()).unwrap();
        let mut heard = [next(&peer), next(&peer), next(&peer)];
        heard.sort_by_key(|frame| (frame.stream, frame.kind));
        assert_eq!((heard[0].stream, &heard[0].payload[..]), (1, &b"hello"[..]));
        assert!(heard[1..].iter().all(|frame| frame.stream == stream));
    }
    peer.reset();
    eventually("its backend is left, too", || (server.open() == 0).then_some(()));
}

#[test]
fn each_has_a_place_of_its_own_under_the_ceiling_of_the_process_and_is_refused_without_one() {
    let server = changing(serve::echo);
    let mut parts = Parts::to(&[server.place()]);
    parts.reception.http = Some(Arc::new(rules()));
    (parts.workers, parts.max_sessions) = (1, 3);
    let mut rig = parts.start();
    let peer = changed(&rig);
    peer.send(&ask(3, &WEBSOCKET)).unwrap();
    let head = next(&peer);
    assert_eq!((head.kind, head.stream), (kind::HEADERS, 3));
    assert_eq!(
        [rig.request(), rig.request()].each_ref().map(fate),
        [(Some(101), "upgraded"), (Some(503), "ceiling")]
    );
    while next(&peer).kind != kind::RST_STREAM {}
    assert_eq!(server.accepted(), 1, "no backend is asked for nothing");

    peer.send(&say(1, b"bye", END_STREAM)).unwrap();
    assert_eq!(rest(&peer).0, b"bye");
    let mut stream = 3;
    eventually("its place is free", || {
        stream += 2;
        peer.send(&ask(stream, &WEBSOCKET)).unwrap();
        let of_it = |frame: &Frame| frame.stream == stream && frame.kind != kind::DATA;
        let head = std::iter::repeat_with(|| next(&peer)).find(of_it)?;
        (head.kind == kind::HEADERS && head.payload[0] == 0x88).then_some(())
    });
}

#[test]
fn much_goes_both_ways_at_once_as_fast_as_the_slower_side() {
    const LENGTH: u64 = 3_000_000;
    let (sent, went) = (Pattern::new(1), Pattern::new(2));
    let (to_come, to_go) = (sent.clone(), went.clone());
    let server = changing(move |peer| {
        std::thread::scope(|scope| {
            scope.spawn(|| {
                assert_eq!(peer.check_pattern(&to_come), (LENGTH, Ending::Fin));
            });
            peer.send_pattern(&to_go, 0, LENGTH).unwrap();
            peer.finish();
        });
    });
    let rig = rig(&[&server], rules());
    let peer = changed(&rig);
    // Of the stream: there is more for all.
    let (mut room, mut said, mut heard) = (128 * 1024, 0, 0);
    let mut more = true;
    while more || said < LENGTH {
        while said < LENGTH && room > 0 {
            let length = (LENGTH - said).min(10_000).min(room);
            let flags = if said + length == LENGTH { END_STREAM } else { 0 };
            peer.send(&say(1, sent.slice(said, length as usize), flags)).unwrap();
            (said, room) = (said + length, room - length);
        }
        let frame = Frame::read(|length| peer.receive(length)).unwrap();
        match frame.kind {
            kind::WINDOW_UPDATE if frame.stream == 1 => room += u64::from(frame.number(0)),
            kind::RST_STREAM => panic!("{frame:?}"),
            kind::DATA => {
                went.check(heard, &frame.payload);
                heard += frame.payload.len() as u64;
                more = frame.flags & END_STREAM == 0;
                let taken = (frame.payload.len() as u32).to_be_bytes();
                if !frame.payload.is_empty() {
                    let told = [0, 1].map(|stream| raw::frame(kind::WINDOW_UPDATE, 0, stream, &taken));
                    peer.send(&told.concat()).unwrap();
                }
            }
            _ => {}
        }
    }
    assert_eq!(heard, LENGTH);
}

#[test]
fn what_is_cut_on_one_side_is_cut_on_the_other() {
    let (ended, ending) = channel();
    let server = changing(move |peer| ended.send(peer.ending()).unwrap());
    let mut rig = rig(&[&server], rules());
    let peer = changed(&rig);
    peer.send(&raw::frame(kind::RST_STREAM, 0, 1, &[0, 0, 0, 8])).unwrap();
    assert_eq!(ending.recv_timeout(PATIENCE), Ok(Ending::Reset));
    assert_eq!(rig.record().end, End::Reset(Side::Client));

    let server = changing(|peer| peer.reset_on_drop());
    let mut rig = super::rig(&[&server], rules());
    let peer = changed(&rig);
    let (said, last) = rest(&peer);
    assert_eq!((said.len(), last.kind, last.number(0)), (0, kind::RST_STREAM, 8), "CANCEL");
    assert_eq!(rig.record().end, End::Reset(Side::Backend));
}

#[test]
fn a_backend_that_stays_what_it_is_is_heard() {
    let server = Server::start(
        &Place::any(),
        web::serve(|_| b"HTTP/1.1 403 No\r\nContent-Length: 2\r\n\r\nno".to_vec()),
    );
    let mut rig = rig(&[&server], rules());
    let peer = rig.connect();
    peer.send(&[raw::hello(), ask(1, &WEBSOCKET)].concat()).unwrap();
    assert_eq!(next(&peer).kind, kind::HEADERS);
    assert_eq!(rest(&peer).0, b"no");
    assert_eq!(fate(&rig.request()), (Some(403), "ok"));
}

#[test]
fn nothing_else_is_spoken_and_no_tunnel_is_made_unless_that_is_allowed() {
    let server = Server::start(&Place::any(), |peer: &Peer| {
        let head = web::read_head(peer).unwrap();
        assert!(head.starts_with("CONNECT there.test:99 HTTP/1.1\r\n"), "{head}");
        peer.send(b"HTTP/1.1 200 OK\r\n\r\nhello").unwrap();
        serve::echo(peer);
    });
    let other = WEBSOCKET.map(|(name, value)| (name, if name == ":protocol" { "else" } else { value }));
    let tunnel = [(":method", "CONNECT"), (":authority", "there.test:99")];
    for fields in [&other[..], &tunnel] {
        let mut rig = rig(&[&server], rules());
        let peer = rig.connect();
        peer.send(&[raw::hello(), ask(1, fields)].concat()).unwrap();
        assert_eq!(next(&peer).kind, kind::HEADERS);
        assert_eq!(fate(&rig.request()), (Some(405), "connect"));
    }
    let mut allowed = rules();
    allowed.tunnels = true;
    let mut rig = rig(&[&server], allowed);
    let peer = rig.connect();
    peer.send(&[raw::hello(), ask(1, &tunnel), say(1, b"early ", 0)].concat()).unwrap();
    assert_eq!(next(&peer).payload, [0x88]);
    peer.send(&say(1, b"and late", END_STREAM)).unwrap();
    assert_eq!(rest(&peer).0, b"helloearly and late");
    assert_eq!(fate(&rig.request()), (Some(200), "upgraded"));
}

#[test]
fn a_stop_that_is_over_cuts_it() {
    let server = changing(|peer| drop(peer.read_to_end()));
    let mut rig = rig(&[&server], rules());
    let peer = changed(&rig);
    rig.plane().drain(SOON);
    let mut kinds = Vec::new();
    while let Ok(frame) = Frame::read(|length| peer.receive(length)) {
        kinds.push(frame.kind);
    }
    assert_eq!(kinds[0], kind::GOAWAY);
    assert!(!kinds.contains(&kind::DATA), "what was cut does not look like an end");
}
