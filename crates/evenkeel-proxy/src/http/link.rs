//! A link: a connection to a backend that serves requests of whichever sessions of this worker come first. One of HTTP/1 has
//! one at a time, one of HTTP/2 several.
//!
//! A link keeps its place in the reactor while it goes from hand to hand. One that waits belongs to nobody; what it then has
//! to say can only be its end, or what HTTP/2 has to say for itself.

use super::footing::Footing;
use super::http2::{Asking, Failed};
use super::port::Port;
use crate::reactor::Row;
use crate::tls::Tunnel;
use evenkeel_core::load::Load;
use evenkeel_sys::poll::Readiness;
use evenkeel_sys::socket;
use std::cell::{Cell, RefCell};
use std::io::{self, ErrorKind};
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::Instant;

/// A connection to a backend.
pub struct Link {
    /// Where the reactor knows it.
    pub place: Row,
    speaks: Speaks,
    /// What it became ready for.
    ready: Cell<Readiness>,
    /// Whose it is: a backend, as long as it is in the pool.
    load: Arc<Load>,
    /// By what it was made.
    pub footing: Footing,
    /// Whether it may have further requests.
    pub is_open: Cell<bool>,
    /// Whether it is known to have something to do.
    pub is_due: Cell<bool>,
    /// When it was made.
    pub made: Instant,
    /// Until when it may wait.
    pub idle_until: Cell<Instant>,
}

/// What is spoken through it.
enum Speaks {
    /// HTTP/1, through TLS if there is a tunnel, for this session.
    Http1 { socket: OwnedFd, tunnel: RefCell<Option<Tunnel>>, user: Cell<Option<Row>> },
    /// HTTP/2.
    Http2(RefCell<Box<Asking>>),
}

/// A connection that was just made.
pub enum Made {
    /// One of HTTP/1: its socket, and TLS if that is spoken.
    Http1(OwnedFd, Option<Tunnel>),
    /// One of HTTP/2.
    Http2(Box<Asking>),
}

impl Link {
    /// Of a connection that was `made` on this footing to the backend with this load, and is ready for this.
    pub fn new(
        place: Row,
        (made, footing): (Made, Footing),
        load: &Arc<Load>,
        ready: Readiness,
        now: Instant,
    ) -> Self {
        let speaks = match made {
            Made::Http1(socket, tunnel) => {
                Speaks::Http1 { socket, tunnel: RefCell::new(tunnel), user: Cell::default() }
            }
            Made::Http2(asking) => Speaks::Http2(RefCell::new(asking)),
        };
        Self {
            place,
            speaks,
            ready: Cell::new(ready),
            load: Arc::clone(load),
            footing,
            is_open: Cell::new(true),
            is_due: Cell::default(),
            made: now,
            idle_until: Cell::new(now),
        }
    }

    /// Does `work` with its socket.
    pub fn with_socket<T>(&self, work: impl FnOnce(&OwnedFd) -> T) -> T {
        match &self.speaks {
            Speaks::Http1 { socket, .. } => work(socket),
            Speaks::Http2(asking) => work(asking.borrow().socket()),
        }
    }

    /// By which all links to its backend are known.
    pub fn key(&self) -> usize {
        key(&self.load)
    }

    /// What it is ready for.
    pub fn ready(&self) -> Readiness {
        self.ready.get()
    }

    /// Whether it speaks HTTP/2.
    pub fn is_http2(&self) -> bool {
        matches!(self.speaks, Speaks::Http2(_))
    }

    /// How many requests it has.
    pub fn requests(&self) -> usize {
        match &self.speaks {
            Speaks::Http1 { user, .. } => usize::from(user.get().is_some()),
            Speaks::Http2(asking) => asking.borrow().requests(),
        }
    }

    /// Whether it may have another request, as far as is known.
    pub fn has_room(&self) -> bool {
        match &self.speaks {
            Speaks::Http1 { user, .. } => user.get().is_none() && !self.ready.get().readable(),
            Speaks::Http2(asking) => asking.borrow().has_room(),
        }
    }

    /// Whether it may have more than one request as soon as the backend has said so.
    pub fn is_awaited(&self) -> bool {
        matches!(&self.speaks, Speaks::Http2(asking) if asking.borrow().is_awaited())
    }

