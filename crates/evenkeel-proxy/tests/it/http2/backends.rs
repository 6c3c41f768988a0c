//! Backends that speak HTTP/2, with clients of either version.

use super::*;
use evenkeel_core::http::rules::HttpRules;
use evenkeel_testkit::http2::{self, Bytes, Reason, RecvStream, Request, Response, SendResponse, SendStream};
use evenkeel_testkit::{Ending, TlsPeer, serve};
use std::sync::atomic::AtomicUsize;

/// Before these servers, which speak HTTP/2, with one worker.
pub fn front(servers: &[&Server], rules: HttpRules) -> crate::rig::Rig {
    parts(servers, rules).start()
}

/// What that is made of.
pub fn parts(servers: &[&Server], rules: HttpRules) -> Parts {
    let places: Vec<&Place> = servers.iter().map(|server| server.place()).collect();
    let mut parts = Parts::to(&places);
    parts.reception.http = Some(Arc::new(rules));
    parts.rules.http2 = Some(Http2Rules::default());
    parts.workers = 1;
    parts
}

/// Answers with `body`, and `trailers` if there are any.
pub fn answer(mut respond: SendResponse<Bytes>, status: u16, body: &[u8], trailers: HeaderMap) {
    let head = Response::builder().status(status).header("x-own", "1").body(()).unwrap();
    let Ok(mut stream) = respond.send_response(head, body.is_empty() && trailers.is_empty()) else { return };
    if !body.is_empty() {
        let _ = stream.send_data(Bytes::copy_from_slice(body), trailers.is_empty());
    }
    if !trailers.is_empty() {
        let _ = stream.send_trailers(trailers);
    }
}

/// A server that says what it was asked, in a line for each field, and what came of a body behind it.
fn mirror() -> Server {
    Server::start(
        &Place::any(),
        http2::serve(|request, respond| async move {
            let (head, body) = request.into_parts();
            let Ok((body, trailers)) = http2::read_body(body).await else { return };
            let mut said = format!("{} {} HTTP/2\r\n", head.method, head.uri);
            for (name, value) in head.headers.iter().chain(&trailers) {
                said += &format!("{name}: {}\r\n", value.to_str().unwrap());
            }
            said += &format!("\r\n{}", String::from_utf8_lossy(&body));
            answer(respond, 200, said.as_bytes(), trailers);
        }),
    )
}

/// Sends back what comes, piece by piece; where the end is to go.
pub async fn send_back(request: Request<RecvStream>, mut respond: SendResponse<Bytes>) -> SendStream<Bytes> {
    let mut come = request.into_body();
    let mut go = respond.send_response(Response::new(()), false).unwrap();
    while let Some(Ok(piece)) = come.data().await {
        let _ = come.flow_control().release_capacity(piece.len());
        let _ = go.send_data(piece, false);
    }
    go
}

fn fields(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
    pairs.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect()
}

#[test]
fn a_client_of_http_1_is_answered_by_a_backend_of_http_2() {
    let server = mirror();
    let mut rig = front(&[&server], rules());
    let client = rig.connect();
    let lines =
        "POST /a<b>?c HTTP/1.1\nHost: web.test\nContent-Length: 5\nX-Mine: 1\nConnection: X-Gone\nX-Gone: 1";
    for _ in 0..3 {
        client.send(&web::request(lines, "hello")).unwrap();
        let said = web::read_answer(&client).unwrap();
        assert_eq!((said.status(), said.field("x-own")), (200, Some("1")));
        let asked = heard(said.text());
        assert_eq!(asked.first_line(), "POST http://web.test/a%3Cb%3E?c HTTP/2");
        assert_eq!((asked.field("x-mine"), asked.field("x-gone")), (Some("1"), None));
        assert_eq!((asked.field("content-length"), asked.field("te")), (Some("5"), Some("trailers")));
        assert!(asked.field("x-request-id").is_some() && asked.head.ends_with("\r\n\r\nhello"));
    }
    assert_eq!(server.accepted(), 1, "its connection is used again");
    assert_eq!(rig.request().version, Version::Http11);
}

