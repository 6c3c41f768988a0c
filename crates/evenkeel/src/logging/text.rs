//! One readable line each, for people: on a terminal, or in the journal.

use super::entry::Entry;
use super::notice::{Level, Notice};
use super::units::{Bytes, Took, count, cut, unix_seconds};
use evenkeel_core::attempt::Attempt;
use evenkeel_core::director::EventKind;
use evenkeel_core::end::End;
use evenkeel_core::http::grpc;
use evenkeel_core::http::outcome::Outcome;
use evenkeel_core::objection::Objection;
use evenkeel_proxy::{RequestRecord, SessionRecord, Still};
use evenkeel_sys::clock::local_time;
use std::fmt::{self, Write as _};
use std::time::{Duration, SystemTime};

/// What a line begins with, and whether it has colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// The local time, no colour.
    Plain,
    /// The local time, and colours.
    Colour,
    /// A priority that the journal takes off again; it has a clock of its own.
    Journal,
    /// Nothing: who takes the line is told the time and the priority besides.
    Bare,
}

/// Bytes of a request's target that a line shows.
const TARGET_MAX: usize = 1024;

/// A colour that says something; its ANSI code.
#[derive(Clone, Copy)]
enum Paint {
    Dim = 2,
    Red = 31,
    Green = 32,
    Yellow = 33,
}

/// Writes lines of text.
pub struct Text {
    style: Style,
    /// The second that `clock` shows, since the Unix epoch.
    second: i64,
    clock: String,
}

impl Text {
    /// Lines in `style`.
    pub fn new(style: Style) -> Self {
        Self { style, second: i64::MIN, clock: String::new() }
    }

    /// Appends the line of an event.
    pub fn notice(&mut self, out: &mut String, at: SystemTime, notice: &Notice) {
        self.begin(out, at, notice.level());
        if let Some(about) = notice.about() {
            let _ = write!(out, "{about}  ");
        }
        if let Some(backend) = notice.backend() {
            let _ = write!(out, "{backend} ");
        }
        match paint_of(notice) {
            Some(paint) => self.painted(out, paint, notice),
            None => {
                let _ = write!(OneLine(out), "{notice}");
            }
        }
        out.push('\n');
    }

    /// Appends the line of `entry`.
    pub fn line(&mut self, out: &mut String, entry: &Entry<'_>) {
        match entry {
            Entry::Notice(at, notice) => self.notice(out, *at, notice),
            Entry::Ended(record) => self.session(out, record),
            Entry::Open(record) => self.open(out, record),
            Entry::Request(record) => self.request(out, record),
        }
    }

    /// Appends the line of an ended session.
    pub fn session(&mut self, out: &mut String, record: &SessionRecord) {
        let (level, paint) = match record.end.is_ok() {
            true => (Level::Info, Paint::Green),
            false => (Level::Warning, Paint::Red),
        };
        self.so_far(out, level, record);
        self.painted(out, paint, record.end.word());
        let mut details = Details::new(out);
        details.end(record.end);
        details.so_far(record);
        details.close();
        out.push('\n');
    }

    /// Appends the line of a session that is open.
    fn open(&mut self, out: &mut String, record: &SessionRecord<Still>) {
        self.so_far(out, Level::Info, record);
        out.push_str(record.end.word());
        let mut details = Details::new(out);
        details.so_far(record);
        details.close();
        out.push('\n');
    }

    /// Appends the line of a request.
    fn request(&mut self, out: &mut String, record: &RequestRecord) {
        let is_odd = record.status >= Some(400) || record.grpc.is_some_and(|it| it != grpc::Status::Ok);
        let (level, paint) = match record.outcome.is_ok() {
            false => (Level::Warning, Paint::Red),
            true if is_odd => (Level::Info, Paint::Yellow),
            true => (Level::Info, Paint::Green),
        };
        let said = record.said();
        self.begin(out, record.began_at + record.duration, level);
        let _ = write!(OneLine(out), "{}  {} ", record.listener.service, record.client);
        if let Some(via) = &record.via {
            let _ = write!(out, "via {via} ");
        }
        let (host, target) = (said.host.unwrap_or_default(), cut(&said.target, TARGET_MAX));
        let _ = write!(OneLine(out), "{}{}{host}{target} -> ", said.method, space_if(&said.method));
        match (&record.backend, &record.route) {
            (Some(backend), _) => {
                let _ = write!(out, "{backend}");
            }
            (None, Some(route)) if record.outcome == Outcome::Ruled => {
                let _ = write!(OneLine(out), "the route {route}");
            }
            (None, _) => out.push_str("nobody"),
        }
        let (to_client, took) = (Bytes(record.to_client), Took(record.duration));
        let _ = write!(out, "  {to_client} to client  {took}  ");
        match record.status {
            Some(status) => self.painted(out, paint, status),
            None => self.painted(out, paint, record.outcome.word()),
        }
        if let Some(status) = record.grpc {
            out.push(' ');
            self.painted(out, paint, status);
        }
        let mut details = Details::new(out);
        if !record.outcome.is_ok() {
            details.add(format_args!("{} by {}", record.outcome, record.outcome.by()));
        }
        details.waited(record.queued, &record.failed_attempts);
        details.close();
        out.push('\n');
    }

