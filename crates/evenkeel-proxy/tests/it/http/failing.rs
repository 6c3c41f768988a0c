//! Backends that fail: who is asked instead, and what the client is told when there is nobody.

use super::*;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};

/// Reads a request, and closes without an answer.
fn mute() -> Server {
    Server::start(&Place::any(), |peer| drop(web::read_request(peer)))
}

fn ask(rig: &Rig, lines: &str, body: &str) -> Message {
    let client = rig.connect();
    client.send(&web::request(lines, body)).unwrap();
    web::read_answer(&client).unwrap()
}

#[test]
fn a_request_that_may_be_sent_twice_goes_to_another_backend() {
    let (mute, good) = (mute(), named("good"));
    let mut rig = rig(&[&mute, &good], rules());
    assert_eq!(ask(&rig, "GET / HTTP/1.1\nHost: a", "").text(), "good");
    let record = rig.request();
    assert_eq!(fate(&record), (Some(200), "ok"));
    assert_eq!(record.failed_attempts.len(), 1);
    assert_eq!(record.failed_attempts[0].failure.word(), "no-answer");
}

#[test]
fn a_request_that_may_have_been_done_is_not_sent_twice() {
    let asked = Arc::new(AtomicU64::new(0));
    let count = Arc::clone(&asked);
    let mute = Server::start(&Place::any(), move |peer| {
        if web::read_request(peer).is_ok() {
            count.fetch_add(1, SeqCst);
        }
    });
    let mut rig = rig(&[&mute], rules());
    let answer = ask(&rig, "POST / HTTP/1.1\nHost: a\nContent-Length: 4", "pay!");
    assert_eq!((answer.status(), answer.text().as_str()), (502, "502 Bad Gateway\n"));
    assert_eq!(asked.load(SeqCst), 1);
    assert_eq!(fate(&rig.request()), (Some(502), "backend-closed"));
}

#[test]
fn a_backend_that_refuses_is_passed_over() {
    let (gone, good) = (named("gone"), named("good"));
    let place = gone.place().clone();
    drop(gone);
    let mut parts = Parts::to(&[&place, good.place()]);
    parts.reception.http = Some(Arc::new(rules()));
    let mut rig = parts.start();
    let answer = ask(&rig, "POST / HTTP/1.1\nHost: a\nContent-Length: 4", "pay!");
    assert_eq!(answer.text(), "good", "nothing of it was gone");
    assert_eq!(rig.request().failed_attempts[0].failure.word(), "refused");
}

#[test]
fn nobody_left_is_told_by_status_and_reason() {
    let (gone, mute) = (named("gone"), mute());
    let place = gone.place().clone();
    drop(gone);
    let start = |place: &Place, rules: HttpRules| {
        let mut parts = Parts::to(&[place]);
        parts.reception.http = Some(Arc::new(rules));
        parts.start()
    };
    let mut rig = start(&place, rules());
    assert_eq!(ask(&rig, "GET / HTTP/1.1\nHost: a", "").status(), 502);
    assert_eq!(fate(&rig.request()), (Some(502), "refused"));

    let silent = Server::start(&Place::any(), |peer| while peer.read(&mut [0; 99]).is_ok_and(|n| n > 0) {});
    let mut hasty = rules();
    hasty.timeouts.response = SOON;
    let mut rig = start(silent.place(), hasty);
    assert_eq!(ask(&rig, "POST / HTTP/1.1\nHost: a\nContent-Length: 0", "").status(), 504);
    assert_eq!(fate(&rig.request()), (Some(504), "answer-late"));

    let mut rig = start(mute.place(), rules());
    assert_eq!(ask(&rig, "GET / HTTP/1.1\nHost: a", "").status(), 502);
    assert_eq!(fate(&rig.request()), (Some(502), "backend-closed"));
}

#[test]
fn what_is_no_answer_is_not_passed_on() {
    for said in [
        "220 smtp.test ESMTP\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        "HTTP/1.1 200 OK\nContent-Length: 1\n\na",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        "HTTP/1.1 101 Go\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n",
    ] {
        let server = Server::start(&Place::any(), web::serve(move |_| said.as_bytes().to_vec()));
        let mut rig = rig(&[&server], rules());
        assert_eq!(ask(&rig, "POST / HTTP/1.1\nHost: a\nContent-Length: 0", "").status(), 502, "{said:?}");
        assert_eq!(rig.request().outcome.word(), "answer-malformed");
    }
}

#[test]
fn an_answer_that_is_cut_short_does_not_look_whole() {
    for said in [
        "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
    ] {
        let server = Server::start(&Place::any(), move |peer| {
            let _ = web::read_request(peer);
            let _ = peer.send(said.as_bytes());
        });
        let mut rig = rig(&[&server], rules());
        let client = rig.connect();
        client.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
        assert!(web::read_answer(&client).is_err(), "{said:?}");
        assert_eq!(fate(&rig.request()), (Some(200), "cut-short"));
    }
}
