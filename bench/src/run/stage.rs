//! One measurement's processes: backends, balancer and load in a network of their own, all ended with it.

use super::launch::{began_ns, mapped_bytes};
use super::process::{Running, finish, tail};
use super::reload::reload;
use super::rival::Rival;
use super::scenario::{FIRST, Scenario, Setup, Work};
use crate::figures::Figures;
use anyhow::{Context, Result, bail, ensure};
use std::fs;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Where the balancer listens.
pub const PORT: u16 = 8000;

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
    /// How TCP finds out how fast it may send.
    pub congestion: String,
    /// Milliseconds before anything counts.
    pub warm: u64,
    /// Milliseconds that count.
    pub window: u64,
}

impl Theatre {
    /// Measures one rival in one scenario.
    pub fn perform(&self, scenario: &Scenario, rival: &Rival) -> Result<Figures> {
        let setup = scenario.setup;
        let backends = self.start_backends(setup)?;
        let stage = Stage { theatre: self, net: format!("/proc/{}/ns/net", backends.id()), setup };
        let (first, pid) = (FIRST.to_string(), backends.id().to_string());
        stage.load(&["--port", &first, "--backend", &first, "await"], Duration::ZERO)?;
        let Some(command) = rival.command(setup, &self.dir)? else {
            let count = setup.ports().to_string();
            let direct = ["--port", &first, "--ports", &count, "--backend", &first, "--backends", &pid];
            return stage.measure(scenario, &direct);
        };
        let (balancer, served_ns) = stage.start_balancer(command)?;
        let (port, balancer_pid) = (PORT.to_string(), balancer.id().to_string());
        let to = ["--port", &port, "--backend", &first, "--balancer", &balancer_pid, "--backends", &pid];
        let mut figures = match scenario.work {
            Work::Load(_) => stage.measure(scenario, &to)?,
            Work::Reload => reload(&stage, &balancer, rival, setup)?,
        };
        figures.set("served_ns", served_ns as f64);
        if let Some((program, mapped)) = mapped_bytes(balancer.id()) {
            figures.set("program_bytes", program as f64);
            figures.set("mapped_bytes", mapped as f64);
        }
        Ok(figures)
    }

    /// Where what the balancer says goes.
    pub fn balancer_log(&self) -> PathBuf {
        self.dir.join("balancer.log")
    }

    /// Backends in a new network with nothing but loopback, which lives as long as they do.
    fn start_backends(&self, setup: Setup) -> Result<Running> {
        const PREPARE: &str = "ip link set lo up \
            && echo '22000 65535' > /proc/sys/net/ipv4/ip_local_port_range \
            && echo \"$0\" > /proc/sys/net/ipv4/tcp_congestion_control && exec \"$@\"";
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL", "--", "unshare", "--net", "--", "sh", "-c", PREPARE]);
        command.arg(&self.congestion);
        command.args(["taskset", "-c", &self.load_core.to_string()]).arg(&self.program);
        command.args(["backend", "--first", &FIRST.to_string(), "--count", &setup.ports().to_string()]);
        command.args(setup.flags());
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
pub struct Stage<'a> {
    /// What it has in common with others.
    pub theatre: &'a Theatre,
    net: String,
    setup: Setup,
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
    fn start_balancer(&self, command: Command) -> Result<(Running, u64)> {
        let port = PORT.to_string();
        let mut first = self.spawn_load(&["--port", &port, "--backend", &port, "await"])?;
        std::thread::sleep(HEAD_START);
        let cores = match self.setup.workers {
            1 => self.theatre.balancer_core.to_string(),
            _ => format!("{},{}", self.theatre.balancer_core, self.theatre.load_core),
        };
        let (log, note) = (self.theatre.balancer_log(), self.theatre.dir.join("began"));
        let mut launch = Command::new(&self.theatre.program);
        launch.args(["launch", "--note"]).arg(&note).arg("--");
        launch.arg(command.get_program()).args(command.get_args());
        let mut balancer = Running::spawn(self.inside(&cores, &launch), &log)?;
        let served = finish(&mut first, MARGIN, || balancer.has_ended()).with_context(|| tail(&log))?;
        let served = served.get("served_at_ns").context("no time")? as u64;
        Ok((balancer, served.saturating_sub(began_ns(&note)?)))
    }

    /// Makes the traffic of a scenario.
    fn measure(&self, scenario: &Scenario, to: &[&str]) -> Result<Figures> {
        let Work::Load(load) = scenario.work else { bail!("no traffic to make") };
        let Theatre { warm, window, .. } = *self.theatre;
        let window = window * u64::from(scenario.windows);
        let when = ["--warm", &warm.to_string(), "--window", &window.to_string()];
        let words: Vec<&str> = load.split_whitespace().collect();
        self.load(&[to, &when, &words].concat(), Duration::from_millis(2 * warm + window))
    }

    /// Makes the traffic of an order that takes so long.
    pub fn load(&self, order: &[&str], length: Duration) -> Result<Figures> {
        finish(&mut self.spawn_load(order)?, length + MARGIN, || false)
    }

    /// Begins with an order.
    pub fn spawn_load(&self, order: &[&str]) -> Result<Child> {
        let mut command = Command::new(&self.theatre.program);
        command.arg("load").args(self.setup.flags()).args(order);
        let mut inside = self.inside(&self.theatre.load_core.to_string(), &command);
        inside.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        inside.spawn().context("cannot start the load")
    }
}
