//! One TLS connection over one socket: reads and writes of plain bytes, which become those of others.
//!
//! What came and is no whole record yet is kept, and what was sealed and the socket did not take, no more than one write's
//! worth. A tunnel that waits for its peer with nothing in hand has no buffers.

use super::fault::{fault, is_alert};
use super::machine::{Absorbed, Machine};
use evenkeel_core::tls::{Agreed, Fault};
use evenkeel_sys::socket;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, Error, ServerConfig};
use std::io;
use std::os::fd::BorrowedFd;
use std::sync::Arc;

/// Plain bytes that are sealed at once, at most: four records.
const SEAL_BYTES: usize = 64 * 1024;

/// Room for those in sealed form, and so for what the handshake lets a peer send in one piece.
pub const CIPHER_BYTES: usize = SEAL_BYTES + 4 * 1024;

/// The longest record, sealed: it is opened as a whole. RFC 5246, section 6.2.3; RFC 8446 allows for less.
pub const RECORD_BYTES: usize = 5 + (1 << 14) + 2048;

/// What a tunnel goes through: a socket.
pub trait Wire {
    /// Reads what is there; 0 is the end.
    fn recv(&self, buffer: &mut [u8]) -> io::Result<usize>;
    /// Writes what is taken now.
    fn send(&self, bytes: &[u8]) -> io::Result<usize>;
}

impl Wire for BorrowedFd<'_> {
    fn recv(&self, buffer: &mut [u8]) -> io::Result<usize> {
        socket::recv(self, buffer)
    }

    fn send(&self, bytes: &[u8]) -> io::Result<usize> {
        socket::send(self, bytes)
    }
}

/// One TLS connection.
#[derive(Debug)]
pub struct Tunnel {
    machine: Machine,
    /// What came and is not used up.
    came: Vec<u8>,
    /// What is sealed and not sent, but for the first `sent` bytes.
    sealed: Vec<u8>,
    sent: usize,
    /// What was said already while it was opened.
    early: Vec<u8>,
    is_new: bool,
    /// The peer has said that nothing follows.
    has_ended: bool,
    /// Its bytes came to an end without that.
    is_cut: bool,
    /// We have said so.
    has_closed: bool,
    /// What came broke it: nothing more is to be read from it or written to it.
    failed: Option<Box<Error>>,
}

/// What one read brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Read {
    /// So many plain bytes; 0 is the end.
    pub bytes: usize,
    /// Nothing is left to read now.
    pub drained: bool,
}

impl Tunnel {
    /// With a client that has sent these bytes so far.
    pub fn accept(config: &Arc<ServerConfig>, came: Vec<u8>) -> Result<Self, Fault> {
        Machine::server(config).map(|machine| Self::new(machine, came)).map_err(|_| Fault::Ours)
    }

    /// With a server that goes by this name.
    pub fn connect(config: &Arc<ClientConfig>, name: ServerName<'static>) -> Result<Self, Fault> {
        Machine::client(config, name).map(|machine| Self::new(machine, Vec::new())).map_err(|_| Fault::Ours)
    }

    fn new(machine: Machine, came: Vec<u8>) -> Self {
        Self {
            machine,
            came,
            sealed: Vec::new(),
            sent: 0,
            early: Vec::new(),
            is_new: true,
            has_ended: false,
            is_cut: false,
            has_closed: false,
            failed: None,
        }
    }

    /// Goes on with the handshake, and says how it went once it is over. `None`: call it again when the socket is ready.
    pub fn shake(&mut self, wire: &impl Wire, cipher: &mut [u8]) -> Option<Result<(), Fault>> {
        let shaken = self.try_to_shake(wire, cipher).transpose();
        if let Some(Err(_)) = shaken {
            // The peer may want to know why.
            let _ = self.flush(wire);
        }
        shaken
    }

    fn try_to_shake(&mut self, wire: &impl Wire, cipher: &mut [u8]) -> Result<Option<()>, Fault> {
        let mut early = std::mem::take(&mut self.early);
        let mut keep = |plain: &[u8]| early.extend_from_slice(plain);
        let shaken = loop {
            if std::mem::take(&mut self.is_new) {
                let mut first = std::mem::take(&mut self.came);
                if let Err(error) = self.absorb(&mut first, &mut keep) {
                    break Err(fault(&error, true));
                }
            }
            match self.flush(wire) {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break Ok(None),
                Err(_) => break Err(Fault::Left),
            }
            if !self.machine.is_handshaking() {
                break Ok(Some(()));
            }
            match self.take_in(wire, cipher, cipher.len(), &mut keep) {
                Ok((0, _)) => break Err(Fault::Left),
                Ok(_) => {}
                Err(Broken::Wire(error)) if error.kind() == io::ErrorKind::WouldBlock => break Ok(None),
                Err(Broken::Wire(error)) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(Broken::Wire(_)) => break Err(Fault::Left),
                Err(Broken::Tls(error)) => break Err(fault(&error, true)),
            }
        };
        self.early = early;
        shaken
    }

    /// What was agreed upon.
    pub fn agreed(&self) -> Agreed {
        self.machine.agreed()
    }

