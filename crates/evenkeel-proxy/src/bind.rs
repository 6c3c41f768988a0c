//! Listening sockets: bound on the control thread before a snapshot is published, so that binding can fail whole.

mod closing;
mod udp;

use crate::books::Books;
use crate::gate::{self, Gates};
use crate::relay::set_keepalive;
use crate::shared::Ceiling;
use crate::tls::Keyring;
use crate::wish::{self, Refused};
use crate::{Inherited, Passed, PrepareError, Unbindable};
use evenkeel_core::addr::Addr;
use evenkeel_core::dice::Dice;
use evenkeel_core::flow::Trail;
use evenkeel_core::name::{ListenerName, PoolName, Protocol, ServiceName};
use evenkeel_core::snapshot::{Listener, PoolRules, Snapshot};
use evenkeel_sys::socket::{self, Binding, FileIdentity};
use rustix::io::Errno;
use std::collections::{BTreeMap, BTreeSet};
use std::hash::{BuildHasher, RandomState};
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, OnceLock, Weak};

/// The sockets of each listener.
type ByListener = BTreeMap<ListenerName, Arc<Bound>>;

/// Sockets by where they are for.
type Shelf = BTreeMap<(Protocol, Addr), Arc<Bound>>;

/// A snapshot, with everything bound that it needs.
#[derive(Clone)]
pub struct Publication {
    /// What the workers obey.
    pub(crate) snapshot: Arc<Snapshot>,
    pub(crate) bound: ByListener,
    /// Sockets that somebody else bound, whether a listener has them now or not: there would be no other way to come by them.
    pub(crate) passed: Shelf,
    /// What was bound before and takes its last connections now.
    leaving: Vec<Weak<Bound>>,
    pub(crate) services: BTreeMap<ServiceName, Arc<Ceiling>>,
    pub(crate) gates: Gates,
    pub(crate) books: Books,
    /// What its TLS needs.
    pub(crate) keyring: Arc<Keyring>,
}

impl Publication {
    /// A publication of `snapshot` after `current`, for workers that accept nothing any more.
    pub(crate) fn unbound(snapshot: Arc<Snapshot>, current: Option<&Publication>, workers: usize) -> Self {
        let services = current.map(|current| current.services.clone()).unwrap_or_default();
        let books = books(&snapshot, current, workers);
        let gates = current.map(|current| current.gates.clone()).unwrap_or_default();
        Self {
            snapshot,
            bound: BTreeMap::new(),
            passed: Shelf::new(),
            leaving: Vec::new(),
            services,
            gates,
            books,
            keyring: keyring(current),
        }
    }

    /// The same with this for its TLS instead of what was published before.
    pub fn with_keyring(self, keyring: Arc<Keyring>) -> Self {
        Self { keyring, ..self }
    }

    /// The sockets that the listener of this name has under `next`, if they are bound already: its own, or those of a
    /// listener at the same address that is gone, as when a service gets another name.
    fn left_to(&self, name: &ListenerName, next: &Snapshot) -> Option<&Arc<Bound>> {
        let is_open =
            |it: &ListenerName| next.listeners.get(it).is_some_and(|it| it.open || it.is_for_flows());
        let is_left =
            |it: &ListenerName| it.addr == name.addr && it.protocol == name.protocol && !is_open(it);
        let left = || self.bound.iter().find(|(it, _)| is_left(it)).map(|(_, bound)| bound);
        self.bound.get(name).or_else(left)
    }

    /// Lets nobody begin to connect to the sockets that are not among `wanted` any more.
    pub(crate) fn turn_away(&self, wanted: &ByListener) {
        self.unwanted(wanted).for_each(|sockets| sockets.turn_away());
    }

    fn unwanted(&self, wanted: &ByListener) -> impl Iterator<Item = &Arc<Bound>> {
        let wanted: BTreeSet<*const Bound> = wanted.values().map(Arc::as_ptr).collect();
        self.bound.values().filter(move |sockets| !wanted.contains(&Arc::as_ptr(sockets)))
    }

    /// The sockets that leave, or have left but not gone, when these are those that are wanted.
    fn leaving(&self, wanted: &ByListener) -> Vec<Weak<Bound>> {
        // To others of a port for datagrams the kernel would go on dealing some of them out.
        let leave = self.unwanted(wanted).filter(|it| it.protocol == Protocol::Tcp).map(Arc::downgrade);
        self.leaving.iter().filter(|it| it.strong_count() > 0).cloned().chain(leave).collect()
    }

