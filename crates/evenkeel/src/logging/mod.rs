//! The log: one line per event and one per ended session, wherever that is wanted. The data path is never delayed: between
//! it and the writer are bounded channels, and what does not fit is dropped, counted and told.

mod collect;
mod combined;
mod datagrams;
mod entry;
mod events;
mod flood;
mod journal;
mod json;
mod line;
mod notice;
mod outlet;
mod sink;
mod syslog;
#[cfg(test)]
mod tests;
mod text;
mod units;
mod writer;

pub use events::Told;
pub use notice::{Listening, Notice, Stopped};
pub use outlet::{Outlet, telling};
pub use units::{Bytes, Grouped, Rfc3339, Took, count, cut, with_errno};

use evenkeel_proxy::Records;
use events::Events;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::thread;
use std::time::{Duration, Instant, SystemTime};
use tokio::sync::broadcast;
use writer::Writer;

/// Events on their way to the writer, at most: thousands of backends may go down at once.
const WAITING_MAX: usize = 32 * 1024;

/// Outlets on their way to the writer, at most: each may hold a file open.
const TURNS_MAX: usize = 4;

/// How long the end of the process waits for a log that nobody reads.
const PATIENCE: Duration = Duration::from_secs(1);

/// What the writer turns into lines.
enum Item {
    /// An event, when it happened, and its place among those that wait.
    Notice(SystemTime, Notice, Place),
    /// Records, and where they go once they are written.
    Sessions(Records, SyncSender<Records>),
    /// Where all that follows goes; the other is counted until it is taken.
    Turn(Box<Outlet>, Arc<()>),
}

/// Lines that are not there, counted by the writer.
#[derive(Debug, Default)]
struct Tally {
    /// That could not be written.
    lost: AtomicU64,
    /// Of sessions of which there were too many.
    left_out: AtomicU64,
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
    items: Sender<Item>,
    /// Events that the writer has not taken yet.
    waiting: Arc<AtomicUsize>,
    /// Closed when the thread that collects records has ended.
    collected: Option<Receiver<()>>,
    /// Closed when the writer has ended.
    written: Receiver<()>,
    /// Notices that did not fit.
    dropped: u64,
    /// One for each turn that the writer has not taken yet.
    turns: Arc<()>,
    tally: Arc<Tally>,
    events: Events,
}

impl Log {
    /// Starts to write to `outlet`.
    pub fn start(outlet: Outlet) -> std::io::Result<Self> {
        let ((items, receiver), tally) = (channel(), Arc::<Tally>::default());
        let writer = Writer::new(outlet, Arc::clone(&tally));
        let written = spawn("log", move || writer.run(&receiver))?;
        let (waiting, events) = (Arc::default(), Events::default());
        let turns = Arc::default();
        Ok(Self { items, waiting, collected: None, written, dropped: 0, turns, tally, events })
    }

    /// Whatever is told from now on goes to `outlet`, and what was told before to where it would have gone.
    pub fn turn_to(&self, outlet: Outlet) {
        // Fails only when the writer is gone, and so is the log.
        let _ = self.items.send(Item::Turn(Box::new(outlet), Arc::clone(&self.turns)));
    }

    /// Whether it has turned so often without coming to it that another outlet would only be held open.
    pub fn is_stuck(&self) -> bool {
        Arc::strong_count(&self.turns) > TURNS_MAX
    }

    /// Starts to write a line for each of these records, and hands them on to `keep`.
    pub fn collect(
        &mut self,
        records: Receiver<Records>,
        keep: impl FnMut(Records) + Send + 'static,
    ) -> std::io::Result<()> {
        let items = self.items.clone();
        self.collected = Some(spawn("records", move || collect::run(&records, &items, keep))?);
        Ok(())
    }

    /// Tells of an event, or counts it as dropped when the log is read too slowly. Never waits.
    pub fn tell(&mut self, notice: Notice) {
        let now = SystemTime::now();
        self.events.note(now, &notice);
        let sent = Place::take(&self.waiting)
            .and_then(|place| self.items.send(Item::Notice(now, notice, place)).ok());
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

    /// Lines that could not be written so far; the log tells of them by itself.
    pub fn lost(&self) -> u64 {
        self.tally.lost.load(Relaxed)
    }

    /// Lines that were left out so far, because there were too many alike.
    pub fn left_out(&self) -> u64 {
        self.tally.left_out.load(Relaxed)
    }

    /// Ends the log with one last event, once all records before it are written. Waits a second at most.
    pub fn end(self, last: Notice) {
        let deadline = Instant::now() + PATIENCE;
        self.collected.into_iter().for_each(|collected| wait(&collected, deadline));
        let place = Place(self.waiting);
        place.0.fetch_add(1, Relaxed);
        // Fails only when the writer is gone already.
        let _ = self.items.send(Item::Notice(SystemTime::now(), last, place));
        drop(self.items);
        wait(&self.written, deadline);
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

fn wait(ended: &Receiver<()>, deadline: Instant) {
    // Nothing is ever sent: this ends when the other side is gone, or at the deadline.
    let _ = ended.recv_timeout(deadline.saturating_duration_since(Instant::now()));
}
