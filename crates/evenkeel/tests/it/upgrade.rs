//! Upgrades: another process takes over, and nobody who is connected notices.

use crate::abuse::named_echo;
use crate::chain::{Chain, pid_of, replace, replaceable};
use crate::harness::{Running, Setup};
use crate::load::Stop;
use evenkeel_testkit::pattern::Pattern;
use evenkeel_testkit::tls::client;
use evenkeel_testkit::{Authority, Ending, Peer, Place, Server, Signal, TlsPeer, eventually, port, serve};
use rustix::process::kill_process;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::thread;
use std::time::Duration;

/// Transfers in both directions at once, checked byte by byte, until told to stop; says how many bytes came back.
fn transfer(place: &Place, seed: u64, chunk: u64, stop: &AtomicBool, total: &AtomicU64) {
    let (peer, pattern) = (Peer::connect(place), Pattern::new(seed));
    let sent = AtomicU64::new(0);
    thread::scope(|scope| {
        scope.spawn(|| {
            let mut at = 0;
            while !stop.load(SeqCst) {
                peer.send_pattern(&pattern, at, chunk).unwrap();
                at += chunk;
                if chunk < 10_000 {
                    thread::sleep(Duration::from_millis(5));
                }
            }
            sent.store(at, SeqCst);
            peer.finish();
        });
        let (came, ending) = peer.check_pattern(&pattern);
        assert_eq!(ending, Ending::Fin);
        eventually("the sender has ended", || (sent.load(SeqCst) == came).then_some(()));
        total.fetch_add(came, SeqCst);
    });
}

#[test]
fn transfers_go_on_through_three_upgrades() {
    let server = Server::echo();
    let mut chain = Chain::new(Setup::to([server.place()]));
    let (stop, total, place) = (AtomicBool::new(false), AtomicU64::new(0), chain.place.clone());
    thread::scope(|scope| {
        for seed in 0..52 {
            let (stop, total, place) = (&stop, &total, &place);
            // A few in bulk, through kernel pipes; the others small.
            let chunk = if seed % 13 == 0 { 250_000 } else { 100 + seed * 20 };
            scope.spawn(move || transfer(place, seed, chunk, stop, total));
        }
        let _stop = Stop(&stop);
        eventually("all are connected", || (server.open() == 52).then_some(()));
        for _ in 0..3 {
            let told = chain.upgrade();
            assert_eq!((&told["sessions"], &told["left"]), (&52.into(), &0.into()), "{told}");
            thread::sleep(Duration::from_millis(100));
        }
    });
    assert!(total.load(SeqCst) > 1_000_000);
    chain.wait_alone();
    let sessions = chain.wait_sessions(52);
    assert!(sessions.iter().all(|line| line["end"] == "ok"), "{sessions:?}");
    let mut ids: Vec<_> = sessions.iter().map(|line| line["id"].as_u64()).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 52);
    assert_eq!(server.accepted(), 52, "nobody was connected twice");
}

#[test]
fn new_connections_never_fail_meanwhile() {
    let server = Server::hello("hi");
    let mut chain = Chain::new(Setup::to([server.place()]));
    let (stop, place) = (AtomicBool::new(false), chain.place.clone());
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while !stop.load(SeqCst) {
                    assert_eq!(Peer::connect(&place).text(), "hi");
                }
            });
        }
        let _stop = Stop(&stop);
        for _ in 0..3 {
            chain.upgrade();
        }
    });
    chain.wait_alone();
    assert!(chain.sessions().iter().all(|line| line["end"] == "ok"));
}

#[test]
fn half_closed_and_server_first_sessions_move_too() {
    let greets = named_echo("220 ready");
    let mut chain = Chain::new(Setup::to([greets.place()]));
    let client = chain.connect();
    assert_eq!(client.receive(9).unwrap(), b"220 ready");
    chain.upgrade();
    client.check_echo("after one");
    client.finish();
    assert_eq!(client.ending(), Ending::Fin);

    let gate = Arc::new(AtomicBool::new(false));
    let may_answer = Arc::clone(&gate);
    let slow = Server::start(&Place::any(), move |peer: &Peer| {
        let (all, _) = peer.read_to_end();
        eventually("it may answer", || may_answer.load(SeqCst).then_some(()));
        let _ = peer.send(&all);
    });
    let mut chain = Chain::new(Setup::to([slow.place()]));
    let client = chain.connect();
    client.send(b"request").unwrap();
    client.finish();
    eventually("the request is there", || (slow.open() == 1).then_some(()));
    assert_eq!(chain.upgrade()["sessions"], 1);
    gate.store(true, SeqCst);
    assert_eq!(client.read_to_end(), (b"request".to_vec(), Ending::Fin));
}

