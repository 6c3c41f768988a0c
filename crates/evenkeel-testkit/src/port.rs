//! Free ports, of TCP and UDP, for programs that cannot be told to take port 0.
//!
//! They come from below the kernel's ephemeral range, so that no outgoing connection takes one between the asking and
//! the binding, and each is given once per process.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, UdpSocket};
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

const LOW: u32 = 10_300;
const HIGH: u32 = 32_000;

static NEXT: AtomicU32 = AtomicU32::new(0);

/// A port that nobody listens on, on any address.
pub fn free() -> u16 {
    free_range(1)
}

/// The first of `len` free ports in a row.
pub fn free_range(len: u16) -> u16 {
    // Test processes that run at the same time begin at different places.
    let start = std::process::id().wrapping_mul(7919);
    for _ in 0..1000 {
        let step = NEXT.fetch_add(u32::from(len), Relaxed);
        let port = LOW + start.wrapping_add(step) % (HIGH - LOW - u32::from(len));
        let port = u16::try_from(port).expect("below 32,000");
        if (port..port + len).all(is_free) {
            return port;
        }
    }
    panic!("no {len} free ports in a row");
}

fn is_free(port: u16) -> bool {
    let any4 = TcpListener::bind(SocketAddr::from((Ipv4Addr::UNSPECIFIED, port)));
    // A machine without IPv6 has nobody listening there.
    let loopback6 = TcpListener::bind(SocketAddr::from((Ipv6Addr::LOCALHOST, port)));
    let taken6 = loopback6.is_err_and(|error| error.kind() == std::io::ErrorKind::AddrInUse);
    let datagrams4 = UdpSocket::bind(SocketAddr::from((Ipv4Addr::UNSPECIFIED, port)));
    any4.is_ok() && !taken6 && datagrams4.is_ok()
}
