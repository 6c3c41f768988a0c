//! A socket as the library for HTTP/2 wants it. The library writes in small pieces: they are gathered, and go out at once.

use crate::http::port::{Came, Port};
use crate::tls::{CIPHER_BYTES, Tunnel};
use bytes::Bytes;
use evenkeel_core::http2::watch::Watch;
use evenkeel_sys::poll::Readiness;
use std::cell::{Cell, RefCell};
use std::io::{self, ErrorKind, IoSlice};
use std::os::fd::OwnedFd;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Instant;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Bytes that are gathered, at most, before they have to go out.
const GATHER_BYTES: usize = 64 * 1024;

/// Bytes that are read in one turn before others get theirs.
const TURN_BYTES: usize = 256 * 1024;

/// Bytes that are read at once.
const READ_BYTES: usize = 64 * 1024;

/// Room that the connections of one worker share.
#[derive(Default)]
pub struct Desk {
    plain: Vec<u8>,
    cipher: Vec<u8>,
    /// For whoever has something to gather next: an idle connection has no room of its own for that.
    gathered: Vec<u8>,
}

impl Desk {
    fn buffers(&mut self) -> (&mut [u8], &mut [u8]) {
        self.plain.resize(READ_BYTES, 0);
        self.cipher.resize(CIPHER_BYTES, 0);
        (&mut self.plain, &mut self.cipher)
    }
}

/// A socket, what is spoken through it, and what is on its way there or here.
pub struct Wire {
    /// The socket.
    pub socket: OwnedFd,
    /// Streams that there are.
    pub streams: Cell<usize>,
    tunnel: RefCell<Option<Box<Tunnel>>>,
    desk: Rc<RefCell<Desk>>,
    ready: Cell<Readiness>,
    now: Cell<Instant>,
    /// Bytes that may still be read in this turn.
    budget: Cell<usize>,
    /// What has come and was not taken.
    held: RefCell<Bytes>,
    /// What is to go out.
    gathered: RefCell<Vec<u8>>,
    watch: RefCell<Option<Watch>>,
    is_exhausted: Cell<bool>,
}

impl Wire {
    /// Through `socket`, and `tunnel` if that is TLS; the other side has said `held` already.
    pub fn new(
        socket: OwnedFd,
        tunnel: Option<Box<Tunnel>>,
        held: Vec<u8>,
        (desk, now): (Rc<RefCell<Desk>>, Instant),
    ) -> Self {
        Self {
            socket,
            streams: Cell::default(),
            tunnel: RefCell::new(tunnel),
            desk,
            ready: Cell::new(Readiness::NONE),
            now: Cell::new(now),
            budget: Cell::new(TURN_BYTES),
            held: RefCell::new(held.into()),
            gathered: RefCell::default(),
            watch: RefCell::default(),
            is_exhausted: Cell::default(),
        }
    }

    /// With somebody who watches what comes and goes.
    pub fn watched(self) -> Self {
        let mut watch = Watch::new(self.now.get());
        let held = watch.on_came(&self.held.borrow(), self.now.get());
        self.is_exhausted.set(held.is_err());
        Self { watch: RefCell::new(Some(watch)), ..self }
    }

    /// It is this late.
    pub fn set_now(&self, now: Instant) {
        self.now.set(now);
    }

    /// Another turn: the socket is `ready` for this.
    pub fn begin_turn(&self, ready: Readiness) {
        self.ready.set(ready);
        self.budget.set(TURN_BYTES);
    }

    /// What the socket is still ready for.
    pub fn ready(&self) -> Readiness {
        self.ready.get()
    }

    /// How many bytes came in this turn.
    pub fn came(&self) -> usize {
        TURN_BYTES - self.budget.get()
    }

    /// Whether more may have come than was read in this turn.
    pub fn has_more(&self) -> bool {
        self.budget.get() == 0
    }

    /// Whether something is to go out that the socket does not take now.
    pub fn is_blocked(&self) -> bool {
        !self.gathered.borrow().is_empty()
    }

    /// Whether it is TLS.
    pub fn is_tls(&self) -> bool {
        self.tunnel.borrow().is_some()
    }

    /// Whether the client has cost more than it may.
    pub fn is_exhausted(&self) -> bool {
        self.is_exhausted.get()
    }

    /// Since when the client is in the middle of something.
    pub fn inside_since(&self) -> Option<Instant> {
        self.watch.borrow().as_ref().and_then(Watch::inside_since)
    }

    /// How many streams were refused by the library.
    pub fn take_refused(&self) -> u32 {
        self.watch.borrow_mut().as_mut().map_or(0, Watch::take_refused)
    }

