//! Sockets for datagrams: bind, connect, and whole batches in one call.

mod control;
mod inbox;
mod name;
mod send;
mod train;

pub use inbox::{BATCH, Inbox};
pub use send::{reply, send, send_all};
pub use train::{Trains, gather};

use crate::option;
use crate::socket::{self, Binding, NEW, family};
use rustix::net::{SocketType, sockopt};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsFd, OwnedFd};

/// Bytes of the longest datagram: as many as its length can say.
pub const DATAGRAM_MAX: usize = 65_535;

/// Who sent a datagram, and to which of this machine's addresses: both as the socket's family writes them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Peer {
    /// Where it came from.
    pub remote: SocketAddr,
    /// Where it came to, where the socket takes what comes to any address.
    pub local: Option<Local>,
}

/// One of this machine's addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Local {
    /// The address.
    pub addr: IpAddr,
    /// The number of its interface where the address alone does not say it; else 0.
    pub interface: u32,
}

/// A non-blocking UDP socket bound to `addr`. An IPv6 wildcard takes IPv4 as well; a wildcard tells to which address each
/// datagram came. Without [`Binding::share`] nobody else may have the address.
pub fn bind(addr: SocketAddr, how: Binding<'_>) -> io::Result<OwnedFd> {
    let socket = open(addr)?;
    socket::bind(&socket, addr, how)?;
    Ok(socket)
}

/// Lets a socket that is bound to every address tell to which of them each datagram came.
pub fn tell_destinations(socket: impl AsFd, is_ipv6: bool) -> io::Result<()> {
    match is_ipv6 {
        true => option::set(socket, libc::IPPROTO_IPV6, libc::IPV6_RECVPKTINFO, 1),
        false => option::set(socket, libc::IPPROTO_IP, libc::IP_PKTINFO, 1),
    }
}

/// Lets so many bytes of datagrams wait to be received, the kernel's own for each included. Without `CAP_NET_ADMIN` it may
/// allow less.
pub fn set_waiting(socket: impl AsFd, bytes: usize) -> io::Result<()> {
    if sockopt::set_socket_recv_buffer_size_force(&socket, bytes).is_ok() {
        return Ok(());
    }
    Ok(sockopt::set_socket_recv_buffer_size(socket, bytes)?)
}

/// A new non-blocking UDP socket of the family of `addr`.
pub fn open(addr: SocketAddr) -> io::Result<OwnedFd> {
    Ok(rustix::net::socket_with(family(addr), SocketType::DGRAM, NEW, None)?)
}

/// Sends to `addr` from now on, and receives only from there.
pub fn connect(socket: impl AsFd, addr: SocketAddr) -> io::Result<()> {
    Ok(rustix::net::connect(socket, &addr)?)
}

/// Whether a socket is one for datagrams.
pub fn is_one(socket: impl AsFd) -> bool {
    sockopt::socket_type(socket).is_ok_and(|kind| kind == SocketType::DGRAM)
}

#[cfg(test)]
mod tests;
