//! From a request to a connection that may carry it: a seat at a backend, and there a link that has room, or a new one.

use super::footing::Footing;
use super::http2::Asking;
use super::lease::Lease;
use super::link::{Made, key};
use super::making::{Maker, Waiter};
use crate::books::CountedSeat;
use crate::connect::{self, NotConnected};
use crate::pools::{LocalPool, Seating};
use crate::session::{Interrupted, Reach, Session};
use crate::tls::Tunnel;
use crate::worker::Worker;
use evenkeel_core::addr::Addr;
use evenkeel_core::backend::Backend;
use evenkeel_core::end::End;
use evenkeel_core::http2::silence::Silence;
use evenkeel_core::snapshot::{Pool, PoolRules};
use evenkeel_core::sockets::Source;
use std::os::fd::OwnedFd;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A connection to a backend for one request.
pub struct Reached<'a> {
    /// The connection.
    pub lease: Lease<'a>,
    /// The request's place there.
    pub seat: CountedSeat,
    /// The pool, as it was when it was chosen from.
    pub pool: Arc<Pool>,
    /// Which of its backends it is.
    pub index: u32,
    /// How long the connect took; `None` if there was a connection.
    pub connect: Option<Duration>,
}

impl Reached<'_> {
    /// The backend.
    pub fn backend(&self) -> &Backend {
        &self.pool.backends[self.index as usize]
    }

    /// Whether it may still take traffic, as `local` knows it now.
    pub fn is_eligible(&self, local: &LocalPool) -> bool {
        let (newest, load) = (local.newest(), &self.backend().load);
        let is_it = |backend: &&Backend| Arc::ptr_eq(&backend.load, load);
        // Hardly ever does it stand in another place than before.
        let known = newest.backends.get(self.index as usize).filter(is_it);
        known.or_else(|| newest.backends.iter().find(is_it)).is_some_and(|backend| backend.eligible)
    }

    /// Where it is.
    pub fn addr(&self) -> &Addr {
        &self.backend().addr
    }
}

/// What a request wants of a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wish {
    /// It must not have been made before that: one that was has just ended with the request.
    pub since: Option<Instant>,
    /// It must not be anybody else's, neither now nor later.
    pub alone: bool,
    /// It must not have ended already, as far as that can be known: what goes there cannot be sent again.
    pub alive: bool,
    /// Since when the request is on its way to a backend; what it waits for a seat is not part of that.
    pub started: Instant,
    /// By when all of it must be over, if it must.
    pub by: Option<Instant>,
}

impl Wish {
    /// By when something must have come of what may take until `at`.
    fn at_most(&self, at: Instant) -> Instant {
        self.by.map_or(at, |by| by.min(at))
    }

    /// Whether a link by these rules has several requests at once.
    fn is_shared_with(&self, rules: &PoolRules) -> bool {
        rules.http2.is_some() && !self.alone && can_be_shared(rules)
    }
}

/// A connection to a backend of `local` for a request of `session`, whose client is at `client`. A connect that fails is
/// tried again at once on another backend, within the pool's rules.
pub async fn reach<'a>(
    worker: &'a Worker,
    session: &Session,
    local: &LocalPool,
    client: &OwnedFd,
    wish: &mut Wish,
) -> Result<Reached<'a>, End> {
    let links = &worker.http.links;
    let mut seated = at_once(worker, session, local);
    loop {
        let (pool, index, mut seat) = match seated.take() {
            Some(seated) => seated,
            // Boxed, as all that only some wait for: what each request needs is then small enough to be found at once.
            None => {
                let asked = worker.reactor.now();
                let seated = Box::pin(connect::seat(worker, session, local, wish.by)).await?;
                wish.started += worker.reactor.now() - asked;
                seated
            }
        };
        let backend = &pool.backends[index as usize];
        let look = || waiting(worker, session, local, (&pool.rules, backend), *wish);
        let mut lease = look();
        if lease.is_none() && wish.is_shared_with(&pool.rules) {
            lease = Box::pin(made_by_others(worker, session, (&pool.rules, backend), *wish, look)).await?;
        }
        if let Some(lease) = lease {
            seat.reused();
            note(session, &backend.addr, Duration::ZERO);
            return Ok(Reached { lease, seat, pool, index, connect: None });
        }
        let rules = pool.rules.connect;
        let footing = Footing::new(local, &pool.rules, backend);
        let began = worker.reactor.now();
        let deadline = wish.at_most((began + rules.timeout).min(wish.started + rules.total));
        let maker = wish.is_shared_with(&pool.rules).then(|| Maker::new(links, key(&backend.load)));
        let reached = connect::reach(worker, session, local, client, (&pool, backend), deadline);
        match Box::pin(reached).await {
            Ok(connection) => {
                let took = worker.reactor.now() - began;
                seat.linked(took);
                worker.on_seat_freed(local);
                note(session, &backend.addr, took);
                let ready = session.backend_ready.get();
                let is_kept = !wish.alone && can_be_shared(&pool.rules);
                let made = (made(worker, connection, backend, &pool.rules), footing, is_kept);
                let lease = links.add(&worker.reactor, made, &backend.load, ready, session.row);
                let lease = lease.map_err(|error| End::Failed(error.raw_os_error().unwrap_or(0)))?;
                return Ok(Reached { lease, seat, pool, index, connect: Some(took) });
            }
            Err(NotConnected::ClientLeft) => return Err(End::ClientLeft),
            Err(NotConnected::Failed(failure)) => {
                drop(maker);
                if wish.by.is_some_and(|by| worker.reactor.now() >= by) {
                    // It had less time than a connect may take.
                    drop(seat);
                    worker.on_seat_freed(local);
                    connect::note_attempt(worker, session, backend, failure, began);
                    return Err(End::NotConnected(failure));
                }
                seat.failed(failure);
                worker.on_seat_freed(local);
                connect::note_failure(worker, session, &pool, backend, failure, began);
                Box::pin(connect::go_on(worker, session, local, &rules, failure, wish.started)).await?;
            }
        }
    }
}

