//! Connections that are open and do nothing: what each takes of memory, and all of them of CPU.

use super::line::{Line, Speech};
use super::{Ports, Window};
use crate::figures::Figures;
use crate::memory::Memory;
use crate::meter::Meter;
use anyhow::Result;
use std::time::Duration;

/// Connections to let the balancer make what it makes once.
const FIRST: usize = 16;

/// Memory is settled when it changes by less than so many bytes in this time; it is looked at so often, at most.
const CALM: u64 = 64 * 1024;
const PAUSE: Duration = Duration::from_millis(100);
const LOOKS: u32 = 30;

/// Opens `connections`, exchanges once on each, and watches for the window what holding them costs.
pub fn hold(
    connections: usize,
    speech: &Speech,
    ports: &mut Ports,
    window: Window,
    meter: &Meter,
) -> Result<Figures> {
    let mut first = open(FIRST, speech, ports)?;
    std::thread::sleep(window.warm);
    let empty = settled(meter)?;
    let mut held = open(connections, speech, ports)?;
    std::thread::sleep(window.warm);
    held.iter_mut().try_for_each(Line::listen)?;
    let full = settled(meter)?;
    let before = meter.read();
    std::thread::sleep(window.length);
    let after = meter.read();
    let mut figures = Figures::default();
    let each = |empty: u64, full: u64| (full as f64 - empty as f64) / connections as f64;
    figures.set("empty_bytes", empty.own as f64);
    figures.set("own_bytes", each(empty.own, full.own));
    figures.set("kernel_bytes", each(empty.kernel, full.kernel));
    after.since(&before).note(meter, &mut figures);
    let broken = first.iter_mut().chain(&mut held).filter_map(|line| line.exchange().err()).count();
    figures.set("errors", broken as f64);
    Ok(figures)
}

/// The memory when the kernel has let go of what was closed before, which it does in its own time.
fn settled(meter: &Meter) -> Result<Memory> {
    let mut last = meter.memory()?;
    for _ in 0..LOOKS {
        std::thread::sleep(PAUSE);
        let now = meter.memory()?;
        if now.kernel.abs_diff(last.kernel) < CALM {
            return Ok(now);
        }
        last = now;
    }
    Ok(last)
}

fn open(connections: usize, speech: &Speech, ports: &mut Ports) -> Result<Vec<Line>> {
    (0..connections).map(|_| Line::open(ports, speech)).collect()
}
