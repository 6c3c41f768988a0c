//! What was measured.

use super::machine::Machine;
use super::rounds::Rounds;
use super::scenario::{Key, Scenario};
use crate::figures::{Figures, Spread};
use serde_json::{Value, json};
use std::io::Write;

/// One measurement.
#[derive(Clone, Debug)]
pub struct Cell {
    /// Of this scenario.
    pub scenario: String,
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
#[derive(Clone, Debug, Default)]
pub struct Results {
    /// All measurements, in order.
    pub cells: Vec<Cell>,
    /// Rivals that could not be had, and why.
    pub missing: Vec<String>,
    /// Milliseconds before each measurement.
    pub warm: u64,
    /// Milliseconds of each measurement.
    pub window: u64,
    /// How long all of it took.
    pub seconds: u64,
    /// What it was measured on.
    pub machine: Machine,
    /// How TCP found out how fast it might send.
    pub congestion: String,
}

impl Results {
    /// One more of `all` measurements, told as it comes.
    pub fn add(&mut self, cell: Cell, key: Key, all: usize) {
        // With nobody to read it, there is still the report.
        let _ = writeln!(std::io::stderr(), "{}/{all} {}", self.cells.len() + 1, cell.line(key));
        self.cells.push(cell);
    }

    /// A figure of one rival in one scenario, of the rounds that worked.
    pub fn rounds(
        &self,
        scenario: &Scenario,
        rival: &str,
        figure: impl Fn(&Figures) -> Option<f64>,
    ) -> Rounds {
        let cells = self.cells.iter().filter(|cell| cell.scenario == scenario.name && cell.rival == rival);
        Rounds::of(cells.filter_map(|cell| Some((cell.round, figure(cell.outcome.as_ref().ok()?)?))))
    }

    /// The figure that counts.
    pub fn key(&self, scenario: &Scenario, rival: &str) -> Rounds {
        self.rounds(scenario, rival, |figures| scenario.key.of(figures))
    }

    /// A figure by its name.
    pub fn named(&self, scenario: &Scenario, rival: &str, name: &str) -> Rounds {
        self.rounds(scenario, rival, |figures| figures.get(name))
    }

    /// The last round of a scenario in which anything was measured, from 0.
    pub fn last_round(&self, scenario: &Scenario) -> Option<f64> {
        let rounds = self.cells.iter().filter(|cell| cell.scenario == scenario.name).map(|cell| cell.round);
        rounds.max().map(f64::from)
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
            "machine": self.machine.lines(), "congestion": self.congestion, "warm_ms": self.warm,
            "window_ms": self.window, "missing": self.missing, "seconds": self.seconds, "cells": cells,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::scenario::all;
    use super::*;

    #[test]
    fn the_key_is_of_the_rounds_that_worked() {
        let cell = |round, outcome: Result<f64, &str>| Cell {
            scenario: "connect".to_owned(),
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
        let results = Results { cells, ..Results::default() };
        let connect = all().into_iter().find(|scenario| scenario.name == "connect").unwrap();
        assert_eq!(results.key(&connect, "a"), Rounds::of([(0, 3.0), (2, 9.0), (3, 4.0)]));
        assert_eq!(results.key(&connect, "b"), Rounds::default());
    }
}
