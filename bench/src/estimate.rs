//! A median over rounds, and where the true one may be.

use crate::figures::median;

/// Share of all cases in which the interval has to hold the true median.
const CONFIDENCE: f64 = 0.95;

/// A median over rounds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Estimate {
    /// As many rounds are below as above.
    pub median: f64,
    /// Where the true median is, as far as the rounds tell; `None` when they are too few to tell anything, which is
    /// below six.
    pub interval: Option<(f64, f64)>,
}

/// What rounds say of a limit. What is worse is less.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// The figure is above it.
    Above,
    /// Not told apart: it is too near for so few rounds.
    Near,
    /// The figure is below it.
    Below,
}

impl Estimate {
    /// Of these values; `None` without any.
    ///
    /// The interval is that of the sign test, from the `k`th smallest value to the `k`th largest (W. J. Conover,
    /// Practical Nonparametric Statistics, 3rd edition, 3.2): it takes no more than that rounds are alike and do not
    /// depend on each other, whatever their distribution is.
    pub fn of(values: impl IntoIterator<Item = f64>) -> Option<Self> {
        let mut values: Vec<f64> = values.into_iter().collect();
        values.sort_by(f64::total_cmp);
        let median = median(&values)?;
        let interval = cut(values.len()).map(|cut| (values[cut], values[values.len() - 1 - cut]));
        Some(Self { median, interval })
    }

    /// Whether it is on one side of `limit`.
    pub fn against(&self, limit: f64) -> Verdict {
        match self.interval {
            Some((low, _)) if low > limit => Verdict::Above,
            Some((_, high)) if high < limit => Verdict::Below,
            _ => Verdict::Near,
        }
    }

    /// Half the width of the interval, as a share of the median.
    pub fn doubt(&self) -> Option<f64> {
        let (low, high) = self.interval.filter(|_| self.median > 0.0)?;
        Some((high - low) / 2.0 / self.median)
    }
}

/// How many of `count` sorted values are outside of the interval at either end, at most. The true median is beyond the
/// `k`th smallest value when fewer than `k` of `count` tossed coins are heads.
fn cut(count: usize) -> Option<usize> {
    let allowed = (1.0 - CONFIDENCE) / 2.0;
    let (mut exactly, mut at_most, mut heads) = (0.5f64.powi(count.try_into().ok()?), 0.0, 0);
    while at_most + exactly <= allowed && heads < count {
        at_most += exactly;
        exactly *= (count - heads) as f64 / (heads + 1) as f64;
        heads += 1;
    }
    heads.checked_sub(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(values: &[f64]) -> Estimate {
        Estimate::of(values.iter().copied()).unwrap()
    }

    #[test]
    fn the_interval_is_between_the_ranks_that_tables_have() {
        let ranks = [5, 6, 8, 9, 12, 15, 20, 25, 50].map(|count| cut(count).map(|cut| cut + 1));
        let tables = [None, Some(1), Some(1), Some(2), Some(3), Some(4), Some(6), Some(8), Some(18)];
        assert_eq!(ranks, tables);
    }

    #[test]
    fn an_interval_holds_what_it_should_in_19_of_20_cases() {
        // Every way in which nine rounds may fall below and above the true median, which is 0.
        let holds = |sides: u32| {
            let (low, high) =
                of(&[0, 1, 2, 3, 4, 5, 6, 7, 8]
                    .map(|round| if sides & (1 << round) == 0 { -1.0 } else { 1.0 }))
                .interval
                .unwrap();
            low < 0.0 && 0.0 < high
        };
        let share = (0..512).filter(|&sides| holds(sides)).count() as f64 / 512.0;
        assert!((0.95..0.97).contains(&share), "{share}");
    }

    #[test]
    fn one_round_off_says_nothing_of_the_median() {
        let estimate = of(&[0.9, 0.91, 0.92, 0.93, 0.94, 0.95, 0.96, 0.97, 40.0]);
        assert_eq!(estimate, Estimate { median: 0.94, interval: Some((0.91, 0.97)) });
    }

    #[test]
    fn a_limit_within_the_interval_is_not_told_apart() {
        let estimate = of(&[0.9, 1.0, 1.1, 1.2, 1.3, 1.4]);
        let verdicts = [0.8, 0.9, 1.1, 1.4, 1.5].map(|limit| estimate.against(limit));
        assert_eq!(verdicts, [Verdict::Above, Verdict::Near, Verdict::Near, Verdict::Near, Verdict::Below]);
        assert!(Verdict::Above < Verdict::Near && Verdict::Near < Verdict::Below);
    }

    #[test]
    fn few_rounds_tell_nothing_apart() {
        let estimate = of(&[1.0; 5]);
        assert_eq!((estimate.interval, estimate.against(100.0)), (None, Verdict::Near));
        assert_eq!(of(&[1.0; 6]).against(100.0), Verdict::Below);
    }

    #[test]
    fn the_doubt_is_half_of_the_interval() {
        assert_eq!(of(&[1.0, 2.0, 2.0, 2.0, 2.0, 3.0]).doubt(), Some(0.5));
        assert_eq!(of(&[1.0]).doubt(), None);
    }
}
