//! The log while everything runs: written to somewhere else by a reload, and opened again where it is.

use super::{Control, Loop};
use crate::config::{LogFormat, LogSettings, LogTo};
use crate::logging::{Notice, Outlet, telling};
use crate::signals::Signal;

/// Why there is nothing to open again.
fn nothing_to_reopen(settings: &LogSettings) -> Option<&'static str> {
    match (settings.format, &settings.to) {
        (LogFormat::Off, _) => Some("the log is off"),
        (_, LogTo::Stdout) => Some("the log goes to standard output, there is no file to open again"),
        _ => None,
    }
}

/// Why it is not opened once more.
const STUCK: &str = "what was to be logged before is not written yet: nobody takes it";

impl Control {
    /// Writes the log to `outlet` from now on, which is what `settings` want.
    pub(super) fn write_log_to(&mut self, outlet: Outlet, settings: &LogSettings) {
        if settings.to != self.settings.log.to {
            // For whoever reads it where it was.
            self.log.tell(Notice::LogTo { to: settings.to.to_string() });
        }
        self.log.turn_to(outlet);
        self.plane.tell_of(telling(settings));
    }
}

impl Loop {
    /// The log as it is to be, open already, if that is another one.
    pub(super) fn other_outlet(&self, settings: &LogSettings) -> Result<Option<Outlet>, String> {
        match *settings == self.control.settings.log {
            true => Ok(None),
            false => self.open_log(settings).map(Some),
        }
    }

    fn open_log(&self, settings: &LogSettings) -> Result<Outlet, String> {
        match self.control.log.is_stuck() {
            true => Err(STUCK.to_owned()),
            false => Outlet::open(settings).map_err(|error| error.what),
        }
    }

    /// Opens the log again because a signal says so.
    pub(super) fn reopen_log_on(&mut self, signal: Signal) {
        match nothing_to_reopen(&self.control.settings.log) {
            Some(why) => self.control.log.tell(Notice::SignalIgnored { signal: signal.name(), why }),
            // What came of it is told.
            None => drop(self.reopen_log()),
        }
    }

    /// Opens the log again where it is: somebody has renamed the file. Gives what was told of it.
    pub(super) fn reopen_log(&mut self) -> Result<String, String> {
        let settings = &self.control.settings.log;
        let opened = match nothing_to_reopen(settings) {
            Some(why) => Err(why.to_owned()),
            None => self.open_log(settings),
        };
        let reopened = opened.map(|outlet| {
            self.control.log.turn_to(outlet);
            settings.to.to_string()
        });
        self.control.log.tell(match reopened.clone() {
            Ok(to) => Notice::LogReopened { to },
            Err(why) => Notice::LogNotReopened { why },
        });
        reopened
    }
}
