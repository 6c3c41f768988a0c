//! Carries what is under TLS on one side, or both: what a read brings is opened, what is written is sealed. In between it is
//! as plain as what a copy carries.

use super::carry::{Carrier, Got, Way};
use super::copy::{Hand, Rest};
use crate::tls::Tunnel;
use evenkeel_core::half::Half;
use evenkeel_core::side::Side;
use evenkeel_sys::socket;
use std::io;
use std::os::fd::{AsFd, OwnedFd};

/// The TLS of a relay: on one of its sides, or on both.
#[derive(Debug, Default)]
pub struct Tunnels {
    /// With the client.
    pub client: Option<Tunnel>,
    /// With the backend.
    pub backend: Option<Tunnel>,
}

impl Tunnels {
    /// Those that bytes from `source` come out of and go into.
    pub fn from(&mut self, source: Side) -> (Option<&mut Tunnel>, Option<&mut Tunnel>) {
        match source {
            Side::Client => (self.client.as_mut(), self.backend.as_mut()),
            _ => (self.backend.as_mut(), self.client.as_mut()),
        }
    }

    /// Says on all of them that nothing follows, as far as the sockets take it: they are closed next.
    pub fn close(&mut self, client: &OwnedFd, backend: &OwnedFd) {
        let mut cipher = [0; 256];
        for (tunnel, socket) in [(&mut self.client, client), (&mut self.backend, backend)] {
            tunnel.iter_mut().for_each(|it| drop(it.close(&socket.as_fd(), &mut cipher)));
        }
    }

    /// The one with `side`.
    pub fn of(&self, side: Side) -> Option<&Tunnel> {
        if side == Side::Client { self.client.as_ref() } else { self.backend.as_ref() }
    }
}

/// The carrier for one turn.
pub struct Crypt<'a> {
    /// From where to where.
    pub way: &'a Way<'a>,
    /// What the bytes come out of.
    pub from: Option<&'a mut Tunnel>,
    /// What they go into.
    pub to: Option<&'a mut Tunnel>,
    /// Those that are carried.
    pub hand: Hand<'a>,
    /// Room for sealed ones.
    pub cipher: &'a mut [u8],
}

impl Crypt<'_> {
    /// What the session must keep until its sink is ready again.
    pub fn into_rest(self) -> Option<Rest> {
        self.hand.into_rest()
    }
}

impl Carrier for Crypt<'_> {
    fn read(&mut self) -> io::Result<Got> {
        let got = match &mut self.from {
            Some(tunnel) => {
                let read = tunnel.read(&self.way.source, self.hand.scratch, self.cipher)?;
                Got { bytes: read.bytes, drained: read.drained }
            }
            None => {
                let bytes = socket::recv(self.way.source, self.hand.scratch)?;
                Got { bytes, drained: bytes < self.hand.scratch.len() }
            }
        };
        self.hand.fill(got.bytes);
        Ok(got)
    }

    fn write(&mut self, _held: usize) -> io::Result<usize> {
        let written = match &mut self.to {
            Some(tunnel) => tunnel.write(&self.way.sink, self.hand.bytes(), self.cipher)?,
            None => socket::send(self.way.sink, self.hand.bytes())?,
        };
        self.hand.spend(written);
        Ok(written)
    }

    /// An end that was not said to be one is passed on as such: by a FIN alone.
    fn shutdown(&mut self) -> io::Result<()> {
        let is_cut = self.from.as_ref().is_some_and(|tunnel| tunnel.is_cut());
        if let Some(tunnel) = &mut self.to {
            match is_cut {
                true => tunnel.flush(&self.way.sink)?,
                false => tunnel.close(&self.way.sink, self.cipher)?,
            }
        }
        self.way.shutdown()
    }

    fn suits(&self, _half: &Half) -> bool {
        true
    }
}
