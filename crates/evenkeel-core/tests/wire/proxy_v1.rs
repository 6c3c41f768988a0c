//! Lines of version 1.

use crate::piecemeal::{complete, is_steady};
use evenkeel_core::wire::Parse;
use evenkeel_core::wire::proxy_header::{Header, Origin, Transport};
use evenkeel_core::wire::proxy_v1::{Malformed, parse, write};

fn read(line: &str) -> Result<Option<String>, Malformed> {
    is_steady(line.as_bytes(), parse);
    parse(line.as_bytes()).map(|parsed| match parsed {
        Parse::Partial => None,
        Parse::Complete { value, length } => Some(format!("{} in {length}", shown(&value))),
    })
}

fn shown(header: &Header<'_>) -> String {
    match header.origin {
        Origin::Ip { transport: Transport::Stream, source, destination } => format!("{source} {destination}"),
        other => format!("{other:?}"),
    }
}

#[test]
fn the_examples_of_the_specification_are_read() {
    let longest = "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff";
    for (line, said) in [
        ("PROXY TCP4 192.168.0.1 192.168.0.11 56324 443\r\n", "192.168.0.1:56324 192.168.0.11:443"),
        (
            "PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n",
            "255.255.255.255:65535 255.255.255.255:65535",
        ),
        (
            &format!("PROXY TCP6 {longest} {longest} 65535 65535\r\n"),
            &format!("[{longest}]:65535 [{longest}]:65535"),
        ),
        ("PROXY UNKNOWN\r\n", "Unknown"),
        (&format!("PROXY UNKNOWN {longest} {longest} 65535 65535\r\n"), "Unknown"),
    ] {
        assert_eq!(shown(&complete(line.as_bytes(), parse)), said);
    }
}

#[test]
fn what_follows_the_line_is_the_clients() {
    let line = "PROXY TCP4 192.168.0.1 192.168.0.11 56324 443\r\nGET / HTTP/1.1\r\n";
    assert_eq!(read(line), Ok(Some("192.168.0.1:56324 192.168.0.11:443 in 47".to_owned())));
}

#[test]
fn numbers_are_written_in_one_way_only() {
    for (line, why) in [
        ("PROXY TCP4 192.168.0.01 192.168.0.11 1 2\r\n", Malformed::Source),
        ("PROXY TCP4 192.168.0 192.168.0.11 1 2\r\n", Malformed::Source),
        ("PROXY TCP4 ::1 ::1 1 2\r\n", Malformed::Source),
        ("PROXY TCP4 192.168.0.1 192.168.0.256 1 2\r\n", Malformed::Destination),
        ("PROXY TCP6 ::1 10.0.0.1 1 2\r\n", Malformed::Destination),
        ("PROXY TCP6 ::1 ::1%lo 1 2\r\n", Malformed::Destination),
        ("PROXY TCP6 1::2::3 ::1 1 2\r\n", Malformed::Source),
        ("PROXY TCP6 00001:: ::1 1 2\r\n", Malformed::Source),
        ("PROXY TCP4 10.0.0.1 10.0.0.2 65536 2\r\n", Malformed::SourcePort),
        ("PROXY TCP4 10.0.0.1 10.0.0.2 +1 2\r\n", Malformed::SourcePort),
        ("PROXY TCP4 10.0.0.1 10.0.0.2 1 02\r\n", Malformed::DestinationPort),
        ("PROXY TCP4 10.0.0.1 10.0.0.2 1 00\r\n", Malformed::DestinationPort),
        ("PROXY TCP4 10.0.0.1 10.0.0.2 1 0x2\r\n", Malformed::DestinationPort),
    ] {
        assert_eq!(read(line), Err(why), "{line}");
    }
    assert_eq!(
        read("PROXY TCP4 0.0.0.0 10.0.0.2 0 2\r\n"),
        Ok(Some("0.0.0.0:0 10.0.0.2:2 in 33".to_owned()))
    );
}

