//! The text format of Prometheus, 0.0.4: a family has its help and its type once, then its samples.

use evenkeel_core::counts::Metric;
use evenkeel_proxy::Times;
use std::fmt::{Display, Write as _};
use std::ops::RangeInclusive;

/// Names and values of labels.
pub type Labels<'a> = &'a [(&'a str, &'a str)];

/// A page in the making.
#[derive(Default)]
pub struct Text(String);

impl Text {
    /// The whole page.
    pub fn finish(self) -> String {
        self.0
    }

    /// Begins a family of evenkeel's own.
    pub fn family(&mut self, metric: &Metric) {
        self.begin(metric.name, metric.kind.word(), metric.help);
    }

    /// Begins a family.
    pub fn begin(&mut self, name: &str, kind: &str, help: &str) {
        let _ = writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}");
    }

    /// A family with a single sample.
    pub fn single(&mut self, metric: &Metric, value: impl Display) {
        self.family(metric);
        self.sample(metric.name, &[], value);
    }

    /// One sample of the family that was begun last.
    pub fn sample(&mut self, name: &str, labels: Labels<'_>, value: impl Display) {
        self.0.push_str(name);
        self.labels(labels, None);
        let _ = writeln!(self.0, " {value}");
    }

    /// How many `times` were how long, by powers of two of microseconds.
    pub fn histogram(
        &mut self,
        name: &str,
        labels: Labels<'_>,
        times: &Times,
        powers: RangeInclusive<usize>,
    ) {
        let total: u64 = times.buckets.iter().sum();
        for power in powers {
            // Two buckets for each power of two.
            let count: u64 = times.buckets.iter().take(2 * power).sum();
            let _ = write!(self.0, "{name}_bucket");
            self.labels(labels, Some(&format!("{}", seconds(1 << power))));
            let _ = writeln!(self.0, " {count}");
        }
        let _ = write!(self.0, "{name}_bucket");
        self.labels(labels, Some("+Inf"));
        let _ = writeln!(self.0, " {total}");
        self.sample(&format!("{name}_sum"), labels, seconds(times.micros));
        self.sample(&format!("{name}_count"), labels, total);
    }

    fn labels(&mut self, labels: Labels<'_>, bound: Option<&str>) {
        let mut separator = '{';
        for (name, value) in labels.iter().copied().chain(bound.map(|bound| ("le", bound))) {
            let _ = write!(self.0, "{separator}{name}=\"");
            self.escaped(value);
            self.0.push('"');
            separator = ',';
        }
        if separator == ',' {
            self.0.push('}');
        }
    }

    fn escaped(&mut self, value: &str) {
        for c in value.chars() {
            match c {
                '\\' => self.0.push_str("\\\\"),
                '"' => self.0.push_str("\\\""),
                '\n' => self.0.push_str("\\n"),
                c => self.0.push(c),
            }
        }
    }
}

fn seconds(micros: u64) -> f64 {
    micros as f64 / 1e6
}

#[cfg(test)]
mod tests {
    use super::*;
    use evenkeel_core::counts;

    #[test]
    fn labels_are_escaped() {
        let mut text = Text::default();
        text.sample("a", &[("path", "a\\b\"c\nd{,}"), ("x", "")], 1);
        text.sample("b", &[], 0.5);
        assert_eq!(text.finish(), "a{path=\"a\\\\b\\\"c\\nd{,}\",x=\"\"} 1\nb 0.5\n");
    }

    #[test]
    fn a_histogram_counts_up_to_each_bound() {
        let mut times = Times::default();
        for micros in [100, 300, 600, 5_000_000] {
            times.buckets[counts::bucket(std::time::Duration::from_micros(micros))] += 1;
            times.micros += micros;
        }
        let mut text = Text::default();
        text.histogram("t", &[("service", "web")], &times, 8..=10);
        let expected = "t_bucket{service=\"web\",le=\"0.000256\"} 1\n\
                        t_bucket{service=\"web\",le=\"0.000512\"} 2\n\
                        t_bucket{service=\"web\",le=\"0.001024\"} 3\n\
                        t_bucket{service=\"web\",le=\"+Inf\"} 4\n\
                        t_sum{service=\"web\"} 5.001\n\
                        t_count{service=\"web\"} 4\n";
        assert_eq!(text.finish(), expected);
    }
}
