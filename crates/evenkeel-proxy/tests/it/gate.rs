//! Who may become a session, through real sockets.

use crate::rig::{Parts, Rig};
use evenkeel_core::access::{AccessRules, NetworkSet};
use evenkeel_core::admit::GateRules;
use evenkeel_core::end::End;
use evenkeel_core::name::ServiceName;
use evenkeel_core::network::Network;
use evenkeel_core::objection::Objection;
use evenkeel_core::objection::Reason;
use evenkeel_core::observe::{Mode, Rule};
use evenkeel_core::rate::Rate;
use evenkeel_core::reception::{AcceptProxy, Others};
use evenkeel_core::rejection::Rejection;
use evenkeel_core::wire::proxy_header::{Origin, Transport};
use evenkeel_core::wire::proxy_v1;
use evenkeel_core::wire::proxy_v2::{self, Saying};
use evenkeel_testkit::{Ending, PATIENCE, Peer, Server, eventually};
use std::sync::Arc;

fn rig(gate: GateRules) -> (Server, Rig) {
    let server = Server::echo();
    let mut parts = Parts::to(&[server.place()]);
    parts.reception.gate = gate;
    let rig = parts.start();
    (server, rig)
}

fn networks(text: &str) -> NetworkSet {
    text.split(' ').map(|text| text.parse::<Network>().unwrap()).collect()
}

fn deny(text: &str, mode: Mode) -> GateRules {
    let limit = Arc::new(AccessRules { allow: None, deny: networks(text) });
    GateRules { access: Some(Rule { limit, mode }), ..GateRules::default() }
}

fn per_source(limit: u32, mode: Mode) -> GateRules {
    GateRules { source_sessions: Some(Rule { limit, mode }), ..GateRules::default() }
}

/// What a client that is refused sees, and what is told of it.
fn check_refused(rig: &mut Rig, reason: Reason) {
    assert_eq!(rig.connect().ending(), Ending::Reset);
    let record = rig.record();
    assert_eq!(record.end, End::Rejected(Rejection::NotAdmitted(reason)));
    assert_eq!((record.backend, record.to_backend), (None, 0));
}

fn served(rig: &Rig) -> Peer {
    let client = rig.connect();
    client.check_echo("hello");
    client
}

#[test]
fn a_denied_client_is_refused_without_a_word() {
    let (server, mut rig) = rig(deny("127.0.0.0/8", Mode::Enforce));
    check_refused(&mut rig, Reason::Denied);
    assert_eq!(server.accepted(), 0);
    assert_eq!(rig.plane().totals().open, 0);
}

#[test]
fn a_rule_that_observes_lets_everybody_in_and_tells_and_counts() {
    let (_server, mut rig) = rig(deny("127.0.0.0/8", Mode::Observe));
    let client = served(&rig);
    client.finish();
    assert_eq!(client.ending(), Ending::Fin);
    let record = rig.record();
    assert!(record.end.is_ok());
    assert_eq!(record.observed.iter().collect::<Vec<_>>(), [Objection::Admission(Reason::Denied)]);
    let sums = &rig.plane().services()[&ServiceName::new("web")];
    assert_eq!(sums.observed, [1, 0, 0, 0, 0]);
}

#[test]
fn a_source_has_no_more_sessions_than_it_may_and_gets_each_back() {
    let (_server, mut rig) = rig(per_source(2, Mode::Enforce));
    let (first, _second) = (served(&rig), served(&rig));
    check_refused(&mut rig, Reason::SourceSessions);
    first.finish();
    assert_eq!(first.ending(), Ending::Fin);
    eventually("there is room again", || rig.connect().exchange(b"hello").ok());
}

#[test]
fn connections_that_come_too_fast_are_refused_after_a_burst() {
    let limit = Rate { per_second: 1, burst: 3 };
    let rule = Some(Rule { limit, mode: Mode::Enforce });
    for (gate, reason) in [
        (GateRules { rate: rule, ..GateRules::default() }, Reason::Rate),
        (GateRules { source_rate: rule, ..GateRules::default() }, Reason::SourceRate),
    ] {
        let (_server, mut rig) = rig(gate);
        let mut refused = 0;
        for _ in 0..10 {
            let client = rig.connect();
            if client.exchange(b"hello").is_ok() {
                client.finish();
                let _ = client.ending();
            }
            refused += usize::from(rig.record().end == End::Rejected(Rejection::NotAdmitted(reason)));
        }
        // At least the burst comes through; on a slow machine a few more.
        assert!((1..=7).contains(&refused), "{refused} by {reason}");
    }
}

/// An echo that believes proxies on this machine.
fn behind_a_proxy(gate: GateRules) -> (Server, Rig) {
    let server = Server::echo();
    let mut parts = Parts::to(&[server.place()]);
    parts.reception.gate = gate;
    let from = ["127.0.0.0/8".parse().unwrap()].into();
    parts.reception.accept_proxy = Some(AcceptProxy { from, others: Others::Refused, timeout: PATIENCE });
    let rig = parts.start();
    (server, rig)
}

#[test]
fn behind_a_proxy_it_is_the_client_that_counts() {
    let (_server, mut rig) = behind_a_proxy(deny("203.0.113.0/24", Mode::Enforce));
    let from = |source: &str| {
        let (source, destination) = (source.parse().unwrap(), "198.51.100.1:443".parse().unwrap());
        let mut header = Vec::new();
        proxy_v1::write(&Origin::Ip { transport: Transport::Stream, source, destination }, &mut header);
        header
    };
    let good = rig.connect();
    good.send(&from("198.51.100.7:4711")).unwrap();
    good.check_echo("hello");
    let bad = rig.connect();
    bad.send(&from("203.0.113.7:4711")).unwrap();
    assert_eq!(bad.ending(), Ending::Reset);
    assert_eq!(rig.record().end, End::Rejected(Rejection::NotAdmitted(Reason::Denied)));
}

#[test]
fn a_client_without_an_address_counts_as_its_proxy() {
    let mut header = Vec::new();
    let origin = Origin::Unix { transport: Transport::Stream, source: b"/run/client", destination: b"" };
    proxy_v2::write(&origin, &Saying::default(), &mut header).unwrap();
    for (denied, is_served) in [("203.0.113.0/24", true), ("127.0.0.0/8", false)] {
        let (_server, rig) = behind_a_proxy(deny(denied, Mode::Enforce));
        let client = rig.connect();
        client.send(&header).unwrap();
        assert_eq!(client.exchange(b"hello").is_ok(), is_served, "{denied}");
    }
}
