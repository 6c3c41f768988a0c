//! One end of a connection: what it makes of frames, rule by rule, and what it says.

use evenkeel_core::http2::PREFACE;
use evenkeel_core::http2::endpoint::{Endpoint, Event, Limits};
use evenkeel_core::http2::frame::{self, ACK, END_HEADERS, END_STREAM, Head, Kind, PADDED, PRIORITY};
use evenkeel_core::http2::hpack;
use evenkeel_core::http2::reason::Reason;
use evenkeel_core::http2::settings;
use evenkeel_core::http2::unpacked::Unpacked;
use std::time::{Duration, Instant};

const LIMITS: Limits =
    Limits { streams: 2, stream_window: 100, connection_window: 65_535, fields: 1000, block: 16_384 };
const WHOLE: u8 = END_HEADERS | END_STREAM;

/// An endpoint, and what it has said since that was asked last.
struct End {
    endpoint: Endpoint,
    out: Vec<u8>,
    unpacked: Unpacked,
    now: Instant,
}

impl End {
    /// One that is asked, by somebody who has said hello.
    fn server() -> Self {
        let (now, mut out) = (Instant::now(), Vec::new());
        let endpoint = Endpoint::server(LIMITS, now, &mut out);
        let mut end = Self { endpoint, out, unpacked: Unpacked::default(), now };
        end.take(&[PREFACE, &frame(Kind::Settings, 0, 0, &[])[..]].concat()).unwrap();
        end.said();
        end
    }

    /// One that asks somebody who has said hello.
    fn client() -> Self {
        let (now, mut out) = (Instant::now(), Vec::new());
        let endpoint = Endpoint::client(LIMITS, &mut out);
        let mut end = Self { endpoint, out: Vec::new(), unpacked: Unpacked::default(), now };
        end.take(&frame(Kind::Settings, 0, 0, &[])).unwrap();
        end.said();
        end
    }

    /// What happens when this comes; the fields of a message are one text.
    fn take(&mut self, came: &[u8]) -> Result<Vec<String>, Reason> {
        let (mut rest, mut happened) = (came, Vec::new());
        while let Some(event) = self.endpoint.next(&mut rest, &mut self.unpacked, &mut self.out, self.now)? {
            happened.push(match event {
                Event::Fields { stream, is_new, is_over } => {
                    let fields = self.unpacked.all().map(|(name, value)| [name, b"=", value].concat());
                    let fields = String::from_utf8(fields.collect::<Vec<_>>().join(&b' ')).unwrap();
                    let new = if is_new { " new" } else { "" };
                    format!("{stream}{new} {fields}{}", end(is_over))
                }
                Event::Data { stream, bytes, is_over } => {
                    format!("{stream} {}{}", String::from_utf8_lossy(bytes), end(is_over))
                }
                Event::Reset { stream, is_unseen } => {
                    format!("{stream} {}", if is_unseen { "unseen" } else { "reset" })
                }
                Event::Room => "room".to_owned(),
            });
        }
        Ok(happened)
    }

    /// What has been said: kinds, flags, streams and payloads.
    fn said(&mut self) -> Vec<(Kind, u8, u32, Vec<u8>)> {
        let out = std::mem::take(&mut self.out);
        let (mut rest, mut said) = (&out[..], Vec::new());
        while let Some(head) = Head::read(rest) {
            let (payload, behind) = rest[frame::HEAD_BYTES..].split_at(head.length);
            said.push((head.kind, head.flags, head.stream, payload.to_vec()));
            rest = behind;
        }
        said
    }

    /// Which streams were reset, and why.
    fn resets(&mut self) -> Vec<(u32, Reason)> {
        let said = self.said().into_iter().filter(|(kind, ..)| *kind == Kind::Reset);
        said.map(|(_, _, stream, why)| (stream, Reason(u32::from_be_bytes(why.try_into().unwrap()))))
            .collect()
    }
}

fn end(is_over: bool) -> &'static str {
    if is_over { "." } else { "" }
}

