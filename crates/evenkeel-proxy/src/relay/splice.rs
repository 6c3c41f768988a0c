//! Carries through a kernel pipe, for bulk. Pipes are a budget of the worker: a session holds one only while bytes
//! are in it, and when there is none left bytes go through memory.

use super::carry::{Carrier, Got, Way};
use evenkeel_core::doubt::Doubt;
use evenkeel_core::half::Half;
use evenkeel_sys::pipe::Pipe;
use evenkeel_sys::socket;
use std::cell::Cell;
use std::io;
use std::os::fd::BorrowedFd;
use std::rc::Rc;

/// Room asked for in a pipe, and the most that is read into it at once, in bytes.
pub const PIPE_BYTES: usize = 1024 * 1024;

/// A worker's pipes.
#[derive(Debug)]
pub struct PipePool {
    free: Vec<Lease>,
    open: Rc<Cell<u32>>,
    limit: u32,
}

/// A pipe out of the pool. Dropped instead of returned, it is closed, with what is in it.
#[derive(Debug)]
pub struct Lease {
    pipe: Pipe,
    holds: Cell<usize>,
    open: Rc<Cell<u32>>,
}

impl Lease {
    /// The pipe's ends, the one to read from first.
    pub fn ends(&self) -> (BorrowedFd<'_>, BorrowedFd<'_>) {
        self.pipe.ends()
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.open.set(self.open.get() - 1);
    }
}

impl PipePool {
    /// A pool that opens at most `limit` pipes.
    pub fn new(limit: u32) -> Self {
        Self { free: Vec::new(), open: Rc::default(), limit }
    }

    /// A pipe that came from another process, with `holds` bytes in it; whatever the limit, it is open.
    pub fn adopt(&self, pipe: Pipe, holds: usize) -> Lease {
        self.open.set(self.open.get() + 1);
        Lease { pipe, holds: Cell::new(holds), open: Rc::clone(&self.open) }
    }

    /// Pipes that are open, leased or not.
    pub fn open(&self) -> u32 {
        self.open.get()
    }

    /// Whether [`take`](Self::take) has a chance.
    pub fn has_one(&self) -> bool {
        !self.free.is_empty() || self.open.get() < self.limit
    }

    /// An empty pipe if one is `wanted` and there is one.
    pub fn take_if(&mut self, wanted: bool) -> Option<Lease> {
        if wanted { self.take() } else { None }
    }

    /// An empty pipe, unless the limit is reached or the kernel has none.
    fn take(&mut self) -> Option<Lease> {
        if let Some(lease) = self.free.pop() {
            return Some(lease);
        }
        if self.open.get() >= self.limit {
            return None;
        }
        let Ok(pipe) = Pipe::new(PIPE_BYTES) else {
            // The kernel has no more for us: what we have now is our limit.
            self.limit = self.open.get();
            return None;
        };
        self.open.set(self.open.get() + 1);
        Some(Lease { pipe, holds: Cell::new(0), open: Rc::clone(&self.open) })
    }

    /// Takes back a pipe. One that is not empty is closed: what is in it belongs to a session that is gone.
    pub fn give_back(&mut self, lease: Lease) {
        if lease.holds.get() == 0 {
            self.free.push(lease);
        }
    }
}

/// The carrier for one turn.
pub struct Splice<'a> {
    /// From where to where.
    pub way: &'a Way<'a>,
    /// What lies between them.
    pub lease: &'a Lease,
    /// Whether urgent data stands in the way: bytes behind it have to be copied.
    pub stuck: bool,
    /// What is presumed of the source.
    pub doubt: Doubt,
}

impl Carrier for Splice<'_> {
    fn read(&mut self) -> io::Result<Got> {
        self.doubt.begin(|| socket::is_tcp(self.way.source));
        let filled = self.lease.pipe.fill(self.way.source, PIPE_BYTES);
        if filled.as_ref().is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock) {
            self.doubt.on_blocked();
        }
        let bytes = filled?;
        // The kernel gives 0 in front of urgent data, too.
        if bytes == 0 && !socket::is_at_end(self.way.source)? {
            self.stuck = true;
            return Err(io::ErrorKind::Interrupted.into());
        }
        self.lease.holds.set(self.lease.holds.get() + bytes);
        Ok(Got { bytes, drained: self.doubt.on_read(bytes, self.lease.pipe.slots()) })
    }

    fn write(&mut self, held: usize) -> io::Result<usize> {
        let bytes = self.lease.pipe.empty(self.way.sink, held)?;
        self.lease.holds.set(self.lease.holds.get() - bytes);
        Ok(bytes)
    }

    fn shutdown(&mut self) -> io::Result<()> {
        self.way.shutdown()
    }

    fn suits(&self, half: &Half) -> bool {
        half.is_bulk() && !self.stuck
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pool_keeps_to_its_limit_and_forgets_closed_pipes() {
        let mut pool = PipePool::new(2);
        let (one, two) = (pool.take().unwrap(), pool.take().unwrap());
        assert!(pool.take().is_none() && !pool.has_one());
        pool.give_back(one);
        assert!(pool.take().is_some());
        drop(two);
        let three = pool.take().expect("a closed pipe makes room for another");
        three.holds.set(1);
        pool.give_back(three);
        assert!(pool.free.is_empty(), "a pipe with bytes in it never sees another session");
    }
}
