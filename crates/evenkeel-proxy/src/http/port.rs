//! One of the two ends of an exchange: a socket, with TLS or without.

use crate::tls::Tunnel;
use evenkeel_sys::poll::Readiness;
use evenkeel_sys::socket;
use std::cell::Cell;
use std::io::{self, ErrorKind};
use std::os::fd::{AsFd, OwnedFd};

/// A socket, what is spoken through it, and what it is known to be ready for.
pub struct Port<'a> {
    /// The socket.
    pub socket: &'a OwnedFd,
    /// TLS, if that is spoken.
    pub tunnel: Option<&'a mut Tunnel>,
    /// What the reactor has told, less what was used up.
    pub ready: &'a Cell<Readiness>,
}

/// What a read brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Came {
    /// So many bytes.
    Bytes(usize),
    /// Nothing yet.
    Nothing,
    /// The end.
    End,
    /// The connection is broken, or ended where it must not.
    Lost,
}

impl Port<'_> {
    /// Reads what is there, once.
    pub fn recv(&mut self, plain: &mut [u8], cipher: &mut [u8]) -> Came {
        if !self.ready.get().readable() {
            return Came::Nothing;
        }
        loop {
            match self.read(plain, cipher) {
                Ok((0, _)) if self.tunnel.as_ref().is_some_and(|tunnel| tunnel.is_cut()) => {
                    return Came::Lost;
                }
                Ok((0, _)) => return Came::End,
                Ok((bytes, drained)) => {
                    if drained && !self.ready.get().read_closing() {
                        self.ready.set(self.ready.get().read_up());
                    }
                    return Came::Bytes(bytes);
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    self.ready.set(self.ready.get().read_up());
                    return Came::Nothing;
                }
                Err(_) => return Came::Lost,
            }
        }
    }

    /// So many bytes, and whether that was all.
    fn read(&mut self, plain: &mut [u8], cipher: &mut [u8]) -> io::Result<(usize, bool)> {
        match &mut self.tunnel {
            Some(tunnel) => {
                let read = tunnel.read(&self.socket.as_fd(), plain, cipher)?;
                Ok((read.bytes, read.drained))
            }
            None => {
                let bytes = socket::recv(self.socket, plain)?;
                Ok((bytes, bytes < plain.len()))
            }
        }
    }

    /// Writes until nothing more is taken, and says how much was.
    pub fn send(&mut self, bytes: &[u8], cipher: &mut [u8]) -> io::Result<usize> {
        let mut sent = 0;
        while sent < bytes.len() {
            let taken = match &mut self.tunnel {
                Some(tunnel) => tunnel.write(&self.socket.as_fd(), &bytes[sent..], cipher),
                None => socket::send(self.socket, &bytes[sent..]),
            };
            match taken {
                Ok(taken) => sent += taken,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
        }
        Ok(sent)
    }

    /// Sends what is sealed already; whether nothing of that is left.
    pub fn flush(&mut self) -> io::Result<bool> {
        let Some(tunnel) = &mut self.tunnel else { return Ok(true) };
        match tunnel.flush(&self.socket.as_fd()) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Says that nothing follows.
    pub fn close(&mut self, cipher: &mut [u8]) {
        if let Some(tunnel) = &mut self.tunnel {
            let _ = tunnel.close(&self.socket.as_fd(), cipher);
        }
        let _ = socket::shutdown_write(self.socket);
    }
}
