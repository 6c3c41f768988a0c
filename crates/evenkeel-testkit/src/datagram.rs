//! Both ends of datagrams: a server that answers each by itself, and a client that waits for its answers.

use crate::deadline::PATIENCE;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::thread::JoinHandle;
use std::time::Instant;

/// Longer than any datagram.
const ROOM: usize = 70_000;

/// Answers datagrams on a thread of its own until it is dropped; then nobody listens there any more.
#[derive(Debug)]
pub struct UdpServer {
    addr: SocketAddr,
    received: Arc<AtomicU64>,
    socket: Arc<UdpSocket>,
    thread: Option<JoinHandle<()>>,
}

impl UdpServer {
    /// At a free port of 127.0.0.1; `answer` makes the answer to a datagram, if there is to be one.
    pub fn start(answer: impl FnMut(&[u8]) -> Option<Vec<u8>> + Send + 'static) -> Self {
        Self::start_at("127.0.0.1:0".parse().unwrap(), answer)
    }

    /// The same there.
    pub fn start_at(
        addr: SocketAddr,
        mut answer: impl FnMut(&[u8]) -> Option<Vec<u8>> + Send + 'static,
    ) -> Self {
        Self::seeing(addr, move |datagram, _| answer(datagram))
    }

    /// The same, where `answer` is also told where the datagram came from.
    pub fn seeing(
        addr: SocketAddr,
        mut answer: impl FnMut(&[u8], SocketAddr) -> Option<Vec<u8>> + Send + 'static,
    ) -> Self {
        let socket = Arc::new(UdpSocket::bind(addr).unwrap());
        let addr = socket.local_addr().unwrap();
        let (received, its_socket) = (Arc::<AtomicU64>::default(), Arc::clone(&socket));
        let counter = Arc::clone(&received);
        let thread = std::thread::spawn(move || {
            let mut room = vec![0; ROOM];
            while let Ok((length, from)) = its_socket.recv_from(&mut room) {
                counter.fetch_add(1, Relaxed);
                if let Some(answer) = answer(&room[..length], from) {
                    // Whoever asked may be gone.
                    let _ = its_socket.send_to(&answer, from);
                }
            }
        });
        Self { addr, received, socket, thread: Some(thread) }
    }

    /// Answers everything with this name.
    pub fn named(name: &str) -> Self {
        let name = name.as_bytes().to_vec();
        Self::start(move |_| Some(name.clone()))
    }

    /// Sends everything back as it came.
    pub fn echo() -> Self {
        Self::start(|datagram| Some(datagram.to_vec()))
    }

    /// Takes everything, and answers nothing.
    pub fn mute() -> Self {
        Self::start(|_| None)
    }

    /// Where it is.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// How many datagrams have come.
    pub fn received(&self) -> u64 {
        self.received.load(Relaxed)
    }
}

impl Drop for UdpServer {
    fn drop(&mut self) {
        // Nothing is received from then on, which is an error for who waits. That it is not connected, which the kernel
        // says, changes nothing.
        let _ = rustix::net::shutdown(&self.socket, rustix::net::Shutdown::Read);
        self.thread.take().into_iter().for_each(|thread| drop(thread.join()));
    }
}

/// A client that hears only whom it asks.
#[derive(Debug)]
pub struct UdpClient(UdpSocket);

impl UdpClient {
    /// One that asks at `to`.
    pub fn to(to: SocketAddr) -> Self {
        let any: SocketAddr = if to.is_ipv4() { "127.0.0.1:0" } else { "[::1]:0" }.parse().unwrap();
        Self::from(any.ip(), to)
    }

    /// One with this address of this machine.
    pub fn from(source: IpAddr, to: SocketAddr) -> Self {
        let socket = UdpSocket::bind((source, 0)).unwrap();
        socket.connect(to).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        Self(socket)
    }

    /// The own address.
    pub fn addr(&self) -> SocketAddr {
        self.0.local_addr().unwrap()
    }

    /// Sends a datagram.
    pub fn send(&self, datagram: &[u8]) {
        self.0.send(datagram).unwrap();
    }

    /// The next datagram that comes.
    pub fn receive(&self) -> Vec<u8> {
        let mut room = vec![0; ROOM];
        let length = self.0.recv(&mut room).expect("an answer in time");
        room.truncate(length);
        room
    }

    /// The next datagram that comes before then.
    pub fn receive_by(&self, by: Instant) -> Option<Vec<u8>> {
        let left = by.checked_duration_since(Instant::now()).filter(|left| !left.is_zero())?;
        self.0.set_read_timeout(Some(left)).unwrap();
        let mut room = vec![0; ROOM];
        let length = self.0.recv(&mut room).ok();
        self.0.set_read_timeout(Some(PATIENCE)).unwrap();
        room.truncate(length?);
        Some(room)
    }

    /// What the next answer says to a question.
    pub fn ask(&self, question: &[u8]) -> String {
        self.send(question);
        String::from_utf8_lossy(&self.receive()).into_owned()
    }
}
