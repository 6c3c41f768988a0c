//! The client of a session: at a socket, or at a stream of an HTTP/2 connection.

use super::http2::{Left, Pipe};
use super::port::Port;
use crate::reactor::Reactor;
use crate::session::Session;
use crate::tls::Tunnel;
use evenkeel_sys::poll::Readiness;
use evenkeel_sys::socket;
use std::cell::Cell;
use std::os::fd::OwnedFd;
use std::rc::Rc;

/// The client of a session.
pub struct Client {
    way: Way,
    /// What it has said and was not used yet.
    pub held: Vec<u8>,
}

/// Where it is.
enum Way {
    Socket { socket: OwnedFd, tunnel: Option<Box<Tunnel>> },
    Stream(StreamEnd),
}

/// Our end of a stream. Who drops it without a word has cut it.
struct StreamEnd(Rc<Pipe>);

impl Drop for StreamEnd {
    fn drop(&mut self) {
        self.0.leave(Left::Cut);
    }
}

impl Client {
    /// At `socket`, through `tunnel` if it speaks TLS; it has said `early` already.
    pub fn new(socket: OwnedFd, mut tunnel: Option<Tunnel>, mut early: Vec<u8>) -> Self {
        if let Some(tunnel) = &mut tunnel {
            early = tunnel.take_early();
        }
        Self { way: Way::Socket { socket, tunnel: tunnel.map(Box::new) }, held: early }
    }

    /// At a stream.
    pub fn at_stream(pipe: Rc<Pipe>) -> Self {
        Self { way: Way::Stream(StreamEnd(pipe)), held: Vec::new() }
    }

    /// Whether it is at a stream: for one request.
    pub fn is_stream(&self) -> bool {
        matches!(self.way, Way::Stream(_))
    }

    /// Whether what it says comes under TLS.
    pub fn is_tls(&self) -> bool {
        match &self.way {
            Way::Socket { tunnel, .. } => tunnel.is_some(),
            Way::Stream(end) => end.0.wire.is_tls(),
        }
    }

    /// The socket by which it has come here.
    pub fn socket(&self) -> &OwnedFd {
        match &self.way {
            Way::Socket { socket, .. } => socket,
            Way::Stream(end) => &end.0.wire.socket,
        }
    }

    /// Its socket and what is spoken through that, for a relay to go on with at the row of `session`. A stream has none, and
    /// makes one.
    pub fn take_socket(&mut self, reactor: &Reactor, session: &Session) -> Option<(OwnedFd, Option<Tunnel>)> {
        match &mut self.way {
            Way::Socket { socket, tunnel } => {
                // The one that the reactor knows goes: it could not be told anything of another.
                let kept = socket.try_clone().ok()?;
                Some((std::mem::replace(socket, kept), tunnel.take().map(|tunnel| *tunnel)))
            }
            Way::Stream(end) => {
                session.client_ready.set(Readiness::NONE);
                Some((end.0.begin_detour(reactor, session.row).ok()?, None))
            }
        }
    }

    /// The parts that it is made of: socket, TLS, and what was said; a stream has none.
    pub fn into_parts(self) -> Option<(OwnedFd, Option<Box<Tunnel>>, Vec<u8>)> {
        match self.way {
            Way::Socket { socket, tunnel } => Some((socket, tunnel, self.held)),
            Way::Stream(_) => None,
        }
    }

    /// How much it may be told at once.
    pub fn room(&self) -> usize {
        match &self.way {
            Way::Socket { .. } => usize::MAX,
            Way::Stream(end) => end.0.room(),
        }
    }

    /// Whether all that it was told is out of our hands.
    pub fn is_flushed(&self) -> bool {
        match &self.way {
            Way::Socket { tunnel, .. } => tunnel.as_ref().is_none_or(|tunnel| tunnel.is_flushed()),
            Way::Stream(end) => end.0.is_flushed(),
        }
    }

    /// What it was told ends here, and must not look like the end.
    pub fn cut(&self) {
        match &self.way {
            Way::Socket { socket, .. } => drop(socket::reset_on_close(socket)),
            Way::Stream(end) => end.0.leave(Left::Cut),
        }
    }

    /// Says that nothing follows, which a stream says when it is finished.
    pub fn close(&mut self, session: &Session, cipher: &mut [u8]) {
        self.port(&session.client_ready).close(cipher);
    }

    /// It was told all, if it is at a stream.
    pub fn finish(&self) {
        if let Way::Stream(end) = &self.way {
            end.0.leave(Left::InOrder);
        }
    }

    /// Moves what is held to the beginning of `room`, as far as there is room: more than that may have come with the end of a
    /// TLS handshake. Says how many bytes.
    pub fn take_held(&mut self, room: &mut [u8]) -> usize {
        let length = self.held.len().min(room.len());
        room[..length].copy_from_slice(&self.held[..length]);
        self.held.drain(..length);
        length
    }

    /// Holds `rest`, in front of what there was no room for.
    pub fn hold(&mut self, rest: &[u8]) {
        self.held = [rest, &self.held].concat();
    }

    /// Whether something has come that nobody will read.
    pub fn has_more(&self, session: &Session) -> bool {
        !self.held.is_empty() || session.client_ready.get().readable()
    }

    /// Where its bytes come from, and go to.
    pub fn port<'a>(&'a mut self, ready: &'a Cell<Readiness>) -> Port<'a> {
        match &mut self.way {
            Way::Socket { socket, tunnel } => Port::new(socket, tunnel.as_deref_mut(), ready),
            Way::Stream(end) => Port::of_stream(&end.0, ready),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_there_is_no_room_for_is_held_and_comes_last() {
        let socket = std::fs::File::open("/dev/null").unwrap().into();
        let mut client = Client::new(socket, None, b"GET /one and two".to_vec());
        let mut room = [0; 8];
        assert_eq!(client.take_held(&mut room), 8);
        client.hold(&room[4..]);
        assert_eq!(client.held, b"/one and two");
        assert_eq!(client.take_held(&mut [0; 64]), 12);
        assert!(client.held.is_empty());
    }
}
