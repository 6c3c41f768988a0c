//! Messages for the journal in its native protocol: fields with a name and a value, so that
//! `journalctl EVENKEEL_SERVICE=web` finds them.

use super::entry::Entry;
use super::notice::Notice;
use super::syslog::severity;
use super::units::cut;
use evenkeel_core::name::PoolName;
use evenkeel_proxy::{RequestRecord, SessionRecord};
use std::fmt::Display;
use std::io::Write as _;

/// Bytes of a value, at most; what is longer is cut off. A message of all fields fits into one datagram.
const VALUE_MAX: usize = 32 * 1024;

/// Appends the message of `line`, which tells of `entry`.
pub fn frame(frame: &mut Vec<u8>, line: &str, entry: &Entry<'_>, facility: u8) {
    let mut fields = Fields(frame);
    fields.add("MESSAGE", line);
    fields.add("PRIORITY", severity(entry.level()));
    fields.add("SYSLOG_IDENTIFIER", "evenkeel");
    fields.add("SYSLOG_FACILITY", facility);
    match entry {
        Entry::Notice(_, notice) => fields.notice(notice),
        Entry::Ended(record) => {
            fields.add("EVENKEEL_KIND", entry.word());
            fields.session(record);
            fields.add("EVENKEEL_END", record.end.word());
            fields.add("EVENKEEL_BY", record.end.by());
        }
        Entry::Open(record) => {
            fields.add("EVENKEEL_KIND", entry.word());
            fields.session(record);
        }
        Entry::Request(record) => {
            fields.add("EVENKEEL_KIND", entry.word());
            fields.request(record);
        }
    }
}

struct Fields<'a>(&'a mut Vec<u8>);

impl Fields<'_> {
    fn add(&mut self, name: &str, value: impl Display) {
        let value = value.to_string();
        let value = cut(&value, VALUE_MAX);
        self.0.extend(name.bytes());
        if value.contains('\n') {
            // With its length before it, a value may be anything.
            let _ = writeln!(self.0);
            self.0.extend((value.len() as u64).to_le_bytes());
        } else {
            self.0.push(b'=');
        }
        self.0.extend(value.bytes());
        self.0.push(b'\n');
    }

    fn add_some(&mut self, name: &str, value: Option<impl Display>) {
        value.into_iter().for_each(|value| self.add(name, value));
    }

    fn notice(&mut self, notice: &Notice) {
        self.add("EVENKEEL_EVENT", notice.word());
        match notice {
            Notice::Pool(event) => self.add("EVENKEEL_POOL", &event.pool),
            _ => self.add_some("EVENKEEL_SERVICE", notice.about()),
        }
        self.add_some("EVENKEEL_BACKEND", notice.backend());
    }

    fn request(&mut self, record: &RequestRecord) {
        self.add("EVENKEEL_SESSION", record.session);
        self.add("EVENKEEL_SERVICE", &record.listener.service);
        self.add("EVENKEEL_CLIENT", &record.client);
        self.add_some("EVENKEEL_VIA", record.via.as_ref());
        self.add_some("EVENKEEL_REQUEST", record.said().id);
        self.add_some("EVENKEEL_STATUS", record.status);
        self.add("EVENKEEL_OUTCOME", record.outcome.word());
        self.add_some("EVENKEEL_POOL", record.pool.as_ref());
        self.add_some("EVENKEEL_BACKEND", record.backend.as_ref());
    }

    fn session<E>(&mut self, record: &SessionRecord<E>) {
        self.add("EVENKEEL_SESSION", record.id);
        self.add("EVENKEEL_SERVICE", &record.listener.service);
        self.add("EVENKEEL_LISTENER", &record.listener.addr);
        self.add("EVENKEEL_CLIENT", &record.client);
        self.add_some("EVENKEEL_VIA", record.via.as_ref());
        self.add_some("EVENKEEL_SNI", record.server_name.as_ref());
        self.add_some("EVENKEEL_POOL", record.pool.as_ref().map(PoolName::as_str));
        self.add_some("EVENKEEL_BACKEND", record.backend.as_ref());
        self.add("EVENKEEL_MS", record.duration.as_millis());
        self.add("EVENKEEL_TO_BACKEND", record.to_backend);
        self.add("EVENKEEL_TO_CLIENT", record.to_client);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn added(name: &str, value: &str) -> Vec<u8> {
        let mut message = Vec::new();
        Fields(&mut message).add(name, value);
        message
    }

    #[test]
    fn a_value_of_one_line_stands_behind_its_name() {
        assert_eq!(added("A", "b=c"), b"A=b=c\n");
    }

    #[test]
    fn a_value_of_two_lines_cannot_pretend_to_be_a_field() {
        assert_eq!(added("A", "b\nPRIORITY=0"), b"A\n\x0c\0\0\0\0\0\0\0b\nPRIORITY=0\n");
    }

    #[test]
    fn a_value_that_is_too_long_is_cut() {
        assert_eq!(added("A", &"x".repeat(2 * VALUE_MAX)).len(), "A=\n".len() + VALUE_MAX);
    }
}
