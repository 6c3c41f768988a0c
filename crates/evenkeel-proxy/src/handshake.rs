//! TLS handshakes of a session that is being opened: with its client, and with a backend that it tries.

use crate::early::{Early, NoMore};
use crate::session::{ClientTls, Greeting, Interrupted, Session};
use crate::shared::count;
use crate::tls::{Tunnel, server_name};
use crate::worker::Worker;
use evenkeel_core::end::End;
use evenkeel_core::reception::Rejection;
use evenkeel_core::snapshot::Backend;
use evenkeel_core::tls::{Fault, Origination};
use evenkeel_core::wire::Parse;
use evenkeel_core::wire::client_hello::{self, Malformed, Version};
use rustls::ClientConfig;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::time::Instant;

/// What the first bytes of an HTTP request look like.
const HTTP: [&[u8]; 7] = [b"GET ", b"POST", b"HEAD", b"PUT ", b"OPTI", b"DELE", b"CONN"];

/// Makes TLS of what the client says, if its listener speaks that. What was read `early` is part of it.
pub async fn accept(
    worker: &Worker,
    session: &Session,
    client: &OwnedFd,
    early: &mut Early,
) -> Result<Option<Tunnel>, End> {
    let Some(terms) = &session.listener.reception.tls else { return Ok(None) };
    let config = session.opening.borrow_mut().notes.tls.as_mut().and_then(|tls| tls.server.take());
    let config = config.ok_or(Rejection::Tls(Fault::Ours))?;
    let deadline = worker.reactor.now() + terms.timeout;
    let offered = hear(worker, session, client, early, deadline).await?;
    let tunnel = Tunnel::accept(&config, std::mem::take(early).into_bytes());
    let shaken = match tunnel {
        Ok(tunnel) => shake(worker, session, client, tunnel, deadline).await,
        Err(fault) => Err(NotShaken::Fault(fault)),
    };
    match shaken {
        Ok(tunnel) => {
            let agreed = tunnel.agreed();
            count(if agreed.resumed { &session.counts.tls_resumed } else { &session.counts.tls_full }, 1);
            note(session, |tls| tls.agreed = Some(Box::new(agreed)));
            Ok(Some(tunnel))
        }
        Err(NotShaken::ClientLeft) => Err(End::ClientLeft),
        Err(NotShaken::Fault(fault)) => {
            // What very old versions lack comes to light before their version does.
            let is_old = fault == Fault::Nothing && offered.is_some_and(|it| it < Version::Tls12);
            Err(Rejection::Tls(if is_old { Fault::Version } else { fault }).into())
        }
    }
}

/// Waits for the client's hello, which is not answered here, and notes what it asks for. One that is wrong is left to rustls,
/// which says so to the client. Gives the newest version that is offered.
async fn hear(
    worker: &Worker,
    session: &Session,
    client: &OwnedFd,
    early: &mut Early,
    deadline: Instant,
) -> Result<Option<Version>, End> {
    let mut reader = client_hello::Reader::new(client_hello::LONGEST);
    loop {
        match reader.read(early.bytes()) {
            Ok(Parse::Complete { value, .. }) => {
                let greeting = || Greeting::of(&value, false);
                session.opening.borrow_mut().notes.greeting.get_or_insert_with(greeting);
                return Ok(value.version);
            }
            Ok(Parse::Partial) => {}
            Err(Malformed::NotTls { .. }) => return Err(Rejection::Tls(stranger(early.bytes())).into()),
            Err(_) => return Ok(None),
        }
        early.more(worker, session, client, client_hello::LONGEST, deadline).await.map_err(
            |why| match why {
                NoMore::ClientLeft if early.bytes().is_empty() => End::ClientLeft,
                NoMore::ClientLeft => Rejection::Tls(Fault::Left).into(),
                NoMore::TooLate => Rejection::Tls(Fault::TooLate).into(),
                NoMore::TooMany => Rejection::Tls(Fault::Misbehaved).into(),
            },
        )?;
    }
}

fn note(session: &Session, what: impl FnOnce(&mut ClientTls)) {
    if let Some(tls) = &mut session.opening.borrow_mut().notes.tls {
        what(tls);
    }
}

fn stranger(bytes: &[u8]) -> Fault {
    if HTTP.iter().any(|method| bytes.starts_with(method)) { Fault::PlainHttp } else { Fault::NotTls }
}

/// Speaks TLS to a backend that was just connected.
pub async fn originate(
    worker: &Worker,
    session: &Session,
    backend: &Backend,
    socket: &OwnedFd,
    (terms, config): (&Origination, Option<Arc<ClientConfig>>),
    deadline: Instant,
) -> Result<Tunnel, NotShaken> {
    let config = config.ok_or(NotShaken::Fault(Fault::Ours))?;
    let name = server_name(terms, backend.host.as_deref(), &backend.addr);
    let name = name.ok_or(NotShaken::Fault(Fault::Ours))?;
    let tunnel = Tunnel::connect(&config, name).map_err(NotShaken::Fault)?;
    shake(worker, session, socket, tunnel, deadline).await
}

/// Why a handshake came to nothing.
pub enum NotShaken {
    /// The client is gone.
    ClientLeft,
    /// This happened.
    Fault(Fault),
}

async fn shake(
    worker: &Worker,
    session: &Session,
    socket: &OwnedFd,
    mut tunnel: Tunnel,
    deadline: Instant,
) -> Result<Tunnel, NotShaken> {
    let wire = socket.as_fd();
    let go_on = || tunnel.shake(&wire, worker.tools.borrow_mut().cipher());
    match session.until(worker, deadline, go_on).await {
        Ok(Ok(())) => Ok(tunnel),
        Ok(Err(fault)) => Err(NotShaken::Fault(fault)),
        Err(Interrupted::ClientLeft) => Err(NotShaken::ClientLeft),
        Err(Interrupted::TooLate) => Err(NotShaken::Fault(Fault::TooLate)),
    }
}
