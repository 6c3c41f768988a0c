//! HTTP/2: one end of a connection, packed fields, and messages in the words of HTTP/1.
#![expect(clippy::disallowed_methods, reason = "a virtual clock has to begin somewhere")]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod endpoint;
mod hpack;
mod messages;

use evenkeel_core::http::framing::Framing;
use evenkeel_core::http::head::HeadLimits;
use evenkeel_core::http::head::Lines;
use evenkeel_core::http::method::Method;
use evenkeel_core::http::refusal::Refusal;
use evenkeel_core::http::request::Request;
use evenkeel_core::http::response::Response;
use evenkeel_core::http::version::Version;
use evenkeel_core::http2::unframed::Unframed;
use evenkeel_core::http2::wording::{self, Asked};

const LIMITS: HeadLimits = HeadLimits { bytes: 4096, fields: 32, target: 1024 };
const GET: Asked<'_> =
    Asked { method: b"GET", authority: Some(b"a"), path: Some(b"/"), protocol: None, is_over: true };

fn pairs<'a>(fields: &[(&'a str, &'a str)]) -> impl Iterator<Item = (&'a [u8], &'a [u8])> {
    fields.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes()))
}

fn request(asked: &Asked<'_>, fields: &[(&str, &str)]) -> Result<(String, Framing), Refusal> {
    let mut out = Vec::new();
    let framing = wording::request(asked, pairs(fields), 0, &mut out)?;
    let read = Request::parse(&out, &LIMITS, &mut Lines::new())?.over_http2().body;
    assert_eq!(read, framing, "who reads it sees the same body");
    Ok((String::from_utf8_lossy(&out).into_owned(), framing))
}

#[test]
fn a_request_is_a_head_of_http_1() {
    let fields = [("accept", "*/*"), ("cookie", "a=1"), ("te", "trailers"), ("cookie", "b=2"), ("host", "A")];
    let expected = "GET / HTTP/1.1\r\nhost: a\r\naccept: */*\r\nte: trailers\r\ncookie: a=1; b=2\r\n\r\n";
    assert_eq!(request(&GET, &fields), Ok((expected.into(), Framing::Empty { said: false })));
    let mut lines = Lines::new();
    let read = Request::parse(expected.as_bytes(), &LIMITS, &mut lines).unwrap().over_http2();
    assert_eq!((read.version, read.upgrade), (Version::Http2, None));
    let passed: Vec<_> = wording::passing(read.fields).map(|(name, _)| name).collect();
    assert_eq!(passed, [&b"accept"[..], b"cookie"]);
}

#[test]
fn a_body_is_framed_by_what_is_known_of_it() {
    let post = Asked { method: b"POST", is_over: false, ..GET };
    let framing = |asked: &Asked<'_>, fields: &[(&str, &str)]| request(asked, fields).unwrap().1;
    assert_eq!(framing(&post, &[]), Framing::Chunked);
    assert_eq!(framing(&post, &[("content-length", "3")]), Framing::Length(3));
    assert_eq!(framing(&post, &[("content-length", "0")]), Framing::Empty { said: true });
    assert_eq!(framing(&Asked { is_over: true, ..post }, &[]), Framing::Empty { said: true });
    assert_eq!(framing(&GET, &[]), Framing::Empty { said: false });
}

#[test]
fn what_could_be_two_requests_behind_a_proxy_is_none() {
    let with = |fields: &[(&str, &str)]| request(&GET, fields).unwrap_err();
    assert_eq!(with(&[("transfer-encoding", "chunked")]), Refusal::FieldName);
    assert_eq!(with(&[("connection", "x-forwarded-for")]), Refusal::FieldName);
    assert_eq!(with(&[("upgrade", "h2c")]), Refusal::FieldName);
    assert_eq!(with(&[("content-length", "1"), ("content-length", "2")]), Refusal::Length);
    assert_eq!(with(&[("content-length", "0x1")]), Refusal::Length);
    assert_eq!(with(&[("host", "b")]), Refusal::Host);
    for value in ["y\r\nz: 1", "y\rz", "y\nz", "y\0"] {
        assert_eq!(with(&[("x", value)]), Refusal::FieldValue);
    }
    for name in ["", "x y", "x:", "x\r\ny"] {
        assert_eq!(with(&[(name, "z")]), Refusal::FieldName);
    }
    for path in ["", "a", "http://a/", "*", "/ HTTP/1.1", "/\r\nx: y", "/#a"] {
        assert!(request(&Asked { path: Some(path.as_bytes()), ..GET }, &[]).is_err(), "{path:?}");
    }
    for method in ["", "GET /", "G\r\nET"] {
        assert!(request(&Asked { method: method.as_bytes(), ..GET }, &[]).is_err(), "{method:?}");
    }
    let tunnel = Asked { method: b"CONNECT", path: None, ..GET };
    assert_eq!(request(&tunnel, &[]).unwrap_err(), Refusal::Target, "to no port");
}