/// A link to `backend` that is being made for somebody else and then has room. Who waits for half of the time that a connect may
/// take makes one after that.
async fn made_by_others<'a>(
    worker: &'a Worker,
    session: &Session,
    (rules, backend): (&PoolRules, &Backend),
    wish: Wish,
    mut waiting: impl FnMut() -> Option<Lease<'a>>,
) -> Result<Option<Lease<'a>>, End> {
    let Some(place) = Waiter::new(&worker.http.links, key(&backend.load), session.row) else {
        return Ok(None);
    };
    let now = worker.reactor.now();
    session.set_reach(Reach::Connecting(backend.addr.clone(), session.since(now)));
    let look = || match waiting() {
        None if place.is_of_use() => None,
        found => Some(found),
    };
    match session.until(worker, wish.at_most(now + rules.connect.timeout / 2), look).await {
        Ok(found) => Ok(found),
        Err(Interrupted::ClientLeft) => Err(End::ClientLeft),
        Err(Interrupted::TooLate) => Ok(None),
    }
}

/// What becomes a link to `backend`.
fn made(
    worker: &Worker,
    connection: (OwnedFd, Option<Tunnel>),
    backend: &Backend,
    rules: &PoolRules,
) -> Made {
    let Some(rules) = rules.http2 else { return Made::Http1(connection.0, connection.1) };
    let authority = match (&backend.host, &backend.addr) {
        (Some(host), _) => host.to_string(),
        (None, Addr::Ip(addr)) => addr.to_string(),
        (None, Addr::Unix(_)) => "localhost".to_owned(),
    };
    let desk = Rc::clone(&worker.http.frames);
    let silence = Silence::new(rules.pings, worker.reactor.now());
    Made::Http2(Box::new(Asking::new(connection, authority, silence, desk)))
}

/// A seat, if there is one and nobody waits for one.
fn at_once(worker: &Worker, session: &Session, local: &LocalPool) -> Option<(Arc<Pool>, u32, CountedSeat)> {
    if local.is_held_up(worker.reactor.now()) {
        return None;
    }
    match connect::try_to_seat(session, local) {
        Seating::At(pool, index, seat) => Some((pool, index, seat)),
        Seating::Busy | Seating::Exhausted => None,
    }
}

/// A link to `backend` that has room and suits. One that does not gets no further requests.
fn waiting<'a>(
    worker: &'a Worker,
    session: &Session,
    local: &LocalPool,
    (rules, backend): (&Arc<PoolRules>, &Backend),
    wish: Wish,
) -> Option<Lease<'a>> {
    if wish.alone || !can_be_shared(rules) {
        return None;
    }
    let (links, load) = (&worker.http.links, &backend.load);
    loop {
        let lease = links.take(load, session.row, wish.since)?;
        let suits = lease.link.footing.is_still(local, rules, backend);
        if suits && (!wish.alive || lease.link.is_alive()) {
            return Some(lease);
        }
    }
}

/// Whether a connection says nothing of whom it was made for.
fn can_be_shared(rules: &PoolRules) -> bool {
    rules.send_proxy.is_none() && !matches!(rules.source(), Source::Client)
}

fn note(session: &Session, backend: &Addr, took: Duration) {
    session.set_reach(Reach::Connected(backend.clone(), took.into()));
}
