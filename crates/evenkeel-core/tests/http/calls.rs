//! Calls of gRPC: where an answer says how one has ended, and what is no such word.

use evenkeel_core::http::body::Passage;
use evenkeel_core::http::edit::Edits;
use evenkeel_core::http::framing::Framing;
use evenkeel_core::http::grpc::{Call, Status};
use evenkeel_core::http::head::Lines;
use evenkeel_core::http::method::Method;
use evenkeel_core::http::response::Response;

const BARE: &str = "HTTP/1.1 200 OK\nContent-Type: application/grpc\nContent-Length: 0";
const CHUNKED: &str = "HTTP/1.1 200 OK\nContent-Type: application/grpc\nTransfer-Encoding: chunked";

/// The call that is answered by a head of these lines, if it is one, and how the body comes.
fn call(lines: &str) -> (Option<Call>, Framing) {
    let head = format!("{}\r\n\r\n", lines.replace('\n', "\r\n"));
    let mut room = Lines::new();
    let response = Response::parse(head.as_bytes(), Method::Other, &mut room).unwrap();
    (Call::of(&response), response.body)
}

/// How the call has ended that is answered by this head alone.
fn by_head(lines: &str) -> Option<Status> {
    call(lines).0.and_then(Call::status)
}

/// The same of one whose answer has this body, which comes in pieces of so many bytes, and goes on like this.
fn by_body(lines: &str, body: &str, piece: usize, to: Framing) -> Option<Status> {
    let (call, from) = call(lines);
    let (mut passage, mut out) = (Passage::new(from, to, None).answering(call), Vec::new());
    let mut left = body.as_bytes();
    while !passage.is_done() {
        let used = passage.carry(&left[..piece.min(left.len())], &Edits::default(), &mut out).unwrap();
        left = &left[used..];
    }
    passage.call().and_then(Call::status)
}

#[test]
fn every_status_is_found_by_its_number() {
    for (number, status) in Status::ALL.into_iter().enumerate() {
        assert_eq!(usize::from(status.number()), number);
        assert_eq!(by_head(&format!("{BARE}\nGrpc-Status: {number}")), Some(status));
    }
    let mut words = Status::ALL.map(Status::word);
    words.sort_unstable();
    assert!(words.windows(2).all(|pair| pair[0] != pair[1]));
}

#[test]
fn what_is_no_number_from_0_to_16_is_no_status() {
    for said in ["", "17", "-1", "+1", "1.0", "1,1", "0x1", "UNAVAILABLE", "14 14", "99999999999999999999"] {
        assert_eq!(by_head(&format!("{BARE}\ngrpc-status: {said}")), None, "{said}");
    }
    assert_eq!(by_head(&format!("{BARE}\ngrpc-status: 14\ngrpc-status: 14")), None, "it is said twice");
    assert_eq!(by_head(BARE), None);
}

#[test]
fn a_status_behind_a_body_is_found_wherever_that_is_cut_and_however_it_goes_on() {
    let body = "5\r\n\0\0\0\0\0\r\n0\r\ngrpc-status: 14\r\ngrpc-message: gone\r\n\r\n";
    for piece in 1..=body.len() {
        for to in [Framing::Chunked, Framing::UntilEnd] {
            assert_eq!(by_body(CHUNKED, body, piece, to), Some(Status::Unavailable), "in {piece}");
        }
    }
    assert_eq!(by_body(CHUNKED, "0\r\n\r\n", 9, Framing::Chunked), None);
    assert_eq!(by_body(CHUNKED, "0\r\nGRPC-STATUS:0\r\n\r\n", 9, Framing::Chunked), Some(Status::Ok));
}

#[test]
fn the_head_of_an_answer_with_a_body_does_not_say_how_it_ends() {
    let lines = format!("{CHUNKED}\ngrpc-status: 0");
    assert_eq!(by_head(&lines), None);
    assert_eq!(by_body(&lines, "0\r\ngrpc-status: 13\r\n\r\n", 9, Framing::Chunked), Some(Status::Internal));
    assert_eq!(by_body(&lines, "0\r\n\r\n", 9, Framing::Chunked), None);
}

#[test]
fn only_answers_of_grpc_are_those_of_calls() {
    let of = |kind: &str| call(&format!("HTTP/1.1 200 OK\nContent-Length: 0\n{kind}\ngrpc-status: 14")).0;
    for kind in
        ["application/grpc", "application/grpc+proto", "Application/GRPC; a=b", "application/grpc-web"]
    {
        assert!(of(&format!("Content-Type: {kind}")).is_some(), "{kind}");
    }
    for kind in ["application/grp", "application/json", "text/plain, application/grpc", ""] {
        assert_eq!(of(&format!("Content-Type: {kind}")), None, "{kind}");
    }
    assert_eq!(of("X-Content-Type: application/grpc"), None);
    let (call, _) =
        call("HTTP/1.1 200 OK\nContent-Type: application/grpc\nContent-Length: 5\ngrpc-status: 14");
    assert_eq!(call, None, "nothing can stand behind it");
}
