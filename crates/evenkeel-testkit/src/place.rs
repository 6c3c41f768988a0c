//! Where a socket is bound or connected: an IP address or a path.

use socket2::{Domain, SockAddr, Socket, Type};
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

/// An address to listen on or to connect to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// IPv4 or IPv6.
    Ip(SocketAddr),
    /// A Unix socket.
    Unix(PathBuf),
}

impl Place {
    /// Some port of 127.0.0.1; the kernel's choice when something is bound to it.
    pub fn any() -> Self {
        Self::local(0)
    }

    /// A port of 127.0.0.1.
    pub fn local(port: u16) -> Self {
        Self::Ip(SocketAddr::from(([127, 0, 0, 1], port)))
    }

    /// A port of ::1.
    pub fn local6(port: u16) -> Self {
        Self::Ip(SocketAddr::from((std::net::Ipv6Addr::LOCALHOST, port)))
    }

    /// The port; 0 for a Unix socket.
    pub fn port(&self) -> u16 {
        match self {
            Self::Ip(addr) => addr.port(),
            Self::Unix(_) => 0,
        }
    }

    /// A stream socket of this family, neither bound nor connected.
    pub fn socket(&self) -> io::Result<Socket> {
        let domain = match self {
            Self::Ip(addr) => Domain::for_address(*addr),
            Self::Unix(_) => Domain::UNIX,
        };
        Socket::new(domain, Type::STREAM, None)
    }

    /// The address as the kernel takes it.
    pub fn sock_addr(&self) -> SockAddr {
        match self {
            Self::Ip(addr) => (*addr).into(),
            Self::Unix(path) => SockAddr::unix(path).expect("a path short enough for a socket"),
        }
    }

    /// A socket that listens here, with the address it was given. Replaces a socket file that is in the way.
    pub fn listen(&self, backlog: i32) -> io::Result<(Socket, Self)> {
        let socket = self.socket()?;
        if let Self::Unix(path) = self {
            let _ = std::fs::remove_file(path);
        } else {
            socket.set_reuse_address(true)?;
        }
        socket.bind(&self.sock_addr())?;
        socket.listen(backlog)?;
        let bound = match self {
            Self::Ip(_) => {
                Self::Ip(socket.local_addr()?.as_socket().expect("an IP socket has an IP address"))
            }
            Self::Unix(_) => self.clone(),
        };
        Ok((socket, bound))
    }
}

impl From<SocketAddr> for Place {
    fn from(addr: SocketAddr) -> Self {
        Self::Ip(addr)
    }
}

/// As evenkeel's configuration writes it.
impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ip(addr) => addr.fmt(f),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}
