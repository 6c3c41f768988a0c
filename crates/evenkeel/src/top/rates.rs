//! From what was counted to how fast it goes, how it went in the last minutes, and how long connects took lately.

use super::answer::Buckets;
use std::collections::VecDeque;
use std::ops::Add;
use std::time::{Duration, Instant};

/// What is counted of a service or a backend; it only grows while the process lives.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Sessions accepted, or connected.
    pub sessions: u64,
    /// Sessions that ended other than they should, or connects that failed.
    pub failed: u64,
    /// Requests, where those are balanced.
    pub requests: u64,
    /// Those that were answered 5xx.
    pub errors: u64,
    /// Bytes.
    pub to_backend: u64,
    /// Bytes.
    pub to_client: u64,
}

impl Add for Counters {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            sessions: self.sessions.saturating_add(other.sessions),
            failed: self.failed.saturating_add(other.failed),
            requests: self.requests.saturating_add(other.requests),
            errors: self.errors.saturating_add(other.errors),
            to_backend: self.to_backend.saturating_add(other.to_backend),
            to_client: self.to_client.saturating_add(other.to_client),
        }
    }
}

/// The same by the second.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Rates {
    /// New sessions.
    pub sessions: f64,
    /// Failures.
    pub failed: f64,
    /// Requests.
    pub requests: f64,
    /// Those that were answered 5xx.
    pub errors: f64,
    /// Bytes.
    pub to_backend: f64,
    /// Bytes.
    pub to_client: f64,
}

impl Rates {
    /// What `now` has more than `before`; unknown when a counter went back, as it does with a new process.
    pub fn between(before: Counters, now: Counters, elapsed: Duration) -> Option<Self> {
        let seconds = Some(elapsed.as_secs_f64()).filter(|it| *it > 0.0)?;
        let rate = |before: u64, now: u64| Some(now.checked_sub(before)? as f64 / seconds);
        Some(Self {
            sessions: rate(before.sessions, now.sessions)?,
            failed: rate(before.failed, now.failed)?,
            requests: rate(before.requests, now.requests)?,
            errors: rate(before.errors, now.errors)?,
            to_backend: rate(before.to_backend, now.to_backend)?,
            to_client: rate(before.to_client, now.to_client)?,
        })
    }
}

/// Something that is looked at again and again.
#[derive(Clone, Debug)]
pub struct Watched {
    counters: Counters,
    at: Instant,
    /// Between the last two looks.
    pub rates: Option<Rates>,
    /// New sessions.
    pub sessions: Trend,
    /// Requests; new sessions where there are none.
    pub work: Trend,
    /// Bytes, both ways.
    pub bytes: Trend,
    /// How long connects took.
    pub connects: Connects,
}

impl Watched {
    /// Seen for the first time.
    pub fn new(counters: Counters, at: Instant) -> Self {
        let (sessions, work, bytes) = Default::default();
        Self { counters, at, rates: None, sessions, work, bytes, connects: Connects::default() }
    }

    /// Seen again, in the slot of time called `slot`.
    pub fn look(&mut self, counters: Counters, at: Instant, slot: u64) {
        self.rates = Rates::between(self.counters, counters, at.saturating_duration_since(self.at));
        (self.counters, self.at) = (counters, at);
        if let Some(rates) = self.rates {
            self.sessions.note(slot, rates.sessions);
            self.work.note(slot, if counters.requests > 0 { rates.requests } else { rates.sessions });
            self.bytes.note(slot, rates.to_backend + rates.to_client);
        }
    }
}

/// A rate in each of the last slots of time.
#[derive(Clone, Debug, Default)]
pub struct Trend {
    /// The sum and the number of what was noted in each; the last is that of `slot`.
    slots: VecDeque<(f64, u32)>,
    slot: u64,
}

impl Trend {
    /// Slots that are kept: with five seconds each, five minutes.
    pub const KEPT: usize = 60;

    /// Notes a rate.
    pub fn note(&mut self, slot: u64, rate: f64) {
        let passed = match self.slots.is_empty() {
            true => 1,
            false => slot.saturating_sub(self.slot).min(Self::KEPT as u64),
        };
        self.slots.extend((0..passed).map(|_| (0.0, 0)));
        self.slots.drain(..self.slots.len().saturating_sub(Self::KEPT));
        self.slot = self.slot.max(slot);
        if let Some((sum, number)) = self.slots.back_mut() {
            (*sum, *number) = (*sum + rate, *number + 1);
        }
    }

    /// The mean in each of the last `number` slots, oldest first; `None` where nothing is known.
    pub fn last(&self, number: usize) -> impl Iterator<Item = Option<f64>> {
        let known = self.slots.len().min(number);
        let before = std::iter::repeat_n(None, number - known);
        let means = self.slots.iter().skip(self.slots.len() - known);
        before.chain(means.map(|(sum, number)| (*number > 0).then(|| sum / f64::from(*number))))
    }
}

