//! The plane as the control plane sees it: start, prepare, publish, drain, stop.

use crate::Inherited;
use crate::bind::{self, Bound, Publication};
use crate::books::{BackendSums, RouteSums, ServiceSums};
use crate::helm::Helm;
use crate::record::{Records, Telling};
use crate::relay::PIPE_BYTES;
use crate::reserved::{Open, Reserved};
use crate::shared::{Ceiling, Shared};
use crate::visit::Visit;
use crate::wish::Refused;
use crate::worker::{Command, Worker};
use evenkeel_core::addr::Addr;
use evenkeel_core::awake::BusyPoll;
use evenkeel_core::live::LiveFailure;
use evenkeel_core::name::{BackendKey, ListenerName, PoolName, ServiceName};
use evenkeel_core::snapshot::Snapshot;
use evenkeel_sys::socket::FileIdentity;
use std::collections::BTreeMap;
use std::hash::{BuildHasher, RandomState};
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread::JoinHandle;
use std::time::Duration;

/// Pipes for bulk that a worker opens at most; a session needs one only while bytes are in it.
const PIPES_PER_WORKER: usize = 128;

/// Sessions for each pipe: where descriptors are so few that this counts, sessions go first.
const SESSIONS_PER_PIPE: usize = 8;

/// Reports that may wait to be read.
const REPORTS: usize = 1024;

/// How the plane is set up; fixed while it lives.
#[derive(Clone, Debug)]
pub struct PlaneOptions {
    /// Worker threads; at least 1.
    pub workers: usize,
    /// Sessions at once, in all; at this many it stops accepting until one ends.
    pub max_sessions: u32,
}

impl PlaneOptions {
    /// Pipes that each worker opens at most: never less than one session in full flow can use.
    fn pipes_per_worker(&self) -> usize {
        (self.max_sessions as usize / SESSIONS_PER_PIPE / self.workers).clamp(2, PIPES_PER_WORKER)
    }

    /// Bytes that its pipes may hold in full swing.
    pub fn pipe_bytes(&self) -> u64 {
        (self.workers * self.pipes_per_worker() * PIPE_BYTES) as u64
    }

    /// Descriptors that the plane may hold, those of listeners not counted: two for each session, two for each pipe,
    /// and each worker's epoll and wake-up.
    pub fn descriptors(&self) -> u64 {
        let worker = 2 + 2 * self.pipes_per_worker() as u64;
        2 * u64::from(self.max_sessions) + self.workers as u64 * worker
    }
}

/// What the plane tells the control plane, besides session records.
#[derive(Clone, Debug)]
pub enum Report {
    /// Live traffic failed by the backend's fault, so many times in a row.
    Suspect {
        /// Whom to.
        key: BackendKey,
        /// How.
        failure: LiveFailure,
        /// Failures in a row, this one included.
        in_row: u32,
        /// How long it took.
        took: Duration,
    },
    /// So many sessions are open that no more are accepted until one ends. Told once, until the ceiling was left, and
    /// once a second at most.
    CeilingReached {
        /// The service whose ceiling it is; `None`: that of the process.
        service: Option<ServiceName>,
        /// Open sessions.
        sessions: u32,
    },
    /// There is room again after [`CeilingReached`](Self::CeilingReached).
    CeilingLeft {
        /// The service whose ceiling it is; `None`: that of the process.
        service: Option<ServiceName>,
    },
    /// `accept` failed for want of descriptors or memory; it is tried again by itself. Told once a second at most.
    AcceptFailed {
        /// Where.
        listener: ListenerName,
        /// Why.
        errno: i32,
    },
    /// A session ended in a panic; a defect of evenkeel.
    Panicked {
        /// What the panic said.
        message: String,
    },
    /// After [`UserPlane::drain`]: the last session has ended.
    Drained,
}

/// Why a snapshot cannot be published.
#[derive(Debug)]
pub enum PrepareError {
    /// A listener cannot be bound.
    Listener(ListenerName, Unbindable),
    /// A pool's sockets cannot be what they are to be.
    Pool(PoolName, Refused),
}

