//! What is left of the first process of a container after an upgrade: it may not end before the others, so it passes
//! signals on, takes in orphans, and ends with the status of the last process in charge.

use super::{SUPERVISED, VARIABLE};
use crate::signals::{Signal, Signals};
use rustix::process::{Pid, WaitOptions, WaitStatus, getpid, kill_process, wait};
use std::fs;
use std::io;
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::timeout;

/// How long a signal that was sent may take to arrive.
const LAST_SIGNALS: Duration = Duration::from_millis(20);

/// Whether this process is the first one of a container, or of a machine.
pub fn is_first() -> bool {
    getpid().is_init()
}

/// Whether signals to this process are meant for the one in charge, even when that is another one.
pub fn passes_signals_on() -> bool {
    is_first() || std::env::var_os(SUPERVISED).is_some()
}

/// Sends a signal on. One who has ended needs none.
pub fn pass_on(pid: u32, signal: Signal) {
    if let Some(pid) = Pid::from_raw(pid.cast_signed()) {
        let _ = kill_process(pid, signal.number());
    }
}

/// Sends signals on that come while this process ends: until it has, it is taken for the one in charge.
pub async fn pass_last_signals_on(successor: u32, signals: &mut Signals) {
    while let Ok(signal) = timeout(LAST_SIGNALS, signals.next()).await {
        pass_on(successor, signal);
    }
}

/// Stays until nobody is in charge any more; the status to end with.
pub async fn supervise(successor: u32, signals: &mut Signals) -> io::Result<i32> {
    let mut children = signal(SignalKind::child())?;
    let mut charge = successor;
    loop {
        while let Some((pid, status)) = ended() {
            if pid != charge {
                continue;
            }
            match successors().last() {
                Some(next) => charge = *next,
                None => return Ok(status),
            }
        }
        tokio::select! {
            _ = children.recv() => {}
            signal = signals.next() => pass_on(charge, signal),
        }
    }
}

/// A child that has ended, and its status as a shell tells it.
fn ended() -> Option<(u32, i32)> {
    let (pid, status) = wait(WaitOptions::NOHANG).ok().flatten()?;
    Some((pid.as_raw_nonzero().get().cast_unsigned(), code(status)))
}

fn code(status: WaitStatus) -> i32 {
    status.exit_status().or_else(|| status.terminating_signal().map(|signal| 128 + signal)).unwrap_or(1)
}

/// The children of this process that came up by an upgrade, in the order in which they came.
fn successors() -> Vec<u32> {
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    let mut pids: Vec<u32> = processes
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter(|pid| is_child(*pid) && is_successor(*pid))
        .collect();
    pids.sort_unstable();
    pids
}

fn is_child(pid: u32) -> bool {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let parent = status.lines().find_map(|line| line.strip_prefix("PPid:"));
    parent.is_some_and(|parent| parent.trim() == std::process::id().to_string())
}

fn is_successor(pid: u32) -> bool {
    let environment = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
    environment.split(|byte| *byte == 0).any(|variable| variable.starts_with(VARIABLE.as_bytes()))
}
