//! Backends that are not there, and too little room.

use super::setup::Setup;
use evenkeel_testkit::{UdpServer, eventually};
use std::net::{SocketAddr, UdpSocket};

/// Where nobody listens.
fn nowhere() -> SocketAddr {
    UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

#[test]
fn a_datagram_that_a_dead_backend_refused_goes_to_a_live_one() {
    let server = UdpServer::named("alive");
    let keys = "balance = \"round-robin\"\neject = \"off\"";
    let balancer = Setup::to([&server]).at(nowhere()).keys(keys).ready();
    for _ in 0..10 {
        assert_eq!(balancer.client().ask(b"anybody?"), "alive", "without being sent again");
    }
}

#[test]
fn a_backend_that_refuses_is_ejected_like_one_that_refuses_connections() {
    let server = UdpServer::named("alive");
    let dead = nowhere();
    let mut balancer = Setup::to([&server]).at(dead).keys("balance = \"round-robin\"").ready();
    eventually("an ejection", || {
        assert_eq!(balancer.client().ask(b"anybody?"), "alive");
        balancer.log().iter().any(|line| line["event"] == "ejected").then_some(())
    });
}

#[test]
fn a_flow_ends_when_its_backend_goes_away_in_the_middle() {
    let server = UdpServer::named("first");
    let mut balancer = Setup::to([&server]).ready();
    let client = balancer.client();
    assert_eq!(client.ask(b"1"), "first");
    let addr = server.addr();
    drop(server);
    client.send(b"2");
    let told = balancer.wait_session("the flow", |_| true);
    assert_eq!((&told["end"], &told["by"]), (&"backend-reset".into(), &"backend".into()));
    let _again = UdpServer::start_at(addr, |_| Some(b"again".to_vec()));
    assert_eq!(client.ask(b"3"), "again", "the next datagram begins another flow");
}

#[test]
fn at_the_ceiling_the_oldest_flow_leaves() {
    let server = UdpServer::echo();
    let mut balancer = Setup::to([&server]).keys("max-sessions = 2").ready();
    let clients: Vec<_> = (0..8).map(|_| balancer.client()).collect();
    for client in &clients {
        assert_eq!(client.ask(b"!"), "!");
    }
    eventually("six that have left", || {
        let evicted = balancer.sessions().iter().filter(|line| line["end"] == "evicted").count();
        (evicted >= 6).then_some(())
    });
}
