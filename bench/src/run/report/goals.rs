//! What should be, beside what is.

use super::Report;
use super::table::{Table, maybe, number, sure};
use crate::estimate::{Estimate, Verdict};
use crate::run::rival::{OURS, yardstick};
use crate::run::rounds::Rounds;
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
            let cells = match scenario.goal {
                Some(Goal::Share(limit)) => self.share(scenario, limit),
                Some(Goal::Below(limit)) => self.below(scenario, limit),
                None => None,
            };
            let Some(cells) = cells else { continue };
            table.row([scenario.title.clone()].into_iter().chain(cells));
            if scenario.key == Key::Memory {
                self.kernel_memory(scenario, &mut table);
            }
        }
        table.finish()
    }

    /// Whether the goal of a scenario is met; none where it has none, or where nothing was measured for it.
    pub fn verdict(&self, scenario: &Scenario) -> Option<Verdict> {
        match scenario.goal? {
            Goal::Share(limit) => Some(self.shares(scenario)?.verdict(limit)),
            Goal::Below(limit) => Some(self.results.key(scenario, OURS).estimate()?.against(limit)),
        }
    }

    /// Our cost as a share of others'.
    fn shares(&self, scenario: &Scenario) -> Option<Shares<'_>> {
        let of = |rival: &str| self.results.key(scenario, rival);
        let (best, name) = self.best(of)?;
        let over = |unit: &Rounds| of(OURS).over(unit).estimate();
        Some(Shares { of_yardstick: over(&of(yardstick(scenario)))?, of_best: over(&best)?, best: name })
    }

    /// The row of a cost that should be so small a share.
    fn share(&self, scenario: &Scenario, limit: f64) -> Option<[String; 4]> {
        let shares = self.shares(scenario)?;
        let beside = format!("{}: ours is {} of it", shares.best, sure(&shares.of_best));
        Some([number(limit), sure(&shares.of_yardstick), beside, met(shares.verdict(limit))])
    }

    /// The row of a cost that should be so small in its own unit.
    fn below(&self, scenario: &Scenario, limit: f64) -> Option<[String; 4]> {
        let ours = self.results.key(scenario, OURS).estimate()?;
        let at_most = format!("{} {}", number(limit), scenario.key.unit());
        Some([at_most, sure(&ours), String::new(), met(ours.against(limit))])
    }

    /// The kernel's memory of an idle connection.
    fn kernel_memory(&self, scenario: &Scenario, table: &mut Table) {
        let of = |rival: &str| self.results.named(scenario, rival, "kernel_bytes");
        let Some((best, name)) = self.best(of) else { return };
        let Some(share) = of(OURS).over(&best).estimate() else { return };
        let title = "the kernel's memory of it, as a share of the best rival's".to_owned();
        let best = format!("{name}: {} B", maybe(best.median()));
        table.row([title, number(KERNEL_MEMORY), sure(&share), best, met(share.against(KERNEL_MEMORY))]);
    }

    /// Our latency as a share of the best rival's.
    pub(super) fn latency_goals(&self) -> String {
        let head = ["work", "p50", "best rival", "p99", "best rival", "met"];
        let mut table = Table::new(head.map(str::to_owned));
        for scenario in self.main() {
            let share = |name: &str| {
                let of = |rival: &str| self.results.named(scenario, rival, name);
                let (best, best_name) = self.best(of)?;
                let share = of(OURS).over(&best).estimate()?;
                let best = format!("{best_name}: {} µs", number(best.median()? / 1e3));
                Some((share.against(1.0), sure(&share), best))
            };
            if let (Some((is50, p50, best50)), Some((is99, p99, best99))) = (share("p50_ns"), share("p99_ns"))
            {
                table.row([scenario.title.clone(), p50, best50, p99, best99, met(is50.min(is99))]);
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
                let of = |name| Some(self.results.named(scenario, &rival.name, name).median()? / 1e6);
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

    /// The rival with the lowest median of a figure, and that figure.
    fn best(&self, of: impl Fn(&str) -> Rounds) -> Option<(Rounds, &str)> {
        let others = self.balancers().filter(|rival| !rival.is_ours());
        let figures = others.filter_map(|rival| {
            let rounds = of(&rival.name);
            Some((rounds.median()?, rounds, rival.name.as_str()))
        });
        let (_, rounds, name) = figures.min_by(|one, two| one.0.total_cmp(&two.0))?;
        Some((rounds, name))
    }
}

/// Our cost as a share of others', within each round.
struct Shares<'a> {
    of_yardstick: Estimate,
    of_best: Estimate,
    /// The name of the best rival.
    best: &'a str,
}

impl Shares<'_> {
    /// Whether the first is below `limit`, and the second below 1.
    fn verdict(&self, limit: f64) -> Verdict {
        self.of_yardstick.against(limit).min(self.of_best.against(1.0))
    }
}

fn met(verdict: Verdict) -> String {
    match verdict {
        Verdict::Below => "yes",
        Verdict::Near => "not told apart",
        Verdict::Above => "**no**",
    }
    .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::figures::Figures;
    use crate::run::results::{Cell, Results};
    use crate::run::rival::Rival;
    use crate::run::scenario::all;
    use std::path::Path;

    /// Costs in each round of evenkeel, of the yardstick, which is no rival here, and of another one.
    type Costs = [[f64; 3]; 6];

    fn cells(scenario: &Scenario, costs: Costs) -> Vec<Cell> {
        let names = [OURS, yardstick(scenario), "naive"];
        let cell = |round: usize, name: &str, cost: f64| {
            let mut figures = Figures::default();
            figures.set("balancer_ns", cost * 1e3);
            figures.set("done", 1.0);
            Cell {
                scenario: scenario.name.clone(),
                rival: name.to_owned(),
                round: round as u32,
                outcome: Ok(figures),
            }
        };
        let rounds = costs.into_iter().enumerate();
        rounds.flat_map(|(round, costs)| (0..3).map(move |at| cell(round, names[at], costs[at]))).collect()
    }

    /// The row of the goal to open and close connections at 0.85 of the yardstick's cost.
    fn row(costs: Costs) -> String {
        let scenario = all().into_iter().find(|it| it.name == "connect").unwrap();
        let program = std::env::current_exe().unwrap();
        let rivals = [OURS, "naive"].map(|name| Rival::find(name, &program, Path::new("")).unwrap());
        let cells = cells(&scenario, costs);
        let results = Results { cells, ..Results::default() };
        let report = Report { results: &results, scenarios: &[scenario], rivals: &rivals };
        report.goals().lines().last().unwrap().replace("opened, one exchange of 64 B, closed", "it")
    }

    #[test]
    fn a_goal_is_met_when_both_shares_are_below_their_limits_in_nearly_every_round() {
        // The machine is slower from round to round, and that is no matter.
        let costs = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0].map(|slow| [8.0, 10.0, 16.0].map(|cost| cost * slow));
        let told = "| it | 0.850 | 0.800 (0.800–0.800) | naive: ours is 0.500 (0.500–0.500) of it | yes |";
        assert_eq!(row(costs), told);
    }

    #[test]
    fn a_rival_that_may_be_as_good_leaves_a_goal_open() {
        let costs = [7.9, 8.1, 7.9, 8.1, 7.9, 8.1].map(|rival| [8.0, 10.0, rival]);
        let told = row(costs);
        assert!(told.ends_with("| not told apart |"), "{told}");
    }

    #[test]
    fn a_better_rival_is_enough_to_miss_a_goal() {
        let told = row([[8.0, 10.0, 7.0]; 6]);
        assert!(told.ends_with("| **no** |"), "{told}");
    }
}
