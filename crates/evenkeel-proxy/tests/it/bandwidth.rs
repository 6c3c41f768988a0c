//! Sessions whose bandwidth has a limit.

use crate::handover::move_over;
use crate::rig::{Parts, Rig};
use crate::tls::{Keys, NAME, terminate};
use evenkeel_core::end::End;
use evenkeel_core::name::ServiceName;
use evenkeel_core::objection::Objection;
use evenkeel_core::observe::{Mode, Rule};
use evenkeel_core::rate::Rate;
use evenkeel_core::side::Side;
use evenkeel_proxy::SessionRecord;
use evenkeel_testkit::pattern::Pattern;
use evenkeel_testkit::{Ending, PATIENCE, Place, Server, TlsPeer, eventually, serve};
use std::time::{Duration, Instant};

const LEN: u64 = 3_000_000;
const RATE: Rate = Rate { per_second: 4_000_000, burst: 400_000 };

/// What takes no less, however fast everything is: the rest after the burst at its rate.
const LEAST: Duration = Duration::from_millis(650);

fn parts(server: &Server) -> Parts {
    let mut parts = Parts::to(&[server.place()]);
    parts.rules.session.bandwidth = Some(Rule { limit: RATE, mode: Mode::Enforce });
    parts
}

#[test]
fn a_download_is_as_fast_as_its_limit_and_ends_in_order() {
    let pattern = Pattern::new(1);
    let server = Server::start(&Place::any(), serve::source(pattern.clone(), LEN));
    let mut rig = parts(&server).start();
    let (began, client) = (Instant::now(), rig.connect());
    assert_eq!(client.check_pattern(&pattern), (LEN, Ending::Fin));
    assert!(began.elapsed() >= LEAST, "{:?}", began.elapsed());
    client.finish();
    let record = rig.record();
    assert_eq!((record.end, record.to_client), (End::Closed(Side::Backend), LEN));
}

#[test]
fn an_upload_does_not_slow_down_what_comes_back() {
    let server = Server::echo();
    let mut rig = parts(&server).start();
    let (began, client) = (Instant::now(), rig.connect());
    let pattern = Pattern::new(2);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            client.send_pattern(&pattern, 0, LEN).unwrap();
            client.finish();
        });
        assert_eq!(client.check_pattern(&pattern), (LEN, Ending::Fin));
    });
    assert!(began.elapsed() >= LEAST, "{:?}", began.elapsed());
    let record = rig.record();
    assert_eq!((record.end, record.to_backend, record.to_client), (End::Closed(Side::Client), LEN, LEN));
}

#[test]
fn a_limit_moves_with_its_session() {
    let pattern = Pattern::new(3);
    let server = Server::start(&Place::any(), serve::source(pattern.clone(), 2 * LEN));
    let (mut old, mut new) = (parts(&server).start(), Parts::to(&[server.place()]).start());
    let (began, client) = (Instant::now(), old.connect());
    pattern.check(0, &client.receive(100_000).unwrap());
    move_over(&mut old, &mut new);
    let rest = client.receive((2 * LEN) as usize - 100_000).unwrap();
    rest.chunks(Pattern::CHUNK).fold(100_000, |at, chunk| {
        pattern.check(at, chunk);
        at + chunk.len() as u64
    });
    // A burst in each process, and what the old one had read ahead.
    assert!(began.elapsed() >= 2 * LEAST - Duration::from_millis(100), "{:?}", began.elapsed());
    client.finish();
    assert_eq!(new.record().to_client, 2 * LEN);
}

#[test]
fn whoever_resets_is_not_waited_for() {
    let server = Server::start(&Place::any(), serve::source(Pattern::new(4), 100 * LEN));
    let mut rig = parts(&server).start();
    let (began, client) = (Instant::now(), rig.connect());
    client.receive(100_000).unwrap();
    client.reset();
    assert_eq!(rig.record().end, End::Reset(Side::Client));
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
}

const SOON: Duration = Duration::from_millis(500);

