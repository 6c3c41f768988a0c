//! Stopping and other signals: sessions may end, nothing is cut without need, and only what should end ends.

use crate::harness::{Running, Setup, evenkeel};
use evenkeel_testkit::{Ending, Peer, Place, Server, Signal, eventually, serve};
use std::io::{ErrorKind, Write};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::time::{Duration, Instant};

/// A session that stays open by itself, and its balancer.
fn open(setup: impl FnOnce(Setup) -> Setup) -> (Server, Running, Peer) {
    let server = Server::echo();
    let running = setup(Setup::to([server.place()])).ready();
    let client = running.connect();
    client.check_echo("hello");
    (server, running, client)
}

fn wait_refused(running: &Running) {
    eventually("new clients are refused", || {
        Peer::try_connect(&running.place).err().filter(|error| error.kind() == ErrorKind::ConnectionRefused)
    });
}

#[test]
fn term_lets_sessions_end_and_takes_no_new_ones() {
    let (_server, mut running, client) = open(|setup| setup);
    running.signal(Signal::TERM);
    assert_eq!(running.wait_event("draining")["open"], 1);
    wait_refused(&running);
    client.check_echo("still served");
    running.check_alive();
    drop(client);
    assert_eq!(running.exit_code(), 0);
    assert_eq!(running.wait_session("the session", |_| true)["end"], "ok");
    assert_eq!(running.wait_event("stopped")["cut"], 0);
}

#[test]
fn term_ends_at_once_when_there_is_no_session() {
    let server = Server::echo();
    let mut running = Setup::to([server.place()]).ready();
    let began = Instant::now();
    running.signal(Signal::TERM);
    assert_eq!(running.exit_code(), 0);
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
}

#[test]
fn what_has_not_ended_in_time_is_closed() {
    let (_server, mut running, client) = open(|setup| setup.top("drain = \"600ms\""));
    running.signal(Signal::TERM);
    client.read_to_end();
    assert_eq!(running.exit_code(), 0);
    let session = running.wait_session("the session", |_| true);
    assert_eq!((&session["end"], &session["by"]), (&"drain".into(), &"evenkeel".into()));
    assert!(session["ms"].as_f64() >= Some(300.0), "not before the second half of the time: {session}");
    assert_eq!(running.wait_event("stopped")["cut"], 1);
}

#[test]
fn a_signal_that_is_sent_twice_at_once_is_one() {
    for second in [Signal::TERM, Signal::INT] {
        let (_server, mut running, client) = open(|setup| setup);
        running.signal(Signal::TERM);
        running.signal(second);
        running.wait_event("draining");
        client.check_echo("still served");
        running.check_alive();
        drop(client);
        assert_eq!(running.exit_code(), 0);
        assert_eq!(running.wait_event("stopped")["cut"], 0);
    }
}

#[test]
fn a_second_signal_ends_at_once() {
    for second in [Signal::TERM, Signal::INT] {
        // So that it is seen when the two are not taken for one any more.
        let (_server, mut running, client) = open(|setup| setup.top("lame-duck = \"150ms\""));
        running.signal(Signal::TERM);
        running.wait_event("draining");
        running.signal(second);
        client.read_to_end();
        assert_eq!(running.exit_code(), 0);
        assert_eq!(running.wait_session("the session", |_| true)["end"], "stop");
        assert_eq!(running.wait_event("stopped")["cut"], 1);
    }
}

#[test]
fn a_client_that_still_waits_is_reset_when_it_ends_at_once() {
    let (_server, mut running, _client) =
        open(|setup| setup.keys("max-sessions-per-backend = 1\ntimeout.queue = \"60s\""));
    let waiting = running.connect();
    running.signal(Signal::QUIT);
    // Else it would look like an empty answer.
    assert_eq!(waiting.ending(), Ending::Reset);
    assert_eq!(running.exit_code(), 0);
}

#[test]
fn int_drains_when_nobody_sits_at_a_terminal() {
    let (_server, mut running, client) = open(|setup| setup);
    running.signal(Signal::INT);
    running.wait_event("draining");
    client.check_echo("still served");
    drop(client);
    assert_eq!(running.exit_code(), 0);
}

