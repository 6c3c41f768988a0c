//! Connections on which nothing comes any more.

use super::*;
use evenkeel_core::attempt::ConnectFailure;
use evenkeel_core::http::failing::Failing;

/// Before this server, which is asked and given up like this.
fn pinging(server: &Server, after: Duration, within: Duration, rules: HttpRules) -> crate::rig::Rig {
    let mut parts = parts(&[server], rules);
    parts.rules.http2 = Some(Http2Rules { pings: Some(Pings { after, within }) });
    parts.start()
}

/// A server that says nothing to all but the first request of its first connection, not even to a ping; of others it answers all.
fn falling_silent() -> Server {
    all_frames(&[], |connection, frame| {
        let answers = connection > 0 || frame.stream == 1;
        Some(if frame.kind == kind::HEADERS && answers { ok(frame.stream) } else { Vec::new() })
    })
}

#[test]
fn where_nothing_comes_any_more_each_request_is_treated_by_the_rules_for_it() {
    let server = falling_silent();
    let mut rig = pinging(&server, SOON, SOON, rules());
    assert_eq!(status(&asked(&rig, "GET", "/")), 200);
    let harmless = [(); 3].map(|()| asked(&rig, "GET", "/"));
    let other = asked(&rig, "POST", "/");
    assert_eq!(harmless.each_ref().map(status), [200; 3]);
    assert_eq!(status(&other), 504);
    assert_eq!(server.accepted(), 2);
    let mut fates = [(); 5].map(|()| rig.request());
    fates.sort_by_key(|record| (record.outcome.word(), record.failed_attempts.len()));
    assert_eq!(fate(&fates[0]), (Some(504), "backend-silent"));
    assert_eq!(fates.each_ref().map(|record| record.failed_attempts.len()), [1, 0, 1, 1, 1]);
    let silent = ConnectFailure::NoAnswer(Failing::Silent);
    let attempts = || fates.iter().flat_map(|record| &record.failed_attempts);
    assert!(attempts().all(|attempt| attempt.failure == silent && attempt.took >= SOON));
}

#[test]
fn an_answer_that_nothing_follows_is_cut_short() {
    let server = all_frames(&[], |_, frame| {
        Some(match (frame.kind, frame.stream) {
            (kind::HEADERS, 1) => ok(1),
            (kind::HEADERS, _) => raw::frame(kind::HEADERS, raw::END_HEADERS, frame.stream, &[0x88]),
            _ => Vec::new(),
        })
    });
    let mut rig = pinging(&server, SOON, SOON, rules());
    assert_eq!(status(&asked(&rig, "GET", "/")), 200);
    let client = asked(&rig, "GET", "/");
    assert!(web::read_answer(&client).is_err());
    assert_eq!(fate(&rig.request()), (Some(200), "ok"));
    assert_eq!(fate(&rig.request()), (Some(200), "cut-short"));
}

#[test]
fn a_backend_that_answers_pings_may_take_its_time() {
    let server = all_frames(&[], |_, frame| {
        Some(match frame.kind {
            kind::PING => raw::frame(kind::PING, raw::ACK, 0, &frame.payload),
            _ => Vec::new(),
        })
    });
    let mut slow = rules();
    slow.timeouts.response = 6 * SOON;
    let mut rig = pinging(&server, SOON, SOON, slow);
    assert_eq!(status(&asked(&rig, "POST", "/")), 504);
    assert_eq!(fate(&rig.request()), (Some(504), "answer-late"));
}

#[test]
fn where_a_ping_waits_for_its_answer_no_further_requests_go() {
    let (note, noted) = mpsc::channel();
    let server = all_frames(&[], move |connection, frame| {
        let answers = connection > 0 || frame.stream == 1;
        Some(match frame.kind {
            kind::HEADERS if answers => ok(frame.stream),
            kind::PING => note.send(connection).map(|()| Vec::new()).ok()?,
            _ => Vec::new(),
        })
    });
    let rig = pinging(&server, SOON, PATIENCE, rules());
    assert_eq!(status(&asked(&rig, "GET", "/")), 200);
    let waits = asked(&rig, "GET", "/");
    assert_eq!(noted.recv_timeout(PATIENCE), Ok(0));
    assert!([(); 3].iter().all(|()| status(&asked(&rig, "POST", "/")) == 200));
    assert_eq!(server.accepted(), 2);
    drop(waits);
}

#[test]
fn the_first_request_after_a_pause_has_a_ping_behind_it_and_does_not_wait() {
    let (note, noted) = mpsc::channel();
    let server = all_frames(&[], move |_, frame| {
        note.send((frame.kind, frame.stream)).ok()?;
        Some(if frame.kind == kind::HEADERS { ok(frame.stream) } else { Vec::new() })
    });
    let rig = pinging(&server, Duration::ZERO, PATIENCE, rules());
    assert_eq!(status(&asked(&rig, "GET", "/")), 200);
    assert_eq!(status(&asked(&rig, "GET", "/")), 200);
    let heard = std::iter::from_fn(|| noted.recv_timeout(PATIENCE).ok());
    let heard = heard.filter(|(kind, _)| [kind::HEADERS, kind::PING].contains(kind)).take(4);
    let both = |stream| [(kind::HEADERS, stream), (kind::PING, 0)];
    assert_eq!(heard.collect::<Vec<_>>(), [both(1), both(3)].concat());
    assert_eq!(server.accepted(), 1);
}

#[test]
fn who_does_not_want_to_ask_waits_for_as_long_as_before() {
    let server = falling_silent();
    let mut soon = rules();
    soon.timeouts.response = 4 * SOON;
    let mut rig = front(&[&server], soon);
    assert_eq!(status(&asked(&rig, "GET", "/")), 200);
    assert_eq!(status(&asked(&rig, "POST", "/")), 504);
    assert_eq!(fate(&rig.request()), (Some(200), "ok"));
    assert_eq!(fate(&rig.request()), (Some(504), "answer-late"));
}
