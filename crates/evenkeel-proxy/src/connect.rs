//! From a pool to a connected backend: pick, take a seat, connect; else another one.
//!
//! What is tried again here has sent the backend nothing that its client said. Requests of HTTP are repeated where an exchange
//! fails, datagrams where a flow is refused.

use crate::Report;
use crate::books::CountedSeat;
use crate::handshake::{self, NotShaken};
use crate::header;
use crate::pools::{LocalPool, Seating};
use crate::postgres;
use crate::session::{Interrupted, Reach, Session};
use crate::shared::count;
use crate::tls::Tunnel;
use crate::wish;
use crate::worker::Worker;
use evenkeel_core::addr::Addr;
use evenkeel_core::attempt::{Attempt, ConnectFailure, Tried};
use evenkeel_core::backend::Backend;
use evenkeel_core::end::End;
use evenkeel_core::hash::client_hash;
use evenkeel_core::http::failing::Failing;
use evenkeel_core::live::LiveFailure;
use evenkeel_core::name::{BackendKey, Protocol};
use evenkeel_core::snapshot::{ConnectRules, Pool, PoolRules};
use evenkeel_core::sockets::{Outward, Source};
use evenkeel_core::tls::Fault;
use evenkeel_sys::poll::{self, Readiness};
use evenkeel_sys::socket::{self, Name};
use rustix::io::Errno;
use std::io;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long a session waits when this process is out of descriptors or memory, before it tries again.
const RESOURCE_PAUSE: Duration = Duration::from_millis(50);

/// Until a Unix socket whose queue is full is asked again. Over TCP the kernel does that by itself.
const FULL_PAUSE: Duration = Duration::from_millis(10);

/// So many further source addresses are tried when one has no port left: the kernel looks at each port before it says so.
const OTHER_SOURCES: usize = 3;

/// There is no room for what a backend says while TLS is agreed upon.
const NO_ROOM: ConnectFailure = ConnectFailure::NoResources(Errno::NOMEM.raw_os_error());

/// A connected backend.
pub struct Connected {
    /// Its socket.
    pub socket: OwnedFd,
    /// What is spoken through that, if it is TLS.
    pub tunnel: Option<Tunnel>,
    /// The session's place there.
    pub seat: CountedSeat,
    /// What the session is held to from now on.
    pub rules: Arc<PoolRules>,
}

/// Connects to a backend of the session's pool. A connect that fails is tried again at once on a backend not tried
/// yet, within the pool's rules.
pub async fn with_retry(
    worker: &Worker,
    session: &Session,
    local: &LocalPool,
    client: &OwnedFd,
) -> Result<Connected, End> {
    let mut started = worker.reactor.now();
    local.note_session();
    loop {
        let asked = worker.reactor.now();
        let (pool, index, mut seat) = seat(worker, session, local, None).await?;
        // To wait for a seat is no part of the attempts, which have so much time in all.
        started += worker.reactor.now() - asked;
        let backend = &pool.backends[index as usize];
        let rules = pool.rules.connect;
        let began = worker.reactor.now();
        let deadline = (began + rules.timeout).min(started + rules.total);
        match reach(worker, session, local, client, (&pool, backend), deadline).await {
            Ok((socket, tunnel)) => {
                let took = worker.reactor.now() - began;
                seat.connected(took);
                worker.on_seat_freed(local);
                session.set_reach(Reach::Connected(backend.addr.clone(), took.into()));
                return Ok(Connected { socket, tunnel, seat, rules: Arc::clone(&pool.rules) });
            }
            Err(NotConnected::ClientLeft) => return Err(End::ClientLeft),
            Err(NotConnected::Failed(failure)) => {
                seat.failed(failure);
                worker.on_seat_freed(local);
                note_failure(worker, session, &pool, backend, failure, began);
                go_on(worker, session, local, &rules, failure, started).await?;
            }
        }
    }
}

/// Why an attempt came to nothing.
pub enum NotConnected {
    /// The client is gone.
    ClientLeft,
    /// This happened.
    Failed(ConnectFailure),
}

