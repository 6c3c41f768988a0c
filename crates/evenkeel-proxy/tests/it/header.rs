//! The PROXY protocol on either side, through real sockets.

use crate::rig::{Parts, Rig, addr};
use evenkeel_core::end::End;
use evenkeel_core::reception::{AcceptProxy, Others, Reception};
use evenkeel_core::rejection::Rejection;
use evenkeel_core::side::Side;
use evenkeel_core::snapshot::{SendProxy, Tlvs};
use evenkeel_core::wire::proxy::LONGEST;
use evenkeel_core::wire::proxy_header::{self, Transport};
use evenkeel_core::wire::{Parse, proxy_v1, proxy_v2, tlv};
use evenkeel_testkit::{Ending, PATIENCE, Peer, Server};
use std::net::SocketAddr;
use std::time::Duration;

/// Short, but longer than a busy machine makes a thread wait.
const SOON: Duration = Duration::from_millis(500);

fn reception(from: &str, others: Others, timeout: Duration) -> Reception {
    let from = [from.parse().unwrap()].into();
    Reception { accept_proxy: Some(AcceptProxy { from, others, timeout }), ..Reception::default() }
}

/// An echo behind a listener that believes proxies on this machine, or nobody that ever connects.
fn rig(trusted: bool, others: Others, timeout: Duration) -> (Server, Rig) {
    let server = Server::echo();
    let from = if trusted { "127.0.0.0/8" } else { "192.0.2.0/24" };
    let mut parts = Parts::to(&[server.place()]);
    parts.reception = reception(from, others, timeout);
    let rig = parts.start();
    (server, rig)
}

fn ip(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

fn origin() -> proxy_header::Origin<'static> {
    let (source, destination) = (ip("203.0.113.7:4711"), ip("198.51.100.1:443"));
    proxy_header::Origin::Ip { transport: Transport::Stream, source, destination }
}

fn v1() -> Vec<u8> {
    let mut header = Vec::new();
    proxy_v1::write(&origin(), &mut header);
    header
}

fn v2(origin: &proxy_header::Origin<'_>, saying: &proxy_v2::Saying<'_>) -> Vec<u8> {
    let mut header = Vec::new();
    proxy_v2::write(origin, saying, &mut header).unwrap();
    header
}

#[test]
fn a_header_says_where_the_client_is_and_what_follows_goes_to_the_backend() {
    for header in [v1(), v2(&origin(), &proxy_v2::Saying::default())] {
        let (_server, mut rig) = rig(true, Others::Refused, PATIENCE);
        let client = rig.connect();
        client.send(&[&header[..], b"hello"].concat()).unwrap();
        assert_eq!(client.receive(5).unwrap(), b"hello");
        client.finish();
        assert_eq!(client.ending(), Ending::Fin);
        let record = rig.record();
        assert_eq!(record.client, ip("203.0.113.7:4711").into());
        assert_eq!(record.via, Some(client.local().into()));
        assert_eq!((record.end, record.to_backend, record.to_client), (End::Closed(Side::Client), 5, 5));
    }
}

#[test]
fn a_header_that_comes_byte_by_byte_is_the_same() {
    let (_server, mut rig) = rig(true, Others::Refused, PATIENCE);
    let client = rig.connect();
    for byte in [&v2(&origin(), &proxy_v2::Saying::default())[..], b"hello"].concat() {
        client.send(&[byte]).unwrap();
    }
    assert_eq!(client.receive(5).unwrap(), b"hello");
    client.finish();
    assert_eq!(client.ending(), Ending::Fin);
    assert_eq!(rig.record().client, ip("203.0.113.7:4711").into());
}

#[test]
fn a_check_of_the_proxy_in_front_is_served_as_itself() {
    let (_server, mut rig) = rig(true, Others::Refused, PATIENCE);
    let client = rig.connect();
    client.send(&v2(&proxy_header::Origin::Local, &proxy_v2::Saying::default())).unwrap();
    client.check_echo("hello");
    client.finish();
    assert_eq!(client.ending(), Ending::Fin);
    let record = rig.record();
    assert_eq!((record.client, record.via), (client.local().into(), None));
}

/// How a session ends whose client sends `bytes`, and then no more.
fn end_of(trusted: bool, others: Others, bytes: &[u8]) -> End {
    let (_server, mut rig) = rig(trusted, others, SOON);
    let client = rig.connect();
    // A refusal may come before the bytes have gone.
    let _ = client.send(bytes);
    assert_eq!(client.ending(), Ending::Reset);
    let record = rig.record();
    assert_eq!(record.backend, None, "nobody was asked");
    record.end
}

