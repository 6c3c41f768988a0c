//! A socket through which HTTP/2 is spoken. What is said in a turn is gathered, and goes out at once.

use crate::http::port::{Came, Port};
use crate::tls::{CIPHER_BYTES, Tunnel};
use evenkeel_core::http2::unpacked::Unpacked;
use evenkeel_sys::poll::Readiness;
use std::cell::{Cell, RefCell};
use std::io;
use std::os::fd::OwnedFd;
use std::rc::Rc;

/// Bytes that are gathered, at most, before they have to go out.
const GATHER_BYTES: usize = 64 * 1024;

/// Bytes that are to go out, at most, while what comes to requests of ours is read.
const ANSWERED_BYTES: usize = 4 * GATHER_BYTES;

/// Bytes that are read in one turn before others get theirs.
const TURN_BYTES: usize = 256 * 1024;

/// Bytes that are read at once.
const READ_BYTES: usize = 64 * 1024;

/// Room that the connections of one worker share: who has a turn has it.
#[derive(Default)]
pub struct Desk {
    plain: Vec<u8>,
    cipher: Vec<u8>,
    /// For what is said.
    out: Vec<u8>,
    /// For the fields of a message.
    pub unpacked: Unpacked,
}

/// A socket, and what is on its way there.
pub struct Wire {
    /// The socket.
    pub socket: OwnedFd,
    /// Streams that there are.
    pub streams: Cell<usize>,
    tunnel: RefCell<Option<Box<Tunnel>>>,
    desk: Rc<RefCell<Desk>>,
    /// What was said, and the socket has not taken.
    rest: RefCell<Vec<u8>>,
}

/// A turn of one connection.
pub struct Turn<'a> {
    wire: &'a Wire,
    ready: Cell<Readiness>,
    /// Bytes that may still be read in it.
    budget: usize,
    /// Whether something was put off for what is to go out.
    was_full: bool,
    /// What is to go out.
    pub out: Vec<u8>,
    /// What else there is room in.
    pub desk: Desk,
}

impl Wire {
    /// Through `socket`, and `tunnel` if that is TLS.
    pub fn new(socket: OwnedFd, tunnel: Option<Box<Tunnel>>, desk: Rc<RefCell<Desk>>) -> Self {
        Self {
            socket,
            streams: Cell::default(),
            tunnel: RefCell::new(tunnel),
            desk,
            rest: RefCell::default(),
        }
    }

    /// A turn, in which the socket is `ready` for this.
    pub fn begin(&self, ready: Readiness) -> Turn<'_> {
        let mut desk = std::mem::take(&mut *self.desk.borrow_mut());
        let mut out = std::mem::take(&mut *self.rest.borrow_mut());
        if out.capacity() == 0 {
            out = std::mem::take(&mut desk.out);
        }
        Turn { wire: self, ready: Cell::new(ready), budget: TURN_BYTES, was_full: false, out, desk }
    }

    /// Whether something was said that the socket does not take now.
    pub fn is_blocked(&self) -> bool {
        !self.rest.borrow().is_empty()
    }

    /// Whether it is TLS.
    pub fn is_tls(&self) -> bool {
        self.tunnel.borrow().is_some()
    }
}

impl Turn<'_> {
    /// What the socket is still ready for.
    pub fn ready(&self) -> Readiness {
        self.ready.get()
    }

    /// How many bytes came.
    pub fn came(&self) -> usize {
        TURN_BYTES - self.budget
    }

    /// Whether there is something to do that nothing will tell of: more may have come than was read, or something was put off
    /// for what was to go out, and that has gone.
    pub fn is_to_go_on(&self) -> bool {
        self.budget == 0 || self.was_full && self.out.is_empty()
    }

    /// Whether so much is to go out that nothing should be added.
    pub fn is_full(&mut self) -> bool {
        let is_full = self.out.len() >= GATHER_BYTES;
        self.was_full |= is_full;
        is_full
    }

    /// The socket is asked for bytes once more, whatever is known of it.
    pub fn look_again(&mut self) {
        self.ready.set(self.ready.get().and(Readiness::READABLE));
    }

    /// Reads once. Nothing, if nobody takes what is answered.
    pub fn recv(&mut self) -> Came {
        if self.is_full() { Came::Nothing } else { self.hear() }
    }

    /// Reads once, also if much is to go out: who does not take bodies before its own have gone must not be waited for. What is
    /// answered to what comes has an end, too.
    pub fn hear(&mut self) -> Came {
        if self.budget == 0 || self.out.len() >= ANSWERED_BYTES {
            return Came::Nothing;
        }
        self.desk.plain.resize(READ_BYTES, 0);
        let came = self.with_port(|port, desk, _| port.recv(&mut desk.plain, &mut desk.cipher));
        if let Came::Bytes(bytes) = came {
            self.budget = self.budget.saturating_sub(bytes);
        }
        came
    }

    /// What was read, room for the fields in it, and for what is said to it.
    pub fn parts(&mut self, bytes: usize) -> (&[u8], &mut Unpacked, &mut Vec<u8>) {
        (&self.desk.plain[..bytes], &mut self.desk.unpacked, &mut self.out)
    }

    /// Sends what is to go out; whether nothing is left.
    pub fn send(&mut self) -> io::Result<bool> {
        self.with_port(|port, desk, out| {
            let sent = port.send(out, &mut desk.cipher)?;
            out.drain(..sent);
            Ok(out.is_empty() && port.flush()?)
        })
    }

    /// Takes what comes for nothing; whether there will be no more, or so much that nobody should wait for its end.
    pub fn ignore(&mut self) -> bool {
        loop {
            match self.recv() {
                Came::Bytes(_) => {}
                Came::Nothing => return self.budget == 0,
                Came::End | Came::Lost => return true,
            }
        }
    }

    /// Says that nothing follows.
    pub fn close(&mut self) {
        self.with_port(|port, desk, _| port.close(&mut desk.cipher));
    }

    fn with_port<T>(&mut self, work: impl FnOnce(&mut Port<'_>, &mut Desk, &mut Vec<u8>) -> T) -> T {
        let mut tunnel = self.wire.tunnel.borrow_mut();
        if tunnel.is_some() {
            self.desk.cipher.resize(CIPHER_BYTES, 0);
        }
        let mut port = Port::new(&self.wire.socket, tunnel.as_deref_mut(), &self.ready);
        work(&mut port, &mut self.desk, &mut self.out)
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let out = std::mem::take(&mut self.out);
        match out.is_empty() {
            true => self.desk.out = out,
            false => drop(self.wire.rest.replace(out)),
        }
        self.wire.desk.replace(std::mem::take(&mut self.desk));
    }
}
