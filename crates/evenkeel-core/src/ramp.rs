//! Slow start: the share of a backend as a function of the time since it came up.

use std::time::{Duration, Instant};

/// How often weights are brought up to date while somebody ramps, per ramp: few publications, small steps.
const STEPS: u32 = 20;

/// By how much all weights of a pool are multiplied while one of its backends ramps, so that a weight of 1 can have a
/// share, too.
pub const SCALE: u32 = 100;

/// Slow start: a share that grows evenly.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SlowStart {
    /// Until the full weight.
    pub duration: Duration,
    /// Share at the start, in percent of the weight.
    pub from_percent: u32,
}

/// The share, in percent, of a backend that came up at `since`; `None` once it has all of it.
pub fn percent(rules: &SlowStart, since: Instant, now: Instant) -> Option<u32> {
    let elapsed = now.saturating_duration_since(since);
    if elapsed >= rules.duration {
        return None;
    }
    let from = rules.from_percent.min(100);
    let grown = u128::from(100 - from) * elapsed.as_nanos() / rules.duration.as_nanos().max(1);
    Some(from + u32::try_from(grown).unwrap_or(0))
}

/// The `weight` of a backend that has `percent` of its share, multiplied by [`SCALE`]. Never 0 unless `weight` is.
pub fn scaled(weight: u32, percent: Option<u32>) -> u32 {
    let least = weight.min(1);
    weight.saturating_mul(percent.unwrap_or(SCALE)).max(least)
}

/// How long weights stay as they are before they are brought up to date.
pub fn step(rules: &SlowStart) -> Duration {
    (rules.duration / STEPS).max(Duration::from_millis(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULES: SlowStart = SlowStart { duration: Duration::from_secs(30), from_percent: 10 };

    #[test]
    fn grows_evenly_from_the_first_share_to_all_of_it() {
        let since = Instant::now();
        let strip =
            [0, 1, 10, 15, 20, 29, 30, 99].map(|it| percent(&RULES, since, since + Duration::from_secs(it)));
        assert_eq!(strip, [Some(10), Some(13), Some(40), Some(55), Some(70), Some(97), None, None]);
    }

    #[test]
    fn a_weight_of_one_can_have_a_share_and_no_weight_has_none() {
        assert_eq!(scaled(1, Some(10)), 10);
        assert_eq!(scaled(3, None), 300);
        assert_eq!(scaled(0, Some(50)), 0);
        assert_eq!(scaled(5, Some(0)), 1);
        assert_eq!(scaled(u32::MAX, None), u32::MAX);
    }

    #[test]
    fn odd_rules_do_no_harm() {
        let now = Instant::now();
        let rules = SlowStart { duration: Duration::ZERO, from_percent: 900 };
        assert_eq!(percent(&rules, now, now), None);
        assert!(step(&rules) > Duration::ZERO);
        let rules = SlowStart { duration: Duration::MAX, from_percent: 900 };
        assert_eq!(percent(&rules, now, now), Some(100));
    }
}
