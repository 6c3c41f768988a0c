//! Why a backend takes no traffic, and what would change that, in words.

use crate::control::Explained;
use crate::logging::{Took, count, with_errno};
use evenkeel_core::backend::Backend;
use evenkeel_core::director::{
    BackendOrder, Cause, Duty, EventKind, Hindrance, Order, Origin, Outlook, State,
};
use evenkeel_core::health::{ProbeFailure, Verdict};
use evenkeel_core::history::{Because, History};
use evenkeel_core::live::LiveFailure;
use evenkeel_core::name::BackendKey;
use serde_json::{Value, json};
use std::time::Instant;

/// What keeps traffic from it, and what would change that; in each the first word is for programs.
pub fn reasons(explained: &Explained, published: Option<&Backend>) -> Vec<Value> {
    let Some(outlook) = &explained.outlook else { return vec![removed(explained)] };
    let by_director = outlook.hindrances.iter().map(|it| hindrance(explained, outlook, it));
    let full = published.filter(|it| it.eligible && !it.has_room()).map(|it| {
        if it.load.sessions() >= it.limits.sessions {
            let says = format!("it has as many sessions as it may, {}", it.load.sessions());
            return reason("full", says, "one of them ends".to_owned());
        }
        let says = format!("as many connects to it are under way as may be, {}", it.load.connecting());
        reason("full", says, "one of them is done".to_owned())
    });
    let suspect = published.filter(|it| it.eligible && it.is_suspect()).map(|it| {
        let says = suspicion(it);
        reason("suspect", says, "nobody else with room is left, or it is decided whether it goes".to_owned())
    });
    by_director.chain(full).chain(suspect).collect()
}

/// `the last 3 connects failed`, in which live traffic failed too often there.
fn suspicion(backend: &Backend) -> String {
    let (failures, errors) = (backend.load.failures_in_row(), backend.load.errors_in_row());
    if backend.tolerance.failures != 0 && failures >= backend.tolerance.failures {
        return format!("the last {} failed", count(failures as usize, "connect"));
    }
    format!("the last {} were errors", count(errors as usize, "answer"))
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
            let by = by_whom(history, |it| matches!(it, BackendOrder::Duty(_)));
            reason(
                "order",
                format!("an operator sends it nothing new, and {what}{by}"),
                format!("`evenkeel enable {pool} {addr}`"),
            )
        }
        Hindrance::NoWeight => reason(
            "weight",
            format!("its weight is 0{}", by_whom(history, |it| matches!(it, BackendOrder::Weight(0)))),
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

/// Who gave the last such order about it, as far as that is known.
fn by_whom(history: &History, is_such: fn(&BackendOrder) -> bool) -> String {
    let order = history.changes.iter().rev().find_map(|it| match &it.because {
        Because::Order { order, by } => match &**order {
            Order::Backend(_, order) if is_such(order) => Some(format!(" (order of {by})")),
            _ => None,
        },
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
    cause.map_or_else(String::new, |(cause, errno)| format!(": {}", with_errno(&cause, errno.map(i64::from))))
}

fn ejected(history: &History) -> String {
    let last = history.changes.iter().rev().find_map(|it| match &it.because {
        Because::Event(EventKind::Ejected { cause, failures, .. }) => Some((cause, failures)),
        _ => None,
    });
    match last {
        Some((cause, failures)) => {
            let what =
                if matches!(cause, Cause::Live(LiveFailure::Answer(_))) { "answer" } else { "connect" };
            let failures = count(*failures as usize, what);
            let (cause, errno) = (cause.to_string(), errno_of(cause).map(i64::from));
            format!("live traffic failed: {failures} in a row, {}", with_errno(&cause, errno))
        }
        None => "live traffic failed".to_owned(),
    }
}

/// What the kernel said, if it was asked.
pub fn errno_of(cause: &Cause) -> Option<i32> {
    match cause {
        Cause::Check(failure) => errno(failure),
        Cause::Live(failure) => failure.errno(),
    }
}

/// The same of a probe.
pub fn errno(failure: &ProbeFailure) -> Option<i32> {
    match failure {
        ProbeFailure::Connect(failure) => failure.errno(),
        _ => None,
    }
}

/// Why a backend changed, as one line.
pub fn because(because: &Because) -> String {
    match because {
        Because::Event(kind) => kind.to_string(),
        Because::Order { order, by } => format!("order of {by}: {order}"),
        Because::Config => "its pool is in the configuration no longer".to_owned(),
    }
}
