//! What others may have at once of an HTTP/2 connection.

use evenkeel_core::http::head::HeadLimits;
use evenkeel_core::http::response;
use evenkeel_core::http2::endpoint::Limits;
use evenkeel_core::http2::frame::FRAME_MAX;
use evenkeel_core::http2::unpacked::FIELD_BYTES;

/// Streams that a client may have open at once.
const STREAMS_MAX: u32 = 100;

/// Bytes of one body that may come before some of them were taken.
const STREAM_WINDOW: u32 = 128 * 1024;

/// Bytes of all bodies that a client sends.
const CONNECTION_WINDOW: u32 = 512 * 1024;

/// Requests that a connection to a backend carries at once: enough to need few connections, and so few that one packet that
/// is lost, or one thread of the backend's, does not hold up everybody.
pub const REQUESTS_MAX: usize = 32;

/// Requests on a connection to a backend that may be taken back, more than are answered: who resets streams looks like an attack,
/// and a client who does so by way of us is not to cost others their connection.
pub const TAKEN_BACK_MAX: usize = 16;

/// Bytes of a head, packed, that a backend may send: one that is too long for its client is no matter of the other requests on the
/// connection.
const BLOCK_MAX: u32 = 256 * 1024;

/// What holds for clients, whose heads may be so long. What is longer is refused with words of HTTP/1.
pub fn of_clients(heads: &HeadLimits) -> Limits {
    let fields = heads.bytes.saturating_add(heads.fields.saturating_mul(FIELD_BYTES as u32));
    Limits {
        streams: STREAMS_MAX,
        stream_window: STREAM_WINDOW,
        connection_window: CONNECTION_WINDOW,
        fields,
        block: fields.max(FRAME_MAX as u32),
    }
}

/// What holds for backends. Each body has room of its own, of which bytes may wait for somebody slow; beside that there is as
/// much again in all, for room is told of in halves: nobody waits for another one's reader.
pub fn of_backends() -> Limits {
    Limits {
        streams: 0,
        stream_window: STREAM_WINDOW,
        connection_window: 2 * REQUESTS_MAX as u32 * STREAM_WINDOW,
        fields: response::HEAD_MAX as u32,
        block: BLOCK_MAX,
    }
}
