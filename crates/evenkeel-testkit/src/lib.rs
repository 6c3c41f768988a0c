//! What the tests of evenkeel stand on: the binary as a child ([`start`], [`process`]), the two ends of a connection
//! ([`peer`], [`server`], [`serve`]), bytes that prove their order ([`pattern`]), ports nobody else has ([`port`]), a
//! deadline for everything ([`deadline`]), what TLS clients say ([`hello`]), HTTP ([`web`], [`http2`]), and what no bytes may
//! break ([`fuzz`]). Threads and blocking sockets only, but for HTTP/2. Whatever goes wrong panics with what was seen.
#![forbid(unsafe_code)]
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a kit for tests fails by panicking, and tells the test's reader what it skips"
)]

pub mod crowd;
pub mod datagram;
pub mod deadline;
pub mod fuzz;
pub mod hello;
pub mod http2;
pub mod limits;
pub mod netns;
pub mod pattern;
pub mod peer;
pub mod place;
pub mod port;
pub mod process;
pub mod serve;
pub mod server;
pub mod silent;
pub mod start;
pub mod tls;
pub mod web;

pub use crowd::Crowd;
pub use datagram::{UdpClient, UdpServer};
pub use deadline::{PATIENCE, eventually};
pub use evenkeel_core::dice::Dice;
pub use netns::Net;
pub use pattern::Pattern;
pub use peer::{Ending, Peer};
pub use place::Place;
pub use process::Process;
pub use rustix::process::Signal;
pub use server::Server;
pub use silent::Silent;
pub use start::Start;
pub use tls::{Authority, Credential, TlsPeer};

/// The seed of a random test: the environment's `SEED`, else the clock's. It is printed, so that a failure can be
/// run again.
pub fn seed() -> u64 {
    let seed = match std::env::var("SEED") {
        Ok(text) => text.parse().expect("SEED is a number"),
        Err(_) => {
            std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_micros() as u64
        }
    };
    eprintln!("SEED={seed}");
    seed
}
