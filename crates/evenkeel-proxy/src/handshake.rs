//! TLS handshakes of a session that is being opened: with its client, and with a backend that it tries.

use crate::early::{Early, NoMore};
use crate::hello::{self, Unheard};
use crate::session::{ClientTls, Greeting, Interrupted, Session};
use crate::shared::count;
use crate::tls::{CHALLENGE_PROTOCOL, Server, Tunnel, server_name};
use crate::worker::Worker;
use evenkeel_core::backend::Backend;
use evenkeel_core::end::End;
use evenkeel_core::rejection::Rejection;
use evenkeel_core::tls::{Fault, Origination};
use evenkeel_core::wire::client_hello::{self, ClientHello, Malformed, Version};
use rustls::{ClientConfig, ServerConfig};
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
    let server = session.opening.borrow_mut().notes.tls.as_mut().and_then(|tls| tls.server.take());
    let server = server.ok_or(Rejection::Tls(Fault::Ours))?;
    let deadline = worker.reactor.now() + terms.timeout;
    let heard = hear(worker, session, client, &server, early, deadline).await?;
    let config = match &server.challenge {
        Some(challenge) if heard.challenges => &challenge.config,
        _ => &server.config,
    };
    match meet(worker, session, client, config, early, deadline).await {
        Ok(mut tunnel) if heard.challenges => {
            let _ = tunnel.close(&client.as_fd(), worker.tools.borrow_mut().cipher());
            Err(End::Proved)
        }
        Ok(tunnel) => {
            let agreed = tunnel.agreed();
            count(if agreed.resumed { &session.counts.tls_resumed } else { &session.counts.tls_full }, 1);
            note(session, |tls| tls.agreed = Some(Box::new(agreed)));
            Ok(Some(tunnel))
        }
        Err(NotShaken::ClientLeft) => Err(End::ClientLeft),
        Err(NotShaken::NoRoom) => Err(Rejection::NoRoom.into()),
        Err(NotShaken::Fault(fault)) => {
            Err(Rejection::Tls(match fault {
                // What very old versions lack comes to light before their version does.
                Fault::Nothing if heard.newest.is_some_and(|it| it < Version::Tls12) => Fault::Version,
                Fault::Ours if !server.is_ready => Fault::Unready,
                fault => fault,
            })
            .into())
        }
    }
}

async fn meet(
    worker: &Worker,
    session: &Session,
    client: &OwnedFd,
    config: &Arc<ServerConfig>,
    early: &mut Early,
    deadline: Instant,
) -> Result<Tunnel, NotShaken> {
    let tunnel = Tunnel::accept(config, early.take()).map_err(NotShaken::Fault)?;
    shake(worker, session, client, tunnel, early, deadline).await
}

/// What a client's hello says that matters here.
#[derive(Default)]
struct Heard {
    /// The newest version that it offers.
    newest: Option<Version>,
    /// Whether it wants to see what shows that a name leads here, and there is that.
    challenges: bool,
}

impl Heard {
    fn of(hello: &ClientHello<'_>, server: &Server) -> Self {
        let is_for = |name: &str| hello.server_name.as_deref() == Some(name);
        let challenges = server.challenge.as_ref().is_some_and(|it| is_for(&it.name)) && { hello.alpn }
            .eq([CHALLENGE_PROTOCOL]);
        Self { newest: hello.version, challenges }
    }
}

/// Waits for the client's hello, which is not answered here, and notes what it asks for. One that is wrong is left to rustls,
/// which says so to the client.
async fn hear(
    worker: &Worker,
    session: &Session,
    client: &OwnedFd,
    server: &Server,
    early: &mut Early,
    deadline: Instant,
) -> Result<Heard, End> {
    let found = |hello: &ClientHello<'_>| {
        session.opening.borrow_mut().notes.greeting.get_or_insert_with(|| Greeting::of(hello, false));
        Heard::of(hello, server)
    };
    match hello::hear(worker, session, client, early, (client_hello::LONGEST, deadline), found).await {
        Ok(heard) => Ok(heard),
        Err(Unheard::Malformed(Malformed::NotTls { .. })) => {
            Err(Rejection::Tls(stranger(early.bytes())).into())
        }
        Err(Unheard::Malformed(_)) => Ok(Heard::default()),
        Err(Unheard::NoMore(NoMore::ClientLeft)) if !early.bytes().is_empty() => {
            Err(Rejection::Tls(Fault::Left).into())
        }
        Err(Unheard::NoMore(why)) => {
            Err(why.end(Rejection::Tls(Fault::TooLate), Rejection::Tls(Fault::Misbehaved)))
        }
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
    shake(worker, session, socket, tunnel, &mut Early::default(), deadline).await
}

/// Why a handshake came to nothing.
pub enum NotShaken {
    /// The client is gone.
    ClientLeft,
    /// There is no room for what the other side says.
    NoRoom,
    /// This happened.
    Fault(Fault),
}

/// Agrees upon TLS; what the tunnel holds meanwhile is `early`.
async fn shake(
    worker: &Worker,
    session: &Session,
    socket: &OwnedFd,
    mut tunnel: Tunnel,
    early: &mut Early,
    deadline: Instant,
) -> Result<Tunnel, NotShaken> {
    let wire = socket.as_fd();
    let go_on = || {
        let shaken = tunnel.shake(&wire, worker.tools.borrow_mut().cipher());
        match early.hold(worker, tunnel.held()) {
            true => shaken.map(|shaken| shaken.map_err(NotShaken::Fault)),
            false => Some(Err(NotShaken::NoRoom)),
        }
    };
    match session.until(worker, deadline, go_on).await {
        Ok(shaken) => shaken.map(|()| tunnel),
        Err(Interrupted::ClientLeft) => Err(NotShaken::ClientLeft),
        Err(Interrupted::TooLate) => Err(NotShaken::Fault(Fault::TooLate)),
    }
}
