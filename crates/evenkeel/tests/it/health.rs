//! Checks: a backend that fails gets no new sessions and comes back by itself, and each change is told once.

use crate::harness::{Running, Setup};
use evenkeel_testkit::{Peer, Place, Server, Silent, eventually, serve, web};
use std::net::UdpSocket;
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering::SeqCst};

const FAST: &str = "interval = \"60ms\", fast-interval = \"20ms\", timeout = \"1s\"";

/// A service with this check, quick.
fn checked<'a>(places: impl IntoIterator<Item = &'a Place>, check: &str) -> Setup {
    Setup::to(places).keys(&format!("health = {{ {check}, {FAST} }}"))
}

/// Waits until it is up, and workers know that: before, they balance over all that are still to be seen.
fn up(running: &mut Running, server: &Server) {
    running.wait_backend("up", server.place());
    let why = format!("/api/v1/pools/web/backends/{}/why", server.place());
    eventually("it takes traffic", || (running.look(&why)["takes_traffic"] == true).then_some(()));
}

#[test]
fn a_backend_that_stops_is_down_and_comes_back_with_one_event_each() {
    let [a, mut b] = Server::hellos(["a", "b"]);
    let mut running = checked([a.place(), b.place()], "tcp = true").ready();
    up(&mut running, &a);
    up(&mut running, &b);
    running.forget();
    for _ in 0..2 {
        b.stop();
        let down = running.wait_backend("down", b.place());
        assert_eq!(down["cause"], "connection refused");
        assert_eq!(
            (&down["pool"], &down["failures"], &down["level"]),
            (&"web".into(), &3.into(), &"warning".into())
        );
        assert_eq!(running.tally(20), [("a".into(), 20)].into());
        b.restart();
        let up = running.wait_backend("up", b.place());
        assert_eq!(up["passes"], 2);
        eventually("it gets traffic", || running.tally(10).contains_key("b").then_some(()));
        let changes = ["down", "up"].map(|event| running.count_events(event));
        assert_eq!(changes, [1, 1], "one event per change");
        assert!(running.sessions().iter().all(|session| session["end"] == "ok"));
        running.forget();
    }
}

#[test]
fn a_dead_backend_is_down_from_the_start() {
    let [a, mut b] = Server::hellos(["a", "b"]);
    b.stop();
    let mut running = checked([a.place(), b.place()], "tcp = true").ready();
    assert_eq!(running.wait_backend("down", b.place())["failures"], 1);
    up(&mut running, &a);
    assert_eq!(running.tally(20), [("a".into(), 20)].into());
}

#[test]
fn a_backend_that_never_answers_is_down() {
    let silent = Silent::start();
    let setup = Setup::to([silent.place()]);
    let keys = "health = { tcp = true, timeout = \"200ms\", interval = \"200ms\" }";
    assert_eq!(setup.keys(keys).ready().wait_backend("down", silent.place())["cause"], "no answer in time");
}

#[test]
fn http_looks_at_the_status() {
    let status = Arc::new(AtomicU16::new(200));
    let server = Server::start(&Place::any(), serve::http(Arc::clone(&status), "hello"));
    let mut running = checked([server.place()], "http = \"/healthz\"").ready();
    up(&mut running, &server);
    running.forget();
    status.store(503, SeqCst);
    assert_eq!(running.wait_backend("down", server.place())["cause"], "status 503");
    status.store(302, SeqCst);
    up(&mut running, &server);
    let mut only_200 = checked([server.place()], "http = \"/\", status = 200").ready();
    assert_eq!(only_200.wait_backend("down", server.place())["cause"], "status 302");
}

#[test]
fn http_looks_at_the_body() {
    let status = Arc::new(AtomicU16::new(200));
    let server = Server::start(&Place::any(), serve::http(status, "state: primary"));
    up(&mut checked([server.place()], "http = \"/\", body = \"primary\"").ready(), &server);
    let mut replica = checked([server.place()], "http = \"/\", body = \"replica\"").ready();
    let down = replica.wait_backend("down", server.place());
    assert!(down["cause"].as_str().unwrap().contains("expected text"), "{down}");
}

