//! What one line tells, whatever it looks like and wherever it goes.

use super::flood::Kind;
use super::notice::{Level, Notice};
use evenkeel_core::name::ServiceName;
use evenkeel_proxy::{RequestRecord, SessionRecord, Still};
use std::time::SystemTime;

/// One line in the making.
#[derive(Clone, Copy)]
pub enum Entry<'a> {
    /// An event, and when it happened.
    Notice(SystemTime, &'a Notice),
    /// A session that has ended.
    Ended(&'a SessionRecord),
    /// A session that is open.
    Open(&'a SessionRecord<Still>),
    /// A request that has come to its end.
    Request(&'a RequestRecord),
}

impl Entry<'_> {
    /// When that was.
    pub fn at(&self) -> SystemTime {
        match self {
            Self::Notice(at, _) => *at,
            Self::Ended(record) => record.accepted_at + record.duration,
            Self::Open(record) => record.accepted_at + record.duration,
            Self::Request(record) => record.began_at + record.duration,
        }
    }

    /// How much it wants to be seen.
    pub fn level(&self) -> Level {
        match self {
            Self::Notice(_, notice) => notice.level(),
            Self::Ended(record) if record.end.is_ok() => Level::Info,
            Self::Request(record) if record.outcome.is_ok() => Level::Info,
            Self::Ended(_) | Self::Request(_) => Level::Warning,
            Self::Open(_) => Level::Info,
        }
    }

    /// One word for it: the event's, or what became of the session.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Notice(_, notice) => notice.word(),
            Self::Ended(_) => "end",
            Self::Open(record) => record.end.word(),
            Self::Request(_) => "request",
        }
    }

    /// Whose session it is and of what kind, as far as floods are concerned.
    pub fn session(&self) -> Option<(&ServiceName, Kind)> {
        match self {
            Self::Notice(..) => None,
            Self::Ended(record) => Some((&record.listener.service, kind(record))),
            Self::Open(record) => Some((&record.listener.service, Kind::Well(of_open(record.end)))),
            Self::Request(record) => Some((&record.listener.service, of_request(record))),
        }
    }
}

fn kind(record: &SessionRecord) -> Kind {
    match record.end.is_ok() {
        false => Kind::Failed(record.end.word()),
        true if record.is_noteworthy() => Kind::Noteworthy,
        true => Kind::Well("ended well"),
    }
}

fn of_request(record: &RequestRecord) -> Kind {
    match record.outcome.is_ok() {
        false => Kind::Failed(record.outcome.word()),
        true if record.is_noteworthy() => Kind::Noteworthy,
        true => Kind::Well("answered"),
    }
}

fn of_open(still: Still) -> &'static str {
    match still {
        Still::Opened => "opened",
        Still::Alive => "are alive",
    }
}
