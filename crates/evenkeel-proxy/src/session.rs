//! The life of a connection. Read this first.
//!
//! A connection is accepted and admitted in [`listener`](crate::listener), served here until it is established, relayed
//! as plain data by its worker ([`relay`](crate::relay)), and accounted for at its end ([`record`](crate::record)).

mod opening;

pub use opening::{ClientTls, Course, Greeting, Noted, Notes, Opening, Origin, Reach};

use crate::books::{CountedSeat, ServiceCounts};
use crate::connect::{self, Connected};
use crate::early::Early;
use crate::gate;
use crate::handshake;
use crate::header;
use crate::http::{self, Client, Serving, Waiting};
use crate::pools::LocalPool;
use crate::reactor::Row;
use crate::record::{Carried, SessionRecord, Still};
use crate::relay::Relay;
use crate::route;
use crate::shared::Place;
use crate::worker::Worker;
use evenkeel_core::addr::Addr;
use evenkeel_core::admit::Gate;
use evenkeel_core::end::End;
use evenkeel_core::name::PoolName;
use evenkeel_core::objection::Objection;
use evenkeel_core::rejection::Rejection;
use evenkeel_core::snapshot::Listener;
use evenkeel_core::sources::SourcePlace;
use evenkeel_core::span::Span;
use evenkeel_sys::poll::Readiness;
use evenkeel_sys::socket;
use std::cell::{Cell, OnceCell, Ref, RefCell};
use std::future::poll_fn;
use std::io;
use std::net::IpAddr;
use std::os::fd::OwnedFd;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;
use std::time::{Instant, SystemTime};

/// Takes an accepted connection to where its bytes flow: from then on it is a relay, which its worker drives. One whose
/// requests are balanced goes on by itself.
pub async fn serve(worker: Rc<Worker>, session: Rc<Session>, client: OwnedFd) -> Result<Opened, End> {
    let refusal = Refusal(&client);
    let mut early = Early::default();
    header::receive(&worker, &session, &client, &mut early).await?;
    if !header::knows_client(&session) {
        gate::pass(&worker, &session)?;
    }
    let pool = route::choose(&worker, &session, &client, &mut early).await?;
    let tunnel = match handshake::accept(&worker, &session, &client, &mut early).await {
        Ok(tunnel) => tunnel,
        Err(end) => {
            let is_told = matches!(end, End::Rejected(Rejection::Tls(fault)) if fault.is_told());
            if is_told || end == End::Proved {
                // By an alert, or by all that it wanted to see, which a reset might overtake.
                std::mem::forget(refusal);
            }
            return Err(end);
        }
    };
    if let Some(serving) = Serving::of(&worker, &session) {
        std::mem::forget(refusal);
        session.opening.borrow_mut().course = Course::ByRequest(serving);
        let client = Client::new(client, tunnel, early.into_bytes());
        return http::begin(&worker, &session, client);
    }
    let pool = pool.ok_or(Rejection::NoRoute)?;
    let connecting = connect::with_retry(&worker, &session, &pool, &client);
    let connected = session.watching(&worker, &client, connecting).await?;
    let Connected { socket: backend, tunnel: to_backend, seat, rules } = connected;
    std::mem::forget(refusal);
    let options = &session.listener.socket;
    let relay = Relay::new(client, backend, early.into_bytes(), options, rules, worker.reactor.now());
    Ok(Opened::Relay(Established { relay: relay.with_tls(tunnel, to_backend), seat }))
}

/// As what a session goes on that has been opened.
pub enum Opened {
    /// As a relay.
    Relay(Established),
    /// As another future, which may come to a relay in the end.
    Serving(Open),
    /// It waits for the next request.
    Waiting(Waiting),
}

/// A session that goes on by itself.
pub type Open = Pin<Box<dyn Future<Output = Result<Opened, End>>>>;

/// A client that was not served, for whatever reason, gets a reset: an orderly end would look like an empty answer.
struct Refusal<'a>(&'a OwnedFd);

impl Drop for Refusal<'_> {
    fn drop(&mut self) {
        let _ = socket::reset_on_close(self.0);
    }
}

/// A session that carries bytes.
pub struct Established {
    /// Its two ends.
    pub relay: Relay,
    /// Its place at the backend, held until its end.
    pub seat: CountedSeat,
}

