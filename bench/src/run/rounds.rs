//! A figure by the round that it was measured in: what was measured one after the other is compared, and nothing else.

use crate::estimate::Estimate;
use crate::figures::Spread;
use std::collections::BTreeMap;

/// A figure of one rival in one scenario, by round.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Rounds(BTreeMap<u32, f64>);

impl Rounds {
    /// These, with the number of their round.
    pub fn of(values: impl IntoIterator<Item = (u32, f64)>) -> Self {
        Self(values.into_iter().collect())
    }

    /// As multiples of `unit` in the same round; rounds in which one of them is missing are left out.
    pub fn over(&self, unit: &Self) -> Self {
        self.paired(unit, |value, unit| (unit > 0.0).then(|| value / unit))
    }

    /// What is beyond `base` in the same round.
    pub fn beyond(&self, base: &Self) -> Self {
        self.paired(base, |value, base| Some(value - base))
    }

    fn paired(&self, other: &Self, of: impl Fn(f64, f64) -> Option<f64>) -> Self {
        let each = self.0.iter();
        Self(each.filter_map(|(round, value)| Some((*round, of(*value, *other.0.get(round)?)?))).collect())
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Their median, and how sure it is.
    pub fn estimate(&self) -> Option<Estimate> {
        Estimate::of(self.0.values().copied())
    }

    /// Their median.
    pub fn median(&self) -> Option<f64> {
        Some(self.estimate()?.median)
    }

    /// How far they reach.
    pub fn spread(&self) -> Option<Spread> {
        Spread::of(self.0.values().copied())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ratio_is_taken_within_the_round() {
        // The machine is half as fast in the second round; the ratio of the medians would be 2 / 2.5.
        let ours = Rounds::of([(0, 1.0), (1, 2.0), (2, 3.0)]);
        let theirs = Rounds::of([(0, 2.0), (1, 4.0), (2, 2.5)]);
        assert_eq!(ours.over(&theirs), Rounds::of([(0, 0.5), (1, 0.5), (2, 1.2)]));
        assert_eq!(ours.over(&theirs).median(), Some(0.5));
        assert_eq!(theirs.beyond(&ours), Rounds::of([(0, 1.0), (1, 2.0), (2, -0.5)]));
    }

    #[test]
    fn rounds_that_one_of_them_missed_are_left_out() {
        let ours = Rounds::of([(0, 1.0), (2, 3.0), (3, 1.0)]);
        let theirs = Rounds::of([(1, 2.0), (2, 2.0), (3, 0.0)]);
        assert_eq!(ours.over(&theirs), Rounds::of([(2, 1.5)]));
        assert_eq!(ours.over(&Rounds::default()).estimate(), None);
    }
}
