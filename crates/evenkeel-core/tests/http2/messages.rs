//! Which fields make a message.

use evenkeel_core::http::framing::Framing;
use evenkeel_core::http2::framed::Framed;
use evenkeel_core::http2::hpack::{self, Decoder};
use evenkeel_core::http2::message::{self, Malformed};
use evenkeel_core::http2::unpacked::Unpacked;

fn unpacked(fields: &[(&str, &str)]) -> Unpacked {
    let (mut block, mut unpacked) = (Vec::new(), Unpacked::default());
    for (name, value) in fields {
        // As it is, whatever that is.
        block.extend_from_slice(&[0, name.len() as u8]);
        block.extend_from_slice(name.as_bytes());
        block.push(value.len() as u8);
        block.extend_from_slice(value.as_bytes());
    }
    unpacked.read(&mut Decoder::new(), &block, 10_000).unwrap();
    unpacked
}

const GET: [(&str, &str); 3] = [(":method", "GET"), (":scheme", "https"), (":path", "/")];

fn request(more: &[(&str, &str)], is_over: bool) -> Result<(), Malformed> {
    message::request(&unpacked(&[&GET, more].concat()), is_over).map(drop)
}

#[test]
fn a_request_says_what_it_has_to_and_nothing_twice() {
    let all =
        unpacked(&[&GET[..], &[(":authority", "a"), ("x", "y"), ("te", "Trailers"), ("empty", "")]].concat());
    let asked = message::request(&all, true).unwrap();
    assert_eq!((asked.method, asked.authority, asked.path), (&b"GET"[..], Some(&b"a"[..]), Some(&b"/"[..])));
    assert_eq!(all.fields().map(|(name, _)| name).collect::<Vec<_>>(), [&b"x"[..], b"te", b"empty"]);
    for missing in 0..GET.len() {
        let some: Vec<_> =
            GET.iter().enumerate().filter(|(at, _)| *at != missing).map(|(_, it)| *it).collect();
        assert_eq!(message::request(&unpacked(&some), true).err(), Some(Malformed));
    }
    for wrong in [
        GET[0],
        (":status", "200"),
        (":protocol", "websocket"),
        ("", "x"),
        ("Upper", "x"),
        ("a b", "x"),
        ("a", "b\r\nc"),
        ("a", "b\0"),
        (":authority", "a\nb"),
        ("connection", "close"),
        ("transfer-encoding", "chunked"),
        ("te", "gzip"),
        ("content-length", "1"),
        ("content-length", "+0"),
    ] {
        assert_eq!(request(&[wrong], true), Err(Malformed), "{wrong:?}");
    }
    assert_eq!(request(&[("x", "y"), (":authority", "a")], true), Err(Malformed), "behind others");
    assert_eq!(request(&[("content-length", "1")], false), Ok(()));
    assert_eq!(request(&[("content-length", "1"), ("content-length", "1")], false), Err(Malformed));
}

#[test]
fn paths_schemes_and_tunnels_are_what_they_can_be() {
    let with = |name: &str, value: &str| {
        let fields: Vec<_> =
            GET.iter().map(|(it, old)| (*it, if *it == name { value } else { old })).collect();
        message::request(&unpacked(&fields), true).is_ok()
    };
    for (name, right, wrong) in [
        (":path", &["/", "/a?b=c#d", "*"][..], &["", "a", "http://a/", "/a b", "/\u{e4}"][..]),
        (":scheme", &["http", "https", "coap+tcp"], &["", "1a", "a b"]),
        (":method", &["PUT", "a-b"], &["", "A B", "GET / HTTP/1.1\r\n"]),
    ] {
        assert!(right.iter().all(|value| with(name, value)), "{name}");
        assert!(!wrong.iter().any(|value| with(name, value)), "{name}");
    }
    let tunnel = [(":method", "CONNECT"), (":authority", "a:1")];
    assert!(message::request(&unpacked(&tunnel), false).is_ok());
    assert!(message::request(&unpacked(&tunnel[..1]), false).is_err());
    assert!(message::request(&unpacked(&[&tunnel[..], &GET[2..]].concat()), false).is_err());
}

#[test]
fn an_answer_has_one_status_of_three_digits() {
    let status = |fields: &[(&str, &str)]| message::response(&unpacked(fields));
    assert_eq!(status(&[(":status", "204"), ("x", "y")]), Ok(204));
    for wrong in [
        &[][..],
        &[(":status", "20")],
        &[(":status", "2000")],
        &[(":status", "+20")],
        &[(":status", "099")],
        &[(":status", "200"), (":status", "200")],
        &[(":status", "200"), (":path", "/")],
        &[("x", "y"), (":status", "200")],
        &[(":status", "200"), ("Upper", "x")],
    ] {
        assert_eq!(status(wrong), Err(Malformed), "{wrong:?}");
    }
}

#[test]
fn nothing_begins_behind_a_body() {
    assert_eq!(message::trailers(&unpacked(&[("grpc-status", "0")])), Ok(()));
    for wrong in [(":status", "200"), ("Upper", "x"), ("a", "b\n"), ("connection", "close")] {
        assert_eq!(message::trailers(&unpacked(&[wrong])), Err(Malformed), "{wrong:?}");
    }
}

#[test]
fn a_body_is_as_long_as_it_was_said_to_be() {
    let carried = |framing, pieces: &[&str]| {
        let (mut framed, mut out) = (Framed::new(framing), Vec::new());
        pieces.iter().try_for_each(|piece| framed.piece(piece.as_bytes(), &mut out))?;
        framed.end(std::iter::once((&b"x"[..], &b"y"[..])), &mut out)?;
        Ok(String::from_utf8(out).unwrap())
    };
    assert_eq!(carried(Framing::Length(5), &["hel", "", "lo"]), Ok("hello".to_owned()));
    assert_eq!(carried(Framing::Length(5), &["hell"]), Err(Malformed));
    assert_eq!(carried(Framing::Length(5), &["hello", "!"]), Err(Malformed));
    assert_eq!(carried(Framing::Empty { said: true }, &["!"]), Err(Malformed));
    assert_eq!(
        carried(Framing::Chunked, &["hel", "", "lo"]),
        Ok("3\r\nhel\r\n2\r\nlo\r\n0\r\nx: y\r\n\r\n".to_owned())
    );
}

#[test]
fn what_is_packed_is_unpacked_and_counted() {
    let (mut block, mut unpacked, mut decoder) = (Vec::new(), Unpacked::default(), Decoder::new());
    for value in ["one", "two", "three"] {
        hpack::field(b"Name", value.as_bytes(), &mut block);
    }
    unpacked.read(&mut decoder, &block, 2 * (4 + 3 + 32)).unwrap();
    assert!(unpacked.is_too_long());
    assert!(unpacked.all().eq([(&b"name"[..], &b"one"[..]), (b"name", b"two")]));
    unpacked.read(&mut decoder, &[], 0).unwrap();
    assert!(!unpacked.is_too_long() && unpacked.all().count() == 0, "nothing is left of it");
}
