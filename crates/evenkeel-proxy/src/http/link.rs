//! Links: connections to backends that serve one request after the other, of whichever session of this worker comes first.
//!
//! A link keeps its place in the reactor while it goes from hand to hand. One that waits belongs to nobody; what it then has
//! to say can only be its end.

use super::http2::Asking;
use super::port::Port;
use crate::reactor::{Reactor, Row, Token};
use crate::tls::Tunnel;
use evenkeel_core::http::rules::LinkRules;
use evenkeel_core::load::Load;
use evenkeel_sys::poll::Readiness;
use evenkeel_sys::socket;
use slab::Slab;
use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::os::fd::OwnedFd;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Links of one worker that wait, at most.
const IDLE_MAX: usize = 1024;

/// From one look at those that have waited for long to the next.
const SWEEP: Duration = Duration::from_millis(500);

/// A connection to a backend.
pub struct Link {
    place: Row,
    speaks: Speaks,
    /// What it became ready for.
    ready: Cell<Readiness>,
    /// Whose it is: a backend, as long as it is in the pool.
    load: Arc<Load>,
    /// The session that uses it now.
    user: Cell<Option<Row>>,
    /// Until when it may wait.
    idle_until: Cell<Instant>,
}

/// What is spoken through it.
enum Speaks {
    /// HTTP/1, through TLS if there is a tunnel.
    Http1 { socket: OwnedFd, tunnel: RefCell<Option<Tunnel>> },
    /// HTTP/2.
    Http2(RefCell<Box<Asking>>),
}

impl Link {
    /// Does `work` with where its bytes come from, and go to.
    pub fn with_port<T>(&self, work: impl FnOnce(&mut Port<'_>) -> T) -> T {
        match &self.speaks {
            Speaks::Http1 { socket, tunnel } => {
                work(&mut Port::new(socket, tunnel.borrow_mut().as_mut(), &self.ready))
            }
            Speaks::Http2(asking) => work(&mut Port::of_asking(&mut asking.borrow_mut(), &self.ready)),
        }
    }

    /// Whether what it is to carry is out of our hands.
    pub fn is_flushed(&self) -> bool {
        match &self.speaks {
            Speaks::Http1 { tunnel, .. } => tunnel.borrow().as_ref().is_none_or(Tunnel::is_flushed),
            Speaks::Http2(asking) => asking.borrow().is_flushed(),
        }
    }

    /// What it is ready for.
    pub fn ready(&self) -> Readiness {
        self.ready.get()
    }

    /// Whether it speaks HTTP/2.
    pub fn is_http2(&self) -> bool {
        matches!(self.speaks, Speaks::Http2(_))
    }

    /// Whether the backend has said that it did not look at the request.
    pub fn was_refused(&self) -> bool {
        matches!(&self.speaks, Speaks::Http2(asking) if asking.borrow().was_refused())
    }

    /// Whether nothing has come while it waited: neither its end nor what nobody asked for.
    pub fn is_alive(&self) -> bool {
        let waits = |error: io::Error| error.kind() == io::ErrorKind::WouldBlock;
        match &self.speaks {
            Speaks::Http1 { socket, .. } => {
                !self.ready.get().readable() && socket::is_at_end(socket).is_err_and(waits)
            }
            Speaks::Http2(asking) => asking.borrow_mut().is_usable(&self.ready),
        }
    }

    /// Whether its request is over, and it may have another one.
    fn is_done(&self) -> bool {
        match &self.speaks {
            Speaks::Http1 { .. } => !self.ready.get().readable(),
            Speaks::Http2(asking) => asking.borrow_mut().finish(&self.ready),
        }
    }

    /// Something has come while it waits: whether it may go on to. What HTTP/2 has to say for itself is no harm.
    fn may_wait(&self) -> bool {
        match &self.speaks {
            Speaks::Http1 { .. } => !self.ready.get().readable(),
            Speaks::Http2(asking) => asking.borrow_mut().is_usable(&self.ready),
        }
    }
}

/// A connection that was just made.
pub enum Made {
    /// One of HTTP/1: its socket, and TLS if that is spoken.
    Http1(OwnedFd, Option<Tunnel>),
    /// One of HTTP/2.
    Http2(Box<Asking>),
}

/// The links of one worker.
#[derive(Default)]
pub struct Links {
    table: RefCell<Slab<Rc<Link>>>,
    begun: Cell<u32>,
    /// Those that wait, by the address of their backend's load; the one that came last is last.
    idle: RefCell<BTreeMap<usize, Vec<Rc<Link>>>>,
    waiting: Cell<usize>,
    next_sweep: Cell<Option<Instant>>,
}

/// A link in use. Dropping it closes the link, unless it was given back.
pub struct Lease<'a> {
    links: &'a Links,
    /// The link.
    pub link: Rc<Link>,
    /// Whether it has served before.
    pub is_reused: bool,
}