/// Why a listener cannot be bound.
#[derive(Debug)]
pub enum Unbindable {
    /// Because of its address.
    Addr(io::Error),
    /// Because of what else is wanted of its sockets.
    Wish(Refused),
}

/// Sums over all workers since the start.
#[derive(Clone, Copy, Debug, Default)]
pub struct Totals {
    /// Sessions accepted.
    pub accepted: u64,
    /// Sessions open now.
    pub open: u64,
    /// Bytes held for clients that have no backend yet.
    pub early_bytes: u64,
    /// So many of those, at most.
    pub early_bytes_max: u64,
    /// Times that a ceiling stood against accepting: of the process or of a service.
    pub ceilings: u64,
    /// Times that accepting failed for want of descriptors or memory.
    pub accept_failures: u64,
    /// Kernel pipes open for bulk transfers now.
    pub pipes: u64,
    /// Workers that wait awake before they sleep, now.
    pub busy_polling: u64,
    /// Sessions that ended before their sockets had to be watched. Another process begins anew.
    pub unwatched: u64,
    /// Sessions that ended in a panic.
    pub panics: u64,
    /// Sessions that were still open when the plane ended, or its time to drain.
    pub cut: u64,
    /// Session records that were dropped because their reader was too slow.
    pub records_dropped: u64,
    /// Reports that were dropped for the same reason.
    pub reports_dropped: u64,
}

/// The workers, seen from the control plane. Dropping it stops them at once.
pub struct UserPlane {
    helm: Helm,
    threads: Vec<JoinHandle<()>>,
    current: Option<Publication>,
    draining: bool,
}

/// The sockets of one listener, for another process. They are those of the workers and take no descriptors of their own, but
/// stay open as long as this is there.
pub struct Handed {
    /// Which one.
    pub name: ListenerName,
    bound: Arc<Bound>,
}

impl Handed {
    /// All of its sockets.
    pub fn sockets(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        self.bound.sockets.iter().map(AsFd::as_fd)
    }

    /// Whether evenkeel bound them.
    pub fn are_ours(&self) -> bool {
        self.bound.ours
    }

    /// Which file it made, of a Unix socket.
    pub fn file(&self) -> Option<FileIdentity> {
        self.bound.file
    }
}

/// The plane and what it tells.
pub struct Started {
    /// The plane.
    pub plane: UserPlane,
    /// What it reports. Bounded: what does not fit is dropped and counted.
    pub reports: Receiver<Report>,
}

impl UserPlane {
    /// Starts the workers; they do nothing until something is published, tell of sessions at which something is worth a look
    /// until [`tell_of`](Self::tell_of) says otherwise, and hold what clients say without a limit over all of them until
    /// [`limit_early`](Self::limit_early) gives one. Fails when the kernel gives no thread or descriptor.
    ///
    /// Workers call `take` with their records, in batches. It must not wait; what it does not take is dropped and counted.
    pub fn start(
        options: &PlaneOptions,
        take: impl Fn(Records) -> bool + Send + Sync + 'static,
    ) -> io::Result<Started> {
        let (report_sender, reports) = mpsc::sync_channel(REPORTS);
        let shared = Arc::new(Shared::new(options, report_sender, Box::new(take))?);
        let helm = Helm { shared, inboxes: Vec::new() };
        let mut plane = Self { helm, threads: Vec::new(), current: None, draining: false };
        for index in 0..options.workers {
            let (inbox, thread) = plane.start_worker(index, options.pipes_per_worker() as u32)?;
            plane.helm.inboxes.push(inbox);
            plane.threads.push(thread);
        }
        Ok(Started { plane, reports })
    }

    fn start_worker(&self, index: usize, pipes: u32) -> io::Result<(Sender<Command>, JoinHandle<()>)> {
        let (inbox, commands) = mpsc::channel();
        let (ready, is_ready) = mpsc::channel();
        let shared = Arc::clone(&self.helm.shared);
        let seed = RandomState::new().hash_one(index);
        let thread = std::thread::Builder::new().name(format!("worker-{index}")).spawn(move || {
            match Worker::new(index, shared, pipes, seed) {
                Ok(worker) => {
                    drop(ready);
                    worker.run(&commands);
                }
                // Whoever starts us waits for this.
                Err(error) => drop(ready.send(error)),
            }
        })?;
        match is_ready.recv() {
            Ok(error) => Err(error),
            Err(mpsc::RecvError) => Ok((inbox, thread)),
        }
    }

