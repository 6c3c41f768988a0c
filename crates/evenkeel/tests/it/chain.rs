//! A balancer that is upgraded: the first process, and those after it.

use crate::harness::{Running, Setup};
use evenkeel_testkit::{Peer, Server, Signal, eventually};
use rustix::process::{Pid, kill_process};
use serde_json::Value;
use std::ops::{Deref, DerefMut};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

/// A balancer and the processes after it: they write to the same standard output.
pub struct Chain {
    running: Running,
    /// The first of them, and those that came up after it.
    pub pids: Vec<u32>,
}

impl Deref for Chain {
    type Target = Running;

    fn deref(&self) -> &Running {
        &self.running
    }
}

impl DerefMut for Chain {
    fn deref_mut(&mut self) -> &mut Running {
        &mut self.running
    }
}

impl Drop for Chain {
    fn drop(&mut self) {
        self.look_for_pids();
        for pid in &self.pids[1..] {
            let _ = kill_process(pid_of(*pid), Signal::KILL);
        }
    }
}

/// Whether a process has ended, also one whose parent has not noticed yet.
pub fn has_ended(pid: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_none_or(|(_, state)| state.starts_with('Z'))
}

/// The id of a process.
pub fn pid_of(pid: u32) -> Pid {
    Pid::from_raw(pid.cast_signed()).unwrap()
}

impl Chain {
    /// Starts the first one.
    pub fn new(setup: Setup) -> Self {
        let running = setup.ready();
        Self { pids: vec![running.pid()], running }
    }

    /// Notes who has come up.
    pub fn look_for_pids(&mut self) {
        for line in self.running.log().iter().filter(|line| line["event"] == "ready") {
            let pid = u32::try_from(line["pid"].as_u64().unwrap()).unwrap();
            if !self.pids.contains(&pid) {
                self.pids.push(pid);
            }
        }
    }

    /// Sends a signal to the process in charge.
    pub fn signal_newest(&self, signal: Signal) {
        kill_process(pid_of(*self.pids.last().unwrap()), signal).unwrap();
    }

    /// One upgrade; what was told of it.
    pub fn upgrade(&mut self) -> Value {
        let (before, begun) = (self.count_events("upgraded"), self.count_events("upgrading"));
        let mut ignored = self.count_events("signal-ignored");
        self.signal_newest(Signal::USR2);
        eventually("the upgrade begins", || {
            // Who has just come up wants to have everything first.
            if self.count_events("signal-ignored") > ignored {
                ignored += 1;
                self.signal_newest(Signal::USR2);
            }
            (self.count_events("upgrading") > begun).then_some(())
        });
        self.wait_upgraded(before + 1)
    }

    /// Waits until so many upgrades are told of.
    pub fn wait_upgraded(&mut self, count: usize) -> Value {
        eventually("the upgrade", || {
            assert_eq!(self.count_events("upgrade-failed"), 0, "{:?}", self.log());
            (self.count_events("upgraded") == count).then_some(())
        });
        let told: Vec<_> = self.log().into_iter().filter(|line| line["event"] == "upgraded").collect();
        let told = told[count - 1].clone();
        // Both write to the log, and neither waits for the other.
        eventually("a line of the new process", || {
            self.look_for_pids();
            (told["pid"] == *self.pids.last().unwrap()).then_some(())
        });
        told
    }

    /// Waits until every process but the one in charge has ended.
    pub fn wait_alone(&mut self) {
        eventually("the first line of each", || {
            self.look_for_pids();
            (self.count_events("upgraded") + 1 == self.pids.len()).then_some(())
        });
        for pid in &self.pids[1..self.pids.len() - 1] {
            let began = Instant::now();
            eventually("an old process ends", || has_ended(*pid).then_some(()));
            assert!(began.elapsed() < Duration::from_secs(20));
        }
        assert_eq!(self.running.exit_code(), 0);
        let ended = self.pids.len() - 1;
        eventually("their last lines", || (self.count_events("stopped") == ended).then_some(()));
    }

    /// Waits until an upgrade has failed, and says why.
    pub fn wait_failed(&mut self) -> String {
        let failed = self.wait_event("upgrade-failed");
        self.forget();
        failed["message"].as_str().unwrap().to_owned()
    }
}

/// A balancer whose program can be replaced.
pub fn replaceable(server: &Server, top: &str) -> (tempfile::TempDir, PathBuf, Chain, Peer) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("evenkeel");
    std::fs::copy(env!("CARGO_BIN_EXE_evenkeel"), &path).unwrap();
    let program = path.display().to_string();
    let setup = Setup::to([server.place()]).top(top).start(|start| start.program(&program));
    let chain = Chain::new(setup);
    let client = chain.connect();
    client.check_echo("before");
    (folder, path, chain, client)
}

/// Makes a shell script, or whatever it is, the program at `path`.
///
/// By a copy that another process makes: what this one has open to write to may be handed to a child that another test
/// starts at that moment, and a file that somebody can write to is not run.
pub fn replace(path: &PathBuf, script: impl AsRef<[u8]>) {
    let (written, next) = (path.with_extension("written"), path.with_extension("next"));
    std::fs::write(&written, script).unwrap();
    std::fs::set_permissions(&written, std::fs::Permissions::from_mode(0o755)).unwrap();
    let copied = Command::new("cp").arg("-p").args([&written, &next]).status().unwrap();
    assert!(copied.success(), "{copied}");
    std::fs::rename(&next, path).unwrap();
}
