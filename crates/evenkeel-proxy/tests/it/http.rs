//! Requests that are balanced one by one, through real sockets.

mod failing;
mod links;
mod midway;
mod refused;
mod streams;

use crate::rig::{Parts, Rig};
use evenkeel_core::http::forwarded::Forwarded;
use evenkeel_core::http::head::HeadLimits;
use evenkeel_core::http::rules::Steering;
use evenkeel_core::http::rules::{HttpRules, LinkRules, Timeouts, Trusted};
use evenkeel_proxy::RequestRecord;
use evenkeel_testkit::http2::Client;
use evenkeel_testkit::web::{self, Message};
use evenkeel_testkit::{PATIENCE, Place, Server};
use std::sync::Arc;
use std::time::Duration;

/// Short, but longer than a busy machine makes a thread wait.
pub const SOON: Duration = Duration::from_millis(500);

/// Rules that nothing should run into.
pub fn rules() -> HttpRules {
    HttpRules {
        timeouts: Timeouts {
            head: PATIENCE,
            keep_alive: PATIENCE,
            request: None,
            response: PATIENCE,
            body: PATIENCE,
        },
        limits: HeadLimits { bytes: 4096, fields: 32, target: 1024 },
        body_max: Some(1_000_000_000),
        forwarded: Forwarded { x: true, standard: false },
        trusted: Trusted::default(),
        steering: Steering::default(),
        links: LinkRules { idle_max: 8, idle_for: PATIENCE },
        tunnels: false,
        abort_on_close: false,
        via: None,
    }
}

/// Before these servers, with one worker.
pub fn rig(servers: &[&Server], rules: HttpRules) -> Rig {
    let places: Vec<&Place> = servers.iter().map(|server| server.place()).collect();
    let mut parts = Parts::to(&places);
    parts.reception.http = Some(Arc::new(rules));
    parts.workers = 1;
    parts.start()
}

/// A server that says its name to whatever it is asked.
pub fn named(name: &str) -> Server {
    let name = name.to_owned();
    Server::start(&Place::any(), web::serve(move |_| web::ok(&name)))
}

/// A server that says the head of what it is asked.
pub fn mirror() -> Server {
    Server::start(&Place::any(), web::serve(|asked| web::ok(&asked.head)))
}

/// How a request ended: its status, and the word for what became of it.
pub fn fate(record: &RequestRecord) -> (Option<u16>, &'static str) {
    (record.status, record.outcome.word())
}

#[test]
fn each_request_goes_to_the_next_backend() {
    let servers = [named("a"), named("b"), named("c")];
    let mut rig = rig(&servers.each_ref(), rules());
    let client = rig.connect();
    let said: Vec<_> = (0..6).map(|_| web::get(&client, "/").unwrap().text()).collect();
    assert_eq!(said, ["a", "b", "c", "a", "b", "c"]);
    assert!(servers.iter().all(|server| server.accepted() == 1), "their connections are used again");
    let record = rig.request();
    assert_eq!((record.said().method.as_str(), record.said().target.as_str()), ("GET", "/"));
    assert_eq!((fate(&record), record.number), ((Some(200), "ok"), 1));
    assert!(record.connect.is_some() && record.first_byte.is_some());
    let later: Vec<_> = (0..5).map(|_| rig.request()).collect();
    assert_eq!(later.iter().map(|it| it.number).collect::<Vec<_>>(), [2, 3, 4, 5, 6]);
    assert!(later[4].connect.is_none(), "there was a connection");
}

