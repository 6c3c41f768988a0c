//! One end of a connection: a client of evenkeel, or what a [`Server`](crate::Server) has accepted.

use crate::deadline::PATIENCE;
use crate::pattern::Pattern;
use crate::place::Place;
use socket2::{SockFilter, Socket};
use std::io::{self, ErrorKind, Read, Write};
use std::mem::MaybeUninit;
use std::net::{IpAddr, Shutdown, SocketAddr};
use std::time::Duration;

/// A connected stream socket. Whatever blocks longer than [`PATIENCE`] fails.
#[derive(Debug)]
pub struct Peer {
    socket: Socket,
    /// The kernel told of the reset when the connect was asked for its outcome, and tells only once.
    was_reset: bool,
}

/// How the other side ended its direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// In order.
    Fin,
    /// By a reset.
    Reset,
}

impl Peer {
    /// Wraps a connected socket.
    pub fn new(socket: Socket) -> Self {
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        socket.set_write_timeout(Some(PATIENCE)).unwrap();
        Self { socket, was_reset: false }
    }

    /// Connects to `place`; panics when that fails.
    pub fn connect(place: &Place) -> Self {
        Self::try_connect(place).unwrap_or_else(|error| panic!("connect to {place}: {error}"))
    }

    /// Connects by Multipath TCP, where the kernel has it.
    pub fn connect_multipath(place: &Place) -> io::Result<Self> {
        /// Of linux/in.h.
        const IPPROTO_MPTCP: i32 = 262;
        let addr = place.sock_addr();
        let socket = Socket::new(addr.domain(), socket2::Type::STREAM, Some(IPPROTO_MPTCP.into()))?;
        socket.connect(&addr)?;
        Ok(Self::new(socket))
    }

    /// Connects to `place`, or says why not. A connection that was made and reset at once is one that was made.
    pub fn try_connect(place: &Place) -> io::Result<Self> {
        Self::over(place.socket()?, place)
    }

    /// Connects to `place` from the address `source` of this machine; panics when that fails.
    pub fn connect_from(source: IpAddr, place: &Place) -> Self {
        let from = |socket: Socket| socket.bind(&SocketAddr::new(source, 0).into()).map(|()| socket);
        let connected = place.socket().and_then(from).and_then(|socket| Self::over(socket, place));
        connected.unwrap_or_else(|error| panic!("connect to {place} from {source}: {error}"))
    }

    fn over(socket: Socket, place: &Place) -> io::Result<Self> {
        let was_reset = match socket.connect_timeout(&place.sock_addr(), PATIENCE) {
            Err(error) if error.kind() == ErrorKind::ConnectionReset => true,
            outcome => outcome.map(|()| false)?,
        };
        Ok(Self { was_reset, ..Self::new(socket) })
    }

    /// The socket, for options.
    pub fn socket(&self) -> &Socket {
        &self.socket
    }

    /// The own address and port.
    pub fn local(&self) -> SocketAddr {
        self.socket.local_addr().unwrap().as_socket().expect("an IP connection")
    }

    /// How long one read or write may block from now on.
    pub fn set_patience(&self, patience: Duration) {
        self.socket.set_read_timeout(Some(patience)).unwrap();
        self.socket.set_write_timeout(Some(patience)).unwrap();
    }

    /// Sends all of `bytes`, or says why not.
    pub fn send(&self, bytes: &[u8]) -> io::Result<()> {
        self.check_reset()?;
        (&self.socket).write_all(bytes)
    }

