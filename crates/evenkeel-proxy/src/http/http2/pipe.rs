//! What a stream and its session say to each other, in the words of HTTP/1: the two ends of a connection, in memory.

use super::wire::Wire;
use crate::reactor::{Reactor, Row};
use evenkeel_sys::socket;
use std::cell::{Cell, RefCell};
use std::io::{self, ErrorKind};
use std::os::fd::OwnedFd;
use std::rc::Rc;

/// Bytes of a body that are put in at once, at most; of those for a backend, up to a frame more.
pub const STREAM_BYTES: usize = 32 * 1024;

/// Bytes for the client in all pipes of a connection, as long as each still gets some.
const PIPES_BYTES: usize = 512 * 1024;

/// Bytes that each gets at least; from a backend under TLS, a record.
const STREAM_BYTES_MIN: usize = 8 * 1024;

/// Bytes that nearly every request fits into.
const HEAD_BYTES: usize = 512;

/// Both directions.
pub struct Pipe {
    /// The connection that the stream is of.
    pub wire: Rc<Wire>,
    /// The row of that.
    connection: Row,
    /// What the client has said.
    pub to_backend: RefCell<Vec<u8>>,
    /// What it is told.
    pub to_client: RefCell<Vec<u8>>,
    /// Whether something of that was taken out of the pipe that the connection has not taken yet.
    pub is_held: Cell<bool>,
    /// How far the session is.
    pub left: Cell<Left>,
    /// Whether the session has put something in, or taken something out.
    pub has_moved: Cell<bool>,
    /// The session has become a relay: by way of this socket, which the connection takes.
    detour: Cell<Option<OwnedFd>>,
    is_left_for_detour: Cell<bool>,
}

/// How far the session at the other end is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Left {
    /// It is there.
    #[default]
    Not,
    /// It has said all.
    InOrder,
    /// It has not: what the client has got must not look like all.
    Cut,
}

impl Pipe {
    /// Of a stream of the `connection` at `wire`.
    pub fn new(wire: Rc<Wire>, connection: Row) -> Self {
        Self {
            wire,
            connection,
            to_backend: RefCell::new(Vec::with_capacity(HEAD_BYTES)),
            to_client: RefCell::default(),
            is_held: Cell::default(),
            left: Cell::default(),
            has_moved: Cell::default(),
            detour: Cell::default(),
            is_left_for_detour: Cell::default(),
        }
    }

    /// Takes what the client has said; whether that was all that is here now.
    pub fn read(&self, room: &mut [u8]) -> io::Result<(usize, bool)> {
        let mut said = self.to_backend.borrow_mut();
        if said.is_empty() {
            return Err(ErrorKind::WouldBlock.into());
        }
        let length = said.len().min(room.len());
        room[..length].copy_from_slice(&said[..length]);
        said.drain(..length);
        self.has_moved.set(true);
        Ok((length, said.is_empty()))
    }

    /// Takes `bytes` for the client, but nothing more before the connection has taken those.
    pub fn write(&self, bytes: &[u8]) -> io::Result<usize> {
        if !self.is_flushed() {
            return Err(ErrorKind::WouldBlock.into());
        }
        self.to_client.borrow_mut().extend_from_slice(bytes);
        self.has_moved.set(true);
        Ok(bytes.len())
    }

    /// How much the client may be told at once: the more streams there are the less, for one who reads nothing has all full.
    pub fn room(&self) -> usize {
        (PIPES_BYTES / self.wire.streams.get().max(1)).clamp(STREAM_BYTES_MIN, STREAM_BYTES)
    }

    /// Whether the connection has taken all that the client is told.
    pub fn is_flushed(&self) -> bool {
        self.to_client.borrow().is_empty() && !self.is_held.get()
    }

    /// A socket for the session at `row`, which is to be a relay: what it reads there and writes goes on by the stream.
    pub fn begin_detour(&self, reactor: &Reactor, row: Row) -> io::Result<OwnedFd> {
        let (ours, theirs) = socket::pair()?;
        reactor.add_stream(&ours, self.connection, false)?;
        reactor.add_stream(&theirs, row, true)?;
        self.detour.set(Some(ours));
        self.is_left_for_detour.set(true);
        self.has_moved.set(true);
        Ok(theirs)
    }

    /// The other end of that, once.
    pub fn take_detour(&self) -> Option<OwnedFd> {
        self.detour.take()
    }

    /// What went by way of it is over, and so is the session.
    pub fn end_detour(&self, left: Left) {
        self.is_left_for_detour.set(false);
        self.leave(left);
    }

    /// The session leaves: nothing follows, unless it goes on elsewhere.
    pub fn leave(&self, left: Left) {
        if self.left.get() == Left::Not && !self.is_left_for_detour.get() {
            self.left.set(left);
            self.has_moved.set(true);
        }
    }
}
