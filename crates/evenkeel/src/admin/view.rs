//! What there is, as JSON: units are in the names, times that were are UTC, and what cannot be is `null`.

use crate::control::{Picture, Planned, Taken, pending};
use crate::logging::{Rfc3339, count};
use crate::sandbox::Layer;
use evenkeel_core::attempt::ConnectFailure;
use evenkeel_core::backend::Backend;
use evenkeel_core::balance::Balance;
use evenkeel_core::counts::{bound_micros, percentile};
use evenkeel_core::director::{
    Agreement, BackendPlan, BackendView, Change, Difference, Leaving, Member, PoolConfig, Target,
};
use evenkeel_core::end::End;
use evenkeel_core::flow::Lost;
use evenkeel_core::health::Verdict;
use evenkeel_core::http::grpc;
use evenkeel_core::http::outcome::Outcome;
use evenkeel_core::name::{BackendKey, PoolName, ServiceName};
use evenkeel_core::snapshot::{Listener, Pool};
use evenkeel_proxy::{
    BackendSums, CLASSES, DatagramSums, Datagrams, RequestSums, RouteSums, ServiceSums, SessionView, Times,
};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, SystemTime};

/// How it does as a whole.
pub fn status(picture: &Picture) -> Value {
    let totals = &picture.totals;
    let up_s = SystemTime::now().duration_since(picture.started).unwrap_or_default().as_secs();
    json!({
        "version": env!("CARGO_PKG_VERSION"),
        "pid": std::process::id(),
        "phase": picture.phase,
        "started": Rfc3339(picture.started).to_string(),
        "up_s": up_s,
        "workers": picture.workers,
        "sessions": {"open": totals.open, "accepted": totals.accepted, "max": picture.max_sessions},
        "accept_failures": totals.accept_failures,
        "panics": totals.panics,
        "sandbox": sandbox(picture),
        "lines_dropped": picture.lines_dropped,
        "config": {
            "file": picture.file.as_ref().map(|it| it.display().to_string()),
            "since": Rfc3339(picture.reloads.since).to_string(),
            "reloads": picture.reloads.taken,
            "refused": picture.reloads.refused,
            "problem": picture.reloads.problem,
            "trial_s": picture.trial.map(|it| it.as_secs()),
            "upgrade_timeout_s": picture.upgrade_timeout.as_secs(),
        },
        "certificates": super::certificates::view(picture),
        "services": services(picture),
        "pools": pools(picture),
    })
}

/// What was given up at the start.
fn sandbox(picture: &Picture) -> Value {
    let layer = |(name, layer): &(&str, Layer)| {
        let (state, what) = match layer {
            Layer::Holds(what) => ("holds", what.as_str()),
            Layer::Off => ("off", ""),
            Layer::Missing(why) => ("missing", why.as_str()),
        };
        json!({"name": name, "state": state, "detail": Some(what).filter(|it| !it.is_empty())})
    };
    json!({
        "layers": picture.sandbox.layers.iter().map(layer).collect::<Vec<_>>(),
        "user": picture.sandbox.user,
        "capabilities": picture.sandbox.capabilities,
        "calls_refused": picture.calls_refused,
    })
}

/// All services.
pub fn services(picture: &Picture) -> Vec<Value> {
    let listeners = by_service(picture);
    picture.services.keys().filter_map(|name| service(picture, &listeners, name)).collect()
}

/// The listeners of each service.
pub type ByService<'a> = BTreeMap<&'a ServiceName, Vec<&'a Listener>>;

/// Sorts them.
pub fn by_service(picture: &Picture) -> ByService<'_> {
    let mut services = ByService::new();
    for listener in picture.snapshot.listeners.values() {
        services.entry(&listener.name.service).or_default().push(listener);
    }
    services
}

