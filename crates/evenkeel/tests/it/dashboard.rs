//! The dashboard, as it is served: what a browser makes of it, `scripts/surface` looks at.

use crate::ask::{Answer, ask_tcp};
use crate::harness::{Running, Setup};
use evenkeel_testkit::{Server, port};
use serde_json::json;

/// A balancer with a TCP listener for the admin API, whose port comes with it.
fn over_tcp(server: &Server, guarded: bool) -> (Running, u16) {
    let admin = port::free();
    let token = if guarded { "token-file = \"token\", " } else { "" };
    let mut socket = None;
    let setup = Setup::to([server.place()]).start(|start| {
        let start = start.with_file("token", "0123456789abcdef\n");
        socket = Some(start.file("control.sock"));
        start
    });
    let socket = socket.unwrap();
    let listen = format!("[\"unix:{socket}\", \"127.0.0.1:{admin}\"]");
    let setup = setup.top(&format!("admin = {{ {token}listen = {listen} }}"));
    (setup.ready(), admin)
}

fn get(port: u16, path: &str, headers: &str) -> Answer {
    ask_tcp(port, "GET", path, &format!("host: 127.0.0.1:{port}\r\n{headers}"))
}

#[test]
fn the_page_and_its_files_need_no_token_and_what_they_show_does() {
    let server = Server::echo();
    let (_running, port) = over_tcp(&server, true);
    let page = get(port, "/", "");
    assert_eq!(page.status, 200);
    assert!(page.head.contains("content-type: text/html"), "{}", page.head);
    let files: Vec<&str> = page.text.split('"').filter(|it| it.starts_with("/dashboard/")).collect();
    assert!(files.len() >= 3, "{files:?}");
    for file in files {
        assert_eq!(get(port, file, "").status, 200, "{file}");
    }
    assert_eq!(get(port, "/api/v1/status", "").status, 401);
    assert_eq!(get(port, "/api/v1/access", "").status, 401);
}

#[test]
fn the_page_is_strict_about_what_it_may_load_and_who_may_frame_it() {
    let server = Server::echo();
    let (_running, port) = over_tcp(&server, false);
    let head = get(port, "/", "").head;
    for part in [
        "default-src 'none'",
        "script-src 'self'",
        "frame-ancestors 'none'",
        "cache-control: no-store",
        "nosniff",
    ] {
        assert!(head.contains(part), "{part} in {head}");
    }
    assert!(!head.contains("unsafe"), "{head}");
}

#[test]
fn others_may_link_to_the_page_and_get_nothing_else() {
    let server = Server::echo();
    let (_running, port) = over_tcp(&server, false);
    let link = "sec-fetch-site: cross-site\r\nsec-fetch-mode: navigate\r\nsec-fetch-dest: document\r\n";
    assert_eq!(get(port, "/", link).status, 200);
    assert_eq!(get(port, "/api/v1/status", link).status, 403);
    assert_eq!(get(port, "/", "sec-fetch-site: cross-site\r\nsec-fetch-dest: iframe\r\n").status, 403);
}

#[test]
fn whoever_asks_learns_what_they_may_do() {
    let server = Server::echo();
    let (running, port) = over_tcp(&server, false);
    let access = get(port, "/api/v1/access", "").json();
    assert_eq!(access["change"], false);
    assert!(access["why"].as_str().unwrap().contains("admin.token-file"), "{access}");
    assert_eq!(running.look("/api/v1/access"), json!({"change": true, "why": null}));
    drop(running);

    let (_running, port) = over_tcp(&server, true);
    let access = get(port, "/api/v1/access", "authorization: Bearer 0123456789abcdef\r\n").json();
    assert_eq!(access, json!({"change": true, "why": null}));
}
