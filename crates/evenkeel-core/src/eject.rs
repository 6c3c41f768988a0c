//! Passive ejection: how long a backend whose live traffic fails stays out, and when it may go at all.

use crate::dice::Dice;
use crate::live::{Answer, LiveFailure};
use crate::span::after;
use std::time::{Duration, Instant};

/// Passive ejection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EjectionRules {
    /// How often in a row live traffic may fail.
    pub tolerance: Tolerance,
    /// Time out the first time; doubles with each ejection that follows soon.
    pub time: Duration,
    /// Time out at most.
    pub max_time: Duration,
}

/// How often in a row live traffic may fail at a backend; what is 0 may always.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tolerance {
    /// Connects that fail, and requests that are not answered, until that is too many.
    pub failures: u32,
    /// Answers that are errors, until that is too many.
    pub errors: u32,
    /// Which are.
    pub errors_are: Errors,
}

/// Which answers to requests say that a backend cannot serve.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Errors {
    /// 502, 503 and 504: what it needs to answer is missing.
    #[default]
    Gateway,
    /// All from 500 on.
    All,
}

/// What an answer says of the backend that gave it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Word {
    /// It serves.
    Good,
    /// Nothing.
    Nothing,
    /// It does not.
    Bad,
}

impl Tolerance {
    /// So many of this kind in a row are too many; `None`: they are all tolerated.
    pub fn of(&self, failure: LiveFailure) -> Option<u32> {
        let most = match failure {
            LiveFailure::Connect(_) => self.failures,
            LiveFailure::Answer(_) => self.errors,
        };
        (most != 0).then_some(most)
    }

    /// What `answer` says.
    pub fn judge(&self, answer: Answer) -> Word {
        match answer.counts_as() {
            502..=504 => Word::Bad,
            ..500 => Word::Good,
            _ if self.errors_are == Errors::All => Word::Bad,
            // The fault may be the request's: it neither counts nor makes good what did.
            _ => Word::Nothing,
        }
    }
}

/// The ejections of one backend, present and past.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ejection {
    /// When the present one is over.
    until: Option<Instant>,
    /// When the last one was over.
    returned: Option<Instant>,
    /// How often the time of the last one had been doubled.
    doublings: u32,
    /// Checks that passed in a row during the present one.
    passes: u32,
    /// Whether it was for answers, which only a check that asks for one can contradict.
    for_answers: bool,
}

/// The same as plain data, for another process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PackedEjection {
    /// When the present one is over.
    pub until: Option<Instant>,
    /// When the last one was over.
    pub returned: Option<Instant>,
    /// How often the time of the last one had been doubled.
    pub doublings: u32,
    /// Checks that passed in a row during the present one.
    pub passes: u32,
    /// Whether it was for answers.
    pub for_answers: bool,
}

impl From<PackedEjection> for Ejection {
    fn from(packed: PackedEjection) -> Self {
        let PackedEjection { until, returned, doublings, passes, for_answers } = packed;
        Self { until, returned, doublings, passes, for_answers }
    }
}

impl Ejection {
    /// Everything about it as plain data.
    pub fn pack(&self) -> PackedEjection {
        let Self { until, returned, doublings, passes, for_answers } = *self;
        PackedEjection { until, returned, doublings, passes, for_answers }
    }

    /// When the backend returns, if it is out.
    pub fn until(&self) -> Option<Instant> {
        self.until
    }

    /// Whether checks that pass may end it: if it does not follow soon on another one, and they ask what it was for.
    pub fn may_end_early(&self, check_asks_for_answers: bool) -> bool {
        self.doublings == 0 && (check_asks_for_answers || !self.for_answers)
    }

    /// Takes the backend out for `failure`, and says for how long.
    ///
    /// The time doubles with every ejection that follows soon on a return, up to `max_time`; every whole `max_time`
    /// in between takes one doubling back.
    pub fn eject(
        &mut self,
        now: Instant,
        rules: &EjectionRules,
        failure: LiveFailure,
        dice: &mut Dice,
    ) -> Duration {
        if let Some(returned) = self.returned {
            let at_most = time_out(rules, self.doublings) >= rules.max_time;
            let doublings = if at_most { self.doublings } else { self.doublings + 1 };
            let quiet = now.saturating_duration_since(returned).as_nanos() / rules.max_time.as_nanos().max(1);
            self.doublings = doublings.saturating_sub(u32::try_from(quiet).unwrap_or(u32::MAX));
        }
        let time = dice.jitter(time_out(rules, self.doublings));
        self.until = Some(after(now, time));
        self.passes = 0;
        self.for_answers = matches!(failure, LiveFailure::Answer(_));
        time
    }

    /// Counts a check, made at the very address that live traffic goes to, of a backend that is out. Says whether
    /// the backend should return at once: `rise` passes in a row prove what the ejection doubted.
    ///
    /// That holds for the first ejection only. When live traffic failed again soon after, the check has shown that
    /// it sees less than the traffic does, and the backend sits its time out. So it does when it was out for what it
    /// answered, and the check asks for no answer.
    pub fn observe(&mut self, passed: bool, rise: u32, asks_for_answers: bool) -> bool {
        self.passes = if passed { self.passes + 1 } else { 0 };
        passed && self.passes >= rise && self.may_end_early(asks_for_answers)
    }

    /// The backend is not out any more.
    pub fn end(&mut self, now: Instant) {
        if self.until.take().is_some() {
            self.returned = Some(now);
        }
    }
}

fn time_out(rules: &EjectionRules, doublings: u32) -> Duration {
    let factor = 1_u32.checked_shl(doublings).unwrap_or(u32::MAX);
    rules.time.saturating_mul(factor).min(rules.max_time)
}

