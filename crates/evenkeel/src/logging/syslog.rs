//! Messages for syslog, as RFC 5424 has them.

use super::entry::Entry;
use super::notice::Level;
use super::units::{Rfc3339, cut};
use std::io::Write as _;

/// Bytes of a message to a socket of this machine, at most: what syslog daemons take unless they are told otherwise.
pub const LOCAL_MAX: usize = 8192;

/// Bytes of a message over UDP, at most: what RFC 5424 wants every receiver to take.
pub const UDP_MAX: usize = 2048;

/// Bytes of a host's name, at most.
const HOST_MAX: usize = 255;

/// What is the same in every message.
pub struct Header {
    facility: u8,
    size_max: usize,
    host: String,
}

impl Header {
    /// Of messages of this facility, which are at most so long.
    pub fn new(facility: u8, size_max: usize) -> Self {
        let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
        let mut host: String = host.trim().chars().filter(char::is_ascii_graphic).take(HOST_MAX).collect();
        if host.is_empty() {
            host.push('-');
        }
        Self { facility, size_max, host }
    }

    /// Appends the message of `line`, which tells of `entry`; its end is cut off if it is too long.
    pub fn frame(&self, frame: &mut Vec<u8>, line: &str, entry: &Entry<'_>) {
        let priority = u32::from(self.facility) * 8 + u32::from(severity(entry.level()));
        let (at, word, pid) = (Rfc3339(entry.at()), entry.word(), std::process::id());
        // Writing to memory does not fail.
        let _ = write!(frame, "<{priority}>1 {at} {} evenkeel {pid} {word} - ", self.host);
        frame.extend(cut(line, self.size_max.saturating_sub(frame.len())).bytes());
    }
}

/// The number of syslog(3).
pub fn severity(level: Level) -> u8 {
    match level {
        Level::Error => 3,
        Level::Warning => 4,
        Level::Info => 6,
    }
}
