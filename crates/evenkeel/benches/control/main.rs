//! What the control plane does with text: `cargo bench -p evenkeel`, with the arguments of the core's measurements. The
//! sources are taken in as they are, so that nothing is public only to be measured.
#![expect(clippy::print_stdout, reason = "a measurement says what it saw")]
#![allow(dead_code, unused_imports, reason = "only a part is measured, and the tests are elsewhere")]

#[path = "../../src/config/mod.rs"]
mod config;
mod logging;
#[path = "../../src/reach.rs"]
mod reach;
#[path = "../../../evenkeel-core/benches/core/timing.rs"]
mod timing;
#[path = "../../src/tls/mod.rs"]
mod tls;
#[path = "../../src/token.rs"]
mod token;

use config::Source;
use std::net::Ipv4Addr;
use timing::Bench;

fn main() {
    let mut bench = Bench::from_arguments();
    logging::cases(&mut bench);
    for backends in [10, 1_000, 10_000] {
        let source = || Source::Text(file(backends));
        bench.case(&format!("configuration: {backends} backends"), source, |source| config::load(source));
    }
}

/// A configuration of one service.
fn file(backends: u32) -> String {
    let backend = |number: u32| format!("    \"{}:80\",\n", Ipv4Addr::from(0x0a00_0000 + number));
    let backends: String = (0..backends).map(backend).collect();
    format!("[tcp.web]\nlisten = \":8080\"\nbalance = \"random\"\nto = [\n{backends}]\n")
}
