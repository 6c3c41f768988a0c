//! What live traffic holds against a backend.

use crate::attempt::ConnectFailure;
use crate::http::grpc;
use crate::side::Side;
use std::fmt;

/// What live traffic holds against a backend.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LiveFailure {
    /// A connect failed, or a request was not answered.
    Connect(ConnectFailure),
    /// A request was answered, with a status that says that the backend cannot serve.
    Answer(Answer),
}

/// The status of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// That of a request.
    Http(u16),
    /// That of a call of gRPC.
    Grpc(grpc::Status),
}

impl Answer {
    /// The status of HTTP that it counts as.
    pub fn counts_as(self) -> u16 {
        match self {
            Self::Http(status) => status,
            Self::Grpc(status) => status.counts_as(),
        }
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Http(status) => status.fmt(f),
            Self::Grpc(status) => status.fmt(f),
        }
    }
}

impl LiveFailure {
    /// The one word that names it in logs.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Connect(failure) => failure.word(),
            Self::Answer(_) => "answer",
        }
    }

    /// What the kernel said, if it did.
    pub fn errno(&self) -> Option<i32> {
        match self {
            Self::Connect(failure) => failure.errno(),
            Self::Answer(_) => None,
        }
    }

    /// Whose fault it is.
    pub fn fault(&self) -> Side {
        match self {
            Self::Connect(failure) => failure.fault(),
            Self::Answer(_) => Side::Backend,
        }
    }
}

impl fmt::Display for LiveFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connect(failure) => failure.fmt(f),
            Self::Answer(answer) => write!(f, "it answers {answer}"),
        }
    }
}
