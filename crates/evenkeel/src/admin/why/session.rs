//! What became of a session, as JSON.

use super::super::view::{datagrams, millis};
use super::request;
use crate::control::{Candidate, PastRequest, Picture};
use crate::logging::Rfc3339;
use evenkeel_core::addr::Addr;
use evenkeel_core::attempt::Attempt;
use evenkeel_core::backend::Backend;
use evenkeel_core::director::Hindrance;
use evenkeel_core::end::End;
use evenkeel_core::name::PoolName;
use evenkeel_core::objection::Objection;
use evenkeel_proxy::{Reach, SessionRecord, SessionView};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

/// Candidates that are shown at most: those it has tried come first.
const CANDIDATES_MAX: usize = 64;

/// A session, however far it has come.
pub enum Story {
    /// It is open.
    Open(SessionView),
    /// It has ended.
    Ended(SessionRecord),
}

impl Story {
    /// Its number.
    pub fn id(&self) -> u64 {
        match self {
            Self::Open(view) => view.id,
            Self::Ended(record) => record.id,
        }
    }

    /// Where it was sent, if it came so far.
    pub fn pool(&self) -> Option<&PoolName> {
        match self {
            Self::Open(view) => view.pool.as_ref(),
            Self::Ended(record) => record.pool.as_ref(),
        }
    }

    /// How long ago it was accepted.
    pub fn age(&self, now: SystemTime) -> Duration {
        match self {
            Self::Open(view) => view.age,
            Self::Ended(record) => now.duration_since(record.accepted_at).unwrap_or_default(),
        }
    }

    fn backend(&self) -> Option<&Addr> {
        match self {
            Self::Open(view) => view.backend.as_ref(),
            Self::Ended(record) => record.backend.as_ref(),
        }
    }

    fn failed_attempts(&self) -> &[Attempt] {
        match self {
            Self::Open(view) => &view.failed_attempts,
            Self::Ended(record) => &record.failed_attempts,
        }
    }
}

/// All that is known of the session itself.
pub fn view(story: &Story) -> Value {
    match story {
        Story::Open(view) => open(view),
        Story::Ended(record) => ended(record),
    }
}

/// The same, and whom else it could have been sent to.
pub fn explained(
    picture: &Picture,
    story: &Story,
    candidates: &[Candidate],
    requests: &[PastRequest],
) -> Value {
    let mut value = view(story);
    let pool = story.pool().and_then(|pool| picture.snapshot.pools.get(pool));
    let backends = pool.map_or(&[][..], |pool| &pool.backends);
    let places: BTreeMap<&Addr, usize> =
        backends.iter().enumerate().map(|(index, it)| (&it.addr, index)).collect();
    let mut known: Vec<(&Candidate, usize)> =
        candidates.iter().filter_map(|it| Some((it, *places.get(&it.outlook.view.key.addr)?))).collect();
    known.sort_by_key(|(_, index)| outcome(story, &backends[*index].addr).is_none());
    let view = |(it, index): &(&Candidate, usize)| {
        let mut view = candidate(it, &backends[*index], outcome(story, &backends[*index].addr));
        view["last_resort"] = pool.is_some_and(|it| it.last_resort.contains(&(*index as u32))).into();
        view
    };
    value["candidates"] = known.iter().take(CANDIDATES_MAX).map(view).collect();
    value["candidates_total"] = known.len().into();
    value["requests"] = requests.iter().map(request::view).collect();
    value
}

