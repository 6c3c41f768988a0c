//! What is measured: each scenario is one kind of load on one setup, with one figure that counts.

use crate::figures::Figures;

/// One thing to measure.
#[derive(Clone, Copy, Debug)]
pub struct Scenario {
    /// How it is called on the command line and in files.
    pub name: &'static str,
    /// How it is called in the report.
    pub title: &'static str,
    /// Arguments of `evenkeel-bench load`.
    pub load: &'static str,
    /// The figure that counts.
    pub key: Key,
    /// What stands between load and backends.
    pub setup: Setup,
    /// At most this share of what HAProxy with splice needs.
    pub goal: Option<f64>,
    /// Whether a quick run has it too.
    pub quick: bool,
}

/// How balancer and backends are set up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Setup {
    /// Backends of the one pool.
    pub backends: u16,
    /// Worker threads or processes, a core each.
    pub workers: u16,
    /// Whether there is an access log.
    pub log: bool,
}

/// The figure that counts; less is better.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Key {
    /// CPU time of the balancer for each GiB.
    PerGib,
    /// CPU time of the balancer for each connection or exchange.
    PerOne,
    /// Own memory of each idle connection.
    Memory,
    /// Share of a core.
    Idle,
    /// The 99th percentile of the latency.
    Latency,
}

impl Key {
    /// The figure, in [`unit`](Self::unit).
    pub fn of(self, figures: &Figures) -> Option<f64> {
        let cpu = figures.get("balancer_ns");
        match self {
            Self::PerGib => Some(cpu? / figures.get("bytes")? * f64::from(1 << 30) / 1e9),
            Self::PerOne => Some(cpu? / figures.get("done")? / 1e3),
            Self::Memory => figures.get("own_bytes"),
            Self::Idle => Some(cpu? / figures.get("window_ns")? * 100.0),
            Self::Latency => Some(figures.get("p99_ns")? / 1e3),
        }
    }

    /// What it is measured in.
    pub fn unit(self) -> &'static str {
        match self {
            Self::PerGib => "s/GiB",
            Self::PerOne => "µs",
            Self::Memory => "B",
            Self::Idle => "% of a core",
            Self::Latency => "µs, p99",
        }
    }

    /// Things done, or GiB carried, each second.
    pub fn rate(self, figures: &Figures) -> Option<f64> {
        let seconds = figures.get("window_ns")? / 1e9;
        match self {
            Self::PerGib => Some(figures.get("bytes")? / f64::from(1 << 30) / seconds),
            Self::PerOne | Self::Latency => Some(figures.get("done")? / seconds),
            Self::Memory | Self::Idle => None,
        }
    }
}

const USUAL: Setup = Setup { backends: 3, workers: 1, log: true };

const fn scenario(
    name: &'static str,
    title: &'static str,
    key: Key,
    load: &'static str,
    goal: Option<f64>,
) -> Scenario {
    Scenario { name, title, load, key, setup: USUAL, goal, quick: goal.is_some() }
}

const fn quick(of: Scenario) -> Scenario {
    Scenario { quick: true, ..of }
}

const fn on(setup: Setup, of: Scenario, name: &'static str, title: &'static str) -> Scenario {
    Scenario { name, title, setup, goal: None, quick: false, ..of }
}

const CONNECT: Scenario =
    scenario("connect", "opened, one exchange of 64 B, closed", Key::PerOne, "connect", Some(0.85));

const DOWN_16: Scenario = scenario(
    "down-16",
    "bulk to clients, 16 connections",
    Key::PerGib,
    "bulk --to clients --connections 16",
    Some(0.60),
);

const SMALL_100: Scenario = scenario(
    "small-100",
    "64 B each way, 100 connections",
    Key::PerOne,
    "exchange --size 64 --connections 100",
    Some(0.90),
);

