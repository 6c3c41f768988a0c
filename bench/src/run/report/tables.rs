//! The tables of figures.

use super::Report;
use super::table::{Table, aside, maybe, number};
use crate::figures::{Figures, Spread};
use crate::run::rival::{LIMIT, Rival, yardstick};
use crate::run::rounds::Rounds;
use crate::run::scenario::{Key, Scenario};

impl Report<'_> {
    /// The balancer's cost, with how far it spreads and the ratio to the yardstick.
    pub(super) fn costs(&self, wanted: impl Fn(&Scenario) -> bool) -> String {
        let mut table = Table::new(self.head());
        let is_shown = |it: &&Scenario| it.key != Key::Reload && wanted(it);
        for scenario in self.scenarios.iter().filter(is_shown) {
            let cost = |rival: &str| self.results.key(scenario, rival);
            let cells = self.balancers().map(|rival| {
                let Some(spread) = cost(&rival.name).spread() else { return maybe(None) };
                let value = format!("{}{}", number(spread.median), give_or_take(&spread));
                value + &beside_yardstick(scenario, rival, cost)
            });
            let work = format!("{}, {}", scenario.title, scenario.key.unit());
            table.row(std::iter::once(work).chain(cells));
        }
        table.finish()
    }

    /// What the whole system spends on each unit of work beyond what it spends without a balancer.
    pub(super) fn beyond_direct(&self) -> String {
        let mut table = Table::new(self.head());
        for scenario in self.main() {
            let each = |rival: &str| self.results.rounds(scenario, rival, |it| scenario.key.system(it));
            let limit = each(LIMIT);
            if limit.len() == 0 {
                continue;
            }
            let beyond = |rival: &str| each(rival).beyond(&limit);
            let cells = self.balancers().map(|rival| {
                maybe(beyond(&rival.name).median()) + &beside_yardstick(scenario, rival, beyond)
            });
            let work = format!("{}, {}", scenario.title, scenario.key.unit());
            table.row(std::iter::once(work).chain(cells));
        }
        table.finish()
    }

    /// How much of its core each balancer used, and the load and the backends of theirs with and without one.
    pub(super) fn busy(&self) -> String {
        let names = self.rivals.iter().map(|rival| rival.name.clone());
        let mut table = Table::new(std::iter::once("work".to_owned()).chain(names));
        for scenario in self.main().filter(|scenario| scenario.key.is_traffic()) {
            let cells = self.rivals.iter().map(|rival| {
                let share = |name: &str| {
                    let window = self.results.named(scenario, &rival.name, "window_ns").median()?;
                    Some(self.results.named(scenario, &rival.name, name).median()? / window * 100.0)
                };
                let Some(system) = share("system_ns") else { return maybe(None) };
                let balancer = share("balancer_ns").unwrap_or(0.0);
                format!("{balancer:.0} + {:.0}", system - balancer)
            });
            table.row(std::iter::once(scenario.title.clone()).chain(cells));
        }
        table.finish()
    }

    /// A figure with how far it spreads, for all rivals.
    pub(super) fn table(&self, figure: impl Fn(&Scenario, &Figures) -> Option<f64>) -> String {
        let names = self.rivals.iter().map(|rival| rival.name.clone());
        let mut table = Table::new(std::iter::once("work".to_owned()).chain(names));
        for scenario in self.main() {
            let spreads: Vec<Option<Spread>> = self
                .rivals
                .iter()
                .map(|rival| self.results.rounds(scenario, &rival.name, |it| figure(scenario, it)).spread())
                .collect();
            if spreads.iter().any(Option::is_some) {
                let cells = spreads.iter().map(|spread| match spread {
                    Some(it) if it.width() > 0.0 => {
                        format!("{} ({}–{})", number(it.median), number(it.min), number(it.max))
                    }
                    it => maybe(it.map(|it| it.median)),
                });
                table.row(std::iter::once(scenario.title.clone()).chain(cells));
            }
        }
        table.finish()
    }

    /// Datagrams that did not come back.
    pub(super) fn loss(&self) -> String {
        self.table(|scenario, figures| {
            let lost = figures.get("lost").filter(|_| scenario.key == Key::PerDatagram)?;
            Some(lost / (lost + figures.get("done")?) * 100.0)
        })
    }

    /// Memory, start and size.
    pub(super) fn footprint(&self) -> String {
        const MIB: f64 = (1 << 20) as f64;
        let mut table = Table::new(self.head());
        let mut row = |title: &str, value: &dyn Fn(&Rival) -> Option<f64>| {
            let cells = self.balancers().map(|rival| maybe(value(rival)));
            table.row(std::iter::once(title.to_owned()).chain(cells));
        };
        if let Some(memory) = self.main().find(|scenario| scenario.key == Key::Memory) {
            let of = |rival: &str, name: &str| self.results.named(memory, rival, name).median();
            let limit = of(LIMIT, "kernel_bytes").unwrap_or(0.0);
            row("own memory of an idle connection, B", &|rival| of(&rival.name, "own_bytes"));
            row("kernel memory of an idle connection beyond that of no balancer, B", &|rival| {
                Some(of(&rival.name, "kernel_bytes")? - limit)
            });
            row("own memory before, MiB", &|rival| Some(of(&rival.name, "empty_bytes")? / MIB));
        }
        // Starting with thousands of backends is something else.
        let of = |rival: &Rival, name: &str| {
            let spreads =
                self.main().filter_map(|scenario| self.results.named(scenario, &rival.name, name).median());
            Some(Spread::of(spreads)?.median)
        };
        row("from start to the first exchange, ms", &|rival| Some(of(rival, "served_ns")? / 1e6));
        row("program, MiB", &|rival| Some(of(rival, "program_bytes")? / MIB));
        row("with its libraries, MiB", &|rival| Some(of(rival, "mapped_bytes")? / MIB));
        table.finish()
    }
}

/// As a share of the yardstick, within each round; nothing for the yardstick itself.
fn beside_yardstick(scenario: &Scenario, rival: &Rival, of: impl Fn(&str) -> Rounds) -> String {
    let yardstick = yardstick(scenario);
    let share = of(&rival.name).over(&of(yardstick)).estimate();
    share.filter(|_| rival.name != yardstick).map_or_else(String::new, |share| aside(&share))
}

/// How far to either side of the middle the rounds are.
fn give_or_take(spread: &Spread) -> String {
    let half = spread.width() / 2.0 * 100.0;
    if half > 0.0 { format!(" ± {half:.0} %") } else { String::new() }
}