#[test]
fn an_answer_is_one_of_http_1() {
    let answer = |status, method: &[u8], is_over, fields: &[(&str, &str)]| {
        let (mut out, method) = (Vec::new(), Method::of(method));
        let framing = wording::response((status, method), is_over, pairs(fields), &mut out)?;
        assert_eq!(Response::parse(&out, method, &mut Lines::new())?.body, framing);
        Ok(framing)
    };
    assert_eq!(answer(200, b"GET", false, &[("content-type", "a/b")]), Ok(Framing::Chunked));
    assert_eq!(answer(200, b"GET", false, &[("content-length", "7")]), Ok(Framing::Length(7)));
    assert_eq!(answer(200, b"GET", true, &[]), Ok(Framing::Empty { said: true }));
    assert_eq!(answer(200, b"HEAD", true, &[("content-length", "7")]), Ok(Framing::Empty { said: false }));
    assert_eq!(answer(204, b"GET", true, &[]), Ok(Framing::Empty { said: false }));
    assert_eq!(answer(100, b"PUT", false, &[]), Ok(Framing::Empty { said: false }));
    assert_eq!(answer(200, b"GET", false, &[("transfer-encoding", "gzip")]), Err(Refusal::FieldName));
}

#[test]
fn a_body_comes_out_of_its_chunks_as_it_went_in_with_what_follows_it() {
    let mut out = Vec::new();
    for piece in ["hello", "", " ", "world"] {
        wording::piece(Framing::Chunked, piece.as_bytes(), &mut out);
    }
    wording::end(Framing::Chunked, pairs(&[("grpc-status", "0"), ("content-length", "9")]), &mut out)
        .unwrap();
    for size in 1..out.len() {
        let (mut body, mut data) = (Unframed::new(Framing::Chunked), Vec::new());
        out.chunks(size).for_each(|came| assert_eq!(body.read(came, &mut data), Ok(came.len())));
        assert!(body.is_done() && data == b"hello world");
        let mut trailers = Vec::new();
        body.trailers(|(name, value)| trailers.push((name.to_vec(), value.to_vec())));
        assert_eq!(trailers, [(b"grpc-status".to_vec(), b"0".to_vec())], "what frames a body is no trailer");
    }
    let mut whole = Unframed::new(Framing::Length(3));
    assert!(whole.takes_whole(b"ab") && !whole.is_done());
    assert!(!whole.takes_whole(b"cd"), "more than the body");
    assert!(whole.takes_whole(b"c") && whole.is_done());
    assert!(!Unframed::new(Framing::Chunked).takes_whole(b"3"));
    let (mut body, mut data) = (Unframed::new(Framing::Length(3)), Vec::new());
    assert_eq!((body.read(b"abcd", &mut data), body.is_done()), (Ok(3), true));
}

#[test]
fn another_protocol_is_asked_for_as_http_1_does_it() {
    let asked = Asked { method: b"CONNECT", protocol: Some(b"websocket"), is_over: false, ..GET };
    let fields = [("sec-websocket-version", "13"), ("sec-websocket-key", "mine")];
    let mut out = Vec::new();
    let nonce = u128::from_be_bytes(*b"the sample nonce");
    assert_eq!(wording::request(&asked, pairs(&fields), nonce, &mut out), Ok(Framing::UntilEnd));
    let expected = "GET / HTTP/1.1\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
        sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\nhost: a\r\nsec-websocket-version: 13\r\n\r\n";
    assert_eq!(String::from_utf8(out.clone()).unwrap(), expected, "the example of RFC 6455, section 1.3");
    let mut lines = Lines::new();
    let read = Request::parse(&out, &LIMITS, &mut lines).unwrap().over_http2();
    assert_eq!(
        (read.method_name, read.upgrade, read.version),
        (&b"GET"[..], Some(&b"websocket"[..]), Version::Http2)
    );
    let other = Asked { protocol: Some(b"connect-udp"), ..asked };
    assert_eq!(wording::request(&other, pairs(&[]), 0, &mut out), Err(Refusal::Connect));
    assert_eq!(
        wording::request(&asked, pairs(&[("content-length", "1")]), 0, &mut out),
        Err(Refusal::Length)
    );
}

#[test]
fn a_tunnel_is_asked_for_by_where_it_leads_to() {
    let asked = Asked { method: b"CONNECT", authority: Some(b"a.test:1"), path: None, is_over: false, ..GET };
    let mut out = Vec::new();
    assert_eq!(wording::request(&asked, pairs(&[]), 0, &mut out), Ok(Framing::UntilEnd));
    assert_eq!(out, b"CONNECT a.test:1 HTTP/1.1\r\nhost: a.test:1\r\n\r\n");
    let mut lines = Lines::new();
    let read = Request::parse(&out, &LIMITS, &mut lines).unwrap();
    assert_eq!(
        (read.method, read.target, read.body),
        (Method::Connect, &b"a.test:1"[..], Framing::Empty { said: false })
    );
}
