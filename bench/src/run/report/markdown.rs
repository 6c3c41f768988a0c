//! The report as Markdown.

use super::Report;
use super::table::number;
use crate::figures::{Figures, Spread};
use crate::run::results::Results;
use crate::run::rival::{Rival, yardstick};
use crate::run::scenario::{PROTOCOLS, Scenario, Setup, USUAL};

impl Report<'_> {
    /// The whole report; plots are at `plots`.
    pub(super) fn markdown(&self, plots: &str) -> String {
        let micros = |name: &'static str| {
            self.table(move |_: &Scenario, figures: &Figures| Some(figures.get(name)? / 1e3))
        };
        let rates = self.table(|scenario, figures| scenario.key.rate(figures));
        let sections = [
            ("What a unit of work costs", COST, self.costs(Scenario::is_main)),
            ("", "", format!("![cost]({plots}cost.svg)\n")),
            ("Goals: cost", GOALS, self.goals()),
            ("Goals: latency", LATENCY_GOALS, self.latency_goals()),
            ("The whole system", BEYOND, self.beyond_direct()),
            ("Rates", RATES, rates),
            ("Whose core was busy", BUSY, self.busy()),
            ("Latency: median", LATENCY, micros("p50_ns")),
            ("Latency: 99th percentile", "In µs.", micros("p99_ns")),
            ("", "", format!("![99th percentile]({plots}p99.svg)\n")),
            ("Latency: 99.9th percentile", "In µs.", micros("p999_ns")),
            ("Datagrams lost", LOSS, self.loss()),
            ("Memory, start and size", MEMORY, self.footprint()),
            ("Reloads", RELOADS, self.reloads()),
            ("Scale", SCALE, self.costs(|scenario| !scenario.is_main())),
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

    fn noise(&self) -> String {
        let mut text: String =
            self.results.machine.lines().iter().map(|line| format!("- {line}\n")).collect();
        let Results { warm, window, seconds, congestion, .. } = self.results;
        text += &format!("- congestion control of TCP, but where a program chooses another: {congestion}\n");
        let rounds = Spread::of(self.scenarios.iter().filter_map(|it| self.results.last_round(it)));
        let [fewest, most] = rounds.map_or([0.0; 2], |it| [it.min + 1.0, it.max + 1.0]);
        let rounds = if fewest == most { format!("{most}") } else { format!("{fewest} to {most}") };
        text += &format!(
            "- rounds: {rounds}, of {window} ms each, after {warm} ms that do not count; all of it took {} min {} s\n",
            seconds / 60,
            seconds % 60
        );
        text += &self.balancers().map(|rival| self.noise_of(rival)).collect::<String>();
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

    /// How far the costs of a rival are apart, and how well the shares are known all the same.
    fn noise_of(&self, rival: &Rival) -> String {
        let cost = |scenario: &Scenario, rival: &str| self.results.key(scenario, rival);
        let widths = self.main().filter_map(|it| Some(cost(it, &rival.name).spread()?.width()));
        let doubts = self
            .main()
            .filter(|it| rival.name != yardstick(it))
            .filter_map(|it| cost(it, &rival.name).over(&cost(it, yardstick(it))).estimate()?.doubt());
        let told = |of: Option<Spread>, what: &str| {
            // A single round spreads over nothing.
            let Some(of) = of.filter(|it| it.max > 0.0) else { return String::new() };
            let [median, max] = [of.median, of.max].map(|share| number(share * 100.0));
            format!("- {}: {what} {median} % of its median, {max} % at worst\n", rival.name)
        };
        told(Spread::of(widths), "cost spreads over")
            + &told(Spread::of(doubts), "its share of the yardstick's is known to ±")
    }

    fn versions(&self) -> String {
        let mut text = String::new();
        for rival in self.rivals {
            text += &format!("- **{}**: {}\n", rival.name, rival.version());
        }
        text
    }

    fn configurations(&self) -> String {
        let mut text = String::new();
        for rival in self.rivals {
            let shown = PROTOCOLS.map(|protocol| Setup { backends: 1, protocol, ..USUAL });
            let configs = shown.iter().filter_map(|setup| rival.config(*setup, std::path::Path::new("/dir")));
            let mut configs: Vec<String> = configs.collect();
            // Some need no word for another protocol.
            configs.dedup();
            for config in configs {
                text += &format!("**{}**\n\n```text\n{}\n```\n\n", rival.name, config.trim_end());
            }
        }
        text
    }
}

const INTRODUCTION: &str = "\
What a unit of work costs in evenkeel and in others, measured side by side by `cargo xtask bench`: each in a network \
namespace of its own, with the balancer on one core and load and backends on another, before all other processes. In a scenario all \
stand at once, and the load goes from one to the next in short slices, round after round, another one first in each: what disturbs the \
machine for a while disturbs all of them. Health checks, access log to a file, timeouts and limits are on, for all who have them. Values are \
medians over the rounds. Shares are medians, too, of the ratios within each round; beside them is where the true median is, at 95 % (from rank to \
rank, as in the sign test).
";

const COST: &str = "\
The balancer's CPU time, of all its threads and processes, for each unit of work, give or take half of how far the \
rounds are apart; in parentheses as a share of what the yardstick needs in the same round: HAProxy with splicing, for HTTP and UDP nginx. \
This is the figure that counts: rates on a small machine mostly measure the machine.";

const GOALS: &str = "\
A goal without a unit is met when the cost is at most that share of what the yardstick needs, and below that of the best rival, \
which is the one with the lowest median. Each share has an interval, and it is what decides: *yes* when it is below the limit as a whole, **no** when \
it is above as a whole, and *not told apart* when the limit is in it: the figures are too near for so many rounds, on this machine. What the \
first rounds left open had twice as many more. Fewer than six rounds tell nothing apart.";

const LATENCY_GOALS: &str = "\
As a share of the best rival's, whichever that is for each, within each round; below 1. The interval decides, as above.";

const BEYOND: &str = "\
What the whole system (balancer, load, backends, the kernel's threads for packets) spends on each unit of work beyond \
what it spends without a balancer in the same round; in parentheses as a share of the yardstick's. It holds what a balancer leaves \
to others.";

const RATES: &str = "\
A second: GiB of bulk, else connections, exchanges or datagrams; smallest and largest of the rounds in parentheses. `direct` is no \
balancer at all: where a rival comes near it, the load is the limit.";

const BUSY: &str = "\
Per cent of a core that the balancer used, and that load, backends and the kernel's threads used. Where the first is far \
from 100 and there is no fixed rate, the load was the limit and rates say little; costs still do.";

const RELOADS: &str = "\
SIGHUP after one of so many backends has changed, or one of three where there are so many services: until `reloaded` is told, of the CPU time of the worker that spends \
most (with no traffic), and the longest that one of 1,000 requests a second takes, with reloads and without. Backends \
are checked up to 1,000 of them. The reload is prepared on the same core that the worker is on.";

const LATENCY: &str = "\
In µs, smallest and largest of the rounds in parentheses. At a fixed rate it counts from when a request was to be sent, \
so that stalls are not hidden (coordinated omission).";

const LOSS: &str = "\
Per cent of all that were sent: those that were not back after 250 ms.";

const MEMORY: &str = "\
The kernel's memory is that of sockets, their buffers and files, on both sides of the balancer. Programs count as they are mapped, without \
what is only for debuggers.";

const SCALE: &str = "\
As above, on other setups, in fewer rounds. With two workers the second shares its core with the load. What is counted \
for metrics is always counted. Others: `--backends`, `--services`, `--workers`, `--no-log`.";

const NOISE: &str = "\
The machine is small and virtual, and is faster in one minute than in another, for all alike. Compare within this run only.";

const CONFIGURATIONS: &str = "With one backend instead of three.";