    /// Lets sockets that were bound before `self` follow a change of their listener's options. They hold for connections
    /// that come from now on.
    pub(crate) fn follow(&self, before: &Publication) {
        for (name, listener) in &self.snapshot.listeners {
            let was = before.snapshot.listeners.get(name);
            if let (Some(bound), true) = (self.bound.get(name), was.is_some_and(|was| was != listener)) {
                // The kernel was asked before; what it refuses now keeps its value.
                let _ = bound.set_options(listener);
            }
        }
    }

    /// Listeners whose sockets, bound before or for want of a feature of the kernel, are not quite what is wanted: which
    /// wish stays open.
    pub fn unfulfilled(&self) -> Vec<(&ListenerName, &'static str)> {
        let mut all = Vec::new();
        for (name, bound) in self.bound.iter().filter(|(name, _)| name.addr.ip().is_some()) {
            let listener = self.snapshot.listeners.get(name);
            if let (Some(listener), Some(socket)) = (listener, bound.sockets.first()) {
                all.extend(wish::unfulfilled(socket, &listener.inward).map(|wish| (name, wish)));
            }
        }
        all
    }

    /// Where sockets are for that somebody else bound, and that no listener has.
    pub fn idle(&self) -> impl Iterator<Item = &(Protocol, Addr)> {
        self.idle_sockets().map(|(at, _)| at)
    }

    /// The same, with the sockets.
    pub(crate) fn idle_sockets(&self) -> impl Iterator<Item = (&(Protocol, Addr), &Arc<Bound>)> {
        let used: BTreeSet<*const Bound> = self.bound.values().map(Arc::as_ptr).collect();
        self.passed.iter().filter(move |(_, bound)| !used.contains(&Arc::as_ptr(bound)))
    }

    /// Where each listener is really bound: with a port where port 0 was asked for.
    pub fn bound(&self) -> impl Iterator<Item = (&ListenerName, &Addr)> {
        self.bound.iter().map(|(name, bound)| (name, &bound.local))
    }
}

/// The sockets of one listener; by default none.
pub(crate) struct Bound {
    /// One for each worker, or one for all; others when they come from a process with more or fewer workers.
    pub sockets: Vec<OwnedFd>,
    pub local: Addr,
    /// Whether evenkeel bound them.
    pub ours: bool,
    /// Which file it made, of a Unix socket.
    pub file: Option<FileIdentity>,
    protocol: Protocol,
    /// Where the QUIC connections of its clients belong.
    trail: OnceLock<Trail>,
    /// Whether no other process has them: else they, and a Unix socket's file, do not end here.
    is_ours_alone: AtomicBool,
    /// Whether nobody can begin to connect any more, but some may have begun.
    awaits_last: AtomicBool,
}

impl Bound {
    fn new(sockets: Vec<OwnedFd>, local: Addr, protocol: Protocol) -> Self {
        Self {
            sockets,
            local,
            ours: true,
            file: None,
            protocol,
            trail: OnceLock::new(),
            is_ours_alone: AtomicBool::new(true),
            awaits_last: AtomicBool::new(false),
        }
    }

    /// Where the QUIC connections of its clients belong, as far as that was seen.
    pub fn trail(&self) -> &Trail {
        self.trail.get_or_init(|| Trail::new(&mut Dice::new(RandomState::new().hash_one(&self.local))))
    }

    /// The sockets that a worker takes from: each is somebody's. Of those for connections everybody has one, and may share
    /// it; of those for datagrams each has one owner, who knows its flows.
    pub fn sockets(&self, worker: usize, workers: usize) -> impl Iterator<Item = BorrowedFd<'_>> {
        self.numbered(worker, workers).map(|(_, socket)| socket)
    }

    /// The same, each with its number.
    pub fn numbered(&self, worker: usize, workers: usize) -> impl Iterator<Item = (usize, BorrowedFd<'_>)> {
        let count = self.sockets.len();
        let end = if self.protocol == Protocol::Udp { count } else { count.max(workers) };
        let socket = move |index: usize| (index % count, self.sockets[index % count].as_fd());
        (worker..end).step_by(workers).map(socket)
    }

    /// Keeps the file of a Unix socket that evenkeel bound when the sockets go, or not: it goes with the last process
    /// that has them.
    pub fn keep_file(&self, keep: bool) {
        self.is_ours_alone.store(!keep && self.ours, Relaxed);
    }

    fn set_options(&self, listener: &Listener) -> Result<(), Unbindable> {
        if let (true, Addr::Unix(path)) = (self.ours, &self.local) {
            socket::set_mode(path, listener.unix_mode)?;
        }
        if self.protocol == Protocol::Udp {
            return self.sockets.iter().try_for_each(|socket| udp::apply(socket, listener));
        }
        self.sockets.iter().try_for_each(|socket| {
            if self.local.ip().is_some() {
                wish::take_back(socket, &listener.inward);
            }
            apply(socket, &self.local, listener)?;
            Ok(socket::listen(socket, listener.backlog)?)
        })
    }

    /// Whether several of so many workers accept from one socket.
    pub fn is_shared(&self, workers: usize) -> bool {
        self.sockets.len() < workers
    }
}

