//! Calls of gRPC: how they have ended, as their backends say, and what that says of those.

use super::backends::front;
use super::*;
use evenkeel_core::eject::{Errors, Tolerance};
use evenkeel_core::http::grpc::Status;
use evenkeel_core::live::{Answer, LiveFailure};
use evenkeel_proxy::Report;
use evenkeel_testkit::http2::{self, Bytes, Response, SendResponse};

fn status(number: &str) -> HeaderMap {
    HeaderMap::from_iter([("grpc-status".parse().unwrap(), number.parse().unwrap())])
}

/// Answers a call that ends with the number at the end of `path`: in the head alone below `/bare`.
fn answer(path: &str, mut respond: SendResponse<Bytes>) {
    let (kind, number) = path.rsplit_once('/').unwrap();
    let mut head = Response::builder().header("content-type", "application/grpc").body(()).unwrap();
    if kind == "/bare" {
        head.headers_mut().extend(status(number));
        let _ = respond.send_response(head, true);
        return;
    }
    let mut stream = respond.send_response(head, false).unwrap();
    let _ = stream.send_data(Bytes::from_static(b"\0\0\0\0\0"), false);
    let _ = stream.send_trailers(status(number));
}

/// A server of such calls.
fn calls() -> Server {
    Server::start(
        &Place::any(),
        http2::serve(|request, respond| async move {
            let path = request.uri().path().to_owned();
            let _ = http2::read_body(request.into_body()).await;
            answer(&path, respond);
        }),
    )
}

/// One that answers them in chunks, by HTTP/1; what is asked for `/cut` breaks off.
fn calls_in_chunks() -> Server {
    const HEAD: &str =
        "HTTP/1.1 200 OK\r\nContent-Type: application/grpc\r\nTransfer-Encoding: chunked\r\n\r\n";
    Server::start(&Place::any(), |peer: &Peer| {
        while let Ok(asked) = web::read_request(peer) {
            let path = asked.first_line().split(' ').nth(1).unwrap();
            if path == "/cut" {
                let _ = peer.send(format!("{HEAD}5\r\nhe").as_bytes());
                break;
            }
            let end = format!("0\r\ngrpc-status: {}\r\n\r\n", &path[1..]);
            let _ = peer.send(format!("{HEAD}5\r\nhello\r\n{end}").as_bytes());
        }
    })
}

#[test]
fn the_status_of_a_call_is_told_whatever_both_sides_speak() {
    let server = calls();
    let mut rig = front(&[&server], rules());
    let peer = rig.connect();
    let client = Client::new(&peer);
    for (path, status) in
        [("/x/0", Status::Ok), ("/x/14", Status::Unavailable), ("/bare/12", Status::Unimplemented)]
    {
        let answer = client.ask(request("POST", path), b"", HeaderMap::new()).unwrap();
        assert_eq!((answer.status, answer.is_bare), (200, path.starts_with("/bare")));
        assert_eq!(rig.request().grpc, Some(status), "HTTP/2, {path}");
        for version in ["1.1", "1.0"] {
            let peer = rig.connect();
            let lines = format!("POST {path} HTTP/{version}\nHost: a\nConnection: close\nContent-Length: 0");
            peer.send(&web::request(&lines, "")).unwrap();
            assert!(peer.text().starts_with("HTTP/1.1 200 "));
            assert_eq!(rig.request().grpc, Some(status), "HTTP/{version}, {path}");
        }
    }
}

#[test]
fn a_backend_that_says_it_in_chunks_is_understood_too() {
    let server = calls_in_chunks();
    let mut rig = rig(&[&server], rules());
    let peer = rig.connect();
    let answer = Client::new(&peer).ask(request("POST", "/5"), b"", HeaderMap::new()).unwrap();
    assert_eq!((answer.trailers, rig.request().grpc), (status("5"), Some(Status::NotFound)));
}

#[test]
fn what_a_client_says_and_what_is_no_call_has_no_status() {
    let server = Server::start(
        &Place::any(),
        http2::serve(|request, mut respond| async move {
            let _ = http2::read_body(request.into_body()).await;
            let head = Response::builder().header("content-type", "text/plain").body(()).unwrap();
            let mut stream = respond.send_response(head, false).unwrap();
            let _ = stream.send_trailers(status("14"));
        }),
    );
    let mut rig = front(&[&server], rules());
    let peer = rig.connect();
    let mut asked = request("POST", "/");
    asked.headers_mut().extend(status("14"));
    asked.headers_mut().insert("content-type", "application/grpc".parse().unwrap());
    let answer = Client::new(&peer).ask(asked, b"\0\0\0\0\0", status("14")).unwrap();
    assert_eq!((answer.status, answer.trailers), (200, status("14")));
    assert_eq!(rig.request().grpc, None);
}

#[test]
fn a_call_that_breaks_off_has_no_status() {
    let server = calls_in_chunks();
    let mut rig = rig(&[&server], rules());
    let peer = rig.connect();
    assert!(Client::new(&peer).ask(request("POST", "/cut"), b"", HeaderMap::new()).is_err());
    let record = rig.request();
    assert_eq!((fate(&record), record.grpc), ((Some(200), "cut-short"), None));
}

#[test]
fn calls_in_a_row_that_end_as_unavailable_are_reported_and_one_that_is_served_begins_anew() {
    let server = calls_in_chunks();
    let mut parts = Parts::to(&[server.place()]);
    parts.reception.http = Some(Arc::new(rules()));
    parts.backends[0].tolerance = Tolerance { failures: 0, errors: 3, errors_are: Errors::Gateway };
    let load = Arc::clone(&parts.backends[0].load);
    let mut rig = parts.start();
    let peer = rig.connect();
    let client = Client::new(&peer);
    let mut row = |path: &str| {
        let answer = client.ask(request("POST", path), b"", HeaderMap::new());
        assert_eq!(answer.is_err(), path == "/cut");
        rig.request();
        load.errors_in_row()
    };
    // A deadline is its client's, and a call that breaks off says nothing.
    assert_eq!(["/14", "/14", "/4", "/13", "/cut"].map(&mut row), [1, 2, 2, 2, 2]);
    assert_eq!(["/5", "/14", "/0", "/14", "/14", "/14"].map(&mut row), [0, 1, 0, 1, 2, 3]);
    let Ok(Report::Suspect { failure, in_row, .. }) = rig.reports.recv_timeout(PATIENCE) else {
        panic!("it is not reported");
    };
    assert_eq!((failure, in_row), (LiveFailure::Answer(Answer::Grpc(Status::Unavailable)), 3));
}