#[test]
fn bodies_and_what_follows_them_go_from_end_to_end() {
    let server = mirror();
    let rig = front(&[&server], rules());
    let peer = rig.connect();
    let client = Client::new(&peer);
    for _ in 0..3 {
        let answer = client.ask(request("POST", "/rpc"), b"message", fields(&[("x-sum", "7")])).unwrap();
        assert_eq!((answer.status, answer.trailers), (200, fields(&[("x-sum", "7")])));
        assert!(String::from_utf8(answer.body).unwrap().ends_with("x-sum: 7\r\n\r\nmessage"));
    }
    let bare = client.ask(request("HEAD", "/"), b"", HeaderMap::new()).unwrap();
    assert!(bare.is_bare);
}

#[test]
fn an_answer_that_is_over_with_its_head_stays_one() {
    let server = Server::start(
        &Place::any(),
        http2::serve(|_, mut respond| async move {
            let head = Response::builder().header("grpc-status", "12").body(()).unwrap();
            let _ = respond.send_response(head, true);
        }),
    );
    let rig = front(&[&server], rules());
    let peer = rig.connect();
    let answer = Client::new(&peer).get("/").unwrap();
    assert!(answer.is_bare && answer.field("grpc-status") == Some("12"));
}

#[test]
fn messages_go_to_and_fro_in_one_stream() {
    let server = Server::start(
        &Place::any(),
        http2::serve(|request, respond| async move {
            let mut go = send_back(request, respond).await;
            let _ = go.send_trailers(fields(&[("x-status", "0")]));
        }),
    );
    let rig = front(&[&server], rules());
    let peer = rig.connect();
    let client = Client::new(&peer);
    let (response, mut stream) = client.begin_both(request("POST", "/"));
    let mut body = client.wait(response).unwrap().into_body();
    for message in ["one", "two", "three"] {
        stream.send_data(Bytes::from(message), false).unwrap();
        let piece = client.wait(body.data()).unwrap().unwrap();
        assert_eq!(piece, message.as_bytes());
    }
    stream.send_data(Bytes::new(), true).unwrap();
    assert!(client.wait(body.data()).is_none());
    assert_eq!(client.wait(body.trailers()).unwrap(), Some(fields(&[("x-status", "0")])));
}

#[test]
fn long_bodies_go_both_ways() {
    const LONG: usize = 3_000_000;
    let server = Server::start(
        &Place::any(),
        http2::serve(|request, respond| async move {
            let Ok((body, _)) = http2::read_body(request.into_body()).await else { return };
            answer(respond, 200, &body, HeaderMap::new());
        }),
    );
    let rig = front(&[&server], rules());
    let body: Vec<u8> = (0..LONG).map(|at| b'a' + (at / 1000 % 26) as u8).collect();
    let peer = rig.connect();
    assert!(Client::new(&peer).ask(request("POST", "/"), &body, HeaderMap::new()).unwrap().body == body);
    let peer = rig.connect();
    let text = String::from_utf8(body).unwrap();
    let asked = web::request("POST / HTTP/1.1\nHost: a\nContent-Length: 3000000", &text);
    peer.send(&asked).unwrap();
    assert!(web::read_answer(&peer).unwrap().text() == text);
}

#[test]
fn a_request_that_was_refused_unseen_is_sent_again_whatever_it_is() {
    let asked = Arc::new(AtomicUsize::new(0));
    let seen = Arc::clone(&asked);
    let server = Server::start(
        &Place::any(),
        http2::serve(move |_, mut respond| {
            let is_first = seen.fetch_add(1, Relaxed) == 0;
            async move {
                match is_first {
                    true => respond.send_reset(Reason::REFUSED_STREAM),
                    false => answer(respond, 200, b"done", HeaderMap::new()),
                }
            }
        }),
    );
    let rig = front(&[&server], rules());
    let client = rig.connect();
    client.send(&web::request("POST / HTTP/1.1\nHost: a\nContent-Length: 0", "")).unwrap();
    assert_eq!(web::read_answer(&client).unwrap().text(), "done");
    assert_eq!(asked.load(Relaxed), 2);
}