#[test]
fn an_idle_session_keeps_its_deadline_and_its_past() {
    let server = Server::echo();
    let mut chain = Chain::new(Setup::to([server.place()]).keys("timeout = { idle = \"8s\" }"));
    let client = chain.connect();
    client.check_echo("hello");
    thread::sleep(Duration::from_secs(5));
    chain.upgrade();
    client.read_to_end();
    let session = chain.wait_session("the session", |_| true);
    assert_eq!((&session["end"], &session["to_client"]), (&"idle".into(), &5.into()));
    let ms = session["ms"].as_f64().unwrap();
    assert!((8000.0..12_900.0).contains(&ms), "it does not begin anew: {session}");
}

#[test]
fn who_waits_to_be_accepted_is_served_by_the_new_process() {
    let server = Server::echo();
    // At the ceiling nobody is accepted: the second one waits in the socket's queue.
    let mut chain = Chain::new(Setup::to([server.place()]).top("max-sessions = 1"));
    let first = chain.connect();
    first.check_echo("first");
    let second = chain.connect();
    second.send(b"second").unwrap();
    chain.upgrade();
    assert!(!second.has_bytes());
    drop(first);
    assert_eq!(second.receive(6).unwrap(), b"second");
}

#[test]
fn unix_sockets_move_and_their_file_stays_until_the_last_one_ends() {
    let folder = tempfile::tempdir().unwrap();
    let [front, back] = ["front", "back"].map(|name| Place::Unix(folder.path().join(name)));
    let server = Server::start(&back, serve::echo);
    let mut setup = Setup::to([server.place()]);
    setup.listen = front.clone();
    let mut chain = Chain::new(setup);
    let client = chain.connect();
    client.check_echo("before");
    chain.upgrade();
    chain.wait_alone();
    client.check_echo("after");
    chain.connect().check_echo("new");
    drop(client);
    chain.signal_newest(Signal::TERM);
    let Place::Unix(path) = &front else { unreachable!() };
    eventually("the file goes with the last process", || (!path.exists()).then_some(()));
}

#[test]
fn more_or_fewer_workers_and_another_configuration() {
    let (one, other) = (named_echo("1"), named_echo("2"));
    let setup = Setup::to([one.place()]).top("workers = 4");
    let text = setup.text();
    let mut chain = Chain::new(setup);
    let clients: Vec<_> = (0..20).map(|_| chain.connect()).collect();
    clients.iter().for_each(|client| assert_eq!(client.receive(1).unwrap(), b"1"));
    let (gone, kept) = (Place::local(port::free()), chain.place.clone());
    for workers in ["workers = 1", "workers = 3"] {
        let text = text.replace("workers = 4", workers);
        let text = text.replace(&one.place().to_string(), &other.place().to_string());
        std::fs::write(chain.file("evenkeel.toml"), text).unwrap();
        assert_eq!(chain.upgrade()["sessions"], 20);
        for _ in 0..20 {
            let client = chain.connect();
            assert_eq!(client.receive(1).unwrap(), b"2", "the new configuration holds");
            client.check_echo("new");
        }
        clients.iter().for_each(|client| client.check_echo("kept"));
    }
    // A service that is gone: who waits there is still served, and its sessions go on.
    let text = text.replace(&kept.to_string(), &gone.to_string());
    std::fs::write(chain.file("evenkeel.toml"), text).unwrap();
    assert_eq!(chain.upgrade()["sessions"], 20);
    clients.iter().for_each(|client| client.check_echo("kept"));
    eventually("nobody listens there any more", || Peer::try_connect(&kept).err());
    assert_eq!(Peer::connect(&gone).receive(1).unwrap(), b"1");
    drop(clients);
}

