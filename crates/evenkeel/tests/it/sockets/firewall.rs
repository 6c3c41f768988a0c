//! Transparent pools where the firewall chooses which answers end here, as the manual has it.

use super::{Lab, TRANSPARENT, place};
use evenkeel_testkit::Peer;

const MANUAL: &str = include_str!("../../../../../docs/operating.md");

const COMMANDS: [&str; 3] = [
    "iptables -t mangle -A PREROUTING -p tcp -m socket --transparent -j MARK --set-mark 1",
    "ip rule add fwmark 1 lookup 1010",
    "ip route add local default dev lo table 1010",
];

/// The same for IPv6.
fn for_ipv6(command: &str) -> String {
    command.replace("iptables ", "ip6tables ").replace("ip r", "ip -6 r")
}

#[test]
fn with_a_mark_of_the_firewall_clients_of_evenkeel_and_others_reach_the_backend() {
    let Some(lab) = Lab::new() else { return };
    if !lab.balancer.run("iptables -t mangle -S 2>&1 && ip6tables -t mangle -S 2>&1") {
        eprintln!("not tested, there is no iptables, or it may not mark here");
        return;
    }
    let _servers = [lab.server("10.2.0.2:8080"), lab.server("[fd02::2]:8080")];
    for command in COMMANDS {
        assert!(MANUAL.lines().any(|line| line == command), "{command}");
        assert!(lab.balancer.run(command) && lab.balancer.run(&for_ipv6(command)), "{command}");
    }
    assert_eq!(lab.doctor(TRANSPARENT), (true, Vec::new()));
    let _running = lab.run(TRANSPARENT);
    assert_eq!(lab.ask("10.1.0.1:80"), "10.1.0.2");
    assert_eq!(lab.ask("[fd01::1]:80"), "fd01::2");
    // Past evenkeel, through the same machine: those answers have no socket here, and must go on to the client.
    let forward = "echo 1 > /proc/sys/net/ipv4/ip_forward";
    assert!(lab.balancer.run(forward) && lab.client.run("ip route add 10.2.0.0/24 via 10.1.0.1"));
    let direct = lab.client.within(|| Peer::connect(&place("10.2.0.2:8080")).text());
    assert_eq!(direct, "10.1.0.2");
    assert_eq!(lab.ask("10.1.0.1:80"), "10.1.0.2", "and evenkeel's still end here");
}
