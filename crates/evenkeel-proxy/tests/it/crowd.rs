//! Sessions that come while their worker has much to do go without being watched. Nobody may notice that.

use crate::rig::{Parts, Rig};
use evenkeel_core::name::ServiceName;
use evenkeel_testkit::pattern::Pattern;
use evenkeel_testkit::{Ending, Peer, Place, Server, eventually};
use std::thread;
use std::time::Duration;

/// Clients at once.
const CLIENTS: u64 = 16;

/// Far longer than anybody is asked for.
const PAUSE: Duration = Duration::from_millis(30);

const MUCH: u64 = 400_000;

/// What a client does in one session.
type Way = fn(&Place, u64);

const WAYS: [Way; 7] = [ask, ask_and_finish, listen_first, speak_late, speak_in_parts, carry_much, leave];

/// Says `!` at once and then what it is told; pauses before it answers a `p`.
fn backend() -> Server {
    Server::start(&Place::any(), |peer: &Peer| {
        let mut buffer = vec![0; Pattern::CHUNK];
        let _ = peer.send(b"!");
        while let Ok(n @ 1..) = peer.read(&mut buffer) {
            if buffer[..n].contains(&b'p') {
                thread::sleep(PAUSE);
            }
            if peer.send(&buffer[..n]).is_err() {
                return;
            }
        }
    })
}

fn check_end(peer: &Peer, rest: &[u8]) {
    assert_eq!(peer.read_to_end(), (rest.to_vec(), Ending::Fin));
}

fn ask(place: &Place, _: u64) {
    let peer = Peer::connect(place);
    peer.send(b"q").unwrap();
    assert_eq!(peer.receive(2).unwrap(), b"!q");
    peer.finish();
    check_end(&peer, b"");
}

fn ask_and_finish(place: &Place, _: u64) {
    let peer = Peer::connect(place);
    peer.send(b"p").unwrap();
    peer.finish();
    check_end(&peer, b"!p");
}

fn listen_first(place: &Place, _: u64) {
    let peer = Peer::connect(place);
    assert_eq!(peer.receive(1).unwrap(), b"!");
    peer.check_echo("an echo");
    peer.finish();
    check_end(&peer, b"");
}

fn speak_late(place: &Place, _: u64) {
    let peer = Peer::connect(place);
    thread::sleep(PAUSE);
    peer.send(b"late").unwrap();
    assert_eq!(peer.receive(5).unwrap(), b"!late");
    thread::sleep(PAUSE);
    peer.finish();
    check_end(&peer, b"");
}

fn speak_in_parts(place: &Place, _: u64) {
    let peer = Peer::connect(place);
    for part in [b"a", b"p", b"c"] {
        peer.send(part).unwrap();
        thread::sleep(PAUSE / 10);
    }
    assert_eq!(peer.receive(4).unwrap(), b"!apc");
    peer.finish();
    check_end(&peer, b"");
}

fn carry_much(place: &Place, seed: u64) {
    let (peer, pattern) = (Peer::connect(place), Pattern::new(seed));
    thread::scope(|scope| {
        scope.spawn(|| {
            peer.send_pattern(&pattern, 0, MUCH).unwrap();
            peer.finish();
        });
        assert_eq!(peer.receive(1).unwrap(), b"!");
        assert_eq!(peer.check_pattern(&pattern), (MUCH, Ending::Fin));
    });
}

fn leave(place: &Place, _: u64) {
    let peer = Peer::connect(place);
    let _ = peer.send(b"q");
    peer.reset();
}

/// One worker, so that it has much to do.
fn rig(server: &Server) -> Rig {
    Parts { workers: 1, ..Parts::to(&[server.place()]) }.start()
}

/// Lets all clients do these things at once; how many sessions have gone unwatched until then.
fn crowd(rig: &mut Rig, ways: &[Way]) -> u64 {
    let place = &rig.place.clone();
    thread::scope(|scope| {
        for client in 0..CLIENTS {
            scope.spawn(move || {
                let (before, after) = ways.split_at(client as usize % ways.len());
                after.iter().chain(before).for_each(|way| way(place, client));
            });
        }
    });
    let plane = rig.plane();
    eventually("nobody to be left", || (plane.totals().open == 0).then_some(()));
    plane.totals().unwatched
}

#[test]
fn some_of_a_crowd_go_unwatched() {
    let (server, mut rounds) = (backend(), 0);
    let mut rig = rig(&server);
    eventually("a session that was never watched", || {
        rounds += 1;
        (crowd(&mut rig, &[ask as Way; 8]) > 0).then_some(())
    });
    let service = &rig.plane().services()[&ServiceName::new("web")];
    assert_eq!(service.accepted, rounds * CLIENTS * 8);
    assert_eq!((service.to_backend, service.to_client), (service.accepted, 2 * service.accepted));
}

#[test]
fn whatever_anybody_of_a_crowd_does_arrives() {
    let server = backend();
    let mut rig = rig(&server);
    for _ in 0..10 {
        crowd(&mut rig, &WAYS);
    }
    eventually("all backends' ends", || (server.open() == 0).then_some(()));
    // Who has left again before anybody looked may still wait to be accepted.
    eventually("all sessions' ends", || {
        let service = &rig.plane().services()[&ServiceName::new("web")];
        let all = 10 * CLIENTS * WAYS.len() as u64;
        ((service.accepted, service.ends.iter().sum::<u64>()) == (all, all)).then_some(())
    });
}

#[test]
fn one_that_comes_alone_is_watched() {
    let server = backend();
    let mut rig = rig(&server);
    (0..20).for_each(|_| ask(&rig.place, 0));
    assert_eq!(rig.plane().totals().unwatched, 0);
}