/// A seat at a backend that was not tried yet, if there is one now.
pub fn try_to_seat(session: &Session, local: &LocalPool) -> Seating {
    let tried = |pool: &Arc<Pool>| tried(session, pool);
    let hash = match session.serving().map(|serving| serving.wanted()) {
        None => None,
        Some(wanted) => {
            let named =
                wanted.backend.as_ref().and_then(|(affinity, tag)| local.seat_named(affinity, *tag, tried));
            if let Some(seating) = named {
                return seating;
            }
            wanted.hash
        }
    };
    local.seat(hash.unwrap_or_else(|| client_hash(session.client())), tried)
}

/// A seat at a backend that was not tried yet; waits for one if all are at their limits, but no longer than `by`.
pub async fn seat(
    worker: &Worker,
    session: &Session,
    local: &LocalPool,
    by: Option<Instant>,
) -> Result<(Arc<Pool>, u32, CountedSeat), End> {
    let choose = || match try_to_seat(session, local) {
        Seating::At(pool, index, seat) => Some(Ok((pool, index, seat))),
        Seating::Exhausted => Some(Err(nobody_left(session))),
        Seating::Busy => None,
    };
    let began = worker.reactor.now();
    if !local.is_held_up(began)
        && let Some(result) = choose()
    {
        return result;
    }
    let is_picky = !tried(session, &local.newest()).is_empty();
    let place = local.join_line(session.row, is_picky, began).ok_or(End::QueueFull)?;
    let go = || {
        let chosen = place.may_go().then(choose)?;
        if chosen.is_none() && is_picky {
            // What it could not take may be free all the same.
            worker.beckon(local, Some(session.row));
        }
        chosen
    };
    session.set_reach(Reach::InLine(session.since(began)));
    let deadline = began + local.newest().rules.queue.timeout;
    let deadline = by.map_or(deadline, |by| by.min(deadline));
    let waited = session.until(worker, deadline, go).await;
    drop(place);
    // There may be room for the next in line as well.
    worker.on_seat_freed(local);
    session.opening.borrow_mut().notes.queued += worker.reactor.now() - began;
    match waited {
        Ok(result) => result,
        Err(Interrupted::ClientLeft) => Err(End::ClientLeft),
        Err(Interrupted::TooLate) => Err(End::QueueTimeout),
    }
}

/// The backends of this snapshot of the pool that the session has tried.
pub fn tried(session: &Session, pool: &Pool) -> Tried {
    let mut tried = out_of_reach(session, pool);
    for attempt in &session.opening.borrow().notes.failed_attempts {
        // A failure of ours says nothing about the backend, nor does a connection that has died of another one.
        if matches!(
            attempt.failure,
            ConnectFailure::NoResources(_) | ConnectFailure::NoAnswer(Failing::Silent)
        ) {
            continue;
        }
        if let Some(index) = pool.backends.iter().position(|backend| backend.addr == attempt.backend) {
            tried.insert(index as u32);
        }
    }
    tried
}

/// The backends that cannot be shown the session's client, where they are to see it.
fn out_of_reach(session: &Session, pool: &Pool) -> Tried {
    let mut tried = Tried::default();
    if let Some(Outward { source: source @ Source::Client, .. }) = pool.rules.outward.as_deref() {
        let client = session.client().ip().map(|client| client.ip());
        for (index, backend) in pool.backends.iter().enumerate() {
            if backend.addr.ip().is_some_and(|addr| source.towards(addr.ip(), client, 0).is_err()) {
                tried.insert(index as u32);
            }
        }
    }
    tried
}

/// How a session ends for which every backend was tried.
pub fn nobody_left(session: &Session) -> End {
    let opening = session.opening.borrow();
    opening.notes.failed_attempts.last().map_or(End::NoBackend, |attempt| End::NotConnected(attempt.failure))
}

fn name(addr: &Addr) -> Name<'_> {
    match addr {
        Addr::Ip(addr) => Name::Ip(*addr),
        Addr::Unix(path) => Name::Unix(path),
    }
}

