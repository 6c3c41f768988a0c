//! Hellos of TLS clients.

use crate::hello::{Hello, browser, message, record, vec8, vec16};
use crate::piecemeal::{complete, is_steady};
use evenkeel_core::wire::Parse;
use evenkeel_core::wire::client_hello::{LONGEST, Malformed, Part, Reader};
use proptest::prelude::*;

/// What OpenSSL 3.0 says for example.com with HTTP/2, when it may not speak TLS 1.3.
const OPENSSL_TLS12: &str = "16030100ba010000b60303ee9122e564155d3fee32b4b58d6391303e0a2e759f192b0aa6fb90018e190b0e\
    00001ec02cc030c02bc02fcca9cca8c024c028c023c027009f009e006b006700ff0100006f00000010000e00000b6578616d706c652e636f6d\
    000b000403000102000a000c000a001d0017001e00190018002300000010000500030268320016000000170000000d002a0028040305030603\
    080708080809080a080b080408050806040105010601030303010302040205020602";

/// What Node.js 20 says when it connects to a.example.org with HTTP/2.
const NODE_TLS13: &str = "16030101800100017c03039fee38da6b76380edae79fb91b2ee3302ba27a63c2cad215c32aeef0f98de91920366\
    884c65a46c11028401af59438eb603b49d6463094b7aaaeb62781d417c8fd0076130213031301c02fc02bc030c02c009ec0270067c028006b0\
    0a3009fcca9cca8ccaac0afc0adc0a3c09fc05dc061c057c05300a2c0aec0acc0a2c09ec05cc060c056c052c024006ac0230040c00ac014003\
    90038c009c01300330032009dc0a1c09dc051009cc0a0c09cc050003d003c0035002f00ff010000bd00000012001000000d612e6578616d706\
    c652e6f7267000b000403000102000a00160014001d0017001e0019001801000101010201030104002300000010000e000c02683208687474\
    702f312e310016000000170000000d002a0028040305030603080708080809080a080b080408050806040105010601030303010302040205020\
    602002b00050403040303002d00020101003300260024001d0020c96c754bd3aa1d5b5098e2aad18aefbd1965305862e70fd88700d3dfdc7267\
    5d";

/// Name, protocols and version, as `www.example.com h2,http/1.1 TLS 1.3`.
type Said = Result<Parse<String>, Malformed>;

/// What a reader says that has seen nothing before.
fn parse(bytes: &[u8]) -> Said {
    read(&mut Reader::new(LONGEST), bytes)
}

fn read(reader: &mut Reader, bytes: &[u8]) -> Said {
    let parsed = reader.read(bytes)?;
    Ok(parsed.map(|hello| {
        let alpn: Vec<_> = hello.alpn.map(String::from_utf8_lossy).collect();
        let version = hello.version.map_or("-".to_owned(), |version| version.to_string());
        format!("{} {} {version}", hello.server_name.as_deref().unwrap_or("-"), alpn.join(","))
    }))
}

/// What is said of `bytes` by one who sees them at once, and all the same by one who sees them byte by byte.
fn said(bytes: &[u8]) -> Said {
    is_steady(bytes, parse);
    let mut reader = Reader::new(LONGEST);
    for shown in 0..bytes.len() {
        assert_eq!(read(&mut reader, &bytes[..shown]), parse(&bytes[..shown]), "the first {shown} bytes");
    }
    assert_eq!(read(&mut reader, bytes), parse(bytes));
    parse(bytes)
}

fn value(hello: &Hello) -> String {
    complete(&hello.bytes(), parse)
}

fn refusal(bytes: &[u8]) -> Malformed {
    said(bytes).unwrap_err()
}

fn from_hex(text: &str) -> Vec<u8> {
    let digit = |byte: &u8| char::from(*byte).to_digit(16).unwrap() as u8;
    text.as_bytes().chunks(2).map(|pair| digit(&pair[0]) << 4 | digit(&pair[1])).collect()
}