#[test]
fn quit_ends_at_once() {
    let (_server, mut running, client) = open(|setup| setup);
    running.signal(Signal::QUIT);
    client.read_to_end();
    assert_eq!(running.exit_code(), 0);
}

#[test]
fn a_lame_duck_goes_on_accepting_for_its_time() {
    let (_server, mut running, client) = open(|setup| setup.top("lame-duck = \"700ms\""));
    running.signal(Signal::TERM);
    running.wait_event("lame-duck");
    running.connect().check_echo("still accepted");
    running.wait_event("draining");
    wait_refused(&running);
    drop(client);
    assert_eq!(running.exit_code(), 0);
}

#[test]
fn signals_that_mean_nothing_here_do_nothing() {
    let (_server, mut running, client) = open(|setup| setup);
    running.signal(Signal::USR1);
    assert_eq!(running.wait_event("signal-ignored")["signal"], "SIGUSR1");
    running.signal(Signal::PIPE);
    client.check_echo("it lives");
    running.check_alive();
}

#[test]
fn signals_that_come_while_it_is_starting_do_not_kill_it() {
    let server = Server::hello("a");
    let text = Setup::to([server.place()]).text();
    // A file that is a pipe: it is starting as long as nobody writes.
    let folder = tempfile::tempdir().unwrap();
    let pipe = folder.path().join("evenkeel.toml");
    rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap();
    let mut process = evenkeel().args("run -c").arg(&pipe.display().to_string()).spawn();
    // Opening it waits until it is read.
    let mut writer = std::fs::File::options().write(true).open(&pipe).unwrap();
    for signal in [Signal::HUP, Signal::USR1, Signal::USR2] {
        process.signal(signal);
    }
    writer.write_all(text.as_bytes()).unwrap();
    drop(writer);
    process.wait_event("ready");
    process.signal(Signal::TERM);
    assert_eq!(process.exit_code(), 0);
}

#[test]
fn hup_loads_the_file_again_and_cuts_nobody() {
    let [a, b] = ["a", "b"].map(|name| Server::start(&Place::any(), serve::stay(name)));
    let setup = Setup::to([a.place()]);
    let text = setup.text();
    let mut running = setup.ready();
    let client = running.connect();
    assert_eq!(client.receive(1).unwrap(), b"a");
    running.reload(text.replace(&a.place().to_string(), &b.place().to_string()));
    running.wait_event("reloaded");
    eventually("the new backend serves", || (running.connect().receive(1).unwrap() == b"b").then_some(()));
    assert_eq!(a.open(), 1, "a session keeps what it was born with");
    running.reload("[tcp.web]\nlisen = 1\n");
    let refused = running.wait_event("reload-refused");
    assert!(refused["message"].as_str().unwrap().contains("evenkeel check"), "{refused}");
    assert_eq!(running.connect().receive(1).unwrap(), b"b");
    drop(client);
}

#[test]
fn a_file_that_a_refused_reload_names_is_watched_too() {
    let a = Server::hello("a");
    let setup = Setup::to([a.place()]).top("watch = true");
    let (text, more) = (setup.text(), Place::local(evenkeel_testkit::port::free()));
    let mut running = setup.ready();
    let included = format!("[tcp.more]\nlisten = \"{more}\"\nto = \"{}\"\nhealth = \"off\"\n", a.place());
    std::fs::write(running.file("extra.toml"), included.replace("health", "heatlh")).unwrap();
    std::fs::write(running.file("evenkeel.toml"), format!("include = \"extra.toml\"\n{text}")).unwrap();
    running.wait_event("reload-refused");
    std::fs::write(running.file("extra.toml"), included).unwrap();
    running.wait_event("reloaded");
    assert_eq!(Peer::connect(&more).text(), "a");
}

