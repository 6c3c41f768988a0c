//! How many retries are allowed, so that retrying never makes a bad day worse: a share of the new sessions, and a few
//! in any case.

use crate::snapshot::ConnectRules;
use std::time::Instant;

/// What one retry costs. A nanosecond at one retry per second earns 1, so nothing is lost to rounding.
const TOKEN: u64 = 1_000_000_000;

/// Savings at most: a pool whose backend dies may retry this many sessions at once.
const CAPACITY: u64 = 100 * TOKEN;

/// The retries that one worker may make towards one pool: a bucket of tokens, full at the start.
///
/// The rules are told with every call, so that a budget outlives a change of them.
#[derive(Clone, Debug)]
pub struct RetryBudget {
    tokens: u64,
    filled: Instant,
}

impl RetryBudget {
    /// A full budget.
    pub fn new(now: Instant) -> Self {
        Self { tokens: CAPACITY, filled: now }
    }

    /// A new session: it earns its share of a retry.
    pub fn note_session(&mut self, rules: &ConnectRules) {
        self.earn(u64::from(rules.retry_percent) * (TOKEN / 100));
    }

    /// Whether a retry may be made now; if so, it is paid for. Never while the rules allow none at all.
    pub fn try_take(&mut self, now: Instant, rules: &ConnectRules) -> bool {
        let elapsed = now.saturating_duration_since(self.filled).as_nanos().min(u128::from(CAPACITY)) as u64;
        self.filled = now;
        self.earn(elapsed.saturating_mul(u64::from(rules.retry_min_per_second)));
        let allowed = rules.retry_percent > 0 || rules.retry_min_per_second > 0;
        if !allowed || self.tokens < TOKEN {
            return false;
        }
        self.tokens -= TOKEN;
        true
    }

    fn earn(&mut self, tokens: u64) {
        self.tokens = self.tokens.saturating_add(tokens).min(CAPACITY);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn rules(retry_percent: u32, retry_min_per_second: u32) -> ConnectRules {
        ConnectRules {
            timeout: Duration::ZERO,
            total: Duration::ZERO,
            attempts: 3,
            retry_percent,
            retry_min_per_second,
        }
    }

    /// How many of so many retries are allowed.
    fn taken(budget: &mut RetryBudget, now: Instant, rules: &ConnectRules, retries: u32) -> usize {
        (0..retries).filter(|_| budget.try_take(now, rules)).count()
    }

    #[test]
    fn a_hundred_at_once_and_then_a_share_of_the_new_sessions() {
        let (now, rules) = (Instant::now(), rules(20, 0));
        let mut budget = RetryBudget::new(now);
        assert_eq!(taken(&mut budget, now, &rules, 1000), 100);
        for _ in 0..50 {
            budget.note_session(&rules);
        }
        assert_eq!(taken(&mut budget, now, &rules, 1000), 10);
    }

    #[test]
    fn a_few_per_second_in_any_case_however_often_it_is_asked() {
        let (start, rules) = (Instant::now(), rules(0, 3));
        let mut budget = RetryBudget::new(start);
        assert_eq!(taken(&mut budget, start, &rules, 1000), 100);
        let every_ms = (1..=10_000).map(|ms| start + Duration::from_millis(ms));
        assert_eq!(every_ms.filter(|&now| budget.try_take(now, &rules)).count(), 30);
    }

    #[test]
    fn savings_are_bounded() {
        let (start, rules) = (Instant::now(), rules(u32::MAX, u32::MAX));
        let mut budget = RetryBudget::new(start);
        budget.note_session(&rules);
        let later = start + Duration::from_secs(1 << 32);
        assert_eq!(taken(&mut budget, later, &rules, 1000), 100);
    }

    #[test]
    fn none_when_the_rules_allow_none() {
        let now = Instant::now();
        assert!(!RetryBudget::new(now).try_take(now, &rules(0, 0)));
    }

    #[test]
    fn a_clock_that_stands_still_earns_nothing() {
        let (start, rules) = (Instant::now(), rules(0, 1));
        let mut budget = RetryBudget::new(start + Duration::from_secs(9));
        assert_eq!(taken(&mut budget, start, &rules, 1000), 100);
        assert!(!budget.try_take(start, &rules));
    }
}
