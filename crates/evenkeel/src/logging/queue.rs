//! What waits for the writer. Of each kind there is a limit. Whoever puts something in takes no lock, and wakes the writer
//! behind it: the writer may take over their core at once, and must not find them in the middle of anything.

use super::Item;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, TryRecvError};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

/// Where items are put in.
#[derive(Clone)]
pub struct Inlet {
    // Dropped before the bell rings for the last time.
    items: Sender<Item>,
    bell: Bell,
}

/// Wakes the writer, for the last time when it is dropped.
#[derive(Clone)]
struct Bell(Thread);

/// One of so many places, given back on drop.
pub struct Place(Arc<AtomicUsize>);

impl Inlet {
    /// To the other end of `items`, from which `writer` takes them by [`next`].
    pub fn new(items: Sender<Item>, writer: Thread) -> Self {
        Self { items, bell: Bell(writer) }
    }

    /// Puts `item` in; `false`: the writer is gone.
    pub fn put(&self, item: Item) -> bool {
        let is_sent = self.items.send(item).is_ok();
        self.bell.0.unpark();
        is_sent
    }
}

impl Drop for Bell {
    fn drop(&mut self) {
        self.0.unpark();
    }
}

impl Place {
    /// One of `max` places, of which some are `taken`.
    pub fn take(taken: &Arc<AtomicUsize>, max: usize) -> Option<Self> {
        let place = Self(Arc::clone(taken));
        (taken.fetch_add(1, Relaxed) < max).then_some(place)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Relaxed);
    }
}

/// Waits for the next item, until `due` if there is such a time.
pub fn next(items: &Receiver<Item>, due: Option<Instant>) -> Result<Item, RecvTimeoutError> {
    loop {
        match items.try_recv() {
            Ok(item) => return Ok(item),
            Err(TryRecvError::Disconnected) => return Err(RecvTimeoutError::Disconnected),
            Err(TryRecvError::Empty) => {}
        }
        // Whatever was put in since then has taken care that these return at once.
        match due.map(|due| due.saturating_duration_since(Instant::now())) {
            Some(Duration::ZERO) => return Err(RecvTimeoutError::Timeout),
            Some(left) => thread::park_timeout(left),
            None => thread::park(),
        }
    }
}
