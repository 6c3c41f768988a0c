//! Kernel pipes and splice(2): bytes go from socket to socket without entering this process.

use rustix::pipe::{PipeFlags, SpliceFlags, fcntl_getpipe_size, fcntl_setpipe_size, pipe_with, splice};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// A pipe that owns its two ends.
#[derive(Debug)]
pub struct Pipe {
    read_end: OwnedFd,
    write_end: OwnedFd,
    slots: usize,
}

impl Pipe {
    /// A pipe with room for about `size` bytes; less where the kernel's limits (pipe(7)) allow no more.
    pub fn new(size: usize) -> io::Result<Self> {
        let (read_end, write_end) = pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK)?;
        // A smaller pipe than asked for is slower, not wrong.
        let _ = fcntl_setpipe_size(&write_end, size);
        Ok(Self::from_ends(read_end, write_end))
    }

    /// A pipe that came from another process: the ends of one that [`new`](Self::new) made there.
    pub fn from_ends(read_end: OwnedFd, write_end: OwnedFd) -> Self {
        let size = fcntl_getpipe_size(&write_end).unwrap_or(0);
        Self { slots: size / rustix::param::page_size(), read_end, write_end }
    }

    /// Its ends, the one to read from first.
    pub fn ends(&self) -> (BorrowedFd<'_>, BorrowedFd<'_>) {
        (self.read_end.as_fd(), self.write_end.as_fd())
    }

    /// How many pieces it takes: each segment of a socket is one, however small (pipe(7), "Pipe capacity").
    pub fn slots(&self) -> usize {
        self.slots
    }

    /// Moves at most `length` bytes from a socket into the pipe; 0 is the end of the stream. `WouldBlock` means an
    /// empty socket or a full pipe: the caller knows whether the pipe was empty.
    pub fn fill(&self, socket: impl AsFd, length: usize) -> io::Result<usize> {
        let flags = SpliceFlags::NONBLOCK | SpliceFlags::MOVE;
        Ok(splice(socket, None, &self.write_end, None, length, flags)?)
    }

    /// Moves at most `length` bytes from the pipe into a socket.
    pub fn empty(&self, socket: impl AsFd, length: usize) -> io::Result<usize> {
        let flags = SpliceFlags::NONBLOCK | SpliceFlags::MOVE;
        Ok(splice(&self.read_end, None, socket, None, length, flags)?)
    }
}
