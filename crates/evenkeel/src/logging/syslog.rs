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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::logging::notice::Notice;
    use std::time::{Duration, UNIX_EPOCH};

    fn framed(facility: u8, size_max: usize, line: &str, notice: &Notice) -> String {
        let mut frame = Vec::new();
        let entry = Entry::Notice(UNIX_EPOCH + Duration::from_millis(1_795_356_131_031), notice);
        Header { facility, size_max, host: "lb1".to_owned() }.frame(&mut frame, line, &entry);
        String::from_utf8(frame).unwrap()
    }

    #[test]
    fn a_message_is_as_the_specification_has_it() {
        let pid = std::process::id();
        let expected =
            format!("<156>1 2026-11-22T14:02:11.031Z lb1 evenkeel {pid} warning - look at \"this\"");
        let notice = Notice::Warning("look at \"this\"".to_owned());
        assert_eq!(framed(19, LOCAL_MAX, "look at \"this\"", &notice), expected);
    }

    #[test]
    fn one_that_is_too_long_is_cut_to_what_receivers_take() {
        let message = framed(3, UDP_MAX, &"é".repeat(5000), &Notice::Warning(String::new()));
        assert!((UDP_MAX - 1..=UDP_MAX).contains(&message.len()), "{}", message.len());
        assert!(message.ends_with("é…"));
    }
}