    /// Whether it may have another request, having asked the kernel: nothing has come while it waited, neither its end nor what nobody asked for.
    pub fn is_alive(&self) -> bool {
        let waits = |error: io::Error| error.kind() == ErrorKind::WouldBlock;
        match &self.speaks {
            Speaks::Http1 { socket, .. } => {
                !self.ready.get().readable() && socket::is_at_end(socket).is_err_and(waits)
            }
            Speaks::Http2(asking) => {
                socket::is_at_end(asking.borrow().socket()).map_or_else(waits, |is_at_end| !is_at_end)
            }
        }
    }

    /// Has a request of the session at `row`: by which number it knows that.
    pub fn begin(&self, row: Row) -> u64 {
        match &self.speaks {
            Speaks::Http1 { user, .. } => {
                user.set(Some(row));
                0
            }
            Speaks::Http2(asking) => asking.borrow_mut().begin(row),
        }
    }

    /// The session wants nothing more of its request.
    pub fn leave(&self, request: u64) {
        match &self.speaks {
            Speaks::Http1 { user, .. } => user.set(None),
            Speaks::Http2(asking) => {
                asking.borrow_mut().errand(request).into_iter().for_each(|errand| errand.leave());
            }
        }
    }

    /// Does `work` with where the bytes of a request go, and those of its answer come from. Says as well whether the link has
    /// to be driven for that.
    pub fn with_port<T>(&self, request: u64, work: impl FnOnce(&mut Port<'_>) -> T) -> (T, bool) {
        match &self.speaks {
            Speaks::Http1 { socket, tunnel, .. } => {
                (work(&mut Port::new(socket, tunnel.borrow_mut().as_mut(), &self.ready)), false)
            }
            Speaks::Http2(asking) => {
                let mut asking = asking.borrow_mut();
                let mut errand = asking.errand(request);
                let done = work(&mut Port::of_errand(errand.as_deref_mut(), &self.ready));
                (done, errand.is_some_and(|errand| errand.is_due()))
            }
        }
    }

    /// Whether what the request is to carry is out of our hands.
    pub fn is_flushed(&self, request: u64) -> bool {
        match &self.speaks {
            Speaks::Http1 { tunnel, .. } => tunnel.borrow().as_ref().is_none_or(Tunnel::is_flushed),
            Speaks::Http2(asking) => {
                asking.borrow_mut().errand(request).is_none_or(|errand| errand.is_flushed())
            }
        }
    }

    /// Why the request comes to nothing, as far as a connection of HTTP/2 knows.
    pub fn failed(&self, request: u64) -> Option<Failed> {
        match &self.speaks {
            Speaks::Http1 { .. } => None,
            Speaks::Http2(asking) => asking.borrow_mut().errand(request)?.failed(),
        }
    }

    /// It became ready: whose go it is, if that is one session's.
    pub fn on_ready(&self, readiness: Readiness) -> Option<Row> {
        self.ready.set(self.ready.get().and(readiness));
        match &self.speaks {
            Speaks::Http1 { user, .. } => user.get(),
            Speaks::Http2(_) => None,
        }
    }

    /// Moves what can be moved for all requests, and lets `wake` know of each session that has something to look at. Says
    /// whether there is something to do that nothing will tell of.
    pub fn drive(&self, now: Instant, wake: impl FnMut(Row)) -> bool {
        // One of HTTP/1 is driven by its session.
        let Speaks::Http2(asking) = &self.speaks else { return false };
        let mut asking = asking.borrow_mut();
        let was_silent = asking.is_silent();
        let has_more = asking.drive(&self.ready, now, wake);
        if asking.is_silent() && !was_silent {
            self.load.note_silent();
        }
        has_more
    }

    /// Whether it has been silent for too long.
    pub fn is_overdue(&self, now: Instant) -> bool {
        matches!(&self.speaks, Speaks::Http2(asking) if asking.borrow().is_overdue(now))
    }

    /// Its socket, and what is spoken through that, if that is HTTP/1.
    pub fn into_parts(self) -> Option<(OwnedFd, Option<Tunnel>)> {
        match self.speaks {
            Speaks::Http1 { socket, tunnel, .. } => Some((socket, tunnel.into_inner())),
            Speaks::Http2(_) => None,
        }
    }
}

/// By which the links to the backend with this load are known.
pub fn key(load: &Arc<Load>) -> usize {
    Arc::as_ptr(load).addr()
}