#[test]
fn twice_at_once_is_one_upgrade() {
    let server = Server::echo();
    let mut chain = Chain::new(Setup::to([server.place()]));
    let client = chain.connect();
    client.check_echo("before");
    chain.signal(Signal::USR2);
    chain.wait_event("upgrading");
    chain.signal(Signal::USR2);
    chain.wait_upgraded(1);
    client.check_echo("after");
    chain.wait_alone();
    assert_eq!(chain.count_events("upgrading"), 1);
}

#[test]
fn a_new_process_that_fails_changes_nothing() {
    let server = Server::echo();
    let (_folder, path, mut chain, client) = replaceable(&server, "upgrade-timeout = \"2s\"");
    let good = std::fs::read(&path).unwrap();
    for (script, why) in [
        ("#!/bin/sh\nexit 7\n", "exit status: 7"),
        ("#!/bin/sh\nexec sleep 100\n", "not ready after 2s"),
        ("not a program", "exit status: 127"),
    ] {
        replace(&path, script);
        chain.signal(Signal::USR2);
        let told = chain.wait_failed();
        assert!(told.contains(why), "{told}");
        client.check_echo("still here");
        chain.connect().check_echo("and accepting");
    }
    std::fs::remove_file(&path).unwrap();
    chain.signal(Signal::USR2);
    let told = chain.wait_failed();
    assert!(told.contains("cannot start"), "{told}");

    replace(&path, good);
    let config = chain.file("evenkeel.toml");
    let text = std::fs::read_to_string(&config).unwrap();
    for (text, why) in [
        (text.replace("health", "helth"), "helth"),
        (text.replace("workers = 2", "workers = \"many\""), "workers"),
    ] {
        std::fs::write(&config, text).unwrap();
        chain.signal(Signal::USR2);
        let told = chain.wait_failed();
        assert!(told.contains(why), "{told}");
        client.check_echo("still here");
    }
    // An address that is taken is found out by the new process.
    let (_taken, taken) = Place::any().listen(1).unwrap();
    std::fs::write(&config, text.replace(&chain.place.to_string(), &taken.to_string())).unwrap();
    chain.signal(Signal::USR2);
    let told = chain.wait_failed();
    assert!(told.contains("in use"), "{told}");
    chain.connect().check_echo("nothing has happened");
    std::fs::write(&config, text).unwrap();
    assert_eq!(chain.upgrade()["sessions"], 1, "the replaced file is what runs now");
    client.check_echo("after");
}

#[test]
fn a_signal_to_stop_goes_before_an_upgrade_that_hangs() {
    let server = Server::echo();
    let (_folder, path, mut chain, client) = replaceable(&server, "");
    replace(&path, "#!/bin/sh\nexec sleep 100\n");
    chain.signal(Signal::USR2);
    chain.wait_event("upgrading");
    chain.signal(Signal::TERM);
    chain.wait_event("draining");
    client.check_echo("while it drains");
    drop(client);
    assert_eq!(chain.exit_code(), 0);
}

#[test]
fn health_ids_and_counts_go_on() {
    let (good, bad) = (Server::echo(), Place::local(port::free()));
    let mut chain = Chain::new(Setup::to([good.place(), &bad]).keys("health = { interval = \"60s\" }"));
    chain.wait_backend("down", &bad);
    let last = chain.connect();
    last.check_echo("hello");
    drop(last);
    let id = chain.wait_sessions(1)[0]["id"].as_u64();
    chain.upgrade();
    for _ in 0..10 {
        let client = chain.connect();
        client.check_echo("never at the one that is down");
    }
    let sessions = chain.wait_sessions(11);
    assert!(sessions[1..].iter().all(|line| line["id"].as_u64() > id), "{sessions:?}");
    // Before it the log may have been some milliseconds ahead of the traffic.
    assert!(sessions[1..].iter().all(|line| line["attempts"].as_array().unwrap().is_empty()));
    assert_eq!(chain.count_events("down"), 1, "it is not news");
}

