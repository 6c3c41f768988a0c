//! HTTP/2: frames are the same wherever their bytes are cut, and fields of any bytes are one head of HTTP/1 or none.

use evenkeel_core::http::head::HeadLimits;
use evenkeel_core::http::head::{Lines, Seeker};
use evenkeel_core::http::request::Request;
use evenkeel_core::http2::PREFACE;
use evenkeel_core::http2::endpoint::{Endpoint, Event, Limits};
use evenkeel_core::http2::frame::{HEAD_BYTES, Head, Kind};
use evenkeel_core::http2::reason::Reason;
use evenkeel_core::http2::unpacked::Unpacked;
use evenkeel_core::http2::wording::{self, Asked};
use std::time::Instant;

const LIMITS: HeadLimits = HeadLimits { bytes: 1 << 16, fields: 1000, target: 1 << 15 };

/// What a client may have open, and how much of it.
const ENDPOINT: Limits =
    Limits { streams: 3, stream_window: 1000, connection_window: 70_000, fields: 1 << 16, block: 1 << 16 };

/// What became of a conversation: each thing that happened, what was answered, and why it ended.
type Fate = (Vec<String>, Vec<u8>, Option<Reason>);

/// What a client says behind its preface: heard byte by byte, it is what it is at once, and what is answered are whole frames.
pub fn frames(bytes: &[u8]) {
    let said = [&PREFACE[..], &[0, 0, 0, 4, 0, 0, 0, 0, 0], bytes].concat();
    let whole = fate(&said, said.len());
    assert!([1, 2, 7, 64].into_iter().all(|piece| fate(&said, piece) == whole));
    let mut rest = &whole.1[..];
    while !rest.is_empty() {
        let head = Head::read(rest).expect("a head");
        assert!(head.kind != Kind::Other);
        rest = &rest[HEAD_BYTES + head.length..];
    }
}

fn fate(said: &[u8], piece: usize) -> Fate {
    let (now, mut out, mut unpacked) = (Instant::now(), Vec::new(), Unpacked::default());
    let mut endpoint = Endpoint::server(ENDPOINT, now, &mut out);
    let mut happened: Vec<String> = Vec::new();
    let mut data: Option<(u32, Vec<u8>)> = None;
    for mut came in said.chunks(piece) {
        loop {
            let event = match endpoint.next(&mut came, &mut unpacked, &mut out, now) {
                Ok(Some(event)) => event,
                Ok(None) => break,
                Err(why) => return (happened, out, Some(why)),
            };
            if let Event::Data { stream, bytes, is_over } = event {
                // It comes in as many pieces as its bytes.
                let (whose, all) = data.get_or_insert_default();
                if *whose != stream {
                    (*whose, *all) = (stream, Vec::new());
                }
                all.extend_from_slice(bytes);
                if is_over {
                    happened.push(format!("{:?}", data.take()));
                }
                continue;
            }
            let fields = unpacked.all().map(|(name, value)| [name, value].concat());
            happened.push(match event {
                Event::Fields { .. } => format!("{event:?} {:?}", fields.collect::<Vec<_>>()),
                _ => format!("{event:?}"),
            });
        }
    }
    (happened, out, None)
}

/// Pieces of any bytes, as pseudo-fields and fields: what they are written as is one request that says the same, or refused.
pub fn fields(bytes: &[u8]) {
    let mut pieces = bytes.split(|byte| *byte == b'|');
    let mut piece = || pieces.next();
    let (Some(method), authority, path) = (piece(), piece(), piece()) else { return };
    let asked = Asked { method, authority, path, protocol: None, is_over: bytes.len().is_multiple_of(2) };
    let said: Vec<_> = pieces.collect();
    let pairs = || said.chunks_exact(2).map(|pair| (pair[0], pair[1]));
    let mut out = Vec::new();
    let Ok(framing) = wording::request(&asked, pairs(), 0, &mut out) else { return };
    assert_eq!(Seeker::default().end(&out), Ok(Some(out.len())), "one head, and nothing behind it");
    let mut lines = Lines::new();
    let Ok(request) = Request::parse(&out, &LIMITS, &mut lines) else { return };
    assert_eq!((request.method_name, request.body), (method, framing));
    assert_eq!(Some(request.target), path);
    assert!(authority.is_none_or(|authority| request.host == Some(authority) || authority.is_empty()));
    assert!(wording::passing(request.fields).count() <= said.len() + 1, "none comes from nowhere");
}