impl Links {
    /// Makes a link of a connection that the session at `user` has just made to the backend with this load.
    pub fn add(
        &self,
        reactor: &Reactor,
        made: Made,
        load: &Arc<Load>,
        ready: Readiness,
        user: Row,
    ) -> io::Result<Lease<'_>> {
        let mut table = self.table.borrow_mut();
        let begun = self.begun.replace(self.begun.get().wrapping_add(1));
        let place = Row::new(table.vacant_key() as u32, begun);
        let speaks = match made {
            Made::Http1(socket, tunnel) => Speaks::Http1 { socket, tunnel: RefCell::new(tunnel) },
            Made::Http2(asking) => Speaks::Http2(RefCell::new(asking)),
        };
        match &speaks {
            Speaks::Http1 { socket, .. } => reactor.rename(socket, Token::Link(place))?,
            Speaks::Http2(asking) => reactor.rename(asking.borrow().socket(), Token::Link(place))?,
        }
        let link = Rc::new(Link {
            place,
            speaks,
            ready: Cell::new(ready),
            load: Arc::clone(load),
            user: Cell::new(Some(user)),
            idle_until: Cell::new(reactor.now()),
        });
        table.insert(Rc::clone(&link));
        Ok(Lease { links: self, link, is_reused: false })
    }

    /// A link to the backend with this load for the session at `user`: the one that has waited least.
    pub fn take(&self, load: &Arc<Load>, user: Row) -> Option<Lease<'_>> {
        let link = self.idle.borrow_mut().get_mut(&key(load))?.pop()?;
        self.waiting.set(self.waiting.get() - 1);
        link.user.set(Some(user));
        Some(Lease { links: self, link, is_reused: true })
    }

    /// A link became ready: whose go it is. One that waits is closed, unless it speaks HTTP/2: it can only have ended.
    pub fn on_ready(&self, place: Row, readiness: Readiness) -> Option<Row> {
        let link =
            self.table.borrow().get(place.index as usize).filter(|link| link.place == place).cloned()?;
        link.ready.set(link.ready.get().and(readiness));
        if link.user.get().is_none() && !link.may_wait() {
            self.drop_idle(key(&link.load), |it| Rc::ptr_eq(it, &link));
        }
        link.user.get()
    }

    /// Closes what waits at others than these backends, told by the addresses of their loads.
    pub fn retain(&self, stay: impl FnOnce() -> BTreeSet<usize>) {
        if self.waiting.get() == 0 {
            return;
        }
        let stay = stay();
        let gone: Vec<usize> = self.idle.borrow().keys().copied().filter(|key| !stay.contains(key)).collect();
        gone.into_iter().for_each(|key| self.drop_idle(key, |_| true));
    }

    /// How long nothing is to be done; `None`: until something happens.
    pub fn due(&self, now: Instant) -> Option<Duration> {
        self.next_sweep.get().map(|at| at.saturating_duration_since(now))
    }

    /// Closes what has waited for as long as it may.
    pub fn sweep(&self, now: Instant) {
        if self.next_sweep.get().is_none_or(|at| now < at) {
            return;
        }
        let keys: Vec<usize> = self.idle.borrow().keys().copied().collect();
        keys.into_iter().for_each(|key| self.drop_idle(key, |link| link.idle_until.get() <= now));
        self.next_sweep.set((self.waiting.get() > 0).then(|| now + SWEEP));
    }

    fn drop_idle(&self, key: usize, is_over: impl Fn(&Rc<Link>) -> bool) {
        let mut idle = self.idle.borrow_mut();
        let Some(links) = idle.get_mut(&key) else { return };
        let over: Vec<_> = links.extract_if(.., |link| is_over(link)).collect();
        if links.is_empty() {
            idle.remove(&key);
        }
        self.waiting.set(self.waiting.get() - over.len());
        over.iter().for_each(|link| self.remove(link));
    }

    fn remove(&self, link: &Link) {
        let mut table = self.table.borrow_mut();
        if table.get(link.place.index as usize).is_some_and(|it| it.place == link.place) {
            table.remove(link.place.index as usize);
        }
    }
}

fn key(load: &Arc<Load>) -> usize {
    Arc::as_ptr(load).addr()
}

impl Lease<'_> {
    /// Lets it wait for its next request, if there is room for it and it has said nothing that it should not have.
    pub fn give_back(self, rules: &LinkRules, now: Instant) {
        let links = self.links;
        let mut idle = links.idle.borrow_mut();
        let waiting = idle.entry(key(&self.link.load)).or_default();
        let is_full = waiting.len() >= rules.idle_max as usize || links.waiting.get() >= IDLE_MAX;
        if is_full || !self.link.is_done() {
            drop(idle);
            return;
        }
        self.link.user.set(None);
        self.link.idle_until.set(now + rules.idle_for);
        waiting.push(Rc::clone(&self.link));
        links.waiting.set(links.waiting.get() + 1);
        if links.next_sweep.get().is_none() {
            links.next_sweep.set(Some(now + SWEEP));
        }
    }

    /// Its socket, and what is spoken through that; from now on the session's, and no link any more.
    pub fn into_parts(self) -> Option<(OwnedFd, Option<Tunnel>)> {
        let link = Rc::clone(&self.link);
        drop(self);
        match Rc::try_unwrap(link).ok()?.speaks {
            Speaks::Http1 { socket, tunnel } => Some((socket, tunnel.into_inner())),
            Speaks::Http2(_) => None,
        }
    }
}

impl Drop for Lease<'_> {
    fn drop(&mut self) {
        if self.link.user.get().is_some() {
            self.links.remove(&self.link);
        }
    }
}
