//! One of the two ends of an exchange: a socket, with TLS or without, or a stream of HTTP/2.

use super::http2::{Errand, Pipe};
use crate::tls::{RECORD_BYTES, Tunnel};
use evenkeel_sys::poll::Readiness;
use evenkeel_sys::socket;
use std::cell::Cell;
use std::io::{self, ErrorKind};
use std::os::fd::{AsFd, OwnedFd};

/// Where bytes go, and what that is known to be ready for.
pub struct Port<'a> {
    way: Way<'a>,
    /// What the reactor has told, less what was used up.
    ready: &'a Cell<Readiness>,
}

/// Where bytes go.
enum Way<'a> {
    /// Through a socket as they are.
    Plain(&'a OwnedFd),
    /// Through a socket in TLS.
    Tls(&'a OwnedFd, &'a mut Tunnel),
    /// Through a stream of a client.
    Stream(&'a Pipe),
    /// Through one of the requests to a backend that speaks HTTP/2, if there still is that.
    Errand(Option<&'a mut Errand>),
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

impl<'a> Port<'a> {
    /// A socket, and what is spoken through it if that is TLS.
    pub fn new(socket: &'a OwnedFd, tunnel: Option<&'a mut Tunnel>, ready: &'a Cell<Readiness>) -> Self {
        let way = match tunnel {
            Some(tunnel) => Way::Tls(socket, tunnel),
            None => Way::Plain(socket),
        };
        Self { way, ready }
    }

    /// A stream.
    pub fn of_stream(pipe: &'a Pipe, ready: &'a Cell<Readiness>) -> Self {
        Self { way: Way::Stream(pipe), ready }
    }

    /// A request to a backend that speaks HTTP/2.
    pub fn of_errand(errand: Option<&'a mut Errand>, ready: &'a Cell<Readiness>) -> Self {
        Self { way: Way::Errand(errand), ready }
    }

    /// The room that a read needs which is to bring `most` bytes: under TLS they come by records.
    pub fn room(&self, most: usize) -> usize {
        match self.way {
            Way::Tls(..) => most.max(RECORD_BYTES),
            Way::Plain(_) | Way::Stream(_) | Way::Errand(_) => most,
        }
    }

    /// Reads what is there, once, into [as much room as it needs](Self::room).
    pub fn recv(&mut self, plain: &mut [u8], cipher: &mut [u8]) -> Came {
        if !self.is_readable() {
            return Came::Nothing;
        }
        loop {
            match self.read(plain, cipher) {
                Ok((0, _)) if self.is_cut() => return Came::Lost,
                Ok((0, _)) => return Came::End,
                Ok((bytes, drained)) => {
                    if drained && !self.ready.get().read_closing() {
                        self.read_up();
                    }
                    return Came::Bytes(bytes);
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    self.read_up();
                    return Came::Nothing;
                }
                Err(_) => return Came::Lost,
            }
        }
    }

    /// Whether something may be there. What has come for an errand was read from the socket before.
    fn is_readable(&self) -> bool {
        matches!(self.way, Way::Errand(_)) || self.ready.get().readable()
    }

    /// Nothing more is there.
    fn read_up(&self) {
        if !matches!(self.way, Way::Errand(_)) {
            self.ready.set(self.ready.get().read_up());
        }
    }

    /// Whether a TLS connection has ended without saying so.
    fn is_cut(&self) -> bool {
        matches!(&self.way, Way::Tls(_, tunnel) if tunnel.is_cut())
    }

    /// So many bytes, and whether that was all.
    fn read(&mut self, plain: &mut [u8], cipher: &mut [u8]) -> io::Result<(usize, bool)> {
        match &mut self.way {
            Way::Plain(socket) => {
                let bytes = socket::recv(socket, plain)?;
                Ok((bytes, bytes < plain.len()))
            }
            Way::Tls(socket, tunnel) => {
                let read = tunnel.read(&socket.as_fd(), plain, cipher)?;
                Ok((read.bytes, read.drained))
            }
            Way::Stream(pipe) => pipe.read(plain),
            Way::Errand(errand) => some(errand)?.read(plain),
        }
    }

    /// Writes until nothing more is taken, and says how much was.
    pub fn send(&mut self, bytes: &[u8], cipher: &mut [u8]) -> io::Result<usize> {
        let mut sent = 0;
        while sent < bytes.len() {
            let rest = &bytes[sent..];
            let taken = match &mut self.way {
                Way::Plain(socket) => socket::send(socket, rest),
                Way::Tls(socket, tunnel) => tunnel.write(&socket.as_fd(), rest, cipher),
                Way::Stream(pipe) => pipe.write(rest),
                Way::Errand(errand) => some(errand).and_then(|errand| errand.write(rest)),
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

    /// Sends what is on its way already; whether nothing of that is left.
    pub fn flush(&mut self) -> io::Result<bool> {
        match &mut self.way {
            Way::Plain(_) => Ok(true),
            Way::Stream(pipe) => Ok(pipe.is_flushed()),
            Way::Errand(errand) => some(errand)?.flush(),
            Way::Tls(socket, tunnel) => match tunnel.flush(&socket.as_fd()) {
                Ok(()) => Ok(true),
                Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(false),
                Err(error) => Err(error),
            },
        }
    }

    /// Says that nothing follows.
    pub fn close(&mut self, cipher: &mut [u8]) {
        match &mut self.way {
            Way::Plain(socket) => drop(socket::shutdown_write(socket)),
            Way::Tls(socket, tunnel) => {
                let _ = tunnel.close(&socket.as_fd(), cipher);
                let _ = socket::shutdown_write(socket);
            }
            // That its session leaves says so.
            Way::Stream(_) | Way::Errand(_) => {}
        }
    }
}

fn some<'e>(errand: &'e mut Option<&mut Errand>) -> io::Result<&'e mut Errand> {
    errand.as_deref_mut().ok_or_else(|| ErrorKind::NotConnected.into())
}
