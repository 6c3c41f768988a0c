//! Listening sockets that somebody else bound, by the address they are for.

use evenkeel_core::addr::Addr;
use evenkeel_core::name::Protocol;
use evenkeel_sys::datagram;
use evenkeel_sys::socket::FileIdentity;
use std::collections::BTreeMap;
use std::os::fd::OwnedFd;

/// Sockets bound by a service manager, or by the process before this one.
#[derive(Debug, Default)]
pub struct Inherited(BTreeMap<(Protocol, Addr), Vec<Passed>>);

/// The sockets of one listener.
#[derive(Debug)]
pub struct Passed {
    /// At least one.
    pub sockets: Vec<OwnedFd>,
    /// Whether evenkeel bound them: their backlog, and the file of a Unix socket, are its own to see to.
    pub ours: bool,
    /// Which file it made, of a Unix socket.
    pub file: Option<FileIdentity>,
}

impl Inherited {
    /// None.
    pub fn new() -> Self {
        Self::default()
    }

    /// A socket of a service manager: several of one address belong together.
    pub fn add(&mut self, addr: Addr, socket: OwnedFd) {
        let at = (protocol(&socket), addr);
        match self.0.get_mut(&at).and_then(|passed| passed.first_mut()) {
            Some(passed) => passed.sockets.push(socket),
            None => {
                self.pass(at.1, Passed { sockets: vec![socket], ours: false, file: None });
            }
        }
    }

    /// The sockets of a listener that is configured to be at `addr`, and their protocol. Two services may each have one at
    /// port 0.
    pub fn pass(&mut self, addr: Addr, passed: Passed) -> Protocol {
        let protocol = passed.sockets.first().map_or(Protocol::Tcp, protocol);
        self.0.entry((protocol, addr)).or_default().push(passed);
        protocol
    }

    /// The sockets for `addr`, those first that were passed first.
    pub fn take(&mut self, protocol: Protocol, addr: &Addr) -> Option<Passed> {
        let at = (protocol, addr.clone());
        let passed = self.0.get_mut(&at)?;
        let first = passed.remove(0);
        if passed.is_empty() {
            self.0.remove(&at);
        }
        Some(first)
    }

    /// Whether there are sockets for `addr`.
    pub fn has(&self, protocol: Protocol, addr: &Addr) -> bool {
        self.count(protocol, addr) > 0
    }

    /// All that evenkeel did not bind.
    pub(crate) fn take_others(&mut self) -> impl Iterator<Item = ((Protocol, Addr), Passed)> {
        let all = std::mem::take(&mut self.0).into_iter();
        let (others, ours): (BTreeMap<_, _>, _) =
            all.partition(|(_, passed)| passed.iter().all(|it| !it.ours));
        self.0 = ours;
        others.into_iter().flat_map(|(at, passed)| passed.into_iter().map(move |it| (at.clone(), it)))
    }

    /// How many listeners at `addr` are left.
    pub fn count(&self, protocol: Protocol, addr: &Addr) -> usize {
        self.0.get(&(protocol, addr.clone())).map_or(0, Vec::len)
    }
}

fn protocol(socket: &OwnedFd) -> Protocol {
    if datagram::is_one(socket) { Protocol::Udp } else { Protocol::Tcp }
}
