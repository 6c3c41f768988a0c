//! Listening sockets at their end: nobody new may come, while whoever is half through the door still gets in.

use crate::{option, socket};
use std::io;
use std::os::fd::AsFd;

/// What no interface of any machine has for its number.
const NO_INTERFACE: i32 = i32::MAX;

/// Refuses whoever begins to connect to a listening TCP socket from now on, whoever has a part of it: it listens at an
/// interface that there is not (`SO_BINDTOIFINDEX`). Connections whose handshake has begun are of none, and still come to
/// it. Needs Linux 5.7, and that it was bound to no interface before; else `CAP_NET_RAW`.
pub fn turn_away(listener: impl AsFd) -> io::Result<()> {
    option::set(listener, libc::SOL_SOCKET, libc::SO_BINDTOIFINDEX, NO_INTERFACE)
}

/// The same for a Unix socket, to which a connection has come as soon as it has begun.
pub fn turn_away_unix(listener: impl AsFd) -> io::Result<()> {
    socket::shutdown_read(listener)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{ErrorKind, Read, Write};
    use std::net::{TcpListener, TcpStream};
    use std::os::unix::net::{UnixListener, UnixStream};

    #[test]
    fn who_has_come_is_served_and_the_next_one_is_refused() {
        for any in ["127.0.0.1:0", "[::1]:0"] {
            let listener = TcpListener::bind(any).unwrap();
            let addr = listener.local_addr().unwrap();
            let mut early = TcpStream::connect(addr).unwrap();
            turn_away(&listener).unwrap();
            assert_eq!(TcpStream::connect(addr).unwrap_err().kind(), ErrorKind::ConnectionRefused);
            let (mut accepted, _) = listener.accept().unwrap();
            early.write_all(b"?").unwrap();
            accepted.read_exact(&mut [0]).unwrap();
            accepted.write_all(b"!").unwrap();
            early.read_exact(&mut [0]).unwrap();
        }
    }

    #[test]
    fn who_is_half_connected_still_comes() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        // It is connected only when it says something.
        option::set_defer_accept(&listener, std::time::Duration::from_secs(10)).unwrap();
        let mut early = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        turn_away(&listener).unwrap();
        early.write_all(b"?").unwrap();
        listener.accept().unwrap().0.read_exact(&mut [0]).unwrap();
    }

    #[test]
    fn so_it_is_with_a_unix_socket() {
        let path = std::env::temp_dir().join(format!("evenkeel-farewell-{}", std::process::id()));
        let listener = UnixListener::bind(&path).unwrap();
        let _early = UnixStream::connect(&path).unwrap();
        turn_away_unix(&listener).unwrap();
        let late = UnixStream::connect(&path);
        std::fs::remove_file(&path).unwrap();
        assert_eq!(late.unwrap_err().kind(), ErrorKind::ConnectionRefused);
        listener.accept().unwrap();
        listener.set_nonblocking(true).unwrap();
        assert_eq!(listener.accept().unwrap_err().kind(), ErrorKind::WouldBlock);
    }
}
