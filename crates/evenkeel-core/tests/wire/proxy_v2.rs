//! Headers of version 2.

use crate::piecemeal::{complete, is_steady};
use evenkeel_core::wire::Parse;
use evenkeel_core::wire::proxy::LONGEST;
use evenkeel_core::wire::proxy_header::{Header, Origin, Transport};
use evenkeel_core::wire::proxy_v2::{self, Malformed, Saying, Unwritable, write};
use evenkeel_core::wire::tlv::{self, Ssl, kind};

const SOURCE: [u8; 4] = [192, 168, 0, 1];

/// A header with `head` behind the signature, the length, and `rest`.
fn header(head: [u8; 2], rest: &[u8]) -> Vec<u8> {
    let length = u16::try_from(rest.len()).unwrap().to_be_bytes();
    [proxy_v2::SIGNATURE, &head, &length, rest].concat()
}

fn parse(bytes: &[u8]) -> Result<Parse<Header<'_>>, Malformed> {
    proxy_v2::parse(bytes, LONGEST)
}

fn refusal(bytes: &[u8]) -> Malformed {
    is_steady(bytes, parse);
    parse(bytes).unwrap_err()
}

/// 192.168.0.1:56324 to 192.168.0.11:443.
fn ipv4() -> Vec<u8> {
    [&SOURCE[..], &[192, 168, 0, 11], &56_324_u16.to_be_bytes(), &443_u16.to_be_bytes()].concat()
}

fn from_ipv4(transport: Transport) -> Origin<'static> {
    Origin::Ip { transport, source: (SOURCE, 56_324).into(), destination: ([192, 168, 0, 11], 443).into() }
}

fn written(origin: &Origin<'_>, saying: &Saying<'_>) -> Vec<u8> {
    let mut out = Vec::new();
    write(origin, saying, &mut out).unwrap();
    out
}

#[test]
fn every_family_and_transport_is_read() {
    let tcp = header([0x21, 0x11], &ipv4());
    assert_eq!(complete(&tcp, parse).origin, from_ipv4(Transport::Stream));
    let udp = header([0x21, 0x12], &ipv4());
    assert_eq!(complete(&udp, parse).origin, from_ipv4(Transport::Datagram));
    let ipv6 = [[0x11; 16], [0x22; 16]].concat();
    let ipv6 = header([0x21, 0x21], &[&ipv6[..], &[0, 80, 1, 187]].concat());
    let origin = Origin::Ip {
        transport: Transport::Stream,
        source: ([0x1111; 8], 80).into(),
        destination: ([0x2222; 8], 443).into(),
    };
    assert_eq!(complete(&ipv6, parse).origin, origin);
}

#[test]
fn paths_end_where_their_padding_begins() {
    let padded = |path: &[u8]| [path, &vec![0; 108 - path.len()]].concat();
    let origin = |source: &[u8], destination: &[u8]| {
        let unix = header([0x21, 0x31], &[padded(source), padded(destination)].concat());
        let Origin::Unix { transport: Transport::Stream, source, destination } =
            complete(&unix, parse).origin
        else {
            panic!("no Unix socket")
        };
        (source.to_vec(), destination.to_vec())
    };
    assert_eq!(origin(b"", b"/run/a"), (b"".to_vec(), b"/run/a".to_vec()));
    assert_eq!(origin(b"/run/a\0rubbish", &[b'x'; 108]), (b"/run/a".to_vec(), vec![b'x'; 108]));
    assert_eq!(origin(b"\0abstract\0name", b"\0"), (b"\0abstract\0name".to_vec(), b"".to_vec()));
}

#[test]
fn what_is_local_or_unknown_says_nothing_of_addresses() {
    for (head, rest, origin) in [
        ([0x20, 0x00], &b""[..], Origin::Local),
        ([0x20, 0x11], &ipv4(), Origin::Local),
        ([0x20, 0x11], b"short", Origin::Local),
        ([0x20, 0xff], b"of a family that does not exist", Origin::Local),
        ([0x21, 0x00], b"", Origin::Unknown),
        ([0x21, 0x00], b"of a shape nobody knows", Origin::Unknown),
        ([0x21, 0x01], b"", Origin::Unknown),
        ([0x21, 0x10], &ipv4(), Origin::Unknown),
    ] {
        let bytes = header(head, rest);
        let said = complete(&bytes, parse);
        assert_eq!(said, Header { origin, tlvs: Default::default() }, "{head:x?}");
    }
}

#[test]
fn values_of_a_check_are_read_if_they_are_some() {
    let bytes = header([0x20, 0x11], &[&ipv4()[..], b"\xe0\0\x01x"].concat());
    assert_eq!(complete(&bytes, parse).tlvs.find(0xe0), Some(&b"x"[..]));
}

#[test]
fn a_bad_head_is_refused_at_its_byte() {
    for (head, why) in [
        ([0x11, 0x11], Malformed::Version(1)),
        ([0x31, 0x11], Malformed::Version(3)),
        ([0x22, 0x11], Malformed::Command(2)),
        ([0x2f, 0x11], Malformed::Command(15)),
    ] {
        assert_eq!(refusal(&[proxy_v2::SIGNATURE, &head[..1]].concat()), why);
    }
    for (head, why) in [
        ([0x21, 0x41], Malformed::Family(4)),
        ([0x21, 0xf1], Malformed::Family(15)),
        ([0x21, 0x13], Malformed::Transport(3)),
        ([0x21, 0x0f], Malformed::Transport(15)),
    ] {
        assert_eq!(refusal(&[proxy_v2::SIGNATURE, &head].concat()), why);
    }
    assert_eq!(refusal(b"\r\n\r\n\0\r\nQUIX"), Malformed::Signature { at: 10 });
}