/// One service.
pub fn service(picture: &Picture, listeners: &ByService<'_>, name: &ServiceName) -> Option<Value> {
    let sums: &ServiceSums = picture.services.get(name)?;
    let listeners = listeners.get(name).map(Vec::as_slice).unwrap_or_default();
    let max = listeners.first().and_then(|it| limit(it.max_sessions));
    let is_for_flows = listeners.first().is_some_and(|it| it.is_for_flows());
    Some(json!({
        "name": name.as_str(),
        "duty": picture.duties.get(name).copied().unwrap_or_default().word(),
        "pool": listeners.first().map(|it| it.pool.as_ref().map(PoolName::as_str)),
        "listeners": listeners.iter().map(|it| bound(picture, it)).collect::<Vec<_>>(),
        "sessions": {"open": sums.open, "accepted": sums.accepted, "failed": End::failures(&sums.ends), "max": max},
        "ends": happened(End::words().zip(sums.ends)),
        "retries": sums.retries,
        "requests": requests(listeners, &sums.requests, picture.routes.get(name)),
        "to_backend": sums.to_backend,
        "to_client": sums.to_client,
        "protocol": listeners.first().map(|it| it.name.protocol.word()),
        "datagrams": is_for_flows.then(|| datagram_sums(&sums.datagrams)),
        "duration_ms": times(&sums.duration),
        "queued_ms": times(&sums.queued),
    }))
}

/// Those of these that have happened.
fn happened(counts: impl Iterator<Item = (&'static str, u64)>) -> serde_json::Map<String, Value> {
    counts.filter(|(_, count)| *count > 0).map(|(word, count)| (word.to_owned(), count.into())).collect()
}

/// Of a service.
fn datagram_sums(sums: &DatagramSums) -> Value {
    let lost = happened(Lost::ALL.iter().map(|it| it.word()).zip(sums.lost));
    json!({"to_backend": sums.to_backend, "to_client": sums.to_client, "dropped": lost})
}

/// What a client was told: nothing, or a status of that class.
pub const CLASS_WORDS: [&str; CLASSES] = ["none", "1xx", "2xx", "3xx", "4xx", "5xx"];

/// Only where requests are balanced.
fn requests(
    listeners: &[&Listener],
    sums: &RequestSums,
    routes: Option<&Vec<(Box<str>, RouteSums)>>,
) -> Value {
    if listeners.iter().all(|it| it.reception.http.is_none()) {
        return Value::Null;
    }
    let route = |(name, sums): &(Box<str>, RouteSums)| {
        let answers = happened(CLASS_WORDS.into_iter().zip(sums.answers));
        json!({"route": name, "answers": answers, "duration_ms": times(&sums.duration)})
    };
    json!({
        "total": sums.answers.iter().sum::<u64>(),
        "routes": routes.into_iter().flatten().map(route).collect::<Vec<_>>(),
        "answers": happened(CLASS_WORDS.into_iter().zip(sums.answers)),
        "outcomes": happened(Outcome::words().zip(sums.outcomes)),
        "calls": happened(grpc::Status::ALL.iter().map(|it| it.word()).zip(sums.calls)),
        "duration_ms": times(&sums.duration),
        "first_byte_ms": times(&sums.first_byte),
    })
}

/// Where a listener is really bound; where it should be, if it is not.
fn bound(picture: &Picture, listener: &Listener) -> String {
    picture.bound.get(&listener.name).unwrap_or(&listener.name.addr).to_string()
}

/// All listeners.
pub fn listeners(picture: &Picture) -> Vec<Value> {
    let view = |listener: &Listener| {
        json!({
            "service": listener.name.service.as_str(),
            "protocol": listener.name.protocol.word(),
            "addr": listener.name.addr.to_string(),
            "bound": picture.bound.get(&listener.name).map(ToString::to_string),
            "pool": listener.pool.as_ref().map(PoolName::as_str),
            "backlog": listener.backlog,
        })
    };
    picture.snapshot.listeners.values().map(|it| view(it)).collect()
}

/// All pools, with their backends.
pub fn pools(picture: &Picture) -> Vec<Value> {
    let (views, users) = (by_pool(picture), users(picture));
    picture.snapshot.pools.values().map(|it| pool(picture, &views, &users, it)).collect()
}

/// What the director sees of the backends of each pool.
pub type ByPool<'a> = BTreeMap<&'a PoolName, &'a [BackendView]>;

/// Sorts them: they stand together already.
pub fn by_pool(picture: &Picture) -> ByPool<'_> {
    let pools = picture.views.chunk_by(|one, other| one.key.pool == other.key.pool);
    pools.map(|views| (&views[0].key.pool, views)).collect()
}

