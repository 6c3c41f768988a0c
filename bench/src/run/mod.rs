//! The runner: every scenario with every rival, in turn over many rounds, and the report.

mod install;
mod interrupt;
mod launch;
mod machine;
mod priority;
mod process;
mod reload;
mod report;
mod results;
mod rival;
mod rounds;
mod scenario;
mod scene;
mod stage;

pub use launch::Launch;

use crate::estimate::Verdict;
use anyhow::{Context, Result, bail, ensure};
use clap::Args;
use machine::Machine;
use report::Report;
use results::Results;
use rival::{NAMES, Rival, YARDSTICKS};
use scenario::{SOME, Scenario, Setup};
use scene::Scene;
use stage::Theatre;
use std::fs;
use std::io::Write;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::Instant;

/// Milliseconds until connections are open, and whoever had his turn before has let go of his.
const WARM: u64 = 120;

/// Milliseconds of a measurement: long beside a tick of the clock, in which CPU time is counted, and short enough for
/// a round to pass before the machine is another.
const WINDOW: u64 = 350;

/// How many times as many rounds come after the first ones where they do not tell whether a goal is met. There is one
/// such look at what came of them: with a look after each round, some round or other would tell what is not so.
const MORE: u32 = 2;

/// What to compare, and how thoroughly.
#[derive(Args, Debug)]
pub struct Run {
    /// Two minutes: what most changes show in, beside the rivals that goals are about
    #[arg(long)]
    quick: bool,
    /// Only these scenarios; a name stands for all that begin with it
    #[arg(long, value_delimiter = ',')]
    only: Vec<String>,
    /// Each scenario with so many backends, instead of as usual
    #[arg(long, value_delimiter = ',')]
    backends: Vec<u32>,
    /// Each scenario with so many services, of which one has something to do
    #[arg(long, value_delimiter = ',', value_parser = clap::value_parser!(u32).range(1..=65_000))]
    services: Vec<u32>,
    /// Each scenario with so many workers
    #[arg(long, value_delimiter = ',')]
    workers: Vec<u16>,
    /// Without access log
    #[arg(long)]
    no_log: bool,
    /// Only these rivals [default: all, quick: haproxy-splice and nginx]
    #[arg(long, value_delimiter = ',')]
    rivals: Vec<String>,
    /// Rounds; medians are taken over them [default: as each scenario says, three times as many where they leave a goal
    /// open; quick: 9]
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=1000))]
    rounds: Option<u32>,
    /// Milliseconds measured each time [default: 350]
    #[arg(long)]
    window: Option<u64>,
    /// The binary of evenkeel [default: beside this one]
    #[arg(long)]
    evenkeel: Option<PathBuf>,
    /// Another build of evenkeel to compare with
    #[arg(long, value_name = "NAME=BINARY")]
    against: Vec<String>,
    /// The core of the balancer
    #[arg(long, default_value_t = 1)]
    balancer_core: usize,
    /// The core of load and backends
    #[arg(long, default_value_t = 0)]
    load_core: usize,
    /// How TCP finds out how fast it may send, on all sides [default: as the machine]
    #[arg(long, value_name = "NAME")]
    congestion: Option<String>,
    /// Write docs/benchmarks.md too
    #[arg(long)]
    write: bool,
    /// List scenarios and rivals
    #[arg(long)]
    list: bool,
}

impl Run {
    /// Measures and reports.
    pub fn carry_out(self) -> Result<()> {
        if self.list {
            return list();
        }
        let program = std::env::current_exe()?;
        // Beside the programs: where builds leave everything that is not part of the repository.
        let tools = program.parent().and_then(Path::parent).context("no directory of builds")?.join("bench");
        let congestion = self.congestion.clone().unwrap_or_else(machine::congestion);
        let theatre = Theatre {
            program: program.clone(),
            dir: tools.join("stage"),
            balancer_core: self.balancer_core,
            load_core: self.load_core,
            congestion: congestion.clone(),
            warm: WARM,
            window: self.window.unwrap_or(WINDOW),
        };
        fs::create_dir_all(&theatre.dir)?;
        let scenarios = self.scenarios()?;
        let ours = self.evenkeel.clone().unwrap_or_else(|| program.with_file_name("evenkeel"));
        let (rivals, missing) = self.rivals(&ours, &tools)?;
        let (begin, before) = (Instant::now(), Machine::look());
        interrupt::heed()?;
        let priority = priority::Priority::highest();
        let mut results =
            Results { missing, warm: theatre.warm, window: theatre.window, congestion, ..Results::default() };
        let performed = self.perform(&theatre, &scenarios, &rivals, &mut results);
        drop(priority);
        performed?;
        results.seconds = begin.elapsed().as_secs();
        results.machine = before.until(Machine::look());
        let report = Report { results: &results, scenarios: &scenarios, rivals: &rivals };
        report.write(&tools)?;
        if self.write {
            report.write_docs()?;
        }
        Ok(write!(std::io::stdout(), "{}", report.summary())?)
    }

