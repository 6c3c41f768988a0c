//! A client stays with its backend by a cookie. It names the backend by a keyed hash of its address: who does not know the key
//! learns nothing, and whoever knows it agrees, in every worker and after every restart.

use super::cookie;
use crate::addr::Addr;
use crate::backend::Backend;
use crate::hash::backend_tag;
use std::io::Write as _;

/// How backends are named in cookies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Affinity {
    /// The cookie's name.
    pub cookie: Box<str>,
    /// Whoever shares it agrees on the names of backends.
    pub key: u64,
}

/// The name of a backend.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Tag(u64);

impl Affinity {
    /// The name of the backend at `addr`.
    pub fn tag(&self, addr: &Addr) -> Tag {
        Tag(backend_tag(self.key, addr))
    }

    /// The backend that a client names in one of its `Cookie` fields.
    pub fn said(&self, field: &[u8]) -> Option<Tag> {
        Tag::parse(cookie::find(field, self.cookie.as_bytes())?)
    }

    /// Adds a field that tells a client to name the backend, with its line's end. Other sites' requests do not name it, and
    /// scripts cannot read it.
    pub fn write(&self, tag: Tag, is_tls: bool, out: &mut Vec<u8>) {
        let secure = if is_tls { "; Secure" } else { "" };
        // Cannot fail for a `Vec`.
        let _ = write!(
            out,
            "Set-Cookie: {}={:016x}; Path=/; HttpOnly; SameSite=Lax{secure}\r\n",
            self.cookie, tag.0
        );
    }
}

impl Tag {
    /// As we write it: sixteen hexadecimal digits in lower case, and nothing else.
    fn parse(value: &[u8]) -> Option<Self> {
        let is_digit = |byte: &u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        if value.len() != 16 || !value.iter().all(is_digit) {
            return None;
        }
        u64::from_str_radix(std::str::from_utf8(value).ok()?, 16).ok().map(Self)
    }
}

/// The names of all backends of a pool, ready to be looked up.
#[derive(Clone, Debug)]
pub struct Tags {
    key: u64,
    by_tag: Box<[(Tag, u32)]>,
}

impl Tags {
    /// Those of `backends`.
    pub fn new(affinity: &Affinity, backends: &[Backend]) -> Self {
        let named = (0..).zip(backends).map(|(index, backend)| (affinity.tag(&backend.addr), index));
        let mut by_tag: Box<[_]> = named.collect();
        by_tag.sort_unstable();
        Self { key: affinity.key, by_tag }
    }

    /// Whether they are those of this key.
    pub fn are_of(&self, affinity: &Affinity) -> bool {
        self.key == affinity.key
    }

    /// The backend that has this name, by its place.
    pub fn find(&self, tag: Tag) -> Option<u32> {
        let at = self.by_tag.binary_search_by_key(&tag, |(tag, _)| *tag).ok()?;
        Some(self.by_tag[at].1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn affinity(key: u64) -> Affinity {
        Affinity { cookie: "lb".into(), key }
    }

    fn addr(text: &str) -> Addr {
        Addr::Ip(text.parse().unwrap())
    }

    fn written(tag: Tag, is_tls: bool) -> String {
        let mut out = Vec::new();
        affinity(1).write(tag, is_tls, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_cookie_keeps_to_itself() {
        assert_eq!(
            written(Tag(0xabc), false),
            "Set-Cookie: lb=0000000000000abc; Path=/; HttpOnly; SameSite=Lax\r\n"
        );
        assert!(written(Tag(1), true).ends_with("; SameSite=Lax; Secure\r\n"));
    }

    #[test]
    fn what_was_written_is_understood_and_nothing_else() {
        let tag = affinity(1).tag(&addr("10.0.0.1:80"));
        let line = written(tag, false);
        let pair = line.strip_prefix("Set-Cookie: ").and_then(|line| line.split(';').next()).unwrap();
        assert_eq!(affinity(1).said(format!("a=b; {pair}").as_bytes()), Some(tag));
        for odd in ["", "0", "000000000000000g", "0000000000000ABC", "+000000000000abc", "00000000000000abc"]
        {
            assert_eq!(affinity(1).said(format!("lb={odd}").as_bytes()), None, "{odd}");
        }
    }

    // The expected value comes from another implementation of SipHash-1-3.
    #[test]
    fn a_name_never_changes_and_depends_on_key_and_port() {
        let tag = |key, text| affinity(key).tag(&addr(text));
        assert_ne!(tag(7, "192.0.2.1:80"), tag(8, "192.0.2.1:80"));
        assert_ne!(tag(7, "192.0.2.1:80"), tag(7, "192.0.2.1:81"));
        assert_eq!(tag(7, "192.0.2.1:80"), Tag(1_259_004_688_306_833_133));
    }
}
