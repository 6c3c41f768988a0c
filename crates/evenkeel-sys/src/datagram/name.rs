//! Addresses as the kernel writes them.

use rustix::net::SocketAddrAny;
use rustix::net::addr::{SocketAddrLen, SocketAddrStorage};
use std::mem::MaybeUninit;
use std::net::{SocketAddr, SocketAddrV6};

/// The address that the kernel wrote, if it is one of IP.
///
/// # Safety
///
/// The first `length` bytes of `storage` are an address as the kernel writes it.
pub unsafe fn read(storage: MaybeUninit<SocketAddrStorage>, length: SocketAddrLen) -> Option<SocketAddr> {
    // Not even its family was written.
    if length == 0 {
        return None;
    }
    // SAFETY: the caller's promise.
    let name = unsafe { SocketAddrAny::new(storage, length) };
    Some(match SocketAddr::try_from(name).ok()? {
        SocketAddr::V4(addr) => addr.into(),
        // The flow label of one datagram is no part of who sent it.
        SocketAddr::V6(addr) => SocketAddrV6::new(*addr.ip(), addr.port(), 0, addr.scope_id()).into(),
    })
}
