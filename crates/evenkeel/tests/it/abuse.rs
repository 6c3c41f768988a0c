//! Strangers at the edge: thousands that stay silent, drips, giants, garbage, floods; and changes of everything while
//! they are in the middle of what they say. Each ends in a way that has a name and is counted, and meanwhile others are
//! served. How long it took is printed and never judged: the machine may be busy.

mod changes;
mod moves;
mod sources;
mod strangers;

use crate::harness::Running;
use evenkeel_testkit::hello::Hello;
use evenkeel_testkit::{Peer, Place, Server, eventually, serve};
use serde_json::Value;

/// A hello for this host.
fn hello(host: &str) -> Vec<u8> {
    Hello::default().server_name(host).alpn(&["h2"]).bytes()
}

/// An echo that says its name first.
pub fn named_echo(name: &'static str) -> Server {
    Server::start(&Place::any(), move |peer: &Peer| {
        if peer.send(name.as_bytes()).is_ok() {
            serve::echo(peer);
        }
    })
}

/// Says `bytes`, which an echo called `name` has to give back.
fn check_served(client: &Peer, bytes: &[u8], name: &str) {
    client.send(bytes).unwrap();
    let back = client.receive(name.len() + bytes.len()).unwrap();
    assert!(back == [name.as_bytes(), bytes].concat(), "{}", String::from_utf8_lossy(&back));
}

/// What is counted of a service.
fn counts(running: &Running, service: &str) -> Value {
    running.look(&format!("/api/v1/services/{service}"))
}

/// How many sessions of a service ended so.
fn ended(running: &Running, service: &str, end: &str) -> u64 {
    counts(running, service)["ends"][end].as_u64().unwrap_or(0)
}

/// Waits until so many sessions of a service have ended so.
fn wait_ended(running: &Running, service: &str, end: &str, count: usize) {
    eventually(&format!("{count} that ended as {end}"), || {
        let found = ended(running, service, end);
        assert!(found <= count as u64, "{found}: {}", counts(running, service));
        (found == count as u64).then_some(())
    });
}

/// Waits until a service has so many sessions open.
fn wait_open(running: &Running, service: &str, open: usize) {
    eventually(&format!("{open} open"), || {
        (counts(running, service)["sessions"]["open"] == open).then_some(())
    });
}

/// Whoever was accepted has ended or is open, and nothing of ours has panicked.
fn check_sums(running: &mut Running, services: &[&str]) {
    for service in services {
        eventually(&format!("the sums of {service}"), || {
            let counts = counts(running, service);
            let ends: u64 = counts["ends"].as_object()?.values().filter_map(Value::as_u64).sum();
            let sessions = &counts["sessions"];
            (sessions["accepted"] == ends + sessions["open"].as_u64()?).then_some(())
        });
    }
    assert_eq!(running.look("/api/v1/status")["panics"], 0);
    running.check_alive();
}
