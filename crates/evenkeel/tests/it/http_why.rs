//! Asking why a request came out as it did.

use crate::harness::{Running, Setup};
use evenkeel_testkit::{Peer, Place, Server, eventually, web};
use serde_json::{Value, json};

/// What is told at `path`, once it is there: requests are kept after they were logged.
fn wait(running: &Running, path: &str) -> Value {
    eventually("it is kept", || Some(running.ask("GET", path)).filter(|it| it.status == 200)).json()
}

#[test]
fn a_request_that_failed_over_tells_whom_it_tried_and_one_that_went_well_is_not_kept() {
    let mute = Server::start(&Place::any(), |peer: &Peer| drop(web::read_request(peer)));
    let good = Server::start(&Place::any(), web::serve(|_| web::ok("good")));
    let setup = Setup::to([mute.place(), good.place()]).http().top("workers = 1");
    let mut running = setup.keys("balance = \"round-robin\"\neject = \"off\"").ready();
    let client = running.connect();
    assert_eq!(web::get(&client, "/x").unwrap().text(), "good");
    let line = running.wait_for("a request", |line| line["kind"] == "request");
    let id = line["id"].as_str().unwrap();
    let why = wait(&running, &format!("/api/v1/requests/{id}"));
    assert_eq!((&why["target"], &why["status"], &why["outcome"]), (&json!("/x"), &json!(200), &json!("ok")));
    let tried = &why["attempts"][0];
    assert_eq!(
        (&tried["backend"], &tried["cause"]),
        (&json!(mute.place().to_string()), &json!("closed before it answered"))
    );
    let (code, page, _) = running.command(&format!("why request {id}"));
    assert_eq!(code, 0, "{page}");
    for text in
        ["GET web.test/x was answered 200 (`ok`)", "closed before it answered", "answered; by backend"]
    {
        assert!(page.contains(text), "{text} in {page}");
    }
    let session = wait(&running, &format!("/api/v1/sessions/{}", line["session"]));
    assert_eq!((&session["state"], &session["requests"][0]["id"]), (&json!("open"), &json!(id)), "{session}");
    let (code, _, errors) = running.command("why request nothing");
    assert!(code == 1 && errors.contains("no request `nothing` failed over"), "{errors}");
}

#[test]
fn what_was_refused_is_told_of_its_client() {
    let server = Server::start(&Place::any(), web::serve(|_| web::ok("good")));
    let running = Setup::to([server.place()]).http().ready();
    let client = running.connect();
    client
        .send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n")
        .unwrap();
    assert_eq!(web::read_answer(&client).unwrap().status(), 400);
    let told = eventually("it is kept", || {
        let told = running.ask("GET", "/api/v1/clients/127.0.0.1");
        Some(told).filter(|it| it.status == 200)?.json()["requests"].get(0).cloned()
    });
    assert_eq!((&told["outcome"], &told["by"]), (&json!("length-and-coding"), &json!("client")), "{told}");
    assert_eq!(told["says"], "refused: it has a length and chunks");
    let (_, page, _) = running.command("why client 127.0.0.1");
    assert!(page.contains("Requests that failed over") && page.contains("`POST / HTTP/1.1`"), "{page}");
}
