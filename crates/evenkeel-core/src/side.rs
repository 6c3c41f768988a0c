//! Who takes part in a session, and whose doing something is.

use std::fmt;

/// One of those who take part in a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Side {
    /// The one who connected to us.
    Client,
    /// The one we connected to.
    Backend,
    /// Ourselves: a limit, a timeout, an operator.
    Evenkeel,
}

impl Side {
    /// Its name in logs and metrics.
    pub fn word(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::Backend => "backend",
            Self::Evenkeel => "evenkeel",
        }
    }
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}
