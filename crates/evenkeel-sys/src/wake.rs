//! A way to wake a thread that waits in [`Poll`](crate::poll::Poll): eventfd(2).

use rustix::event::{EventfdFlags, eventfd};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// Wakes whoever polls it.
#[derive(Debug)]
pub struct Wake(OwnedFd);

impl Wake {
    /// A new one, not yet woken.
    pub fn new() -> io::Result<Self> {
        Ok(Self(eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?))
    }

    /// Wakes the poller. Waking one that is awake already changes nothing.
    pub fn wake(&self) {
        // The one error there is, a full counter, means that it is woken already.
        let _ = rustix::io::write(&self.0, &1u64.to_ne_bytes());
    }

    /// Takes the wake-up back, before looking for what it was for.
    pub fn reset(&self) {
        let _ = rustix::io::read(&self.0, &mut [0u8; 8]);
    }
}

impl AsFd for Wake {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}
