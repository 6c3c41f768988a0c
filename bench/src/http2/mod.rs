//! HTTP/2 as the load and the backends speak it, in the clear and from the first byte: a GET whose path says how many bytes the
//! answer has, in frames that are written once. Little of the protocol, but that strictly, as in [`crate::http`].

mod answering;
mod asking;
mod frame;

pub use answering::Answering;
pub use asking::Asking;

/// What a client begins with.
pub const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Bytes that a client takes of one body, and of all bodies, before it has to give room back: no answer is longer.
const WINDOW: u32 = 1 << 20;

/// The window of a connection until more room is given (RFC 9113, 6.9.2).
const WINDOW_AT_FIRST: u32 = 65_535;

/// The fields of a request for an answer with so many bytes: names by their number in the static table where it has them
/// (RFC 7541, appendix A), values as they are, and nothing for the dynamic one.
fn request(bytes: u32) -> Vec<u8> {
    const METHOD_GET: u8 = 0x82;
    const SCHEME_HTTP: u8 = 0x86;
    const PATH: &[u8] = &[0x04];
    const AUTHORITY: &[u8] = &[0x01];
    const USER_AGENT: &[u8] = &[0x0f, 0x2b];
    const ACCEPT: &[u8] = &[0x0f, 0x04];
    let mut block = vec![METHOD_GET, SCHEME_HTTP];
    let path = format!("/{bytes}");
    for (name, value) in
        [(PATH, &path[..]), (AUTHORITY, "bench.test"), (USER_AGENT, "bench"), (ACCEPT, "*/*")]
    {
        block.extend_from_slice(name);
        block.push(value.len() as u8);
        block.extend_from_slice(value.as_bytes());
    }
    block
}

/// How long an answer these are the fields of the request for, if they are.
fn length_asked(block: &[u8]) -> Option<u32> {
    let (&digits, path) = block.get(3..)?.split_first()?;
    let path = std::str::from_utf8(path.get(..digits as usize)?).ok()?;
    let bytes = path.strip_prefix('/')?.parse().ok()?;
    (request(bytes) == block).then_some(bytes)
}

/// The fields of the answer, as a backend sends it.
fn response(bytes: u32) -> Vec<u8> {
    const CONTENT_LENGTH: [u8; 2] = [0x0f, 0x0d];
    let length = bytes.to_string();
    let head = [&[STATUS_200][..], &CONTENT_LENGTH, &[length.len() as u8]].concat();
    [&head, length.as_bytes()].concat()
}

/// The one status that an answer may have, which has a number in the static table.
const STATUS_200: u8 = 0x88;

/// Whether these fields begin with that status. They may change the size of the dynamic table before.
fn is_ok(mut block: &[u8]) -> bool {
    while let [first @ 0x20..=0x3f, rest @ ..] = block {
        // A size that does not fit into the first byte ends with the first one below 128.
        let end =
            if *first == 0x3f { rest.iter().position(|byte| *byte < 0x80).map(|at| at + 1) } else { Some(0) };
        block = end.map_or(&[], |end| &rest[end..]);
    }
    block.first() == Some(&STATUS_200)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_load_asks_for_is_understood_and_nothing_else() {
        let block = request(16_384);
        assert_eq!(length_asked(&block), Some(16_384));
        for at in 0..block.len() {
            let mut wrong = block.clone();
            wrong[at] ^= 0x80;
            assert_eq!(length_asked(&wrong), None, "{at}");
            assert_eq!(length_asked(&block[..at]), None, "{at}");
        }
    }

    #[test]
    fn an_answer_is_ok_whatever_it_says_of_the_dynamic_table() {
        for fine in [&[0x88][..], &[0x20, 0x88, 1], &[0x3f, 0xe1, 0x1f, 0x88], &[0x20, 0x3f, 0x00, 0x88]] {
            assert!(is_ok(fine), "{fine:x?}");
        }
        for wrong in [&[][..], &[0x8d], &[0x20], &[0x3f, 0xff], &[0x3f, 0xe1, 0x88]] {
            assert!(!is_ok(wrong), "{wrong:x?}");
        }
        assert!(is_ok(&response(64)));
    }
}