/// One pool, with its backends.
pub fn pool(picture: &Picture, views: &ByPool<'_>, users: &Users<'_>, pool: &Pool) -> Value {
    let unresolved = picture.unresolved.get(&pool.name).into_iter().flatten().map(|it| &**it);
    json!({
        "name": pool.name.as_str(),
        "services": users.get(&pool.name),
        "unresolved": unresolved.collect::<Vec<_>>(),
        "waiting": pool.line.length(),
        "backends": backends(picture, views.get(&pool.name).copied().unwrap_or_default()),
    })
}

/// The services that send to each pool.
pub type Users<'a> = BTreeMap<&'a PoolName, BTreeSet<&'a str>>;

/// Looks for them.
pub fn users(picture: &Picture) -> Users<'_> {
    let mut users: Users<'_> = picture.snapshot.pools.keys().map(|pool| (pool, BTreeSet::new())).collect();
    for listener in picture.snapshot.listeners.values() {
        for pool in listener.pools() {
            users.entry(pool).or_default().insert(listener.name.service.as_str());
        }
    }
    users
}

/// The services that send to `pool`.
pub fn services_of<'a>(picture: &'a Picture, pool: &PoolName) -> BTreeSet<&'a str> {
    users(picture).remove(pool).unwrap_or_default()
}

/// These backends.
pub fn backends(picture: &Picture, views: &[BackendView]) -> Vec<Value> {
    let none = BackendSums::default();
    // Backends of a pool stand in the same order in both; one that is not published yet is not shown.
    let mut published = Published::new(picture);
    views
        .iter()
        .filter_map(|view| {
            let backend = published.find(&view.key)?;
            Some(self::backend(picture, view, backend, picture.backends.get(&view.key).unwrap_or(&none)))
        })
        .collect()
}

/// Walks along the published backends of a pool, in their order.
pub struct Published<'a> {
    picture: &'a Picture,
    pool: Option<&'a Pool>,
    next: usize,
}

impl<'a> Published<'a> {
    /// At the beginning.
    pub fn new(picture: &'a Picture) -> Self {
        Self { picture, pool: None, next: 0 }
    }

    /// The backend `key`; quick when asked for one after the other.
    pub fn find(&mut self, key: &BackendKey) -> Option<&'a Backend> {
        if self.pool.is_none_or(|it| it.name != key.pool) {
            (self.pool, self.next) = (self.picture.snapshot.pools.get(&key.pool).map(|it| &**it), 0);
        }
        let backends = &self.pool?.backends;
        if backends.get(self.next).is_none_or(|it| it.addr != key.addr) {
            self.next = backends.iter().position(|it| it.addr == key.addr)?;
        }
        self.next += 1;
        backends.get(self.next - 1)
    }
}

fn backend(picture: &Picture, view: &BackendView, published: &Backend, sums: &BackendSums) -> Value {
    let last_check = view.tally.last_check.as_ref().map(|(at, verdict)| {
        let ago_ms = millis(picture.now.saturating_duration_since(*at));
        match verdict {
            Verdict::Pass(took) => json!({"passed": true, "ago_ms": ago_ms, "ms": millis(*took)}),
            Verdict::Fail(failure) => {
                json!({"passed": false, "ago_ms": ago_ms, "cause": failure.to_string()})
            }
        }
    });
    json!({
        "pool": view.key.pool.as_str(),
        "addr": view.key.addr.to_string(),
        "state": view.state().word(),
        "takes_traffic": published.eligible,
        "weight": view.weight,
        "slow_start_percent": view.slow_start,
        "backup": view.backup,
        "sessions": {
            "open": published.load.sessions(),
            "connecting": published.load.connecting(),
            "connected": sums.sessions,
            "max": limit(view.max_sessions),
        },
        "connect_failures": failures(sums),
        "connect_failures_in_row": published.load.failures_in_row(),
        "connect_ms": times(&sums.connect),
        "requests": {"sent": sums.requests, "errors": sums.errors},
        "errors_in_row": published.load.errors_in_row(),
        "to_backend": sums.to_backend,
        "to_client": sums.to_client,
        "ejections": view.tally.ejections,
        "checks": view.checked.then(|| json!({
            "passed": view.tally.passed,
            "failed": view.tally.failed,
            "last": last_check,
        })),
    })
}

