//! One line of the doctor's: what was looked at, how it is, and what mends it.

use serde_json::{Value, json};

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// As it should be.
    Ok,
    /// It works, and could be better or will not last.
    Warning,
    /// It does not work.
    Problem,
}

/// One line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// How bad it is.
    pub level: Level,
    /// What was looked at, in a word or two.
    pub subject: &'static str,
    /// How it is, and why that matters.
    pub what: String,
    /// What to do about it, as it would be typed; a line that begins with `#` is a remark.
    pub commands: Vec<String>,
}

impl Level {
    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warning => "warning",
            Self::Problem => "problem",
        }
    }
}

impl Finding {
    /// All is well.
    pub fn ok(subject: &'static str, what: impl Into<String>) -> Self {
        Self { level: Level::Ok, subject, what: what.into(), commands: Vec::new() }
    }

    /// It works, and could be better.
    pub fn warning(subject: &'static str, what: impl Into<String>) -> Self {
        Self { level: Level::Warning, ..Self::ok(subject, what) }
    }

    /// It does not work.
    pub fn problem(subject: &'static str, what: impl Into<String>) -> Self {
        Self { level: Level::Problem, ..Self::ok(subject, what) }
    }

    /// The same, with what mends it.
    pub fn mend(mut self, command: impl Into<String>) -> Self {
        self.commands.push(command.into());
        self
    }

    /// The same, with several lines that mend it.
    pub fn mend_all(mut self, commands: impl IntoIterator<Item = String>) -> Self {
        self.commands.extend(commands);
        self
    }

    /// For programs.
    pub fn to_json(&self) -> Value {
        json!({
            "level": self.level.word(),
            "subject": self.subject,
            "what": self.what,
            "commands": self.commands,
        })
    }
}