/// A socket to connect to `backend` with, as the pool wants it.
fn open(
    session: &Session,
    local: &LocalPool,
    backend: &Backend,
    rules: &PoolRules,
) -> Result<OwnedFd, ConnectFailure> {
    let socket = socket::open(name(&backend.addr)).map_err(|error| ConnectFailure::from(&error))?;
    if let (Some(wanted), Some(addr)) = (&rules.outward, backend.addr.ip()) {
        let client = session.client().ip().map(|client| client.ip());
        wish::prepare(&socket, wanted, Protocol::Tcp, addr, client, local.turn())
            .map_err(|refused| ConnectFailure::Unprepared(refused.source.raw_os_error().unwrap_or(0)))?;
    }
    let is_chosen = rules.outward.as_ref().is_some_and(|wanted| wanted.congestion.is_some());
    if let Some(addr) = backend.addr.ip().filter(|_| !is_chosen) {
        wish::spare_pacing(&socket, addr.ip());
    }
    Ok(socket)
}

/// One attempt, until `deadline`: connect, say who the client is, agree upon TLS.
pub async fn reach(
    worker: &Worker,
    session: &Session,
    local: &LocalPool,
    client: &OwnedFd,
    (pool, backend): (&Pool, &Backend),
    deadline: Instant,
) -> Result<(OwnedFd, Option<Tunnel>), NotConnected> {
    let socket = attempt(worker, session, local, backend, &pool.rules, deadline).await?;
    introduce(session, client, &socket, &pool.rules)?;
    if wants_question(session, &pool.rules) {
        match postgres::ask(worker, session, &socket, deadline).await {
            Ok(answer) => answer.map_err(NotConnected::Failed)?,
            Err(_) => return Err(NotConnected::ClientLeft),
        }
    }
    let Some(terms) = &pool.rules.tls else { return Ok((socket, None)) };
    let keys = (&**terms, local.tls());
    let tunnel = handshake::originate(worker, session, backend, &socket, keys, deadline).await;
    let tunnel = tunnel.map_err(|error| match error {
        NotShaken::ClientLeft => NotConnected::ClientLeft,
        NotShaken::NoRoom => NotConnected::Failed(NO_ROOM),
        NotShaken::Fault(fault) => NotConnected::Failed(ConnectFailure::Tls(fault)),
    })?;
    // A backend that does not agree would take what is said for something else.
    let speaks_http2 = || tunnel.agreed().alpn.as_deref() == Some("h2");
    if pool.rules.http2.is_some() && session.serving().is_some() && !speaks_http2() {
        return Err(NotConnected::Failed(ConnectFailure::Tls(Fault::Protocol)));
    }
    Ok((socket, Some(tunnel)))
}

/// Whether a backend is to be asked for TLS before it is spoken, as the client had to ask: unless nobody speaks it there.
fn wants_question(session: &Session, rules: &PoolRules) -> bool {
    let is_postgres = session.opening.borrow().notes.greeting.as_ref().is_some_and(|it| it.is_postgres);
    is_postgres && (session.listener.reception.tls.is_none() || rules.tls.is_some())
}

/// Whether nothing but descriptors is short, and one was found: a connection that waits for a request of HTTP gives way.
fn finds_descriptor(worker: &Worker, failure: ConnectFailure) -> bool {
    let is_short = |errno| [Errno::MFILE, Errno::NFILE].map(Errno::raw_os_error).contains(&errno);
    matches!(failure, ConnectFailure::NoResources(errno) if is_short(errno)) && worker.http.links.give_way()
}

/// One connect, until `deadline`. A source address that has no port left is passed over.
async fn attempt(
    worker: &Worker,
    session: &Session,
    local: &LocalPool,
    backend: &Backend,
    rules: &PoolRules,
    deadline: Instant,
) -> Result<OwnedFd, NotConnected> {
    let mut others = other_sources(backend, rules);
    loop {
        let socket = match open(session, local, backend, rules) {
            Err(failure) if finds_descriptor(worker, failure) => continue,
            opened => opened.map_err(NotConnected::Failed)?,
        };
        match connect(worker, session, backend, socket, deadline).await {
            Err(NotConnected::Failed(ConnectFailure::NoSourcePort)) if others > 0 => others -= 1,
            result => return result,
        }
    }
}

