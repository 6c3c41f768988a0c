//! Stream sockets: bind, accept, connect, options, and the calls of a relay.

use crate::option;
use rustix::fs::FileType;
use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, Shutdown, SocketAddrAny, SocketAddrUnix, SocketFlags, SocketType,
    sockopt,
};
use std::io;
use std::mem::MaybeUninit;
use std::net::SocketAddr;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::Duration;

pub(crate) const NEW: SocketFlags = SocketFlags::CLOEXEC.union(SocketFlags::NONBLOCK);

/// The address of a socket, borrowed.
#[derive(Clone, Copy, Debug)]
pub enum Name<'a> {
    /// IPv4 or IPv6.
    Ip(SocketAddr),
    /// The path of a Unix socket.
    Unix(&'a Path),
}

/// Keepalive: silence before the first probe and time between probes (whole seconds), probes until it gives up.
pub type Keepalive = Option<(Duration, Duration, u32)>;

/// How a socket is bound.
#[derive(Clone, Copy, Debug, Default)]
pub struct Binding<'a> {
    /// Several sockets may have the address (`SO_REUSEPORT`).
    pub share: bool,
    /// Only at this interface.
    pub interface: Option<&'a str>,
    /// Multipath TCP, RFC 8684; fails where the kernel has none.
    pub mptcp: bool,
}

/// A non-blocking TCP socket bound to `addr`, not listening yet. An IPv6 wildcard takes IPv4 as well.
pub fn bind_ip(addr: SocketAddr, how: Binding<'_>) -> io::Result<OwnedFd> {
    let protocol = how.mptcp.then_some(rustix::net::ipproto::MPTCP);
    let socket = rustix::net::socket_with(family(addr), SocketType::STREAM, NEW, protocol)?;
    sockopt::set_socket_reuseaddr(&socket, true)?;
    bind(&socket, addr, how)?;
    Ok(socket)
}

/// Lets others of this user that are willing, too, have a part of a bound socket's addresses (`SO_REUSEPORT`).
pub fn share(socket: impl AsFd) -> io::Result<()> {
    Ok(sockopt::set_socket_reuseport(socket, true)?)
}

/// Binds a new socket of any type.
pub(crate) fn bind(socket: impl AsFd, addr: SocketAddr, how: Binding<'_>) -> io::Result<()> {
    if how.share {
        share(&socket)?;
    }
    if let Some(interface) = how.interface {
        option::set_interface(&socket, interface)?;
    }
    if addr.is_ipv6() {
        sockopt::set_ipv6_v6only(&socket, !addr.ip().is_unspecified())?;
    }
    Ok(rustix::net::bind(&socket, &addr)?)
}

pub(crate) fn family(addr: SocketAddr) -> AddressFamily {
    if addr.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 }
}

/// Lets a bound socket listen; `backlog` as in listen(2).
pub fn listen(socket: impl AsFd, backlog: u32) -> io::Result<()> {
    Ok(rustix::net::listen(socket, backlog as i32)?)
}

/// A non-blocking listening Unix socket with this file mode. A socket that a dead process left is replaced; any other
/// file stays, and the address is in use.
pub fn listen_unix(path: &Path, mode: u32, backlog: u32) -> io::Result<OwnedFd> {
    let name = SocketAddrUnix::new(path)?;
    let socket = rustix::net::socket_with(AddressFamily::UNIX, SocketType::STREAM, NEW, None)?;
    match rustix::net::bind(&socket, &name) {
        Err(rustix::io::Errno::ADDRINUSE) if is_socket(path) && is_dead(&name) => {
            rustix::fs::unlink(path)?;
            rustix::net::bind(&socket, &name)?;
        }
        other => other?,
    }
    set_mode(path, mode)?;
    rustix::net::listen(&socket, backlog as i32)?;
    Ok(socket)
}

/// What tells a file from its successor at the same path: numbers of inodes are soon used again, so the time of its making
/// belongs to it. Device, inode, seconds, nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileIdentity(pub [u64; 4]);

