//! Processes that take part in a measurement.

use super::interrupt;
use crate::figures::Figures;
use crate::meter::{family, processes};
use anyhow::{Context, Result, ensure};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::process::{Pid, Signal, kill_process};
use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// Time between two looks at whether something has ended.
const PAUSE: Duration = Duration::from_millis(2);

/// Time between two looks at whether a load that says nothing goes on in vain. Each look takes from a core.
const LOOK: Timespec = Timespec { tv_sec: 0, tv_nsec: 100_000_000 };

/// Longest time until a process that is killed has ended.
const PATIENCE: Duration = Duration::from_secs(5);

/// A process that ends when it is dropped, with all that it started.
pub struct Running(Child);

impl Running {
    /// Starts it; what it says goes into the file `log`.
    pub fn spawn(mut command: Command, log: &Path) -> Result<Self> {
        let log = File::create(log)?;
        command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        let name = command.get_program().to_owned();
        Ok(Self(command.spawn().with_context(|| format!("cannot start {}", name.display()))?))
    }

    /// Its number.
    pub fn id(&self) -> u32 {
        self.0.id()
    }

    /// How it has ended, if it has by itself.
    pub fn end(&mut self) -> Option<ExitStatus> {
        self.0.try_wait().ok().flatten()
    }

    /// Whether it has ended by itself.
    pub fn has_ended(&mut self) -> bool {
        self.end().is_some()
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: Signal) -> Result<()> {
        Ok(kill_process(pid(self.id()).context("no such number of a process")?, signal)?)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if self.has_ended() {
            // Its number may belong to somebody else by now.
            return;
        }
        for pid in family(self.id()).into_iter().filter_map(pid) {
            // It may have ended by itself.
            let _ = kill_process(pid, Signal::KILL);
        }
        let _ = self.0.wait();
    }
}

/// The network of a process.
pub fn network(id: u32) -> Option<PathBuf> {
    fs::read_link(format!("/proc/{id}/ns/net")).ok()
}

/// Ends all that are in a network that is not ours, whoever started them: a balancer that dies may leave workers behind.
pub fn clear(of: &Path) {
    if network(std::process::id()).is_none_or(|ours| ours == of) {
        return;
    }
    let deadline = Instant::now() + PATIENCE;
    loop {
        let mut left = processes().filter(|id| network(*id).as_deref() == Some(of)).peekable();
        if left.peek().is_none() || Instant::now() > deadline {
            return;
        }
        for pid in left.filter_map(pid) {
            // It may have ended by itself.
            let _ = kill_process(pid, Signal::KILL);
        }
        std::thread::sleep(PAUSE);
    }
}

fn pid(id: u32) -> Option<Pid> {
    i32::try_from(id).ok().and_then(Pid::from_raw)
}

/// The figures that a load prints, which are few enough for a pipe to hold until it has ended. The load is ended when
/// it takes too long, when it is `in_vain`, or when the run is interrupted.
pub fn finish(load: &mut Child, patience: Duration, mut in_vain: impl FnMut() -> bool) -> Result<Figures> {
    let deadline = Instant::now() + patience;
    while load.try_wait()?.is_none() {
        if Instant::now() > deadline || in_vain() || interrupt::came() {
            load.kill()?;
        }
        let says = load.stdout.as_ref().context("no output")?;
        match poll(&mut [PollFd::new(says, PollFlags::IN)], Some(&LOOK)) {
            // It says nothing; or we are interrupted, and look at once.
            Ok(0) | Err(Errno::INTR) => {}
            // All that it has to say is said in one go.
            Ok(_) => std::thread::sleep(PAUSE),
            Err(errno) => return Err(errno.into()),
        }
    }
    let (mut said, mut failed) = (String::new(), String::new());
    load.stdout.take().context("no output")?.read_to_string(&mut said)?;
    load.stderr.take().context("no output")?.read_to_string(&mut failed)?;
    let status = load.wait()?;
    ensure!(status.success(), "load, {status}: {}", failed.trim());
    Figures::from_json(&serde_json::from_str(&said)?)
}

/// The last lines of a file, for an error.
pub fn tail(path: &Path) -> String {
    let text = fs::read_to_string(path).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(5)..].join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{BufRead, BufReader, Write};

    #[test]
    fn those_left_behind_in_a_network_are_ended() {
        let mut parent = Command::new("unshare");
        parent.args(["--net", "--", "sh", "-c", "sleep 1000 >&- & echo $!; read line"]);
        parent.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let Ok(mut parent) = parent.spawn() else {
            writeln!(std::io::stderr(), "skipped: there is no unshare").unwrap();
            return;
        };
        let mut said = String::new();
        BufReader::new(parent.stdout.take().unwrap()).read_line(&mut said).unwrap();
        let net = network(parent.id());
        parent.kill().unwrap();
        parent.wait().unwrap();
        let (Ok(left), Some(net)) = (said.trim().parse(), net) else {
            writeln!(std::io::stderr(), "skipped: no network of its own without privileges").unwrap();
            return;
        };
        assert_eq!(network(left).as_ref(), Some(&net));
        clear(&net);
        assert_ne!(network(left).as_ref(), Some(&net));
    }
}
