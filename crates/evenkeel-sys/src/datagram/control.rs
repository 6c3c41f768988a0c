//! The control messages that go with datagrams: where one came to or is to come from, and how long those of a train are.

use super::{Local, Peer};
use std::mem::zeroed;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Room for the control messages of one datagram or train, aligned as they have to be.
pub type Control = [u64; 8];

/// None.
pub const EMPTY: Control = [0; 8];

// Both that there may be: an address of IPv6, and a length.
const _: () = assert!(space::<libc::in6_pktinfo>() + space::<i32>() <= size_of::<Control>());

/// What control messages tell of what was received.
#[derive(Clone, Copy, Debug, Default)]
pub struct Told {
    /// Where it came to.
    pub destination: Option<Local>,
    /// Bytes of each datagram, if they are several; the last may have less.
    pub segment: Option<usize>,
}

/// What the control messages of `message`, which the kernel has filled in, tell.
pub fn read(message: &libc::msghdr) -> Told {
    let mut told = Told::default();
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
                told.destination = Some(Local { addr: addr.into(), interface: 0 });
            }
            (libc::IPPROTO_IPV6, libc::IPV6_PKTINFO) => {
                // SAFETY: as above.
                let info = unsafe { data.cast::<libc::in6_pktinfo>().read_unaligned() };
                let addr = Ipv6Addr::from(info.ipi6_addr.s6_addr);
                let interface = if addr.is_unicast_link_local() { info.ipi6_ifindex } else { 0 };
                // Nothing can come from the address of a group.
                told.destination = (!addr.is_multicast()).then_some(Local { addr: addr.into(), interface });
            }
            (libc::SOL_UDP, libc::UDP_GRO) => {
                // SAFETY: as above.
                let bytes = unsafe { data.cast::<i32>().read_unaligned() };
                told.segment = usize::try_from(bytes).ok();
            }
            _ => {}
        }
        // SAFETY: as for the first one; `header` is one of `message`.
        header = unsafe { libc::CMSG_NXTHDR(message, header) };
    }
    told
}

/// Writes the control message that lets a datagram to `peer` come from where it sent its own to, as the first one; the length
/// of it all.
pub fn write_source(control: &mut Control, peer: &Peer) -> usize {
    let Some(Local { addr, interface }) = peer.local else { return 0 };
    match addr {
        IpAddr::V4(addr) => {
            let info = libc::in_pktinfo {
                ipi_ifindex: 0,
                ipi_spec_dst: libc::in_addr { s_addr: u32::from_ne_bytes(addr.octets()) },
                ipi_addr: libc::in_addr { s_addr: 0 },
            };
            put(control, 0, (libc::IPPROTO_IP, libc::IP_PKTINFO), info)
        }
        IpAddr::V6(addr) => {
            let info = libc::in6_pktinfo {
                ipi6_addr: libc::in6_addr { s6_addr: addr.octets() },
                ipi6_ifindex: interface,
            };
            put(control, 0, (libc::IPPROTO_IPV6, libc::IPV6_PKTINFO), info)
        }
    }
}

/// Writes behind the first `length` bytes that what goes out is to be divided into datagrams of `bytes`; the length of it all.
pub fn write_segment(control: &mut Control, length: usize, bytes: u16) -> usize {
    put(control, length, (libc::SOL_UDP, libc::UDP_SEGMENT), bytes)
}

/// Writes a control message behind the first `length` bytes, which are whole ones; the length of it all.
fn put<T: Copy>(control: &mut Control, length: usize, (level, kind): (i32, i32), data: T) -> usize {
    let end = length + space::<T>();
    assert!(length.is_multiple_of(size_of::<u64>()) && end <= size_of::<Control>(), "there is room for both");
    // SAFETY: zeros are values of all its fields, which are numbers.
    let mut header: libc::cmsghdr = unsafe { zeroed() };
    // SAFETY: it only computes. Its type is another one for each C library.
    header.cmsg_len = unsafe { libc::CMSG_LEN(size_of::<T>() as u32) } as _;
    (header.cmsg_level, header.cmsg_type) = (level, kind);
    let start = control.as_mut_ptr().wrapping_byte_add(length).cast::<libc::cmsghdr>();
    // SAFETY: as was asserted, `start` is aligned for a header and has room for it and the data behind it.
    unsafe {
        start.write(header);
        libc::CMSG_DATA(start).cast::<T>().write_unaligned(data);
    }
    end
}

/// Bytes that a control message with such data takes.
const fn space<T>() -> usize {
    // SAFETY: it only computes.
    (unsafe { libc::CMSG_SPACE(size_of::<T>() as u32) }) as usize
}
