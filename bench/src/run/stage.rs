//! One measurement's processes: backends, balancer and load in a network of their own, all ended with it.

use super::rival::Rival;
use super::scenario::{Scenario, Setup};
use crate::figures::Figures;
use crate::meter::{family, mapped_bytes, monotonic_ns};
use anyhow::{Context, Result, ensure};
use rustix::process::{Pid, Signal, kill_process};
use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Where the balancer listens.
pub const PORT: u16 = 8000;

/// The first port of the backends; those of the clients begin above the last.
pub const FIRST: u16 = 20_001;

/// Longest time for the load beyond its window: opening 5,000 connections through a slow balancer.
const MARGIN: Duration = Duration::from_secs(30);

/// Time for the one that waits for the balancer to be there before it.
const HEAD_START: Duration = Duration::from_millis(20);

/// What every measurement of a run has in common.
pub struct Theatre {
    /// This program.
    pub program: PathBuf,
    /// For configurations and logs.
    pub dir: PathBuf,
    /// The core of the balancer.
    pub balancer_core: usize,
    /// The core of the load and the backends.
    pub load_core: usize,
    /// Milliseconds before anything counts.
    pub warm: u64,
    /// Milliseconds that count.
    pub window: u64,
}

impl Theatre {
    /// Measures one rival in one scenario.
    pub fn perform(&self, scenario: &Scenario, rival: &Rival) -> Result<Figures> {
        let backends = self.start_backends(scenario.setup)?;
        let stage = Stage { theatre: self, net: format!("/proc/{}/ns/net", backends.id()) };
        let count = scenario.setup.backends.to_string();
        let first = FIRST.to_string();
        stage.load(&["--port", &first, "--backend", &first, "await"])?;
        let Some(command) = rival.command(scenario.setup, &self.dir)? else {
            let pid = backends.id().to_string();
            let direct = ["--port", &first, "--ports", &count, "--backend", &first, "--backends", &pid];
            return stage.load_for(scenario, &direct);
        };
        let (balancer, served_ns) = stage.start_balancer(command, scenario.setup)?;
        let (port, pids) = (PORT.to_string(), [balancer.id(), backends.id()].map(|pid| pid.to_string()));
        let through = ["--port", &port, "--backend", &first, "--balancer", &pids[0], "--backends", &pids[1]];
        let mut figures = stage.load_for(scenario, &through)?;
        figures.set("served_ns", served_ns as f64);
        if let Some((program, mapped)) = mapped_bytes(balancer.id()) {
            figures.set("program_bytes", program as f64);
            figures.set("mapped_bytes", mapped as f64);
        }
        Ok(figures)
    }

    /// Backends in a new network with nothing but loopback, which lives as long as they do.
    fn start_backends(&self, setup: Setup) -> Result<Running> {
        const PREPARE: &str = "ip link set lo up \
            && echo '22000 65535' > /proc/sys/net/ipv4/ip_local_port_range && exec \"$0\" \"$@\"";
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL", "--", "unshare", "--net", "--", "sh", "-c", PREPARE]);
        command.args(["taskset", "-c", &self.load_core.to_string()]).arg(&self.program);
        command.args(["backend", "--first", &FIRST.to_string(), "--count", &setup.backends.to_string()]);
        let running = Running::spawn(command, &self.dir.join("backends.log"))?;
        let net = |pid: &str| fs::read_link(format!("/proc/{pid}/ns/net")).ok();
        let deadline = Instant::now() + Duration::from_secs(5);
        while net(&running.id().to_string()) == net("self") {
            ensure!(Instant::now() < deadline, "no network of its own: are we root?");
            std::thread::sleep(Duration::from_millis(1));
        }
        Ok(running)
    }
}

/// The network of one measurement.
struct Stage<'a> {
    theatre: &'a Theatre,
    net: String,
}

