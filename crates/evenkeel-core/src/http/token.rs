//! The alphabet of heads: RFC 9110, section 5.6.

/// Whether `byte` may be part of a token, such as the name of a field.
pub fn is_token(byte: u8) -> bool {
    TOKEN[byte as usize]
}

/// Whether this is a token: the name of a field can be nothing else.
pub fn is_name(name: &[u8]) -> bool {
    !name.is_empty() && name.iter().all(|byte| is_token(*byte))
}

/// Whether `byte` may be part of the value of a field: all but control characters, for which a tab does not count.
pub fn is_value(byte: u8) -> bool {
    byte >= b' ' && byte != 0x7f || byte == b'\t'
}

/// Whether `byte` may be part of the target of a request.
pub fn is_target(byte: u8) -> bool {
    byte.is_ascii_graphic()
}

/// Whether two names of fields are the same to somebody: servers that make variables of fields take `_` for `-`.
pub fn are_alike(one: &[u8], other: &[u8]) -> bool {
    let read = |byte: &u8| if *byte == b'_' { b'-' } else { byte.to_ascii_lowercase() };
    one.len() == other.len() && one.iter().map(read).eq(other.iter().map(read))
}

/// `value` without the white space around it.
pub fn trim(value: &[u8]) -> &[u8] {
    let is_space = |byte: &u8| matches!(byte, b' ' | b'\t');
    let start = value.iter().position(|byte| !is_space(byte)).unwrap_or(value.len());
    let end = value.iter().rposition(|byte| !is_space(byte)).map_or(start, |last| last + 1);
    &value[start..end]
}

/// The members of a list, separated by commas; empty ones are left out.
pub fn list(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value.split(|byte| *byte == b',').map(trim).filter(|member| !member.is_empty())
}

static TOKEN: [bool; 256] = {
    let mut table = [false; 256];
    let marks = *b"!#$%&'*+-.^_`|~";
    let mut index = 0;
    while index < marks.len() {
        table[marks[index] as usize] = true;
        index += 1;
    }
    let mut byte = 0;
    while byte < 128 {
        if (byte as u8).is_ascii_alphanumeric() {
            table[byte] = true;
        }
        byte += 1;
    }
    table
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_letters_digits_and_fifteen_marks() {
        assert_eq!((0..=255).filter(|byte| is_token(*byte)).count(), 26 + 26 + 10 + 15);
        assert!(!is_token(b' ') && !is_token(b':') && !is_token(b'"') && !is_token(0x80));
    }

    #[test]
    fn values_have_no_control_characters() {
        assert!(is_value(b'\t') && is_value(b' ') && is_value(0xff));
        assert!(!is_value(b'\r') && !is_value(b'\n') && !is_value(0) && !is_value(0x7f));
    }

    #[test]
    fn names_are_alike_in_any_case_and_with_either_mark() {
        assert!(
            are_alike(b"X-Own", b"x-own") && are_alike(b"X_Own", b"x-own") && are_alike(b"X-Own", b"x_OWN")
        );
        assert!(!are_alike(b"X-Own", b"X.Own") && !are_alike(b"X-Own", b"XOwn") && !are_alike(b"", b"-"));
    }

    #[test]
    fn members_of_a_list_stand_alone() {
        let members: Vec<_> = list(b" a ,, b\t,c, ").collect();
        assert_eq!(members, [b"a", b"b", b"c"]);
        assert_eq!(trim(b" \t "), b"");
    }
}