#[test]
fn real_clients_are_understood() {
    assert_eq!(complete(&from_hex(OPENSSL_TLS12), parse), "example.com h2 TLS 1.2");
    assert_eq!(complete(&from_hex(NODE_TLS13), parse), "a.example.org h2,http/1.1 TLS 1.3");
    assert_eq!(value(&browser()), "www.example.com h2,http/1.1 TLS 1.3");
}

#[test]
fn records_and_pieces_make_no_difference() {
    let small = Hello::default().alpn(&["h2"]).server_name("www.example.com");
    let large = browser().message().len();
    let small_sizes = [1, 2, 3, 4, 5, 100].map(|size| (small.clone(), size));
    let large_sizes = [500, 1_400, large - 1, large].map(|size| (browser(), size));
    for (hello, size) in small_sizes.into_iter().chain(large_sizes) {
        let bytes = hello.in_records(size);
        let parsed = Parse::Complete { value: value(&hello), length: bytes.len() };
        assert_eq!(said(&bytes), Ok(parsed), "records of {size}");
    }
}

#[test]
fn what_follows_the_record_is_not_looked_at() {
    let hello = Hello::default().server_name("a.example");
    let early_data = [hello.bytes(), record(20, &[1]), b"\xff\xff".to_vec()].concat();
    let parsed = Parse::Complete { value: "a.example  TLS 1.2".to_owned(), length: hello.bytes().len() };
    assert_eq!(said(&early_data), Ok(parsed));
}

#[test]
fn what_is_not_tls_is_found_at_its_first_byte() {
    for (bytes, at) in [
        (&b"GET / HTTP/1.1\r\n"[..], 0),
        (b"SSH-2.0-OpenSSH_9.9\r\n", 0),
        (b"PROXY TCP4 ", 0),
        (b"\x80\x2e\x01\x00\x02", 0),
        (b"\0\0\0\x08", 0),
        (b"\x16\x02\x01", 1),
        (b"\x16\xfe\xfd", 1),
    ] {
        assert_eq!(refusal(bytes), Malformed::NotTls { at });
        assert_eq!(parse(&bytes[..at]), Ok(Parse::Partial));
    }
}

#[test]
fn only_a_hello_comes_first() {
    assert_eq!(refusal(&record(21, &[2, 40])), Malformed::ContentType(21));
    assert_eq!(refusal(&record(20, &[1])), Malformed::ContentType(20));
    assert_eq!(refusal(&record(23, b"data")), Malformed::ContentType(23));
    assert_eq!(refusal(&record(22, &message(2, &[0; 40]))), Malformed::Message(2));
}

#[test]
fn nothing_comes_between_the_records_of_a_hello() {
    let message = browser().message();
    let (one, other) = message.split_at(700);
    let between = |record: &[u8]| [&self::record(22, one), record, &self::record(22, other)].concat();
    assert_eq!(refusal(&between(&record(21, &[1, 0]))), Malformed::ContentType(21));
    assert_eq!(refusal(&between(b"GET / HTTP")), Malformed::ContentType(b'G'));
    assert_eq!(refusal(&between(&record(22, b""))), Malformed::EmptyRecord);
    assert_eq!(refusal(&between(b"\x16\x02")), Malformed::RecordVersion(2));
    assert_eq!(refusal(&between(&record(22, b"x"))), Malformed::Trailing);
}

#[test]
fn a_record_has_at_least_one_byte_and_at_most_16384() {
    assert_eq!(refusal(&record(22, b"")), Malformed::EmptyRecord);
    assert_eq!(refusal(b"\x16\x03\x01\x40\x01"), Malformed::LongRecord(16_385));
    assert_eq!(parse(b"\x16\x03\x01\x40\x00"), Ok(Parse::Partial));
}

#[test]
fn a_hello_ends_with_its_record() {
    let coalesced = record(22, &[browser().message(), message(1, b"")].concat());
    assert_eq!(refusal(&coalesced), Malformed::Trailing);
}

