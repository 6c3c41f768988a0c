//! Between the words of HTTP/1 and the types of the library.

use evenkeel_core::http::request::Request;
use evenkeel_core::http::response::Response;
use evenkeel_core::http2::wording;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri, header};
use std::fmt::Write as _;

/// Names and values.
pub fn pairs(fields: &HeaderMap) -> impl Iterator<Item = (&[u8], &[u8])> {
    fields.iter().map(|(name, value)| (name.as_str().as_bytes(), value.as_bytes()))
}

/// `head` as a client gets it.
pub fn response(head: &Response<'_>) -> http::Response<()> {
    let mut response = http::Response::new(());
    *response.status_mut() = StatusCode::from_u16(head.status).unwrap_or(StatusCode::BAD_GATEWAY);
    wording::passing(head.fields).for_each(|field| add(response.headers_mut(), field));
    response
}

/// `head` as a backend gets it that goes by `authority`, unless it is for somebody else; `None` if it cannot be said.
pub fn request(head: &Request<'_>, authority: &str, is_tls: bool) -> Option<http::Request<()>> {
    let host = head.host.map_or(Ok(authority), str::from_utf8).ok()?;
    let uri = Uri::builder()
        .scheme(if is_tls { "https" } else { "http" })
        .authority(host)
        .path_and_query(target(head.target))
        .build();
    let mut request = http::Request::new(());
    *request.method_mut() = Method::from_bytes(head.method_name).ok()?;
    *request.uri_mut() = uri.ok()?;
    wording::passing(head.fields).for_each(|field| add(request.headers_mut(), field));
    // They are passed on to whoever understands them.
    request.headers_mut().insert(header::TE, HeaderValue::from_static("trailers"));
    Some(request)
}

/// What stands in no URL is written as it has to be.
fn target(bytes: &[u8]) -> String {
    let mut target = String::with_capacity(bytes.len());
    for byte in bytes {
        let _ = match byte {
            b'<' | b'>' | b'"' | b'`' | b'{' | b'}' | b'|' | b'\\' | b'^' => write!(target, "%{byte:02X}"),
            _ => write!(target, "{}", char::from(*byte)),
        };
    }
    target
}

/// What cannot be is not said: it was read strictly before.
pub fn add(fields: &mut HeaderMap, (name, value): (&[u8], &[u8])) {
    if let (Ok(name), Ok(value)) = (HeaderName::from_bytes(name), HeaderValue::from_bytes(value)) {
        let _ = fields.try_append(name, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_target_that_passes_for_one_can_be_said() {
        let all: Vec<u8> = (b'!'..=b'~').filter(|byte| *byte != b'#').collect();
        let written = target(&[b"/", &all[..]].concat());
        assert!(
            written.parse::<http::uri::PathAndQuery>().is_ok_and(|it| it.as_str() == written),
            "{written}"
        );
        assert_eq!(target(b"/a<b>?c=%20|"), "/a%3Cb%3E?c=%20%7C");
    }
}
