//! Connections of QUIC keep their backend when their client's address changes, and backends are told who that is.

use super::setup::Setup;
use evenkeel_testkit::{UdpClient, UdpServer, eventually};
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Answers packets with a long header by one that has a name for the connection, and all others by its own name.
fn quic_server(name: &'static str) -> UdpServer {
    let begun = AtomicU64::new(0);
    UdpServer::start(move |packet| {
        if packet.first()? & 0x80 == 0 {
            return Some(name.as_bytes().to_vec());
        }
        let id = format!("{name}{:07}", begun.fetch_add(1, Relaxed));
        Some([&[0xc0, 0, 0, 0, 1, 0, 8], id.as_bytes(), b"sealed"].concat())
    })
}

const HELLO: &[u8] = &[0xc0, 0, 0, 0, 1, 4, b'a', b'b', b'c', b'd', 0, b'h', b'i'];

/// Clients at a port each. All are kept: a port that another client gets anew belongs to a flow that is known.
struct Clients<'a> {
    setup: &'a Setup,
    kept: Vec<UdpClient>,
}

impl<'a> Clients<'a> {
    fn of(setup: &'a Setup) -> Self {
        Self { setup, kept: Vec::new() }
    }

    /// What is answered to a client that was not there before.
    fn ask(&mut self, datagram: &[u8]) -> Vec<u8> {
        let client = self.setup.client();
        client.send(datagram);
        let answer = client.receive();
        self.kept.push(client);
        answer
    }

    /// Begins a connection: what its server called it.
    fn connect(&mut self) -> Vec<u8> {
        self.ask(HELLO)[7..15].to_vec()
    }

    /// Who answers this connection at another port.
    fn move_on(&mut self, id: &[u8]) -> String {
        String::from_utf8(self.ask(&[&[0x40], id, b"sealed"].concat())).unwrap()
    }
}

#[test]
fn a_connection_keeps_its_backend_when_its_clients_port_changes() {
    let servers = [quic_server("a"), quic_server("b"), quic_server("c")];
    let setup = Setup::to(&servers).keys("quic = true\nbalance = \"round-robin\"");
    let _running = setup.clone().ready();
    let mut clients = Clients::of(&setup);
    let connections: Vec<Vec<u8>> = (0..6).map(|_| clients.connect()).collect();
    let owner = |id: &[u8]| char::from(id[0]).to_string();
    assert_eq!(connections.iter().map(|id| owner(id)).collect::<BTreeSet<_>>().len(), 3, "all are in use");
    for id in &connections {
        // Of so many ports some belong to the other worker.
        for _ in 0..8 {
            assert_eq!(clients.move_on(id), owner(id));
        }
    }
    let strangers: BTreeSet<String> = (0..6).map(|_| clients.move_on(b"stranger")).collect();
    assert_eq!(strangers.len(), 3, "whom nobody knows goes where the balance says");
}

#[test]
fn a_connection_is_followed_to_a_backend_that_drains_and_not_to_one_that_is_disabled() {
    let servers = [quic_server("a"), quic_server("b")];
    let setup = Setup::to(&servers).keys("quic = true\nbalance = \"first\"");
    let running = setup.clone().ready();
    let mut clients = Clients::of(&setup);
    let connection = clients.connect();
    for (order, goes_to) in [("drain", "a"), ("disable", "b"), ("enable", "a")] {
        assert_eq!(running.command(&format!("{order} dns {}", servers[0].addr())).0, 0);
        assert_eq!(clients.move_on(&connection), goes_to, "{order}");
    }
}

#[test]
fn a_backend_is_told_where_the_client_is_before_its_first_datagram() {
    let server = UdpServer::echo();
    let setup = Setup::to([&server]).keys("send-proxy = \"v2\"");
    let (client, _running) = (setup.client(), setup.clone().ready());
    client.send(b"first");
    let first = client.receive();
    let (header, rest) = first.split_at(28);
    assert_eq!((&header[..12], rest), (&b"\r\n\r\n\0\r\nQUIT\n"[..], &b"first"[..]));
    assert_eq!(header[12..16], [0x21, 0x12, 0, 12], "on behalf of a client by UDP over IPv4");
    let port = |addr: std::net::SocketAddr| addr.port().to_be_bytes();
    assert_eq!(header[16..24], [127, 0, 0, 1, 127, 0, 0, 1]);
    assert_eq!(header[24..28], [port(client.addr()), port(setup.addr())].concat());
    assert_eq!(client.ask(b"second"), "second");
    let other = UdpClient::to(setup.addr());
    other.send(b"");
    assert_eq!(other.receive().len(), 28, "also before one that is empty");
}

#[test]
fn every_flow_has_its_own_header_also_over_ipv6() {
    let server = UdpServer::start_at("[::1]:0".parse().unwrap(), |datagram| Some(datagram.to_vec()));
    let port = evenkeel_testkit::port::free();
    let setup = Setup::to([&server]).listen(&format!("[::]:{port}")).keys("send-proxy = \"v2\"\nanswers = 1");
    let running = setup.clone().ready();
    let client = UdpClient::to(format!("[::1]:{port}").parse().unwrap());
    for question in [&b"first"[..], b"second"] {
        client.send(question);
        let answer = client.receive();
        let (header, rest) = answer.split_at(52);
        assert_eq!((&header[12..16], rest), (&[0x21, 0x22, 0, 36][..], question));
        let local = std::net::Ipv6Addr::LOCALHOST.octets();
        assert_eq!(header[16..48], [local, local].concat(), "where it was asked, not where it listens");
        assert_eq!(header[48..52], [client.addr().port().to_be_bytes(), port.to_be_bytes()].concat());
        // With its answer a flow is over.
        eventually("the next one", || {
            let open = running.ask("GET", "/api/v1/sessions?service=dns").json();
            open["sessions"].as_array()?.is_empty().then_some(())
        });
    }
}
