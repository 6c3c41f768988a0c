//! One line for each request as Apache and nginx write it, for the many programs that read those:
//! `%h - - %t "%r" %>s %b "%{Referer}i" "%{User-Agent}i"`.

use super::units::unix_seconds;
use evenkeel_proxy::{RequestRecord, Said};
use evenkeel_sys::clock::{LocalTime, local_time};
use std::fmt::Write as _;
use std::time::SystemTime;

/// What a client is logged as that was told nothing, as nginx does: programs that read such logs want a status.
const TOLD_NOTHING: u16 = 499;

const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// Writes lines of requests.
#[derive(Default)]
pub struct Combined {
    /// The second that `clock` shows, since the Unix epoch.
    second: Option<i64>,
    clock: String,
}

impl Combined {
    /// Appends the line of a request; its time is that of its beginning.
    pub fn request(&mut self, out: &mut String, record: &RequestRecord) {
        self.set_clock(record.began_at);
        let said = record.said_in_bytes();
        let _ = match record.client.ip() {
            Some(ip) => write!(out, "{ip} - - [{}] \"", self.clock),
            // It came by a Unix socket.
            None => write!(out, "- - - [{}] \"", self.clock),
        };
        asked(out, record, &said);
        let _ = write!(out, "\" {} ", record.status.unwrap_or(TOLD_NOTHING));
        match record.to_client.saturating_sub(record.head_to_client) {
            0 => out.push('-'),
            bytes => drop(write!(out, "{bytes}")),
        }
        field(out, said.referer);
        field(out, said.user_agent);
        out.push('\n');
    }

    /// Worked out once a second.
    fn set_clock(&mut self, at: SystemTime) {
        let second = unix_seconds(at);
        if self.second.replace(second) == Some(second) {
            return;
        }
        self.clock.clear();
        match local_time(second) {
            Some(time) => clock(&mut self.clock, time),
            None => self.clock.push('-'),
        }
    }
}

/// `22/Nov/2026:14:02:11 +0100`.
fn clock(out: &mut String, time: LocalTime) {
    let LocalTime { year, month, day, hour, minute, second, ahead } = time;
    let month = MONTHS.get(usize::from(month).wrapping_sub(1)).copied().unwrap_or("-");
    let sign = if ahead < 0 { '-' } else { '+' };
    let (hours, minutes) = (ahead.abs() / 60, ahead.abs() % 60);
    let _ =
        write!(out, "{day:02}/{month}/{year}:{hour:02}:{minute:02}:{second:02} {sign}{hours:02}{minutes:02}");
}

/// The first line of the request.
fn asked(out: &mut String, record: &RequestRecord, said: &Said<&[u8]>) {
    match (said.method, said.target) {
        (b"", b"") => out.push('-'),
        // What was refused stands there whole.
        (b"", line) => escape(out, line),
        (method, target) => {
            escape(out, method);
            out.push(' ');
            escape(out, target);
            let _ = write!(out, " {}", record.version.word());
        }
    }
}

fn field(out: &mut String, value: Option<&[u8]>) {
    out.push_str(" \"");
    escape(out, value.unwrap_or(b"-"));
    out.push('"');
}

/// As Apache does it: nothing in a value can end it, or the line, and every byte can be told.
fn escape(out: &mut String, bytes: &[u8]) {
    for &byte in bytes {
        match byte {
            b'"' | b'\\' => out.extend(['\\', char::from(byte)]),
            b' '..=b'~' => out.push(char::from(byte)),
            b'\n' => out.push_str("\\n"),
            b'\r' => out.push_str("\\r"),
            b'\t' => out.push_str("\\t"),
            0x08 => out.push_str("\\b"),
            0x0b => out.push_str("\\v"),
            _ => drop(write!(out, "\\x{byte:02x}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_a_value_can_end_it_or_the_line() {
        let mut out = String::new();
        escape(&mut out, b"a\"b\\c\r\n\t\x00\x1b\x7f\xc3\xa9~");
        assert_eq!(out, r#"a\"b\\c\r\n\t\x00\x1b\x7f\xc3\xa9~"#);
        assert!(out.bytes().all(|byte| byte.is_ascii_graphic()), "{out}");
    }

    #[test]
    fn a_time_has_its_zone() {
        let time = LocalTime { year: 2026, month: 11, day: 2, hour: 4, minute: 2, second: 1, ahead: -570 };
        let shown = |time| {
            let mut out = String::new();
            clock(&mut out, time);
            out
        };
        assert_eq!(shown(time), "02/Nov/2026:04:02:01 -0930");
        assert_eq!(shown(LocalTime { ahead: 60, month: 1, ..time }), "02/Jan/2026:04:02:01 +0100");
    }
}