/// How many source addresses may be tried besides the one whose turn it is.
fn other_sources(backend: &Backend, rules: &PoolRules) -> usize {
    let count = backend.addr.ip().and_then(|addr| rules.source().count(addr.ip()));
    count.map_or(0, |count| count - 1).min(OTHER_SOURCES)
}

/// One connect, until `deadline`.
async fn connect(
    worker: &Worker,
    session: &Session,
    backend: &Backend,
    socket: OwnedFd,
    deadline: Instant,
) -> Result<OwnedFd, NotConnected> {
    let failed = |error: &io::Error| NotConnected::Failed(ConnectFailure::from(error));
    session.backend_ready.set(Readiness::NONE);
    let mut connected = loop {
        match socket::connect(&socket, name(&backend.addr)) {
            Err(error) if is_full(backend, &error) => {
                pause(worker, session, backend, deadline).await?;
            }
            result => break result.map_err(|error| failed(&error))?,
        }
    };
    let is_watched = session.is_watched(worker);
    // Within a machine it mostly is by now, which the kernel does not say.
    connected |= !is_watched && socket::is_connected(&socket);
    if is_watched || !connected {
        worker.reactor.add_stream(&socket, session.row, false).map_err(|error| failed(&error))?;
    }
    if !connected {
        let since = session.since(worker.reactor.now());
        session.set_reach(Reach::Connecting(backend.addr.clone(), since));
        let is_first = session.opening.borrow().notes.failed_attempts.is_empty();
        let settled = || {
            let told = session.backend_ready.get().writable();
            // What was told of the last attempt's socket may arrive only now: it is of the same row.
            if told && !is_first {
                session.backend_ready.set(poll::ready_now(&socket));
            }
            session.backend_ready.get().writable().then_some(())
        };
        session.until(worker, deadline, settled).await.map_err(|interrupted| match interrupted {
            Interrupted::ClientLeft => NotConnected::ClientLeft,
            Interrupted::TooLate => NotConnected::Failed(ConnectFailure::TimedOut),
        })?;
    }
    if session.backend_ready.get().broken() {
        socket::take_error(&socket).map_err(|error| failed(&error))?;
    }
    if is_own_peer(worker, &socket, &backend.addr) {
        // A FIN would keep the backend's port in TIME_WAIT.
        let _ = socket::reset_on_close(&socket);
        return Err(NotConnected::Failed(ConnectFailure::Refused));
    }
    Ok(socket)
}

/// Whether that means that a Unix socket's queue is full.
fn is_full(backend: &Backend, error: &io::Error) -> bool {
    matches!(backend.addr, Addr::Unix(_)) && error.kind() == io::ErrorKind::WouldBlock
}

/// Waits until a backend whose queue was full may have room in it, but no longer than `deadline`.
async fn pause(
    worker: &Worker,
    session: &Session,
    backend: &Backend,
    deadline: Instant,
) -> Result<(), NotConnected> {
    let now = worker.reactor.now();
    if now >= deadline {
        return Err(NotConnected::Failed(ConnectFailure::TimedOut));
    }
    session.set_reach(Reach::Connecting(backend.addr.clone(), session.since(now)));
    match session.until::<()>(worker, deadline.min(now + FULL_PAUSE), || None).await {
        Err(Interrupted::ClientLeft) => Err(NotConnected::ClientLeft),
        _ => Ok(()),
    }
}

/// Tells a new backend where the client is, if it wants to know.
fn introduce(
    session: &Session,
    client: &OwnedFd,
    backend: &OwnedFd,
    rules: &PoolRules,
) -> Result<(), NotConnected> {
    let said = rules.send_proxy.map_or(Ok(()), |version| header::send(session, client, backend, version));
    said.map_err(|error| NotConnected::Failed(ConnectFailure::from(&error)))
}