/// What is known of a session from accept to account.
pub struct Session {
    /// Unique in this process.
    pub id: u64,
    /// Its place in the worker's table.
    pub row: Row,
    /// As it was configured when the session was accepted.
    pub listener: Arc<Listener>,
    /// Where it is sent, as soon as that is known.
    pub pool: OnceCell<Rc<LocalPool>>,
    /// Who connected: the client, or a proxy in front.
    pub peer: Addr,
    /// Whom such a proxy speaks for.
    pub origin: OnceCell<Box<Origin>>,
    /// When it was accepted.
    pub accepted: Instant,
    /// What the client's socket became ready for while the session was being opened.
    pub client_ready: Cell<Readiness>,
    /// The same for the socket of the connect in progress.
    pub backend_ready: Cell<Readiness>,
    /// How the opening went.
    pub opening: RefCell<Opening>,
    /// Where this worker counts the service.
    pub counts: Arc<ServiceCounts>,
    /// Its places under the ceilings of the process and the service; a stream has that of its connection, and one for the
    /// descriptors that it takes as a relay.
    pub places: OnceCell<Places>,
    /// What its client has to pass, if anything.
    pub gate: Option<Arc<Gate>>,
    /// Its place among the sessions of its source, where those are counted.
    pub source_place: OnceCell<Box<SourcePlace>>,
}

/// The places of a session under the ceilings.
pub struct Places {
    /// Of the process.
    pub of_process: Place,
    /// Of its service, unless it has that of its connection.
    pub of_service: Option<Place>,
}

/// Why a wait ended without what it was for.
pub enum Interrupted {
    /// The client is gone.
    ClientLeft,
    /// The deadline has passed.
    TooLate,
}

/// How a session ends one of whose sockets cannot be watched.
pub fn unwatchable(error: &io::Error) -> End {
    End::Failed(error.raw_os_error().unwrap_or(0))
}

impl Session {
    /// Whether the reactor tells of its client's socket while it is being opened.
    pub fn is_watched(&self, worker: &Worker) -> bool {
        worker.unwatched.get() != Some(self.row)
    }

    /// The reactor tells of its client's socket from now on.
    pub fn watch(&self, worker: &Worker, client: &OwnedFd) -> Result<(), End> {
        worker.unwatched.set(None);
        worker.reactor.add_stream(client, self.row, true).map_err(|error| unwatchable(&error))
    }

    /// What `opening` comes to. As soon as it has to wait, the client is watched.
    async fn watching<T>(
        &self,
        worker: &Worker,
        client: &OwnedFd,
        opening: impl Future<Output = Result<T, End>>,
    ) -> Result<T, End> {
        let mut opening = pin!(opening);
        poll_fn(|context| {
            let opened = opening.as_mut().poll(context);
            match self.is_watched(worker) || opened.is_ready() {
                true => opened,
                false => {
                    self.watch(worker, client).map_or_else(|end| Poll::Ready(Err(end)), |()| Poll::Pending)
                }
            }
        })
        .await
    }

    /// Waits until `ready` gives something, looking whenever anything happens to this session.
    pub async fn until<T>(
        &self,
        worker: &Worker,
        deadline: Instant,
        mut ready: impl FnMut() -> Option<T>,
    ) -> Result<T, Interrupted> {
        poll_fn(|_| {
            if self.has_left() {
                return Poll::Ready(Err(Interrupted::ClientLeft));
            }
            if let Some(value) = ready() {
                return Poll::Ready(Ok(value));
            }
            if worker.reactor.now() >= deadline {
                return Poll::Ready(Err(Interrupted::TooLate));
            }
            let by = worker.drains_by().map_or(deadline, |by| by.min(deadline));
            worker.reactor.arm(self.row.index, by);
            Poll::Pending
        })
        .await
    }

    /// Whether its client is gone: by a reset, or by an end of its side where that is taken for it.
    pub fn has_left(&self) -> bool {
        let ready = self.client_ready.get();
        let aborts = || self.serving().is_some_and(|serving| serving.aborts_on_close());
        ready.broken() || ready.read_closing() && aborts()
    }

    /// Whether it is to agree upon TLS with its client, and has not yet.
    pub fn is_shaking(&self) -> bool {
        self.opening.borrow().notes.tls.as_ref().is_some_and(|tls| tls.agreed.is_none())
    }

    /// A rule that only observes has this against it: noted and counted once.
    pub fn observe(&self, objection: Objection) {
        let notes = &mut self.opening.borrow_mut().notes;
        if !notes.observed.has(objection) {
            notes.observed.note(objection);
            self.counts.observed(objection);
        }
    }

