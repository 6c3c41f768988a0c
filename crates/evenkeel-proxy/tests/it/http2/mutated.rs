//! Conversations of which some bytes are others: whatever comes, the next client is served.

use super::*;
use evenkeel_proxy::Report;
use evenkeel_testkit::fuzz::mutate;
use evenkeel_testkit::{Dice, seed};

/// Changes of each conversation.
const CHANGES: usize = 60;

/// What well-meaning clients say, one stream after the other, and some that leave in the middle.
fn conversations() -> Vec<Vec<u8>> {
    let get = |stream| raw::frame(kind::HEADERS, raw::END_HEADERS | raw::END_STREAM, stream, &raw::get(&[]));
    let post = raw::frame(kind::HEADERS, raw::END_HEADERS, 1, &raw::get(&[("content-length", "5")]));
    let data = raw::frame(kind::DATA, raw::END_STREAM, 1, b"hello");
    let begun = raw::frame(kind::HEADERS, 0, 1, &raw::get(&[]));
    let more = raw::frame(kind::CONTINUATION, raw::END_HEADERS, 1, &raw::fields(&[("a", "b")]));
    let window = raw::frame(kind::WINDOW_UPDATE, 0, 0, &[0, 0, 1, 0]);
    let reset = raw::frame(kind::RST_STREAM, 0, 1, &[0, 0, 0, 8]);
    let goodbye = raw::frame(kind::GOAWAY, 0, 0, &[0; 8]);
    vec![
        [get(1), get(3), window.clone(), get(5), goodbye].concat(),
        [post.clone(), data, get(3)].concat(),
        [post, reset, get(3), window].concat(),
        [begun, more, get(3)].concat(),
    ]
}

#[test]
fn whatever_a_client_says_the_next_one_is_served() {
    let server = named("a");
    let rig = rig(&[&server], rules());
    let mut dice = Dice::new(seed());
    for conversation in conversations() {
        for _ in 0..CHANGES {
            let peer = rig.connect();
            let said = [raw::hello(), mutate::mutated(&conversation, &mut dice)].concat();
            if peer.send(&said).is_ok() {
                peer.finish();
                peer.read_to_end();
            }
        }
    }
    let peer = rig.connect();
    assert_eq!(Client::new(&peer).get("/").unwrap().text(), "a");
    assert!(!rig.reports.try_iter().any(|report| matches!(report, Report::Panicked { .. })));
}

#[test]
fn whatever_a_backend_says_the_next_request_is_answered() {
    let head =
        raw::frame(kind::HEADERS, raw::END_HEADERS, 1, &raw::fields(&[(":status", "200"), ("x", "y")]));
    let bare = raw::frame(kind::HEADERS, raw::END_HEADERS | raw::END_STREAM, 1, &[0x88]);
    let data = raw::frame(kind::DATA, 0, 1, b"hello");
    let last = raw::frame(kind::HEADERS, raw::END_HEADERS | raw::END_STREAM, 1, &raw::fields(&[("z", "0")]));
    let settings = raw::frame(kind::SETTINGS, 0, 0, &[0, 4, 0, 0, 9, 9]);
    let answers = [[&settings[..], &head, &data, &last].concat(), [&settings[..], &bare].concat()];
    let dice = std::sync::atomic::AtomicU64::new(seed());
    let server = Server::start(&Place::any(), move |peer: &Peer| {
        let mut dice = Dice::new(dice.fetch_add(1, Relaxed));
        let answer = &answers[dice.below(2) as usize];
        let _ = peer.receive(24).and_then(|_| peer.send(&mutate::mutated(answer, &mut dice)));
        peer.finish();
        let _ = peer.read_to_end();
    });
    let mut parts = Parts::to(&[server.place()]);
    parts.reception.http = Some(Arc::new(rules()));
    parts.rules.http2 = Some(Http2Rules::default());
    let rig = parts.start();
    for _ in 0..CHANGES {
        let client = rig.connect();
        client.send(&web::request("GET / HTTP/1.1\nHost: a\nConnection: close", "")).unwrap();
        client.read_to_end();
    }
    assert!(!rig.reports.try_iter().any(|report| matches!(report, Report::Panicked { .. })));
}
