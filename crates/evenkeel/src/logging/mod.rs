//! The log: one line per event and one per ended session, wherever that is wanted. The data path is never delayed: between
//! it and the writer are bounded channels, and what does not fit is dropped, counted and told.

mod combined;
mod datagrams;
mod entry;
mod events;
mod flood;
mod journal;
mod json;
mod line;
mod notice;
mod object;
mod outlet;
mod queue;
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
use queue::{Inlet, Place};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::mpsc::{Receiver, channel, sync_channel};
use std::thread::{self, Thread};
use std::time::{Duration, SystemTime};
use tokio::sync::broadcast;
use writer::Writer;

/// Events on their way to the writer, at most: thousands of backends may go down at once.
const WAITING_MAX: usize = 32 * 1024;

/// Batches of records on their way to the writer, at most; most have some 64.
const BATCHES_MAX: usize = 256;

/// Outlets on their way to the writer, at most: each may hold a file open.
const TURNS_MAX: usize = 4;

/// How long the end of the process waits for a log that nobody reads.
const PATIENCE: Duration = Duration::from_secs(1);

/// What the writer turns into lines.
enum Item {
    /// An event, when it happened, and its place among those that wait.
    Notice(SystemTime, Notice, Place),
    /// Records, and their place among those that wait.
    Sessions(Records, Place),
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

/// The way to the log.
pub struct Log {
    inlet: Inlet,
    /// Events that the writer has not taken yet.
    waiting: Arc<AtomicUsize>,
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
    /// Starts to write to `outlet`, and gives records to `keep` behind that.
    pub fn start(outlet: Outlet, keep: impl FnMut(Records) + Send + 'static) -> std::io::Result<Self> {
        let ((items, receiver), tally) = (channel(), Arc::<Tally>::default());
        let writer = Writer::new(outlet, keep, Arc::clone(&tally));
        let (thread, written) = spawn("log", move || writer.run(&receiver))?;
        let inlet = Inlet::new(items, thread);
        let (waiting, turns, events) = (Arc::default(), Arc::default(), Events::default());
        Ok(Self { inlet, waiting, written, dropped: 0, turns, tally, events })
    }

    /// Whatever is told from now on goes to `outlet`, and what was told before to where it would have gone.
    pub fn turn_to(&self, outlet: Outlet) {
        self.inlet.put(Item::Turn(Box::new(outlet), Arc::clone(&self.turns)));
    }

    /// Whether it has turned so often without coming to it that another outlet would only be held open.
    pub fn is_stuck(&self) -> bool {
        Arc::strong_count(&self.turns) > TURNS_MAX
    }

    /// What has a line written for each record, or says that there is no room. Never waits.
    pub fn recorder(&self) -> impl Fn(Records) -> bool + Send + Sync + 'static {
        let (inlet, waiting) = (self.inlet.clone(), Arc::default());
        move |records| {
            Place::take(&waiting, BATCHES_MAX).is_some_and(|place| inlet.put(Item::Sessions(records, place)))
        }
    }

    /// Tells of an event, or counts it as dropped when the log is read too slowly. Never waits.
    pub fn tell(&mut self, notice: Notice) {
        let now = SystemTime::now();
        self.events.note(now, &notice);
        let is_sent = Place::take(&self.waiting, WAITING_MAX)
            .is_some_and(|place| self.inlet.put(Item::Notice(now, notice, place)));
        self.dropped += u64::from(!is_sent);
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

    /// Ends the log with one last event, behind all that was put in before it: the plane has ended, if there was one.
    /// Waits a second at most.
    pub fn end(self, last: Notice) {
        let place = Place::take(&self.waiting, usize::MAX);
        place.map(|place| self.inlet.put(Item::Notice(SystemTime::now(), last, place)));
        drop(self.inlet);
        // Nothing is ever sent: this ends when the writer has.
        let _ = self.written.recv_timeout(PATIENCE);
    }
}

/// Runs `work` on a thread; the channel closes when it has ended.
fn spawn(name: &str, work: impl FnOnce() + Send + 'static) -> std::io::Result<(Thread, Receiver<()>)> {
    let (running, ended) = sync_channel::<()>(0);
    let handle = thread::Builder::new().name(name.to_owned()).spawn(move || {
        work();
        drop(running);
    })?;
    Ok((handle.thread().clone(), ended))
}