fn frame(kind: Kind, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    frame::write(kind, flags, stream, payload, &mut out);
    out
}

fn fields(fields: &[(&str, &str)]) -> Vec<u8> {
    let mut out = Vec::new();
    fields.iter().for_each(|(name, value)| hpack::field(name.as_bytes(), value.as_bytes(), &mut out));
    out
}

/// A request by `stream`, of which more follows unless it `is_over`.
fn ask(stream: u32, is_over: bool) -> Vec<u8> {
    let flags = if is_over { WHOLE } else { END_HEADERS };
    frame(Kind::Headers, flags, stream, &fields(&[("a", "b")]))
}

fn data(stream: u32, bytes: &[u8]) -> Vec<u8> {
    frame(Kind::Data, 0, stream, bytes)
}

fn room(stream: u32, by: u32) -> Vec<u8> {
    frame(Kind::WindowUpdate, 0, stream, &by.to_be_bytes())
}

fn set(setting: u16, value: u32) -> Vec<u8> {
    let mut out = Vec::new();
    settings::write(&[(setting, value)], &mut out);
    out
}

#[test]
fn the_first_words_say_what_may_be_had_at_once() {
    let mut out = Vec::new();
    let limits = Limits { connection_window: 100_000, ..LIMITS };
    let endpoint = Endpoint::server(limits, Instant::now(), &mut out);
    let mut end = End { endpoint, out, unpacked: Unpacked::default(), now: Instant::now() };
    let said = end.said();
    assert_eq!(said[0].3, [0, 3, 0, 0, 0, 2, 0, 4, 0, 0, 0, 100, 0, 6, 0, 0, 3, 232, 0, 8, 0, 0, 0, 1]);
    assert_eq!(said[1], (Kind::WindowUpdate, 0, 0, (100_000_u32 - 65_535).to_be_bytes().to_vec()));
    assert!(!end.endpoint.has_begun());
}

#[test]
fn messages_and_bodies_come_as_they_are_said_wherever_they_are_cut() {
    let said = [
        ask(1, false),
        data(1, b"hello"),
        frame(Kind::Data, PADDED, 1, &[2, b'!', 9, 9]),
        frame(Kind::Headers, 0, 3, &fields(&[("c", "d")])[..2]),
        frame(Kind::Continuation, END_HEADERS, 3, &fields(&[("c", "d")])[2..]),
        frame(Kind::Headers, WHOLE, 1, &fields(&[("x", "y")])),
        frame(
            Kind::Headers,
            WHOLE | PADDED | PRIORITY,
            5,
            &[&[1, 0, 0, 0, 3, 9][..], &fields(&[("e", "f")]), &[0]].concat(),
        ),
    ];
    let said = said.concat();
    let expected = ["1 new a=b", "1 hello", "1 !", "3 new c=d", "1 x=y."];
    let happened = End::server().take(&said).unwrap();
    assert_eq!(happened, expected, "the last is one too many");
    for cut in 1..said.len() {
        let mut end = End::server();
        let happened = [end.take(&said[..cut]).unwrap(), end.take(&said[cut..]).unwrap()].concat();
        // A body comes in as many pieces as its bytes.
        let joined = |happened: &[String]| happened.join("|").replace("|1 ", "");
        assert_eq!(joined(&happened), joined(&expected.map(str::to_owned)), "cut at {cut}");
    }
}

