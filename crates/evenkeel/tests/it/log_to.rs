//! Where the log goes: a file that is renamed, a disk that is full, and what syslog and the journal are told.

use crate::chain::Chain;
use crate::harness::{Running, Setup, tally};
use evenkeel_testkit::{PATIENCE, Server, Signal, eventually};
use serde_json::Value;
use std::collections::BTreeSet;
use std::net::UdpSocket;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::thread;

/// A balancer that logs to somewhere else, once it can be asked.
fn started(setup: Setup) -> Running {
    let running = setup.spawn();
    eventually("it can be asked", || UnixStream::connect(running.file("control.sock")).ok());
    eventually("it is ready", || (running.ask("GET", "/readyz").status == 200).then_some(()));
    running
}

/// The lines of a file, of which each is whole.
fn lines(path: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    let whole = &text[..text.rfind('\n').map_or(0, |last| last + 1)];
    whole.lines().map(|line| serde_json::from_str(line).expect(line)).collect()
}

fn ids(lines: &[Value]) -> Vec<u64> {
    lines.iter().filter(|line| line["kind"] == "end").map(|line| line["id"].as_u64().unwrap()).collect()
}

fn wait_line(path: &Path, what: &str, is_it: impl Fn(&Value) -> bool) -> Value {
    eventually(what, || lines(path).into_iter().find(|line| is_it(line)))
}

/// Loads the file again with these keys of the log, instead of those before.
fn reload_with(running: &Running, keys: &str) -> (i32, String) {
    let path = running.file("evenkeel.toml");
    let before = std::fs::read_to_string(&path).unwrap();
    let kept: Vec<&str> = before.lines().filter(|it| !it.starts_with("log")).collect();
    std::fs::write(&path, format!("{keys}\n{}\n", kept.join("\n"))).unwrap();
    let (code, _, errors) = running.command("reload");
    (code, errors)
}

fn metric(running: &Running, name: &str) -> u64 {
    let page = running.ask("GET", "/metrics").text;
    let line = page.lines().find_map(|line| line.strip_prefix(name)).expect(name);
    line.trim().parse().unwrap()
}

#[test]
fn a_file_that_may_not_grow_any_more_loses_lines_and_ends_nothing() {
    let server = Server::hello("a");
    let setup =
        Setup::to([server.place()]).top("log-to = \"./evenkeel.log\"").start(|start| start.file_size(20));
    let running = started(setup);
    eventually("lines are lost", || {
        assert_eq!(tally(&running.place, 10)["a"], 10);
        (metric(&running, "evenkeel_log_lines_dropped_total") > 0).then_some(())
    });
    assert_eq!(tally(&running.place, 10)["a"], 10);
}

#[test]
fn a_file_that_is_renamed_loses_no_line_and_doubles_none() {
    let server = Server::hello("a");
    let running = started(Setup::to([server.place()]).top("log-to = \"./evenkeel.log\""));
    let path = running.file("evenkeel.log");
    let (stop, place) = (AtomicBool::new(false), running.place.clone());
    let (mut files, mut served) = (vec![path.clone()], 0);
    thread::scope(|scope| {
        let clients = scope.spawn(|| {
            let mut served = 0;
            while !stop.load(SeqCst) {
                served += tally(&place, 10)["a"];
            }
            served
        });
        for number in 1..=5 {
            let old = running.file(&format!("evenkeel.log.{number}"));
            std::fs::rename(&path, &old).unwrap();
            running.signal(Signal::USR1);
            wait_line(&path, "it is opened again", |line| line["event"] == "log-reopened");
            wait_line(&path, "a session in the new file", |line| line["kind"] == "end");
            files.push(old);
        }
        stop.store(true, SeqCst);
        served = clients.join().unwrap();
    });
    let told = || files.iter().flat_map(|file| ids(&lines(file))).collect::<Vec<_>>();
    eventually("all have a line", || (told().len() >= served).then_some(()));
    let told = told();
    assert_eq!(told.len(), served, "none twice");
    assert_eq!(told.iter().collect::<BTreeSet<_>>().len(), served);
    assert_eq!(
        std::fs::metadata(&path).unwrap().permissions().mode() & 0o777 & !0o640,
        0,
        "not for everybody"
    );
    running.end();
}

