//! Addresses as the kernel writes them, and the control messages that say where a datagram came to or is to come from.

use super::{Local, Peer};
use rustix::net::SocketAddrAny;
use rustix::net::addr::{SocketAddrLen, SocketAddrStorage};
use std::mem::{MaybeUninit, zeroed};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};

/// Room for the control messages of one datagram, aligned as they have to be.
pub type Control = [u64; 8];

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

/// Where a datagram came to, if the control messages of `message`, which the kernel has filled in, say it.
pub fn destination(message: &libc::msghdr) -> Option<Local> {
    // SAFETY: `message` has the control buffer that the kernel wrote to, and its length.
    let mut header = unsafe { libc::CMSG_FIRSTHDR(message) };
    while !header.is_null() {
        // SAFETY: the macros give only headers that lie in the control buffer whole.
        let (level, kind, data) =
            unsafe { ((*header).cmsg_level, (*header).cmsg_type, libc::CMSG_DATA(header)) };
        match (level, kind) {
            (libc::IPPROTO_IP, libc::IP_PKTINFO) => {
                // SAFETY: that is what the kernel puts behind such a header; it need not be aligned.
                let info = unsafe { data.cast::<libc::in_pktinfo>().read_unaligned() };
                let addr = Ipv4Addr::from(info.ipi_spec_dst.s_addr.to_ne_bytes());
                return Some(Local { addr: addr.into(), interface: 0 });
            }
            (libc::IPPROTO_IPV6, libc::IPV6_PKTINFO) => {
                // SAFETY: as above.
                let info = unsafe { data.cast::<libc::in6_pktinfo>().read_unaligned() };
                let addr = Ipv6Addr::from(info.ipi6_addr.s6_addr);
                let interface = if addr.is_unicast_link_local() { info.ipi6_ifindex } else { 0 };
                // Nothing can come from the address of a group.
                return (!addr.is_multicast()).then_some(Local { addr: addr.into(), interface });
            }
            // SAFETY: as for the first one; `header` is one of `message`.
            _ => header = unsafe { libc::CMSG_NXTHDR(message, header) },
        }
    }
    None
}

/// Writes the control message that lets a datagram to `peer` come from where it sent its own to; its length.
pub fn write_source(control: &mut Control, peer: &Peer) -> usize {
    let Some(Local { addr, interface }) = peer.local else { return 0 };
    match addr {
        IpAddr::V4(addr) => {
            let info = libc::in_pktinfo {
                ipi_ifindex: 0,
                ipi_spec_dst: libc::in_addr { s_addr: u32::from_ne_bytes(addr.octets()) },
                ipi_addr: libc::in_addr { s_addr: 0 },
            };
            put(control, (libc::IPPROTO_IP, libc::IP_PKTINFO), info)
        }
        IpAddr::V6(addr) => {
            let info = libc::in6_pktinfo {
                ipi6_addr: libc::in6_addr { s6_addr: addr.octets() },
                ipi6_ifindex: interface,
            };
            put(control, (libc::IPPROTO_IPV6, libc::IPV6_PKTINFO), info)
        }
    }
}

/// Makes `data` the only control message; the length of it all.
fn put<T: Copy>(control: &mut Control, (level, kind): (i32, i32), data: T) -> usize {
    const { assert!(size_of::<libc::cmsghdr>() + size_of::<T>() <= size_of::<Control>()) };
    let size = size_of::<T>() as u32;
    // SAFETY: these two only compute.
    let (length, space) = unsafe { (libc::CMSG_LEN(size), libc::CMSG_SPACE(size)) };
    // SAFETY: zeros are values of all its fields, which are numbers.
    let mut header: libc::cmsghdr = unsafe { zeroed() };
    // Its type is another one for each C library.
    (header.cmsg_len, header.cmsg_level, header.cmsg_type) = (length as _, level, kind);
    let start = control.as_mut_ptr().cast::<libc::cmsghdr>();
    // SAFETY: `control` is aligned for a header and, as was asserted, has room for it and the data behind it.
    unsafe {
        start.write(header);
        libc::CMSG_DATA(start).cast::<T>().write_unaligned(data);
    }
    space as usize
}
