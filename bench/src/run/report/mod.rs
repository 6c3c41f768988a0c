//! The report of a run: JSON, Markdown and plots.

mod goals;
mod markdown;
mod plot;
mod table;
mod tables;

use super::results::Results;
use super::rival::{LIMIT, Rival, yardstick};
use super::scenario::{Key, Scenario};
use crate::figures::Figures;
use anyhow::Result;
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
        Ok(fs::write(dir.join("result.json"), format!("{:#}\n", self.results.to_json()))?)
    }

    fn plot(
        &self,
        title: &str,
        unit: impl Fn(&Scenario) -> &'static str,
        figure: impl Fn(&Scenario, &Figures) -> Option<f64>,
    ) -> String {
        let groups = self.main().filter_map(|scenario| {
            let value = |rival: &Rival| {
                let spread = self.results.spread(scenario, &rival.name, |it| figure(scenario, it))?;
                Some((rival.name.clone(), spread.median))
            };
            let bars: Vec<_> =
                self.rivals.iter().filter_map(value).filter(|(_, value)| *value > 0.0).collect();
            let title = format!("{} ({})", scenario.title, unit(scenario));
            (!bars.is_empty()).then_some(plot::Group { title, yardstick: yardstick(scenario), bars })
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
