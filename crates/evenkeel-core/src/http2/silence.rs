//! Whether a backend that has requests of ours and says nothing is still there. A connection may be dead without a word of it:
//! nothing that goes there comes back, not even a refusal.
//!
//! So it is asked, by a ping (RFC 9113, section 6.7), and any byte is an answer. But not often: servers of gRPC take pings for an
//! attack unless five minutes lie between them, forgive two, and forget those as soon as they say something to a request.

use std::time::{Duration, Instant};

/// When a backend is asked, and when it is given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pings {
    /// How long it may be silent before it is asked.
    pub after: Duration,
    /// How long it may be silent when it was.
    pub within: Duration,
}

/// How long it may be silent at least before it is asked once more, if it was asked before and has said nothing to a request
/// since: the second time, and whenever it is after that.
const AGAIN: [Duration; 2] = [Duration::from_secs(60), Duration::from_secs(310)];

/// How long a backend has been silent on one connection.
#[derive(Clone, Copy, Debug)]
pub struct Silence {
    pings: Option<Pings>,
    /// Since when.
    since: Instant,
    /// When it was asked, in that time.
    asked: Option<Instant>,
    /// How many times it was asked since it said something to a request.
    in_row: usize,
}

/// What is to be done about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Due {
    /// It is to be asked.
    Ping,
    /// It is to be given up.
    End,
}

impl Silence {
    /// On a connection that is made now; without `pings` it may go on for ever.
    pub fn new(pings: Option<Pings>, now: Instant) -> Self {
        Self { pings, since: now, asked: None, in_row: 0 }
    }

    /// Since when.
    pub fn since(&self) -> Instant {
        self.since
    }

    /// The backend has said something.
    pub fn on_came(&mut self, now: Instant) {
        (self.since, self.asked) = (now, None);
    }

    /// It was something to a request: fields, or a piece of a body.
    pub fn on_answered(&mut self) {
        self.in_row = 0;
    }

    /// Whether it was asked and has not answered.
    pub fn is_asked(&self) -> bool {
        self.asked.is_some()
    }

    /// What is due now, if it `owes` us anything. A ping is said with that, and counts from now on.
    pub fn poll(&mut self, owes: bool, now: Instant) -> Option<Due> {
        let due = self.due(owes, now)?;
        if due == Due::Ping {
            self.asked = Some(now);
            self.in_row += 1;
        }
        Some(due)
    }

    /// The same, only to look.
    pub fn due(&self, owes: bool, now: Instant) -> Option<Due> {
        let pings = self.pings?;
        let (at, due) = match self.asked {
            Some(asked) => (asked + pings.within, Due::End),
            None => (self.since + self.wait(pings), Due::Ping),
        };
        (owes && now >= at).then_some(due)
    }

    fn wait(&self, pings: Pings) -> Duration {
        match self.in_row.checked_sub(1) {
            None => pings.after,
            Some(times) => AGAIN[times.min(AGAIN.len() - 1)].max(pings.after),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PINGS: Pings = Pings { after: Duration::from_secs(5), within: Duration::from_secs(10) };

    /// What becomes of a backend that owes us something, in which second, for so many of them: `.` is a byte, `=` one to a
    /// request, and it is silent where the strip is at its end or says ` `. An answered ping is a byte, too.
    fn trace(strip: &str, answers: bool, seconds: u64) -> Vec<(u64, Due)> {
        let start = Instant::now();
        let mut silence = Silence::new(Some(PINGS), start);
        let mut come = strip.chars();
        let mut seen = Vec::new();
        for second in 0..seconds {
            let now = start + Duration::from_secs(second);
            match come.next() {
                Some('.') => silence.on_came(now),
                Some('=') => {
                    silence.on_came(now);
                    silence.on_answered();
                }
                _ => {}
            }
            let due = silence.poll(true, now);
            seen.extend(due.map(|due| (second, due)));
            match due {
                Some(Due::Ping) if answers => silence.on_came(now),
                Some(Due::End) => break,
                _ => {}
            }
        }
        seen
    }

    #[test]
    fn who_is_silent_is_asked_and_given_up() {
        assert_eq!(trace("", false, 100), [(5, Due::Ping), (15, Due::End)]);
        assert_eq!(trace("= =  =", false, 100), [(10, Due::Ping), (20, Due::End)]);
    }

    #[test]
    fn any_byte_is_an_answer() {
        assert_eq!(trace("              .", false, 16), [(5, Due::Ping)]);
    }

    #[test]
    fn nobody_is_asked_while_bytes_come() {
        assert_eq!(trace(&"=    ".repeat(1000), true, 5000), []);
        assert_eq!(trace(&".    ".repeat(1000), true, 5000), []);
    }

    #[test]
    fn who_answers_nothing_but_pings_is_asked_three_times_and_then_hardly_ever() {
        let asked: Vec<_> = trace("", true, 1000).into_iter().map(|(second, _)| second).collect();
        assert_eq!(asked, [5, 65, 375, 685, 995]);
    }

    #[test]
    fn who_says_something_to_a_request_is_asked_as_at_first() {
        let asked: Vec<_> =
            trace("      .   =      =", true, 30).into_iter().map(|(second, _)| second).collect();
        assert_eq!(asked, [5, 15, 22]);
    }

    /// What a server of gRPC does with pings, as its default is.
    #[test]
    fn no_server_of_grpc_has_too_many_of_them() {
        for gap in 1..400 {
            let strip = format!("={}", " ".repeat(gap)).repeat(4000 / gap);
            let answered: Vec<_> =
                strip.match_indices('=').map(|(second, _)| (second as u64, None)).collect();
            let asked = trace(&strip, true, 4000).into_iter().map(|(second, due)| (second, Some(due)));
            let mut all: Vec<_> = answered.into_iter().chain(asked).collect();
            all.sort_by_key(|(second, due)| (*second, due.is_some()));
            let (mut strikes, mut last) = (0, None);
            for (second, due) in all {
                match (due, last) {
                    (None, _) => (strikes, last) = (0, None),
                    (Some(_), Some(before)) if second - before < 300 => strikes += 1,
                    _ => {}
                }
                last = due.map(|_| second).or(last);
                assert!(strikes <= 1, "every {gap} s: two are forgiven");
            }
        }
    }

    #[test]
    fn who_owes_nothing_is_left_alone_and_asked_as_soon_as_it_does() {
        let start = Instant::now();
        let mut silence = Silence::new(Some(PINGS), start);
        let later = start + Duration::from_secs(1000);
        assert_eq!(silence.poll(false, later), None);
        assert_eq!(silence.poll(true, later), Some(Due::Ping));
        assert_eq!((silence.is_asked(), silence.poll(true, later)), (true, None));
    }

    #[test]
    fn without_pings_nobody_is_asked() {
        let start = Instant::now();
        assert_eq!(Silence::new(None, start).poll(true, start + Duration::from_secs(1_000_000)), None);
    }
}
