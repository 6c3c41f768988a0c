//! The way of a stream that carries bytes instead of messages: through a pair of sockets, of which the other one is the client's in
//! a relay. So it is a session like any other that is established.

use super::pipe::STREAM_BYTES;
use evenkeel_sys::socket;
use std::io::{self, ErrorKind};
use std::os::fd::OwnedFd;

/// Our end of the pair.
pub struct Detour {
    socket: OwnedFd,
    /// Whether something may have come.
    may_read: bool,
    /// Whether the client has said all, and the relay was told so.
    has_ended: bool,
    /// Whether nothing more comes from the relay.
    is_over: bool,
}

impl Detour {
    /// Through this socket.
    pub fn new(socket: OwnedFd) -> Self {
        Self { socket, may_read: true, has_ended: false, is_over: false }
    }

    /// It became ready, for whatever that is.
    pub fn wake(&mut self) {
        self.may_read = true;
    }

    /// Whether something may have come.
    pub fn may_read(&self) -> bool {
        self.may_read && !self.is_over
    }

    /// Whether nothing more comes from the relay.
    pub fn is_over(&self) -> bool {
        self.is_over
    }

    /// Hands `bytes` on, as far as they are taken, and then the end if that `is_last`.
    pub fn send(&mut self, bytes: &mut Vec<u8>, is_last: bool) -> io::Result<()> {
        while !bytes.is_empty() {
            match socket::send(&self.socket, bytes) {
                Ok(sent) => drop(bytes.drain(..sent)),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            }
        }
        if is_last && !std::mem::replace(&mut self.has_ended, true) {
            socket::shutdown_write(&self.socket)?;
        }
        Ok(())
    }

    /// Adds what has come to `bytes`.
    pub fn recv(&mut self, bytes: &mut Vec<u8>) {
        let had = bytes.len();
        bytes.resize(had + STREAM_BYTES, 0);
        let came = socket::recv(&self.socket, &mut bytes[had..]);
        bytes.truncate(had + came.as_ref().map_or(0, |length| *length));
        match came {
            Ok(1..) => {}
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => self.may_read = false,
            Ok(0) | Err(_) => self.is_over = true,
        }
    }
}
