//! Datagrams that were received together.

use super::name::{self, Control};
use super::{DATAGRAM_MAX, Peer};
use rustix::net::addr::{SocketAddrLen, SocketAddrStorage};
use std::io;
use std::mem::{MaybeUninit, zeroed};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::os::fd::{AsFd, AsRawFd};
use std::ptr::null_mut;

/// Datagrams that are received in one call, at most.
pub const BATCH: usize = 32;

/// From one datagram to the next: not a multiple of a page, so that short ones do not all meet in the same lines of a cache.
const STRIDE: usize = DATAGRAM_MAX.next_multiple_of(64) + 3 * 64;

/// Room for datagrams, and what came with each. Memory goes to as much of it as was ever in use.
pub struct Inbox {
    bytes: Box<[u8]>,
    received: Vec<Received>,
}

#[derive(Clone, Copy)]
struct Received {
    length: usize,
    peer: Peer,
}

const NOBODY: Peer = Peer { remote: SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0), local: None };

impl Inbox {
    /// Nothing is in it.
    pub fn new() -> Self {
        Self { bytes: vec![0; BATCH * STRIDE].into(), received: Vec::with_capacity(BATCH) }
    }

    /// Replaces what is in it by what there is to receive, as far as it fits in; how many datagrams that are.
    pub fn receive(&mut self, socket: impl AsFd) -> io::Result<usize> {
        self.received.clear();
        let mut names = [const { MaybeUninit::<SocketAddrStorage>::uninit() }; BATCH];
        let mut controls: [Control; BATCH] = [[0; 8]; BATCH];
        // SAFETY: zeros are values of all the fields: numbers, and pointers that may be null.
        let mut messages: [libc::mmsghdr; BATCH] = unsafe { zeroed() };
        for ((message, name), control) in messages.iter_mut().zip(&mut names).zip(&mut controls) {
            message.msg_hdr.msg_name = name.as_mut_ptr().cast();
            message.msg_hdr.msg_namelen = size_of::<SocketAddrStorage>() as SocketAddrLen;
            message.msg_hdr.msg_control = control.as_mut_ptr().cast();
            message.msg_hdr.msg_controllen = size_of::<Control>() as _;
        }
        let count = self.call(&socket, &mut messages)?;
        for (message, name) in messages.iter().zip(names).take(count) {
            // SAFETY: the kernel has written an address there, and says how long it is.
            let remote = unsafe { name::read(name, message.msg_hdr.msg_namelen) };
            let peer = remote.map(|remote| Peer { remote, local: name::destination(&message.msg_hdr) });
            self.received.push(Received { length: message.msg_len as usize, peer: peer.unwrap_or(NOBODY) });
        }
        Ok(count)
    }

    /// The same for a connected socket, whose peer is known.
    pub fn receive_connected(&mut self, socket: impl AsFd) -> io::Result<usize> {
        self.received.clear();
        // SAFETY: zeros are values of all the fields: numbers, and pointers that may be null.
        let mut messages: [libc::mmsghdr; BATCH] = unsafe { zeroed() };
        let count = self.call(&socket, &mut messages)?;
        let lengths = messages.iter().take(count).map(|message| message.msg_len as usize);
        self.received.extend(lengths.map(|length| Received { length, peer: NOBODY }));
        Ok(count)
    }

    fn call(&mut self, socket: &impl AsFd, messages: &mut [libc::mmsghdr; BATCH]) -> io::Result<usize> {
        let mut parts = [libc::iovec { iov_base: null_mut(), iov_len: DATAGRAM_MAX }; BATCH];
        for ((message, part), room) in messages.iter_mut().zip(&mut parts).zip(self.bytes.chunks_mut(STRIDE))
        {
            part.iov_base = room.as_mut_ptr().cast();
            message.msg_hdr.msg_iov = part;
            message.msg_hdr.msg_iovlen = 1;
        }
        let fd = socket.as_fd().as_raw_fd();
        // SAFETY: `fd` is open while `socket` is borrowed. Each of the `BATCH` messages points to room for as many bytes as
        // it says, which lives until the call returns and nobody else has: its part of `self.bytes`, and what the caller
        // has given it for name and control.
        let count = unsafe {
            libc::recvmmsg(fd, messages.as_mut_ptr(), BATCH as u32, libc::MSG_DONTWAIT as _, null_mut())
        };
        usize::try_from(count).map_err(|_| io::Error::last_os_error())
    }

    /// How many datagrams are in it.
    pub fn len(&self) -> usize {
        self.received.len()
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.received.is_empty()
    }

    /// Whether there may be more to receive.
    pub fn is_full(&self) -> bool {
        self.len() == BATCH
    }

    /// A datagram that is in it.
    pub fn datagram(&self, index: usize) -> &[u8] {
        &self.bytes[index * STRIDE..][..self.received[index].length.min(DATAGRAM_MAX)]
    }

    /// Who sent it; nobody knows at a connected socket.
    pub fn peer(&self, index: usize) -> &Peer {
        &self.received[index].peer
    }
}

impl Default for Inbox {
    fn default() -> Self {
        Self::new()
    }
}