impl Default for Bound {
    fn default() -> Self {
        let bound = Self::new(Vec::new(), Addr::Unix(Path::new("").into()), Protocol::Tcp);
        bound.keep_file(true);
        bound
    }
}

impl Drop for Bound {
    fn drop(&mut self) {
        self.remove_file();
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
    let mut passed = current.map(|current| current.passed.clone()).unwrap_or_default();
    passed.extend(inherited.take_others().map(|(at, passed)| (at.clone(), Arc::new(shelved(passed, at)))));
    try_wishes(&snapshot, current)?;
    for (name, listener) in &snapshot.listeners {
        let left = current.and_then(|current| current.left_to(name, &snapshot));
        let shelved = passed.get(&(name.protocol, name.addr.clone()));
        // Flows go on when no more may begin: by the sockets of this process, or of the one that it takes over from.
        let has_sockets = || left.is_some() || shelved.is_some() || inherited.has(name.protocol, &name.addr);
        if listener.open || (listener.is_for_flows() && has_sockets()) {
            let refused = |why| PrepareError::Listener(name.clone(), why);
            let sockets = match (left, shelved) {
                (Some(sockets), _) => Arc::clone(sockets),
                (None, Some(sockets)) => {
                    take_over(sockets, listener).map_err(refused)?;
                    Arc::clone(sockets)
                }
                (None, None) => {
                    let need = Need { listener, workers, neighbours: neighbours(current, name) };
                    Arc::new(bind(&need, inherited).map_err(refused)?)
                }
            };
            bound.insert(name.clone(), sockets);
        }
        services
            .entry(name.service.clone())
            .or_insert_with(|| ceiling(current.and_then(|c| c.services.get(&name.service)), listener));
    }
    let books = books(&snapshot, current, workers);
    let gates = gate::gates(&snapshot, current.map(|current| &current.gates));
    let leaving = current.map(|current| current.leaving(&bound)).unwrap_or_default();
    Ok(Publication { snapshot, bound, passed, leaving, services, gates, books, keyring: keyring(current) })
}

/// Whether the kernel grants what is wanted of sockets that are bound already, and of those to the backends, as far as
/// that has changed.
fn try_wishes(snapshot: &Snapshot, current: Option<&Publication>) -> Result<(), PrepareError> {
    let before = current.map(|current| &*current.snapshot);
    let listener_before = |name| before.and_then(|before| before.listeners.get(name));
    let pool_before = |name| before.and_then(|before| before.pools.get(name));
    let listeners = snapshot
        .listeners
        .values()
        .filter(|listener| listener_before(&listener.name).is_some_and(|was| was.inward != listener.inward));
    let pools = snapshot
        .pools
        .values()
        .filter(|pool| pool_before(&pool.name).is_none_or(|was| was.rules.outward != pool.rules.outward));
    let refused = listeners.filter_map(|listener| refused_inward(listener));
    let refused = refused.chain(pools.filter_map(|pool| refused_outward(&pool.name, &pool.rules))).next();
    refused.map_or(Ok(()), Err)
}

/// All that the kernel would not grant of what is wanted of sockets: seen without binding anything.
pub fn refusals<'a>(
    listeners: &[Arc<Listener>],
    pools: impl Iterator<Item = (&'a PoolName, &'a PoolRules)>,
) -> Vec<PrepareError> {
    let refused = listeners.iter().filter_map(|listener| refused_inward(listener));
    refused.chain(pools.filter_map(|(name, rules)| refused_outward(name, rules))).collect()
}

