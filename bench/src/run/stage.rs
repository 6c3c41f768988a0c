//! One rival on its stage: backends, balancer and load in a network of their own, all ended with it.

use super::launch::{began_ns, mapped_bytes};
use super::process::{Running, clear, finish, network, tail};
use super::reload::reload;
use super::rival::Rival;
use super::scenario::{FIRST, Scenario, Setup, Work};
use crate::figures::Figures;
use anyhow::{Context, Result, bail, ensure};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Where the balancer listens.
pub const PORT: u16 = 8000;

/// The first port that datagrams come from. It is the same in every slice, so that the flows are those of the slice
/// before, and no balancer holds more and more of them.
const FLOWS: u16 = 9000;

/// Longest time for the load beyond its window: opening 5,000 connections through a slow balancer.
const MARGIN: Duration = Duration::from_secs(30);

/// Time for the one that waits for the balancer to be there before it.
const HEAD_START: Duration = Duration::from_millis(20);

/// What every measurement of a run has in common.
pub struct Theatre {
    /// This program.
    pub program: PathBuf,
    /// For configurations and logs, in a directory for each rival.
    pub dir: PathBuf,
    /// The core of the balancer.
    pub balancer_core: usize,
    /// The core of the load and the backends.
    pub load_core: usize,
    /// How TCP finds out how fast it may send.
    pub congestion: String,
    /// Milliseconds before anything counts.
    pub warm: u64,
    /// Milliseconds that count.
    pub window: u64,
}

impl Theatre {
    /// Sets the stage for a rival: when this returns, the balancer serves.
    pub fn set<'a>(&'a self, setup: Setup, rival: &'a Rival) -> Result<Stage<'a>> {
        let dir = self.dir.join(&rival.name);
        fs::create_dir_all(&dir)?;
        let backends = self.start_backends(setup, &dir.join("backends.log"))?;
        let net = network(backends.id()).context("the backends have ended")?;
        let mut stage = Stage { theatre: self, rival, setup, dir, net, balancer: None, backends };
        let mut first = stage.spawn_load(&format!("--port {FIRST} --backend {FIRST} await"))?;
        finish(&mut first, MARGIN, || stage.backends.has_ended())?;
        if let Some(command) = rival.command(setup, &stage.dir)? {
            stage.balancer = Some(stage.start_balancer(&command)?);
        }
        Ok(stage)
    }

    /// Backends in a new network with nothing but loopback, which lives as long as they do.
    fn start_backends(&self, setup: Setup, log: &Path) -> Result<Running> {
        const PREPARE: &str = "ip link set lo up \
            && echo '22000 65535' > /proc/sys/net/ipv4/ip_local_port_range \
            && echo \"$0\" > /proc/sys/net/ipv4/tcp_congestion_control && exec \"$@\"";
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL", "--", "unshare", "--net", "--", "sh", "-c", PREPARE]);
        command.arg(&self.congestion);
        command.args(["taskset", "-c", &self.load_core.to_string()]).arg(&self.program);
        command.args(["backend", "--first", &FIRST.to_string(), "--count", &setup.ports().to_string()]);
        command.args(setup.flags());
        let running = Running::spawn(command, log)?;
        let deadline = Instant::now() + Duration::from_secs(5);
        while network(running.id()) == network(std::process::id()) {
            ensure!(Instant::now() < deadline, "no network of its own: are we root?");
            std::thread::sleep(Duration::from_millis(1));
        }
        Ok(running)
    }
}

/// A rival that serves, and all that it needs for that, until it is dropped.
pub struct Stage<'a> {
    /// What it has in common with others.
    theatre: &'a Theatre,
    /// Whose it is.
    pub rival: &'a Rival,
    /// How it is set up.
    pub setup: Setup,
    /// For its configuration and its logs.
    pub dir: PathBuf,
    /// The network of all of them.
    net: PathBuf,
    /// None where there is nothing between load and backends.
    balancer: Option<Balancer>,
    backends: Running,
}

/// A balancer that serves.
struct Balancer {
    process: Running,
    /// From its start to the first exchange.
    served_ns: u64,
}

