//! The new process, as its parent sees it: whether it has ended, and how.

use super::Again;
use evenkeel_sys::handoff::Channel;
use rustix::process::{Pid, WaitOptions, waitpid};
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::thread;
use std::time::{Duration, Instant};

/// What is told of a new process that is gone; with its status, once that is known.
pub const ENDED: &str = "the new process has ended";

/// How often somebody looks whether it has ended.
const LOOK: Duration = Duration::from_millis(20);

/// How long a process that was given up may take to end by itself.
const END: Duration = Duration::from_millis(500);

/// A child that the launcher has started for us.
pub struct Child {
    /// Its process id.
    pub pid: u32,
    again: Again,
}

impl Child {
    /// Starts it, with the other end of `line`.
    pub fn start(again: Again, line: &Channel) -> Result<Self, String> {
        let pid = again.launcher.start(&again.binary, line)?;
        Ok(Self { pid, again })
    }

    /// Kills it unless it is about to end by itself, and tells why as well as can be known.
    pub fn ended(&self, why: String) -> String {
        match self.wait_for(END) {
            Some(Some(status)) if why == ENDED => format!("{why}: {status}"),
            Some(_) => why,
            None => {
                self.kill();
                why
            }
        }
    }

    /// Waits for its end, and kills it when that takes too long.
    pub fn reap(&self, patience: Duration) {
        if patience == Duration::MAX {
            let _ = self.wait(WaitOptions::empty());
        } else if self.wait_for(patience).is_none() {
            self.kill();
        }
    }

    fn kill(&self) {
        self.again.launcher.kill(self.pid);
        let _ = self.wait(WaitOptions::empty());
    }

    /// Its status, within that time; `Some(None)`: somebody else has heard of it.
    fn wait_for(&self, patience: Duration) -> Option<Option<ExitStatus>> {
        let began = Instant::now();
        loop {
            match self.wait(WaitOptions::NOHANG) {
                Err(()) => return Some(None),
                Ok(Some(status)) => return Some(Some(status)),
                Ok(None) if began.elapsed() > patience => return None,
                Ok(None) => thread::sleep(LOOK),
            }
        }
    }

    fn wait(&self, options: WaitOptions) -> Result<Option<ExitStatus>, ()> {
        let pid = Pid::from_raw(self.pid.cast_signed()).ok_or(())?;
        let ended = waitpid(Some(pid), options).map_err(drop)?;
        Ok(ended.map(|(_, status)| ExitStatus::from_raw(status.as_raw())))
    }
}
