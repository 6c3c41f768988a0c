//! The test backends: one process, many ports. Replies come from one thread and bulk transfers from another, so that
//! the second never delay the first.

use crate::net::{self, Ready};
use crate::peers::{self, Peers};
use crate::pump::{Pumps, Task};
use crate::wish::{self, Wish};
use anyhow::Result;
use std::io;
use std::ops::Range;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

/// Longest time until the bulk thread notices a new transfer beside those it has.
const NOTICE: Duration = Duration::from_millis(10);

/// Bytes read at once.
const BUFFER: usize = 256 * 1024;

/// Serves on `ports`, at every address of this machine, until it is ended.
pub fn serve(ports: Range<u16>) -> Result<()> {
    serve_on(peers::listen(ports)?)
}

/// Serves what comes to `listeners` until it is ended.
pub fn serve_on(listeners: Vec<OwnedFd>) -> Result<()> {
    let (bulk, transfers) = channel();
    let total = Arc::new(AtomicU64::new(0));
    let taken = Arc::clone(&total);
    std::thread::spawn(move || carry(&transfers, &taken));
    let mut server = Server { peers: Peers::of(listeners)?, bulk, total, buffer: vec![b'r'; BUFFER] };
    loop {
        server.turn()?;
    }
}

/// Carries the bulk transfers and adds up the bytes that clients send.
fn carry(transfers: &Receiver<(OwnedFd, Task)>, total: &AtomicU64) -> Result<()> {
    let mut pumps = Pumps::new()?;
    loop {
        if pumps.len() == 0 {
            let (socket, task) = transfers.recv()?;
            pumps.add(socket, task)?;
        }
        for (socket, task) in transfers.try_iter() {
            pumps.add(socket, task)?;
        }
        total.fetch_add(pumps.turn(NOTICE)?, Relaxed);
    }
}

/// Learns each client's wish, and replies.
struct Server {
    peers: Peers<Peer>,
    bulk: Sender<(OwnedFd, Task)>,
    total: Arc<AtomicU64>,
    buffer: Vec<u8>,
}

/// A client.
struct Peer {
    socket: OwnedFd,
    told: Told,
    /// Bytes of the reply that the socket did not take yet.
    unsent: usize,
}

/// What is known of a wish.
enum Told {
    /// So many bytes of it.
    Part([u8; wish::LENGTH], usize),
    /// All of it: bytes still to come of the request, of a request in all, and of a reply.
    Exchange { missing: usize, request: usize, reply: usize },
}

/// What becomes of a client.
#[derive(Debug, PartialEq, Eq)]
enum Next {
    Stay,
    Leave,
    Carry(Task),
}

impl Server {
    fn turn(&mut self) -> Result<()> {
        for (key, ready) in self.peers.wait()? {
            let next = self.peers.serve(key, |peer| peer.serve(ready, &mut self.buffer, &self.total))?;
            // A client that resets is done, not a failure of the backends.
            match next.unwrap_or(Next::Leave) {
                Next::Stay => {}
                Next::Leave => self.peers.close(key),
                Next::Carry(task) => self.bulk.send((self.peers.release(key)?.socket, task))?,
            }
        }
        Ok(())
    }
}

impl AsFd for Peer {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

impl peers::Peer for Peer {
    fn new(socket: OwnedFd) -> Self {
        Self { socket, told: Told::Part([0; wish::LENGTH], 0), unsent: 0 }
    }

    fn is_blocked(&self) -> bool {
        self.unsent > 0
    }
}

impl Peer {
    /// Reads requests unless a reply is under way, and sends what is due.
    fn serve(&mut self, ready: Ready, buffer: &mut [u8], total: &AtomicU64) -> io::Result<Next> {
        if self.unsent == 0 && ready.intersects(Ready::IN | Ready::HUP | Ready::ERR) {
            let Some(received) = net::receive(&self.socket, buffer)? else { return Ok(Next::Stay) };
            match self.told.on_received(&buffer[..received]) {
                _ if received == 0 => return Ok(Next::Leave),
                Ok(due) => self.unsent = due,
                Err(Some(Wish::Down)) => return Ok(Next::Carry(Task::Send)),
                Err(Some(Wish::Up)) => return Ok(Next::Carry(Task::Receive)),
                Err(Some(Wish::Both)) => return Ok(Next::Carry(Task::Both)),
                Err(Some(Wish::Total)) => {
                    net::send(&self.socket, &total.load(Relaxed).to_le_bytes())?;
                    return Ok(Next::Leave);
                }
                Err(Some(Wish::Exchange { .. }) | None) => return Ok(Next::Leave),
            }
        }
        while self.unsent > 0 {
            let sent = net::send(&self.socket, &buffer[..self.unsent.min(BUFFER)])?;
            if sent == 0 {
                break;
            }
            self.unsent -= sent;
        }
        Ok(Next::Stay)
    }
}

impl Told {
    /// The bytes that are due in reply; or a wish for something else than an exchange, or `None` for no wish at all.
    fn on_received(&mut self, mut bytes: &[u8]) -> Result<usize, Option<Wish>> {
        if let Self::Part(part, length) = self {
            let (head, rest) = bytes.split_at(bytes.len().min(wish::LENGTH - *length));
            part[*length..][..head.len()].copy_from_slice(head);
            *length += head.len();
            if *length < wish::LENGTH {
                return Ok(0);
            }
            let Some(Wish::Exchange { request, reply }) = Wish::decode(part) else {
                return Err(Wish::decode(part));
            };
            let (request, reply) = (request as usize, reply as usize);
            *self = Self::Exchange { missing: request - wish::LENGTH, request, reply };
            bytes = rest;
        }
        let Self::Exchange { missing, request, reply } = self else { return Ok(0) };
        if bytes.len() < *missing {
            *missing -= bytes.len();
            return Ok(0);
        }
        let beyond = bytes.len() - *missing;
        *missing = *request - beyond % *request;
        Ok(*reply * (1 + beyond / *request))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told() -> Told {
        Told::Part([0; wish::LENGTH], 0)
    }

    fn replies(request: u32, pieces: &[usize]) -> Vec<usize> {
        let mut told = told();
        let mut stream = Wish::Exchange { request, reply: 1 }.encode().to_vec();
        stream.resize(pieces.iter().sum(), b'q');
        let mut rest = &stream[..];
        pieces
            .iter()
            .map(|&length| {
                let (piece, after) = rest.split_at(length);
                rest = after;
                told.on_received(piece).unwrap()
            })
            .collect()
    }

    #[test]
    fn each_request_is_due_a_reply_however_it_is_cut() {
        assert_eq!(replies(64, &[64, 64]), [1, 1]);
        assert_eq!(replies(64, &[3, 13, 47, 1, 64]), [0, 0, 0, 1, 1]);
        assert_eq!(replies(16, &[16, 16 * 3 + 1, 15]), [1, 3, 1]);
        assert_eq!(replies(20, &[59, 1]), [2, 1]);
    }

    #[test]
    fn other_wishes_and_nonsense_are_told_apart() {
        assert_eq!(told().on_received(&Wish::Up.encode()), Err(Some(Wish::Up)));
        assert_eq!(told().on_received(b"GET / HTTP/1.1\r\n"), Err(None));
    }
}
