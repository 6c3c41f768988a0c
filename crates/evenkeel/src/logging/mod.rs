//! The log: one line per event and one per ended session, on standard output. The data path is never delayed: between
//! it and the writer are bounded channels, and what does not fit is dropped, counted and told.

mod collect;
mod flood;
mod json;
mod notice;
#[cfg(test)]
mod tests;
mod text;
mod units;
mod writer;

pub use notice::Notice;
pub use units::count;

use crate::config::LogFormat;
use crate::{cli, output};
use evenkeel_proxy::SessionRecord;
use flood::Floodgate;
use std::io::IsTerminal;
use std::os::unix::fs::MetadataExt;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread;
use std::time::{Duration, Instant, SystemTime};
use text::{Style, Text};
use writer::{Format, Writer};

/// Items on their way to the writer, at most.
const ITEMS_MAX: usize = 2048;

/// How long the end of the process waits for a log that nobody reads.
const PATIENCE: Duration = Duration::from_secs(1);

/// What the writer turns into lines.
enum Item {
    Notice(SystemTime, Notice),
    /// Records, and where the empty list goes once they are written.
    Sessions(Vec<SessionRecord>, SyncSender<Vec<SessionRecord>>),
}

/// The way to the log.
pub struct Log {
    /// `None` when there is no log.
    items: Option<SyncSender<Item>>,
    /// Closed when the thread that collects records has ended.
    collected: Option<Receiver<()>>,
    /// Closed when the writer has ended.
    written: Option<Receiver<()>>,
    /// Notices that did not fit.
    dropped: u64,
}

impl Log {
    /// Starts to write in `format`.
    pub fn start(format: LogFormat) -> std::io::Result<Self> {
        let Some(format) = choose(format) else {
            return Ok(Self { items: None, collected: None, written: None, dropped: 0 });
        };
        let (items, receiver) = sync_channel(ITEMS_MAX);
        // `io::stdout` would write a line at a time; this writes whole batches.
        let stdout = std::fs::File::from(std::os::fd::AsFd::as_fd(&std::io::stdout()).try_clone_to_owned()?);
        let written = spawn("log", move || Writer::new(stdout, format).run(&receiver))?;
        Ok(Self { items: Some(items), collected: None, written: Some(written), dropped: 0 })
    }

    /// Whether anything is written at all.
    pub fn is_on(&self) -> bool {
        self.items.is_some()
    }

    /// Starts to write a line for each of these records.
    pub fn collect(&mut self, records: Receiver<Vec<SessionRecord>>) -> std::io::Result<()> {
        if let Some(items) = self.items.clone() {
            self.collected = Some(spawn("records", move || collect::run(&records, &items))?);
        }
        Ok(())
    }

    /// Tells of an event, or counts it as dropped when the log is read too slowly. Never waits.
    pub fn tell(&mut self, notice: Notice) {
        let Some(items) = &self.items else { return };
        if items.try_send(Item::Notice(SystemTime::now(), notice)).is_err() {
            self.dropped += 1;
        }
    }

    /// Events that were dropped so far.
    pub fn dropped(&self) -> u64 {
        self.dropped
    }

    /// Ends the log with one last event, once all records before it are written. Waits a second at most.
    pub fn end(self, last: Notice) {
        let deadline = Instant::now() + PATIENCE;
        wait(self.collected, deadline);
        let Some(items) = self.items else { return };
        let mut item = Item::Notice(SystemTime::now(), last);
        while let Err(TrySendError::Full(back)) = items.try_send(item)
            && Instant::now() < deadline
        {
            item = back;
            thread::sleep(Duration::from_millis(10));
        }
        drop(items);
        wait(self.written, deadline);
    }
}

/// Runs `work` on a thread; the channel closes when it has ended.
fn spawn(name: &str, work: impl FnOnce() + Send + 'static) -> std::io::Result<Receiver<()>> {
    let (running, ended) = sync_channel::<()>(0);
    thread::Builder::new().name(name.to_owned()).spawn(move || {
        work();
        drop(running);
    })?;
    Ok(ended)
}

fn wait(ended: Option<Receiver<()>>, deadline: Instant) {
    if let Some(ended) = ended {
        // Nothing is ever sent: this ends when the other side is gone, or at the deadline.
        let _ = ended.recv_timeout(deadline.saturating_duration_since(Instant::now()));
    }
}

/// What is asked for, on the standard output we have.
fn choose(format: LogFormat) -> Option<Format> {
    let terminal = std::io::stdout().is_terminal();
    let journal = is_journal();
    let style = if output::wants_color(cli::color(), terminal) {
        Style::Colour
    } else if journal {
        Style::Journal
    } else {
        Style::Plain
    };
    match format {
        LogFormat::Off => None,
        LogFormat::Auto if !terminal && !journal => Some(Format::Json),
        LogFormat::Json => Some(Format::Json),
        LogFormat::Auto | LogFormat::Text => Some(Format::Text(Text::new(style), Floodgate::default())),
    }
}

/// Whether standard output is the journal's socket, sd_journal(3): `JOURNAL_STREAM` names its device and inode.
fn is_journal() -> bool {
    let Ok(stream) = std::env::var("JOURNAL_STREAM") else { return false };
    std::fs::metadata("/proc/self/fd/1").is_ok_and(|file| stream == format!("{}:{}", file.dev(), file.ino()))
}
