//! Fields that are added, set and removed on the way.

use super::head::Known;
use super::template::{Template, Values};
use super::token::{are_alike, is_name};
use std::fmt;
use std::str::FromStr;

/// How many fields may be edited in one place.
pub const EDITS_MAX: usize = 64;

/// The longest name of one, in bytes.
const NAME_MAX: usize = 128;

/// The name of a field that may be edited.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldName(Box<str>);

/// What is done to the fields of a head.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Edits {
    /// They are not passed on.
    pub remove: Box<[FieldName]>,
    /// They are there once, with this value.
    pub set: Box<[(FieldName, Template)]>,
    /// They are there once more, with this value.
    pub add: Box<[(FieldName, Template)]>,
}

impl Edits {
    /// Whether nothing is done.
    pub fn is_empty(&self) -> bool {
        self.remove.is_empty() && self.set.is_empty() && self.add.is_empty()
    }

    /// These edits after those of `before`: where both set a field, or one sets and the other removes it, these go.
    pub fn after(mut self, before: &Self) -> Self {
        let is_done = |name: &FieldName| !self.keeps(name.0.as_bytes());
        let remove = before.remove.iter().filter(|name| !is_done(name)).cloned();
        let set = before.set.iter().filter(|(name, _)| !is_done(name)).cloned();
        let (remove, set): (Vec<_>, Vec<_>) = (remove.collect(), set.collect());
        let add = before.add.iter().chain(&self.add).cloned().collect();
        self.remove = remove.into_iter().chain(self.remove).collect();
        self.set = set.into_iter().chain(self.set).collect();
        self.add = add;
        self
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.remove.len() + self.set.len() + self.add.len()
    }

    /// Whether a field of this name is passed on as it came. What somebody might take for one that is not, is not.
    pub fn keeps(&self, name: &[u8]) -> bool {
        let is_it = |ours: &FieldName| are_alike(ours.0.as_bytes(), name);
        !self.remove.iter().any(is_it) && !self.set.iter().any(|(ours, _)| is_it(ours))
    }

    /// Adds the fields that are set and added, as lines with their ends.
    pub fn write(&self, values: &Values<'_>, out: &mut Vec<u8>) {
        for (name, value) in self.set.iter().chain(&self.add) {
            out.extend_from_slice(name.0.as_bytes());
            out.extend_from_slice(b": ");
            value.write(values, out);
            out.extend_from_slice(b"\r\n");
        }
    }
}

impl FieldName {
    /// As it is written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// As it is written in the configuration.
impl FromStr for FieldName {
    type Err = NotEditable;

    fn from_str(name: &str) -> Result<Self, NotEditable> {
        if name.len() > NAME_MAX || !is_name(name.as_bytes()) {
            return Err(NotEditable::NotAName);
        }
        match Known::alike(name.as_bytes()) {
            Known::Host => Err(NotEditable::Host),
            Known::Length
            | Known::Coding
            | Known::Connection
            | Known::Upgrade
            | Known::Expect
            | Known::Hop => Err(NotEditable::Framing),
            Known::ForwardedFor
            | Known::ForwardedProto
            | Known::ForwardedHost
            | Known::ForwardedPort
            | Known::ForwardedElse
            | Known::Forwarded
            | Known::RequestId => Err(NotEditable::Told),
            // It is passed on as it came, and is about how the message ends.
            Known::Other if name.eq_ignore_ascii_case("trailer") => Err(NotEditable::Framing),
            Known::Other => Ok(Self(name.into())),
        }
    }
}

/// Why a field cannot be edited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotEditable {
    /// No field can be called like this.
    NotAName,
    /// It frames messages, or holds for one connection alone.
    Framing,
    /// It tells where a request comes from.
    Told,
    /// The host is part of what is asked for.
    Host,
}

