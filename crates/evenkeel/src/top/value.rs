//! What stands in a cell: how it is shown, how it compares, and whether it is good or bad.

use super::style::{Glyphs, Tone};
use crate::logging::{Bytes, Grouped, Took};
use std::cmp::Ordering;
use std::time::Duration;

/// The content of a cell. What is not known is a dash.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// Words.
    Text(String),
    /// A word that is good or bad.
    State(String, Tone),
    /// A number that counts something.
    Count(u64),
    /// A number that names something.
    Id(u64),
    /// So many of so many.
    Part(usize, usize),
    /// By the second.
    Rate(Option<f64>),
    /// By the second, and better not.
    Failures(Option<f64>),
    /// Bytes.
    Size(u64),
    /// Bytes by the second.
    Flow(Option<f64>),
    /// How long.
    Time(Option<Duration>),
    /// How it went.
    Trend(Vec<Option<f64>>),
}

impl Value {
    /// As it is shown.
    pub fn show(&self, glyphs: &Glyphs) -> String {
        match self {
            Self::Text(text) | Self::State(text, _) => text.clone(),
            Self::Count(number) => Grouped(*number).to_string(),
            Self::Id(id) => id.to_string(),
            Self::Part(some, all) => format!("{some}/{all}"),
            Self::Rate(rate) | Self::Failures(rate) => rate.map_or_else(dash, self::rate),
            Self::Size(bytes) => Bytes(*bytes).to_string(),
            Self::Flow(bytes) => bytes.map_or_else(dash, flow),
            Self::Time(time) => time.map_or_else(dash, |time| Took(time).to_string()),
            Self::Trend(values) => glyphs.spark(values),
        }
    }

    /// Good, bad or neither.
    pub fn tone(&self) -> Tone {
        match self {
            Self::State(_, tone) => *tone,
            Self::Part(0, 1..) => Tone::Bad,
            Self::Part(some, all) if some < all => Tone::Warning,
            Self::Failures(Some(rate)) if *rate > 0.0 => Tone::Bad,
            Self::Trend(_) => Tone::Faint,
            _ => Tone::Plain,
        }
    }

    /// Which is less.
    pub fn compare(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Text(one) | Self::State(one, _), Self::Text(other) | Self::State(other, _)) => {
                one.cmp(other)
            }
            _ => self.size().total_cmp(&other.size()),
        }
    }

    /// What is not known is less than nothing.
    fn size(&self) -> f64 {
        match self {
            Self::Text(_) | Self::State(..) => 0.0,
            Self::Count(number) | Self::Id(number) | Self::Size(number) => *number as f64,
            Self::Part(some, all) => *some as f64 / (*all).max(1) as f64,
            Self::Rate(rate) | Self::Failures(rate) | Self::Flow(rate) => rate.unwrap_or(-1.0),
            Self::Time(time) => time.map_or(-1.0, |time| time.as_secs_f64()),
            Self::Trend(values) => values.iter().flatten().sum(),
        }
    }
}

fn dash() -> String {
    "-".to_owned()
}

/// `0`, `0.02`, `9.1`, `1,204`.
pub fn rate(rate: f64) -> String {
    match rate {
        ..0.005 => "0".to_owned(),
        ..0.995 => format!("{rate:.2}"),
        ..9.95 => format!("{rate:.1}"),
        _ => Grouped(rate.round() as u64).to_string(),
    }
}

/// `4.1 kB/s`.
pub fn flow(bytes: f64) -> String {
    format!("{}/s", Bytes(bytes.round() as u64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_have_the_figures_that_matter() {
        let shown = [0.0, 0.004, 0.02, 0.996, 9.1, 9.96, 1204.4].map(rate);
        assert_eq!(shown, ["0", "0", "0.02", "1.0", "9.1", "10", "1,204"]);
        assert_eq!(flow(4120.0), "4.1 kB/s");
    }

    #[test]
    fn what_is_not_known_is_a_dash_and_less_than_nothing() {
        let (unknown, nothing) = (Value::Rate(None), Value::Rate(Some(0.0)));
        assert_eq!(unknown.show(&Glyphs::ASCII), "-");
        assert_eq!(unknown.compare(&nothing), Ordering::Less);
    }

    #[test]
    fn words_compare_as_words_and_parts_as_shares() {
        let text = |text: &str| Value::Text(text.to_owned());
        assert_eq!(text("b").compare(&text("a")), Ordering::Greater);
        assert_eq!(Value::Part(1, 2).compare(&Value::Part(2, 5)), Ordering::Greater);
        assert_eq!((Value::Part(0, 2).tone(), Value::Part(1, 2).tone()), (Tone::Bad, Tone::Warning));
    }
}