impl Stage<'_> {
    /// Runs `command` here on these cores; it ends when we do.
    fn inside(&self, cores: &str, command: &Command) -> Command {
        let mut inside = Command::new("nsenter");
        inside.arg(format!("--net={}", self.net));
        inside.args(["--", "setpriv", "--pdeathsig", "KILL", "--"]);
        inside.args(["taskset", "-c", cores]);
        inside.arg(command.get_program()).args(command.get_args());
        inside
    }

    /// The balancer, and how long it took to serve.
    fn start_balancer(&self, command: Command, setup: Setup) -> Result<(Running, u64)> {
        let port = PORT.to_string();
        let mut first = self.spawn_load(&["--port", &port, "--backend", &port, "await"])?;
        std::thread::sleep(HEAD_START);
        let cores = match setup.workers {
            1 => self.theatre.balancer_core.to_string(),
            _ => format!("{},{}", self.theatre.balancer_core, self.theatre.load_core),
        };
        let began = monotonic_ns();
        let log = self.theatre.dir.join("balancer.log");
        let mut balancer = Running::spawn(self.inside(&cores, &command), &log)?;
        let served = finish(&mut first, MARGIN, || balancer.has_ended()).with_context(|| tail(&log))?;
        let served = served.get("served_at_ns").context("no time")? as u64;
        Ok((balancer, served.saturating_sub(began)))
    }

    fn load_for(&self, scenario: &Scenario, to: &[&str]) -> Result<Figures> {
        let (warm, window) = (self.theatre.warm.to_string(), self.theatre.window.to_string());
        let when = ["--warm", &warm, "--window", &window];
        self.load(&[to, &when, &scenario.load.split_whitespace().collect::<Vec<_>>()].concat())
    }

    fn load(&self, order: &[&str]) -> Result<Figures> {
        let window = Duration::from_millis(2 * self.theatre.warm + self.theatre.window);
        finish(&mut self.spawn_load(order)?, window + MARGIN, || false)
    }

    fn spawn_load(&self, order: &[&str]) -> Result<Child> {
        let mut command = Command::new(&self.theatre.program);
        command.arg("load").args(order);
        let mut inside = self.inside(&self.theatre.load_core.to_string(), &command);
        inside.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        inside.spawn().context("cannot start the load")
    }
}

/// The figures that a load prints, which are few enough for a pipe to hold until it has ended. The load is ended when
/// it takes too long, or when it is `in_vain`.
fn finish(load: &mut Child, patience: Duration, mut in_vain: impl FnMut() -> bool) -> Result<Figures> {
    let deadline = Instant::now() + patience;
    while load.try_wait()?.is_none() {
        if Instant::now() > deadline || in_vain() {
            load.kill()?;
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    let (mut said, mut failed) = (String::new(), String::new());
    load.stdout.take().context("no output")?.read_to_string(&mut said)?;
    load.stderr.take().context("no output")?.read_to_string(&mut failed)?;
    ensure!(load.wait()?.success(), "load: {}", failed.trim());
    Figures::from_json(&serde_json::from_str(&said)?)
}

/// The last lines of a file, for an error.
fn tail(path: &Path) -> String {
    let text = fs::read_to_string(path).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(5)..].join("\n")
}

/// A process that ends when it is dropped, with all that it started.
struct Running(Child);

impl Running {
    fn spawn(mut command: Command, log: &Path) -> Result<Self> {
        let log = File::create(log)?;
        command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        let name = command.get_program().to_owned();
        Ok(Self(command.spawn().with_context(|| format!("cannot start {}", name.display()))?))
    }

    fn id(&self) -> u32 {
        self.0.id()
    }

    fn has_ended(&mut self) -> bool {
        matches!(self.0.try_wait(), Ok(Some(_)))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if self.has_ended() {
            // Its number may belong to somebody else by now.
            return;
        }
        for pid in family(self.id()) {
            if let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) {
                // It may have ended by itself.
                let _ = kill_process(pid, Signal::KILL);
            }
        }
        let _ = self.0.wait();
    }
}