impl fmt::Display for NotEditable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotAName => "not the name of a field: letters, digits and hyphens, as X-Env",
            Self::Framing => {
                "this field frames messages or holds for one connection: evenkeel writes it itself"
            }
            Self::Told => "this field tells where a request comes from: evenkeel writes it itself",
            Self::Host => "the host is what the client asks for: backends get it as it is",
        })
    }
}

impl std::error::Error for NotEditable {}

#[cfg(test)]
mod tests {
    use super::*;

    const VALUES: Values<'static> =
        Values { client: None, host: b"a.example", path: b"/", rest: b"", request_id: b"1", is_tls: false };

    fn edits(set: &[(&str, &str)], add: &[(&str, &str)], remove: &[&str]) -> Edits {
        let fields = |of: &[(&str, &str)]| {
            of.iter().map(|(name, value)| (name.parse().unwrap(), Template::parse(value).unwrap())).collect()
        };
        Edits {
            set: fields(set),
            add: fields(add),
            remove: remove.iter().map(|it| it.parse().unwrap()).collect(),
        }
    }

    #[test]
    fn what_is_set_replaces_and_what_is_added_comes_beside() {
        let edits = edits(&[("X-Env", "prod")], &[("X-Host", "{host}")], &["server"]);
        assert!(!edits.keeps(b"x-env") && !edits.keeps(b"Server"));
        assert!(edits.keeps(b"X-Host") && edits.keeps(b"X-En"));
        let mut out = Vec::new();
        edits.write(&VALUES, &mut out);
        assert_eq!(out, b"X-Env: prod\r\nX-Host: a.example\r\n");
        assert!(!edits.is_empty() && Edits::default().is_empty());
    }

    #[test]
    fn a_field_that_servers_take_for_one_of_ours_does_not_pass() {
        let edits = edits(&[("X-User", "{client}")], &[], &["X-Debug"]);
        assert!(!edits.keeps(b"X_User") && !edits.keeps(b"x_debug") && edits.keeps(b"X_Users"));
    }

    #[test]
    fn a_route_goes_before_its_service() {
        let service = edits(&[("X-Env", "prod"), ("X-A", "1")], &[("Via", "a")], &["Server", "X-B"]);
        let route = edits(&[("x-env", "test"), ("X-B", "2")], &[("Via", "b")], &["X-A"]);
        let both = route.after(&service);
        let mut out = Vec::new();
        both.write(&VALUES, &mut out);
        assert_eq!(String::from_utf8(out).unwrap(), "x-env: test\r\nX-B: 2\r\nVia: a\r\nVia: b\r\n");
        let removed: Vec<_> = both.remove.iter().map(FieldName::as_str).collect();
        assert_eq!((removed, both.count()), (vec!["Server", "X-A"], 6));
    }

    #[test]
    fn nobody_edits_what_frames_messages_or_tells_of_the_client() {
        for (name, wrong) in [
            ("", NotEditable::NotAName),
            ("X Env", NotEditable::NotAName),
            ("X-Env:", NotEditable::NotAName),
            ("X\r\nEnv", NotEditable::NotAName),
            ("Content-Length", NotEditable::Framing),
            ("transfer-encoding", NotEditable::Framing),
            ("Connection", NotEditable::Framing),
            ("TE", NotEditable::Framing),
            ("X-Forwarded-For", NotEditable::Told),
            ("x-forwarded-anything", NotEditable::Told),
            ("x_forwarded_for", NotEditable::Told),
            ("Content_Length", NotEditable::Framing),
            ("trailer", NotEditable::Framing),
            ("Forwarded", NotEditable::Told),
            ("x-real-ip", NotEditable::Told),
            ("X-Request-Id", NotEditable::Told),
            ("Host", NotEditable::Host),
        ] {
            assert_eq!(name.parse::<FieldName>(), Err(wrong), "{name}");
        }
        for name in ["X-Env", "Cookie", "Strict-Transport-Security", "x-forwarded"] {
            assert_eq!(name.parse::<FieldName>().unwrap().as_str(), name);
        }
    }
}
