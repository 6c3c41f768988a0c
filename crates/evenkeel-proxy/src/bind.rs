//! Listening sockets: bound on the control thread before a snapshot is published, so that binding can fail whole.

use crate::books::Books;
use crate::gate::{self, Gates};
use crate::relay::set_keepalive;
use crate::shared::Ceiling;
use crate::{Inherited, Passed, PrepareError};
use evenkeel_core::addr::Addr;
use evenkeel_core::name::{ListenerName, ServiceName};
use evenkeel_core::snapshot::{Listener, Snapshot, SocketOptions};
use evenkeel_sys::socket;
use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

/// A snapshot, with everything bound that it needs.
#[derive(Clone)]
pub struct Publication {
    /// What the workers obey.
    pub(crate) snapshot: Arc<Snapshot>,
    pub(crate) bound: BTreeMap<ListenerName, Arc<Bound>>,
    pub(crate) services: BTreeMap<ServiceName, Arc<Ceiling>>,
    pub(crate) gates: Gates,
    pub(crate) books: Books,
}

impl Publication {
    /// A publication of `snapshot` after `current`, for workers that accept nothing any more.
    pub(crate) fn unbound(snapshot: Arc<Snapshot>, current: Option<&Publication>, workers: usize) -> Self {
        let services = current.map(|current| current.services.clone()).unwrap_or_default();
        let books = books(&snapshot, current, workers);
        let gates = current.map(|current| current.gates.clone()).unwrap_or_default();
        Self { snapshot, bound: BTreeMap::new(), services, gates, books }
    }

    /// The sockets that the listener of this name has under `next`, if they are bound already: its own, or those of a
    /// listener at the same address that is gone, as when a service gets another name.
    fn left_to(&self, name: &ListenerName, next: &Snapshot) -> Option<&Arc<Bound>> {
        let is_open = |it: &ListenerName| next.listeners.get(it).is_some_and(|it| it.open);
        let is_left = |it: &ListenerName| it.addr == name.addr && !is_open(it);
        let left = || self.bound.iter().find(|(it, _)| is_left(it)).map(|(_, bound)| bound);
        self.bound.get(name).or_else(left)
    }

    /// Lets sockets that were bound before `self` follow a change of their listener's options. They hold for connections
    /// that come from now on.
    pub(crate) fn follow(&self, before: &Publication) {
        for (name, listener) in &self.snapshot.listeners {
            let was = before.snapshot.listeners.get(name);
            if let (Some(bound), true) = (self.bound.get(name), was.is_some_and(|was| was != listener)) {
                // They were taken when it was bound; one that is not taken now keeps its value.
                let _ = bound.set_options(listener);
            }
        }
    }

    /// Where each listener is really bound: with a port where port 0 was asked for.
    pub fn bound(&self) -> impl Iterator<Item = (&ListenerName, &Addr)> {
        self.bound.iter().map(|(name, bound)| (name, &bound.local))
    }
}

/// The sockets of one listener.
pub(crate) struct Bound {
    /// One for each worker, or one for all; others when they come from a process with more or fewer workers.
    pub sockets: Vec<OwnedFd>,
    pub local: Addr,
    /// Whether evenkeel bound them.
    pub ours: bool,
    /// Whether a Unix socket's file goes with them.
    removes_file: AtomicBool,
}

impl Bound {
    fn new(sockets: Vec<OwnedFd>, local: Addr) -> Self {
        Self { sockets, local, ours: true, removes_file: AtomicBool::new(true) }
    }

    /// The sockets that a worker accepts from: each is somebody's, and everybody has one.
    pub fn sockets(&self, worker: usize, workers: usize) -> impl Iterator<Item = BorrowedFd<'_>> {
        let count = self.sockets.len();
        (worker..count.max(workers)).step_by(workers).map(move |index| self.sockets[index % count].as_fd())
    }

    /// Keeps the file of a Unix socket that evenkeel bound when the sockets go, or not: it goes with the last process
    /// that has them.
    pub fn keep_file(&self, keep: bool) {
        self.removes_file.store(!keep && self.ours, Relaxed);
    }

    fn set_options(&self, listener: &Listener) -> io::Result<()> {
        if let (true, Addr::Unix(path)) = (self.ours, &self.local) {
            socket::set_mode(path, listener.unix_mode)?;
        }
        self.sockets.iter().try_for_each(|socket| {
            apply(socket, &self.local, listener.socket)?;
            socket::listen(socket, listener.backlog)
        })
    }

    /// Whether several of so many workers accept from one socket.
    pub fn is_shared(&self, workers: usize) -> bool {
        self.sockets.len() < workers
    }
}

impl Drop for Bound {
    fn drop(&mut self) {
        if let (true, Addr::Unix(path)) = (self.removes_file.load(Relaxed), &self.local) {
            // A file that is gone already is as good.
            let _ = std::fs::remove_file(path);
        }
    }
}

