//! What tells clients apart: to hash them, and so to send the same ones to the same place.

use super::cookie;
use super::route::AnyField;
use super::token::is_name;
use crate::hash::value_hash;
use std::fmt;
use std::str::FromStr;

/// What tells clients apart.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum HashBy {
    /// Their addresses.
    #[default]
    Client,
    /// The value of the first field of this name.
    Field(Box<str>),
    /// The value of the cookie of this name.
    Cookie(Box<str>),
}

impl HashBy {
    /// The hash of who sends these fields; `None`: it is told by its address.
    pub fn hash(&self, fields: &dyn AnyField) -> Option<u64> {
        let mut hash = None;
        match self {
            Self::Client => return None,
            Self::Field(name) => fields.any(name.as_bytes(), &mut |value| {
                hash = Some(value_hash(value)).filter(|_| !value.is_empty());
                true
            }),
            Self::Cookie(name) => fields.any(b"cookie", &mut |value| {
                let value = cookie::find(value, name.as_bytes()).filter(|value| !value.is_empty());
                hash = value.map(value_hash);
                hash.is_some()
            }),
        };
        hash
    }
}

/// As it is written in the configuration.
impl FromStr for HashBy {
    type Err = NotHashable;

    fn from_str(text: &str) -> Result<Self, NotHashable> {
        match text.split_once(':') {
            None if text == "client" => Ok(Self::Client),
            Some(("field", name)) if is_name(name.as_bytes()) => Ok(Self::Field(name.into())),
            Some(("cookie", name)) if cookie::is_name(name) => Ok(Self::Cookie(name.into())),
            _ => Err(NotHashable),
        }
    }
}

/// Something is no [`HashBy`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotHashable;

impl fmt::Display for NotHashable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("expected \"client\", \"field:NAME\" or \"cookie:NAME\"")
    }
}

impl std::error::Error for NotHashable {}

#[cfg(test)]
mod tests {
    use super::*;

    fn hash(by: &str, fields: &[(&str, &str)]) -> Option<u64> {
        let fields: Vec<_> = fields.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes())).collect();
        by.parse::<HashBy>().unwrap().hash(&fields)
    }

    #[test]
    fn clients_are_told_apart_by_what_they_say() {
        let of = |value: &str| Some(value_hash(value.as_bytes()));
        assert_eq!(hash("field:X-User", &[("x-user", "anna"), ("X-User", "bob")]), of("anna"));
        assert_eq!(hash("cookie:sid", &[("Cookie", "a=b"), ("cookie", "c=d; sid=7")]), of("7"));
        assert_ne!(of("anna"), of("bob"));
    }

    #[test]
    fn who_says_nothing_is_told_by_its_address() {
        assert_eq!(hash("client", &[("x-user", "anna")]), None);
        assert_eq!(hash("field:X-User", &[("x-user", "")]), None);
        assert_eq!(hash("field:X-User", &[]), None);
        assert_eq!(hash("cookie:sid", &[("cookie", "sid="), ("cookie", "xsid=1")]), None);
    }

    #[test]
    fn what_tells_nobody_apart_is_refused() {
        for text in ["", "source", "field", "field:", "field:a b", "cookie:", "cookie:a=b", "client:"] {
            assert_eq!(text.parse::<HashBy>(), Err(NotHashable), "{text}");
        }
    }
}