#[test]
fn what_is_no_header_ends_the_session_and_says_what_it_is() {
    let long = [proxy_v2::SIGNATURE, b"\x21\x11\xff\xff"].concat();
    let bad = end_of(true, Others::Refused, b"PROXY TCP5 ");
    assert!(matches!(bad, End::Rejected(Rejection::HeaderMalformed(_))), "{bad:?}");
    for (bytes, rejection) in [
        (&b"GET / HTTP/1.1\r\n"[..], Rejection::HeaderMissing),
        (b"", Rejection::HeaderLate),
        (b"PROXY TCP4 203.0.113.7 ", Rejection::HeaderLate),
        (&long, Rejection::HeaderTooLong),
        (&[b'a'; 4096].map(|_| b'P'), Rejection::HeaderMissing),
        (&[b"PROXY UNKNOWN ", &[b'x'; 200][..]].concat(), Rejection::HeaderTooLong),
    ] {
        assert_eq!(end_of(true, Others::Refused, bytes), End::Rejected(rejection));
    }
}

#[test]
fn whoever_is_no_proxy_is_refused_or_served_without_a_header() {
    assert_eq!(end_of(false, Others::Refused, &v1()), End::Rejected(Rejection::NotAProxy));
    assert_eq!(end_of(false, Others::Direct, &v1()), End::Rejected(Rejection::HeaderForbidden));
    assert_eq!(end_of(false, Others::Direct, b""), End::Rejected(Rejection::Silent));
    let (_server, mut rig) = rig(false, Others::Direct, PATIENCE);
    let client = rig.connect();
    client.check_echo("Promise");
    client.finish();
    assert_eq!(client.ending(), Ending::Fin);
    let record = rig.record();
    assert_eq!((record.client, record.via), (client.local().into(), None));
}

#[test]
fn what_only_begins_like_a_header_is_served_when_nothing_follows() {
    for first in [&b"\r\n"[..], b"PR"] {
        let (_server, mut rig) = rig(false, Others::Direct, SOON);
        let waits = rig.connect();
        waits.send(first).unwrap();
        assert_eq!(waits.receive(2).unwrap(), first);
        waits.finish();
        let ends = rig.connect();
        ends.send(first).unwrap();
        ends.finish();
        assert_eq!(ends.read_to_end(), (first.to_vec(), Ending::Fin));
        for _ in 0..2 {
            assert_eq!(rig.record().end, End::Closed(Side::Client));
        }
    }
}

#[test]
fn a_proxy_that_leaves_without_a_word_is_nobodys_fault() {
    let (_server, mut rig) = rig(true, Others::Refused, PATIENCE);
    rig.connect().finish();
    assert_eq!(rig.record().end, End::ClientLeft);
}

/// What the backend of a session sees first, and the peer that is the client.
fn introduced(version: SendProxy, reception: Reception, first: &[u8]) -> (Vec<u8>, Peer, Rig) {
    let server = Server::echo();
    let mut parts = Parts::to(&[server.place()]);
    parts.rules.send_proxy = Some(version);
    parts.reception = reception;
    let rig = parts.start();
    let client = rig.connect();
    client.send(&[first, b"hello"].concat()).unwrap();
    let mut seen = Vec::new();
    while !seen.ends_with(b"hello") {
        seen.extend(client.receive(1).unwrap());
    }
    (seen, client, rig)
}

#[test]
fn a_backend_is_told_where_the_client_is_before_its_first_byte() {
    let (seen, client, rig) = introduced(SendProxy::V1, Reception::default(), b"");
    let Ok(Parse::Complete { value, length }) = proxy_v1::parse(&seen) else { panic!("no header: {seen:?}") };
    let (source, destination) = (client.local(), addr(&rig.place).ip().unwrap());
    let expected = proxy_header::Origin::Ip { transport: Transport::Stream, source, destination };
    assert_eq!((value.origin, &seen[length..]), (expected, &b"hello"[..]));
}

#[test]
fn a_header_is_passed_on_with_what_came_in_it() {
    let tlvs = Tlvs { unique_id: true, crc32c: true, received: true, ..Tlvs::default() };
    let came = v2(&origin(), &proxy_v2::Saying { authority: Some(b"example.com"), ..Default::default() });
    let reception = reception("127.0.0.0/8", Others::Refused, PATIENCE);
    let (seen, client, mut rig) = introduced(SendProxy::V2(tlvs), reception, &came);
    let Ok(Parse::Complete { value, length }) = proxy_v2::parse(&seen, LONGEST) else {
        panic!("no header: {seen:?}")
    };
    assert_eq!((value.origin, &seen[length..]), (origin(), &b"hello"[..]));
    assert_eq!(value.tlvs.find(tlv::kind::AUTHORITY), Some(&b"example.com"[..]));
    assert!(value.tlvs.find(tlv::kind::CRC32C).is_some());
    client.finish();
    let id = rig.record().id.to_string();
    assert_eq!(value.tlvs.find(tlv::kind::UNIQUE_ID), Some(id.as_bytes()));
}