/// Connects that failed, by reason.
pub fn failures(sums: &BackendSums) -> serde_json::Map<String, Value> {
    happened(ConnectFailure::WORDS.into_iter().zip(sums.failures))
}

/// Where an order has made something else of the configuration.
pub fn difference(difference: &Difference) -> Value {
    match difference {
        Difference::Service(name, duty) => json!({"service": name.as_str(), "what": duty.word()}),
        Difference::Backend(key, duty) => ordered(key, duty.word()),
        Difference::Added(key, member) => added(key, member),
        Difference::Removed { key, name } => {
            let mut value = ordered(key, "removed");
            value["name"] = json!(name.as_ref().map(target));
            value
        }
        Difference::Weight { key, configured, ordered: weight, name } => {
            let mut value = ordered(key, "weight");
            (value["configured"], value["ordered"]) = (json!(configured), json!(weight));
            value["name"] = json!(name.as_ref().map(target));
            value
        }
    }
}

/// A configuration that was `done`; `more` is to be said of it.
pub fn taken(done: &str, taken: &Taken, more: &str) -> Value {
    let (listeners, backends) = (count(taken.listeners, "listener"), count(taken.backends, "backend"));
    let pending = pending(&taken.pending).map(|text| format!("; {text}")).unwrap_or_default();
    let names = taken.unresolved.iter().map(|it| &**it).collect::<Vec<_>>();
    let unresolved =
        if names.is_empty() { String::new() } else { format!("; no address as yet: {}", names.join(", ")) };
    json!({
        "listeners": taken.listeners,
        "backends": taken.backends,
        "pending": taken.pending,
        "unresolved": names,
        "message": format!("{done}: {listeners}, {backends}{more}{unresolved}{pending}"),
    })
}

/// Where an order says what the configuration says, in the words of [`difference`].
pub fn agreement(agreement: &Agreement) -> Value {
    match agreement {
        Agreement::There(key, member) => added(key, member),
        Agreement::Gone(key) => ordered(key, "removed"),
        Agreement::Weight(key, weight) => {
            let mut value = ordered(key, "weight");
            (value["configured"], value["ordered"]) = (json!(weight), json!(weight));
            value
        }
    }
}

fn added(key: &BackendKey, member: &Member) -> Value {
    let mut value = ordered(key, "added");
    (value["weight"], value["backup"]) = (json!(member.weight), json!(member.backup));
    value["max_sessions"] = json!(member.max_sessions);
    value
}

fn ordered(key: &BackendKey, what: &str) -> Value {
    json!({"pool": key.pool.as_str(), "backend": key.addr.to_string(), "what": what})
}

/// What a configuration would change.
pub fn plan(Planned { plan, settings, refused }: &Planned) -> Value {
    let listeners = plan.listeners.iter().map(|it| {
        json!({
            "service": it.name.service.as_str(),
            "addr": it.name.addr.to_string(),
            "change": changed(it.change),
            "parts": it.parts,
        })
    });
    let settings = settings.iter().map(|it| json!({"name": it.name, "at_once": it.at_once}));
    let settings: Vec<_> = settings.collect();
    let backend = |it: &BackendPlan| {
        json!({
            "addr": it.key.addr.to_string(),
            "change": changed(it.change),
            "sessions": it.sessions,
            "leaving": leaving(it.leaving),
        })
    };
    let pools = plan.pools.iter().map(|it| {
        json!({
            "name": it.name.as_str(),
            "change": changed(it.change),
            "parts": it.parts,
            "backends": it.backends.iter().map(backend).collect::<Vec<_>>(),
        })
    });
    let (kept, drained, cut) = plan.sessions();
    json!({
        "changes": !plan.is_empty() || !settings.is_empty(),
        "settings": settings,
        "listeners": listeners.collect::<Vec<_>>(),
        "pools": pools.collect::<Vec<_>>(),
        "sessions": {"kept": kept, "drained": drained, "cut": cut},
        "refused": refused,
    })
}