/// At which `LEN` bytes would take the better part of an hour.
const SLOW: Rate = Rate { per_second: 1000, burst: 16_384 };

/// Whoever waits for a limit is not silent, and is not done where it is cut.
#[test]
fn what_is_held_up_is_neither_idle_nor_over() {
    let keys = Keys::new();
    for is_tls in [false, true] {
        let server = Server::start(&Place::any(), serve::source(Pattern::new(6), LEN));
        let mut parts = Parts::to(&[server.place()]);
        if is_tls {
            terminate(&mut parts, keys.web.server(None), PATIENCE);
        }
        let session = &mut parts.rules.session;
        session.bandwidth = Some(Rule { limit: SLOW, mode: Mode::Enforce });
        (session.idle, session.half_close) = (Some(SOON), Some(SOON));
        session.lifetime = Some(4 * SOON);
        let mut rig = parts.start();
        let (bytes, ending) = if is_tls {
            let client = TlsPeer::connect(&rig.place, &keys.client(), NAME).unwrap();
            let (bytes, ending) = client.read_to_end();
            (bytes.len() as u64, ending.unwrap())
        } else {
            let (bytes, ending) = rig.connect().read_to_end();
            (bytes.len() as u64, ending)
        };
        assert_eq!((rig.record().end, ending), (End::Lifetime, Ending::Reset), "under TLS: {is_tls}");
        assert!(bytes <= 2 * SLOW.burst, "{bytes} bytes came at once");
    }
}

fn observed(server: &Server) -> Parts {
    let mut parts = Parts::to(&[server.place()]);
    parts.rules.session.bandwidth = Some(Rule { limit: SLOW, mode: Mode::Observe });
    parts
}

fn counted(rig: &mut Rig) -> u64 {
    rig.plane().services()[&ServiceName::new("web")].observed[Objection::Bandwidth.index()]
}

fn objections(record: &SessionRecord) -> Vec<Objection> {
    record.observed.iter().collect()
}

#[test]
fn a_limit_that_observes_slows_nobody_and_tells_once_who_was_faster() {
    let pattern = Pattern::new(5);
    let server = Server::start(&Place::any(), serve::source(pattern.clone(), 20 * LEN));
    let mut rig = observed(&server).start();
    let client = rig.connect();
    pattern.check(0, &client.receive(SLOW.burst as usize + 100_000).unwrap());
    eventually("it is counted while it goes on", || (counted(&mut rig) == 1).then_some(()));
    eventually("it may be spliced", || (rig.plane().totals().pipes > 0).then_some(()));
    let rest = 20 * LEN - SLOW.burst - 100_000;
    assert_eq!(client.read_to_end().0.len() as u64, rest);
    client.finish();
    let record = rig.record();
    assert_eq!((objections(&record), record.to_client), (vec![Objection::Bandwidth], 20 * LEN));
    assert_eq!(counted(&mut rig), 1);
}

#[test]
fn whoever_is_within_a_limit_that_observes_has_nothing_against_it() {
    let server = Server::echo();
    let mut rig = observed(&server).start();
    let client = rig.connect();
    client.check_echo("a few words");
    client.finish();
    assert_eq!(objections(&rig.record()), []);
    assert_eq!(counted(&mut rig), 0);
}

#[test]
fn what_was_observed_moves_with_its_session_and_is_not_counted_again() {
    let server = Server::echo();
    let (mut old, mut new) = (observed(&server).start(), Parts::to(&[server.place()]).start());
    let client = old.connect();
    let much = vec![b'x'; 2 * SLOW.burst as usize];
    assert!(client.exchange(&much).unwrap() == much);
    eventually("it is counted", || (counted(&mut old) == 1).then_some(()));
    move_over(&mut old, &mut new);
    assert!(client.exchange(&much).unwrap() == much);
    client.finish();
    assert_eq!(objections(&new.record()), [Objection::Bandwidth]);
    assert_eq!((counted(&mut old), counted(&mut new)), (1, 0));
}