fn open(view: &SessionView) -> Value {
    let (stage, since, connect) = match &view.reach {
        Reach::Nobody => ("choosing", None, None),
        Reach::InLine(since) => ("in-line", Some(*since), None),
        Reach::Connecting(_, since) => ("connecting", Some(*since), None),
        Reach::Connected(_, took) => ("connected", None, Some(Duration::from(*took))),
    };
    let trying = match &view.reach {
        Reach::Connecting(addr, _) => Some(addr.to_string()),
        _ => None,
    };
    json!({
        "id": view.id,
        "state": "open",
        "stage": stage,
        "stage_ms": since.map(|since| millis(view.age.saturating_sub(since.into()))),
        "trying": trying,
        "service": view.listener.service.as_str(),
        "listener": view.listener.addr.to_string(),
        "client": view.client.to_string(),
        "via": view.via.as_ref().map(ToString::to_string),
        "pool": view.pool.as_ref().map(PoolName::as_str),
        "accepted_at": Rfc3339(SystemTime::now() - view.age).to_string(),
        "backend": view.backend.as_ref().map(ToString::to_string),
        "attempts": view.failed_attempts.iter().map(attempt).collect::<Vec<_>>(),
        "queued_ms": millis(view.queued),
        "connect_ms": connect.map(millis),
        "first_byte_ms": null,
        "ms": millis(view.age),
        "idle_ms": view.idle.map(millis),
        "to_backend": view.to_backend,
        "to_client": view.to_client,
        "protocol": view.listener.protocol.word(),
        "datagrams": view.datagrams.map(datagrams),
        "end": null,
        "by": null,
        "ended_at": null,
        "ended_ago_ms": null,
    })
}

fn ended(record: &SessionRecord) -> Value {
    let ended_at = record.accepted_at + record.duration;
    let errno = match record.end {
        End::NotConnected(failure) => failure.errno(),
        End::Failed(errno) => Some(errno),
        _ => None,
    };
    json!({
        "id": record.id,
        "state": "ended",
        "service": record.listener.service.as_str(),
        "listener": record.listener.addr.to_string(),
        "client": record.client.to_string(),
        "via": record.via.as_ref().map(ToString::to_string),
        "sni": record.server_name,
        "observed": record.observed.iter().map(Objection::word).collect::<Vec<_>>(),
        "pool": record.pool.as_ref().map(PoolName::as_str),
        "accepted_at": Rfc3339(record.accepted_at).to_string(),
        "backend": record.backend.as_ref().map(ToString::to_string),
        "attempts": record.failed_attempts.iter().map(attempt).collect::<Vec<_>>(),
        "queued_ms": millis(record.queued),
        "connect_ms": record.connect.map(millis),
        "first_byte_ms": record.first_byte.map(millis),
        "ms": millis(record.duration),
        "to_backend": record.to_backend,
        "to_client": record.to_client,
        "protocol": record.listener.protocol.word(),
        "datagrams": record.flow().map(datagrams),
        "end": record.end.word(),
        "says": record.end.to_string(),
        "errno": errno,
        "by": record.end.by().to_string(),
        "ended_at": Rfc3339(ended_at).to_string(),
        "ended_ago_ms": millis(SystemTime::now().duration_since(ended_at).unwrap_or_default()),
    })
}

/// One that failed.
pub fn attempt(attempt: &Attempt) -> Value {
    json!({
        "backend": attempt.backend.to_string(),
        "failure": attempt.failure.word(),
        "cause": attempt.failure.to_string(),
        "errno": attempt.failure.errno(),
        "by": attempt.failure.fault().to_string(),
        "took_ms": millis(attempt.took),
    })
}

/// What came of the backend at `addr` for this session.
fn outcome(story: &Story, addr: &Addr) -> Option<&'static str> {
    if story.backend() == Some(addr) {
        return Some("chosen");
    }
    story.failed_attempts().iter().any(|it| it.backend == *addr).then_some("failed")
}

fn candidate(it: &Candidate, published: &Backend, outcome: Option<&str>) -> Value {
    json!({
        "addr": published.addr.to_string(),
        "outcome": outcome,
        "then": it.then.map(|state| state.word()),
        "now": it.outlook.view.state().word(),
        "excluded_now": excluded(&it.outlook.hindrances, published),
        "weight": it.outlook.view.weight,
        "backup": it.outlook.view.backup,
        "sessions": published.load.sessions(),
    })
}

/// The one word for why a session that comes now would not be sent there.
fn excluded(hindrances: &[Hindrance], published: &Backend) -> Option<&'static str> {
    match hindrances.first() {
        Some(Hindrance::Duty(duty)) => Some(duty.word()),
        Some(Hindrance::NoWeight) => Some("weight-0"),
        Some(Hindrance::Unseen(_)) => Some("checking"),
        Some(Hindrance::Down { .. }) => Some("down"),
        Some(Hindrance::Ejected { .. }) => Some("ejected"),
        Some(Hindrance::Backup) => Some("backup"),
        None if !published.has_room() => Some("full"),
        None if published.is_suspect() => Some("suspect"),
        None => None,
    }
}
