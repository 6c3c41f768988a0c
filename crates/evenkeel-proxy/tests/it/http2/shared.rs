//! Many requests at once on one connection to a backend that speaks HTTP/2.

mod bodies;
mod failing;
mod silent;

use super::backends::{answer, front, parts, send_back};
use super::*;
use evenkeel_core::http::rules::HttpRules;
use evenkeel_core::http2::silence::Pings;
use evenkeel_testkit::http2::{self, Bytes, Reason, Response};
use std::collections::BTreeSet;
use std::sync::atomic::AtomicUsize;
use std::sync::mpsc;
use std::time::Duration;

/// A server that answers `/` at once, and others when so many of them have come.
fn gathering(count: usize) -> Server {
    let come = Arc::new(AtomicUsize::new(0));
    Server::start(
        &Place::any(),
        http2::serve(move |request, respond| {
            let come = Arc::clone(&come);
            async move {
                if request.uri().path() != "/" {
                    come.fetch_add(1, Relaxed);
                    http2::until(|| come.load(Relaxed) >= count).await;
                }
                answer(respond, 200, request.uri().path().as_bytes(), HeaderMap::new());
            }
        }),
    )
}

/// Asks for so many paths at once, once there is a connection; each has to have its own answer.
fn ask_at_once(rig: &crate::rig::Rig, count: usize) {
    let peer = rig.connect();
    let client = Client::new(&peer);
    client.get("/").unwrap();
    let paths: Vec<_> = (0..count).map(|number| format!("/{number}")).collect();
    for (path, answer) in paths.iter().zip(client.get_all(&paths)) {
        assert_eq!(answer.unwrap().text(), *path);
    }
}

/// A backend frame by frame, which says these settings first. `on_frame` is told which connection it is, and the frames but
/// those of the connection itself; it says what is answered, until it has nothing to say any more.
fn frames(
    settings: &'static [u8],
    on_frame: impl Fn(u64, Frame) -> Option<Vec<u8>> + Send + Sync + 'static,
) -> Server {
    all_frames(settings, move |number, frame| match frame.stream {
        0 => Some(Vec::new()),
        _ => on_frame(number, frame),
    })
}

/// The same, which is told all frames.
fn all_frames(
    settings: &'static [u8],
    on_frame: impl Fn(u64, Frame) -> Option<Vec<u8>> + Send + Sync + 'static,
) -> Server {
    let begun = AtomicUsize::new(0);
    Server::start(&Place::any(), move |peer: &Peer| {
        let number = begun.fetch_add(1, Relaxed) as u64;
        let _ = peer.receive(24).and_then(|_| peer.send(&raw::frame(kind::SETTINGS, 0, 0, settings)));
        while let Ok(frame) = Frame::read(|length| peer.receive(length)) {
            match on_frame(number, frame) {
                Some(said) if peer.send(&said).is_ok() => {}
                _ => return,
            }
        }
    })
}

/// An answer without a body.
fn ok(stream: u32) -> Vec<u8> {
    raw::frame(kind::HEADERS, raw::END_HEADERS | raw::END_STREAM, stream, &[0x88])
}

/// A client of HTTP/1 that has asked.
fn asked(rig: &crate::rig::Rig, method: &str, path: &str) -> Peer {
    let client = rig.connect();
    client.send(&web::request(&format!("{method} {path} HTTP/1.1\nHost: a\nContent-Length: 0"), "")).unwrap();
    client
}

fn status(client: &Peer) -> u16 {
    web::read_answer(client).unwrap().status()
}

#[test]
fn requests_at_once_go_by_one_connection_and_each_gets_its_own_answer() {
    let server = gathering(30);
    let mut rig = front(&[&server], rules());
    ask_at_once(&rig, 30);
    assert_eq!(server.accepted(), 1);
    assert!((0..31).all(|_| fate(&rig.request()) == (Some(200), "ok")));
}

#[test]
fn a_connection_has_so_many_requests_and_no_more() {
    let server = gathering(70);
    let rig = front(&[&server], rules());
    ask_at_once(&rig, 70);
    assert_eq!(server.accepted(), 3);
}

#[test]
fn many_at_once_wait_for_the_connection_that_one_of_them_makes() {
    let server = gathering(62);
    let rig = front(&[&server], rules());
    let clients: Vec<_> = (0..62).map(|_| asked(&rig, "GET", "/wait")).collect();
    assert!(clients.iter().all(|client| status(client) == 200));
    assert_eq!(server.accepted(), 2);
}

#[test]
fn nobody_waits_for_a_connection_that_comes_to_nothing() {
    let server = Server::start(&Place::any(), |peer: &Peer| drop(peer.receive(24)));
    let rig = front(&[&server], rules());
    let clients: Vec<_> = (0..10).map(|_| asked(&rig, "GET", "/")).collect();
    assert!(clients.iter().all(|client| status(client) == 502));
}

#[test]
fn nobody_waits_for_long_for_a_backend_that_connects_and_says_nothing() {
    let server = Server::start(&Place::any(), |peer: &Peer| drop(peer.read_to_end()));
    let mut soon = rules();
    soon.timeouts.response = SOON;
    let rig = front(&[&server], soon);
    let clients: Vec<_> = (0..3).map(|_| asked(&rig, "POST", "/")).collect();
    eventually("each has one", || (server.accepted() == 3).then_some(()));
    assert!(clients.iter().all(|client| status(client) == 504));
}

#[test]
fn a_backend_has_no_more_at_once_than_it_allows() {
    let come = AtomicUsize::new(0);
    // One at once; and none but the first is answered before all have come.
    let server = frames(&[0, 3, 0, 0, 0, 1], move |_, frame| {
        if frame.kind != kind::HEADERS {
            return Some(Vec::new());
        }
        if come.fetch_add(1, Relaxed) > 0 {
            eventually("all have come", || (come.load(Relaxed) == 5).then_some(()));
        }
        Some(ok(frame.stream))
    });
    let rig = front(&[&server], rules());
    assert_eq!(status(&asked(&rig, "GET", "/")), 200);
    let clients: Vec<_> = (0..4).map(|_| asked(&rig, "GET", "/")).collect();
    assert!(clients.iter().all(|client| status(client) == 200));
    assert_eq!(server.accepted(), 4);
}

#[test]
fn where_nothing_is_reused_nothing_is_shared() {
    let server = gathering(5);
    let mut alone = rules();
    alone.links.idle_max = 0;
    let rig = front(&[&server], alone);
    ask_at_once(&rig, 5);
    assert_eq!(server.accepted(), 6);
}

#[test]
fn http_1_has_a_connection_for_each_of_them() {
    let come = Arc::new(AtomicUsize::new(0));
    let server = Server::start(
        &Place::any(),
        web::serve(move |_| {
            come.fetch_add(1, Relaxed);
            eventually("all have come", || (come.load(Relaxed) >= 5).then_some(()));
            web::ok("a")
        }),
    );
    let rig = rig(&[&server], rules());
    let clients: Vec<_> = (0..5).map(|_| asked(&rig, "GET", "/")).collect();
    assert!(clients.iter().all(|client| status(client) == 200));
    assert_eq!(server.accepted(), 5);
}
