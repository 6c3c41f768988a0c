//! Paths as routes have them: one, or all below one.

use super::path::{self, OddPath};
use crate::http::token::is_target;
use std::fmt;
use std::str::FromStr;

/// One path, or one with all below it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum PathPattern {
    /// `/login`.
    Exact(Box<[u8]>),
    /// `/api/*`, here without slash and star: the path itself and what goes on behind a slash; `/*` is all paths, and empty
    /// here.
    Below(Box<[u8]>),
}

/// As it is written in the configuration.
impl FromStr for PathPattern {
    type Err = NotAPathPattern;

    fn from_str(text: &str) -> Result<Self, NotAPathPattern> {
        let path = match text.strip_suffix("/*") {
            Some("") => return Ok(Self::Below(Box::default())),
            prefix => prefix.unwrap_or(text),
        };
        if path.contains('*') {
            return Err(NotAPathPattern::Star);
        }
        if path.bytes().any(|byte| matches!(byte, b'?' | b'#') || !is_target(byte)) {
            return Err(NotAPathPattern::Byte);
        }
        let normal = path::normal(path.as_bytes()).map_err(NotAPathPattern::Odd)?;
        if path::loose(&normal).map_err(NotAPathPattern::Odd)?.is_some() {
            return Err(NotAPathPattern::Odd(OddPath::Ambiguous));
        }
        let pattern = match text.len() > path.len() {
            true => Self::Below(normal.strip_suffix(b"/").unwrap_or(&normal).into()),
            false => Self::Exact(normal.into()),
        };
        match pattern {
            pattern if pattern.to_string() == text => Ok(pattern),
            other => Err(NotAPathPattern::NotNormal { suggested: other.to_string().into() }),
        }
    }
}

impl fmt::Display for PathPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exact(path) => f.write_str(&String::from_utf8_lossy(path)),
            Self::Below(path) => write!(f, "{}/*", String::from_utf8_lossy(path)),
        }
    }
}

/// Why something is no [`PathPattern`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotAPathPattern {
    /// A star elsewhere than at the end, behind a slash.
    Star,
    /// A byte that no path has.
    Byte,
    /// Clients' paths are compared in another form.
    NotNormal {
        /// That form.
        suggested: Box<str>,
    },
    /// It is no path, or could be read in two ways.
    Odd(OddPath),
}

impl fmt::Display for NotAPathPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Star => f.write_str("a star stands for all below a path, and only at the end: /api/*"),
            Self::Byte => f.write_str(
                "a path has no query and no fragment, and escapes what is not ASCII: %C3%A9 for é",
            ),
            Self::NotNormal { suggested } => {
                write!(f, "paths are compared in their normal form: write {suggested}")
            }
            Self::Odd(OddPath::NotAPath) => f.write_str("not a path, as /login or /api/*"),
            Self::Odd(OddPath::Ambiguous) => f.write_str(
                "`;`, `\\` and an escaped slash are not the same for all servers: routes cannot have them",
            ),
            Self::Odd(odd) => odd.fmt(f),
        }
    }
}

impl std::error::Error for NotAPathPattern {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shown_can_be_written() {
        for text in ["/", "/login", "/a/", "/api/*", "/*", "/caf%C3%A9/*", "/.well-known/x"] {
            assert_eq!(text.parse::<PathPattern>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn what_is_no_pattern_says_why_and_what_to_write() {
        for (text, told) in [
            ("api", "not a path, as"),
            ("", "not a path, as"),
            ("*", "a star stands for"),
            ("/api*", "a star stands for"),
            ("/a/*/b", "a star stands for"),
            ("/a?b", "no query"),
            ("/é", "%C3%A9 for é"),
            ("/a b", "escapes"),
            ("//a", "write /a"),
            ("//*", "write /*"),
            ("/a/../b/*", "write /b"),
            ("/%61", "write /a"),
            ("/a//*", "write /a/*"),
            ("/a%2Fb", "not the same for all servers"),
            ("/a;b", "not the same for all servers"),
            ("/..", "above the root"),
        ] {
            let error = text.parse::<PathPattern>().unwrap_err().to_string();
            assert!(error.contains(told), "{text}: {error}");
        }
    }
}
