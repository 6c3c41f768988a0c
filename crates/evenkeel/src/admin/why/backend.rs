//! Why a backend is as it is, as JSON and in words.

use super::super::view::{failures, millis, services_of};
use crate::control::{Explained, Picture};
use crate::logging::{Rfc3339, Took, count};
use evenkeel_core::director::{Cause, CheckOutlook, Duty, EventKind, Hindrance, Origin, Outlook, State};
use evenkeel_core::health::{CheckKind, ProbeFailure, Verdict};
use evenkeel_core::history::{Because, Changed, Checked, Failed, History};
use evenkeel_core::name::BackendKey;
use evenkeel_core::snapshot::Backend;
use serde_json::{Value, json};
use std::time::{Instant, SystemTime};

/// Everything that is known of it.
pub fn view(picture: &Picture, explained: &Explained) -> Value {
    let Explained { now, key, history, outlook } = explained;
    let published = picture.snapshot.pools.get(&key.pool);
    let published = published.and_then(|pool| pool.backends.iter().find(|it| it.addr == key.addr));
    let published = published.filter(|_| outlook.is_some());
    let clock = Clock { now: *now, wall: SystemTime::now() };
    let sums = picture.backends.get(key).filter(|_| published.is_some());
    json!({
        "pool": key.pool.as_str(),
        "addr": key.addr.to_string(),
        "services": services_of(picture, &key.pool),
        "state": history.state.word(),
        "since": clock.at(history.changes.back().map_or(history.since, |it| it.at)),
        "takes_traffic": published.is_some_and(|it| it.eligible),
        "weight": outlook.as_ref().map(|it| it.view.weight),
        "backup": outlook.as_ref().map(|it| it.view.backup),
        "sessions": published.map(|it| it.load.sessions()),
        "slow_start": outlook.as_ref().and_then(|it| it.slow_start).map(|(percent, full)| {
            json!({"percent": percent, "full_in_ms": millis(full.saturating_duration_since(*now))})
        }),
        "reasons": reasons(explained, published),
        "check": outlook.as_ref().and_then(|it| it.check.as_ref()).map(|it| check(it, *now)),
        "connect_failures": sums.map(failures),
        "checks": history.checks.iter().map(|it| checked(it, &clock)).collect::<Vec<_>>(),
        "failures": history.failures.iter().map(|it| failed(it, &clock)).collect::<Vec<_>>(),
        "changes": history.changes.iter().map(|it| changed(it, &clock)).collect::<Vec<_>>(),
    })
}

/// The present, on both clocks.
struct Clock {
    now: Instant,
    wall: SystemTime,
}

impl Clock {
    /// When something was.
    fn at(&self, time: Instant) -> Value {
        let ago = self.now.saturating_duration_since(time);
        json!({"at": Rfc3339(self.wall - ago).to_string(), "ago_ms": millis(ago)})
    }

    /// The same, with more to say about it.
    fn note(&self, time: Instant, fields: Value) -> Value {
        let mut value = self.at(time);
        if let (Value::Object(value), Value::Object(fields)) = (&mut value, fields) {
            value.extend(fields);
        }
        value
    }
}

fn checked(it: &Checked, clock: &Clock) -> Value {
    let (cause, errno) = match &it.verdict {
        Verdict::Pass(_) => (None, None),
        Verdict::Fail(failure) => (Some(failure.to_string()), errno(failure)),
    };
    let (passed, took) = (cause.is_none(), millis(it.took));
    clock.note(it.at, json!({"passed": passed, "cause": cause, "errno": errno, "took_ms": took}))
}

fn failed(it: &Failed, clock: &Clock) -> Value {
    let fields = json!({
        "failure": it.failure.word(),
        "cause": it.failure.to_string(),
        "errno": it.failure.errno(),
        "took_ms": millis(it.took),
    });
    clock.note(it.at, fields)
}

fn changed(it: &Changed, clock: &Clock) -> Value {
    let errno = match &it.because {
        Because::Event(EventKind::Down { cause, .. } | EventKind::Ejected { cause, .. }) => errno_of(cause),
        Because::Event(EventKind::NotEjected { cause }) => errno_of(cause),
        Because::Event(_) | Because::Order { .. } | Because::Config => None,
    };
    let because = because(&it.because);
    clock.note(it.at, json!({"from": it.from.word(), "to": it.to.word(), "because": because, "errno": errno}))
}

fn errno_of(cause: &Cause) -> Option<i32> {
    match cause {
        Cause::Check(failure) => errno(failure),
        Cause::Live(failure) => failure.errno(),
    }
}

fn errno(failure: &ProbeFailure) -> Option<i32> {
    match failure {
        ProbeFailure::Connect(failure) => failure.errno(),
        _ => None,
    }
}

fn because(because: &Because) -> String {
    match because {
        Because::Event(kind) => kind.to_string(),
        Because::Order { what, by } => format!("order of {by}: {what}"),
        Because::Config => "its pool is in the configuration no longer".to_owned(),
    }
}

fn check(it: &CheckOutlook, now: Instant) -> Value {
    let kind = match &it.check.kind {
        CheckKind::Tcp => "tcp".to_owned(),
        CheckKind::Http(http) => format!("{} {}", http.method, http.path),
        CheckKind::Exchange(_) => "send and expect".to_owned(),
    };
    json!({
        "asks": kind,
        "target": it.target.to_string(),
        "interval_ms": millis(it.check.interval),
        "timeout_ms": millis(it.check.timeout),
        "rise": it.check.rise,
        "fall": it.check.fall,
        "streak": it.streak,
        "next_in_ms": it.next.map(|at| millis(at.saturating_duration_since(now))),
    })
}

