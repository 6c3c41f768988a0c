//! One JSON object a line, for programs: units are in the names, times are UTC.

use super::entry::Entry;
use super::flood::LeftOut;
use super::notice::{Listening, Notice, Stopped};
use super::object::Object;
use evenkeel_core::attempt::{Attempt, ConnectFailure};
use evenkeel_core::digits::Digits;
use evenkeel_core::director::EventKind;
use evenkeel_core::end::End;
use evenkeel_core::name::PoolName;
use evenkeel_proxy::{Datagrams, RequestRecord, SessionRecord, Still, Who};
use std::time::{Duration, SystemTime};

/// Appends the line of `entry`.
pub fn line(out: &mut String, entry: &Entry<'_>) {
    match entry {
        Entry::Notice(at, event) => notice(out, *at, event),
        Entry::Ended(record) => session(out, record),
        Entry::Open(record) => open(out, record),
        Entry::Request(record) => request(out, record),
    }
}

/// Appends the line of a request. `ts` is when it came to its end.
fn request(out: &mut String, record: &RequestRecord) {
    let (said, mut line) = (record.said_in_bytes(), Object::new(out));
    // Of what was refused, nobody knows.
    let method = Some(said.method).filter(|it| !it.is_empty());
    let version = method.map(|_| record.version.word());
    line.time("ts", record.began_at + record.duration)
        .word("kind", "request")
        .said_or_null("id", said.id)
        .number("session", record.session)
        .number("number", record.number)
        .called("service", record.listener.service.as_str())
        .addr("listener", &record.listener.addr);
    match &record.client {
        Who::At(addr) => line.addr("client", addr),
        Who::Named(ip) => line.word("client", Digits::of_ip(*ip).as_str()),
    };
    line.addr_or_null("via", record.via.as_ref())
        .said_or_null("method", method)
        .called_or_null("protocol", version)
        .said_or_null("host", said.host)
        .said("target", said.target)
        .said_or_null("user_agent", said.user_agent)
        .said_or_null("referer", said.referer);
    match record.status {
        Some(status) => line.number("status", status.into()),
        None => line.null("status"),
    };
    if let Some(status) = record.grpc {
        line.number("grpc_status", status.number().into());
    }
    line.word("outcome", record.outcome.word())
        .word("by", record.outcome.by().word())
        .called_or_null("route", record.route.as_deref())
        .called_or_null("pool", record.pool.as_ref().map(PoolName::as_str))
        .addr_or_null("backend", record.backend.as_ref());
    attempts(&mut line, &record.failed_attempts);
    line.millis("head_ms", record.head_took)
        .millis("queued_ms", record.queued)
        .millis_or_null("connect_ms", record.connect)
        .millis_or_null("sent_ms", record.sent)
        .millis_or_null("first_byte_ms", record.first_byte)
        .millis("ms", record.duration)
        .number("to_backend", record.to_backend)
        .number("to_client", record.to_client);
    line.end();
    out.push('\n');
}

/// Appends the line of a session that is open. `ts` is now.
fn open(out: &mut String, record: &SessionRecord<Still>) {
    let mut line = Object::new(out);
    so_far(&mut line, record.end.word(), record);
    line.end();
    out.push('\n');
}

/// Appends the line of an ended session. `ts` is when it ended.
pub fn session(out: &mut String, record: &SessionRecord) {
    let mut line = Object::new(out);
    so_far(&mut line, "end", record);
    line.word("end", record.end.word());
    if let End::Failed(errno) = record.end {
        line.raw("errno", errno);
    }
    if let End::Rejected(rejection) = record.end
        && let Some(detail) = rejection.detail()
    {
        line.text("detail", detail);
    }
    line.word("by", record.end.by().word());
    line.end();
    out.push('\n');
}

