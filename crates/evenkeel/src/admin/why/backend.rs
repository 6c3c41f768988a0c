//! All that is known of a backend, as JSON.

use super::super::view::{failures, millis, services_of};
use super::reasons::{because, errno, errno_of, reasons};
use crate::control::{Explained, Picture};
use crate::logging::Rfc3339;
use evenkeel_core::director::{CheckOutlook, EventKind};
use evenkeel_core::health::{CheckKind, Verdict};
use evenkeel_core::history::{Because, Changed, Checked, Failed};
use evenkeel_core::snapshot::Pool;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::{Instant, SystemTime};

/// Everything that is known of it.
pub fn view(picture: &Picture, explained: &Explained) -> Value {
    let Explained { now, key, history, outlook } = explained;
    let pool = picture.snapshot.pools.get(&key.pool).filter(|_| outlook.is_some());
    let index = pool.and_then(|pool| pool.backends.iter().position(|it| it.addr == key.addr));
    let published = pool.zip(index).map(|(pool, index)| &pool.backends[index]);
    let is_resort = |(pool, index): (&Arc<Pool>, usize)| pool.last_resort.contains(&(index as u32));
    let (since, is_exact) = history.in_state_since();
    let clock = Clock { now: *now, wall: SystemTime::now() };
    let sums = picture.backends.get(key).filter(|_| published.is_some());
    json!({
        "pool": key.pool.as_str(),
        "addr": key.addr.to_string(),
        "services": services_of(picture, &key.pool),
        "state": history.state.word(),
        "since": clock.note(since, json!({"at_least": !is_exact})),
        "takes_traffic": published.is_some_and(|it| it.eligible),
        "last_resort": pool.zip(index).is_some_and(is_resort),
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

fn check(it: &CheckOutlook, now: Instant) -> Value {
    let kind = match &it.check.kind {
        CheckKind::Tcp => "tcp".to_owned(),
        CheckKind::Http(http) => format!("{} {}", http.method, http.path),
        CheckKind::Postgres => "postgres".to_owned(),
        CheckKind::Exchange(_) => "send and expect".to_owned(),
        CheckKind::Datagram(_) => "send and expect by udp".to_owned(),
        CheckKind::Dns(dns) => format!("dns {}", dns.question),
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
