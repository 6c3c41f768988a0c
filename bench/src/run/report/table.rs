//! Tables in Markdown, and numbers that can be read.

use crate::estimate::Estimate;
use std::fmt::Write;

/// A table; the first column is of words, the others are of numbers.
pub struct Table {
    text: String,
    columns: usize,
}

impl Table {
    /// An empty one with this head.
    pub fn new(head: impl IntoIterator<Item = String>) -> Self {
        let head: Vec<String> = head.into_iter().collect();
        let rule = "|---".to_owned() + &"|---:".repeat(head.len() - 1);
        Self { columns: head.len(), text: format!("| {} |\n{rule}|\n", head.join(" | ")) }
    }

    /// Adds a row.
    pub fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        let cells: Vec<String> = cells.into_iter().collect();
        debug_assert_eq!(cells.len(), self.columns, "a row as wide as its head");
        // Writing to a string cannot fail.
        let _ = writeln!(self.text, "| {} |", cells.join(" | "));
    }

    /// The table, or nothing when it has no row.
    pub fn finish(self) -> String {
        if self.text.lines().count() > 2 { self.text } else { String::new() }
    }
}

/// Three digits that mean something, thousands apart.
pub fn number(value: f64) -> String {
    match value.abs() {
        magnitude if magnitude >= 1000.0 => {
            let unit = 10f64.powi(magnitude.log10() as i32 - 2);
            thousands((magnitude / unit).round() * unit, value < 0.0)
        }
        100.0.. => format!("{value:.0}"),
        10.0.. => format!("{value:.1}"),
        0.0 | 1.0.. => format!("{value:.2}"),
        _ => format!("{value:.3}"),
    }
}

fn thousands(magnitude: f64, negative: bool) -> String {
    let digits = format!("{magnitude:.0}");
    let grouped = digits.as_bytes().rchunks(3).rev().map(String::from_utf8_lossy);
    let sign = if negative { "-" } else { "" };
    format!("{sign}{}", grouped.collect::<Vec<_>>().join(","))
}

/// A number, or a dash where there is none.
pub fn maybe(value: Option<f64>) -> String {
    value.map_or_else(|| "–".to_owned(), number)
}

/// A median with its interval, if it has one.
pub fn sure(estimate: &Estimate) -> String {
    let interval = estimate.interval.map(|(low, high)| format!(" ({}–{})", number(low), number(high)));
    number(estimate.median) + &interval.unwrap_or_default()
}

/// The same, to be put behind another number.
pub fn aside(estimate: &Estimate) -> String {
    let interval = estimate.interval.map(|(low, high)| format!(": {}–{}", number(low), number(high)));
    format!(" ({}{})", number(estimate.median), interval.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_three_digits() {
        let shown = [0.0, 0.1234, 1.0, 12.34, 123.4, 1234.0, 1_234_567.0, -4321.0].map(number);
        assert_eq!(shown, ["0.00", "0.123", "1.00", "12.3", "123", "1,230", "1,230,000", "-4,320"]);
    }

    #[test]
    fn a_median_is_told_with_its_interval() {
        let told = |interval| {
            let estimate = Estimate { median: 0.98, interval };
            [sure(&estimate), aside(&estimate)]
        };
        assert_eq!(told(Some((0.9, 1.05))), ["0.980 (0.900–1.05)", " (0.980: 0.900–1.05)"]);
        assert_eq!(told(None), ["0.980", " (0.980)"]);
    }

    #[test]
    fn a_table_without_rows_is_nothing() {
        let mut table = Table::new(["a".to_owned(), "b".to_owned()]);
        assert_eq!(Table::new(["a".to_owned()]).finish(), "");
        table.row(["c".to_owned(), "1".to_owned()]);
        assert_eq!(table.finish(), "| a | b |\n|---|---:|\n| c | 1 |\n");
    }
}
