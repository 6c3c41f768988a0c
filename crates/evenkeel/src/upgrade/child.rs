//! The new process, as the old one sees it: whether it has ended, and how.

use super::Again;
use evenkeel_sys::handoff::Channel;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::time::{Duration, Instant};

/// What is told of a new process that is gone; with its status, once that is known.
pub const ENDED: &str = "the new process has ended";

/// How long a process that was given up may take to end by itself.
const END: Duration = Duration::from_millis(500);

/// A process that the launcher has started for us.
pub struct Child {
    /// Its process id.
    pub pid: u32,
    again: Again,
    /// Where its status is told.
    told: Channel,
}

impl Child {
    /// Starts it, with the other end of `line`.
    pub fn start(again: Again, line: &Channel) -> Result<Self, String> {
        let (pid, told) = again.launcher.start(&again.binary, line)?;
        Ok(Self { pid, again, told })
    }

    /// Leaves it to itself, and to the service manager.
    pub fn let_go(&self) {
        self.again.launcher.let_go(self.pid);
    }

    /// Kills it unless it is about to end by itself, and tells why as well as can be known.
    pub fn ended(&self, why: String) -> String {
        match self.end_within(END) {
            Some(status) if why == ENDED => format!("{why}: {status}"),
            _ => why,
        }
    }

    /// Waits for its end, and kills it when that takes too long. Its status, if it has ended by itself.
    pub fn end_within(&self, patience: Duration) -> Option<ExitStatus> {
        match self.told.receive(Instant::now() + patience) {
            Ok(Some(packet)) => {
                packet.bytes.try_into().ok().map(|status| ExitStatus::from_raw(i32::from_ne_bytes(status)))
            }
            // Whoever would tell has ended, and the process had been let go of or has ended.
            Ok(None) => None,
            Err(_) => {
                self.again.launcher.kill(self.pid);
                None
            }
        }
    }
}
