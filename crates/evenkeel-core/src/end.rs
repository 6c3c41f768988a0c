//! How a session can end, and whose doing it was.

use crate::attempt::ConnectFailure;
use crate::rejection::Rejection;
use crate::side::Side;
use std::fmt;
use std::ops::Range;

/// How a session ended. Every session ends in exactly one of these ways.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// Both sides closed in order; the given side did so first.
    Closed(Side),
    /// The given side reset the connection, or wrote no more after the other had.
    Reset(Side),
    /// The given side vanished: it did not answer keepalive, or what was sent to it.
    Vanished(Side),
    /// What the given side sent under TLS could not be read.
    Garbled(Side),
    /// No byte in either direction for `timeout.idle`.
    Idle,
    /// One side was closed, and the other sent nothing for `timeout.half-close`.
    HalfClosed,
    /// `timeout.lifetime` was over.
    Lifetime,
    /// We are stopping, and `drain` was over.
    Drained,
    /// We were told to stop at once.
    Stopped,
    /// An operator wanted this session closed.
    Ordered,
    /// Every connect attempt failed; the last one like this.
    NotConnected(ConnectFailure),
    /// The client was not let in.
    Rejected(Rejection),
    /// No backend may take traffic.
    NoBackend,
    /// Every backend is at its cap, and the queue is full.
    QueueFull,
    /// Every backend was at its cap for `timeout.queue`.
    QueueTimeout,
    /// The client left before a backend was found.
    ClientLeft,
    /// An authority that gives out certificates asked whether a name leads here, and was answered.
    Proved,
    /// Something of ours failed (descriptors, memory); the errno.
    Failed(i32),
    /// A defect of evenkeel: its code panicked.
    Panicked,
    /// A flow was quiet for its time: nobody says that it is over.
    FlowIdle,
    /// A flow got as many answers as it was to get.
    Answered,
    /// Nothing came back for a flow in its time.
    Unanswered,
    /// A flow had to make room for another one.
    Evicted,
    /// A stream of HTTP/2 was to be relayed, and there was no room for another session in this process.
    Ceiling,
}

impl From<Rejection> for End {
    fn from(rejection: Rejection) -> Self {
        Self::Rejected(rejection)
    }
}

impl End {
    /// The words of all ends but those of connects that failed and of clients that were not let in, which are
    /// [`ConnectFailure::WORDS`] and [`Rejection::WORDS`]; and whether it is a failure. What the client did is none, nor what a
    /// limit or an operator wanted.
    const OWN: [(&str, bool); 25] = [
        ("ok", false),
        ("client-reset", false),
        ("backend-reset", true),
        ("client-vanished", false),
        ("backend-vanished", true),
        ("idle", false),
        ("half-close", false),
        ("lifetime", false),
        ("drain", false),
        ("stop", false),
        ("order", false),
        ("no-backend", true),
        ("queue-full", true),
        ("queue-timeout", true),
        ("client-left", false),
        ("failed", true),
        ("panic", true),
        ("client-garbled", false),
        ("backend-garbled", true),
        ("flow-idle", false),
        ("answered", false),
        ("unanswered", true),
        ("evicted", false),
        ("acme-challenge", false),
        ("ceiling", true),
    ];

    /// Which of the [`words`](Self::words) are those of connects that failed.
    pub const NOT_CONNECTED: Range<usize> = Self::OWN.len()..Self::OWN.len() + ConnectFailure::WORDS.len();

    /// How many words there are.
    pub const WORDS: usize = Self::OWN.len() + ConnectFailure::WORDS.len() + Rejection::WORDS.len();

    /// The words of all ends, in the order of [`index`](Self::index).
    pub fn words() -> impl Iterator<Item = &'static str> {
        Self::OWN.into_iter().map(|(word, _)| word).chain(ConnectFailure::WORDS).chain(Rejection::WORDS)
    }

    /// The one word that names this end in logs and metrics.
    pub fn word(&self) -> &'static str {
        match self {
            Self::NotConnected(failure) => failure.word(),
            Self::Rejected(rejection) => rejection.word(),
            _ => Self::OWN[self.index()].0,
        }
    }

    /// Which of the [`words`](Self::words) is its.
    pub fn index(&self) -> usize {
        match self {
            Self::Closed(_) => 0,
            Self::Reset(Side::Client) => 1,
            Self::Reset(_) => 2,
            Self::Vanished(Side::Client) => 3,
            Self::Vanished(_) => 4,
            Self::Idle => 5,
            Self::HalfClosed => 6,
            Self::Lifetime => 7,
            Self::Drained => 8,
            Self::Stopped => 9,
            Self::Ordered => 10,
            Self::NoBackend => 11,
            Self::QueueFull => 12,
            Self::QueueTimeout => 13,
            Self::ClientLeft => 14,
            Self::Failed(_) => 15,
            Self::Panicked => 16,
            Self::Garbled(Side::Client) => 17,
            Self::Garbled(_) => 18,
            Self::FlowIdle => 19,
            Self::Answered => 20,
            Self::Unanswered => 21,
            Self::Evicted => 22,
            Self::Proved => 23,
            Self::Ceiling => 24,
            Self::NotConnected(failure) => Self::OWN.len() + failure.index(),
            Self::Rejected(rejection) => Self::OWN.len() + ConnectFailure::WORDS.len() + rejection.index(),
        }
    }

    /// How many of `ends`, counted by [`index`](Self::index), are failures: a client was not served as it should have been,
    /// and that was not its own doing, nor wanted.
    pub fn failures(ends: &[u64; Self::WORDS]) -> u64 {
        let own = Self::OWN.iter().zip(ends).filter(|((_, is_failure), _)| *is_failure);
        let rejected = &ends[Self::NOT_CONNECTED.end..];
        own.map(|(_, count)| count).chain(&ends[Self::NOT_CONNECTED]).sum::<u64>()
            + rejected[Rejection::FAILURE]
    }

    /// Who ended it.
    pub fn by(&self) -> Side {
        match self {
            Self::Closed(side) | Self::Reset(side) | Self::Vanished(side) | Self::Garbled(side) => *side,
            Self::NotConnected(failure) => failure.fault(),
            Self::Rejected(rejection) => rejection.by(),
            Self::ClientLeft | Self::Proved => Side::Client,
            Self::NoBackend | Self::Answered | Self::Unanswered => Side::Backend,
            Self::Idle
            | Self::FlowIdle
            | Self::Evicted
            | Self::HalfClosed
            | Self::Lifetime
            | Self::Drained
            | Self::Stopped
            | Self::Ordered
            | Self::QueueFull
            | Self::QueueTimeout
            | Self::Ceiling
            | Self::Failed(_)
            | Self::Panicked => Side::Evenkeel,
        }
    }

    /// Whether it went as it should until nobody had more to say: nothing here needs looking into.
    pub fn is_ok(&self) -> bool {
        matches!(self, Self::Closed(_) | Self::FlowIdle | Self::Answered | Self::Proved)
    }
}

