//! Addresses of listeners, backends and clients: IP and port, or a Unix socket.

use crate::digits::Digits;
use std::fmt;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

/// Where a socket is bound or connected.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Addr {
    /// IPv4 or IPv6 with a port.
    Ip(SocketAddr),
    /// A Unix socket; the path is empty for a client that has no name, as most Unix clients.
    Unix(Arc<Path>),
}

impl Addr {
    /// The IP address and port, unless this is a Unix socket.
    pub fn ip(&self) -> Option<SocketAddr> {
        match self {
            Self::Ip(addr) => Some(*addr),
            Self::Unix(_) => None,
        }
    }
}

impl From<SocketAddr> for Addr {
    fn from(addr: SocketAddr) -> Self {
        Self::Ip(addr)
    }
}

/// As written in the configuration: `127.0.0.1:80`, `[::1]:80`, `unix:/run/app.sock`.
impl fmt::Display for Addr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ip(addr) => f.pad(Digits::of_addr(*addr).as_str()),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}
