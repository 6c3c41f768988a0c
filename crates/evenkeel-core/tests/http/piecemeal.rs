//! Heads that come in pieces, and any other bytes.

use super::*;
use evenkeel_core::http::head::Seeker;

#[test]
fn a_head_that_comes_byte_by_byte_is_found_once_and_where_it_ends() {
    let bytes = b"GET / HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n";
    let (mut seeker, mut start, mut found) = (Seeker::default(), 0, Vec::new());
    for end in 1..=bytes.len() {
        if let Some(length) = seeker.end(&bytes[start..end]).unwrap() {
            found.push(length);
            (start, seeker) = (start + length, Seeker::default());
        }
    }
    assert_eq!((found, start), (vec![27, 28], bytes.len()));
}

#[test]
fn no_bytes_whatever_they_are_do_harm() {
    let example = b"POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nConnection: x, close\r\n\r\n";
    for at in 0..example.len() {
        for byte in 0..=255 {
            let mut bytes = example.to_vec();
            bytes[at] = byte;
            let Ok(Some(end)) = Seeker::default().end(&bytes) else { continue };
            let mut lines = Lines::new();
            let Ok(request) = Request::parse(&bytes[..end], &LIMITS, &mut lines) else { continue };
            let mut out = Vec::new();
            write::request(&request, None, &STRANGER, &mut out);
            let mut again = Lines::new();
            let written =
                Request::parse(&out, &HeadLimits { bytes: 4000, fields: 20, target: 99 }, &mut again);
            let written = written.unwrap_or_else(|why| panic!("{why:?}: {}", String::from_utf8_lossy(&out)));
            assert_eq!(
                (written.body, written.method_name, written.target),
                (request.body, request.method_name, request.target)
            );
        }
    }
}
