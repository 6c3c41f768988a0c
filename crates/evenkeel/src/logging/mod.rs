//! The log: one line per event and one per ended session, on standard output. The data path is never delayed: between
//! it and the writer are bounded channels, and what does not fit is dropped, counted and told.

mod collect;
mod events;
mod flood;
mod json;
mod line;
mod notice;
#[cfg(test)]
mod tests;
mod text;
mod units;
mod writer;

pub use events::Told;
pub use notice::{Listening, Notice, Stopped};
pub use units::{Bytes, Grouped, Rfc3339, Took, count};

use crate::config::LogFormat;
use crate::{cli, output};
use evenkeel_proxy::SessionRecord;
use events::Events;
use flood::Floodgate;
use std::io::IsTerminal;
use std::os::unix::fs::MetadataExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::thread;
use std::time::{Duration, Instant, SystemTime};
use text::{Style, Text};
use tokio::sync::broadcast;
use writer::{Format, Writer};

/// Events on their way to the writer, at most: thousands of backends may go down at once.
const WAITING_MAX: usize = 32 * 1024;

/// How long the end of the process waits for a log that nobody reads.
const PATIENCE: Duration = Duration::from_secs(1);

/// What the writer turns into lines.
enum Item {
    /// An event, when it happened, and its place among those that wait.
    Notice(SystemTime, Notice, Place),
    /// Records, and where they go once they are written.
    Sessions(Vec<SessionRecord>, SyncSender<Vec<SessionRecord>>),
}

/// One of [`WAITING_MAX`], given back on drop.
struct Place(Arc<AtomicUsize>);

impl Place {
    fn take(waiting: &Arc<AtomicUsize>) -> Option<Self> {
        let place = Self(Arc::clone(waiting));
        (waiting.fetch_add(1, Relaxed) < WAITING_MAX).then_some(place)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Relaxed);
    }
}

/// The way to the log.
pub struct Log {
    /// `None` when there is no log.
    items: Option<Sender<Item>>,
    /// Events that the writer has not taken yet.
    waiting: Arc<AtomicUsize>,
    /// Closed when the thread that collects records has ended.
    collected: Option<Receiver<()>>,
    /// Closed when the writer has ended.
    written: Option<Receiver<()>>,
    /// Notices that did not fit.
    dropped: u64,
    events: Events,
}

impl Log {
    /// Starts to write in `format`.
    pub fn start(format: LogFormat) -> std::io::Result<Self> {
        let mut log = Self {
            items: None,
            waiting: Arc::default(),
            collected: None,
            written: None,
            dropped: 0,
            events: Events::default(),
        };
        let Some(format) = choose(format) else { return Ok(log) };
        let (items, receiver) = channel();
        // `io::stdout` would write a line at a time; this writes whole batches.
        let stdout = std::fs::File::from(std::os::fd::AsFd::as_fd(&std::io::stdout()).try_clone_to_owned()?);
        log.written = Some(spawn("log", move || Writer::new(stdout, format).run(&receiver))?);
        log.items = Some(items);
        Ok(log)
    }

    /// Whether anything is written at all.
    pub fn is_on(&self) -> bool {
        self.items.is_some()
    }

    /// Starts to write a line for each of these records, and hands them on to `keep`.
    pub fn collect(
        &mut self,
        records: Receiver<Vec<SessionRecord>>,
        keep: impl FnMut(Vec<SessionRecord>) + Send + 'static,
    ) -> std::io::Result<()> {
        let items = self.items.clone();
        self.collected = Some(spawn("records", move || collect::run(&records, items.as_ref(), keep))?);
        Ok(())
    }

    /// Tells of an event, or counts it as dropped when the log is read too slowly. Never waits.
    pub fn tell(&mut self, notice: Notice) {
        let now = SystemTime::now();
        self.events.note(now, &notice);
        let Some(items) = &self.items else { return };
        let sent =
            Place::take(&self.waiting).and_then(|place| items.send(Item::Notice(now, notice, place)).ok());
        if sent.is_none() {
            self.dropped += 1;
        }
    }

    /// The last events, whether they are written anywhere or not, and all that will follow.
    pub fn follow(&self) -> (Vec<Told>, broadcast::Receiver<Told>) {
        self.events.follow()
    }

    /// Events that were dropped so far.
    pub fn dropped(&self) -> u64 {
        self.dropped
    }

    /// Ends the log with one last event, once all records before it are written. Waits a second at most.
    pub fn end(self, last: Notice) {
        let deadline = Instant::now() + PATIENCE;
        wait(self.collected, deadline);
        if let Some(items) = self.items {
            let place = Place(self.waiting);
            place.0.fetch_add(1, Relaxed);
            // Fails only when the writer is gone already.
            let _ = items.send(Item::Notice(SystemTime::now(), last, place));
        }
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