/// What keeps traffic from it, and what would change that; in each the first word is for programs.
fn reasons(explained: &Explained, published: Option<&Backend>) -> Vec<Value> {
    let Some(outlook) = &explained.outlook else { return vec![removed(explained)] };
    let by_director = outlook.hindrances.iter().map(|it| hindrance(explained, outlook, it));
    let full = published.filter(|it| it.eligible && !it.has_room()).map(|it| {
        let says = format!("it has as many sessions as it may, {}", it.load.sessions());
        reason("full", says, "one of them ends".to_owned())
    });
    let suspect = published.filter(|it| it.eligible && it.is_suspect()).map(|it| {
        let says = format!("the last {} failed", count(it.load.failures_in_row() as usize, "connect"));
        reason("suspect", says, "nobody else with room is left, or it is decided whether it goes".to_owned())
    });
    by_director.chain(full).chain(suspect).collect()
}

fn reason(word: &str, says: String, back: String) -> Value {
    json!({"reason": word, "says": says, "back": back})
}

fn removed(Explained { key, history, .. }: &Explained) -> Value {
    let last = history.changes.iter().rev().find(|it| it.to == State::Removed);
    let says = last.map_or_else(|| "it is gone".to_owned(), |it| format!("it {}", because(&it.because)));
    let BackendKey { pool, addr } = key;
    let (says, back) = match last.map(|it| &it.because) {
        Some(Because::Event(EventKind::Removed { by: Origin::Name(host) })) => {
            (says, format!("an answer for `{host}` names it again"))
        }
        Some(Because::Order { by, .. }) => {
            (format!("it was removed by order of {by}"), format!("`evenkeel add {pool} {addr}`"))
        }
        Some(Because::Config) => (because(&Because::Config), "the configuration has it again".to_owned()),
        _ => (says, "the configuration has it again".to_owned()),
    };
    reason("removed", says, back)
}

fn hindrance(explained: &Explained, outlook: &Outlook, hindrance: &Hindrance) -> Value {
    let Explained { now, key: BackendKey { pool, addr }, history, .. } = explained;
    let wait = |until: Instant| Took(until.saturating_duration_since(*now)).to_string();
    let next = outlook.check.as_ref().map(|check| match check.next {
        Some(at) => format!("; the next is in {}", wait(at)),
        None => "; one is under way".to_owned(),
    });
    let next = next.unwrap_or_default();
    match hindrance {
        Hindrance::Duty(duty) => {
            let what = if *duty == Duty::Off { "closed its sessions" } else { "lets its sessions end" };
            reason(
                "order",
                format!("an operator sends it nothing new, and {what}{}", by_whom(history)),
                format!("`evenkeel enable {pool} {addr}`"),
            )
        }
        Hindrance::NoWeight => reason(
            "weight",
            format!("its weight is 0{}", by_whom(history)),
            format!("a weight above 0, in the file or by `evenkeel weight {pool} {addr} 1`"),
        ),
        Hindrance::Unseen(until) => reason(
            "checking",
            "its first check has not ended".to_owned(),
            format!("that check passes, or in {} in any case", wait(*until)),
        ),
        Hindrance::Down { passes, rise } => reason(
            "checks",
            format!("its checks fail{}", last_cause(history)),
            format!("{} in a row that pass, {passes} have{next}", count(*rise as usize, "check")),
        ),
        Hindrance::Ejected { until, early } => {
            let early = early.map(|(passes, rise)| {
                let checks = count(rise as usize, "check");
                format!(", or after {checks} in a row that pass, {passes} have{next}")
            });
            let early = early.unwrap_or_default();
            reason("ejected", ejected(history), format!("in {}{early}", wait(*until)))
        }
        Hindrance::Backup => {
            reason("backup", "it is a backup".to_owned(), "no backend is left that is none".to_owned())
        }
    }
}

/// Who gave the last order about it, as far as that is known.
fn by_whom(history: &History) -> String {
    let order = history.changes.iter().rev().find_map(|it| match &it.because {
        Because::Order { by, .. } => Some(format!(" (order of {by})")),
        _ => None,
    });
    order.unwrap_or_default()
}

/// `: connection refused (errno 111)`, what the last check that failed saw.
fn last_cause(history: &History) -> String {
    let cause = history.checks.iter().rev().find_map(|it| match &it.verdict {
        Verdict::Fail(failure) => Some((failure.to_string(), errno(failure))),
        Verdict::Pass(_) => None,
    });
    match cause {
        Some((cause, Some(errno))) => format!(": {cause} (errno {errno})"),
        Some((cause, None)) => format!(": {cause}"),
        None => String::new(),
    }
}

fn ejected(history: &History) -> String {
    let last = history.changes.iter().rev().find_map(|it| match &it.because {
        Because::Event(EventKind::Ejected { cause, failures, .. }) => Some((cause, failures)),
        _ => None,
    });
    match last {
        Some((cause, failures)) => {
            let failures = count(*failures as usize, "connect");
            let errno = errno_of(cause).map(|it| format!(" (errno {it})")).unwrap_or_default();
            format!("live traffic failed: {failures} in a row, {cause}{errno}")
        }
        None => "live traffic failed".to_owned(),
    }
}
