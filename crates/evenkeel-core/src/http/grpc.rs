//! What became of a call of gRPC: HTTP says 200 to it whatever happens, and how it ended stands behind its answer, or in the
//! head of an answer without a body.

use super::framing::Framing;
use super::head::{self, Fields};
use super::response::Response;
use std::fmt;

/// How a call has ended, by the numbers of gRPC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// Well.
    Ok,
    /// Its client gave it up.
    Cancelled,
    /// With an error that is none of these.
    Unknown,
    /// What it said is wrong.
    InvalidArgument,
    /// Its client wanted it done sooner.
    DeadlineExceeded,
    /// What it wanted is not there.
    NotFound,
    /// What it wanted to make is there.
    AlreadyExists,
    /// Its client may not do that.
    PermissionDenied,
    /// There is not enough of something for it, such as a quota.
    ResourceExhausted,
    /// Things are not as it needs them.
    FailedPrecondition,
    /// Something came between.
    Aborted,
    /// It went beyond what there is.
    OutOfRange,
    /// Nobody does that here.
    Unimplemented,
    /// With an error of the server.
    Internal,
    /// The server cannot serve now.
    Unavailable,
    /// Data is lost.
    DataLoss,
    /// Its client did not say who it is.
    Unauthenticated,
}

impl Status {
    /// All of them, each in the place of its number.
    pub const ALL: [Self; 17] = [
        Self::Ok,
        Self::Cancelled,
        Self::Unknown,
        Self::InvalidArgument,
        Self::DeadlineExceeded,
        Self::NotFound,
        Self::AlreadyExists,
        Self::PermissionDenied,
        Self::ResourceExhausted,
        Self::FailedPrecondition,
        Self::Aborted,
        Self::OutOfRange,
        Self::Unimplemented,
        Self::Internal,
        Self::Unavailable,
        Self::DataLoss,
        Self::Unauthenticated,
    ];

    /// The one that `fields` say, if they say one.
    fn said(fields: Fields<'_>) -> Option<Self> {
        let mut said = fields.named(b"grpc-status");
        let number = head::length(said.next()?)?;
        let status = usize::try_from(number).ok().and_then(|number| Self::ALL.get(number));
        status.copied().filter(|_| said.next().is_none())
    }

    /// Its number.
    pub fn number(self) -> u8 {
        self as u8
    }

    /// Its name, as gRPC has it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Ok => "OK",
            Self::Cancelled => "CANCELLED",
            Self::Unknown => "UNKNOWN",
            Self::InvalidArgument => "INVALID_ARGUMENT",
            Self::DeadlineExceeded => "DEADLINE_EXCEEDED",
            Self::NotFound => "NOT_FOUND",
            Self::AlreadyExists => "ALREADY_EXISTS",
            Self::PermissionDenied => "PERMISSION_DENIED",
            Self::ResourceExhausted => "RESOURCE_EXHAUSTED",
            Self::FailedPrecondition => "FAILED_PRECONDITION",
            Self::Aborted => "ABORTED",
            Self::OutOfRange => "OUT_OF_RANGE",
            Self::Unimplemented => "UNIMPLEMENTED",
            Self::Internal => "INTERNAL",
            Self::Unavailable => "UNAVAILABLE",
            Self::DataLoss => "DATA_LOSS",
            Self::Unauthenticated => "UNAUTHENTICATED",
        }
    }

    /// The status of HTTP that says as much of who answers: that of `google.rpc.Code`, where it matters. A deadline is no 504:
    /// clients choose it, and could choose one that no server keeps.
    pub fn counts_as(self) -> u16 {
        match self {
            Self::Ok => 200,
            Self::Unavailable => 503,
            Self::Unimplemented => 501,
            Self::Unknown | Self::DeadlineExceeded | Self::Internal | Self::DataLoss => 500,
            _ => 400,
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// The answer to a call, as far as it has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Call {
    status: Option<Status>,
}

impl Call {
    /// The call that `response` answers, if that is one.
    pub fn of(response: &Response<'_>) -> Option<Self> {
        // Only chunks have a place behind them.
        if !matches!(response.body, Framing::Chunked | Framing::Empty { .. }) {
            return None;
        }
        let kind = response.fields.named(b"content-type").next()?;
        let start = kind.get(..b"application/grpc".len())?;
        let status = || response.body.is_empty().then(|| Status::said(response.fields)).flatten();
        start.eq_ignore_ascii_case(b"application/grpc").then(|| Self { status: status() })
    }

    /// These fields stand behind the answer.
    pub(super) fn end(&mut self, fields: Fields<'_>) {
        self.status = Status::said(fields);
    }

    /// How it has ended, if that was said.
    pub fn status(self) -> Option<Status> {
        self.status
    }
}