    /// One read; 0 is the end.
    pub fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        self.check_reset()?;
        loop {
            match (&self.socket).read(buffer) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                other => return other,
            }
        }
    }

    /// Exactly `len` bytes, or why they did not come.
    pub fn receive(&self, len: usize) -> io::Result<Vec<u8>> {
        self.check_reset()?;
        let mut bytes = vec![0; len];
        (&self.socket).read_exact(&mut bytes)?;
        Ok(bytes)
    }

    /// Whether a read would give bytes at once.
    pub fn has_bytes(&self) -> bool {
        self.socket.set_nonblocking(true).unwrap();
        let peeked = self.socket.peek(&mut [MaybeUninit::uninit()]);
        self.socket.set_nonblocking(false).unwrap();
        peeked.is_ok_and(|len| len > 0)
    }

    /// Sends `bytes` and receives as many.
    pub fn exchange(&self, bytes: &[u8]) -> io::Result<Vec<u8>> {
        self.send(bytes)?;
        self.receive(bytes.len())
    }

    /// Panics unless `text` sent comes back: somebody echoes.
    pub fn check_echo(&self, text: &str) {
        let back = self.exchange(text.as_bytes()).unwrap_or_else(|error| panic!("echo of {text:?}: {error}"));
        assert_eq!(String::from_utf8_lossy(&back), text);
    }

    /// Everything until the end, and which end that was.
    pub fn read_to_end(&self) -> (Vec<u8>, Ending) {
        let mut bytes = Vec::new();
        match self.check_reset().and_then(|()| (&self.socket).read_to_end(&mut bytes)) {
            Ok(_) => (bytes, Ending::Fin),
            Err(error) if error.kind() == ErrorKind::ConnectionReset => (bytes, Ending::Reset),
            Err(error) => panic!("neither FIN nor RST after {} bytes: {error}", bytes.len()),
        }
    }

    /// Everything until the end as text, however it ended.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.read_to_end().0).into_owned()
    }

    /// How the other side ends; panics when bytes come first.
    pub fn ending(&self) -> Ending {
        let (bytes, ending) = self.read_to_end();
        assert!(bytes.is_empty(), "the end was expected, not {} bytes", bytes.len());
        ending
    }

    /// Sends the stream's bytes from `offset` on, `len` of them.
    pub fn send_pattern(&self, pattern: &Pattern, offset: u64, len: u64) -> io::Result<()> {
        let end = offset + len;
        let mut at = offset;
        while at < end {
            let slice = pattern.slice(at, (end - at).min(Pattern::CHUNK as u64) as usize);
            self.send(slice)?;
            at += slice.len() as u64;
        }
        Ok(())
    }

    /// Reads to the end, checks that every byte is the stream's, and says how many came and how it ended.
    pub fn check_pattern(&self, pattern: &Pattern) -> (u64, Ending) {
        let mut buffer = vec![0; Pattern::CHUNK];
        let mut total = 0;
        loop {
            match self.read(&mut buffer) {
                Ok(0) => return (total, Ending::Fin),
                Ok(n) => {
                    pattern.check(total, &buffer[..n]);
                    total += n as u64;
                }
                Err(error) if error.kind() == ErrorKind::ConnectionReset => return (total, Ending::Reset),
                Err(error) => panic!("neither FIN nor RST after {total} bytes: {error}"),
            }
        }
    }

    fn check_reset(&self) -> io::Result<()> {
        if self.was_reset { Err(ErrorKind::ConnectionReset.into()) } else { Ok(()) }
    }

    /// Half-close: sends a FIN; receiving goes on.
    pub fn finish(&self) {
        let _ = self.socket.shutdown(Shutdown::Write);
    }

    /// Ends the own reading, without telling the other side; a thread that reads wakes up.
    pub(crate) fn stop_reading(&self) {
        let _ = self.socket.shutdown(Shutdown::Read);
    }

    /// Ends both directions; a thread that writes wakes up.
    pub(crate) fn stop(&self) {
        let _ = self.socket.shutdown(Shutdown::Both);
    }

    /// Vanishes as a machine without power does: from now on the kernel drops whatever arrives, unanswered, for as
    /// long as this lives.
    pub fn vanish(&self) {
        const BPF_RET: u16 = 0x06;
        self.socket.attach_filter(&[SockFilter::new(BPF_RET, 0, 0, 0)]).unwrap();
    }

    /// Makes the close a RST.
    pub fn reset_on_drop(&self) {
        self.socket.set_linger(Some(Duration::ZERO)).unwrap();
    }

    /// Closes with a RST.
    pub fn reset(self) {
        self.reset_on_drop();
    }
}
