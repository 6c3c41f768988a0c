//! The data plane alone, in this process, with real sockets on both sides.
#![expect(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking")]

mod bandwidth;
mod challenge;
mod conservation;
mod counts;
mod crowd;
mod early;
mod gate;
mod half_close;
mod handover;
mod header;
mod http;
mod http2;
mod postgres;
mod rig;
mod route;
mod session_table;
mod tails;
mod tls;