#[test]
fn a_file_that_cannot_be_opened_ends_the_start_and_refuses_a_reload() {
    let server = Server::hello("a");
    let none = "log-to = \"./no-such-folder/evenkeel.log\"";
    let (code, _, errors) = Setup::to([server.place()]).top(none).spawn().into_process().output();
    assert_eq!(code, 69);
    assert!(errors.contains("no-such-folder/evenkeel.log: there is no such folder"), "{errors}");

    let running = started(Setup::to([server.place()]).top("log-to = \"./evenkeel.log\""));
    let (code, errors) = reload_with(&running, none);
    assert_eq!(code, 1);
    assert!(errors.contains("cannot write the log to"), "{errors}");
    wait_line(&running.file("evenkeel.log"), "the refusal", |line| line["event"] == "reload-refused");
    assert_eq!(running.tally(3)["a"], 3);
    running.end();
}

#[test]
fn a_file_that_cannot_be_opened_again_goes_on_where_it_was() {
    let server = Server::hello("a");
    let folder = tempfile::tempdir().unwrap();
    let (here, gone) = (folder.path().join("here"), folder.path().join("gone"));
    std::fs::create_dir(&here).unwrap();
    let top = format!("log-to = \"{}\"", here.join("evenkeel.log").display());
    let running = started(Setup::to([server.place()]).top(&top));
    std::fs::rename(&here, &gone).unwrap();
    let (code, _, errors) = running.command("reopen");
    assert!(code == 1 && errors.contains("cannot write the log to"), "{errors}");
    let path = gone.join("evenkeel.log");
    let told = wait_line(&path, "why not", |line| line["event"] == "log-not-reopened");
    assert_eq!(told["level"], "error");
    running.tally(3);
    eventually("lines go on", || (ids(&lines(&path)).len() == 3).then_some(()));
    running.end();
}

#[test]
fn the_command_opens_it_again_and_says_where_it_goes_on() {
    let server = Server::hello("a");
    let running = started(Setup::to([server.place()]).top("log-to = \"./evenkeel.log\""));
    let path = running.file("evenkeel.log");
    std::fs::rename(&path, running.file("old.log")).unwrap();
    let (code, said, errors) = running.command("reopen");
    assert_eq!((code, errors.as_str()), (0, ""));
    assert!(said.contains(&format!("goes on in {}", path.display())), "{said}");
    wait_line(&path, "it is opened again", |line| line["event"] == "log-reopened");
    running.end();
    let stdout = Setup::to([server.place()]).ready();
    let (code, _, errors) = stdout.command("reopen");
    assert!(code == 1 && errors.contains("standard output"), "{errors}");
}

#[test]
fn a_reload_takes_the_log_elsewhere_and_turns_it_off_and_on() {
    let server = Server::hello("a");
    let mut running = Setup::to([server.place()]).ready();
    running.tally(2);
    running.wait_sessions(2);
    assert_eq!(reload_with(&running, "log-to = \"./a.log\"").0, 0);
    let told = running.wait_event("log-to");
    assert_eq!(told["to"], running.file("a.log").display().to_string());
    running.tally(3);
    let path = running.file("a.log");
    eventually("three lines", || (ids(&lines(&path)).len() == 3).then_some(()));
    assert_eq!(reload_with(&running, "log-to = \"./a.log\"\nlog = \"off\"").0, 0);
    running.tally(4);
    assert_eq!(reload_with(&running, "log-to = \"./b.log\"").0, 0);
    running.tally(5);
    eventually("five lines", || (ids(&lines(&running.file("b.log"))).len() == 5).then_some(()));
    assert_eq!((ids(&lines(&path)).len(), running.sessions().len()), (3, 2));
    running.end();
}