/// Whether one of the `usable` backends, of `total` in the pool, may be ejected on the word of live traffic.
///
/// At least one always stays. More than half of the pool leaves only when the active check agrees about the one that
/// is to go (`check_agrees`): a fault that all have in common is more likely to be ours.
pub fn may_eject(usable: usize, total: usize, check_agrees: bool) -> bool {
    let out = total.saturating_sub(usable) + 1;
    usable >= 2 && (check_agrees || out * 2 <= total)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attempt::ConnectFailure;
    use crate::http::grpc::Status;

    const TOLERANCE: Tolerance = Tolerance { failures: 3, errors: 5, errors_are: Errors::Gateway };

    const RULES: EjectionRules = EjectionRules {
        tolerance: TOLERANCE,
        time: Duration::from_secs(5),
        max_time: Duration::from_secs(60),
    };

    const REFUSED: LiveFailure = LiveFailure::Connect(ConnectFailure::Refused);

    #[test]
    fn an_answer_speaks_for_a_backend_against_it_or_not_at_all() {
        let answers = [101, 200, 404, 499, 500, 501, 502, 503, 504, 505, 599].map(Answer::Http);
        assert_eq!(words(Errors::Gateway, answers), "++++..---..");
        assert_eq!(words(Errors::All, answers), "++++-------");
    }

    #[test]
    fn a_call_that_ends_as_unavailable_speaks_against_a_backend_and_no_deadline_that_clients_choose_does() {
        let calls = Status::ALL.map(Answer::Grpc);
        assert_eq!(words(Errors::Gateway, calls), "++.+.+++++++..-.+");
        assert_eq!(words(Errors::All, calls), "++-+-+++++++----+");
    }

    #[test]
    fn one_that_is_out_for_its_answers_is_not_back_for_a_check_that_asks_for_none() {
        let strip = |asks: bool| {
            let mut ejection = Ejection::default();
            ejection.eject(Instant::now(), &RULES, LiveFailure::Answer(Answer::Http(503)), &mut Dice::new(1));
            [true, true].map(|passed| ejection.observe(passed, 2, asks))
        };
        assert_eq!((strip(false), strip(true)), ([false, false], [false, true]));
    }

    #[test]
    fn time_doubles_up_to_the_longest_while_ejections_follow_soon() {
        assert_eq!(times(&[0, 0, 0, 0, 0, 0]), [5, 10, 20, 40, 60, 60]);
    }

    #[test]
    fn quiet_times_take_doublings_back_one_by_one() {
        assert_eq!(times(&[0, 0, 0, 59, 61, 121, 600]), [5, 10, 20, 40, 40, 20, 5]);
        assert_eq!(times(&[0, 0, 0, 0, 0, 0, 0, 0, 121]), [5, 10, 20, 40, 60, 60, 60, 60, 20]);
    }

    #[test]
    fn the_time_is_jittered_by_a_tenth() {
        let mut dice = Dice::new(1);
        let now = Instant::now();
        let times: Vec<_> =
            (0..200).map(|_| Ejection::default().eject(now, &RULES, REFUSED, &mut dice)).collect();
        let (least, most) = (times.iter().min().unwrap(), times.iter().max().unwrap());
        assert!(*least >= Duration::from_millis(4500) && *least < Duration::from_millis(4600));
        assert!(*most <= Duration::from_millis(5500) && *most > Duration::from_millis(5400));
    }

    #[test]
    fn passes_in_a_row_end_the_first_ejection_but_not_one_that_follows_soon() {
        let mut ejection = Ejection::default();
        let (now, mut dice) = (Instant::now(), Dice::new(1));
        let mut strip = |ejection: &mut Ejection| -> Vec<bool> {
            ejection.eject(now, &RULES, REFUSED, &mut dice);
            [true, false, true, true].map(|passed| ejection.observe(passed, 2, false)).into()
        };
        assert_eq!(strip(&mut ejection), [false, false, false, true]);
        ejection.end(now);
        assert_eq!(strip(&mut ejection), [false, false, false, false]);
    }

    #[test]
    fn one_always_stays_and_half_leave_unless_the_check_agrees() {
        let most = |total: usize, check_agrees| {
            (0..total).take_while(|out| may_eject(total - out, total, check_agrees)).count()
        };
        assert_eq!([1, 2, 3, 4, 5, 10].map(|total| most(total, false)), [0, 1, 1, 2, 2, 5]);
        assert_eq!([1, 2, 3, 4, 5, 10].map(|total| most(total, true)), [0, 1, 2, 3, 4, 9]);
    }

    /// What these answers say: good, bad or nothing.
    fn words<const N: usize>(errors_are: Errors, answers: [Answer; N]) -> String {
        let tolerance = Tolerance { errors_are, ..TOLERANCE };
        String::from_iter(answers.map(|answer| match tolerance.judge(answer) {
            Word::Good => '+',
            Word::Nothing => '.',
            Word::Bad => '-',
        }))
    }

    /// Whole seconds out, one ejection after each of these quiet times in seconds.
    fn times(quiet: &[u64]) -> Vec<u64> {
        let (mut ejection, mut dice, mut now) = (Ejection::default(), Dice::new(1), Instant::now());
        let rounded = |time: Duration| {
            [5, 10, 20, 40, 60].into_iter().min_by_key(|&it| Duration::from_secs(it).abs_diff(time)).unwrap()
        };
        quiet
            .iter()
            .map(|&quiet| {
                now += Duration::from_secs(quiet);
                let time = ejection.eject(now, &RULES, REFUSED, &mut dice);
                now += time;
                ejection.end(now);
                rounded(time)
            })
            .collect()
    }
}
