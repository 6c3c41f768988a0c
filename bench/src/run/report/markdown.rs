//! The report as Markdown.

use super::Report;
use super::table::{Table, maybe, number};
use crate::figures::{Figures, Spread};
use crate::run::rival::{LIMIT, OURS, Rival, YARDSTICK};
use crate::run::scenario::{Key, Scenario, Setup, is_main};

impl Report<'_> {
    /// The whole report; plots are at `plots`.
    pub(super) fn markdown(&self, plots: &str) -> String {
        let figure =
            |name: &'static str| move |_: &Scenario, figures: &Figures| Some(figures.get(name)? / 1e3);
        let rate = |scenario: &Scenario, figures: &Figures| scenario.key.rate(figures);
        let sections = [
            ("What a unit of work costs", COST, self.costs(is_main)),
            ("", "", format!("![cost]({plots}cost.svg)\n")),
            ("Goals: cost", GOALS, self.goals()),
            ("Goals: latency", LATENCY_GOALS, self.latency_goals()),
            ("Everything together", TOGETHER, self.together()),
            ("Rates", RATES, self.table(is_main, rate)),
            ("Latency: median", LATENCY, self.table(is_main, figure("p50_ns"))),
            ("Latency: 99th percentile", "In µs.", self.table(is_main, figure("p99_ns"))),
            ("", "", format!("![99th percentile]({plots}p99.svg)\n")),
            ("Latency: 99.9th percentile", "In µs.", self.table(is_main, figure("p999_ns"))),
            ("Memory, start and size", MEMORY, self.footprint()),
            ("Scale", SCALE, self.costs(|scenario| !is_main(scenario))),
            ("How sure this is", NOISE, self.noise()),
            ("Configurations", CONFIGURATIONS, self.configurations()),
        ];
        let mut text = format!("# Benchmarks\n\n{INTRODUCTION}\n{}", self.versions());
        for (title, explanation, body) in sections.into_iter().filter(|(_, _, body)| !body.is_empty()) {
            let title = if title.is_empty() { String::new() } else { format!("\n## {title}\n") };
            let explanation =
                if explanation.is_empty() { String::new() } else { format!("\n{explanation}\n") };
            text += &format!("{title}{explanation}\n{body}");
        }
        text
    }

    /// The balancer's cost, with the ratio to the yardstick.
    pub(super) fn costs(&self, wanted: impl Fn(&Scenario) -> bool) -> String {
        let mut table = Table::new(self.head());
        for scenario in self.scenarios.iter().filter(|scenario| wanted(scenario)) {
            let unit = self.results.key(scenario, YARDSTICK);
            let cells = self.balancers().map(|rival| {
                let value = self.results.key(scenario, &rival.name);
                match ratio(value, unit) {
                    Some(ratio) if rival.name != YARDSTICK => format!("{} ({ratio:.2})", maybe(value)),
                    _ => maybe(value),
                }
            });
            let work = format!("{}, {}", scenario.title, scenario.key.unit());
            table.row(std::iter::once(work).chain(cells));
        }
        table.finish()
    }

    /// Each goal and whether it is met.
    pub(super) fn goals(&self) -> String {
        let head = ["work", "at most", "measured", "best rival", "met"];
        let mut table = Table::new(head.map(str::to_owned));
        for scenario in self.scenarios {
            let ours = self.results.key(scenario, OURS);
            let measured = ratio(ours, self.results.key(scenario, YARDSTICK));
            let others = self.balancers().filter(|rival| !rival.is_ours());
            let costs = others
                .filter_map(|rival| Some((self.results.key(scenario, &rival.name)?, rival.name.as_str())));
            let best = costs.min_by(|one, two| one.0.total_cmp(&two.0));
            let (Some(goal), Some(ours), Some(measured), Some((best, name))) =
                (scenario.goal, ours, measured, best)
            else {
                continue;
            };
            let met = if measured <= goal && ours < best { "yes" } else { "**no**" };
            let best = format!("{name}: ours is {:.2} of it", ours / best);
            table.row([scenario.title.to_owned(), number(goal), number(measured), best, met.to_owned()]);
        }
        table.finish()
    }

    /// Our latency as a share of the best rival's.
    fn latency_goals(&self) -> String {
        let mut table = Table::new(["work", "p50", "p99", "met"].map(str::to_owned));
        for scenario in self.main() {
            let share = |name: &'static str| {
                let of = |rival: &str| {
                    self.results.spread(scenario, rival, |it| it.get(name)).map(|spread| spread.median)
                };
                let others = self.balancers().filter(|rival| !rival.is_ours());
                ratio(of(OURS), others.filter_map(|rival| of(&rival.name)).min_by(f64::total_cmp))
            };
            if let (Some(p50), Some(p99)) = (share("p50_ns"), share("p99_ns")) {
                let met = if p50.max(p99) <= 1.0 { "yes" } else { "**no**" };
                table.row([scenario.title.to_owned(), number(p50), number(p99), met.to_owned()]);
            }
        }
        table.finish()
    }

    /// CPU time of balancer, load and backends for each unit of work, as a multiple of what it is without a balancer.
    fn together(&self) -> String {
        let all = |scenario: &Scenario, figures: &Figures| {
            let units = match scenario.key {
                Key::PerGib => figures.get("bytes"),
                Key::PerOne => figures.get("done"),
                Key::Memory | Key::Idle | Key::Latency => None,
            };
            Some(figures.get("all_ns")? / units?)
        };
        let mut table = Table::new(self.head());
        for scenario in self.main() {
            let each = |rival: &str| {
                self.results
                    .spread(scenario, rival, |figures| all(scenario, figures))
                    .map(|spread| spread.median)
            };
            let Some(limit) = each(LIMIT) else { continue };
            let cells = self.balancers().map(|rival| maybe(ratio(each(&rival.name), Some(limit))));
            table.row(std::iter::once(scenario.title.to_owned()).chain(cells));
        }
        table.finish()
    }

    /// A figure with how far it spreads, for all rivals.
    fn table(
        &self,
        wanted: impl Fn(&Scenario) -> bool,
        figure: impl Fn(&Scenario, &Figures) -> Option<f64>,
    ) -> String {
        let names = self.rivals.iter().map(|rival| rival.name.clone());
        let mut table = Table::new(std::iter::once("work".to_owned()).chain(names));
        for scenario in self.scenarios.iter().filter(|scenario| wanted(scenario)) {
            let spreads: Vec<Option<Spread>> = self
                .rivals
                .iter()
                .map(|rival| self.results.spread(scenario, &rival.name, |it| figure(scenario, it)))
                .collect();
            if spreads.iter().any(Option::is_some) {
                let cells = spreads.iter().map(|spread| match spread {
                    Some(it) if it.width() > 0.0 => {
                        format!("{} ({}–{})", number(it.median), number(it.min), number(it.max))
                    }
                    it => maybe(it.map(|it| it.median)),
                });
                table.row(std::iter::once(scenario.title.to_owned()).chain(cells));
            }
        }
        table.finish()
    }

    fn footprint(&self) -> String {
        let mut table = Table::new(self.head());
        let mut row = |title: &str, value: &dyn Fn(&Rival) -> Option<f64>| {
            let cells = self.balancers().map(|rival| maybe(value(rival)));
            table.row(std::iter::once(title.to_owned()).chain(cells));
        };
        let memory = self.scenarios.iter().find(|scenario| scenario.key == Key::Memory);
        if let Some(memory) = memory {
            let of = |rival: &str, name: &'static str| {
                self.results.spread(memory, rival, |figures| figures.get(name)).map(|spread| spread.median)
            };
            let limit = of(LIMIT, "kernel_bytes").unwrap_or(0.0);
            row("own memory of an idle connection, B", &|rival| of(&rival.name, "own_bytes"));
            row("kernel memory of an idle connection beyond that of no balancer, B", &|rival| {
                Some(of(&rival.name, "kernel_bytes")? - limit)
            });
            row("own memory before, MiB", &|rival| {
                Some(of(&rival.name, "empty_bytes")? / f64::from(1 << 20))
            });
        }
        let overall = |rival: &Rival, name: &str, unit: f64| {
            let spread = self.results.overall(&rival.name, |figures| figures.get(name));
            Some(spread?.median / unit)
        };
        row("from start to the first exchange, ms", &|rival| overall(rival, "served_ns", 1e6));
        row("program, MiB", &|rival| overall(rival, "program_bytes", f64::from(1 << 20)));
        row("with its libraries, MiB", &|rival| overall(rival, "mapped_bytes", f64::from(1 << 20)));
        table.finish()
    }

    fn noise(&self) -> String {
        let mut text: String =
            self.results.machine.lines().iter().map(|line| format!("- {line}\n")).collect();
        text += &format!("- {} rounds of {} ms each\n", self.results.rounds, self.results.window);
        for rival in self.balancers() {
            let widths = self.main().filter_map(|scenario| {
                Some(self.results.spread(scenario, &rival.name, |it| scenario.key.of(it))?.width())
            });
            if let Some(widths) = Spread::of(widths) {
                let [median, max] = [widths.median, widths.max].map(|width| width * 100.0);
                text += &format!(
                    "- {}: cost spreads over {median:.0} % of its median, {max:.0} % at worst\n",
                    rival.name
                );
            }
        }
        let waited = self.results.cells.iter().filter_map(|cell| {
            let figures = cell.outcome.as_ref().ok()?;
            Some(figures.get("waited_ns")? / figures.get("window_ns")? * 100.0)
        });
        if let Some(waited) = Spread::of(waited) {
            let [median, max] = [waited.median, waited.max].map(number);
            text += &format!(
                "- kept from its core by others: a balancer {median} % of the time, {max} % at worst\n"
            );
        }
        let errors = |rival: &Rival| {
            self.results.overall(&rival.name, |it| it.get("errors")).map_or(0.0, |errors| errors.max)
        };
        for rival in self.rivals.iter().filter(|rival| errors(rival) > 0.0) {
            text += &format!("- {}: up to {} errors in one measurement\n", rival.name, errors(rival));
        }
        for missing in &self.results.missing {
            text += &format!("- missing: {missing}\n");
        }
        text + &self.failed()
    }

    fn versions(&self) -> String {
        let mut text = String::new();
        for rival in self.rivals {
            text += &format!("- **{}**: {}\n", rival.name, rival.version());
        }
        text
    }

    fn configurations(&self) -> String {
        const SHOWN: Setup = Setup { backends: 1, workers: 1, log: true };
        let mut text = String::new();
        for rival in self.rivals {
            if let Some(config) = rival.config(SHOWN, std::path::Path::new("/dir")) {
                text += &format!("**{}**\n\n```text\n{}\n```\n\n", rival.name, config.trim_end());
            }
        }
        text
    }

    fn balancers(&self) -> impl Iterator<Item = &Rival> {
        self.rivals.iter().filter(|rival| rival.name != LIMIT)
    }

    fn head(&self) -> impl Iterator<Item = String> {
        std::iter::once("work".to_owned()).chain(self.balancers().map(|rival| rival.name.clone()))
    }
}

