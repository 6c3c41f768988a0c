//! The control loop with a real plane and real sockets, one event at a time.

use super::question::{Applied, Wanted};
use super::upgrade::{LATER, TRIES_SOON};
use super::*;
use crate::config::{self, Loaded, Problems};
use crate::run;
use crate::upgrade::arrive::Arrived;
use crate::upgrade::counted::Counted;
use evenkeel_proxy::Totals;
use evenkeel_testkit::{Ending, Peer, Place, Server, port};
use std::net::TcpListener;
use tokio::sync::mpsc;

/// A loop whose service listens on `listen` and sends to `server`, and what happens to it.
fn start(listen: u16, server: &Server) -> (Loop, Receiver<Input>) {
    let (inputs, received) = mpsc::channel(100);
    let options = run::Options {
        began: Instant::now(),
        inherited: Inherited::new(),
        source: None,
        flags: None,
        again: Err("a test"),
        predecessor: None,
        demo: false,
    };
    let loaded = load(listen, server).unwrap();
    let control = run::start(loaded, options, inputs).unwrap();
    let mut turning = Loop::new(Control { manner: Manner::Service, ..control });
    turning.perform();
    (turning, received)
}

fn load(listen: u16, server: &Server) -> Result<Loaded, Problems> {
    let text = format!(
        "sandbox = \"off\"\nlog = \"off\"\nworkers = 1\nlame-duck = \"0s\"\ndrain = \"10s\"\n\
         [tcp.web]\nlisten = \"127.0.0.1:{listen}\"\nto = \"127.0.0.1:{}\"\nhealth = \"off\"\n",
        server.port()
    );
    config::load(&Source::Text(text))
}

fn loaded(loaded: Result<Loaded, Problems>) -> Load {
    Load { loaded, before: WatchedFiles::default() }
}

/// Lets events come until `is_done`, under a deadline.
async fn turn_until(turning: &mut Loop, inputs: &mut Receiver<Input>, is_done: impl Fn(&Loop) -> bool) {
    let turn = async {
        while !is_done(turning) {
            turning.handle_input(inputs.recv().await.unwrap());
            turning.perform();
        }
    };
    timeout(evenkeel_testkit::PATIENCE, turn).await.expect("not in time");
}

fn connect(port: u16) -> Peer {
    Peer::connect(&Place::local(port))
}

#[tokio::test]
async fn a_reload_moves_the_listener_and_keeps_sessions() {
    let echo = Server::echo();
    let (old, new) = (port::free(), port::free());
    let (mut turning, inputs) = start(old, &echo);
    let session = connect(old);
    session.check_echo("before");

    turning.handle_loaded(Instant::now(), loaded(load(new, &echo)), None);
    turning.perform();
    connect(new).check_echo("on the new one");
    session.check_echo("after");
    evenkeel_testkit::eventually("the old one closes", || TcpListener::bind(("127.0.0.1", old)).ok());
    turning.end(inputs);
    assert_eq!(session.ending(), Ending::Reset, "a cut does not look like an end");
}

#[tokio::test]
async fn a_reload_with_a_port_in_use_changes_nothing() {
    let echo = Server::echo();
    let listen = port::free();
    let (mut turning, _inputs) = start(listen, &echo);
    let generation = turning.control.director.snapshot().generation;
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    turning.handle_loaded(Instant::now(), loaded(load(port, &echo)), None);
    let wrong = config::load(&Source::Text("oops = 1".to_owned()));
    turning.handle_loaded(Instant::now(), loaded(wrong), None);
    turning.perform();
    assert_eq!(turning.control.director.snapshot().generation, generation);
    connect(listen).check_echo("as before");
}

#[tokio::test]
async fn term_lets_sessions_end_and_then_ends() {
    let echo = Server::echo();
    let listen = port::free();
    let (mut turning, mut inputs) = start(listen, &echo);
    let session = connect(listen);
    session.check_echo("before");

    turning.handle_signal(Signal::Term);
    assert!(turning.phase_ends().unwrap() <= Instant::now(), "no lame duck was asked for");
    turning.handle_phase_end();
    evenkeel_testkit::eventually("it accepts no more", || Peer::try_connect(&Place::local(listen)).err());
    session.check_echo("while it drains");
    turning.handle_loaded(Instant::now(), loaded(load(listen, &echo)), None);
    assert!(matches!(turning.phase, Phase::Draining(_)), "a reload is too late");
    assert_eq!(turning.ended, None);
    drop(session);
    turn_until(&mut turning, &mut inputs, |turning| turning.ended.is_some()).await;
    assert_eq!(turning.ended, Some("drained"));
}

#[tokio::test]
async fn a_trial_ends_when_its_time_is_over_and_not_before() {
    let echo = Server::echo();
    let (old, new) = (port::free(), port::free());
    let (mut turning, _inputs) = start(old, &echo);
    let given = Given { path: "evenkeel.toml".into(), text: String::new() };
    let applied = Applied { given, loaded: load(new, &echo).unwrap() };
    let wanted = Wanted { by: "a test".to_owned(), what: "apply".to_owned() };
    let (time, began) = (Duration::from_secs(60), Instant::now());
    turning.apply(applied, Some(time), wanted).unwrap();
    let ends = turning.trial_ends().unwrap();
    assert!(ends >= began + time && ends <= Instant::now() + time);
    turning.judge(ends - Duration::from_millis(1));
    connect(new).check_echo("on trial");
    turning.judge(ends);
    assert_eq!(turning.trial_ends(), None);
    connect(old).check_echo("as it was");
}

