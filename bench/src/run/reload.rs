//! What it costs to load a configuration again in which one backend has changed.

use super::interrupt;
use super::process::{Running, finish};
use super::scenario::FIRST;
use super::stage::{PORT, Stage};
use crate::figures::{Figures, Spread};
use anyhow::{Context, Result, ensure};
use rustix::process::Signal;
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Read;
use std::path::PathBuf;
use std::thread::sleep;
use std::time::{Duration, Instant};

/// Reloads while nothing else is to be done, and as many beside traffic.
const RELOADS: u32 = 3;

/// Longest time that one may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// Time for what comes after a reload: to let go of what held before.
const SETTLE: Duration = Duration::from_millis(100);

/// Requests a second of the traffic: a worker that stops is seen after a millisecond at most.
const RATE: u32 = 1000;

/// Reloads again and again: how long it takes until the new configuration holds, how much of their CPU time the
/// workers spend on it, and how long traffic waits at worst.
pub fn reload(stage: &Stage<'_>) -> Result<Figures> {
    let balancer = stage.balancer()?;
    let text = stage.rival.config(stage.setup, &stage.dir).context("it has no configuration")?;
    let path = stage.rival.config_path(&stage.dir);
    let log = File::open(stage.balancer_log())?;
    let mut reloads = Reloads { balancer, text, path, log, weight: 1 };
    let (mut took, mut worker) = (Vec::new(), Vec::new());
    for _ in 0..RELOADS {
        let before = worker_times(balancer.id());
        took.push(reloads.once()?);
        sleep(SETTLE);
        let spent = worker_times(balancer.id()).into_iter();
        let spent = spent.map(|(id, ns)| ns - before.get(&id).copied().unwrap_or(0));
        worker.push(spent.max().context("no thread is called worker")? as f64);
    }
    let longest = took.iter().max().copied().unwrap_or_default();
    let window = (longest + SETTLE) * (RELOADS + 1);
    let still = ping(stage, window, || Ok(()))?;
    let beside = ping(stage, window, || {
        (0..RELOADS).try_for_each(|_| {
            reloads.once()?;
            sleep(SETTLE);
            Ok(())
        })
    })?;
    let mut figures = Figures::default();
    let median = |values: Vec<f64>| Spread::of(values).map_or(0.0, |spread| spread.median);
    figures.set("reload_ns", median(took.iter().map(|took| took.as_nanos() as f64).collect()));
    figures.set("worker_ns", median(worker));
    for (name, of) in [("still_delay_ns", &still), ("delay_ns", &beside)] {
        figures.set(name, of.get("max_ns").context("no latency")?);
    }
    figures.set("errors", beside.get("errors").unwrap_or(0.0));
    Ok(figures)
}

/// Asks at a fixed rate over one connection and does `meanwhile` beside it.
fn ping(stage: &Stage<'_>, window: Duration, meanwhile: impl FnOnce() -> Result<()>) -> Result<Figures> {
    let to = format!("--port {PORT} --backend {FIRST} --warm 100 --window {}", window.as_millis());
    let mut load = stage.spawn_load(&format!("{to} exchange --size 64 --connections 1 --rate {RATE}"))?;
    sleep(2 * SETTLE);
    let done = meanwhile();
    let figures = finish(&mut load, window + PATIENCE, || false);
    done.and(figures)
}

/// A balancer whose configuration changes.
struct Reloads<'a> {
    balancer: &'a Running,
    /// Its first configuration, and where it is.
    text: String,
    path: PathBuf,
    /// What it says, as far as it was not read yet.
    log: File,
    /// Of the backend that changes.
    weight: u32,
}

impl Reloads<'_> {
    /// Changes one backend and reloads: how long until the change holds.
    fn once(&mut self) -> Result<Duration> {
        self.weight += 1;
        let addr = self.text.lines().find_map(|line| line.strip_prefix("    \"")?.strip_suffix("\","));
        let addr = addr.context("no backend in the configuration")?;
        let changed = format!("{{ addr = \"{addr}\", weight = {} }}", self.weight);
        fs::write(&self.path, self.text.replacen(&format!("\"{addr}\""), &changed, 1))?;
        self.unread()?;
        let begin = Instant::now();
        self.balancer.signal(Signal::HUP)?;
        let mut said = String::new();
        while !said.contains("\"event\":\"reloaded\"") {
            ensure!(!said.contains("\"event\":\"reload-refused\""), "{said}");
            interrupt::check()?;
            ensure!(begin.elapsed() < PATIENCE, "not reloaded within {PATIENCE:?}");
            sleep(Duration::from_micros(300));
            said += &self.unread()?;
        }
        Ok(begin.elapsed())
    }

    fn unread(&mut self) -> Result<String> {
        let mut said = Vec::new();
        self.log.read_to_end(&mut said)?;
        Ok(String::from_utf8_lossy(&said).into_owned())
    }
}

/// CPU time of the threads that carry traffic, in nanoseconds.
fn worker_times(pid: u32) -> BTreeMap<u32, u64> {
    let threads = fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    let time = |thread: fs::DirEntry| {
        let name = fs::read_to_string(thread.path().join("comm")).ok()?;
        let times = fs::read_to_string(thread.path().join("schedstat")).ok()?;
        let ns = times.split_whitespace().next()?.parse().ok()?;
        let id = thread.file_name().to_str()?.parse().ok()?;
        name.starts_with("worker-").then_some((id, ns))
    };
    threads.filter_map(time).collect()
}
