//! From a pool to a socket that is connected to a backend. Nobody has to be waited for; whether the backend is there shows
//! when it answers, or its machine says that nobody listens.

use super::flow::Towards;
use crate::books::CountedSeat;
use crate::connect::{nobody_left, note_failure, spend_retry, tried};
use crate::pools::{LocalPool, Seating};
use crate::session::{Reach, Session};
use crate::wish;
use crate::worker::Worker;
use evenkeel_core::addr::Addr;
use evenkeel_core::attempt::ConnectFailure;
use evenkeel_core::backend::Backend;
use evenkeel_core::end::End;
use evenkeel_core::hash::client_hash;
use evenkeel_core::name::Protocol;
use evenkeel_core::snapshot::{Pool, PoolRules};
use evenkeel_core::span::Span;
use evenkeel_sys::datagram;
use std::cell::Cell;
use std::io::ErrorKind;
use std::os::fd::OwnedFd;
use std::rc::Rc;
use std::sync::Arc;

/// A backend that the session has not tried yet, and a socket that is connected to it and watched. The one that is `meant` is
/// tried first, the one that its client has `left` only if there is no other.
pub fn find(
    worker: &Rc<Worker>,
    session: &Session,
    local: &LocalPool,
    meant: Option<&dyn Fn(&Addr) -> bool>,
    left: Option<&Addr>,
) -> Result<Towards, End> {
    let (mut may_evict, mut meant) = (true, meant);
    loop {
        let (pool, index, mut seat) = match meant.take().and_then(|is_meant| local.seat_at(is_meant)) {
            Some(seated) => seated,
            None => seat(worker, session, local, left)?,
        };
        let backend = &pool.backends[index as usize];
        let now = worker.reactor.now();
        match open(worker, session, local, backend, &pool.rules) {
            Ok(socket) => {
                seat.opened();
                session.set_reach(Reach::Connected(backend.addr.clone(), Span::ZERO));
                let (backend, rules) = (backend.addr.clone(), Arc::clone(&pool.rules));
                let (socket, header) = (Rc::new(socket), Cell::new(rules.send_proxy));
                let losses = Cell::new(local.losses());
                return Ok(Towards { socket, backend, since: now, seat, rules, losses, header });
            }
            // It is flows that take most of what is missing.
            Err(ConnectFailure::NoSourcePort | ConnectFailure::NoResources(_)) if may_evict => {
                may_evict = false;
                drop(seat);
                worker.evict_anywhere();
            }
            Err(failure) => {
                seat.failed(failure);
                worker.on_seat_freed(local);
                note_failure(worker, session, &pool, backend, failure, now);
                if let ConnectFailure::NoResources(errno) = failure {
                    return Err(End::Failed(errno));
                }
                spend_retry(worker, session, local, failure)?;
            }
        }
    }
}

fn seat(
    worker: &Rc<Worker>,
    session: &Session,
    local: &LocalPool,
    left: Option<&Addr>,
) -> Result<(Arc<Pool>, u32, CountedSeat), End> {
    let mut seating = try_to_seat(session, local, left);
    if let Seating::Busy = seating
        && worker.evict_unanswered(session, local)
    {
        seating = try_to_seat(session, local, left);
    }
    match seating {
        Seating::At(pool, index, seat) => Ok((pool, index, seat)),
        Seating::Busy => Err(End::QueueFull),
        Seating::Exhausted => Err(nobody_left(session)),
    }
}

fn try_to_seat(session: &Session, local: &LocalPool, left: Option<&Addr>) -> Seating {
    let client = client_hash(session.client());
    if let Some(left) = left {
        let seating = local.seat(client, |pool| {
            let mut tried = tried(session, pool);
            let left = pool.backends.iter().position(|backend| backend.addr == *left);
            left.into_iter().for_each(|index| tried.insert(index as u32));
            tried
        });
        if let Seating::At(..) = seating {
            return seating;
        }
    }
    local.seat(client, |pool| tried(session, pool))
}

fn open(
    worker: &Worker,
    session: &Session,
    local: &LocalPool,
    backend: &Backend,
    rules: &PoolRules,
) -> Result<OwnedFd, ConnectFailure> {
    let addr = backend.addr.ip().ok_or(ConnectFailure::NoSuchSocket)?;
    let failed = |error: std::io::Error| match error.kind() {
        // That is what it says when it finds no port to draw (`inet_autobind`).
        ErrorKind::WouldBlock => ConnectFailure::NoSourcePort,
        _ => ConnectFailure::from(&error),
    };
    let socket = datagram::open(addr).map_err(failed)?;
    if let Some(wanted) = &rules.outward {
        let client = session.client().ip().map(|client| client.ip());
        wish::prepare(&socket, wanted, Protocol::Udp, addr, client, local.turn())
            .map_err(|refused| ConnectFailure::Unprepared(refused.source.raw_os_error().unwrap_or(0)))?;
    }
    datagram::connect(&socket, addr).map_err(failed)?;
    // Without it each datagram comes by itself.
    let _ = datagram::gather(&socket);
    worker.reactor.add_flow(&socket, session.row).map_err(failed)?;
    Ok(socket)
}