#[test]
fn what_breaks_the_rules_for_all_breaks_the_connection() {
    const PROTOCOL: Reason = Reason::PROTOCOL_ERROR;
    const SIZE: Reason = Reason::FRAME_SIZE_ERROR;
    let begun = frame(Kind::Headers, 0, 1, &[]);
    let then = |first: &[u8], second: Vec<u8>| [first, &second].concat();
    let closed = [ask(1, true), frame(Kind::Reset, 0, 1, &[0, 0, 0, 8])].concat();
    for (what, said, why) in [
        ("data of the connection", data(0, b"x"), PROTOCOL),
        ("data of a stream that is not open", data(1, b"x"), PROTOCOL),
        ("data of a stream of ours", data(2, b"x"), PROTOCOL),
        ("data that is only padding, and more", frame(Kind::Data, PADDED, 1, &[2, 0]), PROTOCOL),
        ("data without the length of its padding", frame(Kind::Data, PADDED, 1, &[]), SIZE),
        ("data of a stream that is over", then(&closed, data(1, b"x")), Reason::STREAM_CLOSED),
        ("a message of a stream that is over", then(&closed, ask(1, true)), Reason::STREAM_CLOSED),
        ("a stream below the last", then(&ask(5, true), ask(3, true)), Reason::STREAM_CLOSED),
        ("a message of the connection", ask(0, true), PROTOCOL),
        ("a stream with a number of ours", ask(2, true), PROTOCOL),
        ("a message with more padding than bytes", frame(Kind::Headers, WHOLE | PADDED, 1, &[1]), PROTOCOL),
        (
            "a message that depends on itself",
            frame(Kind::Headers, WHOLE | PRIORITY, 1, &[0, 0, 0, 1, 9]),
            PROTOCOL,
        ),
        ("a message with half a priority", frame(Kind::Headers, WHOLE | PRIORITY, 1, &[0, 0]), SIZE),
        (
            "fields that cannot be unpacked",
            frame(Kind::Headers, WHOLE, 1, &[0xff]),
            Reason::COMPRESSION_ERROR,
        ),
        ("a continuation of nothing", frame(Kind::Continuation, END_HEADERS, 1, &[]), PROTOCOL),
        ("a continuation of something else", then(&begun, frame(Kind::Continuation, 0, 3, &[])), PROTOCOL),
        ("something in the middle of a message", then(&begun, room(0, 1)), PROTOCOL),
        (
            "what nobody knows in the middle of a message",
            then(&begun, vec![0, 0, 0, 99, 0, 0, 0, 0, 1]),
            PROTOCOL,
        ),
        ("a priority of the connection", frame(Kind::Priority, 0, 0, &[0; 5]), PROTOCOL),
        ("a reset of the connection", frame(Kind::Reset, 0, 0, &[0; 4]), PROTOCOL),
        ("a reset of a stream that is not open", frame(Kind::Reset, 0, 1, &[0; 4]), PROTOCOL),
        ("half a reset", then(&ask(1, true), frame(Kind::Reset, 0, 1, &[0; 3])), SIZE),
        ("settings of a stream", frame(Kind::Settings, 0, 1, &[]), PROTOCOL),
        ("half a setting", frame(Kind::Settings, 0, 0, &[0; 5]), SIZE),
        ("an answer to settings that says something", frame(Kind::Settings, ACK, 0, &[0; 6]), SIZE),
        (
            "a window that is too large",
            set(settings::INITIAL_WINDOW_SIZE, 1 << 31),
            Reason::FLOW_CONTROL_ERROR,
        ),
        ("a push of a client", frame(Kind::Push, END_HEADERS, 1, &[0; 4]), PROTOCOL),
        ("a ping of a stream", frame(Kind::Ping, 0, 1, &[0; 8]), PROTOCOL),
        ("half a ping", frame(Kind::Ping, 0, 0, &[0; 7]), SIZE),
        ("a goodbye of a stream", frame(Kind::GoAway, 0, 1, &[0; 8]), PROTOCOL),
        ("half a goodbye", frame(Kind::GoAway, 0, 0, &[0; 7]), SIZE),
        ("no room", room(0, 0), PROTOCOL),
        ("room for a stream that is not open", room(1, 1), PROTOCOL),
        ("more room than there can be", room(0, 0x7fff_ffff), Reason::FLOW_CONTROL_ERROR),
        ("half of room", frame(Kind::WindowUpdate, 0, 0, &[0; 3]), SIZE),
        ("a frame that is too long", frame::head(Kind::Other, 0, 1, 16_385).to_vec(), SIZE),
    ] {
        assert_eq!(End::server().take(&said), Err(why), "{what}");
    }
}

