//! What a PostgreSQL client asks before it speaks TLS (PostgreSQL, "Message Formats": SSLRequest, GSSENCRequest). It says
//! hello only when it was answered, so that whoever routes by that hello has to answer.

use super::{Parse, departs};

/// What is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Question {
    /// Whether to go on in TLS.
    Tls,
    /// Whether to go on encrypted by GSSAPI.
    Gss,
}

/// The question for TLS, as a client sends it.
pub const TLS_REQUEST: [u8; 8] = [0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f];
const GSS_REQUEST: [u8; 8] = [0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x30];

/// The answer that TLS is to follow.
pub const YES: u8 = b'S';
/// The answer that the connection goes on as it is.
pub const NO: u8 = b'N';

/// The question that `bytes` begin with; `None` when they begin with something else, or there are none.
pub fn parse(bytes: &[u8]) -> Option<Parse<Question>> {
    let begins = |request: &[u8]| departs(bytes, request).is_none();
    let complete = bytes.len() >= TLS_REQUEST.len();
    let whole = |value| Some(Parse::Complete { value, length: TLS_REQUEST.len() });
    match (begins(&TLS_REQUEST), begins(&GSS_REQUEST)) {
        _ if bytes.is_empty() => None,
        (false, false) => None,
        _ if !complete => Some(Parse::Partial),
        (true, _) => whole(Question::Tls),
        (_, true) => whole(Question::Gss),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_questions_are_known_from_their_first_byte_on() {
        for (request, question) in [(TLS_REQUEST, Question::Tls), (GSS_REQUEST, Question::Gss)] {
            for shown in 1..request.len() {
                assert_eq!(parse(&request[..shown]), Some(Parse::Partial));
            }
            let more = [&request[..], b"more"].concat();
            assert_eq!(parse(&more), Some(Parse::Complete { value: question, length: 8 }));
        }
    }

    #[test]
    fn nothing_else_is_one() {
        for other in [&b""[..], b"\x16\x03\x01", b"GET", b"\0\0\0\x09", b"\0\0\0\x08\x04\xd2\x16\x2e"] {
            assert_eq!(parse(other), None, "{other:x?}");
        }
    }
}
