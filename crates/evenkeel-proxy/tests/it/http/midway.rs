//! What goes wrong when an answer has begun, or time is up, before the request is done.

use super::*;
use evenkeel_testkit::http2::{Bytes, request};
use evenkeel_testkit::{Ending, Silent};
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};

const CHUNKED: &str = "POST / HTTP/1.1\nHost: a\nTransfer-Encoding: chunked";

/// Answers while the request is still on its way, and never to its end.
fn early(said: &'static str) -> Server {
    Server::start(&Place::any(), move |peer| {
        let _ = web::read_head(peer).and_then(|_| peer.send(said.as_bytes()));
        let _ = peer.read_to_end();
    })
}

/// The beginning of an answer.
const PART: &str = "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhello";

#[test]
fn nothing_else_is_said_in_the_middle_of_an_answer() {
    for (bad, word) in [("zz\r\n", "chunk"), ("14\r\n12345678901234567890\r\n", "body-too-long")] {
        for said in [PART, "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhello"] {
            let server = early(said);
            let mut rig = rig(&[&server], HttpRules { body_max: Some(10), ..rules() });
            let client = rig.connect();
            client.send(&web::request(CHUNKED, "1\r\na\r\n")).unwrap();
            let mut heard = Vec::new();
            while !heard.ends_with(b"hello") {
                heard.extend(client.receive(1).unwrap());
            }
            client.send(bad.as_bytes()).unwrap();
            let (rest, ending) = client.read_to_end();
            assert!(rest.is_empty() || rest == b"\r\n", "{rest:?}");
            assert_eq!(ending, Ending::Reset, "{bad:?} after {said:?}");
            assert_eq!(fate(&rig.request()), (Some(200), word));
        }
    }
}

#[test]
fn a_stream_is_reset_in_the_middle_of_its_answer() {
    let server = early(PART);
    let mut rig = rig(&[&server], HttpRules { body_max: Some(10), ..rules() });
    let peer = rig.connect();
    let client = Client::new(&peer);
    let (answer, mut stream) = client.begin_both(request("POST", "/"));
    stream.send_data(Bytes::from_static(b"a"), false).unwrap();
    let mut body = client.wait(answer).unwrap().into_body();
    assert_eq!(client.wait(body.data()).unwrap().unwrap(), "hello");
    stream.send_data(Bytes::from_static(b"more than ten bytes"), false).unwrap();
    assert!(client.wait(body.data()).is_some_and(|more| more.is_err()));
    assert_eq!(fate(&rig.request()), (Some(200), "body-too-long"));
}

fn hasty() -> HttpRules {
    let mut rules = rules();
    rules.timeouts.request = Some(SOON);
    rules
}

#[test]
fn a_client_that_takes_its_time_is_no_failure_of_the_backend() {
    let server = early("");
    let mut rig = rig(&[&server], hasty());
    let client = rig.connect();
    client.send(&web::request("PUT / HTTP/1.1\nHost: a\nContent-Length: 5", "a")).unwrap();
    assert_eq!(web::read_answer(&client).unwrap().status(), 408);
    let record = rig.request();
    assert_eq!((fate(&record), record.failed_attempts.len()), ((Some(408), "body-late"), 0));
}

#[test]
fn whose_time_is_up_is_sent_to_nobody_else() {
    let asked = Arc::new(AtomicU64::new(0));
    let servers = [(); 3].map(|()| {
        let asked = Arc::clone(&asked);
        Server::start(&Place::any(), move |peer| {
            if web::read_request(peer).is_ok() {
                asked.fetch_add(1, SeqCst);
                let _ = peer.read_to_end();
            }
        })
    });
    let mut rig = rig(&servers.each_ref(), hasty());
    assert_eq!(web::get(&rig.connect(), "/").unwrap().status(), 504);
    let record = rig.request();
    assert_eq!((fate(&record), record.failed_attempts.len()), ((Some(504), "answer-late"), 1));
    assert_eq!(asked.load(SeqCst), 1);
}

#[test]
fn a_connect_takes_no_longer_than_its_request_may() {
    let silent = Silent::start();
    let mut parts = Parts::to(&[silent.place()]);
    parts.rules.connect.timeout = PATIENCE;
    parts.rules.connect.total = PATIENCE;
    parts.reception.http = Some(Arc::new(hasty()));
    let mut rig = parts.start();
    assert_eq!(web::get(&rig.connect(), "/").unwrap().status(), 504);
    assert!(rig.request().duration < PATIENCE / 2);
}

#[test]
fn another_protocol_begins_when_the_request_is_done() {
    const UPGRADE: &str =
        "POST / HTTP/1.1\nHost: a\nConnection: upgrade\nUpgrade: echo\nContent-Length: 2000000";
    const SWITCH: &str = "HTTP/1.1 101 Go\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\n";
    let server = early(SWITCH);
    let mut rig1 = rig(&[&server], rules());
    let client = rig1.connect();
    client.send(&web::request(UPGRADE, "a")).unwrap();
    assert_eq!(web::read_answer(&client).unwrap().status(), 502, "the rest would be the other protocol's");
    assert_eq!(rig1.request().outcome.word(), "answer-malformed");

    let server = Server::start(&Place::any(), move |peer| {
        let _ = web::read_head(peer);
        let body = peer.receive(20_000).unwrap();
        let _ = peer.send(SWITCH.as_bytes());
        let (more, _) = peer.read_to_end();
        let _ = peer.send(format!("{} and {}", body.len(), more.len()).as_bytes());
    });
    let rig2 = rig(&[&server], rules());
    let client = rig2.connect();
    client.send(&web::request(&UPGRADE.replace("2000000", "20000"), &"x".repeat(20_000))).unwrap();
    client.send(b"another protocol").unwrap();
    client.finish();
    assert_eq!(client.text().split_once("\r\n\r\n").unwrap().1, "20000 and 16");
}

#[test]
fn whoever_ends_its_side_is_answered_or_has_left_as_the_service_says() {
    let slow = || {
        Server::start(&Place::any(), |peer| {
            let _ = web::read_request(peer);
            std::thread::sleep(SOON);
            let _ = peer.send(&web::ok("late"));
        })
    };
    let ask = |rig: &Rig| {
        let client = rig.connect();
        client.send(&web::request("GET / HTTP/1.1\nHost: a", "")).unwrap();
        client.finish();
        client.text()
    };
    let server = slow();
    let mut patient = rig(&[&server], rules());
    assert!(ask(&patient).ends_with("\r\n\r\nlate"));
    assert_eq!(fate(&patient.request()), (Some(200), "ok"));

    let server = slow();
    let mut strict = rig(&[&server], HttpRules { abort_on_close: true, ..rules() });
    assert_eq!(ask(&strict), "");
    assert_eq!(fate(&strict.request()), (None, "client-left"));
}