#[test]
fn what_is_applied_leaves_the_log_where_it_is() {
    let server = Server::hello("a");
    let mut running = Setup::to([server.place()]).ready();
    let text = std::fs::read_to_string(running.file("evenkeel.toml")).unwrap();
    let other = running.file("other.toml");
    std::fs::write(&other, format!("log-to = \"./other.log\"\n{text}")).unwrap();
    let (code, _, errors) = running.command(&format!("apply {}", other.display()));
    assert_eq!((code, errors.as_str()), (0, ""));
    running.tally(1);
    running.wait_sessions(1);
    assert!(!running.file("other.log").exists());
    running.end();
}

#[test]
fn a_full_disk_delays_nobody_is_counted_and_is_told_of_when_there_is_room() {
    let server = Server::hello("a");
    let running = started(Setup::to([server.place()]).top("log-to = \"/dev/full\""));
    assert_eq!(running.tally(50)["a"], 50);
    eventually("they are counted", || {
        (metric(&running, "evenkeel_log_lines_dropped_total") >= 50).then_some(())
    });
    assert_eq!(reload_with(&running, "log-to = \"./evenkeel.log\"").0, 0);
    let told = wait_line(&running.file("evenkeel.log"), "how many", |line| line["event"] == "lines-dropped");
    assert!(told["lines"].as_u64().unwrap() >= 50, "{told}");
    running.end();
}

/// A small disk; unmounted on drop.
struct Disk(PathBuf);

impl Disk {
    fn mount(path: PathBuf) -> Option<Self> {
        std::fs::create_dir(&path).unwrap();
        let mounted =
            Command::new("mount").args(["-t", "tmpfs", "-o", "size=64k", "none"]).arg(&path).output();
        mounted.is_ok_and(|it| it.status.success()).then_some(Self(path))
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).output();
    }
}

#[test]
fn a_disk_that_was_full_for_a_while_has_whole_lines_and_says_how_many_are_missing() {
    let folder = tempfile::tempdir().unwrap();
    let Some(disk) = Disk::mount(folder.path().join("disk")) else {
        return eprintln!("skipped: no file system may be mounted here");
    };
    let server = Server::hello("a");
    let path = disk.0.join("evenkeel.log");
    let running = started(Setup::to([server.place()]).top(&format!("log-to = \"{}\"", path.display())));
    let mut served = 0;
    eventually("the disk is full", || {
        served += running.tally(100)["a"] as u64;
        (metric(&running, "evenkeel_log_lines_dropped_total") > 0).then_some(())
    });
    // What is in it is moved elsewhere, as a person in need would do.
    let before = running.file("before.log");
    std::fs::copy(&path, &before).unwrap();
    std::fs::File::options().write(true).open(&path).unwrap().set_len(0).unwrap();
    let mut dropped = 0;
    eventually("it is told", || {
        served += running.tally(1)["a"] as u64;
        let lines = text_lines(&path);
        let told = lines.iter().filter(|line| line["event"] == "lines-dropped");
        dropped = told.filter_map(|line| line["lines"].as_u64()).sum();
        (dropped > 0 && dropped == metric(&running, "evenkeel_log_lines_dropped_total")).then_some(())
    });
    eventually("every session has its line, or is counted", || {
        let written = text_lines(&before).len() + text_lines(&path).len();
        // Three more: what it listens on, where it can be asked, that it is ready; and what was dropped.
        (written as u64 + dropped >= served + 3).then_some(())
    });
    running.end();
}

/// The lines that are whole, where one may have been cut off by a full disk.
fn text_lines(path: &Path) -> Vec<Value> {
    let text = std::fs::read(path).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let lines: Vec<_> = text.lines().map(serde_json::from_str).collect();
    let torn = lines.iter().filter(|line| line.is_err()).count();
    assert!(torn <= 2, "{torn} of {} lines", lines.len());
    lines.into_iter().filter_map(Result::ok).collect()
}