/// Whether nobody listens at the backend's address and we were connected to ourselves. Asked only where it can be.
fn is_own_peer(worker: &Worker, socket: &OwnedFd, addr: &Addr) -> bool {
    let may_be = |addr: &SocketAddr| worker.shared.source_ports.contains(&addr.port());
    addr.ip().filter(may_be).is_some_and(|addr| socket::is_own_peer(socket, addr).unwrap_or(false))
}

/// Remembers a failure, and tells the director of one that is the backend's fault.
pub fn note_failure(
    worker: &Worker,
    session: &Session,
    pool: &Pool,
    backend: &Backend,
    failure: ConnectFailure,
    began: Instant,
) {
    let took = note_attempt(worker, session, backend, failure, began);
    if pool.rules.source().blames(failure) {
        let in_row = backend.load.note_failed();
        let key = BackendKey { pool: pool.name.clone(), addr: backend.addr.clone() };
        let failure = LiveFailure::Connect(failure);
        worker.shared.report(Report::Suspect { key, failure, in_row, took });
    }
}

/// Remembers an attempt that failed; says how long it took.
pub fn note_attempt(
    worker: &Worker,
    session: &Session,
    backend: &Backend,
    failure: ConnectFailure,
    began: Instant,
) -> Duration {
    let took = worker.reactor.now() - began;
    session.set_reach(Reach::Nobody);
    session.opening.borrow_mut().notes.failed_attempts.push(Attempt {
        backend: backend.addr.clone(),
        failure,
        took,
    });
    took
}

/// Whether to try again after `failure`: if so, at once, or after a pause if the failure was ours.
pub async fn go_on(
    worker: &Worker,
    session: &Session,
    local: &LocalPool,
    rules: &ConnectRules,
    failure: ConnectFailure,
    started: Instant,
) -> Result<(), End> {
    let now = worker.reactor.now();
    let out_of_time = now >= started + rules.total;
    if let ConnectFailure::NoResources(errno) = failure {
        if out_of_time {
            return Err(End::Failed(errno));
        }
        tell_once(&mut session.opening.borrow_mut().notes.failed_attempts);
        return match session.until::<()>(worker, now + RESOURCE_PAUSE, || None).await {
            Err(Interrupted::ClientLeft) => Err(End::ClientLeft),
            _ => Ok(()),
        };
    }
    if out_of_time { Err(End::NotConnected(failure)) } else { spend_retry(worker, session, local, failure) }
}

/// Tells of a failure of ours once, however often it happens in a row: what was tried before it stays.
fn tell_once(attempts: &mut Vec<Attempt>) {
    if let [.., before, last] = &attempts[..]
        && before.failure == last.failure
    {
        attempts.pop();
    }
}

/// Takes one of the retries that the pool allows, if there is one left.
pub fn spend_retry(
    worker: &Worker,
    session: &Session,
    local: &LocalPool,
    failure: ConnectFailure,
) -> Result<(), End> {
    let attempts = session.opening.borrow().notes.failed_attempts.len();
    let attempts_max = local.newest().rules.connect.attempts as usize;
    if attempts >= attempts_max || !local.may_retry(worker.reactor.now()) {
        return Err(End::NotConnected(failure));
    }
    count(&session.counts.retries, 1);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use evenkeel_core::attempt::ConnectFailure::{NoResources, Refused};

    #[test]
    fn a_shortage_of_ours_hides_no_backend_that_was_tried() {
        let attempt = |port, failure| Attempt {
            backend: Addr::Ip(([127, 0, 0, 1], port).into()),
            failure,
            took: Duration::ZERO,
        };
        let shortage = attempt(3, NoResources(24));
        let before = [attempt(1, Refused), attempt(2, Refused)];
        let mut attempts = before.to_vec();
        for _ in 0..3 {
            attempts.push(shortage.clone());
            tell_once(&mut attempts);
        }
        assert_eq!(attempts, [&before[..], &[shortage]].concat());
    }
}
