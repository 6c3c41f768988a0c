//! Backends that are not there, and too little room.

use super::setup::{Setup, ask_patiently, named, wait_flow};
use evenkeel_testkit::limits::set_descriptors_of;
use evenkeel_testkit::{Server, UdpServer, eventually};
use std::net::{SocketAddr, UdpSocket};

/// Where nobody listens.
fn nowhere() -> SocketAddr {
    UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

#[test]
fn a_datagram_that_a_dead_backend_refused_goes_to_a_live_one() {
    let server = UdpServer::named("alive");
    let keys = "balance = \"round-robin\"\neject = \"off\"";
    let setup = Setup::to([&server]).at(nowhere()).keys(keys);
    let _running = setup.clone().ready();
    for _ in 0..10 {
        assert_eq!(setup.client().ask(b"anybody?"), "alive", "without being sent again");
    }
}

#[test]
fn a_backend_that_gets_a_flow_from_a_dead_one_is_told_where_the_client_is() {
    let server = UdpServer::echo();
    let keys = "balance = \"round-robin\"\neject = \"off\"\nsend-proxy = \"v2\"";
    let setup = Setup::to([&server]).at(nowhere()).keys(keys);
    let _running = setup.clone().ready();
    // The long one is not kept for another backend, the short one is; and only the last one is.
    for first in [vec![b'x'; 1600], b"short".to_vec()] {
        let answered: Vec<bool> = (0..4)
            .map(|_| {
                let client = setup.client();
                client.send(&first);
                client.send(b"second");
                let answer = client.receive();
                assert_eq!((&answer[..12], answer[13]), (&b"\r\n\r\n\0\r\nQUIT\n"[..], 0x12));
                answer[28..] == first
            })
            .collect();
        assert!(answered.contains(&true), "each flow begins at the next backend");
        assert!(first.len() < 1500 || answered.contains(&false));
    }
}

#[test]
fn a_backend_that_refuses_is_ejected_like_one_that_refuses_connections() {
    let server = UdpServer::named("alive");
    let setup = Setup::to([&server]).at(nowhere()).keys("balance = \"round-robin\"");
    let mut balancer = setup.clone().ready();
    eventually("an ejection", || {
        assert_eq!(setup.client().ask(b"anybody?"), "alive");
        balancer.log().iter().any(|line| line["event"] == "ejected").then_some(())
    });
}

#[test]
fn a_client_that_keeps_asking_a_silent_backend_gets_another_one() {
    let servers = [UdpServer::mute(), named("b")];
    // By `first` it would be the silent one again and again.
    let setup = Setup::to(&servers).keys("balance = \"first\"\ntimeout.unanswered = \"1s\"");
    let mut running = setup.clone().ready();
    assert_eq!(ask_patiently(&setup.client(), "anybody?"), "b");
    let told = wait_flow(&mut running, |_| true);
    assert_eq!((&told["end"], &told["datagrams_to_client"]), (&"unanswered".into(), &0.into()));
}

#[test]
fn a_flow_whose_backend_is_down_goes_on_elsewhere_unless_it_is_to_stay() {
    for (keys, goes_to) in [("", "b"), ("on-down = \"keep\"\n", "a")] {
        let (mut checked, good) = (Server::echo(), Server::echo());
        let servers = [named("a"), named("b")];
        let port_of = |server: &Server| server.place().to_string().rsplit(':').next().unwrap().to_owned();
        let of = |at: usize, check: &Server| {
            format!("addr = \"{}\", check-port = {}", servers[at].addr(), port_of(check))
        };
        let health = "health = { tcp = true, interval = \"50ms\", fast-interval = \"50ms\" }";
        let setup = Setup::to([]).backend(&of(0, &checked)).backend(&of(1, &good));
        let setup = setup.keys(&format!("balance = \"first\"\n{keys}{health}"));
        let mut running = setup.plain().spawn();
        for server in &servers {
            let addr = server.addr().to_string();
            running.wait_for("that it is up", |line| line["event"] == "up" && line["backend"] == addr);
        }
        let client = eventually("one that is with the first", || {
            let client = setup.client();
            (ask_patiently(&client, "?") == "a").then_some(client)
        });
        checked.stop();
        let addr = servers[0].addr().to_string();
        running.wait_for("that it is down", |line| line["event"] == "down" && line["backend"] == addr);
        eventually("where new ones go", || (ask_patiently(&setup.client(), "new") == "b").then_some(()));
        assert_eq!(ask_patiently(&client, "go on"), goes_to);
    }
}

#[test]
fn a_flow_ends_when_its_backend_goes_away_in_the_middle() {
    let server = UdpServer::named("first");
    let setup = Setup::to([&server]);
    let (client, mut balancer) = (setup.client(), setup.ready());
    assert_eq!(client.ask(b"1"), "first");
    let addr = server.addr();
    drop(server);
    client.send(b"2");
    let told = wait_flow(&mut balancer, |_| true);
    assert_eq!((&told["end"], &told["by"]), (&"backend-reset".into(), &"backend".into()));
    assert_eq!(told["backend"], addr.to_string());
    let _again = UdpServer::start_at(addr, |_| Some(b"again".to_vec()));
    assert_eq!(client.ask(b"3"), "again", "the next datagram begins another flow");
}

#[test]
fn a_service_that_drains_serves_the_flows_that_it_has_and_no_others() {
    let server = UdpServer::named("a");
    let setup = Setup::to([&server]);
    let (old, new) = (setup.client(), setup.client());
    let balancer = setup.ready();
    assert_eq!(old.ask(b"?"), "a");
    assert_eq!(balancer.command("drain dns").0, 0);
    new.send(b"anybody?");
    eventually("it is refused", || {
        let metrics = balancer.ask("GET", "/metrics").text;
        let dropped = "evenkeel_service_datagrams_dropped_total{service=\"dns\",reason=\"draining\"} 1";
        metrics.contains(dropped).then_some(())
    });
    assert_eq!(old.ask(b"?"), "a");
    assert_eq!(balancer.command("enable dns").0, 0);
    assert_eq!(new.ask(b"?"), "a");
}

#[test]
fn a_flow_ends_by_order_and_when_evenkeel_stops() {
    let server = UdpServer::named("a");
    let setup = Setup::to([&server]).top("drain = \"100ms\"");
    let client = setup.client();
    let mut balancer = setup.ready();
    assert_eq!(client.ask(b"?"), "a");
    assert_eq!(balancer.command("sessions --close --service dns").0, 0);
    assert_eq!(wait_flow(&mut balancer, |_| true)["end"], "order");
    assert_eq!(client.ask(b"?"), "a", "another flow");
    balancer.signal(evenkeel_testkit::Signal::TERM);
    let told = wait_flow(&mut balancer, |line| line["end"] == "drain");
    assert_eq!(told["by"], "evenkeel");
    assert_eq!(balancer.exit_code(), 0);
}

#[test]
fn at_the_ceiling_the_oldest_flow_leaves() {
    let server = UdpServer::echo();
    let setup = Setup::to([&server]).keys("max-sessions = 2");
    let clients: Vec<_> = (0..8).map(|_| setup.client()).collect();
    let mut balancer = setup.ready();
    for client in &clients {
        assert_eq!(client.ask(b"!"), "!");
    }
    eventually("six that have left", || {
        let evicted = balancer.sessions().iter().filter(|line| line["end"] == "evicted").count();
        (evicted >= 6).then_some(())
    });
}

#[test]
fn when_descriptors_run_out_the_oldest_flow_leaves_for_the_next_one() {
    let server = UdpServer::echo();
    let setup = Setup::to([&server]);
    let clients: Vec<_> = (0..24).map(|_| setup.client()).collect();
    let mut balancer = setup.ready();
    let (first, later) = clients.split_at(16);
    first.iter().for_each(|client| assert_eq!(client.ask(b"!"), "!"));
    set_descriptors_of(balancer.pid(), Some(balancer.descriptors() as u64));
    later.iter().for_each(|client| drop(ask_patiently(client, "?")));
    set_descriptors_of(balancer.pid(), None);
    assert_eq!(wait_flow(&mut balancer, |_| true)["end"], "evicted");
    assert_eq!(balancer.count_events("panicked"), 0);
    assert_eq!(balancer.command("sessions --close --service dns").0, 0);
    eventually("all of them are gone", || {
        let open = balancer.ask("GET", "/api/v1/sessions?service=dns").json();
        open["sessions"].as_array().expect("a list").is_empty().then_some(())
    });
}
