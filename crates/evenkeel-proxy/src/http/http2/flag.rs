//! What the library wakes: a flag, at which its owner looks in its next turn.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::task::{Wake, Waker};

/// A flag. It is only ever raised in the turn of its owner, by the library that the owner drives.
pub struct Flag(AtomicBool);

impl Flag {
    /// One that is raised, and what raises it again.
    pub fn raised() -> (Arc<Self>, Waker) {
        let flag = Arc::new(Self(AtomicBool::new(true)));
        (Arc::clone(&flag), flag.into())
    }

    /// Whether it was raised; it is not any more.
    pub fn take(&self) -> bool {
        self.0.swap(false, Relaxed)
    }
}

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Relaxed);
    }
}