impl Drop for Stage<'_> {
    fn drop(&mut self) {
        clear(&self.net);
    }
}

impl Stage<'_> {
    /// Does what is done in a scenario, once, and says what was measured.
    pub fn measure(&mut self, scenario: &Scenario) -> Result<Figures> {
        let measured = match scenario.work {
            Work::Load(load) => self.traffic(load, scenario.windows),
            Work::Reload => reload(self),
        };
        let log = self.balancer_log();
        let Some(balancer) = &mut self.balancer else { return measured };
        if let Some(status) = balancer.process.end() {
            bail!("the balancer has ended, {status}: {}", tail(&log));
        }
        let mut figures = measured?;
        figures.set("served_ns", balancer.served_ns as f64);
        if let Some((program, mapped)) = mapped_bytes(balancer.process.id()) {
            figures.set("program_bytes", program as f64);
            figures.set("mapped_bytes", mapped as f64);
        }
        Ok(figures)
    }

    /// The balancer's process.
    pub fn balancer(&self) -> Result<&Running> {
        Ok(&self.balancer.as_ref().context("there is no balancer")?.process)
    }

    /// Where what the balancer says goes.
    pub fn balancer_log(&self) -> PathBuf {
        self.dir.join("balancer.log")
    }

    /// Begins with an order to the load.
    pub fn spawn_load(&self, order: &str) -> Result<Child> {
        let mut command = Command::new(&self.theatre.program);
        command.arg("load").args(self.setup.flags()).args(order.split_whitespace());
        let mut inside = self.inside(&self.theatre.load_core.to_string(), &command);
        inside.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        inside.spawn().context("cannot start the load")
    }

    /// Runs `command` here on these cores; it ends when we do.
    fn inside(&self, cores: &str, command: &Command) -> Command {
        let mut inside = Command::new("nsenter");
        inside.arg(format!("--net=/proc/{}/ns/net", self.backends.id()));
        inside.args(["--", "setpriv", "--pdeathsig", "KILL", "--"]);
        inside.args(["taskset", "-c", cores]);
        inside.arg(command.get_program()).args(command.get_args());
        // Where evenkeel has its socket, which those that are killed leave behind.
        inside.env("RUNTIME_DIRECTORY", &self.dir);
        inside
    }

    fn start_balancer(&self, command: &Command) -> Result<Balancer> {
        let mut first = self.spawn_load(&format!("--port {PORT} --backend {PORT} await"))?;
        std::thread::sleep(HEAD_START);
        let cores = match self.setup.workers {
            1 => self.theatre.balancer_core.to_string(),
            _ => format!("{},{}", self.theatre.balancer_core, self.theatre.load_core),
        };
        let (log, note) = (self.balancer_log(), self.dir.join("began"));
        let mut launch = Command::new(&self.theatre.program);
        launch.args(["launch", "--note"]).arg(&note).arg("--");
        launch.arg(command.get_program()).args(command.get_args());
        let mut process = Running::spawn(self.inside(&cores, &launch), &log)?;
        let served = finish(&mut first, MARGIN, || process.has_ended()).with_context(|| tail(&log))?;
        let served = served.get("served_at_ns").context("no time")? as u64;
        Ok(Balancer { process, served_ns: served.saturating_sub(began_ns(&note)?) })
    }

    /// Makes the traffic of a scenario, for so many windows.
    fn traffic(&mut self, load: &str, windows: u32) -> Result<Figures> {
        let Theatre { warm, window, .. } = *self.theatre;
        let (window, backends) = (window * u64::from(windows), self.backends.id());
        let to = match &self.balancer {
            Some(balancer) => format!("--port {PORT} --balancer {}", balancer.process.id()),
            None => format!("--port {FIRST} --ports {}", self.setup.ports()),
        };
        let of = format!("--backend {FIRST} --backends {backends} --flows-from {FLOWS}");
        let mut load = self.spawn_load(&format!("{to} {of} --warm {warm} --window {window} {load}"))?;
        let has_ended = || self.balancer.as_mut().is_some_and(|it| it.process.has_ended());
        finish(&mut load, Duration::from_millis(2 * warm + window) + MARGIN, has_ended)
    }
}
