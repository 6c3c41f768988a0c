//! Many requests at once on one connection to a backend that speaks HTTP/2.

use super::backends::{answer, front};
use super::*;
use evenkeel_testkit::http2::{self, Bytes, Reason, Response};
use std::collections::BTreeSet;
use std::sync::atomic::AtomicUsize;
use std::sync::mpsc;

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
fn a_connection_from_which_many_are_taken_back_gets_no_further_ones() {
    let (note, noted) = mpsc::channel();
    let server = frames(&[], move |connection, frame| {
        let is_first = connection == 0 && frame.stream == 1;
        note.send((connection, frame.kind)).ok()?;
        Some(if is_first { ok(1) } else { Vec::new() })
    });
    let rig = front(&[&server], rules());
    let next = || noted.recv_timeout(PATIENCE).unwrap();
    assert_eq!(status(&asked(&rig, "GET", "/")), 200);
    let waits = asked(&rig, "GET", "/");
    assert_eq!([next(), next()], [(0, kind::HEADERS); 2]);
    for number in 0..40 {
        // Each waits for its connection to have been taken back.
        let client = asked(&rig, "GET", "/");
        assert_eq!(next(), (number / 16, kind::HEADERS), "{number}");
        client.reset();
        assert_eq!(next(), (number / 16, kind::RST_STREAM), "{number}");
    }
    assert_eq!((server.accepted(), server.open()), (3, 2), "the second one had no other");
    drop(waits);
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
fn those_that_a_goodbye_sends_again_share_the_next_connection() {
    const COUNT: u32 = 20;
    let last = 1 + 2 * COUNT;
    let server = frames(&[], move |connection, frame| {
        let goodbye = raw::frame(kind::GOAWAY, 0, 0, &[0, 0, 0, 1, 0, 0, 0, 0]);
        Some(match (connection, frame.kind) {
            (0, kind::HEADERS) if frame.stream == last => goodbye,
            (0, kind::HEADERS) if frame.stream > 1 => Vec::new(),
            (_, kind::HEADERS) => ok(frame.stream),
            _ => Vec::new(),
        })
    });
    let mut rig = front(&[&server], rules());
    assert_eq!(status(&asked(&rig, "GET", "/")), 200);
    let clients: Vec<_> = (0..COUNT).map(|_| asked(&rig, "POST", "/")).collect();
    assert!(clients.iter().all(|client| status(client) == 200));
    assert_eq!(server.accepted(), 2);
    assert!((0..=COUNT).all(|_| rig.request().failed_attempts.is_empty()), "it is no failure");
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
fn a_backend_that_takes_nothing_while_it_answers_is_heard() {
    let (come, stuck) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
    let (all_come, is_stuck) = (Arc::clone(&come), Arc::clone(&stuck));
    let roomy = raw::frame(kind::WINDOW_UPDATE, 0, 0, &[1, 0, 0, 0]);
    let hello = [raw::frame(kind::SETTINGS, 0, 0, &[0, 4, 1, 0, 0, 0]), roomy].concat();
    let server = Server::start(&Place::any(), move |peer: &Peer| {
        // So that little is under way.
        let _ = peer.socket().set_send_buffer_size(0x8000);
        let _ = peer.receive(24).and_then(|_| peer.send(&hello));
        let frames = std::iter::from_fn(|| Frame::read(|length| peer.receive(length)).ok());
        let mut asked = frames.filter(|frame| frame.kind == kind::HEADERS).map(|frame| frame.stream);
        let _ = asked.next().map(|first| peer.send(&ok(first)));
        let asked: Vec<_> = asked.take(8).collect();
        all_come.store(true, Relaxed);
        eventually("the upload is stuck", || is_stuck.load(Relaxed).then_some(()));
        for stream in asked {
            let _ = peer.send(&raw::frame(kind::HEADERS, raw::END_HEADERS, stream, &[0x88]));
            for end in [0, 0, 0, 0, 0, 0, 0, raw::END_STREAM] {
                let _ = peer.send(&raw::frame(kind::DATA, end, stream, &[b'x'; 16_000]));
            }
        }
        let _ = peer.read_to_end();
    });
    let rig = front(&[&server], rules());
    assert_eq!(status(&asked(&rig, "GET", "/")), 200);
    let clients = [(); 8].map(|()| asked(&rig, "GET", "/"));
    eventually("all have come", || come.load(Relaxed).then_some(()));
    let upload = rig.connect();
    upload.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000000\r\n\r\n").unwrap();
    upload.set_patience(SOON);
    while upload.send(&[b'x'; 100_000]).is_ok() {}
    stuck.store(true, Relaxed);
    assert!(clients.iter().all(|client| web::read_answer(client).unwrap().text().len() == 128_000));
    assert_eq!(server.accepted(), 1);
}

#[test]
fn after_a_request_that_came_too_late_a_connection_gets_no_further_ones() {
    let go = Arc::new(AtomicBool::new(false));
    let gone = Arc::clone(&go);
    let server = Server::start(
        &Place::any(),
        http2::serve(move |request, mut respond| {
            let gone = Arc::clone(&gone);
            async move {
                match request.uri().path() {
                    "/never" => std::future::pending().await,
                    "/begun" => {
                        let mut stream = respond.send_response(Response::new(()), false).unwrap();
                        http2::until(|| gone.load(Relaxed)).await;
                        let _ = stream.send_data(Bytes::from_static(b"done"), true);
                    }
                    _ => answer(respond, 200, b"", HeaderMap::new()),
                }
            }
        }),
    );
    let mut soon = rules();
    soon.timeouts.response = SOON;
    let rig = front(&[&server], soon);
    let begun = asked(&rig, "GET", "/begun");
    assert!(web::read_head(&begun).unwrap().starts_with("HTTP/1.1 200"));
    assert_eq!(status(&asked(&rig, "POST", "/never")), 504);
    assert_eq!(status(&asked(&rig, "GET", "/")), 200);
    assert_eq!(server.accepted(), 2);
    go.store(true, Relaxed);
    assert_eq!(begun.receive(9).unwrap(), b"4\r\ndone\r\n");
    eventually("it is closed", || (server.open() == 1).then_some(()));
}

#[test]
fn the_room_that_a_backend_has_for_all_bodies_goes_round() {
    const FIRST: usize = 65_535;
    let (note, noted) = mpsc::channel();
    let come = AtomicUsize::new(0);
    let room = raw::frame(kind::WINDOW_UPDATE, 0, 0, &[0, 0, 0, 1]);
    // Each stream has more than enough; after the first bytes of all there is room for one more, over and over.
    let server = frames(&[0, 4, 0, 0x40, 0, 0], move |_, frame| match frame.kind {
        kind::HEADERS if frame.stream == 1 => Some(ok(1)),
        kind::DATA => {
            note.send((frame.stream, frame.payload.len())).ok()?;
            let before = come.fetch_add(frame.payload.len(), Relaxed);
            let is_used_up = before + frame.payload.len() >= FIRST;
            Some(if is_used_up { room.clone() } else { Vec::new() })
        }
        _ => Some(Vec::new()),
    });
    let rig = front(&[&server], rules());
    assert_eq!(status(&asked(&rig, "GET", "/")), 200);
    let clients = [(); 3].map(|()| {
        let client = rig.connect();
        client.send(&web::request("POST / HTTP/1.1\nHost: a\nContent-Length: 100001", "x")).unwrap();
        client
    });
    let next = || noted.recv_timeout(PATIENCE).unwrap();
    assert_eq!([next(), next(), next()].map(|(_, length)| length), [1, 1, 1]);
    clients.iter().for_each(|client| client.send(&[b'x'; 100_000]).unwrap());
    let one_by_one = std::iter::repeat_with(next).skip_while(|(_, length)| *length > 1);
    let turns: Vec<u32> = one_by_one.take(60).map(|(stream, _)| stream).collect();
    let streams = BTreeSet::from_iter(&turns[40..]);
    assert_eq!(streams.len(), 3, "{turns:?}");
    assert!(turns[40..].windows(2).all(|two| two[0] != two[1]), "{turns:?}");
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