#[test]
fn a_goodbye_that_does_not_cover_a_request_is_no_answer_and_the_next_connection_has_it() {
    let come = AtomicUsize::new(0);
    let server = Server::start(&Place::any(), move |peer: &Peer| {
        let settings = raw::frame(kind::SETTINGS, 0, 0, &[]);
        let _ = peer.receive(24).and_then(|_| peer.send(&settings));
        while Frame::read(|length| peer.receive(length)).is_ok_and(|frame| frame.kind != kind::HEADERS) {}
        let said = match come.fetch_add(1, Relaxed) {
            // The last stream that was looked at is none.
            0 => raw::frame(kind::GOAWAY, 0, 0, &[0; 8]),
            _ => raw::frame(kind::HEADERS, raw::END_HEADERS | raw::END_STREAM, 1, &[0x88]),
        };
        let _ = peer.send(&said);
        let _ = peer.read_to_end();
    });
    let mut rig = front(&[&server], rules());
    let client = rig.connect();
    client.send(&web::request("POST / HTTP/1.1\nHost: a\nContent-Length: 0", "")).unwrap();
    assert_eq!(web::read_answer(&client).unwrap().status(), 200);
    assert_eq!((server.accepted(), rig.request().failed_attempts.len()), (2, 0), "it is no failure");
}

#[test]
fn a_backend_that_has_no_room_for_a_body_is_late_and_not_its_client() {
    // Nothing may be sent on a stream.
    let server = Server::start(&Place::any(), |peer: &Peer| {
        let settings = raw::frame(kind::SETTINGS, 0, 0, &[0, 4, 0, 0, 0, 0]);
        let _ = peer.receive(24).and_then(|_| peer.send(&settings));
        let _ = peer.read_to_end();
    });
    let mut soon = rules();
    soon.timeouts.body = SOON;
    let mut rig = front(&[&server], soon);
    let client = rig.connect();
    let lines = "POST / HTTP/1.1\nHost: a\nContent-Length: 200000";
    client.send(&web::request(lines, &"x".repeat(100_000))).unwrap();
    assert_eq!(web::read_answer(&client).unwrap().status(), 504);
    assert_eq!(fate(&rig.request()), (Some(504), "answer-late"));
}

#[test]
fn a_request_that_was_seen_and_reset_is_not_done_twice() {
    let asked = Arc::new(AtomicUsize::new(0));
    let seen = Arc::clone(&asked);
    let server = Server::start(
        &Place::any(),
        http2::serve(move |_, mut respond| {
            seen.fetch_add(1, Relaxed);
            async move { respond.send_reset(Reason::INTERNAL_ERROR) }
        }),
    );
    let mut rig = front(&[&server], rules());
    let client = rig.connect();
    client.send(&web::request("POST / HTTP/1.1\nHost: a\nContent-Length: 0", "")).unwrap();
    assert_eq!(web::read_answer(&client).unwrap().status(), 502);
    assert_eq!((asked.load(Relaxed), fate(&rig.request())), (1, (Some(502), "backend-reset")));
}

#[test]
fn an_answer_that_is_reset_in_the_middle_is_cut() {
    let come = Arc::new(AtomicBool::new(false));
    let seen = Arc::clone(&come);
    let server = Server::start(
        &Place::any(),
        http2::serve(move |_, mut respond| {
            let seen = Arc::clone(&seen);
            async move {
                let mut stream = respond.send_response(Response::new(()), false).unwrap();
                let _ = stream.send_data(Bytes::from_static(b"half"), false);
                http2::until(|| seen.load(Relaxed)).await;
                stream.send_reset(Reason::INTERNAL_ERROR);
            }
        }),
    );
    let mut rig = front(&[&server], rules());
    let client = rig.connect();
    client.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
    assert!(web::read_head(&client).unwrap().contains("Transfer-Encoding: chunked"));
    assert_eq!(client.receive(9).unwrap(), b"4\r\nhalf\r\n");
    come.store(true, Relaxed);
    assert_eq!(client.ending(), Ending::Reset);
    assert_eq!(fate(&rig.request()), (Some(200), "cut-short"));
}

