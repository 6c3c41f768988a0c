//! What a client of HTTP/2 may cost without being of use: frames that carry nothing are cheap to send, and not to take.
//!
//! Each costs some of the connection's credit; answers, bodies and time give it back. Who has used up all of it is told to calm
//! down, and is gone. That is one rule for streams that are opened only to be reset, and for floods of settings, pings,
//! priorities, windows, continuations and empty pieces of bodies.

use super::frame::{Head, Kind};
use std::time::{Duration, Instant};

/// What a connection has at first, and at most.
const MOST: u32 = 4000;

/// So much comes back in a second.
const PER_SECOND: u64 = 50;

/// A stream that is reset: somebody may have begun to answer.
const RESET: u32 = 20;

/// What has to be answered, or goes on with what should be short; and a stream that we have to reset.
const BOTHER: u32 = 10;

/// What is only to be read.
const NOISE: u32 = 2;

/// Bytes of bodies that bring back 1. A piece that carries something costs nothing, however small it is: messages are, and there
/// is room for no more of them than is taken.
const BYTES: u32 = 1024;

/// The credit of one connection.
#[derive(Clone, Copy, Debug)]
pub struct Credit {
    left: u32,
    is_exhausted: bool,
    /// Up to when time has been counted.
    at: Instant,
}

/// All is used up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exhausted;

impl Credit {
    /// That of a connection that begins now.
    pub fn new(now: Instant) -> Self {
        Self { left: MOST, is_exhausted: false, at: now }
    }

    /// The client has sent `frame`, which carries so many bytes of a body.
    pub fn on_came(&mut self, frame: Head, carries: u32, now: Instant) -> Result<(), Exhausted> {
        self.gain_by_time(now);
        match cost(frame, carries) {
            0 => self.gain(carries / BYTES),
            cost => self.spend(cost),
        }
        if self.is_exhausted { Err(Exhausted) } else { Ok(()) }
    }

    /// A stream had to be reset for the client's fault, which shows with its next frame if that was too much.
    pub fn on_broken(&mut self) {
        self.spend(BOTHER);
    }

    /// A message that was none had to be read, and the client told so: the end of that gives nothing back.
    pub fn on_refused(&mut self) {
        self.spend(RESET + BOTHER);
    }

    fn spend(&mut self, cost: u32) {
        self.is_exhausted |= cost > self.left;
        self.left = self.left.saturating_sub(cost);
    }

    /// The client is sent a piece of a body: it has to make room for the next ones, and may measure how long they take.
    pub fn on_body_sent(&mut self) {
        self.gain(BOTHER);
    }

    /// The client is sent the end of a stream.
    pub fn on_end_sent(&mut self) {
        self.gain(RESET);
    }

    fn gain_by_time(&mut self, now: Instant) {
        let passed = now.saturating_duration_since(self.at);
        let gained = passed.as_millis() as u64 * PER_SECOND / 1000;
        if gained > 0 {
            self.at += Duration::from_millis(gained * 1000 / PER_SECOND);
            self.gain(u32::try_from(gained).unwrap_or(u32::MAX));
        }
    }

    fn gain(&mut self, much: u32) {
        self.left = self.left.saturating_add(much).min(MOST);
    }
}

fn cost(frame: Head, carries: u32) -> u32 {
    match frame.kind {
        Kind::Data if carries == 0 && !frame.ends_stream() => BOTHER,
        // A push is answered by the end.
        Kind::Data | Kind::Headers | Kind::GoAway | Kind::Push => 0,
        Kind::Reset => RESET,
        Kind::Settings | Kind::Ping | Kind::Continuation => BOTHER,
        Kind::Priority | Kind::WindowUpdate | Kind::Other => NOISE,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(kind: Kind, flags: u8) -> Head {
        Head { kind, flags, length: 9, stream: 1 }
    }

    /// How many of these are taken from somebody who sends nothing else.
    fn taken(frame: Head, carries: u32) -> u32 {
        let now = Instant::now();
        let mut credit = Credit::new(now);
        (0..1_000_000).take_while(|_| credit.on_came(frame, carries, now).is_ok()).count() as u32
    }

    #[test]
    fn each_flood_comes_to_an_end() {
        assert_eq!(taken(frame(Kind::Reset, 0), 0), 200);
        for kind in [Kind::Ping, Kind::Settings, Kind::Continuation] {
            assert_eq!(taken(frame(kind, 0), 0), 400);
        }
        for kind in [Kind::Priority, Kind::WindowUpdate, Kind::Other] {
            assert_eq!(taken(frame(kind, 0), 0), 2000);
        }
        assert_eq!(taken(frame(Kind::Data, 0), 0), 400, "empty, or padding");
    }

    #[test]
    fn what_is_of_use_is_not_counted() {
        for (frame, carries) in [
            (frame(Kind::Data, 0), 1000),
            (frame(Kind::Data, 0), 1),
            (frame(Kind::Data, 0x1), 0),
            (frame(Kind::Headers, 0x5), 0),
        ] {
            assert_eq!(taken(frame, carries), 1_000_000);
        }
    }

    #[test]
    fn streams_that_break_the_rules_come_to_an_end() {
        let now = Instant::now();
        let mut credit = Credit::new(now);
        let asked = (0..1000).take_while(|_| {
            credit.on_broken();
            credit.on_came(frame(Kind::Headers, 0x5), 0, now).is_ok()
        });
        assert_eq!(asked.count(), 400);
    }

    #[test]
    fn who_is_answered_may_reset_as_many_and_who_is_sent_bodies_may_make_room() {
        let now = Instant::now();
        let mut credit = Credit::new(now);
        for _ in 0..10_000 {
            credit.on_end_sent();
            assert_eq!(credit.on_came(frame(Kind::Reset, 0), 0, now), Ok(()));
            credit.on_body_sent();
            for _ in 0..4 {
                assert_eq!(credit.on_came(frame(Kind::WindowUpdate, 0), 0, now), Ok(()));
            }
        }
    }

    #[test]
    fn time_brings_it_back_up_to_a_limit() {
        let mut now = Instant::now();
        let mut credit = Credit::new(now);
        let ping = frame(Kind::Ping, 0);
        for _ in 0..100_000 {
            now += Duration::from_millis(200);
            assert_eq!(credit.on_came(ping, 0, now), Ok(()), "five in a second");
        }
        now += Duration::from_secs(1_000_000);
        let more = (0..1000).take_while(|_| credit.on_came(ping, 0, now).is_ok()).count();
        assert_eq!(more, 400);
    }
}