    /// How it fares, where its requests are balanced.
    pub fn serving(&self) -> Option<Ref<'_, Serving>> {
        let serving = Ref::filter_map(self.opening.borrow(), |opening| match &opening.course {
            Course::ByRequest(serving) => Some(serving),
            Course::Once(_) => None,
        });
        serving.ok()
    }

    /// How far it has come on its way to a backend.
    pub fn reach(&self) -> Reach {
        match &self.opening.borrow().course {
            Course::Once(reach) => reach.clone(),
            Course::ByRequest(serving) => serving.reach(),
        }
    }

    /// It has come so far.
    pub fn set_reach(&self, to: Reach) {
        match &mut self.opening.borrow_mut().course {
            Course::Once(reach) => *reach = to,
            Course::ByRequest(serving) => serving.set_reach(to),
        }
    }

    /// How long after it was accepted it is `now`.
    pub fn since(&self, now: Instant) -> Span {
        Span::between(self.accepted, now)
    }

    /// The session of the connection that this one serves a single stream of, if it does.
    pub fn connection(&self) -> Option<Rc<Session>> {
        self.serving().and_then(|serving| serving.connection())
    }

    /// Whether its client speaks HTTP/2, as far as is known.
    pub fn speaks_http2(&self) -> bool {
        self.serving().is_some_and(|serving| serving.is_http2())
    }

    /// Whether it serves a request in which much is moved.
    pub fn is_bulk(&self) -> bool {
        self.serving().is_some_and(|serving| serving.is_bulk())
    }

    /// What it has carried in all, if it was more than one thing: requests, and then another protocol.
    pub fn carried(&self, now: Option<Carried>) -> Option<Carried> {
        let Some(served) = self.serving().map(|serving| serving.carried(self)) else { return now };
        Some(now.map_or(served, |now| Carried {
            to_backend: served.to_backend + now.to_backend,
            to_client: served.to_client + now.to_client,
            ..now
        }))
    }

    /// Where the client is.
    pub fn client(&self) -> &Addr {
        self.origin.get().map_or(&self.peer, |origin| &origin.client)
    }

    /// The address by which it is told whether it may come, and where it belongs: the client's, or that of the proxy whose
    /// client has none, as one on a Unix socket there; none where the proxy itself comes by a Unix socket.
    pub fn source(&self) -> Option<IpAddr> {
        self.client().ip().or_else(|| self.peer.ip()).map(|addr| addr.ip())
    }

    /// The proxy in front that has said so.
    pub fn via(&self) -> Option<&Addr> {
        self.origin.get().map(|_| &self.peer)
    }

    /// The pool that it has a seat of: that of the request that is being served, if it serves any.
    pub fn seated_in(&self) -> Option<Rc<LocalPool>> {
        let by_request = self.serving().and_then(|serving| serving.wanted().pool);
        by_request.or_else(|| self.pool.get().cloned())
    }

    /// The name of the pool that it is sent to: where it is on its way with a request, that of the request.
    pub fn pool_name(&self) -> Option<PoolName> {
        let is_idle = matches!(self.reach(), Reach::Nobody);
        let pool = if is_idle { self.pool.get().cloned() } else { self.seated_in() };
        pool.map(|pool| pool.newest().name.clone())
    }

    /// Who it is connected to, if anybody.
    pub fn backend(&self) -> Option<Addr> {
        self.reach().connected().map(|(addr, _)| addr)
    }

    /// What is told of the session now that it has ended, with what it has carried, if it came so far.
    pub fn record(&self, carried: Option<Carried>, end: End, now: Instant) -> SessionRecord {
        let notes = std::mem::take(&mut self.opening.borrow_mut().notes);
        self.tell(notes, carried, end, now)
    }

    /// What is told of the session while it is open.
    pub fn open_record(&self, carried: Carried, still: Still, now: Instant) -> SessionRecord<Still> {
        let notes = self.opening.borrow().notes.clone();
        self.tell(notes, Some(carried), still, now)
    }

    fn tell<E>(&self, notes: Notes, carried: Option<Carried>, end: E, now: Instant) -> SessionRecord<E> {
        let duration = now.saturating_duration_since(self.accepted);
        let first_byte = carried.and_then(|carried| carried.first_byte);
        let (backend, connect) = self.reach().connected().unzip();
        let Noted { greeting, observed, failed_attempts, tls, queued } = notes.take();
        let server_name = greeting.and_then(|greeting| greeting.server_name);
        SessionRecord {
            id: self.id,
            accepted_at: SystemTime::now() - duration,
            listener: self.listener.name.clone(),
            client: self.client().clone(),
            via: self.via().cloned(),
            server_name,
            tls: tls.and_then(|tls| tls.agreed),
            pool: self.pool_name(),
            backend,
            observed,
            failed_attempts,
            queued,
            connect,
            first_byte: first_byte.map(|at| at.saturating_duration_since(self.accepted)),
            duration,
            to_backend: carried.map_or(0, |carried| carried.to_backend),
            to_client: carried.map_or(0, |carried| carried.to_client),
            datagrams: carried.and_then(|carried| carried.datagrams).unwrap_or_default(),
            end,
        }
    }
}