/// How long connects took in the last seconds.
#[derive(Clone, Debug, Default)]
pub struct Connects {
    /// Counts of so long ago, oldest first, a second apart at least.
    before: VecDeque<(Instant, Buckets)>,
    now: Buckets,
}

impl Connects {
    /// What is called lately: long enough for some connects, short enough to see a change.
    const WINDOW: Duration = Duration::from_secs(10);
    const STEP: Duration = Duration::from_secs(1);

    /// Notes the counts of this moment.
    pub fn look(&mut self, at: Instant, buckets: &Buckets) {
        let went_back = self.now.iter().any(|(bound, count)| *count > count_of(buckets, *bound));
        if went_back {
            self.before.clear();
        }
        self.now.clone_from(buckets);
        let age = |noted: Instant| at.saturating_duration_since(noted);
        if self.before.back().is_none_or(|(noted, _)| age(*noted) >= Self::STEP) {
            self.before.push_back((at, buckets.clone()));
        }
        // One that is older stays, so that the window is whole.
        while self.before.get(1).is_some_and(|(noted, _)| age(*noted) >= Self::WINDOW) {
            self.before.pop_front();
        }
    }

    /// The time that `percent` of the connects did not exceed; `None` if there were none.
    pub fn percentile(&self, percent: u64) -> Option<Duration> {
        let (_, before) = self.before.front()?;
        let new = |(bound, count): &(u64, u64)| {
            (*bound, u128::from(count.saturating_sub(count_of(before, *bound))))
        };
        let total: u128 = self.now.iter().map(|it| new(it).1).sum();
        let rank = (total * u128::from(percent)).div_ceil(100).max(1);
        let mut seen = 0;
        let reaches = |&(_, count): &(u64, u128)| {
            seen += count;
            seen >= rank
        };
        self.now.iter().map(new).find(reaches).map(|(bound, _)| Duration::from_micros(bound))
    }
}

fn count_of(buckets: &Buckets, bound: u64) -> u64 {
    buckets.iter().find(|it| it.0 == bound).map_or(0, |it| it.1)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn counted(sessions: u64, to_client: u64) -> Counters {
        Counters { sessions, to_client, ..Counters::default() }
    }

    #[test]
    fn a_rate_is_by_the_second_however_long_it_took() {
        let rates = Rates::between(counted(10, 0), counted(20, 5000), 2 * SECOND).unwrap();
        assert_eq!((rates.sessions, rates.to_client, rates.failed), (5.0, 2500.0, 0.0));
        assert_eq!(Rates::between(counted(1, 0), counted(2, 0), Duration::ZERO), None);
    }

    #[test]
    fn counters_that_went_back_give_no_rate_and_the_next_look_one_again() {
        let begin = Instant::now();
        let mut watched = Watched::new(counted(1000, 0), begin);
        watched.look(counted(3, 0), begin + SECOND, 0);
        assert_eq!(watched.rates, None);
        watched.look(counted(5, 0), begin + 2 * SECOND, 0);
        assert_eq!(watched.rates.unwrap().sessions, 2.0);
    }

    fn trend(notes: &[(u64, f64)], number: usize) -> Vec<Option<f64>> {
        let mut trend = Trend::default();
        notes.iter().for_each(|(slot, rate)| trend.note(*slot, *rate));
        trend.last(number).collect()
    }

    #[test]
    fn a_trend_has_the_mean_of_each_slot_and_nothing_where_nothing_is_known() {
        assert_eq!(trend(&[], 2), [None, None]);
        assert_eq!(trend(&[(7, 1.0), (7, 3.0), (9, 5.0)], 4), [None, Some(2.0), None, Some(5.0)]);
        assert_eq!(trend(&[(0, 1.0), (u64::MAX, 2.0)], 2), [None, Some(2.0)]);
        let many: Vec<_> = (0..1000).map(|slot| (slot, slot as f64)).collect();
        assert_eq!(trend(&many, Trend::KEPT)[0], Some(940.0));
    }

    #[test]
    fn percentiles_are_those_of_the_last_seconds_only() {
        let (begin, mut connects) = (Instant::now(), Connects::default());
        connects.look(begin, &vec![(128, 1000)]);
        assert_eq!(connects.percentile(50), None, "all of it was before");
        connects.look(begin + SECOND, &vec![(128, 1000), (6144, 3)]);
        assert_eq!(connects.percentile(50), Some(Duration::from_micros(6144)));
        connects.look(begin + 2 * SECOND, &vec![(128, 1007), (6144, 3)]);
        assert_eq!(connects.percentile(50), Some(Duration::from_micros(128)));
        assert_eq!(connects.percentile(99), Some(Duration::from_micros(6144)));
        (3..30).for_each(|it| connects.look(begin + it * SECOND, &vec![(128, 1007), (6144, 3)]));
        assert_eq!(connects.percentile(50), None);
        assert!(connects.before.len() <= 12);
        connects.look(begin + 30 * SECOND, &vec![(128, 1)]);
        assert_eq!(connects.percentile(50), None, "counts that went back are those of another process");
    }
}
