//! The process that starts the next program of an upgrade, asked by this test instead of a balancer.

use crate::chain::replace;
use evenkeel_sys::handoff::{Channel, spawn};
use evenkeel_testkit::PATIENCE;
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command};
use std::time::Instant;

/// Asks for `program` to be started, to be told at `answers`; what is said to it is heard at the other end of `line`.
fn start(launcher: &Channel, program: &Path, line: &Channel, answers: &Channel) {
    let path = program.as_os_str().as_bytes();
    let asked = [&[2], &(path.len() as u64).to_le_bytes()[..], path].concat();
    launcher.send(&asked, &[line.as_fd(), answers.as_fd()], soon()).unwrap();
}

fn soon() -> Instant {
    Instant::now() + PATIENCE
}

/// A launcher, and the way to it.
fn launcher() -> (Child, Channel) {
    let (ours, theirs) = Channel::pair().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_evenkeel"));
    let launcher = spawn(command.arg0("evenkeel-launch"), "EVENKEEL_LAUNCHER_FD", &theirs).unwrap();
    (launcher, ours)
}

/// Asks for `program`: what is wrong with it.
fn refusal(launcher: &Channel, program: &Path) -> String {
    let (answers, told_at) = Channel::pair().unwrap();
    let (line, other) = Channel::pair().unwrap();
    start(launcher, program, &other, &told_at);
    drop((other, told_at));
    let answer = answers.receive(soon()).unwrap().expect("an answer");
    drop(line);
    String::from_utf8(answer.bytes[12..].to_vec()).unwrap()
}

#[test]
fn a_program_that_could_be_of_the_making_of_whom_the_sandbox_holds_is_not_started() {
    let [open, safe] = [(); 2].map(|()| tempfile::tempdir().unwrap());
    let [made, good, link] = [open.path().join("made"), safe.path().join("good"), safe.path().join("link")];
    replace(&made, "#!/bin/sh\nexit 0\n");
    replace(&good, "#!/bin/sh\nexit 0\n");
    std::os::unix::fs::symlink(&made, &link).unwrap();
    let (mut process, launcher) = launcher();
    let path = |path: &Path| {
        let bytes = path.as_os_str().as_bytes();
        [&(bytes.len() as u64).to_le_bytes()[..], bytes].concat()
    };
    let writable = [&1_u64.to_le_bytes()[..], &path(&open.path().canonicalize().unwrap())].concat();
    let confined = [&[1], &path(Path::new("/own"))[..], &writable].concat();
    launcher.send(&confined, &[], soon()).unwrap();

    assert!(refusal(&launcher, &made).contains("may write to"));
    assert!(refusal(&launcher, &link).contains("may write to"), "whatever its name is");
    // It could be put there between a look at it and its start.
    let none = open.path().join("none");
    assert!(refusal(&launcher, &none).contains("No such file"));
    assert_eq!(refusal(&launcher, &good), "");
    drop(launcher);
    assert!(process.wait().unwrap().success());
}

#[test]
fn what_comes_up_after_whoever_wanted_it_gave_up_is_killed_and_no_answer_to_others() {
    let folder = tempfile::tempdir().unwrap();
    let [hangs, ends] = ["hangs", "ends"].map(|name| folder.path().join(name));
    replace(&hangs, "#!/bin/sh\nexec sleep 1000\n");
    replace(&ends, "#!/bin/sh\nexit 0\n");
    let (mut launcher, ours) = launcher();

    let (answers, given_up) = Channel::pair().unwrap();
    drop(answers);
    let (line, other) = Channel::pair().unwrap();
    start(&ours, &hangs, &other, &given_up);
    drop((other, given_up));
    let (answers, told_at) = Channel::pair().unwrap();
    let (next_line, other) = Channel::pair().unwrap();
    start(&ours, &ends, &other, &told_at);
    drop((other, told_at));

    assert!(line.receive(soon()).unwrap().is_none(), "it is no more");
    let answer = answers.receive(soon()).unwrap().expect("an answer of its own");
    assert_eq!(&answer.bytes[4..], 0_u64.to_le_bytes(), "nothing is wrong");
    assert!(next_line.receive(soon()).unwrap().is_none(), "it has ended by itself");
    drop(ours);
    assert!(launcher.wait().unwrap().success());
}