#[test]
fn a_hello_is_no_longer_than_allowed() {
    let bytes = browser().in_records(1_000);
    let at_most = |longest| Reader::new(longest).read(&bytes).map(|parsed| parsed.map(drop));
    assert_eq!(at_most(bytes.len()), Ok(Parse::Complete { value: (), length: bytes.len() }));
    let longest = bytes.len() - 1;
    assert_eq!(at_most(longest), Err(Malformed::TooLong { longest }));
    // It says so itself, at its ninth byte.
    assert_eq!(parse(b"\x16\x03\x01\x01\x00\x01\x00\xff\xf3"), Err(Malformed::TooLong { longest: LONGEST }));
    assert_eq!(parse(b"\x16\x03\x01\x01\x00\x01\x00\xff\xf2"), Ok(Parse::Partial));
    assert_eq!(refusal(b"\x16\x03\x01\x01\x00\x01\xff\xff\xff"), Malformed::TooLong { longest: LONGEST });
}

#[test]
fn whatever_is_allowed_it_is_the_same_byte_by_byte() {
    let hello = Hello::default().server_name("a.example");
    let mut other = hello.message();
    other[0] = 2;
    let others = other.chunks(30).flat_map(|piece| record(22, piece)).collect();
    for bytes in [hello.bytes(), hello.in_records(1), hello.in_records(30), others] {
        for longest in 0..bytes.len() + 2 {
            let mut reader = Reader::new(longest);
            let in_steps = (0..=bytes.len())
                .map(|shown| read(&mut reader, &bytes[..shown]))
                .find(|said| *said != Ok(Parse::Partial));
            assert_eq!(in_steps, Some(read(&mut Reader::new(longest), &bytes)), "{longest} bytes");
        }
    }
}

#[test]
fn records_of_one_byte_do_not_make_the_bytes_more_than_allowed() {
    let bytes = Hello::default().with(0xfafa, vec![0; 30_000]).in_records(1);
    assert!(bytes.len() > LONGEST);
    let mut reader = Reader::new(LONGEST);
    let refused = (0..bytes.len()).find(|&shown| read(&mut reader, &bytes[..shown]) != Ok(Parse::Partial));
    assert!(refused.unwrap() <= LONGEST);
}

#[test]
fn the_newest_version_that_exists_counts() {
    let versions = |versions: &[u16]| value(&Hello::default().versions(versions));
    assert_eq!(versions(&[0x0303, 0x0304, 0x0302]), "-  TLS 1.3");
    assert_eq!(versions(&[0xfafa, 0x7f1c, 0x0302]), "-  TLS 1.1");
    assert_eq!(versions(&[0xfafa]), "-  -");
    let legacy = |version| value(&Hello { version, ..Hello::default() });
    assert_eq!(legacy(0x0300), "-  SSL 3.0");
    assert_eq!(legacy(0x0301), "-  TLS 1.0");
    assert_eq!(legacy(0x0304), "-  TLS 1.2");
    let sslv2 = Hello { version: 2, ..Hello::default() };
    assert_eq!(refusal(&sslv2.bytes()), Malformed::Part(Part::LegacyVersion));
}

#[test]
fn a_name_is_a_host_name_or_none() {
    let name = |name: &str| value(&Hello::default().server_name(name));
    assert_eq!(name("ExAmPle.COM"), "example.com  TLS 1.2");
    for no_name in ["10.0.0.1", "::1", "a..b", "*.example.com", "münchen.de", "a b", "a\0.example"] {
        assert_eq!(name(no_name), "-  TLS 1.2", "{no_name}");
    }
}

#[test]
fn names_of_a_type_that_nobody_knows_are_gone_over() {
    let names = [&[9], &vec16(b"x")[..], &[0], &vec16(b"a.example")[..]].concat();
    assert_eq!(value(&Hello::default().with(0, vec16(&names))), "a.example  TLS 1.2");
}

