//! Bodies, cut anywhere, from one framing to another.

use evenkeel_core::http::body::Passage;
use evenkeel_core::http::edit::Edits;
use evenkeel_core::http::framing::Framing;
use evenkeel_core::http::refusal::Refusal;

/// What goes on of `came`, in pieces of so many bytes; and how many bytes were the body's.
fn pass(came: &[u8], piece: usize, from: Framing, to: Framing) -> Result<(Vec<u8>, usize, bool), Refusal> {
    let (mut passage, mut out, mut used) = (Passage::new(from, to, Some(100)), Vec::new(), 0);
    let mut held: Vec<u8> = Vec::new();
    for bytes in came.chunks(piece) {
        held.extend_from_slice(bytes);
        let taken = passage.carry(&held, &Edits::default(), &mut out)?;
        used += taken;
        held.drain(..taken);
        if passage.is_done() {
            break;
        }
        assert!(held.is_empty(), "all of it is taken as long as there is more to come");
    }
    Ok((out, used, passage.is_done()))
}

/// The bytes of a body in chunks.
fn unchunk(bytes: &[u8]) -> Vec<u8> {
    let (data, used, done) = pass(bytes, bytes.len(), Framing::Chunked, Framing::UntilEnd).unwrap();
    assert!(done && used == bytes.len());
    data
}

const CHUNKED: &[u8] = b"5\r\nhello\r\n6;a=\"b\"\r\n world\r\n0\r\nX-Sum: 1\r\nHost: evil\r\n\r\nGET /next";

#[test]
fn a_body_in_chunks_is_the_same_wherever_it_is_cut() {
    let own = CHUNKED.len() - b"GET /next".len();
    for piece in 1..=CHUNKED.len() {
        let (out, used, done) = pass(CHUNKED, piece, Framing::Chunked, Framing::UntilEnd).unwrap();
        assert_eq!((out.as_slice(), used, done), (&b"hello world"[..], own, true), "in {piece}");
        let (out, used, _) = pass(CHUNKED, piece, Framing::Chunked, Framing::Chunked).unwrap();
        assert_eq!((unchunk(&out), used), (b"hello world".to_vec(), own));
        let tail = String::from_utf8_lossy(&out).into_owned();
        assert!(tail.ends_with("\r\n0\r\nX-Sum: 1\r\n\r\n"), "what may not stand there is gone: {tail:?}");
    }
}

#[test]
fn what_is_taken_out_of_a_head_does_not_stand_behind_the_body() {
    let (mut passage, mut out) = (Passage::new(Framing::Chunked, Framing::Chunked, None), Vec::new());
    let edits = Edits { remove: ["X-Sum".parse().unwrap()].into(), ..Edits::default() };
    passage.carry(b"0\r\nX_Sum: 1\r\nx-sum: 1\r\nX-Kept: 2\r\n\r\n", &edits, &mut out).unwrap();
    assert_eq!(out, b"0\r\nX-Kept: 2\r\n\r\n");
}

#[test]
fn white_space_may_stand_in_front_of_an_extension() {
    assert_eq!(unchunk(b"5 \t;a=b\r\nhello\r\n0 ;x\r\n\r\n"), b"hello");
}

#[test]
fn chunks_that_come_together_go_on_as_one() {
    let (mut passage, mut out) = (Passage::new(Framing::Chunked, Framing::Chunked, None), Vec::new());
    passage.carry(b"1\r\na\r\n1\r\nb\r\n1\r\nc\r\n0\r\n\r\n", &Edits::default(), &mut out).unwrap();
    assert_eq!(out, b"3\r\nabc\r\n0\r\n\r\n");
}

#[test]
fn a_body_of_some_length_ends_there() {
    for piece in 1..8 {
        let (out, used, done) = pass(b"hello!!", piece, Framing::Length(5), Framing::Length(5)).unwrap();
        assert_eq!((out.as_slice(), used, done), (&b"hello"[..], 5, true));
    }
    let mut passage = Passage::new(Framing::Length(5), Framing::Length(5), None);
    assert_eq!(passage.as_they_are(b"hello!!"), 5);
    passage.on_passed(4);
    assert!(!passage.is_done());
    passage.on_passed(1);
    assert!(passage.is_done());
}

#[test]
fn a_body_that_lasts_until_its_connection_ends_has_a_last_chunk_then() {
    let mut passage = Passage::new(Framing::UntilEnd, Framing::Chunked, None);
    let mut out = Vec::new();
    assert_eq!(passage.carry(b"hello", &Edits::default(), &mut out), Ok(5));
    assert!(!passage.is_done() && passage.on_end(&mut out) && passage.is_done());
    assert_eq!(unchunk(&out), b"hello");
    let mut cut = Passage::new(Framing::Length(5), Framing::Length(5), None);
    assert!(!cut.on_end(&mut out), "this is no end");
    let mut cut = Passage::new(Framing::Chunked, Framing::Chunked, None);
    assert!(cut.carry(b"5\r\nhel", &Edits::default(), &mut out).is_ok() && !cut.on_end(&mut out));
}

#[test]
fn chunks_that_are_none() {
    let long = format!("5;{}\r\nhello\r\n0\r\n\r\n", "x".repeat(300));
    let trailer = format!("0\r\nX: {}\r\n\r\n", "x".repeat(9000));
    for bytes in [
        "\r\n",
        "g\r\n",
        "5\nhello\r\n0\r\n\r\n",
        "5 \r\nhello\r\n0\r\n\r\n",
        " 5\r\nhello\r\n0\r\n\r\n",
        "0x5\r\nhello\r\n0\r\n\r\n",
        "+5\r\nhello\r\n0\r\n\r\n",
        "5\r\nhelloX\r\n0\r\n\r\n",
        "5\r\nhello\n0\r\n\r\n",
        "5\r\nhello\r0\r\n\r\n",
        "5;\nx\r\nhello\r\n0\r\n\r\n",
        "1000000000000000\r\nhello",
        "0\r\nX : y\r\n\r\n",
        "0\r\n X: y\r\n\r\n",
        "0\r\nX: y\n\r\n",
        &long,
        &trailer,
    ] {
        for piece in [1, bytes.len()] {
            let passed = pass(bytes.as_bytes(), piece, Framing::Chunked, Framing::Chunked);
            assert_eq!(passed.err(), Some(Refusal::Chunk), "{:?}", &bytes[..bytes.len().min(40)]);
        }
    }
}

#[test]
fn a_body_may_be_only_so_long() {
    let long = [b"65\r\n".to_vec(), vec![b'x'; 101], b"\r\n0\r\n\r\n".to_vec()].concat();
    for piece in [1, 50, 200] {
        let passed = pass(&long, piece, Framing::Chunked, Framing::Chunked);
        assert_eq!(passed.err(), Some(Refusal::BodyTooLong));
    }
}