#[test]
fn what_is_not_open_in_time_stays_and_ends_in_the_old_process() {
    // Nobody answers at this address, and it is not refused: the connect lasts.
    let silent = evenkeel_testkit::Silent::start();
    let setup = Setup::to([silent.place()])
        .keys("timeout = { connect = \"60s\", queue = \"1s\" }")
        .top("drain = \"1s\"");
    let mut chain = Chain::new(setup);
    let client = chain.connect();
    eventually("it is being opened", || (chain.descriptors() > 0).then_some(()));
    chain.signal(Signal::USR2);
    let told = chain.wait_upgraded(1);
    assert_eq!((&told["sessions"], &told["left"]), (&0.into(), &1.into()), "{told}");
    client.read_to_end();
    chain.wait_alone();
}

/// The process with this number inside a namespace of its own, as its parent outside sees it.
fn child_of(pid: u32) -> u32 {
    let children = format!("/proc/{pid}/task/{pid}/children");
    eventually("the child", || {
        std::fs::read_to_string(&children).ok()?.split_whitespace().next()?.parse().ok()
    })
}

const NO_CONTAINER: &str = "skipped: no namespace of processes may be made here";

/// A balancer that is the first process of a container, and its id outside; none where such may not be made.
fn contained(server: &Server) -> Option<(Running, u32)> {
    let can = std::process::Command::new("unshare").args(["-Urpf", "--mount-proc", "true"]).output();
    if !can.is_ok_and(|output| output.status.success()) {
        return None;
    }
    let binary = env!("CARGO_BIN_EXE_evenkeel");
    let setup = Setup::to([server.place()])
        .start(|start| start.program("unshare").args("-Urpf --mount-proc --kill-child").arg(binary));
    let running = setup.ready();
    let first = child_of(running.pid());
    Some((running, first))
}

#[test]
fn the_first_process_of_a_container_stays_until_the_last_one_ends() {
    let server = Server::echo();
    let Some((mut running, first)) = contained(&server) else { return eprintln!("{NO_CONTAINER}") };
    let client = running.connect();
    client.check_echo("before");
    for count in 1..=2 {
        kill_process(pid_of(first), Signal::USR2).unwrap();
        eventually("an upgrade", || (running.count_events("upgraded") == count).then_some(()));
        client.check_echo("after");
        running.connect().check_echo("new");
    }
    eventually("those in between have ended", || (running.count_events("stopped") == 2).then_some(()));
    running.check_alive();
    kill_process(pid_of(first), Signal::TERM).unwrap();
    eventually("the last one drains", || (running.count_events("draining") == 3).then_some(()));
    client.check_echo("while it drains");
    drop(client);
    assert_eq!(running.exit_code(), 0);
}

#[test]
fn a_signal_to_a_container_reaches_who_is_in_charge_whoever_is_just_ending() {
    let server = Server::echo();
    for wait in [0, 1, 5, 15, 25] {
        let Some((mut running, first)) = contained(&server) else { return eprintln!("{NO_CONTAINER}") };
        for count in 1..=2 {
            kill_process(pid_of(first), Signal::USR2).unwrap();
            eventually("an upgrade", || (running.count_events("upgraded") == count).then_some(()));
        }
        thread::sleep(Duration::from_millis(wait));
        kill_process(pid_of(first), Signal::TERM).unwrap();
        assert_eq!(running.exit_code(), 0, "after {wait} ms");
    }
}

#[test]
fn sessions_under_tls_end_in_the_old_process_and_new_ones_begin_in_the_new_one() {
    let (authority, server) = (Authority::new("x"), Server::echo());
    let web = authority.sign(&["web.example"]);
    let setup = Setup::to([server.place()]).keys("tls = \"web.pem\"").top("drain = \"3s\"");
    let mut chain = Chain::new(setup.start(|it| it.with_file("web.pem", &web.pem())));
    let config = Arc::new(client(Some(&authority), None));
    let connect = |place: &Place| TlsPeer::connect(place, &config, "web.example").unwrap();
    let old = connect(&chain.place);
    old.check_echo("before");
    let told = chain.upgrade();
    assert_eq!((&told["sessions"], &told["left"]), (&0.into(), &1.into()), "{told}");
    old.check_echo("still there");
    connect(&chain.place).check_echo("in the new process");
    assert_eq!(old.read_to_end(), (vec![], Some(Ending::Fin)), "its time to drain is over");
    chain.signal_newest(Signal::TERM);
}
