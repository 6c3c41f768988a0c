//! What a client's cookies say, RFC 6265, section 4.2.

use super::token;

/// The longest name, in bytes.
pub const NAME_MAX: usize = 64;

/// The value of the first cookie called `name` in a `Cookie` field; quotes around it are part of it.
pub fn find<'a>(field: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    field.split(|byte| *byte == b';').find_map(|pair| {
        let pair = pair.trim_ascii();
        let value = pair.strip_prefix(name)?.strip_prefix(b"=")?;
        Some(value)
    })
}

/// Whether this can be the name of a cookie.
pub fn is_name(name: &str) -> bool {
    name.len() <= NAME_MAX && token::is_name(name.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find<'a>(field: &'a str, name: &str) -> Option<&'a str> {
        super::find(field.as_bytes(), name.as_bytes()).map(|value| std::str::from_utf8(value).unwrap())
    }

    #[test]
    fn a_cookie_is_found_by_its_whole_name() {
        let find = |name| find("a=1; lb=2;  c=3;lb=4; xlb=5", name);
        assert_eq!((find("lb"), find("c"), find("xlb")), (Some("2"), Some("3"), Some("5")));
        assert_eq!((find("b"), find("LB"), find("l")), (None, None, None));
    }

    #[test]
    fn whatever_stands_there_is_read_somehow() {
        for (field, value) in [
            ("", None),
            (";;;", None),
            ("lb", None),
            ("lb=", Some("")),
            ("lb==", Some("=")),
            ("lb=\"1\"", Some("\"1\"")),
            ("lb=1, lb=2", Some("1, lb=2")),
            (" lb=1 ", Some("1")),
            ("lb =1", None),
        ] {
            assert_eq!(find(field, "lb"), value, "{field}");
        }
    }

    #[test]
    fn names_are_tokens() {
        assert!(is_name("lb") && is_name("__Host-lb") && !is_name("") && !is_name("a b") && !is_name("a="));
        assert!(!is_name(&"x".repeat(NAME_MAX + 1)));
    }
}
