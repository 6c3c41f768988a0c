//! Between the words of HTTP/1 and the types of the library.

use bytes::Bytes;
use evenkeel_core::http::request::Request;
use evenkeel_core::http::response::Response;
use evenkeel_core::http2::unframed::Unframed;
use evenkeel_core::http2::wording;
use h2::SendStream;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri, header};
use std::fmt::Write as _;
use std::task::{Context, Poll};

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
fn add(fields: &mut HeaderMap, (name, value): (&[u8], &[u8])) {
    if let (Ok(name), Ok(value)) = (HeaderName::from_bytes(name), HeaderValue::from_bytes(value)) {
        let _ = fields.try_append(name, value);
    }
}

/// How much of a body has gone.
pub enum Sent {
    /// All, and what follows it.
    All,
    /// A piece.
    Some,
    /// Nothing: there is nothing, or no room for it.
    Nothing,
}

/// Sends of `rest`, which came out of `body`, what the other side has room for.
pub fn send(
    stream: &mut SendStream<Bytes>,
    body: &Unframed,
    rest: &mut Bytes,
    cx: &mut Context<'_>,
) -> Result<Sent, h2::Error> {
    if rest.is_empty() {
        if !body.is_done() {
            return Ok(Sent::Nothing);
        }
        end(stream, body)?;
        return Ok(Sent::All);
    }
    stream.reserve_capacity(rest.len());
    let room = match stream.capacity() {
        0 => match stream.poll_capacity(cx) {
            Poll::Ready(Some(room)) => room?,
            // It is told why elsewhere.
            Poll::Ready(None) | Poll::Pending => return Ok(Sent::Nothing),
        },
        room => room,
    };
    let piece = rest.split_to(room.min(rest.len()));
    let is_last = body.is_done() && rest.is_empty() && !has_trailers(body);
    stream.send_data(piece, is_last)?;
    Ok(if is_last { Sent::All } else { Sent::Some })
}

fn has_trailers(body: &Unframed) -> bool {
    let mut has_some = false;
    body.trailers(|_| has_some = true);
    has_some
}

/// Says that the body is over, and what follows it.
fn end(stream: &mut SendStream<Bytes>, body: &Unframed) -> Result<(), h2::Error> {
    let mut trailers = HeaderMap::new();
    body.trailers(|field| add(&mut trailers, field));
    match trailers.is_empty() {
        true => stream.send_data(Bytes::new(), true),
        false => stream.send_trailers(trailers),
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