    /// Who, to whom, how much and how long.
    fn so_far<E>(&mut self, out: &mut String, level: Level, record: &SessionRecord<E>) {
        self.begin(out, record.accepted_at + record.duration, level);
        // A proxy in front may have named any path.
        let _ = write!(OneLine(out), "{}  {} ", record.listener.service, record.client);
        if let Some(via) = &record.via {
            let _ = write!(out, "via {via} ");
        }
        if let Some(name) = &record.server_name {
            let _ = write!(out, "for {name} ");
        }
        out.push_str("-> ");
        match &record.backend {
            Some(backend) => {
                let _ = write!(out, "{backend}");
            }
            None => out.push_str("nobody"),
        }
        let (to_backend, to_client) = (Bytes(record.to_backend), Bytes(record.to_client));
        let took = Took(record.duration);
        let _ = match record.flow() {
            None => write!(out, "  {to_backend} to backend  {to_client} to client  {took}  "),
            Some(datagrams) => {
                let number = |of: u64| count(usize::try_from(of).unwrap_or(usize::MAX), "datagram");
                let (asked, answered) = (number(datagrams.to_backend), number(datagrams.to_client));
                write!(
                    out,
                    "  {to_backend} in {asked} to backend  {to_client} in {answered} to client  {took}  "
                )
            }
        };
    }

    fn begin(&mut self, out: &mut String, at: SystemTime, level: Level) {
        match self.style {
            Style::Plain => {
                let _ = write!(out, "{}  ", self.clock(at));
            }
            Style::Colour => {
                self.clock(at);
                self.painted(out, Paint::Dim, &self.clock);
                out.push_str("  ");
            }
            Style::Bare => {}
            // The numbers of syslog(3).
            Style::Journal => out.push_str(match level {
                Level::Info => "<6>",
                Level::Warning => "<4>",
                Level::Error => "<3>",
            }),
        }
    }

    /// `14:02:11` in the zone of this machine; worked out once a second.
    fn clock(&mut self, at: SystemTime) -> &str {
        let second = unix_seconds(at);
        if second != self.second {
            self.second = second;
            self.clock.clear();
            let _ = match local_time(second) {
                Some(time) => write!(self.clock, "{:02}:{:02}:{:02}", time.hour, time.minute, time.second),
                None => write!(self.clock, "--:--:--"),
            };
        }
        &self.clock
    }

    fn painted(&self, out: &mut String, paint: Paint, text: impl fmt::Display) {
        if self.style != Style::Colour {
            let _ = write!(OneLine(out), "{text}");
            return;
        }
        let _ = write!(out, "\x1b[{}m", paint as u8);
        let _ = write!(OneLine(out), "{text}");
        out.push_str("\x1b[0m");
    }
}

/// Keeps what others said from being taken for a line or a colour of ours: control characters become `?`.
struct OneLine<'a>(&'a mut String);

impl fmt::Write for OneLine<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0.extend(text.chars().map(|char| if char.is_control() { '?' } else { char }));
        Ok(())
    }
}

fn space_if(word: &str) -> &'static str {
    if word.is_empty() { "" } else { " " }
}

fn paint_of(notice: &Notice) -> Option<Paint> {
    match (notice, notice.level()) {
        (_, Level::Error) => Some(Paint::Red),
        (Notice::Pool(event), _)
            if matches!(event.kind, EventKind::Down { .. } | EventKind::Ejected { .. }) =>
        {
            Some(Paint::Red)
        }
        (Notice::Pool(event), _)
            if matches!(event.kind, EventKind::Up { .. } | EventKind::Returned | EventKind::Recovered) =>
        {
            Some(Paint::Green)
        }
        (_, Level::Warning) => Some(Paint::Yellow),
        (Notice::Ready { .. }, _) => Some(Paint::Green),
        _ => None,
    }
}

/// What was not as usual, in brackets.
struct Details<'a> {
    out: &'a mut String,
    separator: &'static str,
}

impl<'a> Details<'a> {
    fn new(out: &'a mut String) -> Self {
        Self { out, separator: "  (" }
    }

    fn add(&mut self, detail: fmt::Arguments<'_>) {
        let _ = write!(self.out, "{}{detail}", std::mem::replace(&mut self.separator, "; "));
    }

    /// Who ended it.
    fn end(&mut self, end: End) {
        if !end.is_ok() {
            self.add(format_args!("by {}", end.by()));
        }
        if let End::Rejected(rejection) = end
            && let Some(detail) = rejection.detail()
        {
            self.add(format_args!("{detail}"));
        }
    }

    /// How long it waited, whom it could not reach.
    fn so_far<E>(&mut self, record: &SessionRecord<E>) {
        for objection in record.observed.iter() {
            match objection {
                Objection::Admission(reason) => self.add(format_args!("would be refused: {reason}")),
                Objection::Bandwidth => self.add(format_args!("would be slowed")),
            }
        }
        self.waited(record.queued, &record.failed_attempts);
    }

    fn waited(&mut self, queued: Duration, failed_attempts: &[Attempt]) {
        if !queued.is_zero() {
            self.add(format_args!("queued {}", Took(queued)));
        }
        for attempt in failed_attempts {
            self.add(format_args!("{} {} after {}", attempt.backend, attempt.failure, Took(attempt.took)));
        }
    }

    fn close(self) {
        if self.separator == "; " {
            self.out.push(')');
        }
    }
}
