//! What is written here is read as it was meant, and takes few bytes.

use super::{hex, pairs, read, table};
use evenkeel_core::http2::hpack::{self, Decoder};
use proptest::prelude::*;

/// What `write` adds.
fn written(write: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut out = Vec::new();
    write(&mut out);
    out
}

#[test]
fn what_everybody_knows_is_a_byte() {
    for (block, expected) in [
        (written(|out| hpack::status(200, out)), "88"),
        (written(|out| hpack::status(500, out)), "8e"),
        (written(|out| hpack::status(503, out)), "0803353033"),
        (written(|out| hpack::method(b"GET", out)), "82"),
        (written(|out| hpack::method(b"POST", out)), "83"),
        (written(|out| hpack::method(b"PUT", out)), "0203505554"),
        (written(|out| hpack::path(b"/", out)), "84"),
        (written(|out| hpack::path(b"/a", out)), "04022f61"),
        (written(|out| hpack::scheme(b"https", out)), "87"),
        (written(|out| hpack::authority(b"a", out)), "010161"),
        (written(|out| hpack::field(b"Accept-Encoding", b"gzip, deflate", out)), "90"),
        (written(|out| hpack::field(b"accept", b"", out)), "93"),
        (written(|out| hpack::field(b"Content-Length", b"10", out)), "0f0d023130"),
        (written(|out| hpack::field(b"X-A", b"B", out)), "0003782d610142"),
        (written(hpack::no_table), "20"),
    ] {
        assert_eq!(block, hex(expected), "{expected}");
    }
}

#[test]
fn what_is_secret_is_never_to_stand_in_a_table() {
    for name in ["Authorization", "cookie", "Proxy-Authorization", "set-cookie"] {
        assert_eq!(written(|out| hpack::field(name.as_bytes(), b"secret", out))[0] & 0xf0, 0x10, "{name}");
    }
    for name in ["accept", "x-cookie"] {
        assert_eq!(written(|out| hpack::field(name.as_bytes(), b"known", out))[0] & 0xf0, 0x00, "{name}");
    }
}

#[test]
fn every_status_is_read_again() {
    for status in 100..=999 {
        let block = written(|out| hpack::status(status, out));
        assert_eq!(read(&mut Decoder::new(), &block).unwrap(), format!(":status: {status}\n"));
    }
}

proptest! {
    #[test]
    fn what_is_written_is_read_and_fills_no_table(
        fields in prop::collection::vec(("[A-Za-z0-9-]{0,20}|[Cc]ookie|Host|\\PC{0,150}", any::<Vec<u8>>()), 0..10),
    ) {
        let mut decoder = Decoder::new();
        let block = written(|out| {
            hpack::no_table(out);
            fields.iter().for_each(|(name, value)| hpack::field(name.as_bytes(), value, out));
        });
        let small = fields.into_iter().map(|(name, value)| (name.to_ascii_lowercase().into_bytes(), value));
        prop_assert_eq!(pairs(&mut decoder, &block), Ok(small.collect()));
        prop_assert_eq!(table(&decoder), []);
    }
}
