//! What is read before the traffic, seen from outside: examples from the specifications, and anything else.
#![expect(clippy::panic, clippy::unwrap_used, reason = "a test fails by panicking")]

mod client_hello;
mod dns;
#[path = "../../../evenkeel-testkit/src/hello.rs"]
mod hello;
mod piecemeal;
mod proxy_round_trip;
mod proxy_v1;
mod proxy_v2;
mod quic;
