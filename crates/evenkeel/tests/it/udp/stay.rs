//! Flows stay where they are, whatever is reloaded and whoever takes over.

use super::setup::{Setup, ask_patiently, named};
use crate::chain::Chain;
use evenkeel_testkit::{UdpClient, UdpServer, eventually};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

const FLOWS: usize = 1000;

/// The `step`th of several configurations, each of which would send new flows elsewhere.
fn changed(setup: &Setup, step: usize) -> String {
    let balance = ["round-robin", "least-conn", "maglev", "random", "first"][step % 5];
    let keys = format!(
        "balance = \"{balance}\"\ntimeout = {{ flow = \"{}m\" }}\nmax-sessions = {}\non-remove = \"keep\"",
        10 + step,
        4000 + step
    );
    let text = setup.clone().keys(&keys).text();
    // Every third has one backend less.
    match (step % 3, text.rfind(", \"127.0.0.1")) {
        (0, Some(last)) => {
            let end = last + text[last..].find(']').expect("the end of the list");
            format!("{}{}", &text[..last], &text[end..])
        }
        _ => text,
    }
}

fn names(clients: &[UdpClient], round: usize) -> Vec<String> {
    clients.iter().map(|client| ask_patiently(client, &format!("?{round}"))).collect()
}

#[test]
fn a_thousand_flows_stay_over_twenty_reloads_and_three_upgrades() {
    let servers = [named("a"), named("b"), named("c")];
    let setup = Setup::to(&servers);
    let mut chain = Chain::new(setup.plain());
    let clients: Vec<UdpClient> = (0..FLOWS).map(|_| setup.client()).collect();
    let first = names(&clients, 0);
    assert!(["a", "b", "c"].iter().all(|name| first.iter().filter(|it| it == name).count() > FLOWS / 10));
    let file = chain.file("evenkeel.toml");
    for step in 1..=20 {
        std::fs::write(&file, changed(&setup, step)).unwrap();
        let (code, _, errors) = chain.command("reload");
        assert_eq!(code, 0, "{errors}");
        if step % 7 == 0 || step == 20 {
            let told = chain.upgrade();
            assert_eq!(told["sessions"], FLOWS, "{told}");
        }
        assert!(names(&clients, step) == first, "step {step}");
    }
    chain.wait_alone();
    assert!(names(&clients, 21) == first);
    let dns = chain.sessions().into_iter().filter(|line| line["service"] == "dns").count();
    assert_eq!(dns, 0, "no flow has ended");
}

#[test]
fn no_datagram_is_lost_over_an_upgrade() {
    let server = named("a");
    let setup = Setup::to([&server]);
    let mut chain = Chain::new(setup.plain());
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for number in 0..8 {
            let (client, stop) = (setup.client(), &stop);
            scope.spawn(move || {
                let mut asked = 0;
                while !stop.load(Relaxed) {
                    let question = format!("?{number}.{asked}");
                    // Once: one that is lost is missed.
                    assert_eq!(client.ask(question.as_bytes()), format!("a{question}"));
                    asked += 1;
                }
                assert!(asked > 10);
            });
        }
        for _ in 0..3 {
            assert_eq!(chain.upgrade()["sessions"], 8);
        }
        stop.store(true, Relaxed);
    });
    assert_eq!(chain.sessions().len(), 0);
}

#[test]
fn flows_of_a_service_that_drains_go_on_over_an_upgrade() {
    let server = named("a");
    let setup = Setup::to([&server]);
    let mut chain = Chain::new(setup.plain());
    let clients: Vec<UdpClient> = (0..20).map(|_| setup.client()).collect();
    names(&clients, 0);
    assert_eq!(chain.command("drain dns").0, 0);
    assert_eq!(chain.upgrade()["sessions"], 20);
    names(&clients, 1);
    assert_eq!(chain.sessions().len(), 0, "no flow has ended");
    let late = setup.client();
    late.send(b"?");
    eventually("it is not let in", || {
        let dropped = "evenkeel_service_datagrams_dropped_total{service=\"dns\",reason=\"draining\"} 1";
        chain.ask("GET", "/metrics").text.contains(dropped).then_some(())
    });
    assert_eq!(chain.command("enable dns").0, 0);
    assert_eq!(ask_patiently(&late, "now"), "a");
}

#[test]
fn a_flow_whose_listener_goes_is_over_and_the_address_is_free() {
    let server = UdpServer::named("a");
    let setup = Setup::to([&server]);
    let mut balancer = setup.clone().ready();
    assert_eq!(setup.client().ask(b"?"), "a");
    let file = balancer.file("evenkeel.toml");
    let text = setup.text();
    std::fs::write(&file, &text[..text.find("[udp.dns]").expect("its table")]).unwrap();
    assert_eq!(balancer.command("reload").0, 0);
    let told = super::setup::wait_flow(&mut balancer, |_| true);
    assert_eq!(told["end"], "drain");
    let _free = std::net::UdpSocket::bind(setup.addr()).unwrap();
}
