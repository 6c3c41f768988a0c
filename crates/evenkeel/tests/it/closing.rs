//! Listeners that close: whoever has come is served, whoever comes later is refused, and nobody is reset in between.

use crate::harness::{Running, Setup};
use evenkeel_testkit::{Peer, Place, Server, Signal, eventually, port};
use std::io::ErrorKind;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// Clients that come one after the other, so many at once.
const CLIENTS: usize = 8;

/// So many workers: the sockets of a listener do not close at the same time.
const WORKERS: &str = "workers = 4";

/// A service at `place`, or at any.
fn setup(server: &Server, place: Option<Place>) -> Setup {
    let mut setup = Setup::to([server.place()]).top(WORKERS);
    setup.listen = place.unwrap_or(setup.listen);
    setup
}

/// Has clients come until each is refused, and `close` happen meanwhile; how many were served.
fn served_until_refused(running: &mut Running, close: impl FnOnce(&mut Running)) -> usize {
    let (place, served) = (running.place.clone(), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        for _ in 0..CLIENTS {
            scope.spawn(|| {
                while come(&place) {
                    served.fetch_add(1, Relaxed);
                }
            });
        }
        eventually("clients are served", || (served.load(Relaxed) > CLIENTS).then_some(()));
        close(running);
    });
    served.into_inner()
}

/// A client comes: whether it is served, and not refused.
fn come(place: &Place) -> bool {
    match Peer::try_connect(place) {
        Ok(peer) => {
            assert_eq!(peer.exchange(b"hello").expect("to be served once it is connected"), b"hello");
            true
        }
        Err(error) => {
            // The file of a Unix socket goes with it.
            let is_refused = matches!(error.kind(), ErrorKind::ConnectionRefused | ErrorKind::NotFound);
            assert!(is_refused, "neither served nor refused: {error}");
            false
        }
    }
}

/// At a TCP port, then at a Unix socket.
fn each_kind(check: impl Fn(Option<Place>)) {
    let folder = tempfile::tempdir().unwrap();
    check(None);
    check(Some(Place::Unix(folder.path().join("socket"))));
}

#[test]
fn a_stop_resets_nobody_who_has_connected() {
    each_kind(|place| {
        let server = Server::echo();
        let mut running = setup(&server, place).ready();
        let served = served_until_refused(&mut running, |running| running.signal(Signal::TERM));
        assert_eq!(running.exit_code(), 0);
        assert_eq!(running.wait_event("stopped")["sessions"], served);
        assert_eq!(running.wait_event("stopped")["cut"], 0);
    });
}

#[test]
fn a_reload_without_a_listener_resets_nobody_who_has_connected() {
    each_kind(|place| {
        let server = Server::echo();
        let setup = setup(&server, place);
        let (text, listen) = (setup.text(), setup.listen.to_string());
        let mut running = setup.ready();
        let elsewhere = Place::local(port::free());
        let moved = text.replace(&listen, &elsewhere.to_string());
        served_until_refused(&mut running, |running| running.reload(&moved));
        assert!(come(&elsewhere));
        assert_eq!(running.count_events("accept-failed"), 0);
    });
}

#[test]
fn who_is_half_connected_when_it_stops_is_served() {
    let server = Server::echo();
    // Whoever is connected only when it says something.
    let try_once = || {
        let mut running = Setup::to([server.place()]).keys("defer-accept = \"30s\"").ready();
        let half_connected = running.connect();
        running.signal(Signal::TERM);
        running.wait_event("draining");
        let is_served = half_connected.exchange(b"hello").is_ok();
        drop(half_connected);
        assert_eq!(running.exit_code(), 0);
        is_served
    };
    // There is not much time, and the machine may be busy.
    assert!((0..5).any(|_| try_once()));
}

#[test]
fn a_listener_that_is_gone_can_be_back_at_once() {
    each_kind(|place| {
        let server = Server::echo();
        let setup = setup(&server, place);
        let (text, listen) = (setup.text(), setup.listen.to_string());
        let mut running = setup.ready();
        let elsewhere = text.replace(&listen, &Place::local(port::free()).to_string());
        for text in [&elsewhere, &text, &elsewhere, &text] {
            running.forget();
            running.reload(text);
            running.wait_event("reloaded");
        }
        for _ in 0..50 {
            assert!(come(&running.place), "the one that closes has no part in it");
        }
    });
}
