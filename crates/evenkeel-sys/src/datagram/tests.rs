//! The calls against sockets of the standard library.

use super::*;
use crate::poll;
use crate::socket::local_addr;
use std::net::UdpSocket;
use std::time::{Duration, Instant};

mod trains;

fn bound(addr: &str) -> (OwnedFd, SocketAddr) {
    let addr: SocketAddr = addr.parse().unwrap();
    let socket = bind(addr, Binding::default()).unwrap();
    if addr.ip().is_unspecified() {
        tell_destinations(&socket, addr.is_ipv6()).unwrap();
    }
    let port = local_addr(&socket).unwrap().expect("an IP socket").port();
    (socket, SocketAddr::new(addr.ip(), port))
}

fn wait(socket: &OwnedFd) {
    let by = Instant::now() + Duration::from_secs(20);
    while !poll::ready_now(socket).readable() {
        assert!(Instant::now() < by, "nothing came");
    }
}

#[test]
fn datagrams_of_every_size_come_whole_and_apart() {
    let (socket, addr) = bound("127.0.0.1:0");
    let client = UdpSocket::bind("127.0.0.1:0").unwrap();
    let mut inbox = Inbox::new();
    for size in [0, 1, 1472, 1500, 9000, 65_507] {
        client.send_to(&vec![7; size], addr).unwrap();
        client.send_to(b"next", addr).unwrap();
        wait(&socket);
        while inbox.receive(&socket).unwrap() < 2 {
            assert!(size > 0, "both were sent");
        }
        assert_eq!((inbox.datagram(0).len(), inbox.datagram(1)), (size, &b"next"[..]));
        assert_eq!(inbox.peer(0), &Peer { remote: client.local_addr().unwrap(), local: None });
        assert_eq!(reply(&socket, &inbox, 0..2, inbox.peer(0), &Trains::default()).unwrap(), 2);
        let mut answer = vec![0; 70_000];
        assert_eq!(client.recv(&mut answer).unwrap(), size);
        assert_eq!(client.recv(&mut answer).unwrap(), 4);
    }
}

#[test]
fn an_answer_comes_from_the_address_that_was_asked() {
    for (listen, to, from) in [
        ("0.0.0.0:0", "127.0.0.5", "127.0.0.1:0"),
        ("[::]:0", "127.0.0.6", "127.0.0.1:0"),
        ("[::]:0", "::1", "[::1]:0"),
    ] {
        let (socket, addr) = bound(listen);
        let client = UdpSocket::bind(from).unwrap();
        client.connect((to, addr.port())).unwrap();
        client.send(b"who?").unwrap();
        wait(&socket);
        let mut inbox = Inbox::new();
        assert_eq!(inbox.receive(&socket).unwrap(), 1);
        let local = inbox.peer(0).local.expect("a wildcard tells");
        assert_eq!(local.addr.to_canonical().to_string(), to);
        assert_eq!(reply(&socket, &inbox, 0..1, inbox.peer(0), &Trains::default()).unwrap(), 1);
        client.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        assert_eq!(client.recv(&mut [0; 16]).unwrap(), 4, "a connected client hears only whom it asked");
    }
}

#[test]
fn a_connected_socket_hears_that_nobody_is_there() {
    let nobody = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let socket = open(nobody).unwrap();
    connect(&socket, nobody).unwrap();
    send(&socket, b"hello?").unwrap();
    wait(&socket);
    let error = Inbox::new().receive_connected(&socket).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
}

#[test]
fn two_bind_one_address_only_if_both_share_it() {
    let (_socket, addr) = bound("127.0.0.1:0");
    for share in [false, true] {
        assert!(bind(addr, Binding { share, ..Binding::default() }).is_err());
    }
    let shared = Binding { share: true, ..Binding::default() };
    let first = bind("127.0.0.1:0".parse().unwrap(), shared).unwrap();
    let addr = local_addr(&first).unwrap().expect("an IP socket");
    assert!(bind(addr, shared).is_ok() && bind(addr, Binding::default()).is_err());
    assert!(is_one(&first) && !is_one(std::net::TcpListener::bind("127.0.0.1:0").unwrap()));
}
