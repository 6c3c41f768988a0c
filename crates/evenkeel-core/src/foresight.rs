//! Whether a session goes without its sockets being watched.
//!
//! To have the kernel tell of two sockets costs as much as ten reads that find nothing. Where a worker has much to do, whoever was
//! just served has mostly answered when it comes round again; so it asks in its next turns, and has the sockets watched
//! only when the answer keeps it waiting. A short session is over before that.

use crate::side::Side;
use std::fmt;
use std::num::NonZeroU8;

/// How often in a row the sides are asked in vain before both are watched. Several times is still less than that costs.
const ASKS_MAX: u8 = 6;

/// With so much to look after in a turn, there is time for an answer before the next one comes.
const CROWD: usize = 4;

/// What a session tells that was never watched, against one that had to be after all: asking in vain costs less than is saved.
const RIGHT: i16 = 2;
const WRONG: i16 = 1;

/// How sure anybody can be that it pays; and that it does not, which is to be found out sooner again.
const SURE: i16 = 64;
const UNSURE: i16 = -16;

/// Sessions for one trial, where it does not pay.
const TRIAL: u8 = 32;

/// Who is asked next in a session that nobody watches: its sides in turn, since who has been served is the next to speak. It
/// takes one byte, also where there may be none.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Expected(NonZeroU8);

impl Expected {
    /// This `side` is, in a session that begins.
    pub fn from(side: Side) -> Self {
        Self::new(side, 0)
    }

    /// This `side`, after anybody was asked in vain so often in a row.
    fn new(side: Side, in_vain: u8) -> Self {
        Self(NonZeroU8::MIN.saturating_add(in_vain << 1 | u8::from(side == Side::Backend)))
    }

    /// The client or the backend.
    pub fn side(self) -> Side {
        if (self.0.get() - 1) & 1 == 0 { Side::Client } else { Side::Backend }
    }

    fn in_vain(self) -> u8 {
        (self.0.get() - 1) >> 1
    }

    /// It was asked, and has said something or not; it is the turn of `next`. `None`: both are to be watched.
    pub fn on_asked(self, has_spoken: bool, next: Side) -> Option<Self> {
        let in_vain = if has_spoken { 0 } else { self.in_vain() + 1 };
        (in_vain < ASKS_MAX).then_some(Self::new(next, in_vain))
    }
}

impl fmt::Debug for Expected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}, after {} in vain", self.side(), self.in_vain())
    }
}

/// What a worker has learnt of how soon its sessions are answered.
#[derive(Clone, Copy, Debug, Default)]
pub struct Foresight {
    /// Below zero where it does not pay.
    score: i16,
    /// Sessions since the last trial.
    since_trial: u8,
}

impl Foresight {
    /// A session begins in a turn with so much to look after: whether it goes unwatched.
    pub fn on_session(&mut self, crowd: usize) -> bool {
        if crowd < CROWD {
            return false;
        }
        self.since_trial = (self.since_trial + 1) % TRIAL;
        self.score >= 0 || self.since_trial == 0
    }

    /// A session that went unwatched ended so, or `had_to_be_watched`.
    pub fn on_outcome(&mut self, had_to_be_watched: bool) {
        let by = if had_to_be_watched { -WRONG } else { RIGHT };
        self.score = (self.score + by).clamp(UNSURE, SURE);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sides_that_say_nothing_are_asked_in_turn_some_times_and_as_often_after_one_has_spoken() {
        let mut expected = Expected::from(Side::Client);
        for _ in 0..2 {
            for turn in 1..ASKS_MAX {
                let next = if turn % 2 == 0 { Side::Client } else { Side::Backend };
                expected = expected.on_asked(false, next).unwrap();
                assert_eq!(expected.side(), next);
            }
            assert_eq!(expected.on_asked(false, Side::Client), None);
            expected = expected.on_asked(true, Side::Client).unwrap();
            assert_eq!(expected, Expected::from(Side::Client));
        }
        assert_eq!(size_of::<Option<Expected>>(), 1);
    }

    /// How many of a thousand sessions go unwatched, of which so many of a hundred are answered in time.
    fn unwatched(foresight: &mut Foresight, in_time: usize) -> usize {
        let begins = |number: &usize| {
            let is_unwatched = foresight.on_session(CROWD);
            if is_unwatched {
                foresight.on_outcome(number % 100 >= in_time);
            }
            is_unwatched
        };
        (0..1000).filter(begins).count()
    }

    #[test]
    fn where_sessions_are_answered_in_time_all_go_unwatched_else_hardly_any() {
        let mut foresight = Foresight::default();
        assert_eq!(unwatched(&mut foresight, 100), 1000);
        assert!((900..=1000).contains(&unwatched(&mut foresight, 60)));
        let while_it_learns = unwatched(&mut foresight, 0);
        assert!(while_it_learns < 200, "{while_it_learns}");
        let while_it_pays_not = unwatched(&mut foresight, 0);
        assert!((20..40).contains(&while_it_pays_not), "{while_it_pays_not}");
        unwatched(&mut foresight, 100);
        assert_eq!(unwatched(&mut foresight, 100), 1000);
    }

    #[test]
    fn who_has_nothing_else_to_do_watches() {
        let mut foresight = Foresight::default();
        assert!((0..CROWD).all(|crowd| !foresight.on_session(crowd)));
        assert!(foresight.on_session(CROWD) && foresight.on_session(1000));
    }
}
