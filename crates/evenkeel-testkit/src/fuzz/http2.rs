//! HTTP/2: frames are the same wherever their bytes are cut, and fields of any bytes are one head of HTTP/1 or none.

use evenkeel_core::http::head::{Lines, Seeker};
use evenkeel_core::http::request::Request;
use evenkeel_core::http::rules::HeadLimits;
use evenkeel_core::http2::frames::{Frame, Frames};
use evenkeel_core::http2::wording::{self, Asked};

const LIMITS: HeadLimits = HeadLimits { bytes: 1 << 16, fields: 1000, target: 1 << 15 };

/// What a client says behind its preface: seen byte by byte, it is what it is at once, and as an independent reader sees it.
pub fn frames(bytes: &[u8]) {
    let seen = |piece: usize| {
        let (mut frames, mut seen) = (Frames::default(), Vec::new());
        bytes.chunks(piece).for_each(|came| frames.pass(came, |frame| seen.push(frame)));
        (seen, frames.is_inside())
    };
    let whole = seen(bytes.len().max(1));
    assert!([1, 2, 7, 64].into_iter().all(|piece| seen(piece) == whole));
    let told: Vec<_> = whole.0.iter().map(|frame: &Frame| (frame.length as usize, frame.stream)).collect();
    let mut rest = bytes;
    for (length, stream) in told {
        let head = &rest[..9];
        assert_eq!(length, usize::from(head[0]) << 16 | usize::from(head[1]) << 8 | usize::from(head[2]));
        assert_eq!(stream, u32::from_be_bytes([head[5] & 0x7f, head[6], head[7], head[8]]));
        rest = rest.get(9 + length..).unwrap_or_default();
    }
    assert!(rest.len() < 13 || whole.1, "no frame is left out");
}

/// Pieces of any bytes, as pseudo-fields and fields: what they are written as is one request that says the same, or refused.
pub fn fields(bytes: &[u8]) {
    let mut pieces = bytes.split(|byte| *byte == b'|');
    let mut piece = || pieces.next();
    let (Some(method), authority, path) = (piece(), piece(), piece()) else { return };
    let asked = Asked { method, authority, path, is_over: bytes.len().is_multiple_of(2) };
    let said: Vec<_> = pieces.collect();
    let pairs = || said.chunks_exact(2).map(|pair| (pair[0], pair[1]));
    let mut out = Vec::new();
    let Ok(framing) = wording::request(&asked, pairs(), &mut out) else { return };
    assert_eq!(Seeker::default().end(&out), Ok(Some(out.len())), "one head, and nothing behind it");
    let mut lines = Lines::new();
    let Ok(request) = Request::parse(&out, &LIMITS, &mut lines) else { return };
    assert_eq!((request.method_name, request.body), (method, framing));
    assert_eq!(Some(request.target), path);
    assert!(authority.is_none_or(|authority| request.host == Some(authority) || authority.is_empty()));
    assert!(wording::passing(request.fields).count() <= said.len() + 1, "none comes from nowhere");
}