fn refused_inward(listener: &Listener) -> Option<PrepareError> {
    listener.name.addr.ip()?;
    let refused = wish::try_inward(&listener.inward).err()?;
    Some(PrepareError::Listener(listener.name.clone(), Unbindable::Wish(refused)))
}

fn refused_outward(name: &PoolName, rules: &PoolRules) -> Option<PrepareError> {
    let refused = wish::try_outward(rules.outward.as_deref()?).err()?;
    Some(PrepareError::Pool(name.clone(), refused))
}

fn keyring(current: Option<&Publication>) -> Arc<Keyring> {
    current.map(|current| Arc::clone(&current.keyring)).unwrap_or_default()
}

fn books(snapshot: &Snapshot, current: Option<&Publication>, workers: usize) -> Books {
    Books::follow(snapshot, current.map(|current| (&*current.snapshot, &current.books)), workers)
}

fn ceiling(current: Option<&Arc<Ceiling>>, listener: &Listener) -> Arc<Ceiling> {
    let ceiling = current.cloned().unwrap_or_else(|| Arc::new(Ceiling::new(listener.max_sessions)));
    ceiling.set_limit(listener.max_sessions);
    ceiling
}

/// Sockets of ours that share a part of its addresses with a listener of this name: `:80` and `127.0.0.1:80`, or the same one
/// that is just closing. Nobody else has any of them.
fn neighbours(current: Option<&Publication>, name: &ListenerName) -> Vec<Arc<Bound>> {
    let Some(current) = current else { return Vec::new() };
    let leaving = current.leaving.iter().filter_map(Weak::upgrade);
    let near = |bound: &Arc<Bound>| {
        let both = bound.local.ip().zip(name.addr.ip());
        bound.protocol == name.protocol && both.is_some_and(|(one, other)| overlap(one, other))
    };
    current.bound.values().cloned().chain(leaving).filter(near).collect()
}

fn overlap(one: SocketAddr, other: SocketAddr) -> bool {
    let covers = |all: IpAddr, it: IpAddr| all.is_unspecified() && (all.is_ipv6() || it.is_ipv4());
    let (a, b) = (one.ip(), other.ip());
    one.port() == other.port() && (a == b || covers(a, b) || covers(b, a))
}

/// For whom sockets are bound.
struct Need<'a> {
    listener: &'a Listener,
    workers: usize,
    neighbours: Vec<Arc<Bound>>,
}

fn bind(need: &Need<'_>, inherited: &mut Inherited) -> Result<Bound, Unbindable> {
    let listener = need.listener;
    let (addr, protocol) = (&listener.name.addr, listener.name.protocol);
    if let Some(passed) = inherited.take(protocol, addr) {
        let bound = shelved(passed, (protocol, addr.clone()));
        take_over(&bound, listener)?;
        return Ok(bound);
    }
    match addr {
        Addr::Ip(ip) if protocol == Protocol::Udp => udp::bind(*ip, need),
        Addr::Unix(path) => Ok(bind_unix(path, listener)?),
        Addr::Ip(ip) => {
            let bind = |mptcp| bind_ip(*ip, need, mptcp);
            match bind(listener.inward.mptcp) {
                // Its clients are served all the same, over TCP alone.
                Err(why) if listener.inward.mptcp && why.is_unsupported() => bind(false),
                result => result,
            }
        }
    }
}

/// Sockets that were bound before, for this address. A file of theirs stays until [`Bound::keep_file`] says otherwise.
fn shelved(passed: Passed, (protocol, addr): (Protocol, Addr)) -> Bound {
    let Passed { sockets, ours, file } = passed;
    let local = sockets.first().and_then(|socket| socket::local_addr(socket).ok().flatten());
    let mut bound = Bound::new(sockets, local.map_or(addr, Addr::Ip), protocol);
    (bound.ours, bound.file) = (ours, file);
    bound.keep_file(true);
    bound
}

/// Makes them those of a listener.
fn take_over(bound: &Bound, listener: &Listener) -> Result<(), Unbindable> {
    for socket in &bound.sockets {
        socket::set_nonblocking(socket)?;
        match bound.protocol {
            Protocol::Tcp => apply(socket, &bound.local, listener)?,
            Protocol::Udp => udp::apply(socket, listener)?,
        }
    }
    if bound.ours {
        bound.set_options(listener)?;
    }
    Ok(())
}

