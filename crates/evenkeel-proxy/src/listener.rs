//! Accepting: in strides, within the ceilings, and what to do when it fails.

use crate::bind::Bound;
use crate::books::{RouteBook, ServiceCounts};
use crate::gate;
use crate::header;
use crate::pools::LocalPool;
use crate::reactor::Token;
use crate::session::{ClientTls, Opening, Places, Session};
use crate::shared::{Ceiling, Place, count};
use crate::tls::Server;
use crate::udp::Flows;
use crate::worker::Worker;
use evenkeel_core::addr::Addr;
use evenkeel_core::admit::Gate;
use evenkeel_core::name::ServiceName;
use evenkeel_core::reception::Reception;
use evenkeel_core::snapshot::Listener;
use evenkeel_core::stride::Stride;
use evenkeel_sys::poll::Readiness;
use evenkeel_sys::socket;
use rustix::io::Errno;
use std::cell::{Cell, OnceCell, RefCell};
use std::io;
use std::net::SocketAddr;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

/// How long a listener rests after a failure, or at a ceiling, before it looks again.
const REST: Duration = Duration::from_millis(50);

/// One listener in one worker.
pub struct Accepting {
    /// By which the reactor knows it.
    pub number: u32,
    /// As configured.
    pub listener: Arc<Listener>,
    /// Where its sessions go when no route says otherwise.
    pub pool: Option<Rc<LocalPool>>,
    /// What is needed to speak TLS with its clients.
    pub tls: Option<Server>,
    /// Its sockets.
    pub bound: Arc<Bound>,
    /// The ceiling of its service.
    pub ceiling: Arc<Ceiling>,
    /// The gate of its service, if it has one.
    pub gate: Option<Arc<Gate>>,
    /// Where this worker counts the service.
    pub counts: Arc<ServiceCounts>,
    /// Where the routes of its service are counted.
    pub routes: RouteBook,
    /// The flows of its service, if it takes datagrams.
    pub flows: Option<Rc<Flows>>,
    /// How many are accepted in one go.
    pub stride: Cell<Stride>,
}

impl Accepting {
    /// The pool of its sessions, if that does not depend on what their clients say.
    fn pool_at_once(&self) -> Option<Rc<LocalPool>> {
        self.pool.clone().filter(|_| self.listener.reception.routes.is_none())
    }

    /// Whether its sessions go to a backend at once, without being read, and all that is said is carried as it is.
    fn is_plain(&self) -> bool {
        let Reception { accept_proxy, tls, gate: _, routes, http } = &*self.listener.reception;
        let is_read = accept_proxy.is_some() || tls.is_some() || routes.is_some() || http.is_some();
        !is_read && self.pool.as_ref().is_some_and(|pool| !pool.speaks_tls())
    }

    /// What a session begins with: the keys, if its client's TLS ends here.
    fn opening(&self) -> Opening {
        let mut opening = Opening::default();
        if let Some(server) = &self.tls {
            opening.notes.tls = Some(ClientTls { server: Some(server.clone()), agreed: None });
        }
        opening
    }
}

/// Why accepting stopped.
enum Stop {
    /// Nobody waits to be accepted.
    Done,
    /// A ceiling is reached, or accepting fails: look again later.
    Rest,
}

impl Worker {
    /// Takes connections until there is none, these are enough for this turn, or something stands against it.
    pub fn accept(self: &Rc<Self>, accepting: &Rc<Accepting>) {
        // What the kernel told in this turn may be older than the word to accept nothing, which is given to be relied on.
        if self.doors.borrow().are_halted() {
            return;
        }
        let mut stride = accepting.stride.get();
        let most = stride.next(self.reactor.turn());
        for socket in self.sockets(accepting) {
            let (number, stop) = self.accept_some(accepting, socket, most);
            stride.accepted(number);
            if let Some(Stop::Rest) = stop {
                self.rest(accepting);
                break;
            }
        }
        accepting.stride.set(stride);
    }

    /// Takes so many connections at most: how many it were, and what stopped it before.
    fn accept_some(
        self: &Rc<Self>,
        accepting: &Accepting,
        socket: BorrowedFd<'_>,
        most: usize,
    ) -> (usize, Option<Stop>) {
        for number in 0..most {
            if let Err(stop) = self.accept_one(accepting, socket) {
                return (number, Some(stop));
            }
        }
        (most, None)
    }

