//! What is left of the first process of a container after an upgrade: it may not end before the others, so it passes
//! signals on, takes in orphans, and ends with the status of the last process in charge.

use super::{SUPERVISED, launcher};
use crate::signals::{Signal, Signals};
use rustix::process::{Pid, WaitOptions, WaitStatus, getpid, kill_process, wait};
use std::ffi::{CStr, OsString};
use std::fs;
use std::io;
use std::os::unix::ffi::OsStringExt;
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::timeout;

/// How long a signal that was sent may take to arrive.
const LAST_SIGNALS: Duration = Duration::from_millis(20);

/// What the kernel calls a process that has handed over: `ps` shows it, and the first process of a container goes by it.
const RETIRED: &CStr = c"evenkeel-old";

/// Whether this process is the first one of a container, or of a machine.
pub fn is_first() -> bool {
    getpid().is_init()
}

/// Whether signals to this process are meant for the one in charge, even when that is another one.
pub fn passes_signals_on() -> bool {
    is_first() || std::env::var_os(SUPERVISED).is_some()
}

/// Shows that another process is in charge from now on. Where that cannot be shown, signals that come while this one ends may
/// get lost.
pub fn retire() {
    let _ = rustix::thread::set_name(RETIRED);
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
            match successors(std::process::id()).last() {
                Some(next) => charge = *next,
                None => return Ok(status),
            }
        }
        tokio::select! {
            _ = children.recv() => {}
            signal = signals.next() => pass_on(in_charge(charge), signal),
        }
    }
}

/// Who is in charge, if it was `pid` when this was looked at last. Whoever has handed over since may be too far gone to pass a
/// signal on, and its end may not have been told yet.
fn in_charge(pid: u32) -> u32 {
    if !has_retired(pid) {
        return pid;
    }
    successors(std::process::id()).into_iter().rfind(|it| !has_retired(*it)).unwrap_or(pid)
}

fn has_retired(pid: u32) -> bool {
    fs::read_to_string(format!("/proc/{pid}/comm"))
        .is_ok_and(|name| name.trim().as_bytes() == RETIRED.to_bytes())
}

/// A child that has ended, and its status as a shell tells it.
fn ended() -> Option<(u32, i32)> {
    let (pid, status) = wait(WaitOptions::NOHANG).ok().flatten()?;
    Some((pid.as_raw_nonzero().get().cast_unsigned(), code(status)))
}

fn code(status: WaitStatus) -> i32 {
    status.exit_status().or_else(|| status.terminating_signal().map(|signal| 128 + signal)).unwrap_or(1)
}

/// The children of `parent` that came up by an upgrade, in the order in which they came.
fn successors(parent: u32) -> Vec<u32> {
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    let mut pids: Vec<u32> = processes
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter(|pid| is_child(*pid, parent) && is_successor(*pid))
        .collect();
    pids.sort_unstable();
    pids
}

fn is_child(pid: u32, parent: u32) -> bool {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let told = status.lines().find_map(|line| line.strip_prefix("PPid:"));
    told.is_some_and(|told| told.trim() == parent.to_string())
}

/// Whether it was started as this process was. Its environment would say more, and is not shown to a sandboxed process.
fn is_successor(pid: u32) -> bool {
    let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    let mut words = line.strip_suffix(b"\0").unwrap_or_default().split(|byte| *byte == 0);
    words.next().is_some_and(|name| name != launcher::NAME.as_bytes())
        && words.eq(std::env::args_os().skip(1).map(OsString::into_vec))
}