/// Binds what `snapshot` needs and `current` does not have.
pub(crate) fn prepare(
    snapshot: Arc<Snapshot>,
    current: Option<&Publication>,
    workers: usize,
    inherited: &mut Inherited,
) -> Result<Publication, PrepareError> {
    let mut bound = BTreeMap::new();
    let mut services = BTreeMap::new();
    for (name, listener) in &snapshot.listeners {
        if listener.open {
            let sockets = match current.and_then(|current| current.left_to(name, &snapshot)) {
                Some(sockets) => Arc::clone(sockets),
                None => Arc::new(
                    bind(listener, workers, inherited)
                        .map_err(|source| PrepareError { listener: name.clone(), source })?,
                ),
            };
            bound.insert(name.clone(), sockets);
        }
        services
            .entry(name.service.clone())
            .or_insert_with(|| ceiling(current.and_then(|c| c.services.get(&name.service)), listener));
    }
    let books = books(&snapshot, current, workers);
    let gates = gate::gates(&snapshot, current.map(|current| (&*current.snapshot, &current.gates)));
    Ok(Publication { snapshot, bound, services, gates, books })
}

fn books(snapshot: &Snapshot, current: Option<&Publication>, workers: usize) -> Books {
    Books::follow(snapshot, current.map(|current| (&*current.snapshot, &current.books)), workers)
}

fn ceiling(current: Option<&Arc<Ceiling>>, listener: &Listener) -> Arc<Ceiling> {
    let ceiling = current.cloned().unwrap_or_else(|| Arc::new(Ceiling::new(listener.max_sessions)));
    ceiling.set_limit(listener.max_sessions);
    ceiling
}

fn bind(listener: &Listener, workers: usize, inherited: &mut Inherited) -> io::Result<Bound> {
    let addr = &listener.name.addr;
    if let Some(passed) = inherited.take(addr) {
        return take_over(passed, listener);
    }
    match addr {
        Addr::Unix(path) => bind_unix(path, listener),
        Addr::Ip(ip) => match bind_ip(*ip, listener, workers) {
            // `:80` means every address that this machine has.
            Err(error) if ip.is_ipv6() && ip.ip().is_unspecified() && is_without_ipv6(&error) => {
                bind_ip(SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), ip.port()), listener, workers)
            }
            result => result,
        },
    }
}

/// Listens on sockets that were bound before. A file of theirs stays until [`Bound::keep_file`] says otherwise.
fn take_over(passed: Passed, listener: &Listener) -> io::Result<Bound> {
    let Passed { sockets, ours } = passed;
    let local = sockets.first().and_then(|socket| socket::local_addr(socket).ok().flatten());
    let local = local.map_or_else(|| listener.name.addr.clone(), Addr::Ip);
    let bound = Bound { sockets, local, ours, removes_file: AtomicBool::new(false) };
    for socket in &bound.sockets {
        socket::set_nonblocking(socket)?;
        apply(socket, &bound.local, listener.socket)?;
    }
    if ours {
        bound.set_options(listener)?;
    }
    Ok(bound)
}

fn is_without_ipv6(error: &io::Error) -> bool {
    let errno = error.raw_os_error().map(rustix::io::Errno::from_raw_os_error);
    matches!(errno, Some(rustix::io::Errno::AFNOSUPPORT | rustix::io::Errno::ADDRNOTAVAIL))
}

fn bind_unix(path: &Path, listener: &Listener) -> io::Result<Bound> {
    let socket = socket::listen_unix(path, listener.unix_mode, listener.backlog)?;
    Ok(Bound::new(vec![socket], Addr::Unix(path.into())))
}

/// A socket for each worker. They share the port among themselves, but the first bind must find it free: two
/// balancers that shared a port by accident would each get half of its connections. Nobody listens before all are
/// bound: who connected to a socket that is given up again would be reset.
fn bind_ip(addr: SocketAddr, listener: &Listener, workers: usize) -> io::Result<Bound> {
    let first = socket::bind_ip(addr, false)?;
    let local = socket::local_addr(&first)?.map_or(addr, |local| SocketAddr::new(addr.ip(), local.port()));
    let sockets = if workers == 1 {
        vec![first]
    } else {
        drop(first);
        (0..workers).map(|_| socket::bind_ip(local, true)).collect::<io::Result<_>>()?
    };
    let addr = Addr::Ip(local);
    sockets.iter().try_for_each(|socket| apply(socket, &addr, listener.socket))?;
    sockets.iter().try_for_each(|socket| socket::listen(socket, listener.backlog))?;
    Ok(Bound::new(sockets, addr))
}

/// Options that accepted sockets inherit.
fn apply(socket: &OwnedFd, addr: &Addr, options: SocketOptions) -> io::Result<()> {
    if addr.ip().is_some() {
        socket::set_nodelay(socket)?;
        set_keepalive(socket, &options)?;
    }
    Ok(())
}