/// All of them.
#[rustfmt::skip]
pub const SCENARIOS: &[Scenario] = &[
    scenario("down-1", "bulk to clients, 1 connection", Key::PerGib, "bulk --to clients --connections 1", Some(0.50)),
    DOWN_16,
    scenario("down-100", "bulk to clients, 100 connections", Key::PerGib, "bulk --to clients --connections 100", Some(0.70)),
    scenario("up-1", "bulk to backends, 1 connection", Key::PerGib, "bulk --to backends --connections 1", None),
    scenario("up-16", "bulk to backends, 16 connections", Key::PerGib, "bulk --to backends --connections 16", None),
    scenario("up-100", "bulk to backends, 100 connections", Key::PerGib, "bulk --to backends --connections 100", None),
    scenario("both-1", "bulk both ways, 1 connection", Key::PerGib, "bulk --to both --connections 1", None),
    scenario("both-16", "bulk both ways, 16 connections", Key::PerGib, "bulk --to both --connections 16", Some(0.65)),
    scenario("both-100", "bulk both ways, 100 connections", Key::PerGib, "bulk --to both --connections 100", None),
    CONNECT,
    scenario("small-1", "64 B each way, 1 connection", Key::PerOne, "exchange --size 64 --connections 1", Some(0.75)),
    SMALL_100,
    scenario("small-1000", "64 B each way, 1,000 connections", Key::PerOne, "exchange --size 64 --connections 1000", Some(0.65)),
    scenario("large-100", "16 KiB each way, 100 connections", Key::PerOne, "exchange --size 16384 --connections 100", Some(0.75)),
    quick(scenario("small-rate", "64 B, 100 connections, 10,000 a second", Key::PerOne, "exchange --size 64 --connections 100 --rate 10000", None)),
    scenario("connect-rate", "opened and closed, 1,500 a second", Key::PerOne, "connect --rate 1500", None),
    quick(scenario("beside-16", "64 B ping-pong beside 16 bulk transfers", Key::Latency, "exchange --size 64 --connections 1 --beside 16", None)),
    scenario("memory", "memory of an idle connection, 5,000 open", Key::Memory, "hold --connections 5000", Some(0.15)),
    scenario("idle", "CPU while 1,000 connections are idle", Key::Idle, "hold --connections 1000", None),
    on(Setup { backends: 1, ..USUAL }, CONNECT, "backends-1", "opened and closed, 1 backend"),
    on(Setup { backends: 10, ..USUAL }, CONNECT, "backends-10", "opened and closed, 10 backends"),
    on(Setup { backends: 100, ..USUAL }, CONNECT, "backends-100", "opened and closed, 100 backends"),
    on(Setup { backends: 1000, ..USUAL }, CONNECT, "backends-1000", "opened and closed, 1,000 backends"),
    on(Setup { workers: 2, ..USUAL }, CONNECT, "workers-2-connect", "opened and closed, 2 workers"),
    on(Setup { workers: 2, ..USUAL }, SMALL_100, "workers-2-small-100", "64 B, 100 connections, 2 workers"),
    on(Setup { workers: 2, ..USUAL }, DOWN_16, "workers-2-down-16", "bulk to clients, 16 connections, 2 workers"),
    on(Setup { log: false, ..USUAL }, CONNECT, "no-log", "opened and closed, no access log"),
];

/// The part of the report that a scenario belongs to.
pub fn is_main(scenario: &Scenario) -> bool {
    scenario.setup == USUAL
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[test]
    fn the_load_understands_every_scenario() {
        for scenario in SCENARIOS {
            let fixed = ["evenkeel-bench", "load", "--port", "1", "--backend", "2"];
            let words = fixed.into_iter().chain(scenario.load.split_whitespace());
            assert!(crate::Cli::try_parse_from(words).is_ok(), "{}", scenario.name);
        }
    }

    #[test]
    fn names_are_different() {
        let mut names: Vec<_> = SCENARIOS.iter().map(|scenario| scenario.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), SCENARIOS.len());
    }

    #[test]
    fn figures_that_count_are_per_unit() {
        let mut figures = Figures::default();
        for (name, value) in [("balancer_ns", 2e9), ("bytes", f64::from(1 << 30)), ("done", 1e6)] {
            figures.set(name, value);
        }
        figures.set("window_ns", 4e9);
        assert_eq!(Key::PerGib.of(&figures), Some(2.0));
        assert_eq!(Key::PerOne.of(&figures), Some(2.0));
        assert_eq!(Key::Idle.of(&figures), Some(50.0));
        assert_eq!(Key::PerGib.rate(&figures), Some(0.25));
        assert_eq!(Key::Memory.of(&figures), None);
    }
}
