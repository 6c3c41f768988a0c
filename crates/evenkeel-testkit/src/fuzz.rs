//! What no bytes may break: for each parser that strangers reach, all that it promises, whatever it is shown. The tests
//! run this over seeded mutations of good examples ([`mutate`]), and `fuzz/` over whatever it thinks of.

use crate::hello::{message, record};
use evenkeel_core::addr::Addr;
use evenkeel_core::dice::Dice;
use evenkeel_core::flow::Trail;
use evenkeel_core::http::cookie;
use evenkeel_core::http::route::path;
use evenkeel_core::wire::client_hello::{self, Malformed, Reader};
use evenkeel_core::wire::proxy_v2::{self, Saying};
use evenkeel_core::wire::quic::{self, Packet};
use evenkeel_core::wire::{Parse, proxy, proxy_v1};
use std::fmt::Debug;
use std::sync::LazyLock;

pub mod examples;
pub mod hpack;
pub mod http;
pub mod http2;
pub mod mutate;

/// The header of a proxy, in either version: a verdict stays, an end is where it is said to be, and what is written of
/// what was read says the same.
pub fn proxy(bytes: &[u8]) {
    let parse = |bytes| proxy::parse(bytes, proxy::LONGEST);
    let said = parse(bytes);
    keeps_its_word(bytes, &said, parse);
    let Ok(Parse::Complete { value, .. }) = said else { return };
    let saying = Saying { received: value.tlvs, checksum: true, ..Saying::default() };
    let mut header = Vec::new();
    if proxy_v2::write(&value.origin, &saying, &mut header).is_ok() {
        let Ok(Parse::Complete { value: again, length }) = proxy_v2::parse(&header, usize::MAX) else {
            panic!("cannot be read: {header:x?}")
        };
        assert_eq!(length, header.len());
        let mut twice = Vec::new();
        let saying = Saying { received: again.tlvs, checksum: true, ..Saying::default() };
        assert_eq!(proxy_v2::write(&again.origin, &saying, &mut twice), Ok(()));
        assert_eq!(twice, header);
    }
    let mut line = Vec::new();
    proxy_v1::write(&value.origin, &mut line);
    assert!(matches!(proxy_v1::parse(&line), Ok(Parse::Complete { length, .. }) if length == line.len()));
}

/// The hello of a TLS client, as it comes and as what stands in a hello: seen byte by byte, it is what it is at once.
pub fn client_hello(bytes: &[u8]) {
    hello(bytes);
    if bytes.len() < 16_000 {
        hello(&record(22, &message(1, bytes)));
    }
}

/// An answer of a name server to [`examples::question`]: none without a header or with another id, and a flaw says what it is.
pub fn dns_answer(bytes: &[u8]) {
    let (question, id) = (examples::question(), examples::DNS_ID);
    match question.answered(id, bytes) {
        Ok(_) => assert!(bytes.len() >= 12 && bytes.starts_with(&id.to_be_bytes())),
        Err(flaw) => assert!(!flaw.to_string().is_empty()),
    }
    assert!(question.answered(!id, bytes).is_err());
}

/// A packet of QUIC: its names are parts of it, and a backend that gives itself one is found by it.
pub fn quic(bytes: &[u8]) {
    static TRAIL: LazyLock<Trail> = LazyLock::new(|| Trail::new(&mut Dice::new(1)));
    let backend = Addr::Ip(([127, 0, 0, 1], 443).into());
    match Packet::parse(bytes) {
        Some(Packet::Long { to, from }) => {
            let names = [&[to.len() as u8], to, &[from.len() as u8], from].concat();
            assert!(to.len() <= quic::ID_MAX && from.len() <= quic::ID_MAX && bytes[5..].starts_with(&names));
            TRAIL.learn(bytes, &backend);
            let known = TRAIL.follow(&[&[0x40], from].concat());
            assert!(from.is_empty() || known == Some(TRAIL.mark(&backend)));
        }
        Some(Packet::Short { to }) => assert_eq!(to, &bytes[1..]),
        None => assert!(bytes.first().is_none_or(|first| first & 0x80 != 0)),
    }
    let _ = TRAIL.follow(bytes);
}

fn hello(bytes: &[u8]) {
    let longest = client_hello::LONGEST;
    let said = said(&mut Reader::new(longest), bytes);
    let mut reader = Reader::new(longest);
    let step_by_step = (0..=bytes.len())
        .map(|shown| self::said(&mut reader, &bytes[..shown]))
        .find(|said| *said != Ok(Parse::Partial))
        .unwrap_or(Ok(Parse::Partial));
    assert_eq!(step_by_step, said);
    match said {
        Ok(Parse::Partial) => assert!(bytes.len() < longest),
        Ok(Parse::Complete { length, .. }) => assert!(length <= bytes.len().min(longest)),
        Err(malformed) => assert!(!malformed.to_string().is_empty()),
    }
}

/// The path of a request: its normal form is its own, has no dots and no slashes in a row, and whatever a server may read into
/// it, it cannot be read further.
pub fn path(bytes: &[u8]) {
    let Ok(normal) = path::normal(path::split(bytes).0) else { return };
    let is_normal = |path: &[u8]| {
        let dots = |segment: &[u8]| matches!(segment, b"." | b"..");
        let has_slashes = path.windows(2).any(|pair| pair == b"//");
        path.starts_with(b"/") && !has_slashes && !path.split(|byte| *byte == b'/').any(dots)
    };
    assert!(is_normal(&normal), "{normal:x?}");
    assert_eq!(path::normal(&normal).as_deref(), Ok(&*normal));
    if let Ok(Some(loose)) = path::loose(&normal) {
        assert!(is_normal(&loose) && loose != *normal, "{loose:x?}");
        assert_eq!(path::loose(&loose), Ok(None));
    }
}

/// The cookies of a client: the one that is found stands there, behind its name.
pub fn cookie(bytes: &[u8]) {
    if let Some(value) = cookie::find(bytes, b"lb") {
        let pair = [b"lb=", value].concat();
        assert!(bytes.windows(pair.len()).any(|window| window == pair) && !value.contains(&b';'));
    }
}

/// All that a hello says, as text.
fn said(reader: &mut Reader, bytes: &[u8]) -> Result<Parse<String>, Malformed> {
    Ok(reader.read(bytes)?.map(|hello| {
        let alpn: Vec<_> = hello.alpn.collect();
        assert!(alpn.iter().all(|name| !name.is_empty()));
        format!("{:?} {alpn:?} {:?}", hello.server_name, hello.version)
    }))
}

/// That each beginning of `bytes` is partial or has the same said of it, and that a complete one ends where it ends.
fn keeps_its_word<'a, T, E>(
    bytes: &'a [u8],
    said: &Result<Parse<T>, E>,
    parse: impl Fn(&'a [u8]) -> Result<Parse<T>, E>,
) where
    T: PartialEq + Debug,
    E: PartialEq + Debug,
{
    let mut is_decided = false;
    for shown in 0..=bytes.len() {
        let so_far = parse(&bytes[..shown]);
        assert!(so_far == *said || (so_far == Ok(Parse::Partial) && !is_decided), "after {shown} bytes");
        is_decided = so_far != Ok(Parse::Partial);
        if let Ok(Parse::Complete { length, .. }) = &so_far {
            assert!(*length <= shown);
            assert_eq!(parse(&bytes[..length - 1]), Ok(Parse::Partial));
        }
    }
}
