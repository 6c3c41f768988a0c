//! The machine that is measured on, and in which state it is.

use std::fs;
use std::process::Command;

/// The machine and how busy it was.
#[derive(Clone, Debug, Default)]
pub struct Machine {
    model: String,
    cores: usize,
    kernel: String,
    /// What git says of the sources.
    revision: String,
    /// As /proc/loadavg has it.
    load: Vec<String>,
    /// Time that other machines took from this one and all time, in ticks.
    stolen: (u64, u64),
}

impl Machine {
    /// This one, now.
    pub fn look() -> Self {
        let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
        let cpus = read("/proc/cpuinfo");
        let field = |name: &str| cpus.lines().find(|line| line.starts_with(name))?.split_once(':');
        let stat = read("/proc/stat");
        let ticks = stat.lines().next().unwrap_or_default().split_whitespace().skip(1);
        let ticks: Vec<u64> = ticks.filter_map(|tick| tick.parse().ok()).collect();
        let load = read("/proc/loadavg").split_whitespace().next().unwrap_or("?").to_owned();
        Self {
            model: field("model name").map_or_else(String::new, |(_, model)| model.trim().to_owned()),
            cores: cpus.lines().filter(|line| line.starts_with("processor")).count(),
            kernel: read("/proc/sys/kernel/osrelease").trim().to_owned(),
            load: vec![load],
            revision: revision().unwrap_or_else(|| "unknown".to_owned()),
            // user, nice, system, idle, iowait, irq, softirq, steal; what follows is part of the first two.
            stolen: (ticks.get(7).copied().unwrap_or(0), ticks.iter().take(8).sum()),
        }
    }

    /// This one from `self` until `later`.
    pub fn until(mut self, later: Self) -> Self {
        self.load.extend(later.load);
        self.stolen = (later.stolen.0 - self.stolen.0, later.stolen.1 - self.stolen.1);
        self
    }

    /// What there is to say about it.
    pub fn lines(&self) -> Vec<String> {
        let stolen = self.stolen.0 as f64 / self.stolen.1.max(1) as f64 * 100.0;
        vec![
            format!("{} cores, {}, Linux {}", self.cores, self.model, self.kernel),
            format!("sources of evenkeel at {}", self.revision),
            format!("load average before and after: {}", self.load.join(", ")),
            format!("CPU time taken by other machines on the same host: {stolen:.1} %"),
        ]
    }
}

/// How TCP finds out how fast it may send, where nobody asks for something else.
pub fn congestion() -> String {
    let name = fs::read_to_string("/proc/sys/net/ipv4/tcp_congestion_control").unwrap_or_default();
    name.trim().to_owned()
}

fn revision() -> Option<String> {
    let mut git = Command::new("git");
    git.args(["-C", env!("CARGO_MANIFEST_DIR"), "describe", "--always", "--dirty", "--abbrev=12"]);
    let output = git.output().ok().filter(|output| output.status.success())?;
    Some(String::from_utf8(output.stdout).ok()?.trim().to_owned())
}
