//! What decisions cost: `cargo bench -p evenkeel-core` in time, with `-- --instructions` in instructions, which repeat
//! exactly (needs valgrind). Words select the cases whose names hold one of them.
#![expect(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::print_stdout,
    reason = "a measurement needs a clock and a place to say what it saw; it is not part of the core"
)]

mod admit;
mod balance;
mod director;
mod half;
mod hpack;
mod http_route;
mod timing;
mod wire;

fn main() {
    let mut bench = timing::Bench::from_arguments();
    half::cases(&mut bench);
    balance::cases(&mut bench);
    director::cases(&mut bench);
    wire::cases(&mut bench);
    admit::cases(&mut bench);
    http_route::cases(&mut bench);
    hpack::cases(&mut bench);
}