    /// Binds what `snapshot` needs and is not bound yet, taking sockets from `inherited` where the address is the
    /// same. Nothing is accepted before [`publish`](Self::publish); dropping the result undoes it. Nothing is bound
    /// after [`drain`](Self::drain).
    pub fn prepare(
        &self,
        snapshot: Arc<Snapshot>,
        inherited: &mut Inherited,
    ) -> Result<Publication, PrepareError> {
        if self.draining {
            return Ok(Publication::unbound(snapshot, self.current.as_ref(), self.threads.len()));
        }
        bind::prepare(snapshot, self.current.as_ref(), self.threads.len(), inherited)
    }

    /// The same for a plane with so many workers that is not started yet.
    pub fn prepare_first(
        snapshot: Arc<Snapshot>,
        workers: usize,
        inherited: &mut Inherited,
    ) -> Result<Publication, PrepareError> {
        bind::prepare(snapshot, None, workers, inherited)
    }

    /// `publication`, which is not published yet, with a newer picture of the same listeners.
    pub fn renew(
        &self,
        publication: &Publication,
        snapshot: Arc<Snapshot>,
    ) -> Result<Publication, PrepareError> {
        bind::prepare(snapshot, Some(publication), self.threads.len(), &mut Inherited::new())
    }

    /// Makes the workers obey `publication` from now on.
    pub fn publish(&mut self, publication: Publication) {
        if let Some(before) = self.current.replace(publication.clone()) {
            publication.follow(&before);
            before.turn_away(&publication.bound);
        }
        let publication = Arc::new(publication);
        self.helm.command(|_| Command::Publish(Arc::clone(&publication)));
    }

    /// Stops accepting for good, as soon as nobody is half connected, and lets sessions end, within `window`; what is left is closed, spread over the
    /// window's second half. [`Report::Drained`] tells when the last has ended.
    pub fn drain(&mut self, window: Duration) {
        self.draining = true;
        // The kernel goes on taking connections into a socket's backlog until its last owner has closed it.
        if let Some(current) = &mut self.current {
            current.turn_away(&BTreeMap::new());
            current.bound.clear();
            current.passed.clear();
        }
        self.helm.command(|_| Command::Drain(window));
    }

    /// Ends every session at once, and the workers; returns when they have ended, with the last sums.
    pub fn stop(self) -> Totals {
        let shared = Arc::clone(&self.helm.shared);
        drop(self);
        shared.totals()
    }

    /// Holds so many bytes for clients that have no backend yet, at most; what is held stays.
    pub fn limit_early(&self, bytes: u64) {
        self.helm.shared.early.set_limit(bytes);
    }

    /// Has workers wait so; at first they do as in `Auto`.
    pub fn set_busy_poll(&self, how: BusyPoll) {
        self.helm.shared.set_busy_poll(how);
    }

    /// Makes records of this from now on.
    pub fn tell_of(&self, telling: Telling) {
        self.helm.command(|_| Command::Tell(telling));
    }

    /// Goes through all sessions, in small steps between the workers' turns.
    pub fn visit(&self, visit: Visit) {
        let visit = Arc::new(visit);
        self.helm.command(|_| Command::Visit(Arc::clone(&visit)));
    }

    /// Sums over all workers.
    pub fn totals(&self) -> Totals {
        self.helm.shared.totals()
    }

    /// Sums over all workers, for each service that is published.
    pub fn services(&self) -> BTreeMap<ServiceName, ServiceSums> {
        let Some(current) = &self.current else { return BTreeMap::new() };
        let sums = |(name, ceiling): (&ServiceName, &Arc<Ceiling>)| {
            let uncounted = current.gates.get(name).map_or(0, |gate| gate.uncounted());
            Some((name.clone(), current.books.service(name, ceiling.taken(), uncounted)?))
        };
        current.services.iter().filter_map(sums).collect()
    }

