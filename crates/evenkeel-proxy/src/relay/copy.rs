//! Carries through memory: the worker's scratch buffer; a session owns memory only while its sink is blocked.

use super::carry::{Carrier, Got, Way};
use evenkeel_core::half::Half;
use evenkeel_sys::socket;
use std::io;

/// What was read and not yet written when a session had to wait.
#[derive(Debug)]
pub struct Rest {
    bytes: Box<[u8]>,
    written: usize,
}

impl Rest {
    /// These bytes, of which none is written yet.
    pub fn new(bytes: Vec<u8>) -> Self {
        Self { bytes: bytes.into(), written: 0 }
    }

    /// What is not written yet.
    pub fn unwritten(&self) -> &[u8] {
        &self.bytes[self.written..]
    }
}

/// The bytes in hand during one turn: those that were kept from the turn before, then what the worker's buffer holds.
pub struct Hand<'a> {
    /// The worker's buffer. To be written to only while nothing is in hand.
    pub scratch: &'a mut [u8],
    fresh: std::ops::Range<usize>,
    rest: Option<Rest>,
}

impl<'a> Hand<'a> {
    /// With these from the turn before.
    pub fn new(scratch: &'a mut [u8], rest: Option<Rest>) -> Self {
        Self { scratch, fresh: 0..0, rest }
    }

    /// So many were read into the buffer.
    pub fn fill(&mut self, bytes: usize) {
        self.fresh = 0..bytes;
    }

    /// Those to be written next.
    pub fn bytes(&self) -> &[u8] {
        match &self.rest {
            Some(rest) => rest.unwritten(),
            None => &self.scratch[self.fresh.clone()],
        }
    }

    /// So many of them were written.
    pub fn spend(&mut self, bytes: usize) {
        let Some(rest) = &mut self.rest else {
            self.fresh.start += bytes;
            return;
        };
        rest.written += bytes;
        if rest.written == rest.bytes.len() {
            self.rest = None;
        }
    }

    /// What the session must keep until its sink is ready again.
    pub fn into_rest(self) -> Option<Rest> {
        match self.rest {
            Some(rest) => Some(rest),
            None if self.fresh.is_empty() => None,
            None => Some(Rest { bytes: self.scratch[self.fresh].into(), written: 0 }),
        }
    }
}

/// The carrier for one turn.
pub struct Copy<'a> {
    way: &'a Way<'a>,
    hand: Hand<'a>,
    may_change: bool,
}

impl<'a> Copy<'a> {
    /// A carrier that begins with `rest`; `may_change`: there is an engine for bulk to change to.
    pub fn new(way: &'a Way<'a>, scratch: &'a mut [u8], rest: Option<Rest>, may_change: bool) -> Self {
        Self { way, hand: Hand::new(scratch, rest), may_change }
    }

    /// What the session must keep until its sink is ready again.
    pub fn into_rest(self) -> Option<Rest> {
        self.hand.into_rest()
    }
}

impl Carrier for Copy<'_> {
    fn read(&mut self) -> io::Result<Got> {
        let bytes = socket::recv(self.way.source, self.hand.scratch)?;
        self.hand.fill(bytes);
        Ok(Got { bytes, drained: bytes < self.hand.scratch.len() })
    }

    fn write(&mut self, _held: usize) -> io::Result<usize> {
        let written = socket::send(self.way.sink, self.hand.bytes())?;
        self.hand.spend(written);
        Ok(written)
    }

    fn shutdown(&mut self) -> io::Result<()> {
        self.way.shutdown()
    }

    fn suits(&self, half: &Half) -> bool {
        !(half.is_bulk() && self.may_change)
    }
}