#[test]
fn a_client_that_leaves_takes_its_request_back_and_the_connection_goes_on() {
    let (asked, gone) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
    let (come, seen) = (Arc::clone(&asked), Arc::clone(&gone));
    let server = Server::start(
        &Place::any(),
        http2::serve(move |request, mut respond| {
            let (come, seen) = (Arc::clone(&come), Arc::clone(&seen));
            async move {
                if request.uri().path() != "/wait" {
                    return answer(respond, 200, b"next", HeaderMap::new());
                }
                come.store(true, Relaxed);
                let why = std::future::poll_fn(|cx| respond.poll_reset(cx)).await;
                seen.store(why.is_ok_and(|why| why == Reason::CANCEL), Relaxed);
            }
        }),
    );
    let mut rig = front(&[&server], rules());
    let client = rig.connect();
    client.send(b"GET /wait HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
    eventually("it was asked", || asked.load(Relaxed).then_some(()));
    client.reset();
    eventually("it is taken back", || gone.load(Relaxed).then_some(()));
    assert_eq!(fate(&rig.request()), (None, "client-left"));
    assert_eq!(web::get(&rig.connect(), "/").unwrap().text(), "next");
    assert_eq!(server.accepted(), 1);
}

#[test]
fn a_backend_that_says_goodbye_is_asked_by_another_connection() {
    // Each connection answers one request, and then wants no more.
    let server = Server::start(
        &Place::any(),
        http2::serve_one(|respond| answer(respond, 200, b"one", HeaderMap::new())),
    );
    let rig = front(&[&server], rules());
    let client = rig.connect();
    for _ in 0..5 {
        assert_eq!(web::get(&client, "/").unwrap().text(), "one");
    }
    assert_eq!(server.accepted(), 5);
}

#[test]
fn a_backend_that_speaks_http_1_only_is_a_failure() {
    let server = Server::start(&Place::any(), |peer: &Peer| {
        let _ = peer
            .receive(24)
            .and_then(|_| peer.send(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n"));
    });
    let mut rig = front(&[&server], rules());
    assert_eq!(web::get(&rig.connect(), "/").unwrap().status(), 502);
    assert_eq!(fate(&rig.request()).0, Some(502));
}

#[test]
fn under_tls_a_backend_has_to_agree_to_it() {
    let keys = Keys::new();
    for (protocols, status) in [(vec![b"h2".to_vec()], 200), (vec![], 502)] {
        let mut config = keys.server().as_ref().clone();
        config.alpn_protocols = protocols;
        let server = Server::start(
            &Place::any(),
            serve::tls(Arc::new(config), |peer: &TlsPeer| {
                let _ = peer.receive(24);
                let ok = [raw::frame(kind::SETTINGS, 0, 0, &[]), raw::frame(kind::HEADERS, 5, 1, &[0x88])];
                let _ = peer.send(&ok.concat());
                let _ = peer.read_to_end();
            }),
        );
        let mut parts = Parts::to(&[server.place()]);
        let mut config = keys.client().as_ref().clone();
        config.alpn_protocols = vec![b"h2".to_vec()];
        originate(&mut parts, config, Some(NAME));
        parts.reception.http = Some(Arc::new(rules()));
        parts.rules.http2 = Some(Http2Rules::default());
        let rig = parts.start();
        assert_eq!(web::get(&rig.connect(), "/").unwrap().status(), status);
    }
}

#[test]
fn a_tunnel_is_refused_even_where_tunnels_are_allowed() {
    let server = mirror();
    let mut rig = front(&[&server], HttpRules { tunnels: true, ..rules() });
    let client = rig.connect();
    client.send(b"CONNECT a.test:443 HTTP/1.1\r\nHost: a.test:443\r\n\r\n").unwrap();
    assert_eq!(web::read_answer(&client).unwrap().status(), 405);
    assert_eq!(fate(&rig.request()), (Some(405), "connect"));
}
