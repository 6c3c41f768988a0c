//! Listening sockets that somebody else bound, by the address they are for.

use evenkeel_core::addr::Addr;
use std::collections::BTreeMap;
use std::os::fd::OwnedFd;

/// Sockets bound by a service manager, or by the process before this one.
#[derive(Debug, Default)]
pub struct Inherited(BTreeMap<Addr, Vec<Passed>>);

/// The sockets of one listener.
#[derive(Debug)]
pub struct Passed {
    /// At least one.
    pub sockets: Vec<OwnedFd>,
    /// Whether evenkeel bound them: their backlog, and the file of a Unix socket, are its own to see to.
    pub ours: bool,
}

impl Inherited {
    /// None.
    pub fn new() -> Self {
        Self::default()
    }

    /// A socket of a service manager: several of one address belong together.
    pub fn add(&mut self, addr: Addr, socket: OwnedFd) {
        match self.0.get_mut(&addr).and_then(|passed| passed.first_mut()) {
            Some(passed) => passed.sockets.push(socket),
            None => self.pass(addr, Passed { sockets: vec![socket], ours: false }),
        }
    }

    /// The sockets of a listener that is configured to be at `addr`. Two services may each have one at port 0.
    pub fn pass(&mut self, addr: Addr, passed: Passed) {
        self.0.entry(addr).or_default().push(passed);
    }

    /// The sockets for `addr`, those first that were passed first.
    pub fn take(&mut self, addr: &Addr) -> Option<Passed> {
        let passed = self.0.get_mut(addr)?;
        let first = passed.remove(0);
        if passed.is_empty() {
            self.0.remove(addr);
        }
        Some(first)
    }

    /// How many listeners at `addr` are left.
    pub fn count(&self, addr: &Addr) -> usize {
        self.0.get(addr).map_or(0, Vec::len)
    }

    /// The addresses of what is left.
    pub fn addrs(&self) -> impl Iterator<Item = &Addr> {
        self.0.keys()
    }
}
