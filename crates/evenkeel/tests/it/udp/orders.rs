//! What operators do to backends and flows while datagrams go through.

use super::setup::{Setup, ask_patiently, named, wait_flow};
use crate::harness::Running;
use evenkeel_testkit::{Server, UdpClient, UdpServer, eventually};
use std::collections::BTreeSet;

/// Two servers, and a balancer that asks them in turn.
fn two(keys: &str) -> (UdpServer, UdpServer, Setup, Running) {
    let servers = (named("a"), named("b"));
    let setup = Setup::to([&servers.0, &servers.1]).keys(&format!("balance = \"round-robin\"\n{keys}"));
    let running = setup.clone().ready();
    (servers.0, servers.1, setup, running)
}

/// New clients, with whom each is.
fn clients(setup: &Setup, count: usize) -> Vec<(String, UdpClient)> {
    let one = |_| {
        let client = setup.client();
        (ask_patiently(&client, "?"), client)
    };
    (0..count).map(one).collect()
}

/// Who serves new clients.
fn serving(setup: &Setup) -> BTreeSet<String> {
    clients(setup, 6).into_iter().map(|(name, _)| name).collect()
}

fn ordered(running: &Running, args: &str) {
    let (code, _, errors) = running.command(args);
    assert_eq!(code, 0, "{args}: {errors}");
}

fn of(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

/// Waits until so many flows with `server` were drained.
fn wait_drained(running: &mut Running, server: &UdpServer, count: usize) {
    let addr = server.addr().to_string();
    eventually("they are drained", || {
        let lines = running.sessions();
        let of_server = lines.iter().filter(|it| it["backend"] == addr && it["end"] == "drain");
        (of_server.count() == count).then_some(())
    });
}

#[test]
fn a_backend_drains_is_disabled_and_comes_back() {
    let (_a, b, setup, mut running) = two("");
    let open = clients(&setup, 4);
    ordered(&running, &format!("drain dns {}", b.addr()));
    assert_eq!(serving(&setup), of(&["a"]));
    for (name, client) in &open {
        assert_eq!(ask_patiently(client, "go on"), *name, "flows that there are go on");
    }
    ordered(&running, &format!("disable dns {}", b.addr()));
    wait_drained(&mut running, &b, 2);
    for (_, client) in &open {
        assert_eq!(ask_patiently(client, "and now"), "a", "the next datagram begins another flow");
    }
    ordered(&running, &format!("enable dns {}", b.addr()));
    eventually("it is back", || serving(&setup).contains("b").then_some(()));
}

#[test]
fn a_weight_holds_for_new_flows() {
    let (a, b, setup, running) = two("");
    let open = clients(&setup, 4);
    ordered(&running, &format!("weight dns {} 0", b.addr()));
    assert_eq!(serving(&setup), of(&["a"]));
    for (name, client) in &open {
        assert_eq!(ask_patiently(client, "go on"), *name);
    }
    ordered(&running, &format!("weight dns {} 3", b.addr()));
    ordered(&running, &format!("weight dns {} 1", a.addr()));
    let shares = clients(&setup, 8);
    assert_eq!(shares.iter().filter(|(name, _)| name == "b").count(), 6);
}

#[test]
fn flows_of_a_removed_backend_stay_unless_the_pool_says_otherwise() {
    for (on_remove, goes_on) in [("keep", true), ("cut", false), ("drain(300ms)", false)] {
        let (_a, b, setup, mut running) = two(&format!("on-remove = \"{on_remove}\""));
        let open = clients(&setup, 4);
        ordered(&running, &format!("remove dns {}", b.addr()));
        assert_eq!(serving(&setup), of(&["a"]));
        if !goes_on {
            wait_drained(&mut running, &b, 2);
        }
        for (name, client) in &open {
            assert_eq!(ask_patiently(client, "go on"), if goes_on { name } else { "a" }, "{on_remove}");
        }
    }
}

#[test]
fn flows_of_a_backend_that_is_down_are_cut_if_the_pool_says_so() {
    let (mut checked, server) = (Server::echo(), UdpServer::named("a"));
    let port = checked.place().to_string().rsplit(':').next().unwrap().to_owned();
    let health = format!("{{ tcp = true, port = {port}, interval = \"50ms\", fast-interval = \"50ms\" }}");
    let setup = Setup::to([&server]).keys(&format!("on-down = \"cut\"\nhealth = {health}"));
    let mut running = setup.plain().spawn();
    running.wait_for("that it is up", |line| line["event"] == "up" && line["pool"] == "dns");
    assert_eq!(ask_patiently(&setup.client(), ""), "a");
    checked.stop();
    let told = wait_flow(&mut running, |it| it["backend"] == server.addr().to_string());
    assert_eq!((&told["end"], &told["by"]), (&"drain".into(), &"evenkeel".into()));
}

#[test]
fn flows_are_listed_explained_and_closed_one_by_one() {
    let (a, _b, setup, mut running) = two("");
    let open = clients(&setup, 4);
    let listed = running.ask("GET", &format!("/api/v1/sessions?service=dns&backend={}", a.addr())).json();
    let listed = listed["sessions"].as_array().unwrap().clone();
    assert_eq!(listed.len(), 2);
    let ports: BTreeSet<String> = listed.iter().map(|it| it["client"].as_str().unwrap().to_owned()).collect();
    let with_a = open.iter().filter(|(name, _)| name == "a");
    assert_eq!(ports, with_a.map(|(_, client)| client.addr().to_string()).collect());
    assert!(listed.iter().all(|it| it["to_client"].as_u64().unwrap() > 0), "{listed:?}");
    let id = &listed[0]["id"];
    let (code, said, errors) = running.command(&format!("why session {id}"));
    assert!(code == 0 && said.contains(&a.addr().to_string()), "{said}{errors}");
    ordered(&running, &format!("sessions --close --id {id}"));
    let told = wait_flow(&mut running, |it| it["id"] == *id);
    assert_eq!((&told["end"], &told["datagrams_to_backend"]), (&"order".into(), &1.into()));
    let left = running.ask("GET", "/api/v1/sessions?service=dns").json();
    assert_eq!(left["sessions"].as_array().unwrap().len(), 3);
}