/// What is known of a session however far it has come.
fn so_far<E>(line: &mut Object<'_>, kind: &'static str, record: &SessionRecord<E>) {
    line.time("ts", record.accepted_at + record.duration)
        .word("kind", kind)
        .number("id", record.id)
        .called("service", record.listener.service.as_str())
        .addr("listener", &record.listener.addr)
        .addr("client", &record.client)
        .addr_or_null("via", record.via.as_ref())
        .called_or_null("sni", record.server_name.as_deref());
    tls(line, record);
    line.called_or_null("pool", record.pool.as_ref().map(PoolName::as_str))
        .addr_or_null("backend", record.backend.as_ref());
    attempts(line, &record.failed_attempts);
    line.texts("observed", record.observed.iter().map(|objection| objection.word()));
    line.millis("queued_ms", record.queued)
        .millis_or_null("connect_ms", record.connect)
        .millis_or_null("first_byte_ms", record.first_byte)
        .millis("ms", record.duration)
        .number("to_backend", record.to_backend)
        .number("to_client", record.to_client);
    if let Some(Datagrams { to_backend, to_client }) = record.flow() {
        line.word("protocol", "udp")
            .raw("datagrams_to_backend", to_backend)
            .raw("datagrams_to_client", to_client);
    }
}

/// Those that failed.
fn attempts(line: &mut Object<'_>, failed: &[Attempt]) {
    line.list("attempts", |out| {
        for (index, attempt) in failed.iter().enumerate() {
            if index > 0 {
                out.push(',');
            }
            let mut item = Object::new(out);
            item.addr("backend", &attempt.backend).word("failure", attempt.failure.word());
            if let Some(errno) = attempt.failure.errno() {
                item.raw("errno", errno);
            }
            match attempt.failure {
                ConnectFailure::Tls(fault) => drop(item.text("detail", fault)),
                ConnectFailure::NoAnswer(failing) => drop(item.word("detail", failing.word())),
                _ => {}
            }
            item.millis("ms", attempt.took);
            item.end();
        }
    });
}

/// Only where TLS is spoken with clients.
fn tls<E>(line: &mut Object<'_>, record: &SessionRecord<E>) {
    if let Some(agreed) = &record.tls {
        line.text("tls", agreed.version)
            .text_or_null("alpn", agreed.alpn.as_ref())
            .raw("tls_resumed", agreed.resumed)
            .raw("client_certificate", agreed.client_certificate);
    }
}

/// Appends the line of an event.
pub fn notice(out: &mut String, at: SystemTime, notice: &Notice) {
    let mut line = Object::new(out);
    line.time("ts", at).word("event", notice.word()).word("level", notice.level().word());
    match notice {
        Notice::Listening(about) => listening(&mut line, about),
        Notice::Ready { took, workers, max_sessions, descriptors } => {
            ready(&mut line, *took);
            line.raw("workers", workers).raw("max_sessions", max_sessions).raw("descriptors", descriptors);
        }
        Notice::Pool(event) => {
            line.text("pool", &event.pool).text_or_null("backend", event.backend.as_ref());
            pool_event(&mut line, &event.kind);
        }
        Notice::CeilingReached { service, sessions } => {
            line.text_or_null("service", service.as_ref()).raw("sessions", sessions);
        }
        Notice::CeilingLeft { service } => drop(line.text_or_null("service", service.as_ref())),
        Notice::AcceptFailed { listener, errno } => {
            line.text("service", &listener.service).text("listener", &listener.addr).raw("errno", errno);
        }
        Notice::PortsScarce { backend, sessions, ports } => {
            line.text("backend", backend).raw("sessions", sessions).raw("ports", ports);
        }
        Notice::SignalIgnored { signal, .. } => drop(line.text("signal", signal)),
        Notice::Reloaded { listeners, backends } => {
            line.raw("listeners", listeners).raw("backends", backends);
        }
        Notice::Admin { addr, .. } => {
            line.text("listener", addr);
        }
        Notice::Ordered { what, by } | Notice::OrderRefused { what, by, .. } => {
            line.text("order", what).text("by", by);
        }
        Notice::Upgrading { binary } => {
            line.text("binary", binary);
        }
        Notice::Upgraded { pid, sessions, pause, left } => {
            line.raw("pid", pid).raw("sessions", sessions).millis("pause_ms", *pause).raw("left", left);
        }
        Notice::LameDuck { .. } | Notice::Draining { .. } | Notice::Stopped(_) => {
            of_the_end(&mut line, notice);
        }
        Notice::LinesDropped { .. }
        | Notice::LeftOut(_)
        | Notice::LogReopened { .. }
        | Notice::LogTo { .. } => {
            of_the_log(&mut line, notice);
        }
        Notice::Trial { time } => {
            line.millis("confirm_ms", *time);
        }
        Notice::CallRefused { calls, last } => {
            line.raw("calls", calls).raw("last", last);
        }
        Notice::WentBack { why } => drop(line.text("why", why)),
        Notice::CertificateExpires { .. }
        | Notice::CertificateObtained { .. }
        | Notice::CertificateNotObtained { .. }
        | Notice::CertificatesRenewed { .. }
        | Notice::CertificateRefused { .. } => of_a_certificate(&mut line, notice),
        Notice::Panicked { .. }
        | Notice::ReloadRefused { .. }
        | Notice::LogNotReopened { .. }
        | Notice::UpgradeFailed { .. }
        | Notice::Warning(_) => {}
    }
    line.text("message", notice);
    line.end();
    out.push('\n');
}

