//! Routes by what a TLS client asks for, through real sockets.

use crate::rig::{Parts, Rig, backend};
use evenkeel_core::end::End;
use evenkeel_core::name::PoolName;
use evenkeel_core::reception::{Routes, Strangers};
use evenkeel_core::rejection::Rejection;
use evenkeel_core::route::{Route, RouteTable};
use evenkeel_core::side::Side;
use evenkeel_testkit::hello::{Hello, browser, record};
use evenkeel_testkit::{Ending, PATIENCE, Peer, Place, Server, serve};
use std::time::Duration;

/// Short, but longer than a busy machine makes a thread wait.
const SOON: Duration = Duration::from_millis(500);

fn route(name: &str, to: &str) -> Route {
    let names = if name == "*" { Vec::new() } else { vec![name.parse().unwrap()] };
    Route { names, alpn: Vec::new(), from: Vec::new(), to: PoolName::new(to) }
}

fn routes(routes: Vec<Route>) -> Routes {
    Routes {
        table: RouteTable::new(routes).unwrap(),
        by_hello: true,
        timeout: PATIENCE,
        longest: 64 * 1024,
        strangers: Strangers::Closed,
    }
}

/// Three services behind one port: each greets with its name once it has heard something.
pub struct Edge {
    pub rig: Rig,
    _servers: [Server; 3],
}

pub fn edge(change: impl FnOnce(&mut Parts)) -> Edge {
    let servers = ["default", "www", "api"].map(|name| {
        Server::start(&Place::any(), move |peer| {
            let _ = peer.receive(5);
            let _ = peer.send(name.as_bytes());
            peer.finish();
            let _ = serve::read_away(peer);
        })
    });
    let mut parts = Parts::to(&[servers[0].place()]);
    parts.routed = [("www", &servers[1]), ("api", &servers[2])]
        .map(|(name, server)| (PoolName::new(name), backend(server.place())))
        .into();
    let table = vec![route("www.example.com", "www"), route("*.example.com", "api")];
    parts.reception.routes = Some(routes(table));
    change(&mut parts);
    Edge { rig: parts.start(), _servers: servers }
}

impl Edge {
    /// Who answers a client that begins like this.
    pub fn answer(&self, bytes: &[u8]) -> String {
        let client = self.rig.connect();
        client.send(bytes).unwrap();
        client.text()
    }
}

#[test]
fn a_client_gets_to_the_host_that_it_asks_for() {
    let mut edge = edge(|_| ());
    let to = |name: &str| Hello::default().server_name(name).bytes();
    assert_eq!(edge.answer(&to("www.example.com")), "www");
    let record = edge.rig.record();
    assert_eq!(record.server_name.as_deref(), Some("www.example.com"));
    assert_eq!((record.pool, record.end), (Some(PoolName::new("www")), End::Closed(Side::Backend)));
    assert_eq!(edge.answer(&to("A.B.example.com")), "api");
    assert_eq!(edge.answer(&to("example.com")), "default");
    assert_eq!(edge.answer(&Hello::default().bytes()), "default");
    assert_eq!(edge.answer(&browser().bytes()), "www");
}

#[test]
fn a_hello_arrives_as_it_was_sent_in_whatever_pieces() {
    let server = Server::echo();
    let mut parts = Parts::to(&[server.place()]);
    parts.reception.routes = Some(routes(vec![route("www.example.com", "web")]));
    let rig = parts.start();
    let padded = Hello::default().with(21, vec![0; 50_000]).server_name("www.example.com");
    for hello in [browser().bytes(), browser().in_records(7), padded.in_records(16_000)] {
        let client = rig.connect();
        let (head, tail) = hello.split_at(200);
        head.iter().for_each(|byte| client.send(&[*byte]).unwrap());
        client.send(tail).unwrap();
        assert!(client.receive(hello.len()).unwrap() == hello, "of {} bytes", hello.len());
        client.check_echo("and on");
    }
}

#[test]
fn a_protocol_and_a_network_decide_too() {
    let edge = edge(|parts| {
        let h2 = Route { alpn: vec![(*b"h2").into()], ..route("www.example.com", "api") };
        let here = Route { from: vec!["127.0.0.0/8".parse().unwrap()], ..route("*", "www") };
        parts.reception.routes = Some(routes(vec![route("www.example.com", "www"), h2, here]));
    });
    let hello = Hello::default().server_name("www.example.com");
    assert_eq!(edge.answer(&hello.clone().alpn(&["http/1.1", "h2"]).bytes()), "api");
    assert_eq!(edge.answer(&hello.alpn(&["http/1.1"]).bytes()), "www");
    assert_eq!(edge.answer(&Hello::default().bytes()), "www", "by where it is");
}

#[test]
fn without_a_default_nobody_else_is_served() {
    let mut edge = edge(|parts| parts.has_default = false);
    let client = edge.rig.connect();
    client.send(&Hello::default().server_name("example.org").bytes()).unwrap();
    assert_eq!(client.ending(), Ending::Reset);
    let record = edge.rig.record();
    assert_eq!((record.end, record.pool), (End::Rejected(Rejection::NoRoute), None));
    assert_eq!(record.server_name.as_deref(), Some("example.org"));
}

/// How a session ends whose client sends `bytes`, and then no more.
fn end_of(bytes: &[u8]) -> End {
    let mut edge = edge(|parts| {
        if let Some(routes) = &mut parts.reception.routes {
            (routes.timeout, routes.longest) = (SOON, 1024);
        }
    });
    let client = edge.rig.connect();
    // A refusal may come before the bytes have gone.
    let _ = client.send(bytes);
    assert_eq!(client.ending(), Ending::Reset);
    edge.rig.record().end
}

#[test]
fn what_is_no_hello_ends_the_session_and_says_what_it_is() {
    let long = Hello::default().with(21, vec![0; 2000]).bytes();
    let alert = record(21, &[2, 40]);
    let malformed = end_of(&alert);
    assert!(matches!(malformed, End::Rejected(Rejection::HelloMalformed(_))), "{malformed:?}");
    for (bytes, rejection) in [
        (&b""[..], Rejection::Silent),
        (&Hello::default().bytes()[..20], Rejection::HelloLate),
        (&long, Rejection::HelloTooLong),
        (b"GET / HTTP/1.1\r\n", Rejection::NotTls),
    ] {
        assert_eq!(end_of(bytes), End::Rejected(rejection));
    }
}

#[test]
fn strangers_may_be_served_by_default() {
    let edge = edge(|parts| {
        if let Some(routes) = &mut parts.reception.routes {
            (routes.strangers, routes.timeout) = (Strangers::Served, SOON);
        }
    });
    assert_eq!(edge.answer(b"hello"), "default");
    let silent = edge.rig.connect();
    std::thread::scope(|scope| {
        // It has to wait until it is known to say nothing.
        let answer = scope.spawn(|| silent.receive(7).unwrap());
        let late: Peer = edge.rig.connect();
        late.send(b"hello").unwrap();
        assert_eq!(late.text(), "default");
        silent.send(b"hello").unwrap();
        assert_eq!(answer.join().unwrap(), b"default");
    });
}
