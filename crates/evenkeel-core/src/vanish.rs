//! When a peer has vanished rather than paused: it leaves unanswered what a live one answers, however little it reads.

use std::time::Duration;

/// What is under way to a peer, and how it answers.
#[derive(Clone, Copy, Debug)]
pub struct UnderWay {
    /// Segments sent and not acknowledged. None while all that waits to be sent waits for a window.
    pub unacked: u32,
    /// Times that the first of them was sent again, since something new was acknowledged.
    pub retransmits: u8,
    /// Probes of a closed window, since the peer answered one.
    pub probes: u8,
    /// From one retransmission to the next.
    pub rto: Duration,
    /// Since the peer acknowledged anything, new or not.
    pub silence: Duration,
}

impl UnderWay {
    /// Whether a peer to which something is under way for as long as `limit` has vanished.
    ///
    /// A live one may be silent for so long between two probes or two retransmissions, up to 120 s apart. It answers
    /// each of them, though: the last one before this moment was less than `rto` ago, and of probes at most the last is
    /// without its answer.
    pub fn has_vanished(&self, limit: Duration) -> bool {
        let unanswered = match self.unacked {
            0 => self.probes >= 2,
            _ => self.retransmits >= 1 && self.silence > self.rto,
        };
        unanswered && self.silence >= limit
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: Duration = Duration::from_secs(60);

    fn seconds(unacked: u32, retransmits: u8, probes: u8, rto: u64, silence: u64) -> UnderWay {
        let [rto, silence] = [rto, silence].map(Duration::from_secs);
        UnderWay { unacked, retransmits, probes, rto, silence }
    }

    #[test]
    fn who_answers_no_retransmission_has_vanished() {
        assert!(seconds(3, 8, 0, 51, 60).has_vanished(LIMIT));
        assert!(!seconds(3, 8, 0, 51, 59).has_vanished(LIMIT), "not for that long");
        assert!(!seconds(3, 0, 0, 1, 90).has_vanished(LIMIT), "nothing was asked again");
    }

    #[test]
    fn who_answers_each_retransmission_without_taking_it_is_there() {
        assert!(!seconds(3, 1, 0, 120, 110).has_vanished(LIMIT), "the next one is due in 10 s");
        assert!(seconds(3, 1, 0, 120, 121).has_vanished(LIMIT));
    }

    #[test]
    fn who_leaves_two_probes_of_a_closed_window_unanswered_has_vanished() {
        assert!(seconds(0, 0, 2, 1, 60).has_vanished(LIMIT));
        assert!(!seconds(0, 0, 1, 1, 119).has_vanished(LIMIT), "the answer may be under way");
        assert!(!seconds(0, 3, 0, 1, 119).has_vanished(LIMIT), "a pause is no absence");
    }
}