/// What happened, for a person; without whose doing it was where that is told beside it.
impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Closed(side) => return write!(f, "both sides closed in order, the {side} first"),
            Self::Reset(side) => return write!(f, "the {side} reset the connection"),
            Self::Vanished(side) => return write!(f, "the {side} vanished: it answered nothing any more"),
            Self::Garbled(side) => return write!(f, "what the {side} sent is no TLS that could be read"),
            Self::NotConnected(failure) => return write!(f, "no backend could be reached: {failure}"),
            Self::Rejected(rejection) => return rejection.fmt(f),
            Self::Failed(errno) => return write!(f, "evenkeel lacked something: errno {errno}"),
            Self::Idle => "no byte moved for `timeout.idle`",
            Self::HalfClosed => "one side had closed, and the other sent nothing for `timeout.half-close`",
            Self::Lifetime => "`timeout.lifetime` was over",
            Self::Drained => "the time to drain was over",
            Self::Stopped => "evenkeel was ended at once",
            Self::Ordered => "an operator had it closed",
            Self::NoBackend => "no backend may take traffic",
            Self::QueueFull => "every backend was at its cap, and the queue was full",
            Self::QueueTimeout => "every backend was at its cap for `timeout.queue`",
            Self::ClientLeft => "the client left before a backend was found",
            Self::Proved => "a certificate authority was shown that the name leads here",
            Self::Panicked => "a defect of evenkeel",
            Self::FlowIdle => "no datagram came for `timeout.flow`",
            Self::Answered => "the backend had answered as often as `answers` says",
            Self::Unanswered => "nothing came back for `timeout.unanswered`",
            Self::Evicted => "it made room for another flow",
            Self::Ceiling => "the process had as many sessions as `max-sessions` allows",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::objection::Reason;

    #[test]
    fn every_end_has_a_word_of_its_own() {
        let words: Vec<_> = End::words().collect();
        assert_eq!(words.len(), End::WORDS);
        let mut distinct = words.clone();
        distinct.sort_unstable();
        distinct.dedup();
        assert_eq!(distinct.len(), words.len());
        for end in [End::Panicked, End::Ordered, End::Closed(Side::Client), End::Vanished(Side::Backend)] {
            assert_eq!(words[end.index()], end.word());
        }
        let failed = End::NotConnected(ConnectFailure::Other(1));
        assert_eq!(words[failed.index()], "connect-failed");
        assert_eq!(words[End::NOT_CONNECTED], ConnectFailure::WORDS);
        for reason in Reason::ALL {
            assert_eq!(words[End::Rejected(Rejection::NotAdmitted(reason)).index()], reason.word());
        }
        let last = End::Rejected(Rejection::NoRoom);
        assert_eq!((words[last.index()], last.index()), ("early-bytes", End::WORDS - 1));
    }

    #[test]
    fn what_clients_do_and_what_is_wanted_is_no_failure() {
        let is_failure = |index: usize| End::failures(&std::array::from_fn(|it| u64::from(it == index))) == 1;
        for end in [End::Reset(Side::Backend), End::NoBackend, End::QueueFull, End::Failed(24), End::Panicked]
        {
            assert!(is_failure(end.index()), "{end}");
        }
        assert!(End::NOT_CONNECTED.clone().all(is_failure));
        // Of those who were not let in, whoever found no room was wronged.
        let rejected: Vec<_> = (End::NOT_CONNECTED.end..End::WORDS).filter(|it| is_failure(*it)).collect();
        assert_eq!(rejected, [End::Rejected(Rejection::NoRoom).index()]);
        for end in
            [End::Closed(Side::Backend), End::Reset(Side::Client), End::ClientLeft, End::Idle, End::Ordered]
        {
            assert!(!is_failure(end.index()), "{end}");
        }
    }
}
