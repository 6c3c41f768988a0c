//! Many requests at once on one connection to a backend that speaks HTTP/2.

use super::backends::{answer, front};
use super::*;
use evenkeel_testkit::http2::{self, Bytes, Reason, Response};
use std::sync::Mutex;
use std::sync::atomic::AtomicUsize;

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
    let begun = AtomicUsize::new(0);
    Server::start(&Place::any(), move |peer: &Peer| {
        let number = begun.fetch_add(1, Relaxed) as u64;
        let _ = peer.receive(24).and_then(|_| peer.send(&raw::frame(kind::SETTINGS, 0, 0, settings)));
        while let Ok(frame) = Frame::read(|length| peer.receive(length)) {
            if frame.stream == 0 {
                continue;
            }
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
    assert!(server.accepted() >= 3, "32 have one each");
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

#[test]
fn one_that_is_reset_or_taken_back_is_no_matter_to_the_others() {
    let (asked_for, gone) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(false)));
    let (come, left) = (Arc::clone(&asked_for), Arc::clone(&gone));
    let server = Server::start(
        &Place::any(),
        http2::serve(move |request, mut respond| {
            let (come, left) = (Arc::clone(&come), Arc::clone(&left));
            async move {
                come.fetch_add(1, Relaxed);
                match request.uri().path() {
                    "/reset" => respond.send_reset(Reason::INTERNAL_ERROR),
                    "/leave" => {
                        let why = std::future::poll_fn(|cx| respond.poll_reset(cx)).await;
                        left.store(why.is_ok_and(|why| why == Reason::CANCEL), Relaxed);
                    }
                    "/wait" => {
                        http2::until(|| left.load(Relaxed)).await;
                        answer(respond, 200, b"waited", HeaderMap::new());
                    }
                    _ => answer(respond, 200, b"", HeaderMap::new()),
                }
            }
        }),
    );
    let rig = front(&[&server], rules());
    assert_eq!(status(&asked(&rig, "GET", "/")), 200);
    let waits = asked(&rig, "GET", "/wait");
    let leaves = asked(&rig, "GET", "/leave");
    assert_eq!(status(&asked(&rig, "POST", "/reset")), 502);
    eventually("all have come", || (asked_for.load(Relaxed) == 4).then_some(()));
    leaves.reset();
    assert_eq!(web::read_answer(&waits).unwrap().text(), "waited");
    assert!(gone.load(Relaxed));
    assert_eq!(status(&asked(&rig, "POST", "/")), 200);
    assert_eq!(server.accepted(), 1);
}

#[test]
fn a_goodbye_in_the_midst_sends_those_again_that_it_does_not_cover() {
    let server = frames(&[], |connection, frame| {
        let goodbye = raw::frame(kind::GOAWAY, 0, 0, &[0, 0, 0, 5, 0, 0, 0, 0]);
        Some(match (connection, frame.kind, frame.stream) {
            (0, kind::HEADERS, 3 | 5) => Vec::new(),
            (0, kind::HEADERS, 7) => [goodbye, ok(3), ok(5)].concat(),
            (_, kind::HEADERS, stream) => ok(stream),
            _ => Vec::new(),
        })
    });
    let mut rig = front(&[&server], rules());
    assert_eq!(status(&asked(&rig, "GET", "/")), 200);
    let clients: Vec<_> = (0..3).map(|_| asked(&rig, "POST", "/")).collect();
    assert!(clients.iter().all(|client| status(client) == 200));
    assert_eq!(server.accepted(), 2);
    assert!((0..4).all(|_| rig.request().failed_attempts.is_empty()), "it is no failure");
    assert_eq!(status(&asked(&rig, "POST", "/")), 200);
    assert_eq!(server.accepted(), 2, "the new one is used");
}

#[test]
fn when_the_connection_is_cut_each_request_is_treated_by_the_rules_for_it() {
    let server = frames(&[], |connection, frame| match (connection, frame.kind, frame.stream) {
        (0, kind::HEADERS, 3 | 5) => Some(Vec::new()),
        // Its head is all that the first one gets of the answer.
        (0, kind::HEADERS, 7) => Some(raw::frame(kind::HEADERS, raw::END_HEADERS, 3, &[0x88])),
        (0, kind::HEADERS, 9) => None,
        (_, kind::HEADERS, stream) => Some(ok(stream)),
        _ => Some(Vec::new()),
    });
    let rig = front(&[&server], rules());
    assert_eq!(status(&asked(&rig, "GET", "/")), 200);
    let begun = asked(&rig, "GET", "/begun");
    let [again, once] = ["GET", "POST"].map(|method| asked(&rig, method, "/"));
    assert!(web::read_head(&begun).unwrap().starts_with("HTTP/1.1 200"));
    let last = asked(&rig, "GET", "/");
    assert_eq!((status(&again), status(&once), status(&last)), (200, 502, 200));
    assert_eq!(begun.ending(), evenkeel_testkit::Ending::Reset);
}

#[test]
fn who_reads_slowly_holds_up_nobody_else() {
    const LONG: usize = 5_000_000;
    let server = Server::start(
        &Place::any(),
        http2::serve(|request, mut respond| async move {
            let mut stream = respond.send_response(Response::new(()), false).unwrap();
            let body = if request.uri().path() == "/" { 0 } else { LONG };
            let _ = stream.send_data(Bytes::from(vec![b'x'; body]), true);
            http2::until(|| stream.capacity() > LONG).await;
        }),
    );
    let rig = front(&[&server], rules());
    let peer = rig.connect();
    let client = Client::new(&peer);
    client.get("/").unwrap();
    let unread: Vec<_> = (0..31).map(|_| client.begin_unread(request("GET", "/slow"))).collect();
    assert_eq!(client.get("/fast").unwrap().body.len(), LONG);
    assert_eq!(server.accepted(), 1);
    drop(unread);
}

#[test]
fn long_bodies_go_both_ways_by_many_at_once() {
    const LONG: usize = 400_000;
    let server = Server::start(
        &Place::any(),
        http2::serve(|request, mut respond| async move {
            let mut come = request.into_body();
            let mut go = respond.send_response(Response::new(()), false).unwrap();
            while let Some(Ok(piece)) = come.data().await {
                let _ = come.flow_control().release_capacity(piece.len());
                let _ = go.send_data(piece, false);
            }
            let _ = go.send_data(Bytes::new(), true);
        }),
    );
    let rig = front(&[&server], rules());
    let peer = rig.connect();
    let client = Client::new(&peer);
    client.ask(request("POST", "/"), b"", HeaderMap::new()).unwrap();
    let body = |number: usize| -> Vec<u8> { (0..LONG).map(|at| (at / 100 + number) as u8).collect() };
    let begun: Vec<_> = (0..30)
        .map(|number| {
            let (answer, mut stream) = client.begin(request("POST", "/"), false);
            stream.send_data(Bytes::from(body(number)), true).unwrap();
            answer
        })
        .collect();
    for (number, answer) in begun.into_iter().enumerate() {
        assert!(client.wait(answer).unwrap().body == body(number), "{number}");
    }
    assert_eq!(server.accepted(), 1);
}

#[test]
fn the_room_that_a_backend_has_for_all_bodies_goes_round() {
    let order = Arc::new(Mutex::new(Vec::new()));
    let noted = Arc::clone(&order);
    let room = |stream, bytes: u32| raw::frame(kind::WINDOW_UPDATE, 0, stream, &bytes.to_be_bytes());
    // Each stream has more than enough; after the first 65,535 bytes of all there is room for one more, over and over.
    let server = frames(&[0, 4, 0, 0x40, 0, 0], move |_, frame| match frame.kind {
        kind::HEADERS if frame.stream == 1 => Some(ok(1)),
        kind::DATA => {
            let mut noted = noted.lock().unwrap();
            noted.push((frame.stream, frame.payload.len()));
            let used: usize = noted.iter().map(|(_, length)| length).sum();
            Some(if used < 65_535 { Vec::new() } else { room(0, 1) })
        }
        _ => Some(Vec::new()),
    });
    let rig = front(&[&server], rules());
    assert_eq!(status(&asked(&rig, "GET", "/")), 200);
    let body = "x".repeat(50_000);
    let clients: Vec<_> = (0..3)
        .map(|_| {
            let client = rig.connect();
            client.send(&web::request("POST / HTTP/1.1\nHost: a\nContent-Length: 50000", &body)).unwrap();
            client
        })
        .collect();
    let last = eventually("each has said something behind the first 65,535 bytes", || {
        let last: Vec<_> = order
            .lock()
            .unwrap()
            .iter()
            .filter(|(_, length)| *length == 1)
            .map(|(stream, _)| *stream)
            .collect();
        (last.len() > 30).then_some(last)
    });
    let mut streams: Vec<u32> = last[last.len() - 10..].to_vec();
    streams.sort_unstable();
    streams.dedup();
    assert!(streams.len() >= 2, "{last:?}");
    drop(clients);
}

#[test]
fn answers_before_the_answer_have_an_end() {
    let server = frames(&[], |_, frame| {
        let early =
            raw::frame(kind::HEADERS, raw::END_HEADERS, frame.stream, &raw::fields(&[(":status", "103")]));
        Some(early.repeat(20))
    });
    let rig = front(&[&server], rules());
    assert_eq!(status(&asked(&rig, "POST", "/")), 502);
}
