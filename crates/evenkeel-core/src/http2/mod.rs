//! HTTP/2, as RFC 9113 has it, as far as it is decided here.
//!
//! An [`endpoint`] takes in bytes and says what happened: frames ([`frame`]) whose messages are unpacked ([`hpack`],
//! [`unpacked`]), windows ([`window`]), settings ([`settings`]). Who sends too many frames that carry nothing is told to calm down
//! ([`credit`]). Who says nothing is asked whether it is still there ([`silence`]).
//!
//! Messages ([`message`]) are told in the words of HTTP/1 ([`wording`], [`framed`], [`unframed`]), strictly, so that whatever
//! holds for those holds for these.

pub mod credit;
pub mod endpoint;
pub mod frame;
pub mod framed;
pub mod hpack;
pub mod message;
pub mod reason;
pub mod settings;
pub mod silence;
pub mod unframed;
pub mod unpacked;
pub mod window;
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
