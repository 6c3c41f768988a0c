//! Sockets and epoll as the load and the backends use them: on loopback, level-triggered.

use anyhow::{Context, Result};
use evenkeel_sys::datagram;
use evenkeel_sys::socket::Binding;
use rustix::event::{Timespec, epoll};
use rustix::io::Errno;
use rustix::net::{
    AddressFamily, MMsgHdr, RecvFlags, SendAncillaryBuffer, SendFlags, SocketFlags, SocketType, sockopt,
};
use std::io::{self, IoSlice};
use std::net::{Ipv4Addr, SocketAddr};
use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

pub use rustix::event::epoll::EventFlags as Ready;

const NEW: SocketFlags = SocketFlags::CLOEXEC.union(SocketFlags::NONBLOCK);

/// Connections that may wait to be accepted, so that a burst of new ones is not mistaken for a slow backend.
const BACKLOG: i32 = 16_384;

/// Bytes of datagrams that may wait to be received, so that bursts are not mistaken for losses of the balancer.
pub const WIDE: usize = 4 * 1024 * 1024;

/// The address of a port on this machine.
pub fn local(port: u16) -> SocketAddr {
    (Ipv4Addr::LOCALHOST, port).into()
}

/// A non-blocking listener; what it accepts does not wait for more to send.
pub fn listen(ip: Ipv4Addr, port: u16) -> Result<OwnedFd> {
    let socket = rustix::net::socket_with(AddressFamily::INET, SocketType::STREAM, NEW, None)?;
    sockopt::set_socket_reuseaddr(&socket, true)?;
    sockopt::set_tcp_nodelay(&socket, true)?;
    rustix::net::bind(&socket, &SocketAddr::from((ip, port))).with_context(|| format!("port {port}"))?;
    rustix::net::listen(&socket, BACKLOG)?;
    Ok(socket)
}

/// The port that a listener has.
#[cfg(test)]
pub fn port_of(listener: impl AsFd) -> Result<u16> {
    Ok(SocketAddr::try_from(rustix::net::getsockname(listener)?)?.port())
}

/// The next connection that waits, non-blocking.
pub fn accept(listener: impl AsFd) -> io::Result<Option<OwnedFd>> {
    later(rustix::net::accept_with(listener, NEW))
}

/// Begins a connection, non-blocking; it can be written when it is there.
pub fn connect(port: u16) -> io::Result<OwnedFd> {
    let socket = rustix::net::socket_with(AddressFamily::INET, SocketType::STREAM, NEW, None)?;
    sockopt::set_tcp_nodelay(&socket, true)?;
    later(rustix::net::connect(&socket, &local(port)))?;
    Ok(socket)
}

/// A socket for datagrams to a port of this machine, and from another, whichever it is where none is said.
pub fn open_flow(from: Option<u16>, port: u16) -> Result<OwnedFd> {
    let socket = datagram::bind(local(from.unwrap_or(0)), Binding::default())?;
    datagram::set_waiting(&socket, WIDE)?;
    datagram::connect(&socket, local(port))?;
    Ok(socket)
}

/// Sends `bytes` in datagrams of `size` bytes, as many as the socket takes.
pub fn send_each(socket: impl AsFd, bytes: &[u8], size: usize) -> io::Result<()> {
    if bytes.len() <= size {
        return send(socket, bytes).map(drop);
    }
    let parts: Vec<[IoSlice<'_>; 1]> = bytes.chunks(size).map(|datagram| [IoSlice::new(datagram)]).collect();
    let mut nothing: Vec<_> = parts.iter().map(|_| SendAncillaryBuffer::default()).collect();
    let mut messages: Vec<_> =
        parts.iter().zip(&mut nothing).map(|(part, nothing)| MMsgHdr::new(part, nothing)).collect();
    let flags = SendFlags::DONTWAIT | SendFlags::NOSIGNAL;
    later(rustix::net::sendmmsg(socket, &mut messages, flags)).map(drop)
}

/// Reads what is there: 0 at the end of the stream, `None` when there is nothing now.
pub fn receive(socket: impl AsFd, buffer: &mut [u8]) -> io::Result<Option<usize>> {
    Ok(later(rustix::net::recv(socket, buffer, RecvFlags::DONTWAIT))?.map(|(bytes, _)| bytes))
}

/// As [`receive`], but the kernel throws the bytes away instead of copying them (`MSG_TRUNC`, tcp(7)).
pub fn discard(socket: impl AsFd, buffer: &mut [u8]) -> io::Result<Option<usize>> {
    let flags = RecvFlags::DONTWAIT | RecvFlags::TRUNC;
    Ok(later(rustix::net::recv(socket, buffer, flags))?.map(|(bytes, _)| bytes))
}

/// Writes what the socket takes now, maybe nothing.
pub fn send(socket: impl AsFd, bytes: &[u8]) -> io::Result<usize> {
    let sent = rustix::net::send(socket, bytes, SendFlags::DONTWAIT | SendFlags::NOSIGNAL);
    Ok(later(sent)?.unwrap_or(0))
}

/// The same, and takes out of `bytes` what the socket took.
pub fn send_off(socket: impl AsFd, bytes: &mut Vec<u8>) -> io::Result<()> {
    let sent = send(socket, bytes)?;
    bytes.drain(..sent);
    Ok(())
}

fn later<T>(result: rustix::io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Ok(done) => Ok(Some(done)),
        Err(Errno::AGAIN | Errno::INPROGRESS) => Ok(None),
        Err(errno) => Err(errno.into()),
    }
}

/// Waits for many descriptors. One leaves it by being closed.
pub struct Poll(OwnedFd);

/// The token of a descriptor, and what it is ready for.
pub type Event = (u64, Ready);

impl Poll {
    /// A new one.
    pub fn new() -> io::Result<Self> {
        Ok(Self(epoll::create(epoll::CreateFlags::CLOEXEC)?))
    }

    /// Waits from now on for `fd` to be ready for any of `ready`.
    pub fn add(&self, fd: impl AsFd, token: usize, ready: Ready) -> io::Result<()> {
        Ok(epoll::add(&self.0, fd, epoll::EventData::new_u64(token as u64), ready)?)
    }

    /// Waits from now on for something else.
    pub fn change(&self, fd: impl AsFd, token: usize, ready: Ready) -> io::Result<()> {
        Ok(epoll::modify(&self.0, fd, epoll::EventData::new_u64(token as u64), ready)?)
    }

    /// Waits no more for `fd`, which stays open.
    pub fn remove(&self, fd: impl AsFd) -> io::Result<()> {
        Ok(epoll::delete(&self.0, fd)?)
    }

    /// What is ready, at the latest after `timeout` (whole milliseconds).
    pub fn wait(&self, timeout: Duration) -> io::Result<Events> {
        let timeout = Timespec { tv_sec: timeout.as_secs() as i64, tv_nsec: timeout.subsec_nanos().into() };
        let mut events = [const { std::mem::MaybeUninit::uninit() }; 256];
        match epoll::wait(&self.0, &mut events, Some(&timeout)) {
            Ok((ready, _)) => Ok(ready.iter().map(|event| (event.data.u64(), event.flags)).collect()),
            Err(Errno::INTR) => Ok(Events::new()),
            Err(errno) => Err(errno.into()),
        }
    }
}

/// The events of one wait.
pub type Events = Vec<Event>;