fn ready(line: &mut Object<'_>, took: Duration) {
    line.millis("ms", took).raw("pid", std::process::id()).text("version", env!("CARGO_PKG_VERSION"));
}

fn of_the_end(line: &mut Object<'_>, notice: &Notice) {
    match notice {
        Notice::LameDuck { signal, time } => {
            line.text("signal", signal).millis("lame_duck_ms", *time);
        }
        Notice::Draining { window, open } => {
            line.millis("drain_ms", *window).raw("open", open);
        }
        Notice::Stopped(Stopped { sessions, cut, lines_dropped, .. }) => {
            line.raw("sessions", sessions).raw("cut", cut).raw("lines_dropped", lines_dropped);
        }
        _ => {}
    }
}

fn of_a_certificate(line: &mut Object<'_>, notice: &Notice) {
    match notice {
        Notice::CertificateExpires { file, names, days } => {
            line.text("file", file.display()).text("names", names.join(" ")).raw("days", days);
        }
        Notice::CertificateObtained { name, until } => {
            line.text("name", name).time("until", *until);
        }
        Notice::CertificateNotObtained { name, why, wait } => {
            if let Some(name) = name {
                line.text("name", name);
            }
            line.text("why", why).millis("wait_ms", *wait);
        }
        _ => {}
    }
}

fn of_the_log(line: &mut Object<'_>, notice: &Notice) {
    match notice {
        Notice::LinesDropped { lines } => {
            line.raw("lines", lines);
        }
        Notice::LeftOut(LeftOut { service, what, lines, .. }) => {
            line.text("service", service).text("what", what).raw("lines", lines);
        }
        Notice::LogReopened { to } | Notice::LogTo { to } => {
            line.text("to", to);
        }
        _ => {}
    }
}

fn listening(line: &mut Object<'_>, about: &Listening) {
    line.text("service", &about.service).texts("listeners", &about.listeners);
    line.text("pool", &about.pool).raw("backends", about.backends).raw("names", about.names);
    line.text("balance", about.balance);
}

fn pool_event(line: &mut Object<'_>, kind: &EventKind) {
    match kind {
        EventKind::Up { passes, took } => {
            line.raw("passes", passes).millis("check_ms", *took);
        }
        EventKind::Down { cause, failures } => {
            line.text("cause", cause).raw("failures", failures);
        }
        EventKind::Ejected { cause, failures, time } => {
            line.text("cause", cause).raw("failures", failures).millis("out_ms", *time);
        }
        EventKind::NotEjected { cause } => {
            line.text("cause", cause);
        }
        EventKind::Unresolved { host, error } => {
            line.text("host", host).text("cause", error);
        }
        EventKind::Added { by } | EventKind::Removed { by } => {
            line.text("by", by);
        }
        EventKind::Resolved { host } => {
            line.text("host", host);
        }
        EventKind::AssumedUp
        | EventKind::Unchecked
        | EventKind::Returned
        | EventKind::AllDown
        | EventKind::Recovered
        | EventKind::BackupsIn
        | EventKind::BackupsOut => {}
    }
}
