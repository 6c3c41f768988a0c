//! The load: makes one kind of traffic for a while, and says what it saw and what that cost.

mod bulk;
mod connect;
mod datagrams;
mod exchange;
mod flight;
mod hold;
mod line;
mod order;
mod schedule;
mod streams;
mod talk;

pub use order::Order;

use bulk::Bulk;
use connect::Connect;
use datagrams::{Datagrams, Flows, LOST, Pace, wait_until_echoed};
use exchange::Exchange;
use hold::hold;
use line::{Speech, wait_until_served};
use streams::Streams;
use talk::Talk;

use crate::figures::Figures;
use crate::histogram::Histogram;
use crate::meter::Meter;
use crate::net;
use anyhow::{Result, ensure};
use std::net::TcpStream;
use std::time::{Duration, Instant};

/// Longest wait for one answer; what takes longer is an error.
const PATIENCE: Duration = Duration::from_secs(5);

/// A reply that takes longer than this when the window ends is an error.
const OVERDUE: Duration = Duration::from_secs(1);

/// Longest turn of a load, so that windows end in time.
const TURN: Duration = Duration::from_millis(10);

/// When to measure.
#[derive(Clone, Copy, Debug)]
struct Window {
    /// Before anything is counted.
    warm: Duration,
    /// While everything is.
    length: Duration,
}

/// What was counted.
#[derive(Default)]
struct Tally {
    /// How long each took.
    latency: Histogram,
    /// Exchanges, or connections.
    done: u64,
    /// Those that failed.
    errors: u64,
    /// Datagrams that did not come back.
    lost: u64,
    /// Bytes received.
    bytes: u64,
}

impl Tally {
    fn record(&mut self, took: Duration) {
        self.latency.record(took);
        self.done += 1;
    }
}

/// A kind of traffic.
trait Traffic {
    /// Does what is to be done now, or waits for it for `timeout` at most.
    fn turn(&mut self, timeout: Duration, tally: &mut Tally) -> Result<()>;

    /// Replies that should have come long before `now`.
    fn overdue(&self, _now: Instant) -> u64 {
        0
    }

    /// Bytes that came through until now and that no tally has: those that the backends received.
    fn bytes_elsewhere(&self) -> Result<u64> {
        Ok(0)
    }
}

/// Lets `traffic` run through the window and measures it.
fn measure(traffic: &mut impl Traffic, window: Window, meter: &Meter) -> Result<Figures> {
    run(traffic, window.warm)?;
    let elsewhere = traffic.bytes_elsewhere()?;
    let before = meter.read();
    let tally = run(traffic, window.length)?;
    let after = meter.read();
    let bytes = tally.bytes + (traffic.bytes_elsewhere()? - elsewhere);
    ensure!(tally.done + bytes > 0, "nothing came through; {} errors", tally.errors);
    let mut figures = Figures::default();
    after.since(&before).note(meter, &mut figures);
    figures.set("done", tally.done as f64);
    figures.set("bytes", bytes as f64);
    figures.set("lost", tally.lost as f64);
    figures.set("errors", (tally.errors + traffic.overdue(after.at)) as f64);
    for (name, share) in [("p50_ns", 0.5), ("p99_ns", 0.99), ("p999_ns", 0.999), ("max_ns", 1.0)] {
        if let Some(ns) = tally.latency.quantile(share) {
            figures.set(name, ns as f64);
        }
    }
    Ok(figures)
}

fn run(traffic: &mut impl Traffic, length: Duration) -> Result<Tally> {
    let mut tally = Tally::default();
    let end = Instant::now() + length;
    while Instant::now() < end {
        traffic.turn(TURN, &mut tally)?;
    }
    Ok(tally)
}

/// Connects to the ports in turn.
#[derive(Clone, Debug)]
struct Ports {
    ports: Vec<u16>,
    next: usize,
}

impl Ports {
    /// These; at least one.
    fn new(ports: Vec<u16>) -> Self {
        Self { ports, next: 0 }
    }

    fn next(&mut self) -> u16 {
        let port = self.ports[self.next % self.ports.len()];
        self.next += 1;
        port
    }

    /// A connection that blocks, with an end to its patience.
    fn open(&mut self) -> Result<TcpStream> {
        let stream = TcpStream::connect_timeout(&net::local(self.next()), PATIENCE)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        Ok(stream)
    }
}
