//! Bulk transfers: connections that send, receive or do both without end, as fast as the other side lets them.

use crate::net::{self, Poll, Ready};
use slab::Slab;
use std::io;
use std::os::fd::OwnedFd;
use std::time::Duration;

/// Bytes of one write.
const SEND: usize = 256 * 1024;

/// Bytes of one read, at most.
const RECEIVE: usize = 1024 * 1024;

/// What a connection does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Task {
    /// Send.
    Send,
    /// Receive.
    Receive,
    /// Send and receive.
    Both,
}

impl Task {
    fn ready(self) -> Ready {
        match self {
            Self::Send => Ready::OUT,
            Self::Receive => Ready::IN,
            Self::Both => Ready::IN | Ready::OUT,
        }
    }
}

/// Many bulk transfers, a turn at a time, each fairly.
pub struct Pumps {
    poll: Poll,
    connections: Slab<(OwnedFd, Task)>,
    bytes: Vec<u8>,
}

impl Pumps {
    /// None yet.
    pub fn new() -> io::Result<Self> {
        Ok(Self { poll: Poll::new()?, connections: Slab::new(), bytes: vec![b'e'; RECEIVE] })
    }

    /// Adds a connection, which has to be non-blocking.
    pub fn add(&mut self, socket: OwnedFd, task: Task) -> io::Result<()> {
        let entry = self.connections.vacant_entry();
        self.poll.add(&socket, entry.key(), task.ready())?;
        entry.insert((socket, task));
        Ok(())
    }

    /// Connections that are still there.
    pub fn len(&self) -> usize {
        self.connections.len()
    }

    /// One write and one read on each connection that is ready; the bytes received. A connection that ends or fails
    /// is forgotten.
    pub fn turn(&mut self, timeout: Duration) -> io::Result<u64> {
        let mut received = 0;
        for (token, ready) in self.poll.wait(timeout)? {
            let token = token as usize;
            let Some((socket, task)) = self.connections.get(token) else { continue };
            let moved = move_some(socket, *task, ready, &mut self.bytes);
            match moved {
                Some(bytes) => received += bytes,
                None => drop(self.connections.remove(token)),
            }
        }
        Ok(received)
    }
}

/// The bytes received; `None` when the connection is over.
fn move_some(socket: &OwnedFd, task: Task, ready: Ready, bytes: &mut [u8]) -> Option<u64> {
    let broken = ready.intersects(Ready::HUP | Ready::ERR);
    if task != Task::Receive && (broken || ready.contains(Ready::OUT)) {
        net::send(socket, &bytes[..SEND]).ok()?;
    }
    if task != Task::Send && (broken || ready.contains(Ready::IN)) {
        let received = net::discard(socket, bytes).ok()?.unwrap_or(usize::MAX);
        return match received {
            0 => None,
            usize::MAX => Some(0),
            bytes => Some(bytes as u64),
        };
    }
    Some(0)
}
