//! Processes that take part in a measurement.

use crate::figures::Figures;
use crate::meter::family;
use anyhow::{Context, Result, ensure};
use rustix::process::{Pid, Signal, kill_process};
use std::fs::{self, File};
use std::io::Read;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

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

    /// Whether it has ended by itself.
    pub fn has_ended(&mut self) -> bool {
        matches!(self.0.try_wait(), Ok(Some(_)))
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

fn pid(id: u32) -> Option<Pid> {
    i32::try_from(id).ok().and_then(Pid::from_raw)
}

/// The figures that a load prints, which are few enough for a pipe to hold until it has ended. The load is ended when
/// it takes too long, or when it is `in_vain`.
pub fn finish(load: &mut Child, patience: Duration, mut in_vain: impl FnMut() -> bool) -> Result<Figures> {
    let deadline = Instant::now() + patience;
    while load.try_wait()?.is_none() {
        if Instant::now() > deadline || in_vain() {
            load.kill()?;
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    let (mut said, mut failed) = (String::new(), String::new());
    load.stdout.take().context("no output")?.read_to_string(&mut said)?;
    load.stderr.take().context("no output")?.read_to_string(&mut failed)?;
    ensure!(load.wait()?.success(), "load: {}", failed.trim());
    Figures::from_json(&serde_json::from_str(&said)?)
}

/// The last lines of a file, for an error.
pub fn tail(path: &Path) -> String {
    let text = fs::read_to_string(path).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(5)..].join("\n")
}