#[tokio::test]
async fn a_trial_that_cannot_go_back_is_tried_again_until_it_can() {
    let echo = Server::echo();
    let (old, new) = (port::free(), port::free());
    let (mut turning, _inputs) = start(old, &echo);
    let given = Given { path: "evenkeel.toml".into(), text: String::new() };
    let applied = Applied { given, loaded: load(new, &echo).unwrap() };
    let wanted = Wanted { by: "a test".to_owned(), what: "apply".to_owned() };
    turning.apply(applied, Some(Duration::from_secs(60)), wanted).unwrap();
    let taken =
        evenkeel_testkit::eventually("the old one is left", || TcpListener::bind(("127.0.0.1", old)).ok());
    for _ in 0..3 {
        let ends = turning.trial_ends().unwrap();
        turning.judge(ends);
        assert!(turning.trial_ends().unwrap() > ends, "it is not tried all the time");
    }
    assert_eq!(turning.reloads.refused, 1, "told once");
    connect(new).check_echo("still on trial");
    drop(taken);
    turning.judge(turning.trial_ends().unwrap());
    assert_eq!(turning.trial_ends(), None);
    connect(old).check_echo("as it was");
}

#[tokio::test]
async fn an_address_of_the_admin_api_that_somebody_else_has_is_tried_for_less_often() {
    let echo = Server::echo();
    let (mut turning, _inputs) = start(port::free(), &echo);
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let admin = format!(
        "[admin]\nlisten = \"{}\"\n[tcp.web]\nlisten = \":1\"\nto = \"127.0.0.1:2\"",
        taken.local_addr().unwrap()
    );
    turning.control.settings.admin = config::load(&Source::Text(admin)).unwrap().settings.admin;
    let due = |turning: &Loop| turning.admin_due.map(|due| due.saturating_duration_since(Instant::now()));
    (1..TRIES_SOON).for_each(|_| turning.bind_admin());
    assert!(due(&turning).unwrap() < LATER / 2, "it may only just be left");
    turning.bind_admin();
    assert!(due(&turning).unwrap() > LATER / 2);
    drop(taken);
    turning.bind_admin();
    assert_eq!((due(&turning), turning.admin_tries), (None, 0));
    assert!(turning.control.admin.is_some());
}

#[tokio::test]
async fn an_admin_api_whose_token_is_gone_comes_back_with_it() {
    let echo = Server::echo();
    let (mut turning, _inputs) = start(port::free(), &echo);
    let folder = tempfile::tempdir().unwrap();
    let token = folder.path().join("token");
    let admin = format!(
        "[admin]\nlisten = \"127.0.0.1:{}\"\ntoken-file = {token:?}\n[tcp.web]\nlisten = \":1\"\nto = \"127.0.0.1:2\"",
        port::free()
    );
    let write = || std::fs::write(&token, "0123456789abcdef0123456789abcdef").unwrap();
    write();
    turning.control.settings.admin = config::load(&Source::Text(admin)).unwrap().settings.admin;
    std::fs::remove_file(&token).unwrap();
    turning.bind_admin();
    assert!(turning.admin_due.is_some() && turning.control.admin.is_none());
    write();
    turning.bind_admin();
    assert!(turning.admin_due.is_none() && turning.control.admin.is_some());
}

#[tokio::test]
async fn lines_that_the_process_before_has_dropped_are_not_told_again() {
    let echo = Server::echo();
    let [(old, _), (mut new, _inputs)] = [(), ()].map(|()| start(port::free(), &echo));
    let dropped = Totals { records_dropped: 7, reports_dropped: 2, ..old.control.plane.totals() };
    old.control.plane.count_on_from(&dropped, &Default::default(), &Default::default());
    let counted = Counted::by(&old.control.plane, Vec::new());
    new.handle_arrived(&Arrived { counted: Some(counted) });
    assert_eq!((new.dropped(), new.told_dropped, new.known_lost), (7, 7, 2));
}

#[tokio::test]
async fn source_ports_that_run_short_are_told_once() {
    let echo = Server::echo();
    let listen = port::free();
    let (mut turning, _inputs) = start(listen, &echo);
    turning.ports = Ports::new(1..=2);
    let sessions = [connect(listen), connect(listen)];
    sessions.iter().for_each(|session| session.check_echo("hello"));
    let told = turning.scarce_ports();
    assert!(matches!(told[..], [Notice::PortsScarce { sessions: 2, ports: 2, .. }]), "{told:?}");
    assert!(turning.scarce_ports().is_empty());
}

#[tokio::test]
async fn a_second_term_ends_at_once() {
    let echo = Server::echo();
    let (mut turning, _inputs) = start(port::free(), &echo);
    turning.handle_signal(Signal::Hup);
    turning.handle_signal(Signal::Usr1);
    turning.handle_signal(Signal::Term);
    assert_eq!(turning.ended, None);
    let ended = evenkeel_testkit::eventually("one that is not the same any more", || {
        turning.handle_signal(Signal::Term);
        turning.ended
    });
    assert_eq!(ended, "SIGTERM");
}

#[tokio::test]
async fn it_ends_though_a_worker_waits_to_say_that_it_has_drained() {
    let mut gone = Server::echo();
    gone.stop();
    let listen = port::free();
    let (mut turning, inputs) = start(listen, &gone);
    // Nobody takes the inputs: what the plane reports piles up, a failed connect for each client.
    evenkeel_testkit::eventually("there is no room for a report", || {
        (0..100).for_each(|_| drop(Peer::try_connect(&Place::local(listen))));
        (turning.control.plane.totals().reports_dropped > 0).then_some(())
    });
    turning.control.plane.drain(Duration::ZERO);
    let (ending, ended) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        turning.end(inputs);
        let _ = ending.send(());
    });
    ended.recv_timeout(evenkeel_testkit::PATIENCE).expect("an end in time");
}