#[test]
fn watched_files_are_loaded_again_when_they_change_and_new_ones_are_found() {
    let [a, b] = ["a", "b"].map(|name| Server::start(&Place::any(), serve::stay(name)));
    let setup = Setup::to([a.place()]).top("watch = true\ninclude = \"more-*.toml\"");
    let text = setup.text();
    let mut running = setup.ready();
    let file = running.file("evenkeel.toml");
    std::fs::write(&file, text.replace(&a.place().to_string(), &b.place().to_string())).unwrap();
    running.wait_event("reloaded");
    eventually("the new backend serves", || (running.connect().receive(1).unwrap() == b"b").then_some(()));
    running.forget();
    let more = Place::local(evenkeel_testkit::port::free());
    let included = format!("[tcp.more]\nlisten = \"{more}\"\nto = \"{}\"\nhealth = \"off\"\n", a.place());
    std::fs::write(running.file("more-1.toml"), included).unwrap();
    running.wait_event("reloaded");
    assert_eq!(Peer::connect(&more).receive(1).unwrap(), b"a");
    running.forget();
    std::fs::write(&file, "oops").unwrap();
    running.wait_event("reload-refused");
    assert_eq!(running.connect().receive(1).unwrap(), b"b");
}

#[test]
fn a_reload_opens_and_closes_listeners_and_is_refused_whole_when_one_is_taken() {
    let server = Server::echo();
    let setup = Setup::to([server.place()]);
    let (text, old) = (setup.text(), setup.listen.clone());
    let mut running = setup.ready();
    let session = running.connect();
    session.check_echo("hello");
    let new = Place::local(evenkeel_testkit::port::free());
    let (_taken, taken) = Place::any().listen(1).unwrap();
    let both = format!("[\"{new}\", \"{taken}\"]");
    running.reload(text.replace(&format!("\"{old}\""), &both));
    let refused = running.wait_event("reload-refused");
    assert!(refused["message"].as_str().unwrap().contains(&taken.to_string()), "{refused}");
    assert!(Peer::try_connect(&new).is_err(), "nothing of it holds");
    running.connect().check_echo("as before");
    running.reload(text.replace(&old.to_string(), &new.to_string()));
    running.wait_event("reloaded");
    Peer::connect(&new).check_echo("moved");
    wait_refused(&running);
    session.check_echo("of a listener that is gone");
}

#[test]
fn a_reload_opens_a_port_to_everybody_and_closes_it_again_while_clients_come() {
    let server = Server::echo();
    for workers in [1, 2] {
        let setup = Setup::to([server.place()]).top(&format!("workers = {workers}\n"));
        let (text, own) = (setup.text(), setup.listen.clone());
        let mut running = setup.ready();
        let port = own.to_string().rsplit_once(':').unwrap().1.to_owned();
        let (is_over, served, reset) = (AtomicBool::new(false), AtomicUsize::new(0), AtomicUsize::new(0));
        let switches = [format!(":{port}"), own.to_string(), format!("0.0.0.0:{port}"), own.to_string()];
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !is_over.load(Relaxed) {
                    let came = Peer::connect(&own).exchange(b"hello");
                    if came.is_ok() { &served } else { &reset }.fetch_add(1, Relaxed);
                }
            });
            for listen in &switches {
                running.reload(text.replace(&own.to_string(), listen));
                running.wait_event("reloaded");
                let before = served.load(Relaxed);
                eventually("clients are served", || (served.load(Relaxed) > before + 1).then_some(()));
            }
            is_over.store(true, Relaxed);
        });
        assert_eq!(reset.into_inner(), 0);
    }
}

#[test]
fn a_reload_may_give_a_service_another_name() {
    let server = Server::echo();
    let setup = Setup::to([server.place()]);
    let text = setup.text();
    let mut running = setup.ready();
    let session = running.connect();
    session.check_echo("hello");
    running.reload(text.replace("[tcp.web]", "[tcp.site]"));
    running.wait_event("reloaded");
    eventually("the new name holds", || {
        running.connect().check_echo("it listens all the time");
        running.sessions().iter().any(|it| it["service"] == "site").then_some(())
    });
    session.check_echo("of a service that is gone");
    assert_eq!(running.count_events("accept-failed"), 0);
}