impl FileIdentity {
    /// Of what is at `path` now, if anything is.
    pub fn at(path: &Path) -> Option<Self> {
        let file = std::fs::symlink_metadata(path).ok()?;
        let (seconds, nanoseconds) = (file.mtime().cast_unsigned(), file.mtime_nsec().cast_unsigned());
        Some(Self([file.dev(), file.ino(), seconds, nanoseconds]))
    }
}

/// Sets the mode of a Unix socket's file, as chmod(2) does.
pub fn set_mode(path: &Path, mode: u32) -> io::Result<()> {
    Ok(rustix::fs::chmod(path, rustix::fs::Mode::from_raw_mode(mode))?)
}

/// A connect to a file of any other kind is refused too.
fn is_socket(path: &Path) -> bool {
    rustix::fs::lstat(path).is_ok_and(|stat| FileType::from_raw_mode(stat.st_mode).is_socket())
}

/// Whether nobody answers at a Unix socket: the file is a leftover.
fn is_dead(name: &SocketAddrUnix) -> bool {
    let probe = rustix::net::socket_with(AddressFamily::UNIX, SocketType::STREAM, NEW, None);
    probe.is_ok_and(|probe| rustix::net::connect(&probe, name) == Err(rustix::io::Errno::CONNREFUSED))
}

/// Takes one connection, non-blocking; the peer's address unless it is a Unix socket's.
pub fn accept(listener: impl AsFd) -> io::Result<(OwnedFd, Option<SocketAddr>)> {
    let (socket, peer) = rustix::net::acceptfrom_with(listener, NEW)?;
    Ok((socket, peer.and_then(ip_of)))
}

/// Where a socket is bound; `None` for a Unix socket.
pub fn local_addr(socket: impl AsFd) -> io::Result<Option<SocketAddr>> {
    Ok(ip_of(rustix::net::getsockname(socket)?))
}

/// Maps an IPv4 address that came in by a dual-stack socket back to what it is.
fn ip_of(addr: SocketAddrAny) -> Option<SocketAddr> {
    let addr = SocketAddr::try_from(addr).ok()?;
    Some(SocketAddr::new(addr.ip().to_canonical(), addr.port()))
}

/// A new non-blocking socket to connect to `name` with.
pub fn open(name: Name<'_>) -> io::Result<OwnedFd> {
    let family = match name {
        Name::Ip(addr) => family(addr),
        Name::Unix(_) => AddressFamily::UNIX,
    };
    Ok(rustix::net::socket_with(family, SocketType::STREAM, NEW, None)?)
}

/// Starts to connect a new socket; whether it is connected already. Else it becomes writable when it is, or when it
/// failed ([`take_error`]).
pub fn connect(socket: impl AsFd, name: Name<'_>) -> io::Result<bool> {
    let result = match name {
        Name::Ip(addr) => {
            sockopt::set_tcp_nodelay(&socket, true)?;
            rustix::net::connect(&socket, &addr)
        }
        Name::Unix(path) => rustix::net::connect(&socket, &SocketAddrUnix::new(path)?),
    };
    match result {
        Ok(()) => Ok(true),
        Err(rustix::io::Errno::INPROGRESS) => Ok(false),
        Err(errno) => Err(errno.into()),
    }
}

/// Whether it is connected by now.
pub fn is_connected(socket: impl AsFd) -> bool {
    rustix::net::getpeername(socket).is_ok()
}

/// Whether it is of TCP, and of that alone.
pub fn is_tcp(socket: impl AsFd) -> bool {
    sockopt::socket_protocol(socket).is_ok_and(|protocol| protocol == Some(rustix::net::ipproto::TCP))
}

/// The error a socket is in, if any; asking clears it.
pub fn take_error(socket: impl AsFd) -> io::Result<()> {
    Ok(sockopt::socket_error(socket)??)
}

/// Whether a socket connected to `addr` is its own peer: a port of this machine that nobody listens on may be drawn as
/// the source port of a connect to it, and then the kernel connects the socket to itself.
pub fn is_own_peer(socket: impl AsFd, addr: SocketAddr) -> io::Result<bool> {
    Ok(local_addr(socket)?
        .is_some_and(|own| own.port() == addr.port() && own.ip() == addr.ip().to_canonical()))
}

