//! Connections that are open and do nothing: what each takes of memory, and all of them of CPU.

use super::{Ports, Window, exchange_once};
use crate::figures::Figures;
use crate::meter::Meter;
use anyhow::Result;
use std::net::TcpStream;

/// Connections to let the balancer make what it makes once.
const FIRST: usize = 16;

/// Opens `connections`, exchanges once on each, and watches for the window what holding them costs.
pub fn hold(connections: usize, ports: &mut Ports, window: Window, meter: &Meter) -> Result<Figures> {
    let first = open(FIRST, ports)?;
    std::thread::sleep(window.warm);
    let empty = meter.memory()?;
    let held = open(connections, ports)?;
    std::thread::sleep(window.warm);
    let full = meter.memory()?;
    let before = meter.read();
    std::thread::sleep(window.length);
    let after = meter.read();
    let mut figures = Figures::default();
    let each = |empty: u64, full: u64| (full as f64 - empty as f64) / connections as f64;
    figures.set("empty_bytes", empty.own as f64);
    figures.set("own_bytes", each(empty.own, full.own));
    figures.set("kernel_bytes", each(empty.kernel, full.kernel));
    after.since(&before).note(meter, &mut figures);
    let (mut first, mut held) = (first, held);
    let broken = first.iter_mut().chain(&mut held).filter_map(|stream| exchange_once(stream).err()).count();
    figures.set("errors", broken as f64);
    Ok(figures)
}

fn open(connections: usize, ports: &mut Ports) -> Result<Vec<TcpStream>> {
    (0..connections)
        .map(|_| {
            let mut stream = ports.open()?;
            exchange_once(&mut stream)?;
            Ok(stream)
        })
        .collect()
}
