//! What others may have at once of an HTTP/2 connection.

use evenkeel_core::http::response;
use evenkeel_core::http::rules::HeadLimits;
use evenkeel_core::http2::endpoint::Limits;
use evenkeel_core::http2::unpacked::FIELD_BYTES;

/// Streams that a client may have open at once.
const STREAMS_MAX: u32 = 100;

/// Bytes of one body that may come before some of them were taken.
const STREAM_WINDOW: u32 = 128 * 1024;

/// Bytes of all bodies that a client sends.
const CONNECTION_WINDOW: u32 = 512 * 1024;

/// What holds for clients, whose heads may be so long. What is longer is refused with words of HTTP/1.
pub fn of_clients(heads: &HeadLimits) -> Limits {
    Limits {
        streams: STREAMS_MAX,
        stream_window: STREAM_WINDOW,
        connection_window: CONNECTION_WINDOW,
        fields: heads.bytes.saturating_add(heads.fields.saturating_mul(FIELD_BYTES as u32)),
    }
}

/// What holds for backends, who are asked one thing after the other.
pub fn of_backends() -> Limits {
    Limits {
        streams: 0,
        stream_window: STREAM_WINDOW,
        connection_window: STREAM_WINDOW,
        fields: response::HEAD_MAX as u32,
    }
}
