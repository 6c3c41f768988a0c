//! Lines as messages to syslog or to the journal. Whoever takes them may be slow for a second, and then no more until it
//! takes one again.

use super::entry::Entry;
use super::journal;
use super::syslog::{self, Header};
use crate::config::SyslogAt;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long a message waits for room.
const PATIENCE: Duration = Duration::from_secs(1);

/// How long it waits when the one before it waited in vain.
const NO_PATIENCE: Duration = Duration::from_millis(1);

/// Takes messages for syslog or for the journal.
pub struct Datagrams {
    socket: Socket,
    dialect: Dialect,
    frame: Vec<u8>,
}

enum Socket {
    /// Not connected: whoever takes messages there may end and come back.
    Unix {
        socket: UnixDatagram,
        path: PathBuf,
        is_patient: bool,
    },
    Udp {
        socket: UdpSocket,
        to: SocketAddr,
    },
}

enum Dialect {
    Syslog(Header),
    Journal { facility: u8 },
}

impl Datagrams {
    /// Messages for syslog. Fails when nobody takes any, as far as that can be known.
    pub fn to_syslog(at: &SyslogAt, facility: u8) -> io::Result<Self> {
        let (socket, size_max) = match at {
            SyslogAt::Unix(path) => (Socket::unix(path)?, syslog::LOCAL_MAX),
            SyslogAt::Udp(to) => (Socket::udp(*to)?, syslog::UDP_MAX),
        };
        Ok(Self { socket, dialect: Dialect::Syslog(Header::new(facility, size_max)), frame: Vec::new() })
    }

    /// Messages for the journal. Fails when nobody takes any.
    pub fn to_journal(path: &Path, facility: u8) -> io::Result<Self> {
        Ok(Self { socket: Socket::unix(path)?, dialect: Dialect::Journal { facility }, frame: Vec::new() })
    }

    /// Sends `line`, which tells of `entry`.
    pub fn send(&mut self, line: &str, entry: &Entry<'_>) -> io::Result<()> {
        self.frame.clear();
        match &self.dialect {
            Dialect::Syslog(header) => header.frame(&mut self.frame, line, entry),
            Dialect::Journal { facility } => journal::frame(&mut self.frame, line, entry, *facility),
        }
        self.socket.send(&self.frame)
    }
}

impl Socket {
    fn unix(path: &Path) -> io::Result<Self> {
        // Only to see that somebody is there.
        UnixDatagram::unbound()?.connect(path)?;
        let socket = UnixDatagram::unbound()?;
        socket.set_write_timeout(Some(PATIENCE))?;
        Ok(Self::Unix { socket, path: path.to_owned(), is_patient: true })
    }

    fn udp(to: SocketAddr) -> io::Result<Self> {
        let any = match to {
            SocketAddr::V4(_) => SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)),
            SocketAddr::V6(_) => SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0)),
        };
        let socket = UdpSocket::bind(any)?;
        socket.set_write_timeout(Some(PATIENCE))?;
        Ok(Self::Udp { socket, to })
    }

    fn send(&mut self, frame: &[u8]) -> io::Result<()> {
        match self {
            Self::Udp { socket, to } => socket.send_to(frame, *to).map(drop),
            Self::Unix { socket, path, is_patient } => {
                let sent = socket.send_to(frame, path);
                let is_stuck = sent.as_ref().is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock);
                if *is_patient == is_stuck {
                    *is_patient = !is_stuck;
                    socket.set_write_timeout(Some(if is_stuck { NO_PATIENCE } else { PATIENCE }))?;
                }
                sent.map(drop)
            }
        }
    }
}
