//! The figure that counts in a scenario.

use crate::figures::Figures;

/// The figure that counts; less is better.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Key {
    /// CPU time of the balancer for each GiB.
    PerGib,
    /// CPU time of the balancer for each connection or exchange.
    PerOne,
    /// CPU time of the balancer for each datagram, of which an echo is two.
    PerDatagram,
    /// Own memory of each idle connection.
    Memory,
    /// Share of a core.
    Idle,
    /// The 99th percentile of the latency.
    Latency,
    /// CPU time that a reload takes from the worker that it takes most from.
    Reload,
}

impl Key {
    /// The figure, in [`unit`](Self::unit).
    pub fn of(self, figures: &Figures) -> Option<f64> {
        let cpu = figures.get("balancer_ns");
        match self {
            Self::PerGib | Self::PerOne | Self::PerDatagram => {
                Some(cpu? / self.units(figures)? / self.unit_ns())
            }
            Self::Memory => figures.get("own_bytes"),
            Self::Idle => Some(cpu? / figures.get("window_ns")? * 100.0),
            Self::Latency => Some(figures.get("p99_ns")? / 1e3),
            Self::Reload => Some(figures.get("worker_ns")? / 1e6),
        }
    }

    /// CPU time of the whole system for each unit of work, in [`unit`](Self::unit).
    pub fn system(self, figures: &Figures) -> Option<f64> {
        // Beside bulk transfers it would be the cost of those.
        let units = self.units(figures).filter(|_| self != Self::Latency)?;
        Some(figures.get("system_ns")? / units / self.unit_ns())
    }

    /// What it is measured in.
    pub fn unit(self) -> &'static str {
        match self {
            Self::PerGib => "s/GiB",
            Self::PerOne => "µs",
            Self::PerDatagram => "µs a datagram",
            Self::Memory => "B",
            Self::Idle => "% of a core",
            Self::Latency => "µs, p99",
            Self::Reload => "ms of a worker",
        }
    }

    /// Whether it is of traffic, and not of waiting.
    pub fn is_traffic(self) -> bool {
        matches!(self, Self::PerGib | Self::PerOne | Self::PerDatagram | Self::Latency)
    }

    /// Things done, or GiB carried, each second.
    pub fn rate(self, figures: &Figures) -> Option<f64> {
        Some(self.units(figures)? / (figures.get("window_ns")? / 1e9))
    }

    /// Things done, or GiB carried.
    fn units(self, figures: &Figures) -> Option<f64> {
        match self {
            Self::PerGib => Some(figures.get("bytes")? / f64::from(1 << 30)),
            Self::PerOne | Self::Latency => figures.get("done"),
            Self::PerDatagram => Some(figures.get("done")? * 2.0),
            Self::Memory | Self::Idle | Self::Reload => None,
        }
    }

    /// Nanoseconds of the unit in which a cost is told.
    fn unit_ns(self) -> f64 {
        if self == Self::PerGib { 1e9 } else { 1e3 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_that_count_are_per_unit() {
        let mut figures = Figures::default();
        for (name, value) in [("balancer_ns", 2e9), ("bytes", f64::from(1 << 30)), ("done", 1e6)] {
            figures.set(name, value);
        }
        figures.set("window_ns", 4e9);
        figures.set("system_ns", 6e9);
        assert_eq!(Key::PerGib.of(&figures), Some(2.0));
        assert_eq!(Key::PerGib.system(&figures), Some(6.0));
        assert_eq!(Key::PerOne.of(&figures), Some(2.0));
        assert_eq!(Key::PerDatagram.of(&figures), Some(1.0));
        assert_eq!(Key::Idle.of(&figures), Some(50.0));
        assert_eq!(Key::PerGib.rate(&figures), Some(0.25));
        assert_eq!(Key::Memory.of(&figures), None);
    }
}
