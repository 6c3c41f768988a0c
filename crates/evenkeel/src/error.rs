//! How a command fails: what it says and the status it exits with.

use std::fmt;

/// Exit statuses, after sysexits(3) where it has a word for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// It failed: `check` found mistakes, a command was refused.
    Failed = 1,
    /// A wrong command line.
    Usage = 2,
    /// The configuration cannot be read.
    NoInput = 66,
    /// An address is in use, or what a command needs cannot be reached.
    Unavailable = 69,
    /// Not permitted.
    NoPermission = 77,
    /// A configuration with mistakes.
    BadConfig = 78,
}

/// Why a command failed.
#[derive(Debug)]
pub struct RunError {
    /// The status to exit with.
    pub exit: Exit,
    /// What happened: lower case, no full stop.
    pub what: String,
    /// What to do about it, one step a line.
    pub help: Option<String>,
}

impl RunError {
    /// A failure without advice.
    pub fn new(exit: Exit, what: impl Into<String>) -> Self {
        Self { exit, what: what.into(), help: None }
    }

    /// The same failure with advice.
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// The status to exit with.
    pub fn exit_code(&self) -> std::process::ExitCode {
        (self.exit as u8).into()
    }
}

impl fmt::Display for RunError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)?;
        for line in self.help.iter().flat_map(|help| help.lines()) {
            write!(f, "\n  help: {line}")?;
        }
        Ok(())
    }
}

impl std::error::Error for RunError {}
