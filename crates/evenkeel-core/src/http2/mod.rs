//! HTTP/2, as far as it is decided here: messages are told in the words of HTTP/1, strictly, so that whatever holds for those
//! holds for these ([`wording`], [`unframed`]); frames are looked at as their bytes pass ([`watch`], [`frames`]), and who
//! sends too many that carry nothing is told to calm down ([`credit`]). Fields are compressed in next to no memory ([`hpack`]).
//!
//! Streams and windows are the business of a library.

pub mod credit;
pub mod frames;
pub mod hpack;
pub mod unframed;
pub mod watch;
pub mod wording;

/// What every HTTP/2 connection begins with.
pub const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Whether a connection that begins with `came` speaks HTTP/2; `None` if there is more to come before that is known.
pub fn begins(came: &[u8]) -> Option<bool> {
    let known = came.len().min(PREFACE.len());
    match came[..known] == PREFACE[..known] {
        true if known < PREFACE.len() => None,
        is_it => Some(is_it),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_of_http_2_is_told_by_its_first_bytes_wherever_they_are_cut() {
        for length in 0..PREFACE.len() {
            assert_eq!(begins(&PREFACE[..length]), None);
        }
        assert_eq!(begins(&[PREFACE, &b"more"[..]].concat()), Some(true));
        for other in [&b"GET / HTTP/1.1"[..], b"PRI / HTTP/2.0", b"P\0", b"PRI * HTTP/2.0\r\n\r\nHost:"] {
            assert_eq!(begins(other), Some(false));
        }
    }
}