fn ratio(value: Option<f64>, unit: Option<f64>) -> Option<f64> {
    unit.filter(|unit| *unit > 0.0).and_then(|unit| Some(value? / unit))
}

const INTRODUCTION: &str = "\
What a unit of work costs in evenkeel and in others, measured side by side by `cargo xtask bench`: each in a network \
namespace of its own, with the balancer on one core and load and backends on another, in turn over several rounds, \
before all other processes. Health checks, access log to a file, timeouts and limits are on, for all who have them. All values are medians.
";

const COST: &str = "\
The balancer's CPU time, of all its threads and processes, for each unit of work; in parentheses as a share of what \
HAProxy with splicing needs. This is the figure that counts: rates on a small machine mostly measure the machine.";

const GOALS: &str = "\
A goal is met when the cost is at most that share of what HAProxy with splicing needs, and below every rival's.";

const LATENCY_GOALS: &str = "\
As a share of the best rival's, whichever that is for each; at most 1.";

const TOGETHER: &str = "\
CPU time of balancer, load and backends for each unit of work, as a multiple of what it is without a balancer.";

const RATES: &str = "\
A second: GiB of bulk, else connections or exchanges; smallest and largest of the rounds in parentheses. `direct` is no \
balancer at all: where a rival comes near it, the load is the limit.";

const LATENCY: &str = "\
In µs, smallest and largest of the rounds in parentheses. At a fixed rate it counts from when a request was to be sent, \
so that stalls are not hidden (coordinated omission).";

const MEMORY: &str = "\
The kernel's memory is that of the whole machine, so it wants a quiet one. Programs count as they are mapped, without \
what is only for debuggers.";

const SCALE: &str = "\
As above, on other setups. With two workers the second shares its core with the load.";

const NOISE: &str = "\
The machine is small and virtual; compare within this run only.";

const CONFIGURATIONS: &str = "With one backend instead of three.";
