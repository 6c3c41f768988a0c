//! The report of a run: JSON, Markdown and plots.

mod goals;
mod markdown;
mod plot;
mod table;
mod tables;

use super::results::Results;
use super::rival::{LIMIT, Rival, yardstick};
use super::scenario::{Key, Scenario};
use crate::estimate::Estimate;
use crate::figures::Figures;
use anyhow::Result;
use serde_json::{Value, json};
use std::fs;
use std::path::Path;

/// All that a report is made of.
pub struct Report<'a> {
    /// What was measured.
    pub results: &'a Results,
    /// In these scenarios.
    pub scenarios: &'a [Scenario],
    /// With these rivals.
    pub rivals: &'a [Rival],
}

impl Report<'_> {
    /// Writes report.md, result.json and the plots into `dir`.
    pub fn write(&self, dir: &Path) -> Result<()> {
        fs::write(dir.join("report.md"), self.markdown(""))?;
        self.write_data(dir)
    }

    /// Writes docs/benchmarks.md of the repository, and what it shows beside it.
    pub fn write_docs(&self) -> Result<()> {
        let docs = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs"));
        let beside = docs.join("benchmarks");
        fs::create_dir_all(&beside)?;
        fs::write(docs.join("benchmarks.md"), self.markdown("benchmarks/"))?;
        self.write_data(&beside)
    }

    fn write_data(&self, dir: &Path) -> Result<()> {
        let key = |scenario: &Scenario, figures: &Figures| scenario.key.of(figures);
        let p99 = |_: &Scenario, figures: &Figures| Some(figures.get("p99_ns")? / 1e3);
        fs::write(dir.join("cost.svg"), self.plot("What a unit of work costs", |it| it.key.unit(), key))?;
        fs::write(dir.join("p99.svg"), self.plot("Latency, 99th percentile", |_| "µs", p99))?;
        let mut json = self.results.to_json();
        json["ratios"] = self.scenarios.iter().flat_map(|scenario| self.ratios(scenario)).collect();
        Ok(fs::write(dir.join("result.json"), format!("{json:#}\n"))?)
    }

    /// The cost of everybody as a share of the yardstick's.
    fn ratios<'a>(&'a self, scenario: &'a Scenario) -> impl Iterator<Item = Value> {
        let cost = |rival: &str| self.results.key(scenario, rival);
        let unit = cost(yardstick(scenario));
        self.rivals.iter().filter_map(move |rival| {
            let pairs = cost(&rival.name).over(&unit);
            let Estimate { median, interval } = pairs.estimate()?;
            Some(json!({
                "scenario": scenario.name, "rival": rival.name, "to": yardstick(scenario), "rounds": pairs.len(),
                "median": median, "interval": interval.map(|(low, high)| [low, high]),
            }))
        })
    }

    fn plot(
        &self,
        title: &str,
        unit: impl Fn(&Scenario) -> &'static str,
        figure: impl Fn(&Scenario, &Figures) -> Option<f64>,
    ) -> String {
        let groups = self.main().filter_map(|scenario| {
            let rounds = |rival: &str| self.results.rounds(scenario, rival, |it| figure(scenario, it));
            let bar = |rival: &Rival| {
                let of_it = rounds(&rival.name);
                let ratio = of_it.over(&rounds(yardstick(scenario))).median();
                Some(plot::Bar { name: rival.name.clone(), value: of_it.median()?, ratio })
            };
            let bars: Vec<_> = self.rivals.iter().filter_map(bar).filter(|bar| bar.value > 0.0).collect();
            let title = format!("{} ({})", scenario.title, unit(scenario));
            (!bars.is_empty()).then_some(plot::Group { title, bars })
        });
        plot::svg(title, &groups.collect::<Vec<_>>())
    }

    fn main(&self) -> impl Iterator<Item = &Scenario> {
        self.scenarios.iter().filter(|scenario| scenario.is_main())
    }

    /// What to print when a run has ended.
    pub fn summary(&self) -> String {
        let failed = self.failed();
        let tables = [self.costs(|_| true), self.goals(), self.latency_goals(), self.reloads()];
        format!("{}\n{failed}", tables.join("\n"))
    }

    /// The cells that failed, as a list.
    fn failed(&self) -> String {
        let failed = self.results.cells.iter().filter(|cell| cell.outcome.is_err());
        failed.map(|cell| format!("- {}\n", cell.line(Key::PerOne))).collect()
    }

    fn balancers(&self) -> impl Iterator<Item = &Rival> {
        self.rivals.iter().filter(|rival| rival.name != LIMIT)
    }

    fn head(&self) -> impl Iterator<Item = String> {
        std::iter::once("work".to_owned()).chain(self.balancers().map(|rival| rival.name.clone()))
    }
}