#[test]
fn a_connection_begins_with_its_preface_and_settings() {
    let hello = [PREFACE, &frame(Kind::Settings, 0, 0, &[])[..]].concat();
    for (said, is_right) in [
        (&hello[..], true),
        (b"PRI * HTTP/2.0\r\n\r\nXX", false),
        (&[PREFACE, &frame(Kind::Ping, 0, 0, &[0; 8])[..]].concat(), false),
        (&[PREFACE, &frame(Kind::Settings, ACK, 0, &[])[..]].concat(), false),
        (b"GET / HTTP/1.1\r\n", false),
    ] {
        let (now, mut out) = (Instant::now(), Vec::new());
        let endpoint = Endpoint::server(LIMITS, now, &mut out);
        let mut end = End { endpoint, out, unpacked: Unpacked::default(), now };
        let why = end.take(said).err();
        assert_eq!(why, (!is_right).then_some(Reason::PROTOCOL_ERROR));
    }
}

#[test]
fn a_backend_begins_with_settings_of_its_own_and_not_with_an_answer_to_ours() {
    let (own, answer) = (frame(Kind::Settings, 0, 0, &[]), frame(Kind::Settings, ACK, 0, &[]));
    let ping = frame(Kind::Ping, ACK, 0, &[0; 8]);
    for (said, is_right) in [
        ([&own[..], &answer].concat(), true),
        ([&answer[..], &own].concat(), false),
        ([&ping[..], &own].concat(), false),
    ] {
        let (now, mut out) = (Instant::now(), Vec::new());
        let endpoint = Endpoint::client(LIMITS, &mut out);
        let mut end = End { endpoint, out, unpacked: Unpacked::default(), now };
        let why = end.take(&said).err();
        assert_eq!(why, (!is_right).then_some(Reason::PROTOCOL_ERROR));
    }
}

#[test]
fn what_breaks_the_rules_for_one_stream_breaks_that() {
    let open = ask(1, false);
    for (what, said, why) in [
        ("a second message", ask(1, false), Reason::PROTOCOL_ERROR),
        ("no room", room(1, 0), Reason::PROTOCOL_ERROR),
        ("more room than there can be", room(1, 0x7fff_ffff), Reason::FLOW_CONTROL_ERROR),
        ("more than there is room for", data(1, &[0; 101]), Reason::FLOW_CONTROL_ERROR),
        (
            "a stream that depends on itself",
            frame(Kind::Priority, 0, 1, &[0, 0, 0, 1, 9]),
            Reason::PROTOCOL_ERROR,
        ),
        ("half a priority", frame(Kind::Priority, 0, 1, &[0; 4]), Reason::FRAME_SIZE_ERROR),
    ] {
        let mut end = End::server();
        end.take(&open).unwrap();
        assert_eq!(end.take(&said), Ok(vec!["1 reset".to_owned()]), "{what}");
        assert_eq!(end.resets(), [(1, why)], "{what}");
        assert_eq!(end.endpoint.take_refused(), 1);
        assert_eq!(end.take(&ask(3, true)).unwrap(), ["3 new a=b."], "others go on");
    }
    let mut end = End::server();
    end.take(&ask(1, true)).unwrap();
    assert_eq!(end.take(&data(1, b"x")), Ok(vec!["1 reset".to_owned()]), "behind its end");
    assert_eq!(end.resets(), [(1, Reason::STREAM_CLOSED)]);
}

#[test]
fn more_streams_than_may_be_open_are_turned_away_and_what_they_say_is_no_harm() {
    let mut end = End::server();
    let asked = [ask(1, false), ask(3, false), ask(5, false), data(5, b"x"), data(1, b"y")].concat();
    assert_eq!(end.take(&asked).unwrap(), ["1 new a=b", "3 new a=b", "1 y"]);
    assert_eq!(end.resets(), [(5, Reason::REFUSED_STREAM)]);
    end.endpoint.fields(1, true, &mut end.out, |out| hpack::status(200, out));
    assert_eq!(end.take(&ask(7, true)), Ok(vec![]), "the client has not said all of the first");
    end.endpoint.reset(1, Reason::NO_ERROR, &mut end.out);
    assert_eq!(end.take(&ask(9, true)).unwrap(), ["9 new a=b."]);
}

