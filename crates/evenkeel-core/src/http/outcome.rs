//! What becomes of a request, and what a client is told when it is none that a backend has said.

use super::failing::Failing;
use super::refusal::Refusal;
use crate::attempt::ConnectFailure;
use crate::end::End;
use crate::side::Side;
use std::fmt;

/// What became of a request. Every request comes to exactly one of these.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The client has the whole answer.
    Answered,
    /// The client has what a rule of ours answers.
    Ruled,
    /// The connection carries another protocol from now on.
    Upgraded,
    /// It was refused.
    Refused(Refusal),
    /// The backend did not answer.
    Unanswered(Failing),
    /// No backend could be reached, or none had room.
    Unserved(End),
    /// The client left before it had the answer.
    ClientLeft,
    /// The backend left in the middle of its answer.
    CutShort,
    /// The answer did not come to its end in time.
    Stalled,
    /// An order ended it, or the end of a drain.
    Cut(End),
}

impl Outcome {
    /// The words of those that are no refusals, and are not told by how a session ends.
    const OWN_WORDS: [&str; 8] =
        ["ok", "ruled", "upgraded", "unserved", "client-left", "cut-short", "stalled", "cut"];

    /// How many words there are.
    pub const WORDS: usize = Self::OWN_WORDS.len() + Refusal::ALL.len() + Failing::ALL.len();

    /// The words of all outcomes, in the order of [`index`](Self::index).
    pub fn words() -> impl Iterator<Item = &'static str> {
        let refusals = Refusal::ALL.into_iter().map(Refusal::word);
        Self::OWN_WORDS.into_iter().chain(refusals).chain(Failing::ALL.into_iter().map(Failing::word))
    }

    /// Which of the [`words`](Self::words) is its.
    pub fn index(self) -> usize {
        let own = Self::OWN_WORDS.len();
        match self {
            Self::Answered => 0,
            Self::Ruled => 1,
            Self::Upgraded => 2,
            Self::Unserved(_) => 3,
            Self::ClientLeft => 4,
            Self::CutShort => 5,
            Self::Stalled => 6,
            Self::Cut(_) => 7,
            Self::Refused(refusal) => own + refusal as usize,
            Self::Unanswered(failing) => own + Refusal::ALL.len() + failing as usize,
        }
    }

    /// The one word that names it in logs; where no backend was reached, or it was cut, why.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Unserved(end) | Self::Cut(end) => end.word(),
            Self::Refused(refusal) => refusal.word(),
            Self::Unanswered(failing) => failing.word(),
            _ => Self::OWN_WORDS[self.index()],
        }
    }

    /// What happened, for a person.
    pub fn said(&self) -> String {
        match self {
            Self::Answered => "answered".to_owned(),
            Self::Ruled => "a rule has answered".to_owned(),
            Self::Upgraded => "the connection carries another protocol".to_owned(),
            Self::Refused(refusal) => format!("refused: {}", refusal.said()),
            Self::Unanswered(failing) => failing.said().to_owned(),
            Self::Unserved(end) | Self::Cut(end) => end.to_string(),
            Self::ClientLeft => "the client left before it had the answer".to_owned(),
            Self::CutShort => "the backend left in the middle of its answer".to_owned(),
            Self::Stalled => "the answer did not come to its end in time".to_owned(),
        }
    }

    /// What the client is told, if it is told something of ours.
    pub fn status(&self) -> Option<u16> {
        match self {
            // There is nobody to tell, or only in frames.
            Self::Refused(Refusal::Stream | Refusal::Frames | Refusal::Flood) => None,
            Self::Refused(refusal) => Some(refusal.status()),
            Self::Unanswered(Failing::Late | Failing::Silent) => Some(504),
            Self::Unanswered(Failing::Left) => Some(503),
            Self::Unanswered(_) => Some(502),
            Self::Unserved(End::NotConnected(ConnectFailure::TimedOut)) => Some(504),
            Self::Unserved(End::NotConnected(_)) => Some(502),
            Self::Unserved(_) => Some(503),
            Self::Answered
            | Self::Ruled
            | Self::Upgraded
            | Self::ClientLeft
            | Self::CutShort
            | Self::Stalled
            | Self::Cut(_) => None,
        }
    }

    /// Whose doing it was.
    pub fn by(&self) -> Side {
        match self {
            Self::Unanswered(Failing::Left) => Side::Evenkeel,
            Self::Answered | Self::Upgraded | Self::Unanswered(_) | Self::CutShort => Side::Backend,
            Self::Refused(_) | Self::ClientLeft => Side::Client,
            Self::Unserved(end) | Self::Cut(end) => end.by(),
            Self::Ruled | Self::Stalled => Side::Evenkeel,
        }
    }

    /// Whether all went as it should.
    pub fn is_ok(&self) -> bool {
        matches!(self, Self::Answered | Self::Ruled | Self::Upgraded)
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// What the client is told in words, for a status of ours.
pub fn phrase(status: u16) -> &'static str {
    match status {
        200 => "OK",
        204 => "No Content",
        301 => "Moved Permanently",
        302 => "Found",
        307 => "Temporary Redirect",
        308 => "Permanent Redirect",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        408 => "Request Timeout",
        410 => "Gone",
        413 => "Content Too Large",
        414 => "URI Too Long",
        417 => "Expectation Failed",
        421 => "Misdirected Request",
        429 => "Too Many Requests",
        431 => "Request Header Fields Too Large",
        500 => "Internal Server Error",
        501 => "Not Implemented",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        505 => "HTTP Version Not Supported",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_outcome_has_a_word_of_its_own() {
        let words: Vec<_> = Outcome::words().collect();
        assert_eq!(words.len(), Outcome::WORDS);
        let mut distinct = words.clone();
        distinct.sort_unstable();
        distinct.dedup();
        assert_eq!(distinct.len(), words.len());
        for refusal in Refusal::ALL {
            assert_eq!(words[Outcome::Refused(refusal).index()], refusal.word());
            assert!(!phrase(refusal.status()).is_empty());
        }
        for failing in Failing::ALL {
            assert_eq!(words[Outcome::Unanswered(failing).index()], failing.word());
        }
        assert_eq!(words[Outcome::Unserved(End::NoBackend).index()], "unserved");
        assert_eq!(Outcome::Unserved(End::QueueFull).word(), "queue-full");
    }

    #[test]
    fn a_client_is_told_whose_time_was_over() {
        let late = Outcome::Unserved(End::NotConnected(ConnectFailure::TimedOut));
        assert_eq!((late.status(), Outcome::Unanswered(Failing::Late).status()), (Some(504), Some(504)));
        assert_eq!(Outcome::Unserved(End::NoBackend).status(), Some(503));
        assert_eq!(Outcome::Unserved(End::NotConnected(ConnectFailure::Refused)).status(), Some(502));
        assert_eq!(Outcome::CutShort.status(), None);
    }
}