    /// Sums over all workers, for each route of requests that is published, by service.
    pub fn routes(&self) -> BTreeMap<ServiceName, Vec<(Box<str>, RouteSums)>> {
        self.current.as_ref().map(|it| it.books.routes()).unwrap_or_default()
    }

    /// Sums over all workers, for each backend that is published.
    pub fn backends(&self) -> BTreeMap<BackendKey, BackendSums> {
        self.current.as_ref().map(|it| it.books.backends(&it.snapshot)).unwrap_or_default()
    }

    /// Where each listener is really bound; none once it drains.
    pub fn bound(&self) -> Vec<(ListenerName, Addr)> {
        let bound = self.current.iter().flat_map(Publication::bound);
        bound.map(|(name, addr)| (name.clone(), addr.clone())).collect()
    }

    /// What was published last.
    pub fn publication(&self) -> Option<&Publication> {
        self.current.as_ref()
    }

    /// What the workers obey now.
    pub fn snapshot(&self) -> Option<&Arc<Snapshot>> {
        self.current.as_ref().map(|it| &it.snapshot)
    }

    /// A hand on the workers for a thread that moves their sessions.
    pub fn helm(&self) -> Helm {
        self.helm.clone()
    }

    /// The sockets of all listeners, for another process; those that were passed and that no listener has go along, in the
    /// name of none.
    pub fn sockets(&self) -> Vec<Handed> {
        let bound = self.current.iter().flat_map(|current| &current.bound);
        let bound = bound.map(|(name, bound)| (name.clone(), bound));
        let idle = self.current.iter().flat_map(Publication::idle_sockets);
        let idle = idle.map(|((protocol, addr), bound)| {
            let service = ServiceName::new("");
            (ListenerName { service, protocol: *protocol, addr: addr.clone() }, bound)
        });
        bound.chain(idle).map(|(name, bound)| Handed { name, bound: Arc::clone(bound) }).collect()
    }

    /// Whether the files of Unix sockets are to stay when their listeners, if they are among these, are closed: another
    /// process has them.
    pub fn keep_files(&self, keep: bool, mut of: impl FnMut(&ListenerName) -> bool) {
        let bound = self.current.iter().flat_map(|current| &current.bound);
        bound.filter(|(name, _)| of(name)).for_each(|(_, bound)| bound.keep_file(keep));
    }

    /// How many sessions are open, and where.
    pub fn open(&self) -> Open {
        self.current.as_ref().map(Open::of).unwrap_or_default()
    }

    /// Keeps room for sessions of another process that are to come here; `publication` is published next.
    pub fn reserve(&self, publication: &Publication, open: &Open) -> Reserved {
        open.reserve(publication, &self.helm.shared)
    }

    /// Takes no datagrams before sessions of another process have come, or the word that none will. Call it before the
    /// first [`publish`](Self::publish).
    pub fn await_flows(&self) {
        self.helm.command(|_| Command::HoldPorts);
    }

    /// No session that was accepted until now has a higher id.
    pub fn last_id(&self) -> u64 {
        self.helm.shared.last_id()
    }

    /// Sessions that are accepted from now on have higher ids than this. Call it before the first
    /// [`publish`](Self::publish).
    pub fn number_on_from(&self, last_id: u64) {
        self.helm.shared.ids_before.store(last_id, Relaxed);
    }

    /// Goes on counting from what another process has counted, of whatever is published here too.
    pub fn count_on_from(
        &self,
        totals: &Totals,
        services: &BTreeMap<ServiceName, ServiceSums>,
        backends: &BTreeMap<BackendKey, BackendSums>,
    ) {
        self.helm.shared.count_on_from(totals);
        if let Some(current) = &self.current {
            current.books.count_on_from(&current.snapshot, services, backends);
        }
    }
}

impl Drop for UserPlane {
    fn drop(&mut self) {
        self.helm.command(|_| Command::Stop);
        // A panic of a worker itself was printed when it happened.
        self.threads.drain(..).for_each(|thread| drop(thread.join()));
    }
}