    /// Measures everything, one scenario after the other. Fails when it is interrupted.
    fn perform(
        &self,
        theatre: &Theatre,
        scenarios: &[Scenario],
        rivals: &[Rival],
        results: &mut Results,
    ) -> Result<()> {
        let in_it = |of: &Scenario| rivals.iter().filter(|rival| rival.is_in(of)).count();
        let mut all: usize = scenarios.iter().map(|it| in_it(it) * self.rounds(it) as usize).sum();
        for scenario in scenarios {
            let mut scene = Scene::new(theatre, scenario, rivals);
            let mut play = |rounds: Range<u32>, all: usize, results: &mut Results| {
                rounds
                    .into_iter()
                    .try_for_each(|round| scene.play(round, |cell| results.add(cell, scenario.key, all)))
            };
            let rounds = self.rounds(scenario);
            play(0..rounds, all, results)?;
            let report = Report { results, scenarios, rivals };
            if self.may_go_on() && report.verdict(scenario) == Some(Verdict::Near) {
                let more = MORE * rounds;
                all += in_it(scenario) * more as usize;
                play(rounds..rounds + more, all, results)?;
            }
        }
        Ok(())
    }

    /// How many rounds a scenario has at first.
    fn rounds(&self, of: &Scenario) -> u32 {
        self.rounds.unwrap_or(if self.quick { SOME } else { of.rounds })
    }

    /// Whether there are more rounds where those at first do not tell a goal apart from its limit.
    fn may_go_on(&self) -> bool {
        self.rounds.is_none() && !self.quick
    }

    fn scenarios(&self) -> Result<Vec<Scenario>> {
        let is_usual = self.backends.is_empty() && self.services.is_empty() && self.workers.is_empty();
        let is_elsewhere = !is_usual || self.no_log;
        // Those on other setups would be there twice.
        let is_base = |scenario: &Scenario| !is_elsewhere || scenario.is_main();
        let is_named = |scenario: &Scenario| match &self.only[..] {
            [] => is_elsewhere || scenario.quick || !self.quick,
            only => only.iter().any(|name| scenario.name.starts_with(name.as_str())),
        };
        let wanted = scenario::all().into_iter().filter(|it| is_base(it) && is_named(it));
        let scenarios: Vec<Scenario> = match is_elsewhere {
            true => wanted.flat_map(|scenario| self.elsewhere(&scenario)).collect(),
            false => wanted.collect(),
        };
        ensure!(!scenarios.is_empty(), "no scenario has such a name: see --list");
        Ok(scenarios)
    }

    /// A scenario on all setups that are asked for.
    fn elsewhere(&self, scenario: &Scenario) -> Vec<Scenario> {
        let usual = scenario.setup;
        let backends = if self.backends.is_empty() { &[usual.backends][..] } else { &self.backends };
        let services = if self.services.is_empty() { &[usual.services][..] } else { &self.services };
        let workers = if self.workers.is_empty() { &[usual.workers][..] } else { &self.workers };
        let log = usual.log && !self.no_log;
        let mut all = Vec::new();
        for &backends in backends {
            for &services in services {
                let on = |&workers| scenario.on(Setup { backends, services, workers, log, ..usual });
                all.extend(workers.iter().map(on));
            }
        }
        all
    }

    fn rival_names(&self) -> Vec<&str> {
        match &self.rivals[..] {
            [] if self.quick => YARDSTICKS.to_vec(),
            [] => NAMES.to_vec(),
            named => named.iter().map(String::as_str).collect(),
        }
    }

    /// Those that can be had, and why the others cannot.
    fn rivals(&self, ours: &Path, tools: &Path) -> Result<(Vec<Rival>, Vec<String>)> {
        let (mut rivals, mut missing) = (Vec::new(), Vec::new());
        for name in self.rival_names() {
            match Rival::find(name, ours, tools) {
                Ok(rival) => rivals.push(rival),
                Err(error) => missing.push(format!("{name}: {error:#}")),
            }
        }
        for against in &self.against {
            let Some((name, path)) = against.split_once('=') else { bail!("{against}: write NAME=BINARY") };
            rivals.push(Rival::evenkeel(name, Path::new(path))?);
        }
        let mut names: Vec<&str> = rivals.iter().map(|rival| rival.name.as_str()).collect();
        names.sort_unstable();
        let twice = names.windows(2).find(|pair| pair[0] == pair[1]);
        ensure!(twice.is_none(), "{}: more than one rival is called so", twice.unwrap_or_default()[0]);
        for missing in &missing {
            writeln!(std::io::stderr(), "without {missing}")?;
        }
        Ok((rivals, missing))
    }
}

fn list() -> Result<()> {
    let mut out = std::io::stdout().lock();
    for scenario in scenario::all() {
        writeln!(out, "{:24} {} ({})", scenario.name, scenario.title, scenario.key.unit())?;
    }
    Ok(writeln!(out, "rivals: {}", NAMES.join(", "))?)
}
