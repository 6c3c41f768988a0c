//! Answers of name servers, and what is none.

use evenkeel_core::wire::dns::{Flaw, Question, Rcode};

const ID: u16 = 0x1234;

fn question() -> Question {
    Question::new("www.Example.com", "AAAA").unwrap()
}

/// What a server says to the question: a pointer to its name, an address of 16 bytes, and an empty EDNS record.
fn answer() -> Vec<u8> {
    let mut bytes = Vec::new();
    question().write(ID, &mut bytes);
    // An answer, recursion is available; one record, none, one more.
    bytes[2..12].copy_from_slice(&[0x81, 0x80, 0, 1, 0, 1, 0, 0, 0, 1]);
    bytes.extend([0xc0, 12, 0, 28, 0, 1, 0, 0, 1, 44, 0, 16]);
    bytes.extend([0x20; 16]);
    bytes.extend([0, 0, 41, 4, 208, 0, 0, 0, 0, 0, 0]);
    bytes
}

/// The same after `change`, as it is understood.
fn said(change: impl FnOnce(&mut Vec<u8>)) -> Result<String, Flaw> {
    let mut bytes = answer();
    change(&mut bytes);
    question().answered(ID, &bytes).map(|rcode| rcode.to_string())
}

#[test]
fn a_question_is_written_as_rfc_1035_has_it() {
    let mut bytes = Vec::new();
    Question::new("a.bc.", "MX").unwrap().write(0xbeef, &mut bytes);
    assert_eq!(bytes, b"\xbe\xef\x01\x00\0\x01\0\0\0\0\0\0\x01a\x02bc\0\0\x0f\0\x01");
    let mut root = Vec::new();
    Question::new(".", "NS").unwrap().write(0, &mut root);
    assert_eq!(root[12..], *b"\0\0\x02\0\x01");
}

#[test]
fn what_cannot_be_asked_is_no_question() {
    let label = "x".repeat(64);
    let longest = format!("{0}.{0}.{0}.{1}", "x".repeat(63), "x".repeat(61));
    for name in ["", "..", "a..b", ".a", "a b", "ä.de", &label, &format!("{longest}x")] {
        assert_eq!(Question::new(name, "A"), None, "{name:?}");
    }
    assert!(Question::new(&longest, "A").is_some());
    assert_eq!(Question::new("a", "B"), None);
}

#[test]
fn an_answer_says_its_code() {
    assert_eq!(said(|_| {}).as_deref(), Ok("NOERROR"));
    assert_eq!(said(|bytes| bytes[3] |= 2).as_deref(), Ok("SERVFAIL"));
    assert_eq!(said(|bytes| bytes[3] |= 15).as_deref(), Ok("RCODE15"));
    assert_eq!(Rcode::named("nxdomain").unwrap().to_string(), "NXDOMAIN");
    assert_eq!(Rcode::named("noerror"), Some(Rcode::NOERROR));
    assert_eq!(Rcode::named("NOERROR"), None);
}

#[test]
fn the_name_may_come_back_in_other_letters_and_bytes_may_follow() {
    assert_eq!(said(|bytes| bytes[13..16].make_ascii_uppercase()).as_deref(), Ok("NOERROR"));
    assert_eq!(said(|bytes| bytes.extend(b"more")).as_deref(), Ok("NOERROR"));
}

#[test]
fn what_is_no_answer_to_the_question_says_why() {
    assert_eq!(said(|bytes| bytes[0] ^= 1), Err(Flaw::OtherId));
    assert_eq!(said(|bytes| bytes[2] &= 0x7f), Err(Flaw::Asks));
    assert_eq!(said(|bytes| bytes[2] |= 0x28), Err(Flaw::OtherKind));
    assert_eq!(said(|bytes| bytes[13] = b'v'), Err(Flaw::OtherQuestion));
    assert_eq!(said(|bytes| bytes[30] = 1), Err(Flaw::OtherQuestion), "another type");
    assert_eq!(said(|bytes| bytes[5] = 2), Err(Flaw::OtherQuestion), "two questions");
    assert_eq!(said(|bytes| bytes[33] = 0x80), Err(Flaw::BadName));
}

#[test]
fn each_shorter_one_is_cut() {
    let whole = answer();
    for shown in 0..whole.len() {
        let expected = if (12..33).contains(&shown) { Flaw::OtherQuestion } else { Flaw::Cut };
        assert_eq!(said(|bytes| bytes.truncate(shown)), Err(expected), "{shown} bytes");
    }
    assert_eq!(said(|bytes| bytes[7] = 2), Err(Flaw::Cut), "a record that is promised and not there");
}

#[test]
fn one_that_says_that_it_was_truncated_need_not_be_whole() {
    let cut = |bytes: &mut Vec<u8>| {
        bytes[2] |= 2;
        bytes.truncate(40);
    };
    assert_eq!(said(cut).as_deref(), Ok("NOERROR"));
}

#[test]
fn only_a_refusal_may_come_without_the_question() {
    let bare = |rcode: u8| {
        let header = [0x12, 0x34, 0x80, rcode, 0, 0, 0, 0, 0, 0, 0, 0];
        question().answered(ID, &header).map(|rcode| rcode.to_string())
    };
    assert_eq!(bare(1).as_deref(), Ok("FORMERR"));
    assert_eq!(bare(0), Err(Flaw::OtherQuestion));
}
