//! One direction of a relay: what deciding costs beside the calls it decides on.

use crate::timing::Bench;
use evenkeel_core::half::{Half, Want};

pub fn cases(bench: &mut Bench) {
    bench.case("half: message passed on", Half::default, |half| {
        half.on_source_ready(false);
        while half.want() == Want::Read {
            half.on_read(64, true);
        }
        while half.want() == Want::Write {
            half.on_written(half.held());
        }
        half.moved()
    });
    bench.case("half: bulk read, sink blocks", Half::default, |half| {
        half.on_source_ready(false);
        half.on_read(65_536, false);
        half.on_written(4_096);
        half.on_sink_blocked();
        let waits = half.want();
        half.on_sink_ready();
        half.on_written(half.held());
        (waits, half.is_bulk())
    });
}
