//! What clients of HTTP/2 may have at once, as far as the library holds them to it.

use evenkeel_core::http::rules::HeadLimits;
use h2::server::Builder;

/// Streams that a client may have open at once.
const STREAMS_MAX: u32 = 100;

/// Bytes of one body that a client may send before some of them were taken.
const STREAM_WINDOW: u32 = 128 * 1024;

/// Bytes of all bodies of a connection.
pub const CONNECTION_WINDOW: u32 = 512 * 1024;

/// Bytes of an answer that the library holds for a stream.
const HELD_MAX: usize = 32 * 1024;

/// Streams that we have reset of which the library still knows, at most: what comes of one that is forgotten breaks the
/// connection, and a client may be in the middle of all that it has.
const FORGIVEN_MAX: usize = 2 * STREAMS_MAX as usize;

/// Streams that the client has reset before anybody has looked at them, at most.
const UNSEEN_MAX: usize = 20;

/// What HPACK counts for a field beside its bytes.
const FIELD_BYTES: u32 = 32;

/// The library, held to these limits, and to what a head may have.
pub fn library(limits: &HeadLimits) -> Builder {
    let mut builder = Builder::new();
    builder
        .max_concurrent_streams(STREAMS_MAX)
        .initial_window_size(STREAM_WINDOW)
        // What is longer than that is refused with more words than the library has.
        .max_header_list_size(limits.bytes.saturating_add(limits.fields.saturating_mul(FIELD_BYTES)))
        .max_send_buffer_size(HELD_MAX)
        .max_concurrent_reset_streams(FORGIVEN_MAX)
        .max_pending_accept_reset_streams(UNSEEN_MAX);
    builder
}
