//! What is seen of a connection with a client from outside: what it costs, and whether something has begun and does not end.

use super::PREFACE;
use super::credit::{Credit, Exhausted};
use super::frames::Frames;
use std::time::Instant;

/// Why a stream is reset by us, if it is not the client's fault: `NO_ERROR`, `INTERNAL_ERROR`, `CANCEL`.
const NOBODYS_FAULT: [u32; 3] = [0, 2, 8];

/// A watch over one connection.
#[derive(Debug)]
pub struct Watch {
    came: Frames,
    sent: Frames,
    credit: Credit,
    /// Whether the first frame has come, which belongs to the preface.
    has_begun: bool,
    /// Since when the client is in the middle of something.
    inside_since: Option<Instant>,
    refused: u32,
}

impl Watch {
    /// Over a connection that begins now, with its preface.
    pub fn new(now: Instant) -> Self {
        Self {
            came: Frames::behind(PREFACE.len()),
            sent: Frames::default(),
            credit: Credit::new(now),
            has_begun: false,
            inside_since: Some(now),
            refused: 0,
        }
    }

    /// These bytes have come.
    pub fn on_came(&mut self, bytes: &[u8], now: Instant) -> Result<(), Exhausted> {
        let mut result = Ok(());
        let mut frames = 0;
        self.came.pass(bytes, |frame| {
            frames += 1;
            result = result.and_then(|()| self.credit.on_came(&frame, now));
        });
        let had_begun = self.has_begun;
        self.has_begun |= frames > 0;
        self.inside_since = match self.inside_since {
            _ if self.has_begun && !self.came.is_inside() => None,
            // It has not come to an end since.
            Some(since) if frames == 0 || !had_begun || self.came.is_in_block() => Some(since),
            _ => Some(now),
        };
        result
    }

    /// These are sent.
    pub fn on_sent(&mut self, bytes: &[u8]) {
        self.sent.pass(bytes, |frame| {
            self.credit.on_sent(&frame);
            self.refused += u32::from(frame.resets().is_some_and(|why| !NOBODYS_FAULT.contains(&why)));
        });
    }

    /// Since when the client is in the middle of a frame or a message.
    pub fn inside_since(&self) -> Option<Instant> {
        self.inside_since
    }

    /// How many streams were reset, since it was asked last, because they broke the rules or were too many.
    pub fn take_refused(&mut self) -> u32 {
        std::mem::take(&mut self.refused)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn reset(why: u8) -> [u8; 13] {
        [0, 0, 4, 3, 0, 0, 0, 0, 1, 0, 0, 0, why]
    }

    #[test]
    fn it_is_known_since_when_the_client_has_not_come_to_an_end() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut watch = Watch::new(start);
        assert_eq!(watch.on_came(&PREFACE[..9], at(1)), Ok(()));
        assert_eq!(watch.inside_since(), Some(start), "in its preface");
        assert_eq!(watch.on_came(&PREFACE[9..], at(2)), Ok(()));
        assert_eq!(watch.inside_since(), Some(start), "settings are part of it");
        assert_eq!(watch.on_came(&[0, 0, 0, 4, 0, 0, 0, 0, 0], at(2)), Ok(()));
        assert_eq!(watch.inside_since(), None);
        assert_eq!(watch.on_came(&[0, 0, 1, 1, 0, 0, 0, 0, 1], at(3)), Ok(()));
        assert_eq!(watch.on_came(&[9, 0, 0, 1, 9, 0, 0, 0, 0, 1], at(4)), Ok(()));
        assert_eq!(watch.on_came(&[9], at(5)), Ok(()));
        assert_eq!(watch.inside_since(), Some(at(3)), "in one message, however many frames it is");
        assert_eq!(watch.on_came(&[0, 0, 0, 9, 4, 0, 0, 0, 1, 0], at(6)), Ok(()));
        assert_eq!(watch.inside_since(), Some(at(6)), "in another frame");
    }

    #[test]
    fn streams_that_break_the_rules_are_counted() {
        let mut watch = Watch::new(Instant::now());
        [0, 1, 2, 3, 7, 8].iter().for_each(|why| watch.on_sent(&reset(*why)));
        assert_eq!((watch.take_refused(), watch.take_refused()), (3, 0));
    }

    #[test]
    fn who_only_costs_is_told() {
        let now = Instant::now();
        let mut watch = Watch::new(now);
        watch.on_came(PREFACE, now).unwrap();
        let taken = (0..1000).take_while(|_| watch.on_came(&reset(8), now).is_ok()).count();
        assert_eq!(taken, 200);
    }
}
