//! The connection of a probe.

use evenkeel_core::addr::Addr;
use evenkeel_core::attempt::ConnectFailure;
use evenkeel_core::name::Protocol;
use evenkeel_core::sockets::Outward;
use evenkeel_sys::socket::{self, Name};
use std::io;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpSocket, TcpStream, UnixStream};
use tokio::time::{Instant, timeout_at};

/// A TCP or Unix connection.
pub trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl Stream for TcpStream {}
impl Stream for UnixStream {}

/// A connection that was made.
pub struct Connected {
    /// What is written to and read from.
    pub stream: Box<dyn Stream>,
    /// Our end and the other, of a TCP connection.
    pub ends: Option<(SocketAddr, SocketAddr)>,
}

/// Connects to `target` before `deadline`, by a socket that is what is `wanted`.
pub async fn connect(
    target: &Addr,
    wanted: Option<&Outward>,
    deadline: Instant,
) -> Result<Connected, ConnectFailure> {
    let failed = |error: io::Error| ConnectFailure::from(&error);
    let connected = async {
        match target {
            Addr::Ip(addr) => {
                let stream = tcp(socket(*addr, wanted)?, *addr).await.map_err(failed)?;
                let ends = Some((stream.local_addr().map_err(failed)?, *addr));
                Ok(Connected { stream: Box::new(stream), ends })
            }
            Addr::Unix(path) => {
                let stream = UnixStream::connect(path).await.map_err(failed)?;
                Ok(Connected { stream: Box::new(stream), ends: None })
            }
        }
    };
    timeout_at(deadline, connected).await.unwrap_or(Err(ConnectFailure::TimedOut))
}

/// A socket to connect to `addr` with.
fn socket(addr: SocketAddr, wanted: Option<&Outward>) -> Result<TcpSocket, ConnectFailure> {
    let socket = socket::open(Name::Ip(addr)).map_err(|error| ConnectFailure::from(&error))?;
    prepare(&socket, wanted, Protocol::Tcp, addr)?;
    Ok(TcpSocket::from_std_stream(socket.into()))
}

/// Makes `socket` what is `wanted` of one that is to connect to `addr`.
pub fn prepare(
    socket: &OwnedFd,
    wanted: Option<&Outward>,
    protocol: Protocol,
    addr: SocketAddr,
) -> Result<(), ConnectFailure> {
    let Some(wanted) = wanted else { return Ok(()) };
    // Which of its source addresses a check comes from does not matter.
    evenkeel_proxy::prepare(socket, wanted, protocol, addr, None, 0)
        .map_err(|refused| ConnectFailure::Unprepared(refused.source.raw_os_error().unwrap_or(0)))
}

async fn tcp(socket: TcpSocket, addr: SocketAddr) -> io::Result<TcpStream> {
    let stream = socket.connect(addr).await?;
    // A port of this machine that nobody listens on may be drawn as our own source port: then the kernel connects
    // the socket to itself, and a dead backend would pass.
    if stream.local_addr()? == addr {
        return Err(io::ErrorKind::ConnectionRefused.into());
    }
    stream.set_nodelay(true)?;
    // A probe is closed in order, although that leaves a port in TIME_WAIT for a minute, some thirty per backend: a
    // reset would spare them, but many servers (`python3 -m http.server` for one) log each with a stack trace.
    Ok(stream)
}
