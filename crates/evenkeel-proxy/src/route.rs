//! To which pool a session goes, where that depends on what the client says first: a TLS hello, which is read and not
//! answered.

use crate::early::Early;
use crate::hello::{self, Unheard};
use crate::pools::LocalPool;
use crate::postgres;
use crate::session::{Greeting, Session};
use crate::worker::Worker;
use evenkeel_core::end::End;
use evenkeel_core::name::PoolName;
use evenkeel_core::reception::{Routes, Strangers};
use evenkeel_core::rejection::Rejection;
use evenkeel_core::route::Asked;
use evenkeel_core::wire::client_hello::{Alpn, ClientHello, Malformed};
use std::net::{IpAddr, Ipv4Addr};
use std::os::fd::OwnedFd;
use std::rc::Rc;

/// Finds the session its pool, unless it has one already; none may be there where each request has its own.
pub async fn choose(
    worker: &Worker,
    session: &Session,
    client: &OwnedFd,
    early: &mut Early,
) -> Result<Option<Rc<LocalPool>>, End> {
    if let Some(pool) = session.pool.get() {
        return Ok(Some(Rc::clone(pool)));
    }
    let listener = &session.listener;
    let name = match &listener.reception.routes {
        None => listener.pool.as_ref(),
        Some(routes) => by_route(worker, session, routes, client, early).await?.or(listener.pool.as_ref()),
    };
    // One that a reload took away in this moment is as good as none.
    match name.and_then(|name| worker.pools.borrow().get(name).cloned()) {
        Some(pool) => Ok(Some(Rc::clone(session.pool.get_or_init(|| pool)))),
        None if listener.reception.http.is_some() => Ok(None),
        None => Err(Rejection::NoRoute.into()),
    }
}

/// The pool of the route that is taken; `None` if none is.
async fn by_route<'a>(
    worker: &Worker,
    session: &Session,
    routes: &'a Routes,
    client: &OwnedFd,
    early: &mut Early,
) -> Result<Option<&'a PoolName>, End> {
    if !routes.by_hello {
        return Ok(taken(session, routes, None));
    }
    let mut asked_before = false;
    let stranger = match hear(worker, session, routes, client, early, &mut asked_before).await {
        Ok(name) => return Ok(name),
        Err(Unheard::Malformed(malformed)) => rejection(malformed).into(),
        Err(Unheard::NoMore(why)) => {
            let late = if early.bytes().is_empty() { Rejection::Silent } else { Rejection::HelloLate };
            why.end(late, Rejection::HelloTooLong)
        }
    };
    match (routes.strangers, stranger) {
        // A client that was answered waits for nobody but whom it asks for.
        (Strangers::Served, End::Rejected(Rejection::NotTls | Rejection::Silent)) if !asked_before => {
            Ok(taken(session, routes, None))
        }
        _ => Err(stranger),
    }
}

/// The pool of the route that is taken by what the client's hello says, which it may have `asked_before` in the way of
/// PostgreSQL.
async fn hear<'a>(
    worker: &Worker,
    session: &Session,
    routes: &'a Routes,
    client: &OwnedFd,
    early: &mut Early,
    asked_before: &mut bool,
) -> Result<Option<&'a PoolName>, Unheard> {
    let deadline = worker.reactor.now() + routes.timeout;
    if early.bytes().is_empty() {
        let first = early.more(worker, session, client, routes.longest, deadline).await;
        first.map_err(Unheard::NoMore)?;
    }
    let asked = postgres::answer(worker, session, client, early, deadline).await;
    *asked_before = asked.map_err(Unheard::NoMore)?;
    hello::hear(worker, session, client, early, (routes.longest, deadline), |hello| {
        session.opening.borrow_mut().notes.greeting = Some(Greeting::of(hello, *asked_before));
        taken(session, routes, Some(hello))
    })
    .await
}

fn taken<'a>(session: &Session, routes: &'a Routes, hello: Option<&ClientHello<'_>>) -> Option<&'a PoolName> {
    let asked = Asked {
        server_name: hello.and_then(|hello| hello.server_name.as_deref()),
        alpn: hello.map_or_else(Alpn::default, |hello| hello.alpn),
        // A client on a Unix socket is on this machine.
        source: session.source().unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST)),
    };
    routes.table.choose(&asked).map(|index| &routes.table.routes()[index].to)
}

fn rejection(malformed: Malformed) -> Rejection {
    match malformed {
        Malformed::NotTls { .. } => Rejection::NotTls,
        Malformed::TooLong { .. } => Rejection::HelloTooLong,
        malformed => Rejection::HelloMalformed(malformed),
    }
}
