//! A connection to a backend that speaks HTTP/2, for one request after the other: it looks like one of HTTP/1 to who asks.

use super::errand::{Errand, Failed};
use super::limits;
use super::wire::{Desk, Turn, Wire};
use crate::http::port::Came;
use crate::tls::Tunnel;
use evenkeel_core::http2::endpoint::{Endpoint, Event};
use evenkeel_core::http2::unpacked::Unpacked;
use evenkeel_sys::poll::Readiness;
use std::cell::{Cell, RefCell};
use std::io::{self, ErrorKind};
use std::os::fd::OwnedFd;
use std::rc::Rc;
use std::time::Instant;

/// The connection.
pub struct Asking {
    wire: Rc<Wire>,
    /// Whom a request is for that does not say so.
    authority: Box<str>,
    endpoint: Endpoint,
    /// When it was made. Nobody asks how long a backend takes for a frame: requests have their own deadlines.
    made: Instant,
    /// Whether nothing more comes or goes.
    is_over: bool,
    errand: Option<Errand>,
    /// What became of the last request, if that failed.
    failed: Option<Failed>,
}

impl Asking {
    /// Through `socket`, and `tunnel` if that is TLS, to a backend at `authority`.
    pub fn new(
        (socket, mut tunnel): (OwnedFd, Option<Tunnel>),
        authority: String,
        (desk, now): (Rc<RefCell<Desk>>, Instant),
    ) -> Self {
        let early = tunnel.as_mut().map(Tunnel::take_early).unwrap_or_default();
        let wire = Rc::new(Wire::new(socket, tunnel.map(Box::new), desk));
        let mut turn = wire.begin(Readiness::NONE);
        let endpoint = Endpoint::client(limits::of_backends(), &mut turn.out);
        let mut asking = Self {
            wire: Rc::clone(&wire),
            authority: authority.into(),
            endpoint,
            made: now,
            is_over: false,
            errand: None,
            failed: None,
        };
        asking.take(&early, &mut turn.desk.unpacked, &mut turn.out);
        drop(turn);
        asking
    }

    /// Its socket.
    pub fn socket(&self) -> &OwnedFd {
        &self.wire.socket
    }

    /// Whether the last request was certainly not looked at.
    pub fn was_refused(&self) -> bool {
        self.failed.as_ref().is_some_and(|failed| failed.is_unseen)
    }

    /// Takes bytes of a request, but nothing more before those are on their way.
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

    /// Whether all that was said is out of our hands.
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
        if let Some(errand) = self.errand.take() {
            let mut turn = self.wire.begin(ready.get());
            errand.leave(&mut self.endpoint, &mut turn.out);
        }
        self.failed = None;
        self.is_usable(ready)
    }

    /// Whether a request can be asked.
    pub fn is_usable(&mut self, ready: &Cell<Readiness>) -> bool {
        self.drive(ready).is_ok() && !self.is_over && !self.wire.is_blocked() && self.endpoint.may_open()
    }

    /// Moves what can be moved.
    fn drive(&mut self, ready: &Cell<Readiness>) -> io::Result<()> {
        let wire = Rc::clone(&self.wire);
        let mut turn = wire.begin(ready.get());
        self.listen(&mut turn);
        self.go_on(&mut turn);
        self.is_over |= turn.send().is_err();
        ready.set(turn.ready());
        let has_more = self.errand.as_ref().is_some_and(|errand| !errand.has_nothing());
        match self.errand {
            Some(_) if self.failed.is_some() || self.is_over && !has_more => {
                Err(ErrorKind::ConnectionReset.into())
            }
            _ => Ok(()),
        }
    }

    fn listen(&mut self, turn: &mut Turn<'_>) {
        while !self.is_over {
            match turn.recv() {
                Came::Bytes(bytes) => {
                    let (came, unpacked, out) = turn.parts(bytes);
                    self.take(came, unpacked, out);
                }
                Came::Nothing => return,
                Came::End | Came::Lost => self.is_over = true,
            }
        }
    }

    fn take(&mut self, mut came: &[u8], unpacked: &mut Unpacked, out: &mut Vec<u8>) {
        loop {
            match self.endpoint.next(&mut came, unpacked, out, self.made) {
                Ok(Some(event)) => self.on_event(event, unpacked),
                Ok(None) => return,
                Err(why) => {
                    self.endpoint.go_away(why, out);
                    self.is_over = true;
                    return;
                }
            }
        }
    }

    fn on_event(&mut self, event: Event<'_>, unpacked: &Unpacked) {
        // It has one stream at most; what was given up is not told of any more.
        let Some(errand) = &mut self.errand else { return };
        let done = match event {
            Event::Fields { is_over, .. } => errand.take_fields(unpacked, is_over),
            Event::Data { bytes, is_over, .. } => errand.take_piece(bytes, is_over),
            Event::Reset { is_unseen, .. } => errand.on_reset(is_unseen),
            Event::Room => Ok(()),
        };
        if let Err(failed) = done {
            self.failed.get_or_insert(failed);
        }
    }

    /// Goes on with the request.
    fn go_on(&mut self, turn: &mut Turn<'_>) {
        let Some(errand) = self.errand.as_mut().filter(|_| !self.is_over && self.failed.is_none()) else {
            return;
        };
        let whom = (&*self.authority, self.wire.is_tls());
        if let Err(failed) = errand.go_on(&mut self.endpoint, whom, &mut turn.out) {
            self.failed = Some(failed);
        }
    }
}
