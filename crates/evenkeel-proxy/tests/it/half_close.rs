//! A session that one side has ended, and how long the other is waited for: not for one that is silent, but for one that
//! reads slowly while bytes wait for it.

use crate::rig::{Parts, Rig};
use crate::tls::{Keys, NAME, terminate};
use evenkeel_core::end::End;
use evenkeel_core::observe::{Mode, Rule};
use evenkeel_core::rate::Rate;
use evenkeel_core::side::Side;
use evenkeel_testkit::pattern::Pattern;
use evenkeel_testkit::{Ending, PATIENCE, Peer, Place, Server, TlsPeer, serve};
use std::time::Duration;

/// The time of a side that is alone. A busy machine may take as long to let a backend begin its answer as it may be
/// silent here.
const ALONE: Duration = Duration::from_secs(2);

/// So much longer a reader pauses; no multiple of that, so that it goes on in between two looks at it.
const PAUSE: Duration = Duration::from_secs(3);

/// More than a client has room for, but not more than the kernel keeps for it, so that all of it has been carried.
const FITS: u64 = 300_000;

/// More than that.
const MORE: u64 = 32 << 20;

fn pattern() -> Pattern {
    Pattern::new(7)
}

fn parts(place: &Place) -> Parts {
    let mut parts = Parts::to(&[place]);
    parts.rules.session.half_close = Some(ALONE);
    parts
}

/// Waits for the client to be done, and sends more than anybody has room for.
fn answer(place: &Place) -> Server {
    Server::start(place, |peer: &Peer| {
        serve::read_away(peer).unwrap();
        let _ = peer.send_pattern(&pattern(), 0, MORE);
    })
}

/// A client that has said all that it has to say, and pauses, gets everything.
fn check_answer(mut rig: Rig) {
    let client = rig.connect();
    client.finish();
    rig.pass(PAUSE);
    assert_eq!(client.check_pattern(&pattern()), (MORE, Ending::Fin));
    assert_eq!(rig.record().end, End::Closed(Side::Client));
}

/// A client that pauses gets what its backend has left for it in the kernel, and is done then.
fn check_rest(mut rig: Rig) {
    let client = rig.connect();
    rig.pass(PAUSE);
    assert_eq!(client.check_pattern(&pattern()), (FITS, Ending::Fin));
    client.finish();
    assert_eq!(rig.record().end, End::Closed(Side::Backend));
}

#[test]
fn a_client_that_pauses_gets_its_answer() {
    check_answer(parts(answer(&Place::any()).place()).start());
}

#[test]
fn a_client_that_pauses_gets_its_answer_through_memory_alone() {
    let server = answer(&Place::any());
    let mut parts = parts(server.place());
    let limit = Rate { per_second: 1 << 40, burst: 1 << 40 };
    parts.rules.session.bandwidth = Some(Rule { limit, mode: Mode::Enforce });
    check_answer(parts.start());
}

#[test]
fn a_client_that_pauses_gets_its_answer_under_tls() {
    let (keys, server) = (Keys::new(), answer(&Place::any()));
    let mut parts = parts(server.place());
    terminate(&mut parts, keys.web.server(None), PATIENCE);
    let mut rig = parts.start();
    let client = TlsPeer::connect(&rig.place, &keys.client(), NAME).unwrap();
    client.finish();
    rig.pass(PAUSE);
    let (bytes, ending) = client.read_to_end();
    pattern().check(0, &bytes);
    assert_eq!((bytes.len() as u64, ending), (MORE, Some(Ending::Fin)));
    assert_eq!(rig.record().end, End::Closed(Side::Client));
}

#[test]
fn a_client_that_pauses_gets_what_a_backend_left_that_is_gone() {
    let server = Server::start(&Place::any(), serve::source(pattern(), FITS));
    check_rest(parts(server.place()).start());
}

#[test]
fn a_client_that_pauses_gets_everything_over_unix_sockets() {
    let folder = tempfile::tempdir().unwrap();
    let place = |name: &str| Place::Unix(folder.path().join(name));
    let server = answer(&place("answer"));
    check_answer(parts(server.place()).start_at(place("front-of-answer")));
    let server = Server::start(&place("rest"), serve::source(pattern(), FITS));
    check_rest(parts(server.place()).start_at(place("front-of-rest")));
}

#[test]
fn a_backend_that_takes_its_time_with_an_upload_gets_all_of_it() {
    let (listener, place) = Place::any().listen(1).unwrap();
    let mut rig = parts(&place).start();
    let client = rig.connect();
    client.send_pattern(&pattern(), 0, FITS).unwrap();
    client.finish();
    let backend = Peer::new(listener.accept().unwrap().0);
    rig.pass(PAUSE);
    assert_eq!(backend.check_pattern(&pattern()), (FITS, Ending::Fin));
    drop(backend);
    assert_eq!(client.ending(), Ending::Fin);
    assert_eq!(rig.record().end, End::Closed(Side::Client));
}

#[test]
fn who_has_everything_and_is_silent_is_not_waited_for_any_longer() {
    let (listener, place) = Place::any().listen(1).unwrap();
    let mut rig = parts(&place).start();
    let client = rig.connect();
    let backend = Peer::new(listener.accept().unwrap().0);
    // It never says that this was all.
    backend.send_pattern(&pattern(), 0, FITS).unwrap();
    client.finish();
    rig.pass(PAUSE);
    assert_eq!(client.check_pattern(&pattern()), (FITS, Ending::Fin));
    let record = rig.record();
    assert_eq!((record.end, record.to_client), (End::HalfClosed, FITS));
}

#[test]
fn who_never_reads_on_is_cut_when_it_was_idle_for_too_long() {
    let server = answer(&Place::any());
    let mut parts = parts(server.place());
    parts.rules.session.idle = Some(PAUSE);
    let mut rig = parts.start();
    let client = rig.connect();
    client.finish();
    let record = rig.record();
    assert_eq!(record.end, End::Idle);
    assert!(record.duration >= PAUSE, "{:?}", record.duration);
    // What is missing must not look like an end.
    assert_eq!(client.check_pattern(&pattern()).1, Ending::Reset);
}