fn changed(change: Change) -> &'static str {
    match change {
        Change::Added => "added",
        Change::Changed => "changed",
        Change::Removed => "removed",
    }
}

fn leaving(leaving: Leaving) -> String {
    match leaving {
        Leaving::Keep => "keep".to_owned(),
        Leaving::Drain(time) => format!("drain({time:?})"),
        Leaving::Cut => "cut".to_owned(),
    }
}

/// An open session.
pub fn session(view: &SessionView) -> Value {
    json!({
        "id": view.id,
        "service": view.listener.service.as_str(),
        "listener": view.listener.addr.to_string(),
        "client": view.client.to_string(),
        "via": view.via.as_ref().map(ToString::to_string),
        "pool": view.pool.as_ref().map(PoolName::as_str),
        "backend": view.backend.as_ref().map(ToString::to_string),
        "age_ms": millis(view.age),
        "idle_ms": view.idle.map(millis),
        "to_backend": view.to_backend,
        "to_client": view.to_client,
        "protocol": view.listener.protocol.word(),
        "datagrams": view.datagrams.map(datagrams),
    })
}

/// Of one flow.
pub fn datagrams(datagrams: Datagrams) -> Value {
    json!({"to_backend": datagrams.to_backend, "to_client": datagrams.to_client})
}

/// A number that is one at most, or nothing where there is no limit.
fn limit(most: u32) -> Option<u32> {
    (most != u32::MAX).then_some(most)
}

/// What a configuration says, as far as it is about backends; the file itself says all of it.
pub fn config(listeners: &[std::sync::Arc<Listener>], pools: &[PoolConfig]) -> Value {
    let listeners = listeners.iter().map(|it| {
        json!({"service": it.name.service.as_str(), "addr": it.name.addr.to_string(), "pool": it.pool.as_ref().map(PoolName::as_str)})
    });
    let pool = |pool: &PoolConfig| {
        let members = pool.members.iter().map(|it| {
            let max = limit(it.limits(pool.limits).sessions);
            json!({"addr": target(&it.target), "weight": it.weight, "backup": it.backup, "max_sessions": max})
        });
        json!({
            "name": pool.name.as_str(),
            "balance": balance(pool.balance),
            "checked": pool.check.is_some(),
            "to": members.collect::<Vec<_>>(),
        })
    };
    json!({
        "listeners": listeners.collect::<Vec<_>>(),
        "pools": pools.iter().map(pool).collect::<Vec<_>>(),
    })
}

/// As it is written in `to`.
fn target(target: &Target) -> String {
    match target {
        Target::Addr(addr) => addr.to_string(),
        Target::Name { host, port } => format!("{host}:{port}"),
    }
}

fn balance(balance: Balance) -> &'static str {
    match balance {
        Balance::Random { .. } => "random",
        Balance::RoundRobin => "round-robin",
        Balance::LeastConn => "least-conn",
        Balance::Maglev { .. } => "maglev",
        Balance::First => "first",
    }
}

fn times(times: &Times) -> Value {
    let percent = |percent| percentile(&times.buckets, percent).map(millis);
    let count: u64 = times.buckets.iter().sum();
    // Each is how many took less than so long, but not less than the one before: who asks twice sees what was between.
    let buckets = (0..).zip(times.buckets).filter(|(_, count)| *count > 0);
    let buckets = buckets.map(|(bucket, count)| (bound_micros(bucket) as f64 / 1e3, count));
    let buckets: Vec<(f64, u64)> = buckets.collect();
    json!({"count": count, "p50": percent(50), "p90": percent(90), "p99": percent(99), "buckets": buckets})
}

/// In milliseconds, to the microsecond.
pub fn millis(time: Duration) -> f64 {
    (time.as_secs_f64() * 1e6).round() / 1e3
}
