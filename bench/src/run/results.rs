//! What was measured, and on what machine in which state.

use super::scenario::{Key, Scenario};
use crate::figures::{Figures, Spread};
use serde_json::{Value, json};
use std::fs;
use std::process::Command;

/// One measurement.
#[derive(Clone, Debug)]
pub struct Cell {
    /// Of this scenario.
    pub scenario: &'static str,
    /// With this rival.
    pub rival: String,
    /// In this round, from 0.
    pub round: u32,
    /// The figures, or why there are none.
    pub outcome: Result<Figures, String>,
}

impl Cell {
    /// One line on how it went.
    pub fn line(&self, key: Key) -> String {
        let outcome = match &self.outcome {
            Ok(figures) => {
                let cost = key.of(figures).map(|cost| format!("{cost:.3} {}", key.unit()));
                let rate = key.rate(figures).map(|rate| format!("{rate:.2} a second"));
                [cost, rate].into_iter().flatten().collect::<Vec<_>>().join(", ")
            }
            Err(error) => format!("failed: {error}"),
        };
        format!("{} {}: {outcome}", self.scenario, self.rival)
    }

    fn to_json(&self) -> Value {
        let (figures, error) = match &self.outcome {
            Ok(figures) => (figures.to_json(), Value::Null),
            Err(error) => (Value::Null, json!(error)),
        };
        json!({
            "scenario": self.scenario, "rival": self.rival, "round": self.round, "figures": figures, "error": error,
        })
    }
}

/// Everything of one run.
#[derive(Clone, Debug)]
pub struct Results {
    /// All measurements, in order.
    pub cells: Vec<Cell>,
    /// Rivals that could not be had, and why.
    pub missing: Vec<String>,
    /// Rounds.
    pub rounds: u32,
    /// Milliseconds of each measurement.
    pub window: u64,
    /// What it was measured on.
    pub machine: Machine,
}

impl Results {
    /// A figure of all rounds of one rival in one scenario.
    pub fn spread(
        &self,
        scenario: &Scenario,
        rival: &str,
        figure: impl Fn(&Figures) -> Option<f64>,
    ) -> Option<Spread> {
        let cells = self.cells.iter().filter(|cell| cell.scenario == scenario.name && cell.rival == rival);
        Spread::of(cells.filter_map(|cell| figure(cell.outcome.as_ref().ok()?)))
    }

    /// The median of the figure that counts.
    pub fn key(&self, scenario: &Scenario, rival: &str) -> Option<f64> {
        self.spread(scenario, rival, |figures| scenario.key.of(figures)).map(|spread| spread.median)
    }

    /// A figure over all scenarios of one rival.
    pub fn overall(&self, rival: &str, figure: impl Fn(&Figures) -> Option<f64>) -> Option<Spread> {
        let cells = self.cells.iter().filter(|cell| cell.rival == rival);
        Spread::of(cells.filter_map(|cell| figure(cell.outcome.as_ref().ok()?)))
    }

    /// As JSON, with everything that was measured.
    pub fn to_json(&self) -> Value {
        let cells: Vec<Value> = self.cells.iter().map(Cell::to_json).collect();
        json!({
            "machine": self.machine.lines(), "rounds": self.rounds, "window_ms": self.window,
            "missing": self.missing, "cells": cells,
        })
    }
}

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

fn revision() -> Option<String> {
    let mut git = Command::new("git");
    git.args(["-C", env!("CARGO_MANIFEST_DIR"), "describe", "--always", "--dirty", "--abbrev=12"]);
    let output = git.output().ok().filter(|output| output.status.success())?;
    Some(String::from_utf8(output.stdout).ok()?.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::super::scenario::SCENARIOS;
    use super::*;

    #[test]
    fn the_key_is_the_median_of_the_rounds_that_worked() {
        let cell = |round, outcome: Result<f64, &str>| Cell {
            scenario: "connect",
            rival: "a".to_owned(),
            round,
            outcome: outcome.map_err(str::to_owned).map(|us| {
                let mut figures = Figures::default();
                figures.set("balancer_ns", us * 1e3);
                figures.set("done", 1.0);
                figures
            }),
        };
        let cells = vec![cell(0, Ok(3.0)), cell(1, Err("no")), cell(2, Ok(9.0)), cell(3, Ok(4.0))];
        let results = Results { cells, missing: vec![], rounds: 4, window: 1, machine: Machine::default() };
        let connect = SCENARIOS.iter().find(|scenario| scenario.name == "connect").unwrap();
        assert_eq!(results.key(connect, "a"), Some(4.0));
        assert_eq!(results.key(connect, "b"), None);
    }
}