#[test]
fn a_name_server_is_judged_by_its_answers_and_by_icmp() {
    let [server] = Server::hellos(["a"]);
    let rcode = Arc::new(AtomicU16::new(0));
    let port = names(Arc::clone(&rcode));
    let mut running = checked([server.place()], &format!("dns = \"www.test\", port = {port}")).ready();
    up(&mut running, &server);
    for (code, cause) in [(2, "answered SERVFAIL"), (GONE, "connection refused")] {
        running.forget();
        rcode.store(code, SeqCst);
        let down = running.wait_backend("down", server.place());
        assert_eq!((&down["cause"], &down["failures"]), (&cause.into(), &3.into()));
        if code != GONE {
            rcode.store(0, SeqCst);
            up(&mut running, &server);
        }
    }
}

/// Instead of a code: there is no server any more.
const GONE: u16 = u16::MAX;

/// The port of a name server that answers every question with this code and nothing else.
fn names(rcode: Arc<AtomicU16>) -> u16 {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let port = socket.local_addr().unwrap().port();
    std::thread::spawn(move || {
        let mut bytes = [0; 512];
        while let Ok((length, client)) = socket.recv_from(&mut bytes)
            && rcode.load(SeqCst) != GONE
        {
            bytes[2] |= 0x80;
            bytes[3] = rcode.load(SeqCst) as u8;
            let _ = socket.send_to(&bytes[..length], client);
        }
    });
    port
}

#[test]
fn http_asks_as_it_was_told() {
    let server = Server::start(&Place::any(), |peer: &Peer| {
        let request = web::read_head(peer).unwrap_or_default();
        let asked = request.starts_with("HEAD /ping?full HTTP/1.1\r\n");
        let hosted = request.to_lowercase().contains("\r\nhost: example.test\r\n");
        let status = if asked && hosted { "200 OK" } else { "400 Bad Request" };
        let _ = peer.send(format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n").as_bytes());
    });
    let check = "http = \"/ping?full\", method = \"HEAD\", host = \"example.test\"";
    up(&mut checked([server.place()], check).ready(), &server);
}

#[test]
fn a_server_that_accepts_and_closes_fails_an_http_check_and_gets_no_traffic() {
    let a = Server::start(&Place::any(), serve::http(Arc::new(AtomicU16::new(200)), "a"));
    let closes = Server::start(&Place::any(), serve::close);
    let mut running = checked([a.place(), closes.place()], "http = \"/\"").ready();
    running.wait_backend("down", closes.place());
    up(&mut running, &a);
    for _ in 0..20 {
        let client = running.connect();
        client.send(b"GET / HTTP/1.1\r\n\r\n").unwrap();
        assert!(client.text().starts_with("HTTP/1.1 200"));
    }
}

#[test]
fn send_and_expect() {
    let redis = Server::start(&Place::any(), |peer: &Peer| {
        if peer.receive(6).is_ok_and(|bytes| bytes == b"PING\r\n") {
            let _ = peer.send(b"+PONG\r\n");
        }
    });
    up(&mut checked([redis.place()], r#"send = "PING\r\n", expect = "+PONG""#).ready(), &redis);
    let other = Server::hello("-LOADING");
    let mut running = checked([other.place()], r#"send = "PING\r\n", expect = "+PONG""#).ready();
    running.wait_backend("down", other.place());
}

#[test]
fn a_server_that_speaks_first_can_be_expected() {
    let ssh = Server::hello("SSH-2.0-x\r\n");
    up(&mut checked([ssh.place()], r#"expect = "SSH-2.0""#).ready(), &ssh);
}

#[test]
fn the_check_can_have_its_own_port() {
    let mut checked_port = Server::hello("fine");
    let server = Server::hello("a");
    let mut running =
        checked([server.place()], &format!("tcp = true, port = {}", checked_port.port())).ready();
    up(&mut running, &server);
    checked_port.stop();
    running.wait_backend("down", server.place());
    checked_port.restart();
    running.forget();
    up(&mut running, &server);
}

#[test]
fn no_check_no_connection() {
    let server = Server::hello("a");
    let running = Setup::to([server.place()]).keys("health = \"off\"").ready();
    assert_eq!(running.tally(1), [("a".into(), 1)].into());
    assert_eq!(server.accepted(), 1, "the client's");
}
