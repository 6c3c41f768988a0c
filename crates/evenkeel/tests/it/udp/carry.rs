//! What a client sends comes to a backend as it is, and the answer back.

use super::setup::{Setup, wait_flow};
use evenkeel_testkit::{Pattern, UdpClient, UdpServer, eventually, port};
use std::collections::BTreeSet;

/// Every size around those at which something could change, and steps between.
fn sizes() -> Vec<usize> {
    let edges = [0_usize, 512, 1232, 1472, 1500, 4096, 8972, 9000, 16_384, 32_768, 65_507];
    let mut sizes: Vec<usize> = edges.iter().flat_map(|edge| edge.saturating_sub(2)..=edge + 2).collect();
    sizes.extend((0..=65_507).step_by(997));
    sizes.retain(|size| *size <= 65_507);
    sizes
}

#[test]
fn datagrams_of_every_size_go_through_unchanged_and_undivided() {
    let server = UdpServer::echo();
    let setup = Setup::to([&server]);
    let (client, _running) = (setup.client(), setup.ready());
    let pattern = Pattern::new(1);
    for size in sizes() {
        let datagram = pattern.slice(size as u64, size);
        client.send(datagram);
        assert!(client.receive() == datagram, "{size} bytes");
    }
    assert_eq!(server.received(), sizes().len() as u64, "nothing was sent twice, or in parts");
}

#[test]
fn a_client_stays_with_its_backend_and_clients_are_dealt_out() {
    let servers = [UdpServer::named("a"), UdpServer::named("b")];
    let setup = Setup::to(&servers).keys("balance = \"round-robin\"");
    let clients: Vec<UdpClient> = (0..20).map(|_| setup.client()).collect();
    let _running = setup.ready();
    let first: Vec<String> = clients.iter().map(|client| client.ask(b"who?")).collect();
    assert_eq!(first.iter().filter(|name| *name == "a").count(), 10);
    for _ in 0..5 {
        let again: Vec<String> = clients.iter().map(|client| client.ask(b"who?")).collect();
        assert_eq!(again, first);
    }
}

#[test]
fn a_wildcard_answers_from_the_address_that_was_asked() {
    let server = UdpServer::named("here");
    for (listen, to) in
        [("0.0.0.0", ["127.0.0.5", "127.0.0.1"]), ("[::]", ["127.0.0.6", "::1"]), ("[::1]", ["::1", "::1"])]
    {
        let setup = Setup::to([&server]).listen(&format!("{listen}:{}", port::free()));
        let _running = setup.clone().ready();
        for to in to {
            let to = (to.parse::<std::net::IpAddr>().unwrap(), setup.addr().port()).into();
            assert_eq!(UdpClient::to(to).ask(b"where?"), "here", "{listen} at {to}");
        }
    }
}

#[test]
fn a_flow_that_got_its_answers_is_over_and_told_of() {
    let server = UdpServer::named("answer");
    let setup = Setup::to([&server]).keys("answers = 1");
    let (client, mut balancer) = (setup.client(), setup.ready());
    assert_eq!(client.ask(b"question"), "answer");
    let from = client.addr().to_string();
    let told = wait_flow(&mut balancer, |line| line["client"] == from.as_str());
    assert_eq!((&told["end"], &told["by"]), (&"answered".into(), &"backend".into()));
    assert_eq!((&told["to_backend"], &told["to_client"]), (&8.into(), &6.into()));
    assert_eq!((&told["protocol"], &told["datagrams_to_client"]), (&"udp".into(), &1.into()));
}

#[test]
fn a_flow_that_is_quiet_is_over_when_its_time_is() {
    let (server, mute) = (UdpServer::echo(), UdpServer::mute());
    for (server, keys, end, by) in [
        (&server, "timeout.flow = \"50ms\"", "flow-idle", "evenkeel"),
        (&mute, "timeout.unanswered = \"50ms\"", "unanswered", "backend"),
        (&mute, "timeout.unanswered = \"50ms\"\nanswers = 0", "flow-idle", "evenkeel"),
    ] {
        let setup = Setup::to([server]).keys(keys);
        let (client, mut balancer) = (setup.client(), setup.ready());
        client.send(b"hello?");
        let told = wait_flow(&mut balancer, |_| true);
        assert_eq!((&told["end"], &told["by"]), (&end.into(), &by.into()), "{keys}");
    }
}

#[test]
fn a_flow_is_held_to_what_a_reload_says() {
    let server = UdpServer::echo();
    let setup = Setup::to([&server]).keys("timeout.flow = \"1h\"");
    let (client, mut balancer) = (setup.client(), setup.clone().ready());
    assert_eq!(client.ask(b"hello?"), "hello?");
    balancer.reload(setup.text().replace("1h", "50ms"));
    assert_eq!(wait_flow(&mut balancer, |_| true)["end"], "flow-idle");
}

#[test]
fn flows_of_each_of_many_services_are_over_in_their_time() {
    let server = UdpServer::echo();
    let ports: Vec<u16> = (0..20).map(|_| port::free()).collect();
    let service = |(number, port): (usize, &u16)| {
        let (to, quiet) = (server.addr(), 50 + 5 * number);
        format!(
            "[udp.s{number}]\nlisten = \"127.0.0.1:{port}\"\nto = \"{to}\"\ntimeout.flow = \"{quiet}ms\"\n"
        )
    };
    let services: String = ports.iter().enumerate().map(service).collect();
    let mut balancer = Setup::to([&server]).keys(&services).ready();
    let clients: Vec<_> = ports.iter().map(|port| UdpClient::to(([127, 0, 0, 1], *port).into())).collect();
    clients.iter().for_each(|client| assert_eq!(client.ask(b"?"), "?"));
    let told = balancer.wait_sessions(ports.len());
    assert!(told.iter().all(|line| line["end"] == "flow-idle"), "{told:?}");
    let services: BTreeSet<&str> = told.iter().filter_map(|line| line["service"].as_str()).collect();
    assert_eq!(services.len(), ports.len());
}

#[test]
fn connections_and_datagrams_may_have_the_same_port() {
    let server = UdpServer::named("datagram");
    let port = port::free();
    let tcp = evenkeel_testkit::Server::hello("connection");
    let more =
        format!("[tcp.more]\nlisten = \"127.0.0.1:{port}\"\nto = \"{}\"\nhealth = \"off\"", tcp.place());
    let setup = Setup::to([&server]).listen(&format!("127.0.0.1:{port}")).keys(&more);
    let (client, _running) = (setup.client(), setup.ready());
    assert_eq!(client.ask(b"?"), "datagram");
    let place = evenkeel_testkit::Place::local(port);
    eventually("a connection", || {
        let peer = evenkeel_testkit::Peer::try_connect(&place).ok();
        peer.map(|peer| assert_eq!(peer.text(), "connection"))
    });
}
