//! Who wishes us ill: floods, bombs, and connections that come to no end.

use super::*;
use evenkeel_testkit::http2::raw::{self, END_HEADERS, END_STREAM, Frame, kind};

/// `ENHANCE_YOUR_CALM`.
const CALM: u32 = 11;

/// Says this again and again, as often as it is taken, and gives why the connection is over.
fn flood(peer: &Peer, first: &[u8], again: impl Fn(u32) -> Vec<u8>) -> u32 {
    peer.send(&[raw::hello(), first.to_vec()].concat()).unwrap();
    let many = (0..5000).flat_map(again).collect::<Vec<_>>();
    // It may be reset before all is said.
    let _ = peer.send(&many);
    loop {
        let frame = Frame::read(|length| peer.receive(length)).expect("a goodbye");
        if frame.kind == kind::GOAWAY {
            return frame.number(4);
        }
    }
}

fn ask(stream: u32, flags: u8) -> Vec<u8> {
    raw::frame(kind::HEADERS, END_HEADERS | flags, stream, &raw::get(&[]))
}

#[test]
fn floods_of_what_carries_nothing_are_told_to_calm_down() {
    let server = Server::start(&Place::any(), |peer: &Peer| drop(peer.read_to_end()));
    let mut rig = rig(&[&server], rules());
    let opened = ask(1, 0);
    let none: &[u8] = &[];
    let floods: [(&str, &[u8], Vec<u8>); 7] = [
        ("pings", none, raw::frame(kind::PING, 0, 0, &[0; 8])),
        ("settings", none, raw::frame(kind::SETTINGS, 0, 0, &[0, 4, 0, 1, 0, 0])),
        ("priorities", none, raw::frame(kind::PRIORITY, 0, 1, &[0, 0, 0, 3, 9])),
        ("windows", none, raw::frame(kind::WINDOW_UPDATE, 0, 0, &[0, 0, 0, 1])),
        ("empty pieces of a body", &opened, raw::frame(kind::DATA, 0, 1, &[])),
        ("padding", &opened, raw::frame(kind::DATA, 8, 1, &[9; 10])),
        ("what nobody knows", none, raw::frame(99, 0, 0, &[])),
    ];
    for (what, first, again) in floods {
        let peer = rig.connect();
        assert_eq!(flood(&peer, first, |_| again.clone()), CALM, "{what}");
        eventually(what, || (rig.request().outcome.word() == "http2-flood").then_some(()));
    }
}

#[test]
fn small_messages_are_no_flood_however_many_come_at_once() {
    let server = mirror();
    let rig = rig(&[&server], rules());
    let peer = rig.connect();
    let asked = raw::frame(kind::HEADERS, END_HEADERS, 1, &raw::get(&[("content-length", "20000")]));
    let crumbs = raw::frame(kind::DATA, 0, 1, b"x").repeat(19_999);
    peer.send(&[raw::hello(), asked, crumbs, raw::frame(kind::DATA, END_STREAM, 1, b"x")].concat()).unwrap();
    loop {
        let frame = Frame::read(|length| peer.receive(length)).unwrap();
        assert!(frame.kind != kind::GOAWAY, "{}", frame.number(4));
        if frame.stream == 1 && frame.flags & END_STREAM > 0 {
            return;
        }
    }
}

#[test]
fn streams_that_are_opened_to_be_reset_are_told_to_calm_down() {
    let server = Server::start(&Place::any(), |peer: &Peer| drop(peer.read_to_end()));
    let mut rig = rig(&[&server], rules());
    let peer = rig.connect();
    let open_and_reset = |number: u32| {
        let stream = number * 2 + 1;
        [ask(stream, END_STREAM), raw::frame(kind::RST_STREAM, 0, stream, &[0, 0, 0, 8])].concat()
    };
    assert_eq!(flood(&peer, b"", open_and_reset), CALM);
    eventually("it is told", || (rig.request().outcome.word() == "http2-flood").then_some(()));
    assert!(server.accepted() <= 250, "{} of 5000 had an effect", server.accepted());
}

