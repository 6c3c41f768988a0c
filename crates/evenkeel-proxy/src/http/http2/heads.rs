//! Heads of HTTP/1, packed.

use evenkeel_core::http::request::Request;
use evenkeel_core::http::response::Response;
use evenkeel_core::http2::{hpack, wording};
use std::borrow::Cow;
use std::io::Write as _;

/// Adds `head` as a client gets it. That it changes the protocol is said by a good status, RFC 8441, section 5; and who has read
/// the request needs not prove it.
pub fn response(head: &Response<'_>, out: &mut Vec<u8>) {
    let is_change = head.status == 101;
    hpack::status(if is_change { 200 } else { head.status }, out);
    let is_proof = |name: &[u8]| is_change && name.eq_ignore_ascii_case(b"sec-websocket-accept");
    let fields = wording::passing(head.fields).filter(|(name, _)| !is_proof(name));
    fields.for_each(|(name, value)| hpack::field(name, value, out));
}

/// Adds `head` as a backend gets it that goes by `authority`, unless it is for somebody else.
pub fn request(head: &Request<'_>, authority: &str, is_tls: bool, out: &mut Vec<u8>) {
    hpack::method(head.method_name, out);
    hpack::scheme(if is_tls { b"https" } else { b"http" }, out);
    hpack::authority(head.host.unwrap_or(authority.as_bytes()), out);
    hpack::path(&target(head.target), out);
    wording::passing(head.fields).for_each(|(name, value)| hpack::field(name, value, out));
    // Trailers are passed on to whoever understands them.
    hpack::field(b"te", b"trailers", out);
}

/// What stands in no URL is written as it has to be: who reads strictly takes it for no path.
fn target(bytes: &[u8]) -> Cow<'_, [u8]> {
    let is_else = |byte: &u8| matches!(byte, b'<' | b'>' | b'"' | b'`' | b'{' | b'}' | b'|' | b'\\' | b'^');
    if !bytes.iter().any(is_else) {
        return bytes.into();
    }
    let mut target = Vec::with_capacity(2 * bytes.len());
    for byte in bytes {
        match is_else(byte) {
            // Cannot fail for a `Vec`.
            true => drop(write!(target, "%{byte:02X}")),
            false => target.push(*byte),
        }
    }
    target.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_in_no_url_is_written_as_it_has_to_be() {
        assert_eq!(target(b"/a<b>?c=%20|"), &b"/a%3Cb%3E?c=%20%7C"[..]);
        assert!(matches!(target(b"/a/b?c=~!$&'()*+,;=:@-._[]"), Cow::Borrowed(_)));
    }
}