#[test]
fn what_is_under_way_to_a_stream_that_we_have_reset_is_no_harm() {
    let mut end = End::server();
    end.take(&[ask(1, false), data(1, b"be")].concat()).unwrap();
    let long = data(1, b"gin");
    assert_eq!(end.take(&long[..10]).unwrap(), ["1 g"]);
    end.endpoint.reset(1, Reason::CANCEL, &mut end.out);
    let trailers = frame(Kind::Headers, WHOLE, 1, &fields(&[("new", "entry")]));
    let rest = [&long[10..], &data(1, b"x"), &room(1, 5), &trailers, &ask(3, true)].concat();
    assert_eq!(end.take(&rest).unwrap(), ["3 new a=b."]);
    assert_eq!(end.take(&data(1, b"x")), Err(Reason::STREAM_CLOSED), "it had come to its end");
}

#[test]
fn a_body_goes_as_far_as_there_is_room_for_the_stream_and_for_all() {
    let mut end = End::server();
    end.take(&[set(settings::INITIAL_WINDOW_SIZE, 70_000), ask(1, true), ask(3, true)].concat()).unwrap();
    end.endpoint.fields(1, false, &mut end.out, |out| hpack::status(200, out));
    assert_eq!(end.endpoint.room(1), 65_535, "all");
    end.said();
    end.endpoint.data(1, &[7; 40_000], false, &mut end.out);
    let lengths: Vec<_> = end.said().iter().map(|(_, flags, _, bytes)| (*flags, bytes.len())).collect();
    assert_eq!(lengths, [(0, 16_384), (0, 16_384), (0, 7232)]);
    assert_eq!((end.endpoint.room(1), end.endpoint.room(3), end.endpoint.is_full()), (25_535, 25_535, false));
    assert_eq!(
        end.take(&[room(0, 100_000), set(settings::INITIAL_WINDOW_SIZE, 40_001)].concat()).unwrap(),
        ["room"; 2]
    );
    assert_eq!((end.endpoint.room(1), end.endpoint.room(3)), (1, 40_001));
    end.take(&set(settings::INITIAL_WINDOW_SIZE, 0)).unwrap();
    assert_eq!((end.endpoint.room(1), end.endpoint.room(3)), (0, 0));
    end.endpoint.data(1, b"", true, &mut end.out);
    assert_eq!(end.said().last().unwrap(), &(Kind::Data, END_STREAM, 1, vec![]));
    assert!(!end.endpoint.knows(1) && end.endpoint.knows(3), "both sides have said all");
}

#[test]
fn room_is_given_back_for_what_was_taken_and_for_what_nobody_wants() {
    let mut end = End::server();
    end.take(&[ask(1, false), frame(Kind::Data, PADDED, 1, &[&[59][..], &[0; 99]].concat())].concat())
        .unwrap();
    assert_eq!(end.said(), [(Kind::WindowUpdate, 0, 1, vec![0, 0, 0, 60])], "padding is taken by nobody");
    end.endpoint.release(1, 40, &mut end.out);
    assert!(end.said().is_empty(), "less than half a window");
    end.take(&data(1, &[0; 60])).unwrap();
    end.endpoint.release(1, 60, &mut end.out);
    assert_eq!(end.said(), [(Kind::WindowUpdate, 0, 1, vec![0, 0, 0, 100])]);
    end.endpoint.reset(1, Reason::CANCEL, &mut end.out);
    end.said();
    let more = data(1, &[0; 16_000]);
    assert_eq!(end.take(&[&more[..], &more, &more].concat()), Ok(vec![]));
    let told: Vec<_> = end.said().into_iter().map(|(kind, _, stream, _)| (kind, stream)).collect();
    assert_eq!(told, [(Kind::WindowUpdate, 0)]);
}

