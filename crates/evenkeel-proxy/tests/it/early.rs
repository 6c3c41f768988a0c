//! Early bytes, those of clients that have no backend yet: there is so much room for all of them together.

use crate::rig::{Parts, Rig};
use crate::route::{Edge, edge};
use crate::tls::{Keys, NAME, terminate};
use evenkeel_core::end::End;
use evenkeel_core::rejection::Rejection;
use evenkeel_testkit::hello::Hello;
use evenkeel_testkit::{Ending, PATIENCE, Peer, Server, TlsPeer, eventually};

/// What a client with an ordinary hello takes.
const ORDINARY: u64 = 4096;

fn held(rig: &mut Rig) -> u64 {
    rig.plane().totals().early_bytes
}

fn wait_held(rig: &mut Rig, bytes: u64) {
    eventually("so many are held", || (held(rig) == bytes).then_some(()));
}

fn hello() -> Vec<u8> {
    Hello::default().server_name("www.example.com").bytes()
}

/// One that has said this and will not go on.
fn pause(rig: &Rig, bytes: &[u8]) -> Peer {
    let client = rig.connect();
    client.send(bytes).unwrap();
    client
}

fn check_refused(rig: &mut Rig, client: &Peer) {
    assert_eq!(client.ending(), Ending::Reset);
    assert_eq!(rig.record().end, End::Rejected(Rejection::NoRoom));
}

#[test]
fn whoever_comes_when_all_room_is_taken_is_refused_until_somebody_leaves() {
    let mut edge = edge(|parts| parts.early_bytes = 5 * ORDINARY);
    let half = &hello()[..40];
    let mut inside: Vec<Peer> = (0..5).map(|_| pause(&edge.rig, half)).collect();
    wait_held(&mut edge.rig, 5 * ORDINARY);
    let late = pause(&edge.rig, half);
    check_refused(&mut edge.rig, &late);
    inside.pop();
    assert_eq!(edge.rig.record().end, End::ClientLeft);
    assert_eq!(edge.answer(&hello()), "www");
    for client in &inside {
        client.send(&hello()[40..]).unwrap();
        assert_eq!(client.text(), "www", "who is inside goes on");
    }
    wait_held(&mut edge.rig, 0);
}

#[test]
fn giants_leave_half_of_the_room_to_ordinary_clients() {
    let mut edge = edge(|parts| parts.early_bytes = 256 * 1024);
    let giant =
        Hello::default().server_name("www.example.com").with(0xfafa, vec![0; 65_000]).in_records(16_384);
    let giants: Vec<Peer> = (0..2).map(|_| pause(&edge.rig, &giant[..60_000])).collect();
    wait_held(&mut edge.rig, 128 * 1024);
    let third = pause(&edge.rig, &giant[..20_000]);
    check_refused(&mut edge.rig, &third);
    assert_eq!(edge.answer(&hello()), "www");
    // They are heard to their end, too.
    giants[0].send(&giant[60_000..]).unwrap();
    assert_eq!(giants[0].text(), "www");
    drop(giants);
    wait_held(&mut edge.rig, 0);
}

#[test]
fn silent_clients_take_nothing() {
    let mut edge = edge(|parts| parts.early_bytes = 5 * ORDINARY);
    let silent: Vec<Peer> = (0..50).map(|_| edge.rig.connect()).collect();
    eventually("all are open", || (edge.rig.plane().totals().open == 50).then_some(()));
    assert_eq!(held(&mut edge.rig), 0);
    assert_eq!(edge.answer(&hello()), "www");
    drop(silent);
}

#[test]
fn a_lower_limit_holds_from_then_on_and_cuts_nobody() {
    let Edge { mut rig, .. } = edge(|_| ());
    let inside = pause(&rig, &hello()[..40]);
    wait_held(&mut rig, ORDINARY);
    rig.plane().limit_early(ORDINARY);
    let late = pause(&rig, &hello()[..40]);
    check_refused(&mut rig, &late);
    inside.send(&hello()[40..]).unwrap();
    assert_eq!(rig.plane().totals().early_bytes_max, ORDINARY);
    eventually("it is connected", || (held(&mut rig) == 0).then_some(()));
}

#[test]
fn handshakes_take_their_part_and_established_sessions_none() {
    let (keys, server) = (Keys::new(), Server::echo());
    let mut parts = Parts::to(&[server.place()]);
    parts.early_bytes = 4 * ORDINARY;
    terminate(&mut parts, (*keys.server()).clone(), PATIENCE);
    let mut rig = parts.start();
    let paused: Vec<Peer> = (0..3).map(|_| pause(&rig, &hello()[..40])).collect();
    wait_held(&mut rig, 3 * ORDINARY);
    let clients: Vec<TlsPeer> = (0..5)
        .map(|_| {
            let client = TlsPeer::over(rig.connect(), &keys.client(), NAME).unwrap();
            client.check_echo("one after the other");
            client
        })
        .collect();
    assert_eq!(held(&mut rig), 3 * ORDINARY);
    let last = pause(&rig, &hello()[..40]);
    wait_held(&mut rig, 4 * ORDINARY);
    let late = pause(&rig, &hello()[..40]);
    check_refused(&mut rig, &late);
    drop((paused, last, clients));
    wait_held(&mut rig, 0);
}
