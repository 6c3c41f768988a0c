//! What a header of the PROXY protocol says, in either version.

use super::tlv::Tlvs;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};

/// What a header says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header<'a> {
    /// On whose behalf the connection was made.
    pub origin: Origin<'a>,
    /// What else is said; nothing in version 1.
    pub tlvs: Tlvs<'a>,
}

/// On whose behalf a connection was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin<'a> {
    /// The proxy's own, as for a health check (LOCAL): who is connected is right as it is.
    Local,
    /// A client's that is not named (UNKNOWN, UNSPEC).
    Unknown,
    /// A client's with an IP address.
    Ip {
        /// What it speaks to the proxy.
        transport: Transport,
        /// The client.
        source: SocketAddr,
        /// What it connected to.
        destination: SocketAddr,
    },
    /// A client's on a Unix socket.
    Unix {
        /// What it speaks to the proxy.
        transport: Transport,
        /// The client's path; empty for one without a name, with a zero first for an abstract one.
        source: &'a [u8],
        /// The path that it connected to.
        destination: &'a [u8],
    },
}

/// What a client speaks to a proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// TCP, or a Unix stream.
    Stream,
    /// UDP, or Unix datagrams.
    Datagram,
}

/// Both addresses in one family, as a header needs them: IPv4 if both are, also as `::ffff:10.0.0.1`, else IPv6.
pub(super) fn in_one_family(one: SocketAddr, other: SocketAddr) -> (SocketAddr, SocketAddr) {
    let canonical = |addr: SocketAddr| SocketAddr::new(addr.ip().to_canonical(), addr.port());
    let (one, other) = (canonical(one), canonical(other));
    if one.is_ipv4() == other.is_ipv4() { (one, other) } else { (in_ipv6(one), in_ipv6(other)) }
}

fn in_ipv6(addr: SocketAddr) -> SocketAddr {
    let ip: Ipv6Addr = match addr.ip() {
        IpAddr::V4(ip) => ip.to_ipv6_mapped(),
        IpAddr::V6(ip) => ip,
    };
    SocketAddr::new(ip.into(), addr.port())
}
