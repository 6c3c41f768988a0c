//! What a running evenkeel has given up, and that live operation goes on all the same.

use crate::chain::Chain;
use crate::harness::{Setup, evenkeel};
use evenkeel_testkit::{Place, Process, Server, Signal, eventually, port};
use serde_json::{Value, json};
use std::fs;

/// What the kernel says of each thread of a process, by the word before the colon.
fn of_threads(pid: u32, word: &str) -> Vec<String> {
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).unwrap().map(|task| task.unwrap().path());
    // One that ends meanwhile has nothing to say.
    let statuses: Vec<_> = tasks.filter_map(|task| fs::read_to_string(task.join("status")).ok()).collect();
    let line = |status: &String| {
        let line = status.lines().find_map(|line| line.strip_prefix(&format!("{word}:")));
        line.unwrap().trim().to_owned()
    };
    statuses.iter().map(line).collect()
}

fn all_are(pid: u32, word: &str, value: &str) -> bool {
    of_threads(pid, word).iter().all(|it| it == value)
}

const LACKS: &str = "not tested: this kernel lacks a layer";

/// Whether every layer holds; those that do not are lacking.
fn all_hold(status: &Value) -> bool {
    let layers = status["sandbox"]["layers"].as_array().unwrap();
    assert_eq!(layers.len(), 4, "{layers:?}");
    assert!(layers.iter().all(|it| it["state"] == "holds" || it["state"] == "missing"), "{layers:?}");
    layers.iter().all(|it| it["state"] == "holds")
}

#[test]
fn every_thread_has_given_up_what_it_does_not_need_and_it_is_told() {
    let server = Server::echo();
    let chain = Chain::new(Setup::to([server.place()]));
    chain.connect().check_echo("all is well");
    let status = chain.look("/api/v1/status");
    if all_hold(&status) {
        let pid = chain.pid();
        assert!(all_are(pid, "Seccomp", "2") && all_are(pid, "NoNewPrivs", "1"));
        let kept = 1 << 10 | 1 << 24;
        let effective = of_threads(pid, "CapEff");
        assert!(
            effective.iter().all(|it| u64::from_str_radix(it, 16).unwrap() & !kept == 0),
            "{effective:?}"
        );
    }
    assert_eq!(status["sandbox"]["calls_refused"], 0, "nothing that it does is refused");
    assert!(chain.ask("GET", "/metrics").text.contains("evenkeel_calls_refused_total 0"));
    let (_, page, _) = chain.command("status");
    assert!(page.contains("sandbox: capabilities, no-new-privs, landlock"), "{page}");
}

#[test]
fn what_an_upgrade_starts_is_held_by_its_own_sandbox_alone() {
    let server = Server::echo();
    let mut chain = Chain::new(Setup::to([server.place()]));
    let client = chain.connect();
    // The kernel takes sixteen sandboxes of files, one in the other.
    for count in 1..=18 {
        chain.upgrade();
        client.check_echo(&format!("after {count}"));
    }
    let newest = *chain.pids.last().unwrap();
    if all_hold(&chain.look("/api/v1/status")) {
        let filters = |pid| of_threads(pid, "Seccomp_filters").pop().unwrap().parse::<u32>().unwrap();
        assert_eq!(filters(newest) - filters(std::process::id()), 3, "and not those of its elders");
    }
    assert_eq!(chain.count_events("call-refused"), 0);
    chain.wait_alone();
    chain.signal_newest(Signal::TERM);
}

