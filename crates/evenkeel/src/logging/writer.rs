//! Writes the lines, on a thread of its own: a slow terminal or a full disk delays nothing but the log.

use super::flood::Floodgate;
use super::notice::Notice;
use super::text::Text;
use super::{Item, json};
use evenkeel_proxy::SessionRecord;
use std::io::{self, Write};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant, SystemTime};

/// Bytes of buffer that are kept from one batch to the next.
const BUFFER_KEPT: usize = 64 * 1024;

/// How lines look.
pub enum Format {
    /// For people; floods are summed up.
    Text(Text, Floodgate),
    /// For programs; every line is kept.
    Json,
}

/// Turns items into lines, and writes them.
pub struct Writer<W> {
    out: W,
    format: Format,
    buffer: String,
    /// Lines in the buffer.
    lines: u64,
    /// Lines that could not be written since the last that could.
    lost: u64,
}

impl<W: Write> Writer<W> {
    /// Writes to `out`.
    pub fn new(out: W, format: Format) -> Self {
        Self { out, format, buffer: String::new(), lines: 0, lost: 0 }
    }

    /// Writes whatever comes, until nobody is left to send.
    pub fn run(mut self, items: &Receiver<Item>) {
        loop {
            let next = match self.summary_due() {
                Some(due) => items.recv_timeout(due.saturating_duration_since(Instant::now())),
                None => items.recv().map_err(RecvTimeoutError::from),
            };
            match next {
                Ok(item) => self.take(item),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
            while self.buffer.len() < BUFFER_KEPT
                && let Ok(item) = items.try_recv()
            {
                self.take(item);
            }
            if self.summary_due().is_some_and(|due| due <= Instant::now()) {
                self.summary();
            }
            self.flush();
        }
        self.summary();
        self.flush();
    }

    fn take(&mut self, item: Item) {
        match item {
            Item::Notice(at, notice, place) => {
                drop(place);
                self.notice(at, &notice);
            }
            Item::Sessions(records, give_back) => {
                self.sessions(&records);
                // The collector hands over more when this is written, not before.
                self.flush();
                // It may have ended meanwhile.
                let _ = give_back.send(records);
            }
        }
    }

    fn notice(&mut self, at: SystemTime, notice: &Notice) {
        match &mut self.format {
            Format::Text(text, _) => text.notice(&mut self.buffer, at, notice),
            Format::Json => json::notice(&mut self.buffer, at, notice),
        }
        self.lines += 1;
    }

    fn sessions(&mut self, records: &[SessionRecord]) {
        match &mut self.format {
            Format::Text(text, gate) => {
                let now = Instant::now();
                for record in records {
                    if gate.admits(now, record) {
                        text.session(&mut self.buffer, record);
                    }
                }
            }
            Format::Json => records.iter().for_each(|record| json::session(&mut self.buffer, record)),
        }
        self.lines += records.len() as u64;
    }

    fn summary_due(&self) -> Option<Instant> {
        match &self.format {
            Format::Text(_, gate) => gate.ends(),
            Format::Json => None,
        }
    }

    fn summary(&mut self) {
        if let Format::Text(text, gate) = &mut self.format {
            let now = SystemTime::now();
            gate.close().iter().for_each(|flood| text.more(&mut self.buffer, now, flood));
        }
    }

    /// Writes the buffer. What cannot be written is given up and counted: the balancer goes on without a log.
    fn flush(&mut self) {
        if self.buffer.is_empty() {
            return;
        }
        let written = write_all(&mut self.out, self.buffer.as_bytes());
        let lines = std::mem::take(&mut self.lines);
        self.buffer.clear();
        self.buffer.shrink_to(BUFFER_KEPT);
        if written.is_err() {
            self.lost += lines;
        } else if self.lost > 0 {
            let lines = std::mem::take(&mut self.lost);
            self.notice(SystemTime::now(), &Notice::LinesDropped { lines });
            self.flush();
        }
    }
}

/// As [`Write::write_all`], but waits where the output is non-blocking and full, as one shared with another program
/// may be.
fn write_all(out: &mut impl Write, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        match out.write(bytes) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(count) => bytes = &bytes[count..],
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                std::thread::sleep(Duration::from_millis(10));
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    out.flush()
}
