//! What is refused, and why.

use super::*;

/// Whatever could be read in two ways by two readers, and what is too long.
#[test]
fn what_is_refused_and_why() {
    let with = |fields: &str| refusal(&format!("POST / HTTP/1.1\nHost: a\n{fields}"));
    for (fields, expected) in [
        ("Content-Length: 5\nTransfer-Encoding: chunked", Refusal::LengthAndCoding),
        ("Transfer-Encoding: chunked\nContent-Length: 5", Refusal::LengthAndCoding),
        ("Content-Length: 5\nContent-Length: 5", Refusal::Length),
        ("Content-Length: 5, 5", Refusal::Length),
        ("Content-Length: +5", Refusal::Length),
        ("Content-Length: 0x5", Refusal::Length),
        ("Content-Length: -1", Refusal::Length),
        ("Content-Length:", Refusal::Length),
        ("Content-Length: 99999999999999999999", Refusal::Length),
        ("Transfer-Encoding: chunked\nTransfer-Encoding: chunked", Refusal::Coding),
        ("Transfer-Encoding: gzip, chunked", Refusal::Coding),
        ("Transfer-Encoding: chunked, identity", Refusal::Coding),
        ("Transfer-Encoding: xchunked", Refusal::Coding),
        ("Transfer-Encoding:", Refusal::Coding),
        ("Transfer-Encoding : chunked", Refusal::FieldName),
        (" Transfer-Encoding: chunked", Refusal::Folded),
        ("X: a\n b", Refusal::Folded),
        ("X: a\rTransfer-Encoding: chunked", Refusal::LineEnd),
        ("X: a\0b", Refusal::FieldValue),
        ("X\u{0}: a", Refusal::FieldName),
        ("X", Refusal::FieldName),
        ("Host: b", Refusal::Host),
        ("Host: a", Refusal::Host),
        ("Expect: 200-ok", Refusal::Expectation),
        ("Expect: 100-continue\nExpect: 100-continue", Refusal::Expectation),
        ("a:\nb:\nc:\nd:\ne:\nf:\ng:\nh:", Refusal::TooManyFields),
    ] {
        assert_eq!(with(fields), Some(expected), "{fields:?}");
    }
    assert_eq!(refusal("POST / HTTP/1.0\nTransfer-Encoding: chunked"), Some(Refusal::Coding));
}

#[test]
fn first_lines_that_are_none() {
    for (line, expected) in [
        ("GET  / HTTP/1.1", Refusal::RequestLine),
        ("GET /  HTTP/1.1", Refusal::RequestLine),
        ("GET\t/ HTTP/1.1", Refusal::RequestLine),
        ("GET / HTTP/1.1 ", Refusal::RequestLine),
        ("GET /", Refusal::RequestLine),
        ("GET / http/1.1", Refusal::RequestLine),
        ("GET /\u{1} HTTP/1.1", Refusal::RequestLine),
        ("GET /ü HTTP/1.1", Refusal::RequestLine),
        ("GET", Refusal::RequestLine),
        ("\u{16}\u{3}\u{1}", Refusal::NotHttp),
        (": / HTTP/1.1", Refusal::NotHttp),
        ("GET / HTTP/2.0", Refusal::Version),
        ("PRI * HTTP/2.0", Refusal::Version),
        ("GET / HTTP/1.2", Refusal::Version),
        ("GET / HTTP/0.9", Refusal::Version),
        ("GET * HTTP/1.1", Refusal::Target),
        ("GET a/b HTTP/1.1", Refusal::Target),
        ("GET /#a HTTP/1.1", Refusal::Target),
        ("GET ftp://a/ HTTP/1.1", Refusal::Target),
        ("GET http://a?b HTTP/1.1", Refusal::Target),
        ("GET http://b/ HTTP/1.1", Refusal::Host),
        ("GET http://a:81/ HTTP/1.1", Refusal::Host),
        ("GET http://u@a/ HTTP/1.1", Refusal::Host),
        ("GET http:///x HTTP/1.1", Refusal::Host),
        ("CONNECT /x HTTP/1.1", Refusal::Target),
        ("CONNECT a HTTP/1.1", Refusal::Target),
        ("CONNECT a: HTTP/1.1", Refusal::Target),
        ("CONNECT http://a:443/ HTTP/1.1", Refusal::Target),
        ("CONNECT b:443 HTTP/1.1", Refusal::Host),
        ("CONNECT a:443 HTTP/1.1\nContent-Length: 1", Refusal::Length),
        ("CONNECT a:443 HTTP/1.1\nTransfer-Encoding: chunked", Refusal::Length),
    ] {
        let lines = format!("{line}\nHost: a");
        // `trim` of the helper must not help a line.
        let head = format!("{}\r\n\r\n", lines.replace('\n', "\r\n"));
        let refused = Request::parse(head.as_bytes(), &LIMITS, &mut Lines::new()).err();
        assert_eq!(refused, Some(expected), "{line:?}");
    }
    let long = format!("GET /{} HTTP/1.1\nHost: a", "x".repeat(64));
    assert_eq!(refusal(&long), Some(Refusal::TargetTooLong));
}

#[test]
fn hosts_that_are_none() {
    for host in
        ["a b", "a/b", "a@b", "a,b", "a:b", "a:123456", ":80", "[::1", "[]", "[g]", "[::1]x", "a\\b", "a?b"]
    {
        assert_eq!(refusal(&format!("GET / HTTP/1.1\nHost: {host}")), Some(Refusal::Host), "{host}");
    }
    assert_eq!(refusal("GET / HTTP/1.1\nX: y"), Some(Refusal::Host), "it must be said");
    for host in ["", "a", "A-b.c_d:8080", "10.0.0.1", "[2001:db8::1]:443", "a."] {
        assert_eq!(refusal(&format!("GET / HTTP/1.1\nHost: {host}")), None, "{host}");
    }
}
