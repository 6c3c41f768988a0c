//! HTTP/1: requests and answers that are understood, that are refused, and that go on; bodies cut anywhere.
#![expect(clippy::unwrap_used, reason = "a test that fails says where")]

mod answers;
mod bodies;
mod calls;
mod forwarded;
mod piecemeal;
mod refused;
mod requests;
mod tunnels;

use evenkeel_core::http::forwarded::Forwarded;
use evenkeel_core::http::forwarded::Origin;
use evenkeel_core::http::head::HeadLimits;
use evenkeel_core::http::head::Lines;
use evenkeel_core::http::refusal::Refusal;
use evenkeel_core::http::request::Request;
use evenkeel_core::http::write;

const LIMITS: HeadLimits = HeadLimits { bytes: 1000, fields: 8, target: 64 };

/// A stranger at 10.0.0.7, told of by `X-Forwarded-…`.
const STRANGER: Origin = Origin {
    client: Some(std::net::IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 7))),
    is_tls: false,
    is_trusted: false,
    id: 0xabc,
    rules: Forwarded { x: true, standard: false },
};

/// What `look` sees in the request of these lines.
fn understand<T>(lines: &str, look: impl FnOnce(&Request<'_>) -> T) -> Result<T, Refusal> {
    let head = format!("{}\r\n\r\n", lines.trim().replace('\n', "\r\n"));
    Request::parse(head.as_bytes(), &LIMITS, &mut Lines::new()).map(|request| look(&request))
}

/// What a backend gets of the request of these lines.
fn onward(lines: &str, origin: &Origin) -> String {
    understand(lines, |request| {
        let mut out = Vec::new();
        write::request(request, None, origin, &mut out);
        String::from_utf8(out).unwrap().replace("\r\n", "\n")
    })
    .unwrap()
}

/// How the request of these lines is refused.
fn refusal(lines: &str) -> Option<Refusal> {
    understand(lines, |_| ()).err()
}