#[test]
fn a_header_is_long_enough_for_its_addresses() {
    for (family, length) in [(0x11, 12), (0x21, 36), (0x31, 216)] {
        let short = header([0x21, family], &vec![0; length - 1]);
        assert_eq!(refusal(&short[..16]), Malformed::Addresses);
        assert!(parse(&header([0x21, family], &vec![0; length])).is_ok());
    }
}

#[test]
fn a_header_is_no_longer_than_allowed() {
    let bytes = header([0x21, 0x11], &[ipv4(), vec![kind::NOOP, 0, 1, 0]].concat());
    assert!(matches!(proxy_v2::parse(&bytes, 32), Ok(Parse::Complete { length: 32, .. })));
    assert_eq!(proxy_v2::parse(&bytes[..16], 31), Err(Malformed::TooLong { length: 32, longest: 31 }));
    let longest = [proxy_v2::SIGNATURE, b"\x20\x00\xff\xff"].concat();
    assert_eq!(refusal(&longest), Malformed::TooLong { length: 16 + 65_535, longest: LONGEST });
}

#[test]
fn values_behind_addresses_are_whole() {
    let bytes = header([0x21, 0x11], &[&ipv4()[..], b"\x01\0\x03h2"].concat());
    assert_eq!(refusal(&bytes), Malformed::Tlv(tlv::Malformed::Cut { kind: 1 }));
}

#[test]
fn a_checksum_is_that_of_the_header_without_it() {
    // The sum was computed by hand, bit by bit.
    let values = |sum: u32| [&ipv4()[..], b"\x01\0\x02h2\x03\0\x04", &sum.to_be_bytes()].concat();
    let good = header([0x21, 0x11], &values(0x7632_3a48));
    assert_eq!(complete(&good, parse).tlvs.find(kind::ALPN), Some(&b"h2"[..]));
    assert_eq!(
        written(
            &from_ipv4(Transport::Stream),
            &Saying { alpn: Some(b"h2"), checksum: true, ..Saying::default() }
        ),
        good
    );
    assert_eq!(refusal(&header([0x21, 0x11], &values(0x7632_3a49))), Malformed::Checksum);
    let cut = header([0x21, 0x11], &[&ipv4()[..], b"\x03\0\x02\0\0"].concat());
    assert_eq!(refusal(&cut), Malformed::Tlv(tlv::Malformed::Checksum));
}

#[test]
fn no_byte_of_a_summed_header_can_change() {
    let saying = Saying { authority: Some(b"example.com"), checksum: true, ..Saying::default() };
    let good = written(&from_ipv4(Transport::Stream), &saying);
    for at in 0..good.len() {
        for bit in 0..8 {
            let mut bad = good.clone();
            bad[at] ^= 1 << bit;
            assert!(
                !matches!(parse(&bad), Ok(Parse::Complete { .. })) || is_made_lenient(at),
                "byte {at}, bit {bit}"
            );
        }
    }
}

/// In UNSPEC the values may be addresses of any shape, so that there is no checksum; and one of another type is none.
fn is_made_lenient(at: usize) -> bool {
    at == 13 || at == 16 + 12 + 3 + 11
}

#[test]
fn what_was_received_is_passed_on_but_for_what_is_new() {
    let first = Saying {
        alpn: Some(b"http/1.1"),
        authority: Some(b"old.example"),
        unique_id: Some(b"1"),
        checksum: true,
        ..Saying::default()
    };
    let mut received = written(&from_ipv4(Transport::Stream), &first)[28..].to_vec();
    received.extend(b"\x04\0\x02..\xe1\0\x01a\xe1\0\x01b");
    let second = Saying {
        alpn: Some(b"h2"),
        ssl: Some(Ssl { client: Ssl::TLS, verify: 1, version: Some(b"TLSv1.3"), ..Ssl::default() }),
        received: tlv::Tlvs::parse(&received).unwrap(),
        ..Saying::default()
    };
    let bytes = written(&Origin::Local, &second);
    let tlvs = complete(&bytes, parse).tlvs;
    let kinds: Vec<_> = tlvs.iter().map(|tlv| tlv.kind).collect();
    assert_eq!(kinds, [kind::ALPN, kind::SSL, kind::AUTHORITY, kind::UNIQUE_ID, 0xe1, 0xe1]);
    assert_eq!(tlvs.find(kind::ALPN), Some(&b"h2"[..]));
    assert_eq!(tlvs.find(kind::AUTHORITY), Some(&b"old.example"[..]));
    assert_eq!(tlvs.ssl(), second.ssl);
}

#[test]
fn what_fits_in_no_header_is_not_written_at_all() {
    let long = vec![b'x'; 65_536];
    let half = &long[..40_000];
    let path = Origin::Unix { transport: Transport::Stream, source: &long[..109], destination: b"" };
    for (origin, saying, why) in [
        (path, Saying::default(), Unwritable::Path),
        (Origin::Local, Saying { alpn: Some(&long), ..Saying::default() }, Unwritable::TooLong),
        (
            Origin::Local,
            Saying { alpn: Some(half), authority: Some(half), ..Saying::default() },
            Unwritable::TooLong,
        ),
        (
            Origin::Local,
            Saying { alpn: Some(&long[..65_529]), checksum: true, ..Saying::default() },
            Unwritable::TooLong,
        ),
        (Origin::Local, Saying { unique_id: Some(&long[..129]), ..Saying::default() }, Unwritable::UniqueId),
    ] {
        let mut out = b"before".to_vec();
        assert_eq!(write(&origin, &saying, &mut out), Err(why));
        assert_eq!(out, b"before");
    }
    let fits = Saying { alpn: Some(&long[..65_525]), checksum: true, ..Saying::default() };
    assert_eq!(written(&Origin::Local, &fits).len(), 16 + 65_535);
}
