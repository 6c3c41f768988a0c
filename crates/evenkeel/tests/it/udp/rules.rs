//! Who may begin a flow, and how many of them: the rules of sessions hold for flows.

use super::setup::{Setup, ask_patiently, wait_flow};
use crate::harness::Running;
use evenkeel_testkit::{UdpClient, UdpServer, eventually};
use std::net::IpAddr;
use std::time::{Duration, Instant};

/// A client with this address.
fn client_at(addr: &str, setup: &Setup) -> UdpClient {
    UdpClient::from(addr.parse::<IpAddr>().unwrap(), setup.addr())
}

/// Datagrams of new flows that were not taken.
fn refused(running: &Running) -> u64 {
    let metrics = running.ask("GET", "/metrics").text;
    let name = "evenkeel_service_datagrams_dropped_total{service=\"dns\",reason=\"no-flow\"} ";
    let line = metrics.lines().find_map(|line| line.strip_prefix(name));
    line.map_or(0, |count| count.parse().unwrap())
}

/// Asks, and is not let in.
fn check_refused(running: &Running, client: &UdpClient) {
    let before = refused(running);
    client.send(b"anybody?");
    eventually("it is refused", || (refused(running) > before).then_some(()));
    assert!(client.receive_by(Instant::now() + Duration::from_millis(1)).is_none());
}

#[test]
fn only_who_is_allowed_begins_a_flow() {
    let server = UdpServer::named("a");
    let setup = Setup::to([&server]).keys("allow = \"127.0.0.0/28\"\ndeny = \"127.0.0.3\"");
    let mut running = setup.clone().ready();
    assert_eq!(client_at("127.0.0.2", &setup).ask(b"?"), "a");
    for addr in ["127.0.0.3", "127.0.0.77"] {
        check_refused(&running, &client_at(addr, &setup));
        let told = wait_flow(&mut running, |it| it["client"].as_str().unwrap().starts_with(addr));
        assert_eq!((&told["end"], &told["backend"]), (&"not-allowed".into(), &serde_json::Value::Null));
    }
    assert_eq!(server.received(), 1, "no backend hears of them");
}

#[test]
fn a_list_that_changes_holds_for_the_next_flow() {
    let folder = tempfile::tempdir().unwrap();
    let list = folder.path().join("blocked.txt");
    std::fs::write(&list, "").unwrap();
    let server = UdpServer::named("a");
    let setup = Setup::to([&server]).keys(&format!("deny = \"file:{}\"", list.display()));
    let mut running = setup.clone().ready();
    let open = setup.client();
    assert_eq!(open.ask(b"?"), "a");
    std::fs::write(&list, "127.0.0.0/8\n").unwrap();
    running.wait_event("reloaded");
    check_refused(&running, &setup.client());
    assert_eq!(open.ask(b"?"), "a", "a flow keeps what it was born with");
}

#[test]
fn a_source_has_so_many_flows_and_again_when_one_is_over() {
    let server = UdpServer::named("a");
    let setup = Setup::to([&server]).keys("max-sessions-per-source = 2");
    let mut running = setup.clone().ready();
    let clients = [setup.client(), setup.client()];
    clients.iter().for_each(|client| assert_eq!(client.ask(b"?"), "a"));
    let third = setup.client();
    check_refused(&running, &third);
    assert_eq!(wait_flow(&mut running, |_| true)["end"], "source-sessions");
    assert_eq!(client_at("127.0.0.2", &setup).ask(b"?"), "a", "another source");
    clients.iter().for_each(|client| assert_eq!(client.ask(b"?"), "a"));
    assert_eq!(running.command("sessions --close --service dns").0, 0);
    ask_patiently(&third, "");
}

#[test]
fn flows_begin_at_a_rate() {
    for (key, end) in [("max-rate-per-source", "source-rate"), ("max-rate", "rate")] {
        let server = UdpServer::named("a");
        let setup = Setup::to([&server]).keys(&format!("{key} = {{ rate = \"1/s\", burst = 2 }}"));
        let mut running = setup.clone().ready();
        let clients = [setup.client(), setup.client()];
        clients.iter().for_each(|client| assert_eq!(client.ask(b"?"), "a"));
        eventually("one is too much", || {
            setup.client().send(b"?");
            running.sessions().iter().find(|it| it["end"] == end).map(drop)
        });
        // A rate is of flows, not of datagrams.
        (0..20).for_each(|_| assert_eq!(clients[0].ask(b"?"), "a"));
    }
}

#[test]
fn rules_that_observe_let_everybody_in_and_say_whom_they_meant() {
    let server = UdpServer::named("a");
    let keys = "deny = \"127.0.0.0/8\"\naccess-mode = \"observe\"\n\
                max-sessions-per-source = { limit = 1, mode = \"observe\" }\n\
                max-rate-per-source = { rate = \"1/s\", burst = 1, mode = \"observe\" }\n\
                max-rate = { rate = \"1/s\", burst = 1, mode = \"observe\" }";
    let setup = Setup::to([&server]).keys(keys);
    let mut running = setup.clone().ready();
    for client in [setup.client(), setup.client()] {
        assert_eq!(client.ask(b"?"), "a");
    }
    assert_eq!(running.command("sessions --close --service dns").0, 0);
    let told = wait_flow(&mut running, |it| it["observed"].as_array().unwrap().len() > 1);
    let all = serde_json::json!(["not-allowed", "source-sessions", "source-rate", "rate"]);
    assert_eq!(told["observed"], all);
    assert_eq!(refused(&running), 0);
}