/// Everything that was received on a datagram socket, one after the other.
fn receive(socket: &UnixDatagram) -> Vec<u8> {
    let mut buffer = vec![0; 256 * 1024];
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    let count = socket.recv(&mut buffer).expect("a message in time");
    buffer.truncate(count);
    buffer
}

fn receive_text(socket: &UnixDatagram) -> String {
    String::from_utf8(receive(socket)).unwrap()
}

#[test]
fn syslog_gets_a_message_for_each_line() {
    let server = Server::hello("a");
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log");
    let socket = UnixDatagram::bind(&path).unwrap();
    let top = format!("log-to = \"syslog:unix:{}\"\nlog-facility = \"local3\"", path.display());
    let mut running = Setup::to([server.place()]).top(&top).spawn();
    let pid = running.pid();
    let first = receive_text(&socket);
    // The facility is 19, the severity 6.
    assert!(first.starts_with("<158>1 20"), "{first}");
    assert!(first.contains(&format!(" evenkeel {pid} listening - web  listens on ")), "{first}");
    assert_eq!(first.split(' ').nth(1).unwrap().len(), "2026-11-22T14:02:11.031Z".len());
    eventually("it is ready", || receive_text(&socket).contains(" ready - ready in ").then_some(()));
    running.tally(1);
    let session =
        eventually("the session", || Some(receive_text(&socket)).filter(|it| it.contains(" end - ")));
    assert!(session.contains(" end - web  127.0.0.1:") && session.ends_with("  ok"), "{session}");
    running.signal(Signal::TERM);
    eventually("the last line", || receive_text(&socket).contains(" stopped - ").then_some(()));
    assert_eq!((running.exit_code(), running.stdout()), (0, String::new()));
}

#[test]
fn syslog_over_udp_gets_the_same() {
    let server = Server::hello("a");
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    let top = format!("log-to = \"syslog:{}\"\nlog = \"json\"", socket.local_addr().unwrap());
    let running = Setup::to([server.place()]).top(&top).spawn();
    let mut buffer = [0; 4096];
    let count = socket.recv(&mut buffer).unwrap();
    let message = std::str::from_utf8(&buffer[..count]).unwrap();
    assert!(message.starts_with("<30>1 "), "{message}");
    let (_, json) = message.split_once(" - ").unwrap();
    assert_eq!(serde_json::from_str::<Value>(json).unwrap()["event"], "listening");
    drop(running);
}

#[test]
fn a_syslog_that_ends_and_comes_back_is_found_again_and_told_what_it_missed() {
    let server = Server::hello("a");
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log");
    let socket = UnixDatagram::bind(&path).unwrap();
    let running =
        started(Setup::to([server.place()]).top(&format!("log-to = \"syslog:unix:{}\"", path.display())));
    eventually("all of the start is told", || receive_text(&socket).contains(" admin - ").then_some(()));
    drop(socket);
    std::fs::remove_file(&path).unwrap();
    running.tally(5);
    eventually("they are counted", || {
        (metric(&running, "evenkeel_log_lines_dropped_total") == 5).then_some(())
    });
    let socket = UnixDatagram::bind(&path).unwrap();
    running.tally(1);
    assert!(receive_text(&socket).contains(" end - "));
    assert!(receive_text(&socket).contains(" lines-dropped - 5 lines of this log dropped"));
    running.end();
}

#[test]
fn a_syslog_that_takes_nothing_delays_nobody() {
    let server = Server::hello("a");
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log");
    let _socket = UnixDatagram::bind(&path).unwrap();
    let running =
        started(Setup::to([server.place()]).top(&format!("log-to = \"syslog:unix:{}\"", path.display())));
    assert_eq!(running.tally(2000)["a"], 2000);
    eventually("lines are dropped", || {
        (metric(&running, "evenkeel_log_lines_dropped_total") > 0).then_some(())
    });
    running.end();
}

