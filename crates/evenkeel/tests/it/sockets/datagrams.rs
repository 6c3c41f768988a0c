//! The same of services that take datagrams; and ways that are too narrow for what they carry.

use super::Lab;
use evenkeel_testkit::{Net, UdpClient, UdpServer};
use std::net::SocketAddr;

impl Lab {
    /// Tells each client where it comes from.
    fn udp_mirror(&self, addr: &str) -> UdpServer {
        let addr = addr.parse().unwrap();
        self.backend.within(|| UdpServer::seeing(addr, |_, from| Some(from.ip().to_string().into_bytes())))
    }

    fn udp_client(&self, from: &str, to: &str) -> UdpClient {
        let to: SocketAddr = to.parse().unwrap();
        self.client.within(|| UdpClient::from(from.parse().unwrap(), to))
    }
}

#[test]
fn a_backend_sees_where_datagrams_come_from_with_the_routes_that_the_doctor_prints() {
    let Some(lab) = Lab::new() else { return };
    let _servers = [lab.udp_mirror("10.2.0.2:53"), lab.udp_mirror("[fd02::2]:53")];
    let text = "workers = 2\n[defaults]\nhealth = \"off\"\ntransparent = true\n\
        [udp.four]\nlisten = \"10.1.0.1:53\"\nto = \"10.2.0.2:53\"\n\
        [udp.six]\nlisten = \"[fd01::1]:53\"\nto = \"[fd02::2]:53\"\n\
        [udp.mixed]\nlisten = \"10.1.0.1:54\"\nto = [\"[fd02::2]:53\", \"10.2.0.2:53\"]\nbalance = \"first\"\n";
    let (well, commands) = lab.doctor(text);
    assert!(!well && commands.len() == 4, "{commands:?}");
    for command in &commands {
        assert!(lab.balancer.run(command), "{command}");
    }
    assert_eq!(lab.doctor(text), (true, Vec::new()));
    let _running = lab.run(text);
    let ask = |from, to| lab.udp_client(from, to).ask(b"?");
    for _ in 0..3 {
        assert_eq!(ask("10.1.0.2", "10.1.0.1:53"), "10.1.0.2");
        assert_eq!(ask("fd01::2", "[fd01::1]:53"), "fd01::2");
        assert_eq!(ask("10.1.0.2", "10.1.0.1:54"), "10.1.0.2", "by the one that there is a way to");
    }
}

/// Datagrams of this size go there and back, as many at once as sockets let wait.
fn check_echo(client: &UdpClient, size: usize) {
    let count = (40_000 / size.max(1)).min(30) as u8;
    let sent: Vec<Vec<u8>> = (0..count).map(|number| vec![number; size]).collect();
    sent.iter().for_each(|datagram| client.send(datagram));
    let mut came: Vec<_> = sent.iter().map(|_| client.receive()).collect();
    // A way on which they come in pieces may change their order.
    came.sort();
    assert!(came == sent, "of {size} bytes");
}

#[test]
fn datagrams_that_are_too_long_for_a_way_go_by_it_in_fragments() {
    for side in ["front", "back"] {
        let Some(lab) = Lab::new() else { return };
        let ends = if side == "front" { [&lab.client, &lab.balancer] } else { [&lab.balancer, &lab.backend] };
        ends.iter().for_each(|net| assert!(net.run(&format!("ip link set {side} mtu 1300"))));
        let server = lab.backend.within(|| {
            UdpServer::start_at("10.2.0.2:53".parse().unwrap(), |datagram| Some(datagram.to_vec()))
        });
        let _running =
            lab.run("[udp.dns]\nlisten = \"10.1.0.1:53\"\nto = \"10.2.0.2:53\"\nhealth = \"off\"\n");
        let client = lab.udp_client("10.1.0.2", "10.1.0.1:53");
        // Some that go as trains before and after those that are refused as such.
        for size in [1200, 1400, 1272, 1273, 1000, 4000, 100] {
            check_echo(&client, size);
        }
        drop(server);
    }
}

#[test]
fn what_a_card_has_put_together_is_apart_again() {
    let Some(lab) = Lab::new() else { return };
    let gather = |net: &Net, name| net.run(&format!("ethtool -K {name} gro on 2>&1"));
    if !gather(&lab.balancer, "front") || !gather(&lab.balancer, "back") {
        eprintln!("not tested, there is no ethtool, or the interfaces gather nothing");
        return;
    }
    let server = lab
        .backend
        .within(|| UdpServer::start_at("[fd02::2]:53".parse().unwrap(), |datagram| Some(datagram.to_vec())));
    let _running = lab.run("[udp.dns]\nlisten = \"[::]:53\"\nto = \"[fd02::2]:53\"\nhealth = \"off\"\n");
    let client = lab.udp_client("fd01::2", "[fd01::1]:53");
    for size in [1, 1200, 1452, 1453, 0, 100] {
        check_echo(&client, size);
    }
    // Each of them ends a train.
    let sizes = [1000, 1000, 400, 1000, 400, 400, 0, 1000, 1400, 1400, 1];
    sizes.iter().for_each(|size| client.send(&vec![7; *size]));
    assert_eq!(sizes.map(|_| client.receive().len()), sizes);
    drop(server);
}
