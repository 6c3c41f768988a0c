//! Figures by name, as they go from process to process and into files: one flat JSON object of numbers.

use anyhow::{Context, Result};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// Figures by name. Names end in their unit.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Figures(BTreeMap<String, f64>);

impl Figures {
    /// Sets one.
    pub fn set(&mut self, name: &str, value: f64) {
        self.0.insert(name.to_owned(), value);
    }

    /// One of them.
    pub fn get(&self, name: &str) -> Option<f64> {
        self.0.get(name).copied()
    }

    /// As JSON.
    pub fn to_json(&self) -> Value {
        Value::Object(self.0.iter().map(|(name, value)| (name.clone(), Value::from(*value))).collect())
    }

    /// From JSON.
    pub fn from_json(value: &Value) -> Result<Self> {
        let object: &Map<String, Value> = value.as_object().context("not an object")?;
        let figure = |(name, value): (&String, &Value)| {
            Ok((name.clone(), value.as_f64().with_context(|| format!("{name} is not a number"))?))
        };
        Ok(Self(object.iter().map(figure).collect::<Result<_>>()?))
    }
}

/// The middle of some values, and how far they reach.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spread {
    /// The smallest.
    pub min: f64,
    /// As many are below as above.
    pub median: f64,
    /// The largest.
    pub max: f64,
}

impl Spread {
    /// Of these values; `None` without any.
    pub fn of(values: impl IntoIterator<Item = f64>) -> Option<Self> {
        let mut values: Vec<f64> = values.into_iter().collect();
        values.sort_by(f64::total_cmp);
        Some(Self { min: *values.first()?, median: median(&values)?, max: *values.last()? })
    }

    /// How far apart the smallest and the largest are, as a share of the median.
    pub fn width(&self) -> f64 {
        if self.median == 0.0 { 0.0 } else { (self.max - self.min) / self.median }
    }
}

/// The middle of sorted values, or between those two that are.
pub fn median(sorted: &[f64]) -> Option<f64> {
    let middle = (sorted.len().checked_sub(1)?) / 2;
    Some((sorted[middle] + sorted[sorted.len() / 2]) / 2.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_survive_json() {
        let mut figures = Figures::default();
        figures.set("done", 3.0);
        figures.set("p50_ns", 0.5);
        let text = figures.to_json().to_string();
        assert_eq!(Figures::from_json(&serde_json::from_str(&text).unwrap()).unwrap(), figures);
        assert!(Figures::from_json(&serde_json::json!({ "done": "three" })).is_err());
    }

    #[test]
    fn the_median_is_in_the_middle() {
        let median = |values: &[f64]| Spread::of(values.iter().copied()).map(|spread| spread.median);
        assert_eq!(median(&[]), None);
        assert_eq!(median(&[3.0]), Some(3.0));
        assert_eq!(median(&[9.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(&[4.0, 1.0, 2.0, 9.0]), Some(3.0));
        assert_eq!(Spread::of([2.0, 1.0, 4.0]).map(|spread| spread.width()), Some(1.5));
    }
}
