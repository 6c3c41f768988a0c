//! The sockets of a listener that takes datagrams.

use super::{Bound, Need, bind_each, bind_everywhere};
use crate::{Unbindable, wish};
use evenkeel_core::addr::Addr;
use evenkeel_core::name::Protocol;
use evenkeel_core::snapshot::Listener;
use evenkeel_sys::datagram;
use evenkeel_sys::socket::{self, Binding};
use std::net::SocketAddr;
use std::os::fd::OwnedFd;

/// Bytes of datagrams that may wait in a listener's socket while its worker is busy with others, the kernel's own for each
/// included; it may allow less (`net.core.rmem_max`).
const WAITING_MAX: usize = 4 * 1024 * 1024;

/// A socket for each worker. The kernel deals clients out among them by their addresses, so that a client stays with one.
pub fn bind(addr: SocketAddr, need: &Need<'_>) -> Result<Bound, Unbindable> {
    bind_everywhere(addr, |addr| bind_at(addr, need))
}

fn bind_at(addr: SocketAddr, need: &Need<'_>) -> Result<Bound, Unbindable> {
    let listener = need.listener;
    let interface = listener.inward.interface.as_deref();
    wish::try_interface(interface).map_err(Unbindable::Wish)?;
    let bind = |addr, share| datagram::bind(addr, Binding { share, interface, mptcp: false });
    let (sockets, local) = bind_each(addr, need, bind)?;
    sockets.iter().try_for_each(|socket| apply(socket, listener))?;
    Ok(Bound::new(sockets, Addr::Ip(local), Protocol::Udp))
}

/// What holds for a socket that is bound.
pub fn apply(socket: &OwnedFd, listener: &Listener) -> Result<(), Unbindable> {
    // What it allows is what there is; without trains each datagram comes by itself.
    let _ = datagram::set_waiting(socket, WAITING_MAX);
    let _ = datagram::gather(socket);
    if let Some(local) = socket::local_addr(socket)?.filter(|local| local.ip().is_unspecified()) {
        datagram::tell_destinations(socket, local.is_ipv6())?;
    }
    wish::grant_for_datagrams(socket, &listener.inward).map_err(Unbindable::Wish)
}