    /// This worker's sockets of a listener.
    pub fn sockets<'a>(&self, accepting: &'a Accepting) -> impl Iterator<Item = BorrowedFd<'a>> + use<'a> {
        accepting.bound.sockets(self.index, self.shared.counts.len())
    }

    fn accept_one(self: &Rc<Self>, accepting: &Accepting, socket: BorrowedFd<'_>) -> Result<(), Stop> {
        let places = self.admit(accepting)?;
        match socket::accept(socket) {
            Ok((client, peer)) => {
                self.begin(accepting, client, peer, places);
                Ok(())
            }
            Err(error) => self.on_accept_failed(accepting, &error),
        }
    }

    /// Places under both ceilings. At a ceiling nothing is accepted, so that the client waits instead of being cut.
    fn admit(&self, accepting: &Accepting) -> Result<Places, Stop> {
        let service = &accepting.listener.name.service;
        let of_service = self.enter(&accepting.ceiling, Some(service)).ok_or(Stop::Rest)?;
        let of_process = self.another_place().ok_or(Stop::Rest)?;
        Ok(Places { of_process, of_service: Some(of_service) })
    }

    /// Another place under the ceiling of the process: for a session, or what one takes beside its own.
    pub fn another_place(&self) -> Option<Place> {
        self.enter(&self.shared.sessions, None)
    }

    /// A place under the ceiling of `service`, or of the process; that there is none is counted and told.
    fn enter(&self, ceiling: &Arc<Ceiling>, service: Option<&ServiceName>) -> Option<Place> {
        let place = ceiling.enter();
        if place.is_none() {
            count(&self.counts().ceilings, 1);
            let report = ceiling.reached(service, self.reactor.now());
            report.into_iter().for_each(|report| self.shared.report(report));
        }
        place
    }

    fn on_accept_failed(&self, accepting: &Accepting, error: &io::Error) -> Result<(), Stop> {
        match error.raw_os_error().map(Errno::from_raw_os_error) {
            Some(Errno::AGAIN) => Err(Stop::Done),
            // The connection was gone before we took it (accept(2), "Error handling").
            Some(
                Errno::CONNABORTED
                | Errno::INTR
                | Errno::PROTO
                | Errno::NETDOWN
                | Errno::NOPROTOOPT
                | Errno::HOSTDOWN
                | Errno::NONET
                | Errno::HOSTUNREACH
                | Errno::OPNOTSUPP
                | Errno::NETUNREACH
                | Errno::PERM,
            ) => Ok(()),
            errno => {
                let errno = errno.map_or(0, Errno::raw_os_error);
                self.report_accept_failure(&accepting.listener.name, errno);
                Err(Stop::Rest)
            }
        }
    }

    /// Stops listening for a moment, so that a listener that is always ready does not spin.
    fn rest(&self, accepting: &Accepting) {
        self.doors.borrow_mut().rest(accepting.number, self.reactor.now() + REST);
        self.unwatch(accepting);
    }

    pub fn unwatch(&self, accepting: &Accepting) {
        self.sockets(accepting).for_each(|socket| drop(self.reactor.remove(socket)));
    }

    /// Listens again on those that have rested long enough, and says when to look next.
    pub fn end_rests(&self) -> Option<Duration> {
        let now = self.reactor.now();
        let rested = self.doors.borrow().rested(now);
        for accepting in rested {
            if self.shared.sessions.has_room() && accepting.ceiling.has_room() {
                self.doors.borrow_mut().wake(accepting.number);
                self.listen(&accepting);
            } else {
                self.doors.borrow_mut().rest(accepting.number, now + REST);
            }
        }
        self.doors.borrow().next_rested().map(|at| at.saturating_duration_since(now))
    }

    /// A session has ended: its places are free, and listeners that rest may look again.
    pub fn on_room(&self, session: Rc<Session>) {
        self.doors.borrow_mut().look_again(self.reactor.now());
        let Ok(Session { places, listener, .. }) = Rc::try_unwrap(session) else { return };
        let Some(Places { of_process, of_service }) = places.into_inner() else { return };
        let of_service = of_service.and_then(|place| place.leave(Some(&listener.name.service)));
        let reports = [of_process.leave(None), of_service];
        reports.into_iter().flatten().for_each(|report| self.shared.report(report));
    }

    /// Tells the reactor to watch a listener.
    pub fn listen(&self, accepting: &Accepting) {
        if accepting.flows.is_some() {
            return self.open_port(accepting);
        }
        if self.doors.borrow().are_halted() {
            return;
        }
        let token = Token::Listener(accepting.number);
        let shared = accepting.bound.is_shared(self.shared.counts.len());
        let watch = |socket| self.reactor.add_level(socket, token, shared);
        if let Err(error) = self.sockets(accepting).try_for_each(watch) {
            self.unwatch(accepting);
            // Out of kernel memory, most likely: it is tried again after a rest.
            self.report_accept_failure(&accepting.listener.name, error.raw_os_error().unwrap_or(0));
            self.doors.borrow_mut().rest(accepting.number, self.reactor.now() + REST);
        }
    }

    /// Takes everybody who waits to be accepted already, and closes this worker's side of the listener. The last worker to
    /// do so takes who has come to the others since they did, and closes the sockets.
    pub fn close(self: &Rc<Self>, accepting: Rc<Accepting>) {
        if accepting.flows.is_some() {
            return self.close_port(&accepting);
        }
        if !self.doors.borrow_mut().wake(accepting.number) {
            self.unwatch(&accepting);
        }
        self.sockets(&accepting).for_each(|socket| self.accept_all(&accepting, socket));
        let Some(mut accepting) = Rc::into_inner(accepting) else { return };
        let Some(bound) = Arc::into_inner(std::mem::take(&mut accepting.bound)) else { return };
        bound.close(|socket| self.accept_all(&accepting, socket));
    }

    fn accept_all(self: &Rc<Self>, accepting: &Accepting, socket: BorrowedFd<'_>) {
        while self.accept_one(accepting, socket).is_ok() {}
    }

    /// Accepts nowhere until [`accept_again`](Self::accept_again); who connects meanwhile waits.
    pub fn stop_accepting(&self) {
        let mut doors = self.doors.borrow_mut();
        doors.halt(true);
        for accepting in doors.for_connections() {
            if !doors.wake(accepting.number) {
                self.unwatch(&accepting);
            }
        }
    }

    /// Accepts as before [`stop_accepting`](Self::stop_accepting).
    pub fn accept_again(&self) {
        if self.doors.borrow_mut().halt(false) {
            let doors = self.doors.borrow().for_connections();
            doors.iter().for_each(|accepting| self.listen(accepting));
        }
    }

    /// A connection becomes a session.
    fn begin(
        self: &Rc<Self>,
        accepting: &Accepting,
        client: OwnedFd,
        peer: Option<SocketAddr>,
        places: Places,
    ) {
        count(&self.counts().accepted, 1);
        count(&accepting.counts.accepted, 1);
        let session = Rc::new(Session {
            id: self.next_id(),
            row: self.next_row(),
            listener: Arc::clone(&accepting.listener),
            pool: accepting.pool_at_once().map_or_else(OnceCell::new, OnceCell::from),
            peer: peer.map_or_else(|| Addr::Unix(Path::new("").into()), Addr::Ip),
            origin: OnceCell::new(),
            accepted: self.reactor.now(),
            client_ready: Cell::new(Readiness::NONE),
            backend_ready: Cell::new(Readiness::NONE),
            opening: RefCell::new(accepting.opening()),
            counts: Arc::clone(&accepting.counts),
            places: OnceCell::from(places),
            gate: accepting.gate.clone(),
            source_place: OnceCell::new(),
        });
        // Where a header is to come, nobody knows yet who the client is.
        let passed = if header::knows_client(&session) { gate::pass(self, &session) } else { Ok(()) };
        let crowd = self.reactor.crowd();
        let goes_unwatched = accepting.is_plain() && self.foresight.borrow_mut().on_session(crowd);
        self.unwatched.set(goes_unwatched.then_some(session.row));
        let watched = || if goes_unwatched { Ok(()) } else { session.watch(self, &client) };
        if let Err(end) = passed.and_then(|()| watched()) {
            let _ = socket::reset_on_close(&client);
            self.account(&session, None, end);
            return self.on_room(session);
        }
        self.admit_to_table(session, client);
    }
}