/// Sends small writes at once. Sockets accepted from a listener inherit it.
pub fn set_nodelay(socket: impl AsFd) -> io::Result<()> {
    Ok(sockopt::set_tcp_nodelay(socket, true)?)
}

/// TCP keepalive (tcp(7)). Sockets accepted from a listener inherit it.
pub fn set_keepalive(socket: impl AsFd, keepalive: Keepalive) -> io::Result<()> {
    let socket = socket.as_fd();
    sockopt::set_socket_keepalive(socket, keepalive.is_some())?;
    if let Some((idle, interval, count)) = keepalive {
        sockopt::set_tcp_keepidle(socket, idle)?;
        sockopt::set_tcp_keepintvl(socket, interval)?;
        sockopt::set_tcp_keepcnt(socket, count)?;
    }
    Ok(())
}

/// Tells only of so many bytes to read, or of the end (`SO_RCVLOWAT`, socket(7)); 1 is every byte. Bytes that are there
/// already are told at once when the mark sinks below them.
pub fn set_low_water(socket: impl AsFd, bytes: u32) -> io::Result<()> {
    let (socket, bytes) = (socket.as_fd().as_raw_fd(), i32::try_from(bytes).unwrap_or(i32::MAX));
    let size = size_of::<i32>() as libc::socklen_t;
    // SAFETY: `SO_RCVLOWAT` reads an `int` of this size, which lives until the call returns; the descriptor is borrowed.
    let result = unsafe {
        libc::setsockopt(socket, libc::SOL_SOCKET, libc::SO_RCVLOWAT, (&raw const bytes).cast(), size)
    };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Two sockets of which each reads what the other writes.
pub fn pair() -> io::Result<(OwnedFd, OwnedFd)> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    Ok(rustix::net::socketpair(AddressFamily::UNIX, SocketType::STREAM, flags, None)?)
}

/// Reads what is there, at most `buffer`; 0 is the end of the stream.
pub fn recv(socket: impl AsFd, buffer: &mut [u8]) -> io::Result<usize> {
    let (received, _) = rustix::net::recv(socket, buffer, RecvFlags::DONTWAIT)?;
    Ok(received)
}

/// Whether the end of the stream is all that is left to read.
pub fn is_at_end(socket: impl AsFd) -> io::Result<bool> {
    let (received, _) = rustix::net::recv(socket, &mut [0u8; 1], RecvFlags::DONTWAIT | RecvFlags::PEEK)?;
    Ok(received == 0)
}

/// Writes what the socket takes now.
pub fn send(socket: impl AsFd, bytes: &[u8]) -> io::Result<usize> {
    match rustix::net::send(socket, bytes, SendFlags::DONTWAIT | SendFlags::NOSIGNAL) {
        // A connect that was put off until there was something to send has only begun (`TCP_FASTOPEN_CONNECT`).
        Err(rustix::io::Errno::INPROGRESS) => Err(io::ErrorKind::WouldBlock.into()),
        result => Ok(result?),
    }
}

/// Says to the peer that no byte will follow (FIN).
pub fn shutdown_write(socket: impl AsFd) -> io::Result<()> {
    Ok(rustix::net::shutdown(socket, Shutdown::Write)?)
}

/// Receives nothing any more: what came before can still be read, and behind it stands an end. The peer is not told.
pub fn shutdown_read(socket: impl AsFd) -> io::Result<()> {
    Ok(rustix::net::shutdown(socket, Shutdown::Read)?)
}

/// Makes closing this socket a reset (RST), which drops what was not sent yet.
pub fn reset_on_close(socket: impl AsFd) -> io::Result<()> {
    Ok(sockopt::set_socket_linger(socket, Some(Duration::ZERO))?)
}

/// Bytes written to the socket that its peer has not acknowledged yet (`SIOCOUTQ`, tcp(7)).
pub fn unacknowledged(socket: impl AsFd) -> io::Result<usize> {
    /// `SIOCOUTQ` of linux/sockios.h, the same number as `TIOCOUTQ`.
    const SIOCOUTQ: rustix::ioctl::Opcode = 0x5411;
    // SAFETY: SIOCOUTQ takes a pointer to an `int` and writes only that; `Getter` passes one.
    let queued = unsafe { rustix::ioctl::ioctl(socket, rustix::ioctl::Getter::<SIOCOUTQ, i32>::new())? };
    Ok(usize::try_from(queued).unwrap_or(0))
}

