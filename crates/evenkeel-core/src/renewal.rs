//! When a certificate is to be obtained that an authority gives out by itself: at first, again after failures, and anew
//! before it expires.

use std::time::{Duration, SystemTime};

/// Failures after which somebody who wants it may still have it tried at once.
const ASKED_MAX: u32 = 3;

/// How long a certificate is valid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Validity {
    /// Since then.
    pub since: SystemTime,
    /// Until then.
    pub until: SystemTime,
}

/// Failures in a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Failures {
    /// How many; one at least.
    pub times: u32,
    /// When the last one was.
    pub last: SystemTime,
}

impl Failures {
    /// One more than `before`, at this time.
    pub fn after(before: Option<Self>, now: SystemTime) -> Self {
        Self { times: before.map_or(1, |it| it.times.saturating_add(1)), last: now }
    }
}

/// How long failures keep from trying again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// After the first one; doubled after each more.
    pub first: Duration,
    /// At most.
    pub longest: Duration,
}

impl Pace {
    /// How long after so many failures; with a `lot` that makes it up to a quarter longer.
    pub fn wait(self, times: u32, lot: u32) -> Duration {
        let doubled = 2_u32.saturating_pow(times.saturating_sub(1));
        let wait = self.first.saturating_mul(doubled).min(self.longest);
        wait + share(wait / 4, lot)
    }

    /// When the next attempt may be after `failures`, at the latest; a clock that was set back does not put it off.
    pub fn again(self, failures: Failures, lot: u32, now: SystemTime) -> SystemTime {
        failures.last.min(now) + self.wait(failures.times, lot)
    }
}

/// How it stands with the certificate of one name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// How long the one that there is is valid.
    pub held: Option<Validity>,
    /// Failures since then.
    pub failures: Option<Failures>,
    /// Drawn for it, so that not all are renewed at once.
    pub lot: u32,
}

impl Standing {
    /// When it is to be obtained; that may have been.
    pub fn due(&self, pace: Pace, now: SystemTime) -> SystemTime {
        let wanted = self.held.map_or(SystemTime::UNIX_EPOCH, |held| renewal(held, self.lot));
        let allowed = self.failures.map(|it| pace.again(it, self.lot, now));
        allowed.map_or(wanted, |allowed| allowed.max(wanted))
    }

    /// Somebody wants it tried again now: that is allowed after a few failures only, since authorities shut those out for
    /// hours who fail too often.
    pub fn ask(&mut self) {
        self.failures = self.failures.filter(|it| it.times > ASKED_MAX);
    }
}

/// When two thirds of the time are over, less up to a thirtieth of it.
fn renewal(held: Validity, lot: u32) -> SystemTime {
    let lifetime = held.until.duration_since(held.since).unwrap_or_default();
    held.since + (lifetime * 2 / 3 - share(lifetime / 30, lot))
}

/// As much of `time` as `lot` is of all lots.
fn share(time: Duration, lot: u32) -> Duration {
    time.mul_f64(f64::from(lot) / f64::from(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(60 * 60);
    const DAY: Duration = Duration::from_secs(24 * 60 * 60);
    const PACE: Pace = Pace { first: Duration::from_secs(300), longest: Duration::from_secs(12 * 60 * 60) };

    fn at(days: u32) -> SystemTime {
        SystemTime::UNIX_EPOCH + DAY * days
    }

    fn held(since: u32, until: u32, lot: u32) -> Standing {
        Standing { held: Some(Validity { since: at(since), until: at(until) }), failures: None, lot }
    }

    #[test]
    fn what_is_missing_is_due_at_once() {
        assert_eq!(Standing::default().due(PACE, at(1)), SystemTime::UNIX_EPOCH);
    }

    #[test]
    fn it_is_renewed_at_two_thirds_of_its_time_or_a_little_earlier() {
        assert_eq!(held(100, 190, 0).due(PACE, at(101)), at(160));
        assert_eq!(held(100, 190, u32::MAX).due(PACE, at(101)), at(157));
        assert_eq!(held(100, 99, 7).due(PACE, at(101)), at(100), "one that makes no sense is due");
    }

    #[test]
    fn failures_put_it_off_longer_each_time() {
        let wait = |times| PACE.wait(times, 0).as_secs() / 60;
        assert_eq!([1, 2, 3, 4, 5, 8, 99, u32::MAX].map(wait), [5, 10, 20, 40, 80, 640, 720, 720]);
        assert_eq!(PACE.wait(1, u32::MAX), Duration::from_secs(375));
        let mut standing = held(100, 190, 0);
        standing.failures = Some(Failures { times: 5, last: at(160) });
        assert_eq!(standing.due(PACE, at(161)), at(160) + Duration::from_secs(80 * 60));
        standing.failures = Some(Failures { times: 1, last: at(120) });
        assert_eq!(standing.due(PACE, at(130)), at(160), "long past, and too early anyway");
    }

    #[test]
    fn a_clock_that_was_set_back_puts_nothing_off() {
        let failures = Some(Failures { times: 1, last: at(900) });
        let standing = Standing { held: None, failures, lot: 0 };
        assert_eq!(standing.due(PACE, at(1)), at(1) + PACE.first);
    }

    #[test]
    fn who_asks_is_obeyed_a_few_times() {
        let mut failures = None;
        let strip: String = (0..6)
            .map(|hours| {
                failures = Some(Failures::after(failures, at(0) + HOUR * hours));
                let mut standing = Standing { held: None, failures, lot: 0 };
                standing.ask();
                if standing.failures.is_none() { 'y' } else { 'n' }
            })
            .collect();
        assert_eq!(strip, "yyynnn");
    }
}
