//! Listeners, and who has come to them: what backends have in common, whatever is said to them.

use crate::net::{self, Poll, Ready};
use anyhow::{Context, Result};
use slab::Slab;
use std::net::Ipv4Addr;
use std::ops::Range;
use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

/// Longest wait for something to do.
const PATIENCE: Duration = Duration::from_secs(1);

/// Connections taken from one listener before it is somebody else's turn.
const ACCEPTS: usize = 32;

/// Who is at the other end of a connection.
pub trait Peer: AsFd {
    /// One that has just come.
    fn new(socket: OwnedFd) -> Self;

    /// Whether it waits for room to send in, and not for bytes.
    fn is_blocked(&self) -> bool;
}

/// Everybody. Tokens are those of the listeners, then those of the peers.
pub struct Peers<P> {
    poll: Poll,
    listeners: Vec<OwnedFd>,
    peers: Slab<P>,
}

/// Listeners at `ports`, at every address of this machine.
pub fn listen(ports: Range<u16>) -> Result<Vec<OwnedFd>> {
    ports.map(|port| net::listen(Ipv4Addr::UNSPECIFIED, port)).collect()
}

impl<P: Peer> Peers<P> {
    /// Those who will come to `listeners`.
    pub fn of(listeners: Vec<OwnedFd>) -> Result<Self> {
        let poll = Poll::new()?;
        for (token, listener) in listeners.iter().enumerate() {
            poll.add(listener, token, Ready::IN)?;
        }
        Ok(Self { poll, listeners, peers: Slab::new() })
    }

    /// Lets in who has come, and says which peers are ready for what.
    pub fn wait(&mut self) -> Result<Vec<(usize, Ready)>> {
        let mut ready_peers = Vec::new();
        for (token, ready) in self.poll.wait(PATIENCE)? {
            let token = token as usize;
            match token.checked_sub(self.listeners.len()) {
                None => self.accept(token)?,
                Some(key) => ready_peers.push((key, ready)),
            }
        }
        Ok(ready_peers)
    }

    fn accept(&mut self, listener: usize) -> Result<()> {
        for _ in 0..ACCEPTS {
            let Some(socket) = net::accept(&self.listeners[listener]).context("accept")? else { break };
            let entry = self.peers.vacant_entry();
            self.poll.add(&socket, self.listeners.len() + entry.key(), Ready::IN)?;
            entry.insert(P::new(socket));
        }
        Ok(())
    }

    /// Serves a peer of [`wait`](Self::wait), and waits from now on for what that leaves it in need of.
    pub fn serve<T>(&mut self, key: usize, serve: impl FnOnce(&mut P) -> T) -> Result<T> {
        let peer = &mut self.peers[key];
        let was_blocked = peer.is_blocked();
        let served = serve(peer);
        if was_blocked != peer.is_blocked() {
            let ready = if was_blocked { Ready::IN } else { Ready::OUT };
            self.poll.change(&*peer, self.listeners.len() + key, ready)?;
        }
        Ok(served)
    }

    /// Closes the connection of a peer.
    pub fn close(&mut self, key: usize) {
        self.peers.remove(key);
    }

    /// Waits no more for a peer, whose connection stays.
    pub fn release(&mut self, key: usize) -> Result<P> {
        let peer = self.peers.remove(key);
        self.poll.remove(&peer)?;
        Ok(peer)
    }
}
