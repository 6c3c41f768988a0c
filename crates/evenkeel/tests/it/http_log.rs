//! What is logged of requests: whose they are, how long each part took, and the format that others read.

use crate::harness::Setup;
use evenkeel_testkit::web::{self, Message};
use evenkeel_testkit::{Peer, Place, Server, eventually};

fn server() -> Server {
    Server::start(&Place::any(), web::serve(|asked: &Message| web::ok(asked.first_line())))
}

#[test]
fn the_client_is_whom_a_trusted_proxy_names_and_the_proxy_is_told_too() {
    let server = server();
    let mut running = Setup::to([server.place()]).http().keys("trust = \"127.0.0.0/8\"").ready();
    let client = running.connect();
    let ask = |fields: &str| {
        client.send(&web::request(&format!("GET / HTTP/1.1\nHost: a{fields}"), "")).unwrap();
        web::read_answer(&client).unwrap();
    };
    ask("\nX-Forwarded-For: 6.6.6.6, 192.0.2.7, 127.0.0.9");
    ask("");
    let own = client.local().to_string();
    let named = running.wait_for("the first", |line| line["number"] == 1);
    assert_eq!((&named["client"], &named["via"]), (&"192.0.2.7".into(), &own.clone().into()), "{named}");
    let other = running.wait_for("the second", |line| line["number"] == 2);
    assert_eq!((&other["client"], &other["via"]), (&own.into(), &serde_json::Value::Null), "{other}");
    drop(client);
    running.end();
}

#[test]
fn a_stranger_names_nobody() {
    let server = server();
    let mut running = Setup::to([server.place()]).http().ready();
    let client = running.connect();
    client.send(b"GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 192.0.2.7\r\n\r\n").unwrap();
    web::read_answer(&client).unwrap();
    let line = running.wait_for("a request", |line| line["kind"] == "request");
    assert_eq!(
        (&line["client"], &line["via"]),
        (&client.local().to_string().into(), &serde_json::Value::Null)
    );
    drop(client);
    running.end();
}

#[test]
fn every_part_of_a_request_has_its_time() {
    let server = server();
    let mut running = Setup::to([server.place()]).http().ready();
    let client = running.connect();
    client.send(b"POST / HTTP/1.0\r\nConnection: keep-alive\r\nContent-Length: 4\r\n\r\nab").unwrap();
    eventually("it is asked", || (server.accepted() > 0).then_some(()));
    client.send(b"cd").unwrap();
    web::read_answer(&client).unwrap();
    let line = running.wait_for("a request", |line| line["kind"] == "request");
    let ms = |name: &str| line[name].as_f64().unwrap_or_else(|| panic!("{name} in {line}"));
    let parts = ["connect_ms", "sent_ms", "first_byte_ms", "ms"].map(ms);
    assert!(parts.is_sorted() && ms("head_ms") >= 0.0, "{line}");
    assert_eq!(line["protocol"], "HTTP/1.0");
    client.send(b"nonsense\r\n\r\n").unwrap();
    let line = running.wait_for("a refusal", |line| line["outcome"] == "request-line");
    for unknown in ["method", "protocol", "sent_ms"] {
        assert!(line[unknown].is_null(), "{unknown} in {line}");
    }
    drop(client);
    running.end();
}

#[test]
fn a_combined_log_has_requests_only_and_all_else_is_on_standard_error() {
    let server = server();
    let dir = tempfile::tempdir().unwrap();
    let log = dir.path().join("access.log");
    let top = format!("log = \"combined\"\nlog-to = {:?}\n", log.display().to_string());
    let setup = Setup::to([server.place()]).http().top(&top);
    let running = setup.start(evenkeel_testkit::Start::hold_stdout).ready();
    let client = Peer::connect(&running.place);
    client.send(b"GET /x?y HTTP/1.1\r\nHost: a\r\nUser-Agent: t\"t\r\n\r\n").unwrap();
    assert_eq!(web::read_answer(&client).unwrap().text(), "GET /x?y HTTP/1.1");
    let line = eventually("a line", || std::fs::read_to_string(&log).ok().filter(|text| text.contains('\n')));
    assert!(line.starts_with("127.0.0.1 - - ["), "{line}");
    assert!(line.ends_with("] \"GET /x?y HTTP/1.1\" 200 17 \"-\" \"t\\\"t\"\n"), "{line}");
    drop(client);
    running.signal(evenkeel_testkit::Signal::TERM);
    let (code, stdout, stderr) = running.into_process().output();
    assert_eq!((code, stdout.as_str()), (0, ""));
    assert!(stderr.contains("  ready in ") && stderr.contains("  stopped, "), "{stderr}");
    assert_eq!(std::fs::read_to_string(&log).unwrap(), line, "nothing else");
}