#[test]
fn streams_that_have_to_be_reset_are_told_to_calm_down() {
    let server = named("a");
    let mut rig = rig(&[&server], rules());
    let peer = rig.connect();
    let malformed = raw::fields(&[(":method", "GET"), ("Upper", "x")]);
    let again = |number| raw::frame(kind::HEADERS, END_HEADERS | END_STREAM, number * 2 + 1, &malformed);
    assert_eq!(flood(&peer, b"", again), CALM);
    assert_eq!(rig.request().outcome.word(), "http2-flood");
    assert!((0..300).all(|_| rig.request().outcome.word() == "http2-stream"), "those that were looked at");
    assert_eq!(server.accepted(), 0);
}

#[test]
fn a_message_in_many_pieces_is_told_to_calm_down() {
    let server = named("a");
    let mut rig = rig(&[&server], rules());
    let peer = rig.connect();
    let begin = raw::frame(kind::HEADERS, 0, 1, &raw::get(&[]));
    assert_eq!(
        flood(&peer, &begin, |_| raw::frame(kind::CONTINUATION, 0, 1, &raw::fields(&[("a", "b")]))),
        CALM
    );
    assert_eq!(rig.request().outcome.word(), "http2-flood");
    assert_eq!(server.accepted(), 0);
}

#[test]
fn fields_that_are_few_bytes_and_unpack_to_many_are_refused() {
    let server = named("a");
    let mut rig = rig(&[&server], rules());
    let peer = rig.connect();
    // One long field goes into the table; each byte behind it says it again.
    let mut bomb = raw::get(&[]);
    bomb.extend([0x40, 1, b'x', 127, 0xa1, 0x1e]);
    bomb.extend([b'y'; 4000]);
    bomb.extend([0xbe; 12_000]);
    let sent = [raw::hello(), raw::frame(kind::HEADERS, END_HEADERS | END_STREAM, 1, &bomb)].concat();
    peer.send(&sent).unwrap();
    let answer = loop {
        let frame = Frame::read(|length| peer.receive(length)).unwrap();
        if frame.kind == kind::HEADERS {
            break frame;
        }
    };
    assert_eq!((answer.stream, answer.flags), (1, END_HEADERS | END_STREAM));
    assert_eq!(fate(&rig.request()), (Some(431), "head-too-long"));
    assert_eq!(server.accepted(), 0);
}

#[test]
fn who_never_comes_to_an_end_is_closed_when_its_time_is_over() {
    let server = named("a");
    let mut short = rules();
    short.timeouts.head = SOON;
    let rig = rig(&[&server], short);
    let half = raw::frame(kind::HEADERS, 0, 1, &raw::get(&[]));
    for sent in [
        raw::PREFACE[..20].to_vec(),
        raw::PREFACE.to_vec(),
        [raw::hello(), half.clone()].concat(),
        [raw::hello(), half[..20].to_vec()].concat(),
    ] {
        let peer = rig.connect();
        peer.send(&sent).unwrap();
        peer.read_to_end();
    }
    assert_eq!(server.accepted(), 0);
}

#[test]
fn who_makes_no_room_for_the_answer_and_who_does_not_go_on_is_given_up() {
    let server = Server::start(&Place::any(), |peer: &Peer| {
        let _ = web::read_head(peer).and_then(|_| peer.send(&web::ok(&"x".repeat(1000))));
        let _ = peer.read_to_end();
    });
    let mut short = rules();
    short.timeouts.body = SOON;
    let mut rig = rig(&[&server], short);
    let peer = rig.connect();
    let no_room = raw::frame(kind::SETTINGS, 0, 0, &[0, 4, 0, 0, 0, 0]);
    peer.send(&[raw::hello(), no_room, ask(1, END_STREAM)].concat()).unwrap();
    assert_eq!(fate(&rig.request()), (Some(200), "stalled"));
    let reset = loop {
        let frame = Frame::read(|length| peer.receive(length)).unwrap();
        if frame.kind == kind::RST_STREAM {
            break frame;
        }
    };
    assert_eq!((reset.stream, reset.number(0)), (1, 2), "INTERNAL_ERROR");

    let silent = Server::start(&Place::any(), |peer: &Peer| drop(peer.read_to_end()));
    let mut short = rules();
    short.timeouts.body = SOON;
    let mut rig = super::rig(&[&silent], short);
    let peer = rig.connect();
    let client = Client::new(&peer);
    let (answer, _body) = client.begin(request("PUT", "/"), false);
    assert_eq!(client.wait(answer).unwrap().status, 408);
    assert_eq!(fate(&rig.request()), (Some(408), "body-late"));
}
