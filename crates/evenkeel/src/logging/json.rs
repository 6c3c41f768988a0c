//! One JSON object a line, for programs: units are in the names, times are UTC.

use super::entry::Entry;
use super::flood::LeftOut;
use super::notice::{Listening, Notice, Stopped};
use super::units::Rfc3339;
use evenkeel_core::addr::Addr;
use evenkeel_core::attempt::{Attempt, ConnectFailure};
use evenkeel_core::digits::Digits;
use evenkeel_core::director::EventKind;
use evenkeel_core::end::End;
use evenkeel_core::name::PoolName;
use evenkeel_proxy::{Datagrams, RequestRecord, SessionRecord, Still, Who};
use std::fmt::{Display, Write as _};
use std::time::{Duration, SystemTime};

/// A JSON object in the making, at the end of `out`.
struct Object<'a> {
    out: &'a mut String,
    /// What comes before the next name.
    open: &'static str,
}

impl<'a> Object<'a> {
    fn new(out: &'a mut String) -> Self {
        Self { out, open: "{\"" }
    }

    fn name(&mut self, name: &str) {
        self.out.push_str(std::mem::replace(&mut self.open, ",\""));
        self.out.push_str(name);
        self.out.push_str("\":");
    }

    /// A field whose value needs no escaping: a number, `true`, `null`, an object.
    fn raw(&mut self, name: &str, value: impl Display) -> &mut Self {
        self.name(name);
        let _ = write!(self.out, "{value}");
        self
    }

    /// A field that holds text.
    fn text(&mut self, name: &str, value: impl Display) -> &mut Self {
        self.quoted(name, |out| {
            let _ = write!(out, "{value}");
        })
    }

    /// A field that holds what `write` writes.
    fn quoted(&mut self, name: &str, write: impl FnOnce(&mut String)) -> &mut Self {
        self.name(name);
        self.out.push('"');
        let start = self.out.len();
        write(self.out);
        escape(self.out, start);
        self.out.push('"');
        self
    }

    /// A field that holds text in which nothing needs escaping, such as a word of ours.
    fn word(&mut self, name: &str, value: &str) -> &mut Self {
        self.name(name);
        self.out.push('"');
        self.out.push_str(value);
        self.out.push('"');
        self
    }

    /// A field that holds an address. Like what follows it is in every line, and so not written by way of [`Display`].
    fn addr(&mut self, name: &str, value: &Addr) -> &mut Self {
        match value {
            Addr::Ip(addr) => self.word(name, Digits::of_addr(*addr).as_str()),
            Addr::Unix(_) => self.text(name, value),
        }
    }

    fn addr_or_null(&mut self, name: &str, value: Option<&Addr>) -> &mut Self {
        match value {
            Some(value) => self.addr(name, value),
            None => self.null(name),
        }
    }

    /// A field that holds a name that a user has given.
    fn called(&mut self, name: &str, value: &str) -> &mut Self {
        self.quoted(name, |out| out.push_str(value))
    }

    fn called_or_null(&mut self, name: &str, value: Option<&str>) -> &mut Self {
        match value {
            Some(value) => self.called(name, value),
            None => self.null(name),
        }
    }

    /// A field that holds what a stranger has said.
    fn said(&mut self, name: &str, value: &[u8]) -> &mut Self {
        self.called(name, &String::from_utf8_lossy(value))
    }

    fn said_or_null(&mut self, name: &str, value: Option<&[u8]>) -> &mut Self {
        match value {
            Some(value) => self.said(name, value),
            None => self.null(name),
        }
    }

    fn text_or_null(&mut self, name: &str, value: Option<impl Display>) -> &mut Self {
        match value {
            Some(value) => self.text(name, value),
            None => self.null(name),
        }
    }

    fn null(&mut self, name: &str) -> &mut Self {
        self.name(name);
        self.out.push_str("null");
        self
    }

    fn number(&mut self, name: &str, value: u64) -> &mut Self {
        self.name(name);
        self.out.push_str(Digits::of(value).as_str());
        self
    }

    /// Milliseconds with three decimals.
    fn millis(&mut self, name: &str, value: Duration) -> &mut Self {
        // Half a million years fit; and 64 bits are divided faster than 128.
        let micros = value.as_micros() as u64;
        self.name(name);
        self.out.push_str(Digits::of_thousandths(micros).as_str());
        self
    }

    fn millis_or_null(&mut self, name: &str, value: Option<Duration>) -> &mut Self {
        match value {
            Some(value) => self.millis(name, value),
            None => self.null(name),
        }
    }

    /// A field that holds the time.
    fn time(&mut self, name: &str, value: SystemTime) -> &mut Self {
        self.word(name, Rfc3339(value).digits().as_str())
    }

    /// A field that holds what `write` writes between brackets.
    fn list(&mut self, name: &str, write: impl FnOnce(&mut String)) -> &mut Self {
        self.name(name);
        self.out.push('[');
        write(self.out);
        self.out.push(']');
        self
    }

    fn end(self) {
        self.out.push_str(if self.open == "{\"" { "{}" } else { "}" });
    }
}

/// Escapes what stands in `out` from `start` on, as RFC 8259 wants. Hardly anything ever needs it.
fn escape(out: &mut String, start: usize) {
    let is_special = |byte: u8| byte < b' ' || byte == b'"' || byte == b'\\';
    let written = &out.as_bytes()[start..];
    // All of them without a branch, which compilers do many at a time.
    if !written.iter().fold(false, |any, byte| any | is_special(*byte)) {
        return;
    }
    let Some(first) = written.iter().position(|byte| is_special(*byte)) else { return };
    let tail = out.split_off(start + first);
    for char in tail.chars() {
        match char {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\0'..='\x1f' => {
                let _ = write!(out, "\\u{:04x}", u32::from(char));
            }
            char => out.push(char),
        }
    }
}

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
    let version = (!said.method.is_empty()).then(|| record.version.word());
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
        .said("method", said.method)
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
    line.list("observed", |out| {
        for (index, objection) in record.observed.iter().enumerate() {
            let comma = if index > 0 { "," } else { "" };
            let _ = write!(out, "{comma}\"{}\"", objection.word());
        }
    });
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
            line.text("name", name).text("until", Rfc3339(*until));
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
    line.text("service", &about.service).raw("listeners", '[');
    for (index, addr) in about.listeners.iter().enumerate() {
        line.out.push_str(if index == 0 { "\"" } else { ",\"" });
        let start = line.out.len();
        let _ = write!(line.out, "{addr}");
        escape(line.out, start);
        line.out.push('"');
    }
    line.out.push(']');
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
