//! What becomes of the other requests on a connection when one fails, and of all when that does.

use super::*;

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
fn answers_before_the_answer_have_an_end() {
    let server = frames(&[], |_, frame| {
        let early =
            raw::frame(kind::HEADERS, raw::END_HEADERS, frame.stream, &raw::fields(&[(":status", "103")]));
        Some(early.repeat(20))
    });
    let rig = front(&[&server], rules());
    assert_eq!(status(&asked(&rig, "POST", "/")), 502);
}

#[test]
fn an_answer_that_is_whole_before_its_stream_ends_is_not_taken_back() {
    let (note, noted) = mpsc::channel();
    let server = frames(&[], move |_, frame| {
        note.send(frame.kind).ok()?;
        let number = frame.stream;
        let fields = [&[0x88], &raw::fields(&[("content-length", "2")])[..]].concat();
        let mut said = Vec::new();
        if number > 1 {
            // The end of the answer before, which was read long since.
            said.extend(raw::frame(kind::DATA, raw::END_STREAM, number - 2, b""));
        }
        said.extend(raw::frame(kind::HEADERS, raw::END_HEADERS, number, &fields));
        said.extend(raw::frame(kind::DATA, 0, number, b"ok"));
        Some(said)
    });
    let rig = front(&[&server], rules());
    let client = rig.connect();
    for _ in 0..40 {
        assert_eq!(web::get(&client, "/").unwrap().text(), "ok");
        assert_eq!(noted.recv_timeout(PATIENCE).unwrap(), kind::HEADERS);
    }
    assert_eq!(server.accepted(), 1, "none counts as taken back");
    assert_eq!(noted.recv_timeout(PATIENCE).unwrap(), kind::RST_STREAM, "the last one has no end");
}
