//! Keeps a flood from hiding everything else: of the sessions that end alike in one second the first few that failed are
//! shown, and of those that went well as many as are wanted; the rest are counted.

use evenkeel_core::name::ServiceName;
use evenkeel_core::rate::{Bucket, Rate};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// How long one count lasts.
const WINDOW: Duration = Duration::from_secs(1);

/// What is shown at most, of one service and kind.
#[derive(Clone, Copy, Debug, Default)]
pub struct Limits {
    /// Failures in one window.
    pub failures: Option<u64>,
    /// Sessions that go well, in a second: as many at once, and then evenly.
    pub well: Option<u32>,
}

/// What a session's line tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It failed in this way.
    Failed(&'static str),
    /// It is well; the rest of `… and 3 more`.
    Well(&'static str),
    /// It is well, but not all was as usual: always shown.
    Noteworthy,
}

/// What was not shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeftOut {
    /// Whose sessions.
    pub service: ServiceName,
    /// What became of them.
    pub what: &'static str,
    /// Whether that was a failure.
    pub failed: bool,
    /// How many.
    pub lines: u64,
}

/// Counts what ends alike.
pub struct Floodgate {
    limits: Limits,
    tallies: BTreeMap<(ServiceName, &'static str), Tally>,
    /// When the window ends; `None` while nothing is counted.
    ends: Option<Instant>,
}

/// What there was of one kind in this window.
struct Tally {
    seen: u64,
    shown: u64,
    failed: bool,
    /// For those that go well.
    bucket: Bucket,
}

impl Floodgate {
    /// A gate with these limits.
    pub fn new(limits: Limits) -> Self {
        Self { limits, tallies: BTreeMap::new(), ends: None }
    }

    /// Whether a session of `service` is to be shown.
    pub fn admits(&mut self, now: Instant, service: &ServiceName, kind: Kind) -> bool {
        match (kind, self.limits) {
            (Kind::Failed(word), Limits { failures: Some(most), .. }) => {
                let tally = self.tally(now, service, word, Rate { per_second: 0, burst: 0 });
                tally.failed = true;
                tally.count(|tally| tally.seen <= most)
            }
            (Kind::Well(word), Limits { well: Some(rate), .. }) => {
                let rate = Rate { per_second: rate.into(), burst: rate.into() };
                self.tally(now, service, word, rate).count(|tally| tally.bucket.take(rate, now, 1))
            }
            _ => true,
        }
    }

    fn tally(&mut self, now: Instant, service: &ServiceName, word: &'static str, rate: Rate) -> &mut Tally {
        self.ends.get_or_insert(now + WINDOW);
        let tally = || Tally { seen: 0, shown: 0, failed: false, bucket: Bucket::new(rate, now) };
        self.tallies.entry((service.clone(), word)).or_insert_with(tally)
    }

    /// When [`close`](Self::close) is due.
    pub fn ends(&self) -> Option<Instant> {
        self.ends
    }

    /// Ends the window, and gives what was not shown in it.
    pub fn close(&mut self) -> Vec<LeftOut> {
        self.ends = None;
        // Whoever was not seen for a second would have a full bucket again.
        self.tallies.retain(|_, tally| tally.seen > 0);
        let left_out = self.tallies.iter_mut().filter_map(|((service, word), tally)| {
            let lines = tally.seen - tally.shown;
            (tally.seen, tally.shown) = (0, 0);
            let left_out = LeftOut { service: service.clone(), what: word, failed: tally.failed, lines };
            (lines > 0).then_some(left_out)
        });
        left_out.collect()
    }
}

impl Tally {
    fn count(&mut self, is_shown: impl FnOnce(&mut Self) -> bool) -> bool {
        self.seen += 1;
        let is_shown = is_shown(self);
        self.shown += u64::from(is_shown);
        is_shown
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WELL: Kind = Kind::Well("ended well");

    #[test]
    fn of_what_goes_well_the_rate_is_shown_evenly_and_the_rest_counted() {
        let (mut gate, web) =
            (Floodgate::new(Limits { failures: None, well: Some(10) }), ServiceName::new("web"));
        let start = Instant::now();
        let at = |ms: u64| start + Duration::from_millis(ms);
        let shown: Vec<u64> =
            (0..2000).filter(|&ms| gate.admits(at(ms), &web, WELL)).map(|ms| ms / 100).collect();
        let mut each = [0; 20];
        shown.iter().for_each(|&step| each[step as usize] += 1);
        assert!(each[0] >= 10 && each[1..].iter().all(|&count| count == 1), "{each:?}");
        let left_out = gate.close();
        let expected =
            LeftOut { service: web, what: "ended well", failed: false, lines: 2000 - shown.len() as u64 };
        assert_eq!(left_out, [expected]);
        assert_eq!(gate.close(), []);
    }

    #[test]
    fn what_failed_or_was_not_as_usual_is_never_sampled() {
        let (mut gate, web) =
            (Floodgate::new(Limits { failures: None, well: Some(1) }), ServiceName::new("web"));
        let now = Instant::now();
        assert!((0..1000).all(|_| gate.admits(now, &web, Kind::Failed("refused"))));
        assert!((0..1000).all(|_| gate.admits(now, &web, Kind::Noteworthy)));
        assert_eq!(gate.close(), []);
    }

    #[test]
    fn services_and_kinds_do_not_take_each_others_lines() {
        let mut gate = Floodgate::new(Limits { failures: None, well: Some(1) });
        let (now, web, api) = (Instant::now(), ServiceName::new("web"), ServiceName::new("api"));
        let mut shown = |service, kind| (0..5).filter(|_| gate.admits(now, service, kind)).count();
        assert_eq!(shown(&web, WELL) + shown(&api, WELL) + shown(&web, Kind::Well("opened")), 3);
    }

    #[test]
    fn without_limits_nothing_is_counted() {
        let mut gate = Floodgate::new(Limits::default());
        assert!((0..100).all(|_| gate.admits(Instant::now(), &ServiceName::new("web"), WELL)));
        assert_eq!(gate.ends(), None);
    }
}
