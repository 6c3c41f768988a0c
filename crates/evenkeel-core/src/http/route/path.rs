//! Paths as routes see them. What a client wrote goes to the backend as it is; routes are asked about a normal form of it, so
//! that no other way to write a path leads past a route.
//!
//! The normal form: letters, digits and `-._~` are not escaped, escapes are in upper case, slashes in a row are one, `.` and
//! `..` are resolved. Some servers go on from there: they take an escaped slash or a backslash for a slash, and drop what
//! follows a semicolon. That is the [`loose`] form, and where it leads elsewhere nobody knows what was meant.

use std::borrow::Cow;
use std::fmt;

/// Why a path is in no normal form that everybody agrees on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OddPath {
    /// It does not begin with a slash.
    NotAPath,
    /// A percent sign that no two hexadecimal digits follow.
    Escape,
    /// An escaped NUL, at which some servers stop reading.
    Nul,
    /// `..` above the root.
    AboveRoot,
    /// `..` behind two slashes in a row: it may mean either of them.
    AfterSlashes,
    /// Read as another server might, it belongs to another route.
    Ambiguous,
}

impl fmt::Display for OddPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotAPath => "the path does not begin with a slash",
            Self::Escape => "the path has a % that no two hexadecimal digits follow",
            Self::Nul => "the path has a NUL in it",
            Self::AboveRoot => "the path goes above the root",
            Self::AfterSlashes => "the path has `..` behind two slashes",
            Self::Ambiguous => "the path can be read in two ways that lead to different routes",
        })
    }
}

impl std::error::Error for OddPath {}

/// The path of a request's target, without the query, and the query with its question mark, or nothing.
pub fn split(target: &[u8]) -> (&[u8], &[u8]) {
    target.split_at(target.iter().position(|byte| *byte == b'?').unwrap_or(target.len()))
}

/// The normal form of a path.
pub fn normal(path: &[u8]) -> Result<Cow<'_, [u8]>, OddPath> {
    if path.first() != Some(&b'/') {
        return Err(OddPath::NotAPath);
    }
    if is_plain(path) {
        return Ok(Cow::Borrowed(path));
    }
    resolve(&unescaped(path)?).map(Cow::Owned)
}

/// How servers that are less strict may read a path in its normal form; `None` if just like that.
pub fn loose(normal: &[u8]) -> Result<Option<Vec<u8>>, OddPath> {
    if !normal.iter().any(|byte| matches!(byte, b'%' | b'\\' | b';')) {
        return Ok(None);
    }
    let mut path = Vec::with_capacity(normal.len());
    let mut rest = normal;
    let mut is_parameter = false;
    while let Some((byte, length)) = separator_or_other(rest) {
        is_parameter = byte == b';' || is_parameter && byte != b'/';
        if !is_parameter {
            path.push(byte);
        }
        rest = &rest[length..];
    }
    let path = resolve(&path)?;
    Ok((path != normal).then_some(path))
}

/// Whether there is nothing in it that would have to be changed: most paths are like that.
fn is_plain(path: &[u8]) -> bool {
    let mut after_slash = false;
    path.iter().all(|byte| {
        let is_odd = *byte == b'%' || after_slash && matches!(byte, b'/' | b'.');
        after_slash = *byte == b'/';
        !is_odd
    })
}

/// The path with as few escapes as possible, and those in upper case.
fn unescaped(path: &[u8]) -> Result<Vec<u8>, OddPath> {
    let mut out = Vec::with_capacity(path.len());
    let mut rest = path;
    while let Some((byte, behind)) = rest.split_first() {
        rest = behind;
        if *byte != b'%' {
            out.push(*byte);
            continue;
        }
        let (digits, behind) = behind.split_at_checked(2).ok_or(OddPath::Escape)?;
        rest = behind;
        match escaped(digits).ok_or(OddPath::Escape)? {
            0 => return Err(OddPath::Nul),
            byte if is_unreserved(byte) => out.push(byte),
            _ => out.extend([b'%', digits[0].to_ascii_uppercase(), digits[1].to_ascii_uppercase()]),
        }
    }
    Ok(out)
}

fn escaped(digits: &[u8]) -> Option<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16);
    u8::try_from(digit(digits[0])? * 16 + digit(digits[1])?).ok()
}

/// RFC 3986, section 2.3: an escape changes nothing about them.
fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~".contains(&byte)
}