fn bind_unix(path: &Path, listener: &Listener) -> io::Result<Bound> {
    let socket = socket::listen_unix(path, listener.unix_mode, listener.backlog)?;
    let mut bound = Bound::new(vec![socket], Addr::Unix(path.into()), Protocol::Tcp);
    bound.file = FileIdentity::at(path);
    Ok(bound)
}

/// The sockets of a TCP listener.
fn bind_ip(addr: SocketAddr, need: &Need<'_>, mptcp: bool) -> Result<Bound, Unbindable> {
    bind_everywhere(addr, |addr| bind_at(addr, need, mptcp))
}

/// `:80` means every address that this machine has, be it without IPv6.
fn bind_everywhere(
    addr: SocketAddr,
    bind: impl Fn(SocketAddr) -> Result<Bound, Unbindable>,
) -> Result<Bound, Unbindable> {
    match bind(addr) {
        Err(why) if addr.is_ipv6() && addr.ip().is_unspecified() && why.is_without_ipv6() => {
            bind(SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), addr.port()))
        }
        result => result,
    }
}

/// A socket for each worker. They share the port among themselves, but the first bind must find it free: two
/// balancers that shared a port by accident would each get half of its connections. Nobody listens before all are
/// bound: who connected to a socket that is given up again would be reset.
fn bind_at(addr: SocketAddr, need: &Need<'_>, mptcp: bool) -> Result<Bound, Unbindable> {
    let listener = need.listener;
    let interface = listener.inward.interface.as_deref();
    wish::try_interface(interface).map_err(Unbindable::Wish)?;
    let bind = |addr, share| socket::bind_ip(addr, Binding { share, interface, mptcp });
    let (sockets, local) = bind_each(addr, need, bind)?;
    let addr = Addr::Ip(local);
    sockets.iter().try_for_each(|socket| apply(socket, &addr, listener))?;
    sockets.iter().try_for_each(|socket| socket::listen(socket, listener.backlog))?;
    Ok(Bound::new(sockets, addr, Protocol::Tcp))
}

/// A socket for each worker at `addr`, and where that is. It may be taken by neighbours as long as those are there: then
/// the kernel hands connections to whose address says more.
fn bind_each(
    addr: SocketAddr,
    &Need { workers, ref neighbours, .. }: &Need<'_>,
    bind: impl Fn(SocketAddr, bool) -> io::Result<OwnedFd>,
) -> io::Result<(Vec<OwnedFd>, SocketAddr)> {
    let for_each_worker = |addr| (0..workers).map(|_| bind(addr, true)).collect::<io::Result<Vec<_>>>();
    let first = match bind(addr, false) {
        Err(error) if error.kind() == io::ErrorKind::AddrInUse && !neighbours.is_empty() => {
            neighbours.iter().flat_map(|it| &it.sockets).try_for_each(socket::share)?;
            return Ok((for_each_worker(addr)?, addr));
        }
        result => result?,
    };
    let local = socket::local_addr(&first)?.map_or(addr, |local| SocketAddr::new(addr.ip(), local.port()));
    if workers == 1 {
        return Ok((vec![first], local));
    }
    drop(first);
    Ok((for_each_worker(local)?, local))
}

/// Options that accepted sockets inherit.
fn apply(socket: &OwnedFd, addr: &Addr, listener: &Listener) -> Result<(), Unbindable> {
    if let Some(addr) = addr.ip() {
        socket::set_nodelay(socket)?;
        set_keepalive(socket, &listener.socket)?;
        if listener.inward.congestion.is_none() {
            wish::spare_pacing(socket, addr.ip());
        }
        wish::grant(socket, &listener.inward).map_err(Unbindable::Wish)?;
    }
    Ok(())
}

impl From<io::Error> for Unbindable {
    fn from(error: io::Error) -> Self {
        Self::Addr(error)
    }
}

impl Unbindable {
    fn errno(&self) -> Option<Errno> {
        let (Self::Addr(source) | Self::Wish(Refused { source, .. })) = self;
        source.raw_os_error().map(Errno::from_raw_os_error)
    }

    fn is_without_ipv6(&self) -> bool {
        matches!(self.errno(), Some(Errno::AFNOSUPPORT | Errno::ADDRNOTAVAIL))
    }

    /// Whether the kernel lacks a protocol, or one of its options.
    fn is_unsupported(&self) -> bool {
        matches!(
            self.errno(),
            Some(Errno::PROTONOSUPPORT | Errno::NOPROTOOPT | Errno::OPNOTSUPP | Errno::INVAL)
        )
    }
}