#[test]
fn fields_stand_apart_by_one_space() {
    for (line, why) in [
        ("PROXY TCP4  10.0.0.1 10.0.0.2 1 2\r\n", Malformed::Fields),
        ("PROXY TCP4 10.0.0.1 10.0.0.2 1  2\r\n", Malformed::Fields),
        ("PROXY TCP4 10.0.0.1 10.0.0.2 1 2 \r\n", Malformed::Fields),
        ("PROXY TCP4 10.0.0.1 10.0.0.2 1\r\n", Malformed::Fields),
        ("PROXY TCP4 10.0.0.1\t10.0.0.2 1 2\r\n", Malformed::Fields),
        ("PROXY TCP4 \r\n", Malformed::Fields),
        ("PROXY TCP4 é 10.0.0.2 1 2\r\n", Malformed::Source),
    ] {
        assert_eq!(read(line), Err(why), "{line}");
    }
}

#[test]
fn a_protocol_that_does_not_exist_is_found_at_its_first_byte() {
    for (line, at) in [
        ("PROXY UDP4 ", 7),
        ("PROXY TCP5 ", 9),
        ("PROXY TCP4\r\n", 10),
        ("PROXY tcp4 ", 6),
        ("PROXY  TCP4", 6),
        ("PROXY \r\n", 6),
        ("PROXY UNKNOWS", 12),
    ] {
        assert_eq!(read(line), Err(Malformed::Protocol { at }), "{line}");
        assert_eq!(read(&line[..at]), Ok(None), "{line}");
    }
    assert_eq!(read("PROXY UNKNOWN\t\r\n"), Err(Malformed::Protocol { at: 13 }));
}

#[test]
fn only_both_together_end_a_line() {
    for line in [
        "PROXY TCP4 10.0.0.1 10.0.0.2 1 2\n",
        "PROXY TCP4 10.0.0.1 10.0.0.2 1 2\rG",
        "PROXY TCP4 10.0.0.1 10.0.0.2 1 2\r\r\n",
        "PROXY TCP4 10.0.0.1\n",
    ] {
        assert_eq!(read(line), Err(Malformed::LineBreak), "{line}");
    }
    // In a line that is not looked at they are like any other byte.
    assert_eq!(read("PROXY UNKNOWN \r \n\r\r\nGET"), Ok(Some("Unknown in 20".to_owned())));
}

#[test]
fn a_line_ends_within_107_bytes() {
    let line = |length: usize| format!("PROXY UNKNOWN {}\r\n", "x".repeat(length - 16));
    assert_eq!(read(&line(107)), Ok(Some("Unknown in 107".to_owned())));
    assert_eq!(read(&line(108)), Err(Malformed::TooLong));
    assert_eq!(read(&line(5000)), Err(Malformed::TooLong));
    assert_eq!(parse(&line(108).as_bytes()[..106]), Ok(Parse::Partial));
}

#[test]
fn addresses_of_two_families_are_written_in_one() {
    let written = |source: &str, destination: &str| {
        let origin = Origin::Ip {
            transport: Transport::Stream,
            source: source.parse().unwrap(),
            destination: destination.parse().unwrap(),
        };
        let mut out = b"before ".to_vec();
        write(&origin, &mut out);
        assert!(parse(&out[7..]).is_ok());
        String::from_utf8(out).unwrap()
    };
    assert_eq!(written("10.0.0.1:1", "10.0.0.2:2"), "before PROXY TCP4 10.0.0.1 10.0.0.2 1 2\r\n");
    assert_eq!(written("[::ffff:10.0.0.1]:1", "10.0.0.2:2"), "before PROXY TCP4 10.0.0.1 10.0.0.2 1 2\r\n");
    assert_eq!(
        written("10.0.0.1:1", "[2001:db8::2]:2"),
        "before PROXY TCP6 ::ffff:a00:1 2001:db8::2 1 2\r\n"
    );
}

#[test]
fn what_the_line_has_no_words_for_is_unknown() {
    for origin in [
        Origin::Local,
        Origin::Unknown,
        Origin::Unix { transport: Transport::Stream, source: b"", destination: b"/run/a" },
        Origin::Ip {
            transport: Transport::Datagram,
            source: ([10, 0, 0, 1], 1).into(),
            destination: ([10, 0, 0, 2], 2).into(),
        },
    ] {
        let mut out = Vec::new();
        write(&origin, &mut out);
        assert_eq!(out, b"PROXY UNKNOWN\r\n");
    }
}
