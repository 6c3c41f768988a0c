//! Datagrams that were received together.

use super::control::{self, Control};
use super::{DATAGRAM_MAX, Peer, name, train};
use rustix::net::addr::{SocketAddrLen, SocketAddrStorage};
use std::io;
use std::mem::{MaybeUninit, zeroed};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::os::fd::{AsFd, AsRawFd};
use std::ptr::null_mut;

/// Pieces that are received or sent in one call, at most. A piece is a datagram, or a train of them.
pub const BATCH: usize = 32;

/// From one datagram to the next: not a multiple of a page, so that short ones do not all meet in the same lines of a cache.
const STRIDE: usize = DATAGRAM_MAX.next_multiple_of(64) + 3 * 64;

/// Room for datagrams, and what came with each. Memory goes to as much of it as was ever in use.
pub struct Inbox {
    bytes: Box<[u8]>,
    received: Vec<Received>,
    is_full: bool,
}

#[derive(Clone, Copy)]
struct Received {
    start: usize,
    length: usize,
    peer: Peer,
}

const NOBODY: Peer = Peer { remote: SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0), local: None };

impl Inbox {
    /// Nothing is in it.
    pub fn new() -> Self {
        let bytes = vec![0; BATCH * STRIDE].into();
        Self { bytes, received: Vec::with_capacity(BATCH), is_full: false }
    }

    /// Replaces what is in it by what there is to receive, as far as it fits in; how many datagrams that are.
    pub fn receive(&mut self, socket: impl AsFd) -> io::Result<usize> {
        let mut names = [const { MaybeUninit::<SocketAddrStorage>::uninit() }; BATCH];
        // SAFETY: zeros are values of all the fields: numbers, and pointers that may be null.
        let mut messages: [libc::mmsghdr; BATCH] = unsafe { zeroed() };
        for (message, name) in messages.iter_mut().zip(&mut names) {
            message.msg_hdr.msg_name = name.as_mut_ptr().cast();
            message.msg_hdr.msg_namelen = size_of::<SocketAddrStorage>() as SocketAddrLen;
        }
        self.call(&socket, &mut messages, |index, message, control| {
            // SAFETY: the kernel has written an address there, and says how long it is.
            let remote = unsafe { name::read(names[index], message.msg_namelen) };
            remote.map_or(NOBODY, |remote| Peer { remote, local: control.destination })
        })
    }

    /// The same for a connected socket, whose peer is known.
    pub fn receive_connected(&mut self, socket: impl AsFd) -> io::Result<usize> {
        // SAFETY: zeros are values of all the fields: numbers, and pointers that may be null.
        let mut messages: [libc::mmsghdr; BATCH] = unsafe { zeroed() };
        self.call(&socket, &mut messages, |_, _, _| NOBODY)
    }

    /// Receives with `messages`, which have room for the names that `peer` reads.
    fn call(
        &mut self,
        socket: &impl AsFd,
        messages: &mut [libc::mmsghdr; BATCH],
        peer: impl Fn(usize, &libc::msghdr, &control::Told) -> Peer,
    ) -> io::Result<usize> {
        self.received.clear();
        let mut controls: [Control; BATCH] = [control::EMPTY; BATCH];
        let mut parts = [libc::iovec { iov_base: null_mut(), iov_len: DATAGRAM_MAX }; BATCH];
        let rooms = self.bytes.chunks_mut(STRIDE);
        for (((message, part), control), room) in
            messages.iter_mut().zip(&mut parts).zip(&mut controls).zip(rooms)
        {
            part.iov_base = room.as_mut_ptr().cast();
            message.msg_hdr.msg_iov = part;
            message.msg_hdr.msg_iovlen = 1;
            message.msg_hdr.msg_control = control.as_mut_ptr().cast();
            message.msg_hdr.msg_controllen = size_of::<Control>() as _;
        }
        let fd = socket.as_fd().as_raw_fd();
        // SAFETY: `fd` is open while `socket` is borrowed. Each of the `BATCH` messages points to room for as many bytes as
        // it says, which lives until the call returns and nobody else has: its part of `self.bytes`, its part of `controls`,
        // and what the caller has given it for a name.
        let count = unsafe {
            libc::recvmmsg(fd, messages.as_mut_ptr(), BATCH as u32, libc::MSG_DONTWAIT as _, null_mut())
        };
        let count = usize::try_from(count).map_err(|_| io::Error::last_os_error())?;
        self.is_full = count == BATCH;
        for (index, message) in messages.iter().take(count).enumerate() {
            let told = control::read(&message.msg_hdr);
            let peer = peer(index, &message.msg_hdr, &told);
            let is_cut = message.msg_hdr.msg_flags & libc::MSG_TRUNC != 0;
            let pieces = train::split(message.msg_len as usize, told.segment, is_cut);
            self.received.extend(pieces.map(|piece| Received {
                start: index * STRIDE + piece.start,
                length: piece.len(),
                peer,
            }));
        }
        Ok(self.len())
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
        self.is_full
    }

    /// A datagram that is in it.
    pub fn datagram(&self, index: usize) -> &[u8] {
        let Received { start, length, .. } = self.received[index];
        &self.bytes[start..start + length]
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