    /// The bytes that were said while it was opened.
    pub fn take_early(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.early)
    }

    /// Bytes that are kept.
    pub fn held(&self) -> usize {
        self.came.capacity() + self.early.capacity() + self.sealed.capacity()
    }

    /// Whether the peer's bytes came to an end without its saying that this is all.
    pub fn is_cut(&self) -> bool {
        self.is_cut
    }

    /// Whether the socket has taken all that was written.
    pub fn is_flushed(&self) -> bool {
        self.sealed.is_empty()
    }

    /// Reads once, into room for [`RECORD_BYTES`] at least; `Interrupted` where something came that says nothing.
    pub fn read(&mut self, wire: &impl Wire, plain: &mut [u8], cipher: &mut [u8]) -> io::Result<Read> {
        if self.has_ended {
            return Ok(Read { bytes: 0, drained: true });
        }
        if let Some(error) = &self.failed {
            return Err(broken(error));
        }
        let (mut bytes, plain_room) = (0, plain.len());
        debug_assert!(
            plain_room >= RECORD_BYTES,
            "a record that comes whole has no room in {plain_room} bytes"
        );
        let mut put = |said: &[u8]| {
            plain[bytes..bytes + said.len()].copy_from_slice(said);
            bytes += said.len();
        };
        // Sealed bytes are more than the plain ones, which so have room.
        let room = cipher.len().min(plain_room);
        let (came, is_all) = match self.take_in(wire, cipher, room, &mut put) {
            Ok(came) => came,
            Err(Broken::Wire(error)) => return Err(error),
            Err(Broken::Tls(error)) => {
                // The peer may want to know why.
                let _ = self.flush(wire);
                let told = broken(&error);
                self.failed = Some(Box::new(error));
                // What it said before that still counts.
                return if bytes > 0 { Ok(Read { bytes, drained: false }) } else { Err(told) };
            }
        };
        match bytes {
            0 if came == 0 => {
                self.is_cut = true;
                Ok(Read { bytes: 0, drained: true })
            }
            0 if !self.has_ended => Err(io::ErrorKind::Interrupted.into()),
            bytes => Ok(Read { bytes, drained: is_all && !self.has_ended }),
        }
    }

    /// Writes once: what is sealed is taken, also when the socket does not take all of it. Nothing is taken while
    /// something is left from before.
    pub fn write(&mut self, wire: &impl Wire, plain: &[u8], cipher: &mut [u8]) -> io::Result<usize> {
        self.flush(wire)?;
        if let Some(error) = &self.failed {
            return Err(broken(error));
        }
        let plain = &plain[..plain.len().min(SEAL_BYTES)];
        let length = self.machine.seal(&mut self.came, plain, cipher).map_err(|error| broken(&error))?;
        let sent = send(wire, &cipher[..length])?;
        self.sealed.extend_from_slice(&cipher[sent..length]);
        Ok(plain.len())
    }

    /// Says that nothing follows; `WouldBlock` as long as the socket has not taken all.
    pub fn close(&mut self, wire: &impl Wire, cipher: &mut [u8]) -> io::Result<()> {
        if !std::mem::replace(&mut self.has_closed, true) && self.failed.is_none() {
            let length = self.machine.seal_end(&mut self.came, cipher).map_err(|error| broken(&error))?;
            self.sealed.extend_from_slice(&cipher[..length]);
        }
        self.flush(wire)
    }

    /// Sends what is left; `WouldBlock` if something still is.
    pub fn flush(&mut self, wire: &impl Wire) -> io::Result<()> {
        if self.sealed.is_empty() {
            return Ok(());
        }
        let sent = send(wire, &self.sealed[self.sent..]);
        self.sent += *sent.as_ref().unwrap_or(&0);
        if sent.is_ok() && self.sent < self.sealed.len() {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        // It is sent, or never will be.
        (self.sealed, self.sent) = (Vec::new(), 0);
        sent.map(drop)
    }

    /// Reads once, with room for so many bytes, and takes in what came. Says how many came, and whether that was all there was.
    fn take_in(
        &mut self,
        wire: &impl Wire,
        cipher: &mut [u8],
        room: usize,
        plain: &mut impl FnMut(&[u8]),
    ) -> Result<(usize, bool), Broken> {
        let had = self.came.len();
        if had >= room {
            return Err(Broken::Tls(Error::PeerSentOversizedRecord));
        }
        let came = wire.recv(&mut cipher[had..room]).map_err(Broken::Wire)?;
        cipher[..had].copy_from_slice(&self.came);
        self.absorb(&mut cipher[..had + came], plain).map_err(Broken::Tls)?;
        Ok((came, came < room - had))
    }

    fn absorb(&mut self, came: &mut [u8], plain: &mut impl FnMut(&[u8])) -> Result<(), Error> {
        let Absorbed { used, ended } = self.machine.absorb(came, plain, &mut self.sealed);
        self.has_ended |= ended?;
        // What follows the end says nothing.
        self.came = if self.has_ended { Vec::new() } else { came[used..].to_vec() };
        Ok(())
    }
}

/// What failed: the socket, or what came through it.
enum Broken {
    Wire(io::Error),
    Tls(Error),
}

/// A peer that has ended it by an alert is gone as if by a reset; else its bytes are not what they should be.
fn broken(error: &Error) -> io::Error {
    match is_alert(error) {
        true => io::ErrorKind::ConnectionReset.into(),
        false => io::Error::new(io::ErrorKind::InvalidData, fault(error, false).to_string()),
    }
}

/// Sends until all is sent or no more is taken: only then the socket tells when it takes more.
fn send(wire: &impl Wire, bytes: &[u8]) -> io::Result<usize> {
    let mut sent = 0;
    while sent < bytes.len() {
        match wire.send(&bytes[sent..]) {
            Ok(taken) => sent += taken,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
            Err(error) => return Err(error),
        }
    }
    Ok(sent)
}