#[test]
fn parts_have_the_lengths_that_they_can_have() {
    let hello = Hello::default;
    let entry = |name: &[u8]| [&[0], &vec16(name)[..]].concat();
    for (hello, part) in [
        (Hello { session_id: vec![0; 33], ..hello() }, Part::SessionId),
        (Hello { cipher_suites: vec![], ..hello() }, Part::CipherSuites),
        (Hello { cipher_suites: vec![0; 3], ..hello() }, Part::CipherSuites),
        (Hello { compression: vec![], ..hello() }, Part::Compression),
        (hello().with(0, []), Part::ServerName),
        (hello().with(0, vec16(b"")), Part::ServerName),
        (hello().with(0, vec16(&entry(b""))), Part::ServerName),
        (hello().with(0, [vec16(&entry(b"a.b")), vec![0]].concat()), Part::ServerName),
        (hello().with(0, vec16(&entry(b"a.b")[..5])), Part::ServerName),
        (hello().with(16, []), Part::Alpn),
        (hello().with(16, vec16(b"")), Part::Alpn),
        (hello().with(16, vec16(&[0])), Part::Alpn),
        (hello().with(16, vec16(b"\x03h2")), Part::Alpn),
        (hello().with(43, []), Part::Versions),
        (hello().with(43, vec8(b"")), Part::Versions),
        (hello().with(43, vec8(&[3, 4, 3])), Part::Versions),
        (hello().with(43, [2, 3, 4, 0]), Part::Versions),
    ] {
        assert_eq!(refusal(&hello.bytes()), Malformed::Part(part));
    }
}

#[test]
fn a_message_that_ends_in_a_part_is_none() {
    let whole = Hello::default().server_name("a.example").message();
    let parts = [
        (0, Part::LegacyVersion),
        (2, Part::Random),
        (34, Part::SessionId),
        (67, Part::CipherSuites),
        (71, Part::Compression),
        (74, Part::Extensions),
        (76, Part::Extensions),
    ];
    for (length, part) in parts {
        let cut = record(22, &message(1, &whole[4..4 + length]));
        assert_eq!(refusal(&cut), Malformed::Part(part), "{length} bytes");
    }
    let longer = record(22, &message(1, &[&whole[4..], b"x"].concat()));
    assert_eq!(refusal(&longer), Malformed::Part(Part::Extensions));
}

#[test]
fn an_extension_that_counts_comes_once() {
    let twice = Hello::default().server_name("a.example").server_name("b.example");
    assert_eq!(refusal(&twice.bytes()), Malformed::Twice(Part::ServerName));
    let names = [&[0], &vec16(b"a.b")[..]].concat().repeat(2);
    let twice = Hello::default().with(0, vec16(&names));
    assert_eq!(refusal(&twice.bytes()), Malformed::Twice(Part::ServerName));
    let twice = Hello::default().alpn(&["h2"]).alpn(&["h2"]);
    assert_eq!(refusal(&twice.bytes()), Malformed::Twice(Part::Alpn));
}

#[test]
fn a_refusal_says_whose_fault_it_is() {
    let text = |bytes: &[u8]| refusal(bytes).to_string();
    assert_eq!(text(b"GET /"), "the client does not speak TLS: byte 0 cannot be");
    assert_eq!(text(&record(21, &[2, 40])), "the client sent a TLS record of type 21 before its hello");
    assert_eq!(
        text(&Hello::default().with(16, []).bytes()),
        "the client's TLS hello has protocols of a wrong length"
    );
}

proptest! {
    #[test]
    fn a_changed_byte_does_no_harm(size in 1..2_000_usize, at: prop::sample::Index, byte: u8) {
        let mut bytes = browser().in_records(size);
        let at = at.index(bytes.len());
        bytes[at] = byte;
        let mut reader = Reader::new(LONGEST);
        // By pieces that end elsewhere than records do.
        let mut last = Ok(Parse::Partial);
        for shown in (0..=bytes.len()).step_by(97).chain([bytes.len()]) {
            last = read(&mut reader, &bytes[..shown]);
            prop_assert_eq!(&last, &parse(&bytes[..shown]));
            if last != Ok(Parse::Partial) {
                break;
            }
        }
        prop_assert_eq!(last, parse(&bytes));
    }

    #[test]
    fn any_bytes_do_no_harm(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = parse(&bytes);
        let _ = parse(&record(22, &message(1, &bytes)));
    }
}