/// The fields of a message in the journal's protocol.
fn fields(mut message: &[u8]) -> Vec<(String, String)> {
    let mut fields = Vec::new();
    while !message.is_empty() {
        let end = message.iter().position(|byte| *byte == b'\n').unwrap();
        let line = std::str::from_utf8(&message[..end]).unwrap();
        let (name, value) = line.split_once('=').expect("none of these values has two lines");
        fields.push((name.to_owned(), value.to_owned()));
        message = &message[end + 1..];
    }
    fields
}

#[test]
fn the_journal_gets_fields_that_can_be_searched_by() {
    let server = Server::hello("a");
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("socket");
    let socket = UnixDatagram::bind(&path).unwrap();
    let running =
        Setup::to([server.place()]).top(&format!("log-to = \"journald:{}\"", path.display())).spawn();
    let next = |what: &str, name: &str, value: &str| {
        eventually(what, || {
            let fields = fields(&receive(&socket));
            fields.contains(&(name.to_owned(), value.to_owned())).then_some(fields)
        })
    };
    let get = |fields: &[(String, String)], name: &str| {
        fields
            .iter()
            .find(|it| it.0 == name)
            .map(|it| it.1.clone())
            .unwrap_or_else(|| panic!("{name}: {fields:?}"))
    };
    let ready = next("it is ready", "EVENKEEL_EVENT", "ready");
    assert_eq!((get(&ready, "PRIORITY"), get(&ready, "SYSLOG_IDENTIFIER")), ("6".into(), "evenkeel".into()));
    let client = running.connect();
    let from = client.local().to_string();
    assert_eq!(client.text(), "a");
    drop(client);
    let session = next("the session", "EVENKEEL_CLIENT", &from);
    for (name, value) in [
        ("EVENKEEL_KIND", "end"),
        ("EVENKEEL_SERVICE", "web"),
        ("EVENKEEL_POOL", "web"),
        ("EVENKEEL_BACKEND", &server.place().to_string()),
        ("EVENKEEL_END", "ok"),
        ("EVENKEEL_TO_CLIENT", "1"),
    ] {
        assert_eq!(get(&session, name), value, "{name}");
    }
    assert!(get(&session, "MESSAGE").starts_with(&format!("web  {from} -> ")), "{session:?}");
    running.end();
}

#[test]
fn both_processes_of_an_upgrade_write_to_one_file_and_no_line_is_missing() {
    let server = Server::echo();
    let mut chain = Chain::new(Setup::to([server.place()]));
    assert_eq!(reload_with(&chain, "log-to = \"./evenkeel.log\"\nlog-heartbeat = \"1s\"").0, 0);
    let path = chain.file("evenkeel.log");
    let mut clients: Vec<_> = (0..20).map(|_| chain.connect()).collect();
    clients.iter().for_each(|client| client.check_echo("before"));
    drop(clients.split_off(10));
    let (code, said, errors) = chain.command("upgrade --json");
    assert_eq!(code, 0, "{errors}");
    let pid = serde_json::from_str::<Value>(&said).unwrap()["pid"].as_u64().unwrap();
    chain.pids.push(u32::try_from(pid).unwrap());
    let beat = wait_line(&path, "a beat of the new process", |line| {
        line["kind"] == "alive" && line["to_backend"] == "before".len()
    });
    clients.push(chain.connect());
    clients.iter().for_each(|client| client.check_echo("after"));
    drop(clients);
    assert!(
        wait_line(&path, "its end", |line| line["kind"] == "end" && line["id"] == beat["id"])["end"] == "ok"
    );
    eventually("all have ended", || (ids(&lines(&path)).len() == 21).then_some(()));
    let events: Vec<_> =
        lines(&path).into_iter().filter_map(|line| Some(line["event"].as_str()?.to_owned())).collect();
    assert!(
        ["upgrading", "ready", "upgraded"].iter().all(|word| events.iter().any(|it| it == word)),
        "{events:?}"
    );
    chain.signal_newest(Signal::TERM);
    eventually("the last one says so", || {
        (lines(&path).iter().filter(|line| line["event"] == "stopped").count() == 2).then_some(())
    });
}