/// How many flows the service `dns` has.
fn open(running: &Running) -> u64 {
    running.ask("GET", "/api/v1/services/dns").json()["sessions"]["open"].as_u64().unwrap()
}

#[test]
fn a_limit_that_sinks_is_for_the_service_itself_and_new_clients_are_served() {
    let servers = [UdpServer::named("a"), UdpServer::named("b")];
    let other = format!("127.0.0.1:{}", evenkeel_testkit::port::free());
    // The last lines of its keys are a service of their own.
    let keys = |limit: u32| {
        format!("max-sessions = {limit}\n[udp.other]\nlisten = \"{other}\"\nto = \"{}\"", servers[1].addr())
    };
    let setup = Setup::to([&servers[0]]);
    let mut running = setup.clone().keys(&keys(400)).ready();
    let others: Vec<_> = (0..300).map(|_| UdpClient::to(other.parse().unwrap())).collect();
    others.iter().for_each(|client| assert_eq!(ask_patiently(client, ""), "b"));
    let clients: Vec<_> = (0..200).map(|_| setup.client()).collect();
    clients.iter().for_each(|client| assert_eq!(ask_patiently(client, ""), "a"));
    let file = running.file("evenkeel.toml");
    std::fs::write(&file, setup.clone().keys(&keys(20)).text()).unwrap();
    assert_eq!(running.command("reload").0, 0);
    for _ in 0..300 {
        assert_eq!(setup.client().ask(b"?"), "a");
    }
    assert_eq!(open(&running), 20);
    assert!(
        running.sessions().iter().all(|it| it["service"] == "dns"),
        "no flow of the other service has ended"
    );
    assert_eq!(refused(&running), 0);
}

#[test]
fn with_more_workers_than_flows_each_worker_has_one() {
    let server = UdpServer::named("a");
    let setup = Setup::to([&server]).top("workers = 8").keys("max-sessions = 2");
    let running = setup.clone().ready();
    for _ in 0..50 {
        assert_eq!(setup.client().ask(b"?"), "a");
    }
    assert!(open(&running) <= 8);
}

#[test]
fn a_backend_has_so_many_flows() {
    let servers = [UdpServer::named("a"), UdpServer::named("b")];
    let setup = Setup::to(&servers).keys("max-sessions-per-backend = 1");
    let mut running = setup.clone().ready();
    let clients = [setup.client(), setup.client()];
    let mut names = clients.each_ref().map(|client| client.ask(b"?"));
    names.sort();
    assert_eq!(names, ["a", "b"]);
    let third = setup.client();
    check_refused(&running, &third);
    assert_eq!(wait_flow(&mut running, |_| true)["end"], "queue-full", "nobody can be made to wait");
    let of_one = format!("sessions --close --client 127.0.0.1 --backend {}", servers[0].addr());
    assert_eq!(running.command(&of_one).0, 0);
    assert_eq!(ask_patiently(&third, ""), "a");
}

#[test]
fn flows_that_nobody_answers_keep_no_seat_from_others_for_long() {
    let server = UdpServer::start(|question| (question != b"junk").then(|| b"a".to_vec()));
    // Each worker has flows of its own, and makes room among those.
    let setup = Setup::to([&server]).top("workers = 1").keys("max-sessions-per-backend = 4");
    let _running = setup.clone().ready();
    let junk: Vec<_> = (0..100).map(|_| setup.client()).collect();
    junk.iter().for_each(|client| client.send(b"junk"));
    let clients: Vec<_> = (0..2).map(|_| setup.client()).collect();
    for client in &clients {
        eventually("a seat", || {
            client.send(b"good");
            client.receive_by(Instant::now() + Duration::from_millis(100)).map(drop)
        });
    }
    clients.iter().for_each(|client| assert_eq!(client.ask(b"good"), "a", "those that are answered stay"));
}

#[test]
fn flows_come_from_the_addresses_that_the_pool_has_for_them() {
    let server =
        UdpServer::seeing("127.0.0.1:0".parse().unwrap(), |_, from| Some(from.ip().to_string().into_bytes()));
    let setup = Setup::to([&server]).keys("source = [\"127.0.0.21\", \"127.0.0.22\"]");
    let _running = setup.clone().ready();
    let clients: Vec<_> = (0..8).map(|_| setup.client()).collect();
    let mut seen: Vec<_> = clients.iter().map(|client| client.ask(b"?")).collect();
    seen.sort();
    seen.dedup();
    assert_eq!(seen, ["127.0.0.21", "127.0.0.22"]);
}
