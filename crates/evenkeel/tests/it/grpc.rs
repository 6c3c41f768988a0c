//! Calls of gRPC: what the log, the metrics and an ejection tell of how they end.

use crate::harness::Setup;
use evenkeel_testkit::http2::{self, Client, HeaderMap, Response, request};
use evenkeel_testkit::{Peer, Place, Server, eventually, web};
use serde_json::json;

/// A server whose calls all end with this number: behind a message, or in a head that is all, as `path` wants it.
fn ending_with(number: &'static str) -> Server {
    Server::start(
        &Place::any(),
        http2::serve(move |request, mut respond| async move {
            let is_bare = request.uri().path() == "/bare";
            let _ = http2::read_body(request.into_body()).await;
            let status = HeaderMap::from_iter([("grpc-status".parse().unwrap(), number.parse().unwrap())]);
            let mut head = Response::builder().header("content-type", "application/grpc").body(()).unwrap();
            if is_bare {
                head.headers_mut().extend(status.clone());
            }
            let mut stream = respond.send_response(head, is_bare).unwrap();
            if !is_bare {
                let _ = stream.send_data(http2::Bytes::from_static(b"\0\0\0\0\0"), false);
                let _ = stream.send_trailers(status);
            }
        }),
    )
}

#[test]
fn a_server_whose_calls_end_as_unavailable_is_left_out_and_log_and_metrics_say_so() {
    let (good, gone) = (ending_with("0"), ending_with("14"));
    let keys = "to-http = \"2\"\nbalance = \"round-robin\"\neject = { time = \"60s\" }";
    let mut running = Setup::to([good.place(), gone.place()]).http().keys(keys).top("workers = 1").ready();
    let peer = Peer::connect(&running.place);
    let client = Client::new(&peer);
    for call in 0..20 {
        let path = ["/", "/bare"][call / 4 % 2];
        let answer = client.ask(request("POST", path), b"\0\0\0\0\0", HeaderMap::new()).unwrap();
        assert_eq!(answer.status, 200, "whatever becomes of it");
    }
    assert_eq!((good.accepted(), gone.accepted()), (1, 1));

    let line = running.wait_for("a call", |line| line["kind"] == "request" && line["number"] == 2);
    assert_eq!((&line["status"], &line["grpc_status"]), (&json!(200), &json!(14)), "{line}");
    assert_eq!((&line["outcome"], &line["backend"]), (&json!("ok"), &json!(gone.place().to_string())));
    let event = running.wait_backend("ejected", gone.place());
    assert_eq!(event["cause"], "it answers UNAVAILABLE", "{event}");
    let why = running.look(&format!("/api/v1/pools/web/backends/{}/why", gone.place()));
    let says = "live traffic failed: 5 answers in a row, it answers UNAVAILABLE";
    assert_eq!(why["reasons"][0]["says"], says, "{why}");

    let page = running.ask("GET", "/metrics").text;
    for (status, count) in [("OK", 15), ("UNAVAILABLE", 5), ("INTERNAL", 0)] {
        let sample =
            format!("evenkeel_service_grpc_calls_total{{service=\"web\",status=\"{status}\"}} {count}\n");
        assert!(page.contains(&sample), "{page}");
    }
    let errors =
        format!("evenkeel_backend_request_errors_total{{pool=\"web\",backend=\"{}\"}} 5\n", gone.place());
    assert!(page.contains(&errors), "{page}");
    let requests = &running.look("/api/v1/services/web")["requests"];
    assert_eq!(requests["calls"], json!({"OK": 15, "UNAVAILABLE": 5}), "{requests}");
    let (code, page, _) = running.command("status");
    let row = page.lines().skip_while(|line| !line.contains("GRPC CALLS")).nth(1).unwrap_or_default();
    let cells: Vec<_> = row.split_whitespace().collect();
    assert_eq!((code, &cells[..]), (0, &["web", "20", "15", "UNAVAILABLE", "5"][..]), "{page}");
    drop((client, peer));
    running.end();
}

#[test]
fn a_call_that_failed_over_tells_how_it_has_ended() {
    let mute = Server::start(&Place::any(), |peer: &Peer| drop(peer.receive(24)));
    let gone = ending_with("14");
    let keys = "to-http = \"2\"\nbalance = \"round-robin\"\neject = \"off\"";
    let mut running = Setup::to([mute.place(), gone.place()]).http().keys(keys).top("workers = 1").ready();
    let client = running.connect();
    assert_eq!(web::get(&client, "/").unwrap().status(), 200);
    let line = running.wait_for("the call", |line| line["kind"] == "request");
    let id = line["id"].as_str().unwrap();
    let path = format!("/api/v1/requests/{id}");
    let kept = eventually("it is kept", || Some(running.ask("GET", &path)).filter(|it| it.status == 200));
    assert_eq!(kept.json()["grpc_status"], 14);
    let (_, page, _) = running.command(&format!("why request {id}"));
    assert!(page.contains("was answered 200 UNAVAILABLE (`ok`)"), "{page}");
    running.end();
}
