//! Everything that is counted, as Prometheus reads it. Every series of what may happen is there from the start, and there are
//! only as many as the configuration has services and backends.

mod text;

use super::view::{self, Published};
use crate::control::{CheckTimes, Picture};
use evenkeel_core::attempt::ConnectFailure;
use evenkeel_core::backend::Backend;
use evenkeel_core::counts::{self, Metric};
use evenkeel_core::director::{BackendView, State};
use evenkeel_core::end::End;
use evenkeel_core::flow::Lost;
use evenkeel_core::http::grpc;
use evenkeel_core::http::outcome::Outcome;
use evenkeel_core::name::PoolName;
use evenkeel_core::objection::Objection;
use evenkeel_core::snapshot::Listener;
use evenkeel_proxy::{BackendSums, RouteSums, ServiceSums, Times};
use evenkeel_sys::{limits, usage};
use std::fmt::Display;
use std::ops::RangeInclusive;
use std::time::{SystemTime, UNIX_EPOCH};
use text::Text;

/// 0.5 ms to 67 s and beyond.
const DURATIONS: RangeInclusive<usize> = 9..=26;

/// 0.1 ms to 4 s: connects time out.
const CONNECTS: RangeInclusive<usize> = 7..=22;

/// 0.1 ms to 67 s: a check may have a long timeout.
const CHECKS: RangeInclusive<usize> = 7..=26;

