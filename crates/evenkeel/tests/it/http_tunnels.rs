//! Tunnels by `CONNECT` to backends that are proxies, and `Via`.

use crate::harness::Setup;
use evenkeel_testkit::web::{self, Message};
use evenkeel_testkit::{Peer, Place, Server};
use serde_json::json;

/// A proxy that opens a tunnel to an echo, unless it is to lead to port 25.
fn proxy() -> Server {
    Server::start(&Place::any(), |peer: &Peer| {
        while let Ok(asked) = web::read_request(peer) {
            if !asked.first_line().starts_with("CONNECT ") || asked.first_line().contains(":25 ") {
                let _ = peer.send(b"HTTP/1.1 403 No\r\nContent-Length: 2\r\n\r\nno");
                continue;
            }
            let _ = peer.send(b"HTTP/1.1 200 Connection established\r\nContent-Length: 5\r\n\r\n");
            while let Ok(bytes) = peer.receive(1) {
                if peer.send(&bytes).is_err() {
                    return;
                }
            }
            return;
        }
    })
}

#[test]
fn a_tunnel_goes_to_the_proxy_that_is_chosen_and_is_a_session_from_then_on() {
    let server = proxy();
    let mut running = Setup::to([server.place()]).http().keys("tunnels = true").ready();
    let client = running.connect();
    // What follows at once belongs to the tunnel.
    client.send(b"CONNECT far.test:443 HTTP/1.1\r\nHost: far.test:443\r\n\r\nearly").unwrap();
    assert_eq!(web::read_head(&client).unwrap(), "HTTP/1.1 200 Connection established\r\n\r\n");
    assert_eq!(client.receive(5).unwrap(), b"early");
    client.check_echo("GET / HTTP/1.1\r\n\r\n");
    let line = running.wait_for("its line", |line| line["kind"] == "request");
    assert_eq!((&line["method"], &line["target"]), (&json!("CONNECT"), &json!("far.test:443")), "{line}");
    assert_eq!(
        (&line["outcome"], &line["status"], &line["host"]),
        (&json!("upgraded"), &json!(200), &json!("far.test:443"))
    );
    client.finish();
    assert_eq!(client.text(), "", "the end of one side is that of the other");
    let session = running.wait_session("the tunnel", |_| true);
    assert_eq!(
        (&session["backend"], &session["end"]),
        (&json!(server.place().to_string()), &json!("ok")),
        "{session}"
    );
    running.end();
}

#[test]
fn a_tunnel_that_is_not_opened_is_an_answer_like_any_other() {
    let server = proxy();
    let running = Setup::to([server.place()]).http().keys("tunnels = true").ready();
    let client = running.connect();
    for _ in 0..2 {
        client.send(b"CONNECT far.test:25 HTTP/1.1\r\nHost: far.test\r\n\r\n").unwrap();
        let answer = web::read_answer(&client).unwrap();
        assert_eq!((answer.status(), answer.text().as_str()), (403, "no"));
    }
    client.send(b"CONNECT far.test:443 HTTP/1.1\r\nHost: near.test\r\n\r\n").unwrap();
    assert_eq!(web::read_answer(&client).unwrap().status(), 400);
    drop(client);
    running.end();
}

#[test]
fn routes_choose_by_host_and_may_refuse_and_nobody_has_one_unless_it_is_allowed() {
    let server = proxy();
    let route = "tunnels = true\nroute = { \"far.test\" = { answer = 403 }, \"/\" = { answer = 200 } }";
    let running = Setup::to([server.place()]).http().keys(route).ready();
    let ask = |running: &crate::harness::Running, host: &str| -> Message {
        let client = running.connect();
        client.send(format!("CONNECT {host}:1 HTTP/1.1\r\nHost: {host}\r\n\r\n").as_bytes()).unwrap();
        web::read_answer(&client).unwrap()
    };
    assert_eq!(ask(&running, "far.test").status(), 403);
    let client = running.connect();
    client.send(b"CONNECT near.test:1 HTTP/1.1\r\nHost: near.test\r\n\r\n").unwrap();
    assert!(web::read_head(&client).unwrap().starts_with("HTTP/1.1 200 "));
    drop(client);
    running.end();
    let running = Setup::to([server.place()]).http().ready();
    let answer = ask(&running, "far.test");
    assert_eq!(
        (answer.status(), answer.field("allow").is_some_and(|it| !it.contains("CONNECT"))),
        (405, true)
    );
    running.end();
}

#[test]
fn via_is_added_in_both_directions_if_it_has_a_name() {
    let answer = |asked: &Message| {
        let body = asked.head.clone();
        format!("HTTP/1.0 200 OK\r\nVia: 1.1 cache\r\nContent-Length: {}\r\n\r\n{body}", body.len())
            .into_bytes()
    };
    let server = Server::start(&Place::any(), web::serve(answer));
    let keys = "via = \"lb1.example\"\nroute = { \"/own\" = { answer = \"own\" } }";
    let running = Setup::to([server.place()]).http().keys(keys).ready();
    let client = running.connect();
    client.send(b"GET / HTTP/1.1\r\nHost: a\r\nVia: 1.0 before\r\n\r\n").unwrap();
    let answer = web::read_answer(&client).unwrap();
    let via = |head: &str| -> Vec<String> {
        head.lines().filter_map(|line| line.strip_prefix("Via: ").map(str::to_owned)).collect()
    };
    assert_eq!(via(&answer.head), ["1.1 cache", "1.0 lb1.example"]);
    assert_eq!(via(&answer.text()), ["1.0 before", "1.1 lb1.example"]);
    let own = web::get(&running.connect(), "/own").unwrap();
    assert_eq!(via(&own.head), [""; 0], "nobody else has said that");
    drop(client);
    running.end();
}
