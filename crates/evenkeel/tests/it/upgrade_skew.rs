//! Two versions that do not understand each other's sessions: the listeners move, the sessions end where they are. What is
//! written here by hand may never change.

use crate::chain::{has_ended, pid_of, replace, replaceable};
use crate::harness::evenkeel;
use evenkeel_sys::handoff::{self, Channel};
use evenkeel_testkit::{Ending, PATIENCE, Peer, Place, Server, Signal, eventually};
use rustix::process::kill_process;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::os::fd::{AsFd, OwnedFd};
use std::process::{Command, Stdio};
use std::time::Instant;

const HELLO: u8 = 1;
const LISTENER: u8 = 2;
const LISTENERS: u8 = 3;
const READY: u8 = 4;
const PAST: u8 = 6;
const GO: u8 = 11;
const MOVING: u8 = 12;

/// A format that nobody has.
const OTHER: u32 = 9999;

const VARIABLE: &str = "EVENKEEL_UPGRADE_FD";

fn say(channel: &Channel, word: u8, bytes: &[u8], sockets: &[&TcpListener]) {
    let sockets: Vec<_> = sockets.iter().map(|it| it.as_fd()).collect();
    channel.send(&[&[word, 0], bytes].concat(), &sockets, Instant::now() + PATIENCE).unwrap();
}

/// The next message: its word, what belongs to it, and its descriptors.
fn hear(channel: &Channel) -> (u8, Vec<u8>, Vec<OwnedFd>) {
    let (mut bytes, mut descriptors) = (Vec::new(), Vec::new());
    loop {
        let packet = channel.receive(Instant::now() + PATIENCE).unwrap().expect("it goes on");
        bytes.extend_from_slice(&packet.bytes[2..]);
        descriptors.extend(packet.descriptors);
        if packet.bytes[1] == 0 {
            return (packet.bytes[0], bytes, descriptors);
        }
    }
}

/// Not a test, but the new process of the one below, when it is started as that: it speaks another format, and says so to
/// each of its clients until one of them says that it is enough.
#[test]
fn the_other_version() {
    let Ok(text) = std::env::var(VARIABLE) else { return };
    let channel = Channel::inherited(&text).expect("an end of a channel");
    let (word, hello, _) = hear(&channel);
    assert_eq!((word, hello.len() >= 12), (HELLO, true));
    let mut sockets = Vec::new();
    loop {
        match hear(&channel) {
            (LISTENER, _, its) => sockets.extend(its),
            (word, ..) => break assert_eq!(word, LISTENERS),
        }
    }
    let numbers = [1_u64.to_le_bytes(), 0_u64.to_le_bytes()].concat();
    say(&channel, READY, &[&OTHER.to_le_bytes()[..], &numbers].concat(), &[]);
    assert_eq!(hear(&channel).0, PAST);
    assert_eq!(hear(&channel).0, GO, "no session before it");
    say(&channel, MOVING, &[], &[]);
    for socket in sockets {
        let socket = TcpListener::from(socket);
        socket.set_nonblocking(false).unwrap();
        std::thread::spawn(move || {
            while let Ok((mut client, _)) = socket.accept() {
                client.set_nonblocking(false).unwrap();
                let _ = client.write_all(b"other");
                let mut said = String::new();
                let _ = client.read_to_string(&mut said);
                if said == "enough" {
                    std::process::exit(0);
                }
            }
        });
    }
    loop {
        std::thread::park();
    }
}

#[test]
fn a_new_process_of_another_format_gets_the_listeners_and_the_sessions_drain() {
    let server = Server::echo();
    let (_folder, path, mut chain, client) = replaceable(&server, "drain = \"3s\"");
    let own = std::env::current_exe().unwrap();
    let peer = format!("exec {} --exact upgrade_skew::the_other_version --nocapture", own.display());
    replace(&path, format!("#!/bin/sh\n{peer}\n"));
    let stays = chain.connect();
    stays.check_echo("before");
    let whom = format!("unix:{}", chain.file("control.sock").display());
    let asked = evenkeel().args("upgrade --admin").arg(&whom).spawn();
    let told = chain.wait_event("upgraded");
    assert_eq!((&told["sessions"], &told["left"]), (&0.into(), &2.into()), "{told}");
    let other = u32::try_from(told["pid"].as_u64().unwrap()).unwrap();
    client.check_echo("in the old process");
    let new = chain.connect();
    assert_eq!(new.receive(5).unwrap(), b"other");
    client.finish();
    assert_eq!(client.ending(), Ending::Fin);
    stays.check_echo("as long as it may");
    stays.read_to_end();
    let sessions = chain.wait_sessions(2);
    assert_eq!((&sessions[0]["end"], &sessions[1]["end"]), (&"ok".into(), &"drain".into()));
    assert_eq!(chain.exit_code(), 0);
    let (code, out, errors) = asked.output();
    assert!(code == 0 && out.contains("0 sessions moved") && errors.contains("as yet"), "{out} {errors}");
    assert!(
        out.contains("2 sessions left to end in the old process; the new version does not know"),
        "{out}"
    );
    new.send(b"enough").unwrap();
    new.finish();
    eventually("the other one has ended", || has_ended(other).then_some(()));
}

#[test]
fn an_old_process_of_another_format_hands_its_listeners_over() {
    let server = Server::echo();
    let socket = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = socket.local_addr().unwrap();
    let place = Place::from(addr);
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("evenkeel.toml");
    let text = format!(
        "workers = 2\n[tcp.web]\nlisten = \"{place}\"\nto = [\"{}\"]\nhealth = \"off\"\n",
        server.place()
    );
    std::fs::write(&config, text).unwrap();
    let (ours, theirs) = Channel::pair().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_evenkeel"));
    command.arg("run").arg("-c").arg(&config).env("RUNTIME_DIRECTORY", folder.path()).stdout(Stdio::null());
    let mut child = handoff::spawn(&mut command, VARIABLE, &theirs).unwrap();
    drop(theirs);

    // Whatever comes after the first numbers is for those who know the format.
    say(&ours, HELLO, &[&OTHER.to_le_bytes()[..], &3_u64.to_le_bytes(), b"what is this?"].concat(), &[]);
    let ip = [&[1, 1][..], &4_u64.to_le_bytes(), &[127, 0, 0, 1], &addr.port().to_le_bytes()].concat();
    say(&ours, LISTENER, &ip, &[&socket]);
    say(&ours, LISTENERS, &[], &[]);
    let (word, ready, _) = hear(&ours);
    assert_eq!((word, &ready[4..]), (READY, &[1_u64.to_le_bytes(), 0_u64.to_le_bytes()].concat()[..]));
    let waits = Peer::connect(&place);
    waits.send(b"waits").unwrap();
    assert!(!waits.has_bytes(), "it is not its turn yet");
    say(&ours, PAST, b"nor this", &[]);
    assert_eq!(waits.receive(5).unwrap(), b"waits");
    drop(socket);
    say(&ours, GO, &[], &[]);
    assert_eq!(hear(&ours).0, MOVING);
    Peer::connect(&place).check_echo("new");
    let whom = format!("unix:{}", folder.path().join("control.sock").display());
    let status = || evenkeel().args("status --ready --admin").arg(&whom).spawn().output().0;
    assert_eq!(status(), 69, "somebody else may still be there");
    drop(ours);
    eventually("it can be asked when the old one is gone", || (status() == 0).then_some(()));
    waits.check_echo("after");
    drop(waits);
    kill_process(pid_of(child.id()), Signal::TERM).unwrap();
    assert!(child.wait().unwrap().success());
}
