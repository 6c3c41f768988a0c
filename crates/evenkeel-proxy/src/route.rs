//! To which pool a session goes, where that depends on what the client says first: a TLS hello, which is read and not
//! answered.

use crate::early::{Early, NoMore};
use crate::pools::LocalPool;
use crate::postgres;
use crate::session::{Greeting, Session};
use crate::worker::Worker;
use evenkeel_core::end::End;
use evenkeel_core::name::PoolName;
use evenkeel_core::reception::{Rejection, Routes, Strangers};
use evenkeel_core::route::Asked;
use evenkeel_core::wire::Parse;
use evenkeel_core::wire::client_hello::{Alpn, ClientHello, Malformed, Reader};
use std::net::{IpAddr, Ipv4Addr};
use std::os::fd::OwnedFd;
use std::rc::Rc;

/// Finds the session its pool, unless it has one already.
pub async fn choose(
    worker: &Worker,
    session: &Session,
    client: &OwnedFd,
    early: &mut Early,
) -> Result<Rc<LocalPool>, End> {
    if let Some(pool) = session.pool.get() {
        return Ok(Rc::clone(pool));
    }
    let listener = &session.listener;
    let name = match &listener.reception.routes {
        None => listener.pool.as_ref(),
        Some(routes) => by_route(worker, session, routes, client, early).await?.or(listener.pool.as_ref()),
    };
    // One that a reload took away in this moment is as good as none.
    let pool = name.and_then(|name| worker.pools.borrow().get(name).cloned()).ok_or(Rejection::NoRoute)?;
    Ok(Rc::clone(session.pool.get_or_init(|| pool)))
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
    let mut reader = Reader::new(routes.longest);
    let deadline = worker.reactor.now() + routes.timeout;
    let mut asked_before = false;
    let stranger = loop {
        if early.bytes().first() == Some(&0) && !asked_before {
            // PostgreSQL. Should it be something else after all, the reader says so.
            match postgres::answer(worker, session, client, early, deadline).await {
                Ok(answered) => asked_before = answered,
                Err(NoMore::TooLate) => break Rejection::HelloLate,
                Err(_) => return Err(End::ClientLeft),
            }
        }
        match reader.read(early.bytes()) {
            Ok(Parse::Complete { value, .. }) => {
                let name = taken(session, routes, Some(&value));
                session.opening.borrow_mut().notes.greeting = Some(Greeting::of(&value, asked_before));
                return Ok(name);
            }
            Ok(Parse::Partial) => {}
            Err(malformed) => break rejection(malformed),
        }
        match early.more(worker, session, client, routes.longest, deadline).await {
            Ok(()) => {}
            Err(NoMore::ClientLeft) => return Err(End::ClientLeft),
            Err(NoMore::TooMany) => break Rejection::HelloTooLong,
            Err(NoMore::TooLate) if early.bytes().is_empty() => break Rejection::Silent,
            Err(NoMore::TooLate) => break Rejection::HelloLate,
        }
    };
    match (routes.strangers, stranger) {
        // A client that was answered waits for nobody but whom it asks for.
        (Strangers::Served, Rejection::NotTls | Rejection::Silent) if !asked_before => {
            Ok(taken(session, routes, None))
        }
        _ => Err(stranger.into()),
    }
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
