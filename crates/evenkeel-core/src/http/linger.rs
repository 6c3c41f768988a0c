//! How long a connection is kept after its last answer while its client goes on speaking: one that is closed with bytes unread
//! is reset, which would overtake what the client has not taken yet.

use std::time::{Duration, Instant};

/// How long a client that has taken all may go on.
const LINGER: Duration = Duration::from_secs(2);

/// Bytes that it may say in that time.
const LINGER_BYTES: usize = 256 * 1024;

/// How often to look how much it has taken: nothing tells of that.
const LOOK: Duration = Duration::from_millis(100);

/// A connection that is to be closed. Tell it of each turn in which the client was heard.
#[derive(Debug)]
pub struct Linger {
    /// Bytes that the client had not taken when it was looked last.
    queued: usize,
    /// Since when it has taken none of them.
    taken: Instant,
    /// From some bytes that it takes to the next, at most.
    pause: Duration,
    /// Since when it has all, and what it has said since then.
    idle: Option<(Instant, usize)>,
}

impl Linger {
    /// From `now` on, for a client that may `pause` for so long.
    pub fn new(now: Instant, pause: Duration) -> Self {
        Self { queued: usize::MAX, taken: now, pause, idle: None }
    }

    /// The client has not taken `queued` bytes, and said these more: when to look again; `None`: it was waited for long enough.
    pub fn handle_turn(&mut self, now: Instant, queued: usize, heard: usize) -> Option<Instant> {
        let next = match queued {
            0 => {
                let (since, said) = self.idle.get_or_insert((now, 0));
                *said += heard;
                (*said <= LINGER_BYTES).then_some(*since + LINGER)?
            }
            _ => {
                if queued < self.queued {
                    (self.queued, self.taken) = (queued, now);
                }
                (self.taken + self.pause).min(now + LOOK)
            }
        };
        Some(next).filter(|at| now < *at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[expect(clippy::disallowed_methods, reason = "where a virtual clock begins does not matter")]
    fn linger(pause: u64) -> (Instant, Linger) {
        let now = Instant::now();
        (now, Linger::new(now, Duration::from_millis(pause)))
    }

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn who_takes_what_it_was_told_is_waited_for_whatever_it_says() {
        let (start, mut linger) = linger(1000);
        for turn in 0..100_u32 {
            let now = start + turn * 900 * MS;
            let next = linger.handle_turn(now, 1000 - turn as usize, LINGER_BYTES);
            assert_eq!(next, Some(now + LOOK), "turn {turn}");
        }
    }

    #[test]
    fn who_takes_nothing_is_given_up_after_a_pause() {
        let (start, mut linger) = linger(1000);
        assert!(linger.handle_turn(start, 10, 0).is_some());
        assert_eq!(linger.handle_turn(start + 950 * MS, 10, 5), Some(start + 1000 * MS));
        assert_eq!(linger.handle_turn(start + 1000 * MS, 10, 5), None);
    }

    #[test]
    fn who_has_all_may_go_on_for_a_moment() {
        let (start, mut linger) = linger(1000);
        assert_eq!(linger.handle_turn(start, 0, 0), Some(start + LINGER));
        assert_eq!(linger.handle_turn(start + LINGER - MS, 0, LINGER_BYTES), Some(start + LINGER));
        assert_eq!(linger.handle_turn(start + LINGER, 0, 0), None, "that time is over");
        let (start, mut linger) = self::linger(1000);
        assert_eq!(linger.handle_turn(start, 0, LINGER_BYTES + 1), None, "or has said too much");
    }
}