    /// Nobody watches any more.
    pub fn unwatch(&self) {
        self.watch.replace(None);
        self.is_exhausted.set(false);
    }

    /// Takes what comes for nothing; whether there will be no more, or so much that nobody should wait for its end.
    pub fn ignore(&self) -> bool {
        loop {
            match self.recv(&mut ReadBuf::new(&mut [0; 1024])) {
                Came::Bytes(_) => {}
                Came::Nothing => return self.budget.get() == 0,
                Came::End | Came::Lost => return true,
            }
        }
    }

    fn with_port<T>(&self, work: impl FnOnce(&mut Port<'_>, &mut [u8], &mut [u8]) -> T) -> T {
        let mut desk = self.desk.borrow_mut();
        let (plain, cipher) = desk.buffers();
        let mut tunnel = self.tunnel.borrow_mut();
        work(&mut Port::new(&self.socket, tunnel.as_deref_mut(), &self.ready), plain, cipher)
    }

    /// Puts into `room` what has come. More of it than that is not touched: a page that nobody has written costs nothing.
    fn recv(&self, room: &mut ReadBuf<'_>) -> Came {
        let mut held = self.held.borrow_mut();
        if !held.is_empty() {
            let length = held.len().min(room.remaining());
            room.put_slice(&held.split_to(length));
            return Came::Bytes(length);
        }
        if self.budget.get() == 0 || self.is_exhausted.get() {
            return Came::Nothing;
        }
        self.with_port(|port, plain, cipher| match port.recv(plain, cipher) {
            Came::Bytes(bytes) => {
                self.budget.set(self.budget.get().saturating_sub(bytes));
                if let Some(watch) = self.watch.borrow_mut().as_mut() {
                    self.is_exhausted.set(watch.on_came(&plain[..bytes], self.now.get()).is_err());
                }
                let length = bytes.min(room.remaining());
                room.put_slice(&plain[..length]);
                *held = Bytes::copy_from_slice(&plain[length..bytes]);
                Came::Bytes(length)
            }
            came => came,
        })
    }

    /// Sends what was gathered; whether nothing is left.
    fn send(&self) -> io::Result<bool> {
        let mut gathered = self.gathered.borrow_mut();
        let is_flushed = self.with_port(|port, _, cipher| {
            let sent = port.send(&gathered, cipher)?;
            gathered.drain(..sent);
            Ok::<_, io::Error>(gathered.is_empty() && port.flush()?)
        })?;
        if gathered.is_empty() && gathered.capacity() > 0 {
            self.desk.borrow_mut().gathered = std::mem::take(&mut *gathered);
        }
        Ok(is_flushed)
    }

    /// Takes `pieces` to go out; how many bytes.
    fn gather(&self, pieces: &[IoSlice<'_>]) -> io::Result<Option<usize>> {
        if self.gathered.borrow().len() >= GATHER_BYTES && !self.send()? {
            return Ok(None);
        }
        let mut gathered = self.gathered.borrow_mut();
        if gathered.capacity() == 0 {
            *gathered = std::mem::take(&mut self.desk.borrow_mut().gathered);
        }
        let had = gathered.len();
        for piece in pieces {
            gathered.extend_from_slice(piece);
        }
        if let Some(watch) = self.watch.borrow_mut().as_mut() {
            watch.on_sent(&gathered[had..]);
        }
        Ok(Some(gathered.len() - had))
    }

    /// Says that nothing follows.
    pub fn close(&self) {
        self.with_port(|port, _, cipher| port.close(cipher));
    }
}

/// What the library is given of a wire.
pub struct Io(pub Rc<Wire>);

impl AsyncRead for Io {
    fn poll_read(self: Pin<&mut Self>, _: &mut Context<'_>, room: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.0.recv(room) {
            Came::Bytes(_) | Came::End => Poll::Ready(Ok(())),
            Came::Nothing => Poll::Pending,
            Came::Lost => Poll::Ready(Err(ErrorKind::ConnectionReset.into())),
        }
    }
}

impl AsyncWrite for Io {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.0.gather(&[IoSlice::new(bytes)]).transpose().map_or(Poll::Pending, Poll::Ready)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.0.gather(pieces).transpose().map_or(Poll::Pending, Poll::Ready)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.0.send() {
            Ok(true) => Poll::Ready(Ok(())),
            Ok(false) => Poll::Pending,
            Err(error) => Poll::Ready(Err(error)),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.0.send()? {
            self.0.close();
            return Poll::Ready(Ok(()));
        }
        Poll::Pending
    }
}
