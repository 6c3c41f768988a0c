//! Sockets that a service manager bound and passed on, `sd_listen_fds(3)`.

use rustix::io::{FdFlags, fcntl_setfd};
use std::env;
use std::ops::Range;
use std::os::fd::{FromRawFd, OwnedFd, RawFd};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

/// The first descriptor passed, by convention.
const FIRST: RawFd = 3;

/// More than this is taken for nonsense.
const COUNT_MAX: RawFd = 4096;

/// Takes the sockets that `LISTEN_FDS` and `LISTEN_PID` say were passed to this process, close-on-exec from now on.
///
/// Empty when none were passed or they were taken before. Call it before anything else opens descriptors: a manager
/// that promises more than it passes would otherwise hand us somebody else's.
pub fn take_listen_fds() -> Vec<OwnedFd> {
    static TAKEN: AtomicBool = AtomicBool::new(false);
    if TAKEN.swap(true, Relaxed) {
        return Vec::new();
    }
    let value = |name| env::var(name).ok();
    let Some(range) = passed(value("LISTEN_PID"), value("LISTEN_FDS"), std::process::id()) else {
        return Vec::new();
    };
    range
        .filter(|fd| Path::new(&format!("/proc/self/fd/{fd}")).exists())
        .map(|fd| {
            // SAFETY: the descriptor is open; the manager gave it to this process, and `TAKEN` sees to it that
            // nobody is made its owner twice.
            let fd = unsafe { OwnedFd::from_raw_fd(fd) };
            // Failing leaves it open in children, of which there are none.
            let _ = fcntl_setfd(&fd, FdFlags::CLOEXEC);
            fd
        })
        .collect()
}

/// The descriptors that the two variables promise to the process `own`.
fn passed(pid: Option<String>, count: Option<String>, own: u32) -> Option<Range<RawFd>> {
    let pid: u32 = pid?.parse().ok()?;
    let count: RawFd = count?.parse().ok()?;
    (pid == own && (1..=COUNT_MAX).contains(&count)).then(|| FIRST..FIRST + count)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(pid: &str, count: &str) -> Option<Range<RawFd>> {
        passed(Some(pid.into()), Some(count.into()), 42)
    }

    #[test]
    fn only_what_was_meant_for_this_process_is_taken() {
        assert_eq!(told("42", "2"), Some(3..5));
        assert_eq!(told("41", "2"), None, "meant for our parent");
        assert_eq!(passed(None, Some("2".into()), 42), None);
    }

    #[test]
    fn nonsense_is_nothing() {
        for (pid, count) in [("42", "0"), ("42", "-1"), ("42", "many"), ("", "1"), ("42", "2000000000")] {
            assert_eq!(told(pid, count), None, "{pid} {count}");
        }
    }
}