/// A metric, and how its value is found.
type Of<T, V> = (&'static Metric, fn(&T) -> V);

/// The whole page.
pub fn write(picture: &Picture) -> String {
    let mut text = Text::default();
    process(&mut text, picture);
    evenkeel(&mut text, picture);
    services(&mut text, picture);
    pools(&mut text, picture);
    backends(&mut text, picture);
    text.finish()
}

/// The standard set, by its standard names.
fn process(text: &mut Text, picture: &Picture) {
    let usage = usage::now();
    let mut one = |name: &str, kind: &str, help: &str, value: f64| {
        text.begin(name, kind, help);
        text.sample(name, &[], value);
    };
    one("process_cpu_seconds_total", "counter", "Time on processors, in seconds", usage.cpu.as_secs_f64());
    one("process_resident_memory_bytes", "gauge", "Memory that is really there", usage.resident as f64);
    one("process_virtual_memory_bytes", "gauge", "Address space", usage.virtual_memory as f64);
    one("process_open_fds", "gauge", "Open descriptors", usage.descriptors as f64);
    one("process_max_fds", "gauge", "Descriptors at most", limits::descriptors() as f64);
    one("process_start_time_seconds", "gauge", "When it started", unix_seconds(picture.started));
}

fn unix_seconds(time: SystemTime) -> f64 {
    time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64()
}

fn evenkeel(text: &mut Text, picture: &Picture) {
    let (totals, reloads) = (&picture.totals, &picture.reloads);
    text.family(&counts::BUILD_INFO);
    text.sample(counts::BUILD_INFO.name, &[("version", env!("CARGO_PKG_VERSION"))], 1);
    text.single(&counts::WORKERS, picture.workers);
    text.single(&counts::WORKERS_BUSY_POLLING, totals.busy_polling);
    text.single(&counts::SESSIONS_OPEN, totals.open);
    text.single(&counts::SESSIONS_MAX, picture.max_sessions);
    text.single(&counts::SESSIONS_UNWATCHED, totals.unwatched);
    text.single(&counts::EARLY_BYTES, totals.early_bytes);
    text.single(&counts::EARLY_BYTES_MAX, totals.early_bytes_max);
    text.single(&counts::CEILINGS, totals.ceilings);
    text.single(&counts::ACCEPT_FAILURES, totals.accept_failures);
    text.single(&counts::PANICS, totals.panics);
    text.single(&counts::PIPES_OPEN, totals.pipes);
    text.single(&counts::CALLS_REFUSED, picture.calls_refused);
    text.single(&counts::LOG_LINES_DROPPED, picture.lines_dropped);
    text.single(&counts::LOG_LINES_LEFT_OUT, picture.lines_left_out);
    text.single(&counts::REPORTS_DROPPED, totals.reports_dropped);
    text.single(&counts::DRAINING, u8::from(picture.phase != "running"));
    text.single(&counts::CONFIG_LAST_RELOAD_SUCCESSFUL, u8::from(reloads.problem.is_none()));
    text.single(&counts::CONFIG_LAST_RELOAD_SUCCESS, unix_seconds(reloads.since));
    text.family(&counts::CONFIG_RELOADS);
    for (result, count) in [("taken", reloads.taken), ("refused", reloads.refused)] {
        text.sample(counts::CONFIG_RELOADS.name, &[("result", result)], count);
    }
    certificates(text, picture);
}

/// A family has a sample at least.
fn certificates(text: &mut Text, picture: &Picture) {
    if !picture.certificates.is_empty() {
        text.family(&counts::TLS_CERTIFICATE_EXPIRY);
    }
    for shown in &picture.certificates {
        let (file, name) = (shown.file.to_string_lossy(), shown.names.first().map_or("", String::as_str));
        let labels = [("file", &*file), ("name", name)];
        text.sample(counts::TLS_CERTIFICATE_EXPIRY.name, &labels, unix_seconds(shown.expires));
    }
    let obtained = &picture.obtained;
    if obtained.held.is_empty() {
        return;
    }
    text.family(&counts::ACME_ATTEMPTS);
    for (result, count) in [("obtained", obtained.obtained), ("failed", obtained.failed)] {
        text.sample(counts::ACME_ATTEMPTS.name, &[("result", result)], count);
    }
    text.family(&counts::ACME_CERTIFICATES);
    for held in &obtained.held {
        let is_there = u8::from(held.until.is_some());
        text.sample(counts::ACME_CERTIFICATES.name, &[("name", &held.name)], is_there);
    }
    text.family(&counts::ACME_DUE);
    for held in &obtained.held {
        text.sample(counts::ACME_DUE.name, &[("name", &held.name)], unix_seconds(held.due));
    }
}

/// A service, and what it has counted.
type Counted<'a> = (&'a str, &'a ServiceSums);

fn services(text: &mut Text, picture: &Picture) {
    let all: Vec<Counted<'_>> = picture.services.iter().map(|(name, sums)| (name.as_str(), sums)).collect();
    let numbers: [Of<ServiceSums, u64>; 7] = [
        (&counts::SERVICE_SESSIONS, |it| it.accepted),
        (&counts::SERVICE_SESSIONS_OPEN, |it| it.open.into()),
        (&counts::SERVICE_FAILED, |it| End::failures(&it.ends)),
        (&counts::SERVICE_TO_BACKEND, |it| it.to_backend),
        (&counts::SERVICE_TO_CLIENT, |it| it.to_client),
        (&counts::SERVICE_RETRIES, |it| it.retries),
        (&counts::SERVICE_UNCOUNTED, |it| it.uncounted),
    ];
    for (metric, value) in numbers {
        text.family(metric);
        all.iter().for_each(|(name, sums)| text.sample(metric.name, &[("service", name)], value(sums)));
    }
    by_word(text, &counts::SERVICE_ENDS, &all, "end", |it| End::words().zip(it.ends));
    by_word(text, &counts::SERVICE_OBSERVED, &all, "rule", |it| {
        Objection::ALL.iter().map(|objection| objection.word()).zip(it.observed)
    });
    handshakes(text, &with(picture, |it| it.reception.tls.is_some()));
    requests(text, &of_http(picture));
    routes(text, picture);
    durations(text, &counts::SERVICE_DURATION, &all, |it| &it.duration);
    durations(text, &counts::SERVICE_QUEUED, &all, |it| &it.queued);
    datagrams(text, &with(picture, Listener::is_for_flows));
}

/// Those that have such listeners.
fn with(picture: &Picture, is_such: impl Fn(&Listener) -> bool) -> Vec<Counted<'_>> {
    let listeners = picture.snapshot.listeners.values().filter(|it| is_such(it));
    let mut names: Vec<_> = listeners.map(|it| &it.name.service).collect();
    // The listeners of one stand together.
    names.dedup();
    names.into_iter().filter_map(|name| Some((name.as_str(), picture.services.get(name)?))).collect()
}

/// Those that balance requests.
fn of_http(picture: &Picture) -> Vec<Counted<'_>> {
    with(picture, |it| it.reception.http.is_some())
}

