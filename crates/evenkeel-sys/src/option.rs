//! Socket options that only some services and pools ask for. Each fails with what the kernel says: most of them need a
//! capability, or something that a kernel may be built without.

use crate::socket::{self, Name};
use rustix::net::sockopt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::os::fd::{AsFd, AsRawFd};
use std::sync::OnceLock;
use std::time::Duration;

/// A number that the kernel reads as an `int`.
pub(crate) fn set(socket: impl AsFd, level: i32, name: i32, value: i32) -> io::Result<()> {
    let size = size_of::<i32>() as libc::socklen_t;
    let fd = socket.as_fd().as_raw_fd();
    // SAFETY: every option in this file reads an `int` of this size, which lives until the call returns; `fd` is open
    // while `socket` is borrowed.
    let result = unsafe { libc::setsockopt(fd, level, name, (&raw const value).cast(), size) };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// A number that the kernel writes as an `int`.
pub(crate) fn get(socket: impl AsFd, level: i32, name: i32) -> io::Result<i32> {
    let (mut value, mut size) = (0_i32, size_of::<i32>() as libc::socklen_t);
    let fd = socket.as_fd().as_raw_fd();
    // SAFETY: the kernel writes at most `size` bytes to `value`, which has so many, and their number to `size`; `fd` is
    // open while `socket` is borrowed.
    let result = unsafe { libc::getsockopt(fd, level, name, (&raw mut value).cast(), &raw mut size) };
    if result == 0 { Ok(value) } else { Err(io::Error::last_os_error()) }
}

/// Marks what is sent, for rules of routing and filtering (`SO_MARK`, socket(7)); 0 is no mark. Needs `CAP_NET_ADMIN`.
pub fn set_mark(socket: impl AsFd, mark: u32) -> io::Result<()> {
    set(socket, libc::SOL_SOCKET, libc::SO_MARK, mark.cast_signed())
}

/// The mark that a socket has.
pub fn mark(socket: impl AsFd) -> io::Result<u32> {
    Ok(get(socket, libc::SOL_SOCKET, libc::SO_MARK)?.cast_unsigned())
}

/// Takes and sends only by the interface of this name (`SO_BINDTODEVICE`, socket(7)).
pub fn set_interface(socket: impl AsFd, name: &str) -> io::Result<()> {
    let size = libc::socklen_t::try_from(name.len()).map_err(|_| io::ErrorKind::InvalidInput)?;
    let fd = socket.as_fd().as_raw_fd();
    // SAFETY: the kernel reads at most `size` bytes of `name`, which has so many and lives until the call returns; `fd`
    // is open while `socket` is borrowed.
    let result =
        unsafe { libc::setsockopt(fd, libc::SOL_SOCKET, libc::SO_BINDTODEVICE, name.as_ptr().cast(), size) };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// The number of the interface that a socket is bound to (`SO_BINDTOIFINDEX`); 0 is none.
pub fn interface(socket: impl AsFd) -> io::Result<u32> {
    Ok(get(socket, libc::SOL_SOCKET, libc::SO_BINDTOIFINDEX)?.cast_unsigned())
}

/// The number of the interface of this name.
pub fn interface_number(name: &str) -> Option<u32> {
    let name = std::ffi::CString::new(name).ok()?;
    // SAFETY: `name` ends with a zero byte and lives until the call returns.
    let number = unsafe { libc::if_nametoindex(name.as_ptr()) };
    (number != 0).then_some(number)
}

/// The algorithm of congestion control (`TCP_CONGESTION`, tcp(7)). Accepted sockets inherit it.
pub fn set_congestion(socket: impl AsFd, name: &str) -> io::Result<()> {
    Ok(sockopt::set_tcp_congestion(socket, name)?)
}

/// The algorithm that a socket has.
pub fn congestion(socket: impl AsFd) -> io::Result<String> {
    Ok(sockopt::tcp_congestion(socket)?)
}

/// The algorithm of congestion control that sockets get which ask for none.
pub fn usual_congestion() -> io::Result<String> {
    Ok(std::fs::read_to_string("/proc/sys/net/ipv4/tcp_congestion_control")?.trim().to_owned())
}

/// Whether the algorithm that sockets get which ask for none paces what they send, as BBR does: a timer of the kernel says when
/// each piece may go. Looked at once.
pub fn is_usually_paced() -> bool {
    static PACED: OnceLock<bool> = OnceLock::new();
    let nowhere = SocketAddr::new(Ipv4Addr::LOCALHOST.into(), 0);
    let look = || congestion(socket::open(Name::Ip(nowhere))?);
    *PACED.get_or_init(|| look().is_ok_and(|name| name.starts_with("bbr")))
}

/// Accepts a connection only once its first bytes are there, or after about this time (`TCP_DEFER_ACCEPT`, tcp(7)), in
/// whole seconds; 0 is at once.
pub fn set_defer_accept(listener: impl AsFd, time: Duration) -> io::Result<()> {
    let seconds = i32::try_from(time.as_secs()).unwrap_or(i32::MAX);
    set(listener, libc::IPPROTO_TCP, libc::TCP_DEFER_ACCEPT, seconds)
}

/// Whether a listener accepts clients only once they have said something.
pub fn defers_accept(listener: impl AsFd) -> io::Result<bool> {
    Ok(get(listener, libc::IPPROTO_TCP, libc::TCP_DEFER_ACCEPT)? != 0)
}

/// Lets so many clients at once send bytes with their first packet (`TCP_FASTOPEN`, tcp(7)); 0 is none.
pub fn set_fast_open(listener: impl AsFd, queue: u32) -> io::Result<()> {
    set(listener, libc::IPPROTO_TCP, libc::TCP_FASTOPEN, i32::try_from(queue).unwrap_or(i32::MAX))
}

/// How many clients at once may send bytes with their first packet.
pub fn fast_open(listener: impl AsFd) -> io::Result<u32> {
    Ok(get(listener, libc::IPPROTO_TCP, libc::TCP_FASTOPEN)?.cast_unsigned())
}

/// Sends the first bytes with the first packet where the peer has allowed it before (`TCP_FASTOPEN_CONNECT`, tcp(7)):
/// then a connect is over at once, and nothing is sent before there is something to send.
pub fn set_fast_open_connect(socket: impl AsFd) -> io::Result<()> {
    set(socket, libc::IPPROTO_TCP, libc::TCP_FASTOPEN_CONNECT, 1)
}

/// Lets a socket of this family have addresses that are not of this machine (`IP_TRANSPARENT`, ip(7)). Needs
/// `CAP_NET_ADMIN` or `CAP_NET_RAW`.
pub fn set_transparent(socket: impl AsFd, is_ipv6: bool) -> io::Result<()> {
    match is_ipv6 {
        true => set(socket, libc::IPPROTO_IPV6, libc::IPV6_TRANSPARENT, 1),
        false => set(socket, libc::IPPROTO_IP, libc::IP_TRANSPARENT, 1),
    }
}

/// Connects from this address. The port is drawn by the connect (`IP_BIND_ADDRESS_NO_PORT`, ip(7)), so that only those
/// towards the same peer have to differ.
pub fn set_source(socket: impl AsFd, source: IpAddr) -> io::Result<()> {
    let socket = socket.as_fd();
    set(socket, libc::IPPROTO_IP, libc::IP_BIND_ADDRESS_NO_PORT, 1)?;
    Ok(rustix::net::bind(socket, &SocketAddr::new(source, 0))?)
}

/// Whether a socket speaks Multipath TCP.
pub fn is_mptcp(socket: impl AsFd) -> io::Result<bool> {
    Ok(get(socket, libc::SOL_SOCKET, libc::SO_PROTOCOL)? == libc::IPPROTO_MPTCP)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::socket::{self, Binding, Name};

    #[test]
    fn a_connect_comes_from_the_source_that_it_was_given() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let addr = listener.local_addr().unwrap();
        let socket = socket::open(Name::Ip(addr)).unwrap();
        set_source(&socket, "127.0.0.9".parse().unwrap()).unwrap();
        socket::connect(&socket, Name::Ip(addr)).unwrap();
        assert_eq!(listener.accept().unwrap().1.ip().to_string(), "127.0.0.9");
    }

    #[test]
    fn an_address_of_somebody_else_is_refused_as_a_source() {
        let socket = socket::open(Name::Ip("127.0.0.1:1".parse().unwrap())).unwrap();
        let error = set_source(&socket, "192.0.2.1".parse().unwrap()).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AddrNotAvailable);
    }

    #[test]
    fn what_is_set_can_be_seen() {
        let socket = socket::bind_ip(
            "127.0.0.1:0".parse().unwrap(),
            Binding { interface: Some("lo"), ..Binding::default() },
        )
        .unwrap();
        assert_eq!(interface(&socket).unwrap(), interface_number("lo").unwrap());
        assert!(!is_mptcp(&socket).unwrap());
        set_congestion(&socket, &usual_congestion().unwrap()).unwrap();
        assert!(set_congestion(&socket, "no-such").is_err());
        set_defer_accept(&socket, Duration::from_secs(1)).unwrap();
        set_fast_open(&socket, 16).unwrap();
        assert_eq!(fast_open(&socket).unwrap(), 16);
        assert!(defers_accept(&socket).unwrap());
        assert_eq!((mark(&socket).unwrap(), congestion(&socket).unwrap()), (0, usual_congestion().unwrap()));
        assert_eq!(interface_number("no-such"), None);
    }
}
