//! How a backend fails a request that it was sent.

/// Why what a backend has said could not be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Failing {
    /// It closed before it answered.
    Closed,
    /// It reset before it answered, or broke its TLS; or would not take the request.
    Reset,
    /// It did not answer in time.
    Late,
    /// What it said is no answer.
    Malformed,
    /// What it said begins as an answer that is too long.
    TooLong,
    /// It was to be left, and the time for that was over.
    Left,
    /// It said nothing any more, not even to a ping.
    Silent,
}

impl Failing {
    /// All of them.
    pub const ALL: [Self; 7] =
        [Self::Closed, Self::Reset, Self::Late, Self::Malformed, Self::TooLong, Self::Left, Self::Silent];

    /// The one word that names it in logs and metrics.
    pub fn word(self) -> &'static str {
        match self {
            Self::Closed => "backend-closed",
            Self::Reset => "backend-reset",
            Self::Late => "answer-late",
            Self::Malformed => "answer-malformed",
            Self::TooLong => "answer-too-long",
            Self::Left => "backend-left",
            Self::Silent => "backend-silent",
        }
    }

    /// Whether it speaks against the backend.
    pub fn is_of_backend(self) -> bool {
        self != Self::Left
    }

    /// What happened, for a person.
    pub fn said(self) -> &'static str {
        match self {
            Self::Closed => "closed before it answered",
            Self::Reset => "reset before it answered",
            Self::Late => "no answer within `timeout.response`",
            Self::Malformed => "what it said is no answer",
            Self::TooLong => "its answer's head is too long",
            Self::Left => "no answer by the end of its drain",
            Self::Silent => "its connection was silent, and a ping was not answered within `timeout.ping`",
        }
    }
}
