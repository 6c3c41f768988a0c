//! Answers: what is passed on of them, and what is none.

use evenkeel_core::http::framing::Framing;
use evenkeel_core::http::head::Lines;
use evenkeel_core::http::method::Method;
use evenkeel_core::http::refusal::Refusal;
use evenkeel_core::http::response::Response;
use evenkeel_core::http::version::Version;
use evenkeel_core::http::write::{self, Onward};

const KEPT: Onward = Onward { version: Version::Http11, keeps: true };

/// What a client gets of an answer of these lines, how its body goes on, and whether the backend's connection is kept.
fn pass(lines: &str, method: Method, onward: Onward) -> Result<(String, Framing, bool), Refusal> {
    let head = format!("{}\r\n\r\n", lines.replace('\n', "\r\n"));
    let mut room = Lines::new();
    let response = Response::parse(head.as_bytes(), method, &mut room)?;
    let mut out = Vec::new();
    let framing = write::response(&response, method, onward, None, &mut out);
    Ok((String::from_utf8_lossy(&out).replace("\r\n", "\n"), framing, response.keeps))
}

fn get(lines: &str) -> Result<(String, Framing, bool), Refusal> {
    pass(lines, Method::Idempotent, KEPT)
}

#[test]
fn an_answer_goes_on_without_what_is_meant_for_this_connection() {
    let lines = "HTTP/1.1 200 All right\nServer: x\nConnection: keep-alive, X-Hop\nKeep-Alive: 5\nX-Hop: 1\n\
                 Content-Length: 5\nSet-Cookie: a\nSet-Cookie: b";
    let (head, framing, keeps) = get(lines).unwrap();
    assert_eq!(
        head,
        "HTTP/1.1 200 All right\nServer: x\nSet-Cookie: a\nSet-Cookie: b\nContent-Length: 5\n\n"
    );
    assert_eq!((framing, keeps), (Framing::Length(5), true));
}

#[test]
fn a_body_without_a_length_is_framed_for_who_can_read_it() {
    let old = Onward { version: Version::Http10, keeps: true };
    let (head, framing, keeps) = get("HTTP/1.1 200 OK").unwrap();
    assert!(head.contains("Transfer-Encoding: chunked\n") && !head.contains("close"), "{head}");
    assert_eq!((framing, keeps), (Framing::Chunked, false), "the backend ends it by closing");
    let (head, framing, keeps) =
        pass("HTTP/1.1 200 OK\nTransfer-Encoding: chunked", Method::Other, old).unwrap();
    assert!(head.contains("Connection: close\n") && !head.contains("chunked"), "{head}");
    assert_eq!((framing, keeps), (Framing::UntilEnd, true));
    let (head, ..) = pass("HTTP/1.1 200 OK\nContent-Length: 1", Method::Other, old).unwrap();
    assert!(head.contains("Connection: keep-alive\n"), "{head}");
    let closing = Onward { keeps: false, ..KEPT };
    assert!(pass("HTTP/1.1 200 OK\nContent-Length: 1", Method::Other, closing).unwrap().0.contains("close"));
}

#[test]
fn answers_that_have_no_body_whatever_they_say() {
    for (lines, method, says) in [
        ("HTTP/1.1 200 OK\nContent-Length: 5", Method::Head, true),
        ("HTTP/1.1 304 Not Modified\nContent-Length: 5", Method::Idempotent, true),
        ("HTTP/1.1 204 No Content\nContent-Length: 5", Method::Idempotent, false),
        ("HTTP/1.1 200 OK\nTransfer-Encoding: chunked", Method::Head, false),
    ] {
        let (head, framing, keeps) = pass(lines, method, KEPT).unwrap();
        assert!(framing.is_empty() && keeps, "{lines}");
        assert_eq!(head.contains("Content-Length: 5"), says, "{head}");
    }
}

#[test]
fn what_is_no_answer() {
    for (lines, refusal) in [
        ("HTTP/2 200", Refusal::NotHttp),
        ("220 smtp", Refusal::NotHttp),
        ("HTTP/1.1 20", Refusal::RequestLine),
        ("HTTP/1.1 2000 OK", Refusal::RequestLine),
        ("HTTP/1.1 099 OK", Refusal::RequestLine),
        ("HTTP/1.1 200 O\0K", Refusal::RequestLine),
        ("HTTP/1.1 200 OK\nContent-Length: 5\nTransfer-Encoding: chunked", Refusal::LengthAndCoding),
        ("HTTP/1.1 200 OK\nContent-Length: 5\nContent-Length: 6", Refusal::Length),
        ("HTTP/1.1 200 OK\nContent-Length: five", Refusal::Length),
        ("HTTP/1.1 200 OK\nTransfer-Encoding: gzip", Refusal::Coding),
        ("HTTP/1.1 200 OK\nX : y", Refusal::FieldName),
        ("HTTP/1.1 200 OK\nX: y\n z", Refusal::Folded),
    ] {
        assert_eq!(get(lines), Err(refusal), "{lines:?}");
    }
    assert!(get("HTTP/1.1 200").is_ok() && get("HTTP/1.1 200 ").is_ok(), "the reason may be empty");
}

#[test]
fn interim_answers_and_another_protocol() {
    let (head, framing, _) = get("HTTP/1.1 103 Early Hints\nLink: </a>").unwrap();
    assert_eq!((head.as_str(), framing.is_empty()), ("HTTP/1.1 103 Early Hints\nLink: </a>\n\n", true));
    let (head, ..) = get("HTTP/1.1 101 Go\nConnection: Upgrade\nUpgrade: websocket").unwrap();
    assert_eq!(head, "HTTP/1.1 101 Go\nConnection: upgrade\nUpgrade: websocket\n\n");
}

#[test]
fn an_answer_of_ours_says_its_length_and_no_body_to_head() {
    for (method, body) in [(None, "no\n"), (Some(Method::Head), "")] {
        let mut out = Vec::new();
        write::answer(503, b"", b"no\n", method, Onward { keeps: false, ..KEPT }, &mut out);
        let expected = format!(
            "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 3\r\nConnection: close\r\n\r\n{body}"
        );
        assert_eq!(String::from_utf8_lossy(&out), expected);
    }
}