#[test]
fn a_backend_is_told_where_a_request_comes_from_and_a_stranger_is_not_believed() {
    let server = mirror();
    let rig = rig(&[&server], rules());
    let client = rig.connect();
    let lines =
        "GET /x HTTP/1.1\nHost: web.test\nX-Forwarded-For: 6.6.6.6\nConnection: close, X-Mine\nX-Mine: 1";
    client.send(&web::request(lines, "")).unwrap();
    let heard = web::read_answer(&client).unwrap();
    let asked = Message { head: heard.text(), body: Vec::new() };
    assert_eq!(asked.first_line(), "GET /x HTTP/1.1");
    assert_eq!(asked.field("x-forwarded-for"), Some("127.0.0.1"));
    assert_eq!(asked.field("x-forwarded-host"), Some("web.test"));
    assert_eq!(asked.field("x-request-id").map(str::len), Some(32));
    assert_eq!((asked.field("x-mine"), asked.field("connection")), (None, None));
    assert_eq!(heard.field("connection"), Some("close"), "as the client wanted");
    assert_eq!(client.text(), "");
}

#[test]
fn requests_that_come_at_once_are_answered_in_order() {
    let server = mirror();
    let rig = rig(&[&server], rules());
    let client = rig.connect();
    let many: Vec<u8> =
        (0..20).flat_map(|n| web::request(&format!("GET /{n} HTTP/1.1\nHost: a"), "")).collect();
    client.send(&many).unwrap();
    for n in 0..20 {
        assert!(web::read_answer(&client).unwrap().text().starts_with(&format!("GET /{n} ")));
    }
}

#[test]
fn a_client_of_http_1_0_is_answered_in_its_way() {
    let chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n";
    let server = Server::start(&Place::any(), web::serve(|_| chunked.to_vec()));
    let rig = rig(&[&server], rules());
    let client = rig.connect();
    client.send(b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n").unwrap();
    let answer = web::read_answer(&client).unwrap();
    assert_eq!((answer.text().as_str(), answer.field("connection")), ("hello", Some("close")));
    let client = rig.connect();
    client.send(b"GET / HTTP/1.0\r\n\r\n").unwrap();
    assert!(client.text().ends_with("\r\n\r\nhello"), "the end of the connection is that of the body");
}

#[test]
fn an_idle_client_is_closed_and_a_draining_worker_waits_for_none() {
    let server = named("a");
    let mut short = rules();
    short.timeouts.keep_alive = SOON;
    let rig1 = rig(&[&server], short);
    let client = rig1.connect();
    assert_eq!(web::get(&client, "/").unwrap().text(), "a");
    assert_eq!(client.text(), "", "closed in order");

    let mut rig2 = rig(&[&server], rules());
    let (idle, new) = (rig2.connect(), rig2.connect());
    assert_eq!(web::get(&idle, "/").unwrap().text(), "a");
    new.send(b"GET / HTTP/1.1\r\n").unwrap();
    rig2.plane().drain(PATIENCE);
    assert_eq!(idle.text(), "", "it has nothing to finish");
    new.send(b"Host: a\r\n\r\n").unwrap();
    let last = web::read_answer(&new).unwrap();
    assert_eq!((last.text().as_str(), last.field("connection")), ("a", Some("close")));
    assert_eq!(new.text(), "");
}

#[test]
fn who_has_come_before_a_drain_is_served_and_who_says_nothing_is_not_waited_for_longer_than_a_head() {
    let server = named("a");
    let mut patient = rig(&[&server], rules());
    let mut hasty = rules();
    hasty.timeouts.head = SOON;
    let mut hasty = rig(&[&server], hasty);
    let draining = |rig: &mut Rig| {
        let [new, newer, last] = [(); 3].map(|()| rig.connect());
        // The others were accepted before.
        assert_eq!(web::get(&last, "/").unwrap().text(), "a");
        rig.plane().drain(PATIENCE);
        assert_eq!(last.text(), "", "it drains");
        (new, newer)
    };
    let (new, newer) = draining(&mut patient);
    let answer = web::get(&new, "/").unwrap();
    assert_eq!((answer.text().as_str(), answer.field("connection")), ("a", Some("close")));
    assert_eq!(Client::new(&newer).get("/").unwrap().text(), "a", "by HTTP/2");
    let (silent, _) = draining(&mut hasty);
    assert_eq!(silent.text(), "");
}
