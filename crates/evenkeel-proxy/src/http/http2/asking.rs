//! A connection to a backend that speaks HTTP/2, for one request after the other: it looks like one of HTTP/1 to who asks.

use super::errand::{Errand, Failed};
use super::wire::{Desk, Io, Wire};
use crate::tls::Tunnel;
use bytes::Bytes;
use evenkeel_core::http::response::HEAD_MAX;
use evenkeel_sys::poll::Readiness;
use h2::client::{Builder, Connection, SendRequest};
use std::cell::{Cell, RefCell};
use std::io::{self, ErrorKind};
use std::os::fd::OwnedFd;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Instant;

/// Bytes of an answer that a backend may send before some of them were taken.
const WINDOW: u32 = 128 * 1024;

/// Bytes of a request that the library holds.
const HELD_MAX: usize = 32 * 1024;

/// The connection.
pub struct Asking {
    wire: Rc<Wire>,
    /// Whom a request is for that does not say so.
    authority: Box<str>,
    talk: Talk,
    errand: Option<Errand>,
    /// What became of the last request, if that failed.
    failed: Option<Failed>,
}

type Greeting = dyn Future<Output = Result<(SendRequest<Bytes>, Connection<Io, Bytes>), h2::Error>>;

/// How far it has come.
enum Talk {
    Greeting(Pin<Box<Greeting>>),
    Speaking(Box<Connection<Io, Bytes>>, SendRequest<Bytes>),
    /// Nothing can be asked any more.
    Over,
}

impl Asking {
    /// Through `socket`, and `tunnel` if that is TLS, to a backend at `authority`.
    pub fn new(
        (socket, mut tunnel): (OwnedFd, Option<Tunnel>),
        authority: String,
        (desk, now): (Rc<RefCell<Desk>>, Instant),
    ) -> Self {
        let early = tunnel.as_mut().map(Tunnel::take_early).unwrap_or_default();
        let wire = Rc::new(Wire::new(socket, tunnel.map(Box::new), early, (desk, now)));
        let io = Io(Rc::clone(&wire));
        let greeting = async move { library().handshake(io).await };
        Self {
            wire,
            authority: authority.into(),
            talk: Talk::Greeting(Box::pin(greeting)),
            errand: None,
            failed: None,
        }
    }

    /// Its socket.
    pub fn socket(&self) -> &OwnedFd {
        &self.wire.socket
    }

    /// Whether the last request was certainly not looked at.
    pub fn was_refused(&self) -> bool {
        self.failed.as_ref().is_some_and(|failed| failed.is_unseen)
    }

    /// Takes bytes of a request, but nothing more before the library has those.
    pub fn write(&mut self, bytes: &[u8], ready: &Cell<Readiness>) -> io::Result<usize> {
        let errand = self.errand.get_or_insert_with(Errand::default);
        if !errand.is_flushed() {
            return Err(ErrorKind::WouldBlock.into());
        }
        errand.say(bytes);
        self.drive(ready)?;
        Ok(bytes.len())
    }

    /// Gives bytes of the answer; whether those were all that are here now.
    pub fn read(&mut self, room: &mut [u8], ready: &Cell<Readiness>) -> io::Result<(usize, bool)> {
        if self.errand.as_ref().is_none_or(Errand::has_nothing) {
            self.drive(ready)?;
        }
        let read = self.errand.as_mut().map_or(0, |errand| errand.hear(room));
        match read {
            0 => Err(ErrorKind::WouldBlock.into()),
            read => Ok((read, false)),
        }
    }

    /// Whether the library and the socket have taken all that was said.
    pub fn flush(&mut self, ready: &Cell<Readiness>) -> io::Result<bool> {
        self.drive(ready)?;
        Ok(self.is_flushed())
    }

    /// The same, without an attempt.
    pub fn is_flushed(&self) -> bool {
        self.errand.as_ref().is_none_or(Errand::is_flushed) && !self.wire.is_blocked()
    }

    /// The request that was asked is over, or given up: whether another one can be asked.
    pub fn finish(&mut self, ready: &Cell<Readiness>) -> bool {
        // Dropped, a stream that is not over is reset.
        (self.errand, self.failed) = (None, None);
        self.is_usable(ready)
    }

    /// Whether a request can be asked.
    pub fn is_usable(&mut self, ready: &Cell<Readiness>) -> bool {
        let cx = &mut Context::from_waker(Waker::noop());
        self.drive(ready).is_ok()
            && !self.wire.is_blocked()
            && match &mut self.talk {
                Talk::Speaking(_, send) => matches!(send.poll_ready(cx), Poll::Ready(Ok(()))),
                Talk::Greeting(_) | Talk::Over => false,
            }
    }

    /// Goes on until nothing moves.
    fn drive(&mut self, ready: &Cell<Readiness>) -> io::Result<()> {
        self.wire.begin_turn(ready.get());
        let driven = self.go_on();
        ready.set(self.wire.ready());
        driven
    }

    fn go_on(&mut self) -> io::Result<()> {
        let cx = &mut Context::from_waker(Waker::noop());
        loop {
            self.poll_library(cx);
            let Some(errand) = &mut self.errand else { return Ok(()) };
            if self.failed.is_some() {
                return Err(ErrorKind::ConnectionReset.into());
            }
            let has_moved = match &mut self.talk {
                Talk::Speaking(_, send) => errand.go_on(send, &self.authority, self.wire.is_tls(), cx),
                Talk::Greeting(_) => return Ok(()),
                Talk::Over => errand.go_on_without(cx),
            };
            match has_moved {
                Ok(true) => {}
                Ok(false) if !matches!(self.talk, Talk::Over) => return Ok(()),
                Ok(false) if !errand.has_nothing() => return Ok(()),
                Ok(false) => return Err(ErrorKind::ConnectionReset.into()),
                Err(failed) => self.failed = Some(failed),
            }
        }
    }

    /// Drives the library, twice: it may have something to do for what it has just done.
    fn poll_library(&mut self, cx: &mut Context<'_>) {
        if let Talk::Greeting(greeting) = &mut self.talk {
            match greeting.as_mut().poll(cx) {
                Poll::Ready(Ok((send, connection))) => {
                    self.talk = Talk::Speaking(Box::new(connection), send);
                }
                Poll::Ready(Err(_)) => self.talk = Talk::Over,
                Poll::Pending => {}
            }
        }
        for _ in 0..2 {
            if let Talk::Speaking(connection, _) = &mut self.talk
                && pin!(connection).poll(cx).is_ready()
            {
                self.talk = Talk::Over;
            }
        }
    }
}

fn library() -> Builder {
    let mut builder = Builder::new();
    builder
        .enable_push(false)
        .initial_window_size(WINDOW)
        .initial_connection_window_size(WINDOW)
        .max_header_list_size(HEAD_MAX as u32)
        .max_send_buffer_size(HELD_MAX);
    builder
}
