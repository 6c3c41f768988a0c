//! The connection of a probe.

use evenkeel_core::addr::Addr;
use evenkeel_core::attempt::ConnectFailure;
use std::io;
use std::net::SocketAddr;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};
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

/// Connects to `target` before `deadline`.
pub async fn connect(target: &Addr, deadline: Instant) -> Result<Connected, ConnectFailure> {
    let connected = async {
        match target {
            Addr::Ip(addr) => {
                let stream = tcp(*addr).await?;
                let ends = Some((stream.local_addr()?, *addr));
                Ok(Connected { stream: Box::new(stream), ends })
            }
            Addr::Unix(path) => {
                Ok(Connected { stream: Box::new(UnixStream::connect(path).await?), ends: None })
            }
        }
    };
    match timeout_at(deadline, connected).await {
        Ok(result) => result.map_err(|error: io::Error| ConnectFailure::from(&error)),
        Err(_) => Err(ConnectFailure::TimedOut),
    }
}

async fn tcp(addr: SocketAddr) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(addr).await?;
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
