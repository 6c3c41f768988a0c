//! What should be, beside what is.

use super::Report;
use super::table::{Table, maybe, number, ratio};
use crate::run::rival::{OURS, yardstick};
use crate::run::scenario::{Goal, Key, Scenario};

/// The kernel's memory of a connection as a share of the least of any rival's, at most: what it holds of slabs varies
/// by that much from run to run.
const KERNEL_MEMORY: f64 = 1.02;

impl Report<'_> {
    /// Each goal for a cost and whether it is met.
    pub(super) fn goals(&self) -> String {
        let head = ["work", "at most", "measured", "best rival", "met"];
        let mut table = Table::new(head.map(str::to_owned));
        for scenario in self.scenarios {
            let Some(goal) = scenario.goal else { continue };
            let Some(ours) = self.results.key(scenario, OURS) else { continue };
            let best = self.best(|rival| self.results.key(scenario, rival));
            let shown = best.map(|(best, name)| format!("{name}: ours is {:.2} of it", ours / best));
            let cells = match goal {
                Goal::Share(goal) => {
                    let Some(share) = ratio(Some(ours), self.results.key(scenario, yardstick(scenario)))
                    else {
                        continue;
                    };
                    let is_met = share <= goal && best.is_some_and(|(best, _)| ours < best);
                    [number(goal), number(share), shown.unwrap_or_default(), met(is_met)]
                }
                Goal::Below(goal) => {
                    let unit = scenario.key.unit();
                    [format!("{} {unit}", number(goal)), number(ours), String::new(), met(ours < goal)]
                }
            };
            table.row([scenario.title.clone()].into_iter().chain(cells));
            if scenario.key == Key::Memory {
                self.kernel_memory(scenario, &mut table);
            }
        }
        table.finish()
    }

    /// The kernel's memory of an idle connection.
    fn kernel_memory(&self, scenario: &Scenario, table: &mut Table) {
        let of = |rival: &str| self.results.median(scenario, rival, "kernel_bytes");
        let (Some(ours), Some((best, name))) = (of(OURS), self.best(of)) else { return };
        let share = ours / best;
        let title = "the kernel's memory of it, as a share of the best rival's".to_owned();
        let best = format!("{name}: {} B", number(best));
        table.row([title, number(KERNEL_MEMORY), number(share), best, met(share <= KERNEL_MEMORY)]);
    }

    /// Our latency as a share of the best rival's.
    pub(super) fn latency_goals(&self) -> String {
        let head = ["work", "p50", "best rival", "p99", "best rival", "met"];
        let mut table = Table::new(head.map(str::to_owned));
        for scenario in self.main() {
            let share = |name: &str| {
                let of = |rival: &str| self.results.median(scenario, rival, name);
                let (best, best_name) = self.best(of)?;
                Some((ratio(of(OURS), Some(best))?, format!("{best_name}: {} µs", number(best / 1e3))))
            };
            if let (Some((p50, best50)), Some((p99, best99))) = (share("p50_ns"), share("p99_ns")) {
                let is_met = met(p50.max(p99) <= 1.0);
                table.row([scenario.title.clone(), number(p50), best50, number(p99), best99, is_met]);
            }
        }
        table.finish()
    }

    /// What reloads take.
    pub(super) fn reloads(&self) -> String {
        let head =
            ["work", "until it holds, ms", "of a worker's time, ms", "longest wait, ms", "without, ms"];
        let mut table = Table::new(head.map(str::to_owned));
        for scenario in self.scenarios.iter().filter(|scenario| scenario.key == Key::Reload) {
            for rival in self.rivals {
                let of = |name| Some(self.results.median(scenario, &rival.name, name)? / 1e6);
                let figures = ["reload_ns", "worker_ns", "delay_ns", "still_delay_ns"].map(of);
                if figures.iter().any(Option::is_some) {
                    let who = if rival.name == OURS { String::new() } else { format!(" ({})", rival.name) };
                    let work = format!("{}{who}", scenario.title);
                    table.row(std::iter::once(work).chain(figures.map(maybe)));
                }
            }
        }
        table.finish()
    }

    /// The least of a figure among the rivals, and whose it is.
    fn best(&self, of: impl Fn(&str) -> Option<f64>) -> Option<(f64, &str)> {
        let others = self.balancers().filter(|rival| !rival.is_ours());
        let figures = others.filter_map(|rival| Some((of(&rival.name)?, rival.name.as_str())));
        figures.min_by(|one, two| one.0.total_cmp(&two.0))
    }
}

fn met(is_met: bool) -> String {
    if is_met { "yes" } else { "**no**" }.to_owned()
}
