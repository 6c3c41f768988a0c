//! Host names as clients ask for them and routes have them: ASCII, lower case, no dot at the end.

use std::borrow::Cow;

/// The longest name, in bytes.
const LONGEST: usize = 253;

/// The longest label, in bytes.
const LONGEST_LABEL: usize = 63;

/// The name that `bytes` are, if they are one: letters, digits, hyphens and (since there are such names) underscores, in
/// labels of at most 63 bytes; not an IP address, and so no number behind the last dot.
pub fn canonical(bytes: &[u8]) -> Option<Cow<'_, str>> {
    let bytes = bytes.strip_suffix(b".").unwrap_or(bytes);
    let text = std::str::from_utf8(bytes).ok()?;
    let is_number = |label: &str| label.bytes().all(|byte| byte.is_ascii_digit());
    let is_name = text.len() <= LONGEST
        && text.split('.').all(is_label)
        && text.rsplit('.').next().is_some_and(|last| !is_number(last));
    let is_lower = !text.bytes().any(|byte| byte.is_ascii_uppercase());
    is_name.then(|| if is_lower { Cow::Borrowed(text) } else { Cow::Owned(text.to_ascii_lowercase()) })
}

fn is_label(label: &str) -> bool {
    (1..=LONGEST_LABEL).contains(&label.len())
        && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_told_in_one_way() {
        for (text, name) in [
            ("example.com", "example.com"),
            ("ExAmple.COM.", "example.com"),
            ("localhost", "localhost"),
            ("a-b.x_y.1.xn--mnchen-3ya.de", "a-b.x_y.1.xn--mnchen-3ya.de"),
        ] {
            assert_eq!(canonical(text.as_bytes()).as_deref(), Some(name));
        }
        assert!(matches!(canonical(b"example.com"), Some(Cow::Borrowed(_))));
    }

    #[test]
    fn what_is_no_name_is_none() {
        let label = "x".repeat(64);
        for text in ["", ".", "..", "a..b", ".a", "a b", "a\0b", "*.a", "a/b", "a:443", "münchen.de", &label]
        {
            assert_eq!(canonical(text.as_bytes()), None, "{text:?}");
        }
        for address in ["10.0.0.1", "1", "::1", "[::1]", "10.0.0.1."] {
            assert_eq!(canonical(address.as_bytes()), None, "{address:?}");
        }
        assert_eq!(canonical(b"\xff.de"), None);
    }

    #[test]
    fn names_and_labels_have_their_lengths() {
        let label = "x".repeat(63);
        let longest = [&label[..], &label, &label, &label[..61]].join(".");
        assert_eq!(longest.len(), 253);
        assert!(canonical(longest.as_bytes()).is_some());
        assert!(canonical(format!("{longest}.").as_bytes()).is_some());
        assert!(canonical(format!("{longest}x").as_bytes()).is_none());
    }
}
