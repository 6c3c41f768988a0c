//! From what is configured to what takes lines and how they look there.

use super::combined::Combined;
use super::datagrams::Datagrams;
use super::flood::{Floodgate, Limits};
use super::sink::{Sink, Stream};
use super::text::{Style, Text};
use crate::config::{LogFormat, LogSettings, LogTo};
use crate::error::{Exit, RunError};
use crate::reach;
use crate::{cli, output};
use evenkeel_proxy::Telling;
use rustix::fs::OFlags;
use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, IsTerminal};
use std::os::fd::AsFd;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

/// Failures of one kind that text shows in one second.
const FAILURES_SHOWN: u64 = 20;

/// Who may read the log besides its owner: the group.
const FILE_MODE: u32 = 0o640;

/// How lines look.
pub enum Format {
    /// For people; floods are summed up.
    Text(Text),
    /// For programs.
    Json,
    /// Requests, for programs that read what Apache writes.
    Combined(Combined),
}

/// What takes lines, and how they look there.
pub struct Outlet {
    /// How they look.
    pub format: Format,
    /// Which of them are left out.
    pub gate: Floodgate,
    /// What takes them.
    pub sink: Sink,
    /// Where all goes that is told of no request, if not there.
    pub aside: Option<Aside>,
}

/// Standard error, beside a log of requests.
pub struct Aside {
    /// How lines look there.
    pub text: Text,
    /// What takes them.
    pub sink: Sink,
}

impl Outlet {
    /// Lines in `format` for `sink`, `max_rate` of what goes well in a second.
    pub fn new(format: Format, sink: Sink, max_rate: Option<u32>) -> Self {
        let failures = matches!(format, Format::Text(_)).then_some(FAILURES_SHOWN);
        Self { format, gate: Floodgate::new(Limits { failures, well: max_rate }), sink, aside: None }
    }

    /// Opens what `settings` want.
    pub fn open(settings: &LogSettings) -> Result<Self, RunError> {
        let sink = sink(settings).map_err(|error| refused(&settings.to, &error))?;
        let aside = match settings.format {
            LogFormat::Combined => Some(Aside::open().map_err(|error| refused(&settings.to, &error))?),
            _ => None,
        };
        Ok(Self { aside, ..Self::new(format(settings), sink, settings.max_rate) })
    }
}

impl Aside {
    fn open() -> io::Result<Self> {
        let (fd, is_terminal) = (io::stderr().as_fd().try_clone_to_owned()?, io::stderr().is_terminal());
        let style = match is_journal(2) {
            true => Style::Journal,
            false if output::wants_color(cli::color(), is_terminal) => Style::Colour,
            false => Style::Plain,
        };
        Ok(Self { text: Text::new(style), sink: Sink::Stream(Stream::to(File::from(fd))) })
    }
}

/// Of what records are made for such a log.
pub fn telling(settings: &LogSettings) -> Telling {
    match settings.format {
        LogFormat::Off => Telling::default(),
        _ => Telling { all: true, opened: settings.opened, heartbeat: settings.heartbeat },
    }
}

fn sink(settings: &LogSettings) -> io::Result<Sink> {
    if settings.format == LogFormat::Off {
        return Ok(Sink::Nowhere);
    }
    Ok(match &settings.to {
        // `io::stdout` would write a line at a time; this writes whole batches.
        LogTo::Stdout => Sink::Stream(Stream::to(File::from(io::stdout().as_fd().try_clone_to_owned()?))),
        LogTo::File(path) => Sink::Stream(Stream::to(open_file(path)?)),
        LogTo::Syslog(at) => Sink::Datagrams(Datagrams::to_syslog(at, settings.facility)?),
        LogTo::Journald(path) => Sink::Datagrams(Datagrams::to_journal(path, settings.facility)?),
    })
}

fn open_file(path: &Path) -> io::Result<File> {
    // A pipe that nobody reads must not hold the start.
    let flags = OFlags::NONBLOCK.bits().cast_signed();
    OpenOptions::new().append(true).create(true).mode(FILE_MODE).custom_flags(flags).open(path)
}

fn format(settings: &LogSettings) -> Format {
    let is_json = match (settings.format, &settings.to) {
        (LogFormat::Json, _) => true,
        (LogFormat::Auto, LogTo::File(_)) => true,
        (LogFormat::Auto, LogTo::Stdout) => !io::stdout().is_terminal() && !is_journal(1),
        _ => false,
    };
    match settings.format {
        LogFormat::Combined => Format::Combined(Combined::default()),
        _ if is_json => Format::Json,
        _ => Format::Text(Text::new(style(&settings.to))),
    }
}

fn style(to: &LogTo) -> Style {
    match to {
        LogTo::Stdout if output::wants_color(cli::color(), io::stdout().is_terminal()) => Style::Colour,
        LogTo::Stdout if is_journal(1) => Style::Journal,
        LogTo::Stdout | LogTo::File(_) => Style::Plain,
        LogTo::Syslog(_) | LogTo::Journald(_) => Style::Bare,
    }
}

/// Whether this descriptor is the journal's socket, sd_journal(3): `JOURNAL_STREAM` names its device and inode.
fn is_journal(fd: u8) -> bool {
    let Ok(stream) = std::env::var("JOURNAL_STREAM") else { return false };
    std::fs::metadata(format!("/proc/self/fd/{fd}"))
        .is_ok_and(|file| stream == format!("{}:{}", file.dev(), file.ino()))
}

/// What to tell about a log that cannot be opened.
fn refused(to: &LogTo, error: &io::Error) -> RunError {
    let why = match (error.kind(), to) {
        (ErrorKind::NotFound, LogTo::File(_)) => "there is no such folder".to_owned(),
        _ => reach::plain(error),
    };
    let what = format!("cannot write the log to {to}: {why}");
    match (error.kind(), to) {
        (ErrorKind::PermissionDenied, LogTo::File(path)) if reach::outside(path).is_some() => {
            let what = format!("cannot write the log to {to}: {}", reach::denied(path));
            RunError::new(Exit::NoPermission, what)
        }
        (ErrorKind::PermissionDenied, _) => {
            RunError::new(Exit::NoPermission, what).help("the user it runs as must be allowed to write there")
        }
        (ErrorKind::NotFound, LogTo::File(_)) => {
            RunError::new(Exit::Unavailable, what).help("create the folder in which the file is to be")
        }
        (ErrorKind::NotFound | ErrorKind::ConnectionRefused, _) => {
            RunError::new(Exit::Unavailable, what).help("nobody takes messages there: is it running?")
        }
        _ => RunError::new(Exit::Unavailable, what),
    }
}
