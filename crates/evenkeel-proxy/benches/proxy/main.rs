//! What the data plane does beside system calls: `cargo bench -p evenkeel-proxy`, with the arguments of the core's
//! measurements. The sources are taken in as they are, so that nothing is public only to be measured.
#![expect(clippy::print_stdout, reason = "a measurement says what it saw")]
#![allow(dead_code, unused_imports, reason = "only a part is measured, and the tests are elsewhere")]

// What the sources below expect at the root.
use evenkeel_proxy::{PlaneOptions, Records, Report, SessionRecord, Totals};

#[path = "../../src/books/mod.rs"]
mod books;
#[path = "../../src/shared.rs"]
mod shared;
#[path = "../../../evenkeel-core/benches/core/timing.rs"]
mod timing;
#[path = "../../src/reactor/wheel.rs"]
mod wheel;

use books::ServiceCounts;
use evenkeel_core::end::End;
use evenkeel_core::side::Side;
use std::time::{Duration, Instant};
use timing::Bench;
use wheel::Wheel;

/// Deadlines that are armed beside the one that is measured.
const ROWS: u32 = 10_000;

fn main() {
    let mut bench = Bench::from_arguments();
    counters(&mut bench);
    wheel(&mut bench);
}

fn counters(bench: &mut Bench) {
    bench.case("counters: end of a session", ServiceCounts::default, |counts| {
        counts.end(End::Closed(Side::Client), Duration::from_micros(1240), Duration::ZERO);
    });
}

fn wheel(bench: &mut Bench) {
    let start = Instant::now();
    let minute = Duration::from_secs(60);
    let armed = move || {
        let mut wheel = Wheel::new(start);
        (0..ROWS).for_each(|row| wheel.arm(row, start + minute + Duration::from_millis(row.into())));
        (wheel, 0)
    };
    bench.case("wheel: a deadline moved", armed, move |(wheel, turn)| {
        *turn += 1;
        wheel.arm(*turn % ROWS, start + minute + Duration::from_millis((*turn).into()));
    });
    bench.case("wheel: a deadline that is not earlier", armed, move |(wheel, turn)| {
        *turn += 1;
        wheel.arm_by(*turn % ROWS, start + 2 * minute);
    });
    let running = move || (armed().0, start, Vec::new());
    bench.case("wheel: a deadline passed, and a new one", running, move |(wheel, now, expired)| {
        // A row a millisecond, as they were armed.
        *now += Duration::from_millis(16);
        wheel.advance(*now, expired);
        expired.drain(..).for_each(|row| wheel.arm(row, *now + minute));
    });
    bench.case("wheel: how long to sleep", armed, move |(wheel, _)| wheel.sleep(start));
}