/// How a peer answers what is sent to it: a part of `TCP_INFO`, tcp(7).
#[derive(Clone, Copy, Debug)]
pub struct Answers {
    /// Segments sent and not acknowledged.
    pub unacked: u32,
    /// Retransmissions of the first of them, since something new was acknowledged.
    pub retransmits: u8,
    /// How often the time to the next of them was doubled. Counts also those that ask a window that was closed over
    /// segments under way, which are no retransmissions to the kernel.
    pub backoff: u8,
    /// Probes of a closed window or of keepalive, since the peer answered one.
    pub probes: u8,
    /// From one retransmission to the next.
    pub rto: Duration,
    /// Since the last acknowledgement came, of something new or not.
    pub silence: Duration,
}

/// How the peer of a TCP socket answers; fails for other sockets.
pub fn answers(socket: impl AsFd) -> io::Result<Answers> {
    let mut info = MaybeUninit::<libc::tcp_info>::zeroed();
    let mut len = size_of::<libc::tcp_info>() as libc::socklen_t;
    let fd = socket.as_fd().as_raw_fd();
    // SAFETY: the kernel writes at most `len` bytes to `info`, which has so many, and then their number to `len`.
    // `fd` is open while `socket` is borrowed.
    let result = unsafe {
        libc::getsockopt(fd, libc::IPPROTO_TCP, libc::TCP_INFO, info.as_mut_ptr().cast(), &raw mut len)
    };
    if result != 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: all fields are integers, for which the zeros that it began as are values, too.
    let info = unsafe { info.assume_init() };
    Ok(Answers {
        unacked: info.tcpi_unacked,
        retransmits: info.tcpi_retransmits,
        backoff: info.tcpi_backoff,
        probes: info.tcpi_probes,
        rto: Duration::from_micros(info.tcpi_rto.into()),
        silence: Duration::from_millis(info.tcpi_last_ack_recv.into()),
    })
}

/// Makes calls on the socket return instead of wait.
pub fn set_nonblocking(socket: impl AsFd) -> io::Result<()> {
    Ok(rustix::io::ioctl_fionbio(socket, true)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_socket_connected_to_itself_is_its_own_peer() {
        let nobody = bind_ip("127.0.0.1:0".parse().unwrap(), Binding::default()).unwrap();
        let addr = local_addr(&nobody).unwrap().expect("an IP socket");
        let _ = rustix::net::connect(&nobody, &addr);
        take_error(&nobody).unwrap();
        assert!(is_own_peer(&nobody, addr).unwrap());

        let somebody = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let addr = somebody.local_addr().unwrap();
        let socket = open(Name::Ip(addr)).unwrap();
        connect(&socket, Name::Ip(addr)).unwrap();
        assert!(!is_own_peer(&socket, addr).unwrap());
    }

    #[test]
    fn what_is_of_tcp_is_neither_of_unix_nor_of_a_file() {
        let (one, _two) = std::os::unix::net::UnixStream::pair().unwrap();
        let tcp = open(Name::Ip("127.0.0.1:1".parse().unwrap())).unwrap();
        let file = std::fs::File::open("/dev/null").unwrap();
        assert_eq!([is_tcp(&tcp), is_tcp(&one), is_tcp(&file)], [true, false, false]);
    }

    #[test]
    fn a_peer_that_takes_everything_owes_no_answer() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let socket = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let answers = answers(&socket).unwrap();
        assert_eq!((answers.unacked, answers.retransmits, answers.probes), (0, 0, 0));
        assert!(answers.rto > Duration::ZERO);
    }

    #[test]
    fn only_tcp_tells_of_answers() {
        let (socket, _peer) = std::os::unix::net::UnixStream::pair().unwrap();
        assert!(answers(&socket).is_err());
    }
}
