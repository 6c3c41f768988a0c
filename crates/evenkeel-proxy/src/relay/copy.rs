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

/// The carrier for one turn.
pub struct Copy<'a> {
    way: &'a Way<'a>,
    scratch: &'a mut [u8],
    fresh: std::ops::Range<usize>,
    rest: Option<Rest>,
    may_change: bool,
}

impl<'a> Copy<'a> {
    /// A carrier that begins with `rest`; `may_change`: there is an engine for bulk to change to.
    pub fn new(way: &'a Way<'a>, scratch: &'a mut [u8], rest: Option<Rest>, may_change: bool) -> Self {
        Self { way, scratch, fresh: 0..0, rest, may_change }
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

impl Carrier for Copy<'_> {
    fn read(&mut self) -> io::Result<Got> {
        let bytes = socket::recv(self.way.source, self.scratch)?;
        self.fresh = 0..bytes;
        Ok(Got { bytes, drained: bytes < self.scratch.len() })
    }

    fn write(&mut self, _held: usize) -> io::Result<usize> {
        let Some(rest) = &mut self.rest else {
            let written = socket::send(self.way.sink, &self.scratch[self.fresh.clone()])?;
            self.fresh.start += written;
            return Ok(written);
        };
        let written = socket::send(self.way.sink, rest.unwritten())?;
        rest.written += written;
        if rest.written == rest.bytes.len() {
            self.rest = None;
        }
        Ok(written)
    }

    fn shutdown(&mut self) -> io::Result<()> {
        self.way.shutdown()
    }

    fn suits(&self, half: &Half) -> bool {
        !(half.is_bulk() && self.may_change)
    }
}