/// A family with a sample for each service and word.
fn by_word<Counts: IntoIterator<Item = (&'static str, u64)>>(
    text: &mut Text,
    metric: &Metric,
    services: &[Counted<'_>],
    label: &str,
    counts: impl Fn(&ServiceSums) -> Counts,
) {
    text.family(metric);
    for (name, sums) in services {
        for (word, count) in counts(sums) {
            text.sample(metric.name, &[("service", name), (label, word)], count);
        }
    }
}

fn durations(
    text: &mut Text,
    metric: &Metric,
    services: &[Counted<'_>],
    times: impl Fn(&ServiceSums) -> &Times,
) {
    text.family(metric);
    for (name, sums) in services {
        text.histogram(metric.name, &[("service", name)], times(sums), DURATIONS);
    }
}

/// Of services that end TLS; a family has a sample at least.
fn handshakes(text: &mut Text, services: &[Counted<'_>]) {
    if !services.is_empty() {
        by_word(text, &counts::SERVICE_TLS_HANDSHAKES, services, "kind", |it| {
            [("full", it.tls_full), ("resumed", it.tls_resumed)]
        });
    }
}

/// Of services that take them; a family has a sample at least.
fn datagrams(text: &mut Text, services: &[Counted<'_>]) {
    if services.is_empty() {
        return;
    }
    by_word(text, &counts::SERVICE_DATAGRAMS, services, "direction", |it| {
        [("to-backend", it.datagrams.to_backend), ("to-client", it.datagrams.to_client)]
    });
    by_word(text, &counts::SERVICE_DATAGRAMS_DROPPED, services, "reason", |it| {
        Lost::ALL.iter().map(|lost| lost.word()).zip(it.datagrams.lost)
    });
}

/// Of services that balance requests; a family has a sample at least.
fn requests(text: &mut Text, services: &[Counted<'_>]) {
    if services.is_empty() {
        return;
    }
    by_word(text, &counts::SERVICE_REQUESTS, services, "status", |it| {
        view::CLASS_WORDS.into_iter().zip(it.requests.answers)
    });
    by_word(text, &counts::SERVICE_OUTCOMES, services, "outcome", |it| {
        Outcome::words().zip(it.requests.outcomes)
    });
    by_word(text, &counts::SERVICE_CALLS, services, "status", |it| {
        grpc::Status::ALL.iter().map(|status| status.word()).zip(it.requests.calls)
    });
    durations(text, &counts::SERVICE_REQUEST_DURATION, services, |it| &it.requests.duration);
    durations(text, &counts::SERVICE_FIRST_BYTE, services, |it| &it.requests.first_byte);
}

/// Of routes of requests; a family has a sample at least.
fn routes(text: &mut Text, picture: &Picture) {
    if picture.routes.is_empty() {
        return;
    }
    let mut all: Vec<([(&str, &str); 2], &RouteSums)> = Vec::new();
    for (service, routes) in &picture.routes {
        let labels = |route| [("service", service.as_str()), ("route", route)];
        all.extend(routes.iter().map(|(route, sums)| (labels(&**route), sums)));
    }
    text.family(&counts::ROUTE_REQUESTS);
    for ([service, route], sums) in &all {
        for (word, count) in view::CLASS_WORDS.into_iter().zip(sums.answers) {
            text.sample(counts::ROUTE_REQUESTS.name, &[*service, *route, ("status", word)], count);
        }
    }
    text.family(&counts::ROUTE_DURATION);
    for (labels, sums) in &all {
        text.histogram(counts::ROUTE_DURATION.name, labels, &sums.duration, DURATIONS);
    }
}

fn pools(text: &mut Text, picture: &Picture) {
    let views = view::by_pool(picture);
    text.family(&counts::POOL_BACKENDS);
    for name in picture.snapshot.pools.keys() {
        let views = views.get(name).copied().unwrap_or_default();
        for state in State::ALL {
            let count = views.iter().filter(|it| it.state() == state).count();
            let labels = [("pool", name.as_str()), ("state", state.word())];
            text.sample(counts::POOL_BACKENDS.name, &labels, count);
        }
    }
    text.family(&counts::POOL_WAITING);
    for (name, pool) in &picture.snapshot.pools {
        text.sample(counts::POOL_WAITING.name, &[("pool", name.as_str())], pool.line.length());
    }
    let is_checked = |name: &&PoolName| views.get(name).is_some_and(|them| them.iter().any(|it| it.checked));
    let checked: Vec<_> = picture.snapshot.pools.keys().filter(is_checked).collect();
    if !checked.is_empty() {
        text.family(&counts::POOL_CHECK_DURATION);
    }
    let none = CheckTimes::default();
    for name in checked {
        let CheckTimes { passed, failed } = picture.checks.get(name).unwrap_or(&none);
        for (result, times) in [("passed", passed), ("failed", failed)] {
            let labels = [("pool", name.as_str()), ("result", result)];
            text.histogram(counts::POOL_CHECK_DURATION.name, &labels, times, CHECKS);
        }
    }
}

/// A backend with all that is known of it.
struct Row<'a> {
    view: &'a BackendView,
    published: &'a Backend,
    sums: &'a BackendSums,
    addr: String,
}

impl Row<'_> {
    fn sample(&self, text: &mut Text, metric: &Metric, value: impl Display) {
        text.sample(metric.name, &[("pool", self.view.key.pool.as_str()), ("backend", &self.addr)], value);
    }

    fn sample_by(&self, text: &mut Text, metric: &Metric, label: &str, word: &str, value: u64) {
        let labels = [("pool", self.view.key.pool.as_str()), ("backend", &self.addr), (label, word)];
        text.sample(metric.name, &labels, value);
    }
}

fn backends<'a>(text: &mut Text, picture: &'a Picture) {
    let none = BackendSums::default();
    let mut published = Published::new(picture);
    let row = |view: &'a BackendView| {
        let key = &view.key;
        let sums = picture.backends.get(key).unwrap_or(&none);
        Some(Row { view, published: published.find(key)?, sums, addr: key.addr.to_string() })
    };
    let rows: Vec<Row<'_>> = picture.views.iter().filter_map(row).collect();
    let numbers: [Of<Row<'_>, u64>; 7] = [
        (&counts::BACKEND_UP, |it| it.published.eligible.into()),
        (&counts::BACKEND_WEIGHT, |it| it.view.weight.into()),
        (&counts::BACKEND_SESSIONS, |it| it.sums.sessions),
        (&counts::BACKEND_SESSIONS_OPEN, |it| it.published.load.sessions().into()),
        (&counts::BACKEND_TO_BACKEND, |it| it.sums.to_backend),
        (&counts::BACKEND_TO_CLIENT, |it| it.sums.to_client),
        (&counts::BACKEND_EJECTIONS, |it| it.view.tally.ejections),
    ];
    for (metric, value) in numbers {
        text.family(metric);
        rows.iter().for_each(|row| row.sample(text, metric, value(row)));
    }
    if !of_http(picture).is_empty() {
        text.family(&counts::BACKEND_REQUESTS);
        rows.iter().for_each(|row| row.sample(text, &counts::BACKEND_REQUESTS, row.sums.requests));
        text.family(&counts::BACKEND_ERRORS);
        rows.iter().for_each(|row| row.sample(text, &counts::BACKEND_ERRORS, row.sums.errors));
        text.family(&counts::BACKEND_SILENT);
        let silent = |row: &Row<'_>| u64::from(row.published.load.silent());
        rows.iter().for_each(|row| row.sample(text, &counts::BACKEND_SILENT, silent(row)));
    }
    let failures = &counts::BACKEND_CONNECT_FAILURES;
    text.family(failures);
    for row in &rows {
        for (word, count) in ConnectFailure::WORDS.into_iter().zip(row.sums.failures) {
            row.sample_by(text, failures, "reason", word, count);
        }
    }
    let checked = || rows.iter().filter(|row| row.view.checked);
    if checked().next().is_some() {
        text.family(&counts::BACKEND_CHECKS);
    }
    for row in checked() {
        for (word, count) in [("passed", row.view.tally.passed), ("failed", row.view.tally.failed)] {
            row.sample_by(text, &counts::BACKEND_CHECKS, "result", word, count);
        }
    }
    text.family(&counts::BACKEND_CONNECT);
    for row in &rows {
        let labels = [("pool", row.view.key.pool.as_str()), ("backend", row.addr.as_str())];
        text.histogram(counts::BACKEND_CONNECT.name, &labels, &row.sums.connect, CONNECTS);
    }
}
