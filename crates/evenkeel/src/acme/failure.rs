//! Why no certificate was obtained, as the authority says it.

use instant_acme::{Error, Problem};
use std::error::Error as _;
use std::fmt::Display;
use std::sync::Arc;

/// Letters that are told of it: authorities may say anything at any length.
const WHY_MAX: usize = 400;

/// What the types of problems of ACME begin with.
const URN: &str = "urn:ietf:params:acme:error:";

/// Why no certificate was obtained.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// What happened.
    pub why: Arc<str>,
    /// Whether it has nothing to do with the name.
    pub is_general: bool,
    /// Whether the authority does not know our account.
    pub is_stranger: bool,
}

impl Failure {
    /// This failed for a name.
    pub fn of_name(why: impl Display) -> Self {
        Self { why: bounded(&why.to_string()), is_general: false, is_stranger: false }
    }

    /// This failed, and would for any name.
    pub fn general(why: impl Display) -> Self {
        Self { is_general: true, ..Self::of_name(why) }
    }

    /// The same, whatever the name is.
    pub fn for_all(self) -> Self {
        Self { is_general: true, ..self }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        match &error {
            Error::Api(problem) => problem.into(),
            Error::Timeout(_) => Self::of_name("the authority did not come to an end in time"),
            error => match error.source() {
                Some(cause) => Self::general(format_args!("{error}: {cause}")),
                None => Self::general(error),
            },
        }
    }
}

impl From<&Problem> for Failure {
    fn from(problem: &Problem) -> Self {
        let kind = problem.r#type.as_deref().map_or("", |it| it.strip_prefix(URN).unwrap_or(it));
        let mut why = problem.detail.clone().unwrap_or_default();
        for sub in problem.subproblems.iter().filter_map(|it| it.detail.as_deref()) {
            why = format!("{why}; {sub}");
        }
        let why = if kind.is_empty() { why } else { format!("{why} ({kind})") };
        let is_general = matches!(
            kind,
            "serverInternal" | "accountDoesNotExist" | "externalAccountRequired" | "userActionRequired"
        );
        let why = bounded(&format!("the authority says: {}", why.trim()));
        Self { why, is_general, is_stranger: kind == "accountDoesNotExist" }
    }
}

fn bounded(why: &str) -> Arc<str> {
    let plain = |c: char| if c.is_control() { ' ' } else { c };
    let end = if why.chars().nth(WHY_MAX).is_some() { "…" } else { "" };
    (why.chars().take(WHY_MAX).map(plain).collect::<String>() + end).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(json: &str) -> Failure {
        (&serde_json::from_str::<Problem>(json).unwrap()).into()
    }

    #[test]
    fn what_the_authority_says_is_told_in_its_words() {
        let failure = problem(
            r#"{"type": "urn:ietf:params:acme:error:connection", "detail": "10.0.0.1: Connection refused", "status": 400}"#,
        );
        assert_eq!(&*failure.why, "the authority says: 10.0.0.1: Connection refused (connection)");
        assert!(!failure.is_general && !failure.is_stranger);
        let failure = problem(r#"{"type": "urn:ietf:params:acme:error:accountDoesNotExist"}"#);
        assert!(failure.is_general && failure.is_stranger);
    }

    #[test]
    fn at_no_great_length_and_without_control_characters() {
        let failure = problem(&format!(r#"{{"detail": "a\u001b[2J\n{}"}}"#, "x".repeat(100_000)));
        assert_eq!(failure.why.chars().count(), WHY_MAX + 1);
        assert!(failure.why.starts_with("the authority says: a [2J x"), "{}", failure.why);
    }
}