#[test]
fn a_goodbye_waits_until_it_is_known_and_streams_are_over() {
    let mut end = End::server();
    end.take(&ask(1, true)).unwrap();
    end.endpoint.leave(&mut end.out);
    end.endpoint.leave(&mut end.out);
    let said = end.said();
    assert_eq!(said[0], (Kind::GoAway, 0, 0, [[127, 255, 255, 255], [0; 4]].concat()));
    let [(Kind::Ping, 0, 0, ping)] = &said[1..] else { panic!("{said:?}") };
    assert_eq!(end.take(&ask(3, true)).unwrap(), ["3 new a=b."], "it was under way");
    end.take(&frame(Kind::Ping, ACK, 0, ping)).unwrap();
    assert_eq!(end.said(), [(Kind::GoAway, 0, 0, vec![0, 0, 0, 3, 0, 0, 0, 0])]);
    assert_eq!(end.take(&[ask(5, false), data(5, b"x")].concat()), Ok(vec![]), "nobody looks at it");
    assert!(!end.endpoint.is_left());
    for stream in [1, 3] {
        end.endpoint.fields(stream, true, &mut end.out, |out| hpack::status(200, out));
    }
    assert!(end.endpoint.is_left());
}

#[test]
fn settings_and_pings_are_answered_and_a_table_that_shrinks_is_told_of_once() {
    let mut end = End::server();
    end.take(
        &[
            frame(Kind::Ping, 0, 0, b"12345678"),
            set(settings::HEADER_TABLE_SIZE, 0),
            ask(1, true),
            ask(3, true),
        ]
        .concat(),
    )
    .unwrap();
    assert_eq!(end.said(), [(Kind::Ping, ACK, 0, b"12345678".to_vec()), (Kind::Settings, ACK, 0, vec![])]);
    for stream in [1, 3] {
        end.endpoint.fields(stream, true, &mut end.out, |out| hpack::status(200, out));
    }
    let told: Vec<_> = end.said().into_iter().map(|(.., block)| block).collect();
    assert_eq!(told, [vec![0x20, 0x88], vec![0x88]]);
}

#[test]
fn a_message_that_is_too_long_for_a_frame_goes_in_several() {
    let mut end = End::server();
    end.take(&ask(1, true)).unwrap();
    let long = "~".repeat(20_000);
    end.endpoint.fields(1, true, &mut end.out, |out| hpack::field(b"a", long.as_bytes(), out));
    let said = end.said();
    let frames: Vec<_> =
        said.iter().map(|(kind, flags, _, bytes)| (*kind, *flags, bytes.len() <= 16_384)).collect();
    assert_eq!(frames, [(Kind::Headers, END_STREAM, true), (Kind::Continuation, END_HEADERS, true)]);
    let blocks: Vec<u8> = said.into_iter().flat_map(|(.., bytes)| bytes).collect();
    assert_eq!(blocks, fields(&[("a", &long)]));
}

#[test]
fn fields_that_count_too_much_are_read_and_not_kept() {
    let mut end = End::server();
    let long = "~".repeat(970);
    let asked = frame(Kind::Headers, WHOLE, 1, &fields(&[("a", "b"), ("c", &long), ("d", "e")]));
    assert_eq!(end.take(&asked).unwrap(), ["1 new a=b."]);
    assert!(end.unpacked.is_too_long());
    let piece = [&[0x10, 1, b'x', 0x7f, 0xa1, 0x7f][..], &[b'y'; 10_000]].concat();
    let begun = frame(Kind::Headers, 0, 3, &piece);
    let more = frame(Kind::Continuation, 0, 3, &[b'y'; 8000]);
    assert_eq!(end.take(&[begun, more].concat()), Err(Reason::ENHANCE_YOUR_CALM), "nor is what has no end");
}