/// The path without empty segments and those of dots.
fn resolve(path: &[u8]) -> Result<Vec<u8>, OddPath> {
    let mut out: Vec<u8> = Vec::with_capacity(path.len());
    let (mut after_empty, mut is_open) = (false, true);
    for segment in path.split(|byte| *byte == b'/').skip(1) {
        is_open = matches!(segment, b"" | b"." | b"..");
        match segment {
            b"" | b"." => {}
            b".." if after_empty => return Err(OddPath::AfterSlashes),
            b".." => {
                let slash = out.iter().rposition(|byte| *byte == b'/').ok_or(OddPath::AboveRoot)?;
                out.truncate(slash);
            }
            _ => {
                out.push(b'/');
                out.extend_from_slice(segment);
            }
        }
        after_empty = segment.is_empty();
    }
    if is_open {
        out.push(b'/');
    }
    Ok(out)
}

/// The first byte of a path in normal form, or the separator that a less strict server sees there; and how long that is.
fn separator_or_other(rest: &[u8]) -> Option<(u8, usize)> {
    match rest {
        [] => None,
        [b'%', b'2', b'F', ..] | [b'%', b'5', b'C', ..] => Some((b'/', 3)),
        [b'%', b'3', b'B', ..] => Some((b';', 3)),
        [b'\\', ..] => Some((b'/', 1)),
        [byte, ..] => Some((*byte, 1)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(path: &str) -> Result<String, OddPath> {
        normal(path.as_bytes()).map(|path| String::from_utf8(path.into_owned()).unwrap())
    }

    fn read_loosely(path: &str) -> Result<Option<String>, OddPath> {
        let normal = normal(path.as_bytes())?;
        Ok(loose(&normal)?.map(|path| String::from_utf8(path).unwrap()))
    }

    #[test]
    fn what_is_plain_stays_as_it_is() {
        for path in ["/", "/a", "/a/", "/a.b/c", "/a/b;c=d", "/@a/b:c,d~!$&'()*+=", "/a/x..y"] {
            assert!(matches!(normal(path.as_bytes()), Ok(Cow::Borrowed(_))), "{path}");
        }
    }

    #[test]
    fn other_ways_to_write_a_path_are_the_same_path() {
        for (path, expected) in [
            ("//", "/"),
            ("//a///b//", "/a/b/"),
            ("/%61dmin", "/admin"),
            ("/a%2db%2Ec%5f%7e", "/a-b.c_~"),
            ("/caf%c3%a9", "/caf%C3%A9"),
            ("/a%2fb", "/a%2Fb"),
            ("/./a/./b/.", "/a/b/"),
            ("/a/../b", "/b"),
            ("/a/b/%2e%2E/c", "/a/c"),
            ("/a/b/..", "/a/"),
            ("/a/..", "/"),
            ("/.well-known/x", "/.well-known/x"),
            ("/...", "/..."),
            ("/%252e%252e/a", "/%252e%252e/a"),
        ] {
            assert_eq!(read(path).as_deref(), Ok(expected), "{path}");
        }
    }

    #[test]
    fn what_has_no_normal_form_says_why() {
        for (path, odd) in [
            ("", OddPath::NotAPath),
            ("*", OddPath::NotAPath),
            ("a/b", OddPath::NotAPath),
            ("/%", OddPath::Escape),
            ("/%4", OddPath::Escape),
            ("/%4g", OddPath::Escape),
            ("/%+1", OddPath::Escape),
            ("/a%00b", OddPath::Nul),
            ("/..", OddPath::AboveRoot),
            ("/a/../../b", OddPath::AboveRoot),
            ("/%2e%2e/b", OddPath::AboveRoot),
            ("/a//../b", OddPath::AfterSlashes),
        ] {
            assert_eq!(read(path), Err(odd), "{path}");
        }
    }

    #[test]
    fn a_less_strict_server_may_see_other_separators() {
        for (path, expected) in [
            ("/a/b", None),
            ("/caf%C3%A9", None),
            ("/a%2Fb", Some("/a/b")),
            ("/a%5cb", Some("/a/b")),
            ("/a\\b", Some("/a/b")),
            ("/admin;x/y;z=1", Some("/admin/y")),
            ("/admin%3bx", Some("/admin")),
            ("/a/..;/b", Some("/b")),
            ("/a%2f..%2Fb", Some("/b")),
            ("/%2fa", Some("/a")),
        ] {
            assert_eq!(read_loosely(path), Ok(expected.map(str::to_owned)), "{path}");
        }
        assert_eq!(read_loosely("/..%2fb"), Err(OddPath::AboveRoot));
        assert_eq!(read_loosely("/a%2f%2f..;/b"), Err(OddPath::AfterSlashes));
    }

    #[test]
    fn the_query_is_no_part_of_the_path() {
        assert_eq!(split(b"/a?b?c"), (&b"/a"[..], &b"?b?c"[..]));
        assert_eq!(split(b"/a"), (&b"/a"[..], &b""[..]));
        assert_eq!(split(b"/a?"), (&b"/a"[..], &b"?"[..]));
    }
}