#[test]
fn a_reload_that_wants_files_from_elsewhere_says_what_to_do_and_an_upgrade_takes_it() {
    let server = Server::echo();
    let elsewhere = tempfile::tempdir().unwrap();
    let list = elsewhere.path().join("friends");
    fs::write(&list, "127.0.0.0/8\n").unwrap();
    let mut chain = Chain::new(Setup::to([server.place()]));
    if !all_hold(&chain.look("/api/v1/status")) {
        return eprintln!("{LACKS}");
    }
    let path = chain.file("evenkeel.toml");
    let before = fs::read_to_string(&path).unwrap();
    fs::write(&path, format!("{before}allow = \"file:{}\"\n", list.display())).unwrap();
    let (code, _, errors) = chain.command("reload");
    assert_eq!(code, 1);
    assert!(errors.contains("outside") && errors.contains("evenkeel upgrade"), "{errors}");
    let (code, _, errors) = chain.command("upgrade");
    assert_eq!(code, 0, "{errors}");
    chain.look_for_pids();
    chain.connect().check_echo("who is on the list");
    fs::write(&list, "127.0.0.1\n").unwrap();
    assert_eq!(chain.command("reload").0, 0, "now it is within");

    fs::write(&path, format!("log-to = \"{}\"\n{before}", elsewhere.path().join("log").display())).unwrap();
    assert_eq!(chain.command("reload").0, 1, "lists are for reading");
    let named = format!("sandbox.paths = [\"{}\"]\n", elsewhere.path().display());
    fs::write(&path, named + &before).unwrap();
    assert_eq!(chain.command("upgrade").0, 0);
    chain.look_for_pids();
    fs::write(&path, format!("log-to = \"{}\"\n{before}", elsewhere.path().join("log").display())).unwrap();
    assert_eq!(
        chain.command("reload"),
        (
            0,
            "reloaded: 1 listener, 1 backend; sandbox holds from the next start or upgrade on".to_owned(),
            String::new()
        )
    );
    chain.wait_alone();
}

#[test]
fn a_program_that_it_could_have_made_itself_is_not_started() {
    let server = Server::echo();
    let mut chain = Chain::new(Setup::to([server.place()]));
    // Where its admin socket is.
    let program = chain.file("evenkeel-next");
    fs::copy(env!("CARGO_BIN_EXE_evenkeel"), &program).unwrap();
    let (code, _, errors) = chain.command(&format!("upgrade --binary {}", program.display()));
    assert!(code == 1 && errors.contains("a program there could be anybody's"), "{code} {errors}");
    chain.connect().check_echo("all as it was");
    assert!(chain.wait_failed().contains("put it elsewhere"));
}

/// A balancer of nobody's, started by root; none if this is not root.
fn of_nobody(place: &Place, server: &Server) -> Option<Process> {
    if !rustix::process::geteuid().is_root() {
        return None;
    }
    let flags =
        format!("tcp {place} {} --user 65534:65534 --health off --admin off --log json", server.place());
    let mut process = evenkeel().args(&flags).spawn();
    process.wait_event("ready");
    Some(process)
}

#[test]
fn root_becomes_another_user_and_so_does_what_an_upgrade_starts() {
    let (server, place) = (Server::echo(), Place::local(port::free()));
    let Some(mut process) = of_nobody(&place, &server) else {
        return eprintln!("not tested: only root can become another user");
    };
    let client = evenkeel_testkit::Peer::connect(&place);
    client.check_echo("before");
    let is_nobody = |pid: u32| {
        assert!(all_are(pid, "Uid", "65534\t65534\t65534\t65534") && all_are(pid, "Groups", "65534"));
        let kept = 1 << 10 | 1 << 24;
        of_threads(pid, "CapPrm").iter().all(|it| u64::from_str_radix(it, 16).unwrap() & !kept == 0)
    };
    assert!(is_nobody(process.pid()));
    process.signal(Signal::USR2);
    let told = process.wait_event("upgraded");
    assert_eq!(told["sessions"], json!(1));
    let pid = u32::try_from(told["pid"].as_u64().unwrap()).unwrap();
    client.check_echo("after");
    assert!(is_nobody(pid));
    rustix::process::kill_process(crate::chain::pid_of(pid), Signal::TERM).unwrap();
    drop(client);
    eventually("it ends", || crate::chain::has_ended(pid).then_some(()));
}

#[test]
fn whom_nobody_knows_it_does_not_become() {
    let (code, _, errors) = evenkeel().args("tcp 127.0.0.1:0 127.0.0.1:1 --user nope-nope").spawn().output();
    assert!(code == 2 && errors.contains("there is no user `nope-nope`"), "{code} {errors}");
}