#[test]
fn it_is_known_since_when_the_other_side_has_not_come_to_an_end() {
    let (start, mut out) = (Instant::now(), Vec::new());
    let endpoint = Endpoint::server(LIMITS, start, &mut out);
    let mut end = End { endpoint, out, unpacked: Unpacked::default(), now: start };
    let mut since = |seconds: u64, came: &[u8]| {
        end.now = start + Duration::from_secs(seconds);
        end.take(came).unwrap();
        end.endpoint.inside_since().map(|since| since.duration_since(start).as_secs())
    };
    assert_eq!(since(1, &PREFACE[..9]), Some(0), "in its preface");
    assert_eq!(since(2, &PREFACE[9..]), Some(0), "settings are part of it");
    assert_eq!(since(2, &frame(Kind::Settings, 0, 0, &[])), None);
    let begun = frame(Kind::Headers, 0, 1, &fields(&[("a", "b")]));
    assert_eq!(since(3, &begun[..3]), Some(3));
    assert_eq!(since(4, &begun[3..]), Some(3));
    assert_eq!(
        since(5, &frame(Kind::Continuation, 0, 1, &[])),
        Some(3),
        "in one message, however many frames"
    );
    assert_eq!(
        since(6, &[&frame(Kind::Continuation, END_HEADERS, 1, &[])[..], &[0]].concat()),
        Some(6),
        "in another"
    );
    assert_eq!(since(7, &[&[0, 9, 0, 0, 0, 0, 0, 1][..], b"body"].concat()), None, "a body takes its time");
}

#[test]
fn before_the_other_side_says_how_many_streams_there_may_be_there_is_one() {
    let (now, mut out) = (Instant::now(), Vec::new());
    let endpoint = Endpoint::client(LIMITS, &mut out);
    let mut end = End { endpoint, out: Vec::new(), unpacked: Unpacked::default(), now };
    let open = |end: &mut End| end.endpoint.open(false, &mut end.out, |out| hpack::method(b"PUT", out));
    assert_eq!([open(&mut end), open(&mut end)], [Some(1), None]);
    end.take(&set(settings::MAX_CONCURRENT_STREAMS, 2)).unwrap();
    assert_eq!([open(&mut end), open(&mut end)], [Some(3), None]);
    assert_eq!(end.endpoint.streams_max(), 2);
    end.take(&frame(Kind::GoAway, 0, 0, &[0, 0, 0, 3, 0, 0, 0, 0])).unwrap();
    assert_eq!(end.endpoint.streams_max(), 0);
}

#[test]
fn who_asks_has_the_odd_numbers_and_hears_which_were_not_looked_at() {
    let mut end = End::client();
    let open = |end: &mut End| end.endpoint.open(false, &mut end.out, |out| hpack::method(b"PUT", out));
    assert_eq!([open(&mut end), open(&mut end), open(&mut end)], [Some(1), Some(3), Some(5)]);
    end.take(&set(settings::MAX_CONCURRENT_STREAMS, 3)).unwrap();
    assert_eq!(open(&mut end), None, "more than there may be");
    let answer = frame(Kind::Headers, END_HEADERS, 1, &fields(&[(":status", "200")]));
    assert_eq!(end.take(&answer).unwrap(), ["1 :status=200"]);
    assert_eq!(end.take(&frame(Kind::Reset, 0, 3, &[0, 0, 0, 7])).unwrap(), ["3 unseen"]);
    assert_eq!(open(&mut end), Some(7));
    let goodbye = frame(Kind::GoAway, 0, 0, &[0, 0, 0, 1, 0, 0, 0, 0]);
    assert_eq!(end.take(&goodbye).unwrap(), ["5 unseen", "7 unseen"]);
    assert!(end.endpoint.knows(1) && !end.endpoint.may_open());
    assert_eq!(end.take(&data(1, b"x")).unwrap(), ["1 x"], "it goes on");
    for said in [ask(9, true), ask(2, true), frame(Kind::Push, END_HEADERS, 1, &[0, 0, 0, 2])] {
        assert_eq!(End::client().take(&said), Err(Reason::PROTOCOL_ERROR));
    }
}
