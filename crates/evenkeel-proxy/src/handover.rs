//! Sessions that move to another process: given away as plain data while the worker stands still, and gone on with
//! there.

mod adopt;
mod release;

use crate::reactor::Row;
use crate::relay::{Relay, SuspendedRelay};
use crate::session::Session;
use crate::udp::{Flow, SuspendedFlow};
use crate::worker::{Command, Slot, Stage, Worker};
use evenkeel_core::addr::Addr;
use evenkeel_core::attempt::Attempt;
use evenkeel_core::name::{ListenerName, PoolName};
use evenkeel_core::objection::Objections;
use evenkeel_core::snapshot::PoolRules;
use std::collections::VecDeque;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender};
use std::time::{Duration, Instant};

/// Sessions that are given away at once.
const STEP: usize = 32;

/// Descriptors of one session, at most: two sockets and two pipes.
pub const SESSION_DESCRIPTORS_MAX: usize = 6;

/// Held by a worker until it has done what it was told; whoever told it sees it dropped.
pub type Done = Sender<()>;

/// Is given established sessions, some at a time, on the worker's thread; false: it takes no more.
pub type Hand = dyn Fn(&[Suspended<BorrowedFd<'_>>]) -> bool + Send + Sync;

/// An established session as plain data. `F` is how descriptors are held.
#[derive(Debug)]
pub struct Suspended<F> {
    /// Unique while this and the processes after it live.
    pub id: u64,
    /// Who accepted it.
    pub listener: ListenerName,
    /// Where the client is.
    pub client: Addr,
    /// The proxy in front that has said so.
    pub via: Option<Addr>,
    /// The host that it asked for, where that was read.
    pub server_name: Option<Box<str>>,
    /// For what it would have been refused.
    pub observed: Objections,
    /// Where it was sent.
    pub pool: PoolName,
    /// When it was accepted.
    pub accepted: Instant,
    /// The connects that failed.
    pub failed_attempts: Vec<Attempt>,
    /// Time spent waiting for a seat.
    pub queued: Duration,
    /// Who it is connected to.
    pub backend: Addr,
    /// How long that took.
    pub connect: Duration,
    /// What it carries.
    pub traffic: Traffic<F>,
}

/// What a session carries, as plain data.
#[derive(Debug)]
pub enum Traffic<F> {
    /// Bytes.
    Relay(SuspendedRelay<F>),
    /// Datagrams.
    Flow(SuspendedFlow<F>),
}

impl<F> Traffic<F> {
    /// What the session is held to.
    pub fn rules(&self) -> &Arc<PoolRules> {
        match self {
            Self::Relay(relay) => &relay.rules,
            Self::Flow(flow) => &flow.rules,
        }
    }

    fn rules_mut(&mut self) -> &mut Arc<PoolRules> {
        match self {
            Self::Relay(relay) => &mut relay.rules,
            Self::Flow(flow) => &mut flow.rules,
        }
    }
}

/// What is lent of an established session.
enum Lent<'a> {
    Relay(&'a Relay),
    Flow(&'a Flow, Rc<OwnedFd>),
}

impl Lent<'_> {
    fn suspend(&self) -> Option<Traffic<BorrowedFd<'_>>> {
        Some(match self {
            Self::Relay(relay) => Traffic::Relay(relay.suspend()),
            Self::Flow(flow, socket) => Traffic::Flow(flow.suspend(socket.as_fd())?),
        })
    }
}

/// A wait until sessions that are being opened are open.
pub struct Settling {
    rows: Vec<Row>,
    by: Instant,
    _done: Done,
}

impl Worker {
    /// Waits for those that are being opened now.
    pub fn begin_to_settle(&self, by: Instant, done: Done) {
        let table = self.table.borrow();
        let opening = table.iter().filter(|slot| slot.is_opening());
        let rows = opening.map(|slot| slot.session.row).collect();
        *self.settling.borrow_mut() = Some(Settling { rows, by, _done: done });
    }

    /// Ends that wait when there is nobody left to wait for, or no time.
    pub fn settle(&self) {
        let mut settling = self.settling.borrow_mut();
        let Some(Settling { rows, by, .. }) = &mut *settling else { return };
        let table = self.table.borrow();
        let is_opening = |row: &Row| table.at(*row).is_some_and(Slot::is_opening);
        // As long as one of them is not open the others do not matter: it is asked in every turn, and there may be many.
        while rows.pop_if(|row| !is_opening(row)).is_some() {}
        if rows.is_empty() || Instant::now() >= *by {
            *settling = None;
        }
    }

    /// How long that wait may still last.
    pub fn unsettled_for(&self) -> Option<Duration> {
        let settling = self.settling.borrow();
        settling.as_ref().map(|settling| settling.by.saturating_duration_since(Instant::now()))
    }

    /// Gives every established session to `hand`, and stands still until the word comes whether they have gone. Gives back
    /// the commands that came meanwhile.
    pub fn suspend(self: &Rc<Self>, hand: &Hand, done: Done, inbox: &Receiver<Command>) -> VecDeque<Command> {
        // Whoever is to be closed would be out of reach.
        while !self.visits.borrow().is_empty() {
            self.visit();
        }
        let rows = self.give(hand);
        drop(done);
        let mut later = VecDeque::new();
        loop {
            match inbox.recv() {
                Ok(Command::Release(listeners, _done)) => {
                    self.release(&rows, &listeners);
                    return later;
                }
                Ok(Command::GoOn) => {
                    self.accept_again();
                    return later;
                }
                Ok(Command::Stop) | Err(_) => {
                    later.push_back(Command::Stop);
                    return later;
                }
                Ok(command) => later.push_back(command),
            }
        }
    }

    /// Gives away what can be, and says which rows those are.
    fn give(&self, hand: &Hand) -> Vec<Row> {
        let table = self.table.borrow();
        let established: Vec<_> = table
            .iter()
            .filter_map(|slot| match &slot.stage {
                // What TLS knows of a connection cannot be written down, nor what HTTP/2 does.
                Stage::Relaying { relay, .. } if relay.is_under_tls() => None,
                Stage::Relaying { .. } if slot.session.connection().is_some() => None,
                Stage::Relaying { relay, .. } => Some((&slot.session, Lent::Relay(relay))),
                Stage::Flowing(flow) => {
                    let socket = Rc::clone(&flow.towards.borrow().socket);
                    Some((&slot.session, Lent::Flow(flow, socket)))
                }
                // Nor can a request in the middle of which it is; it ends here, and its client comes back.
                Stage::Opening(_) | Stage::Waiting(_) | Stage::Away => None,
            })
            .collect();
        let mut rows = Vec::with_capacity(established.len());
        for step in established.chunks(STEP) {
            let given = step
                .iter()
                .filter_map(|(session, lent)| Some((session.row, suspended(session, lent.suspend()?)?)));
            let (given, suspended): (Vec<_>, Vec<_>) = given.unzip();
            if !hand(&suspended) {
                break;
            }
            rows.extend(given);
        }
        rows
    }
}

/// `None` for one that is connected to nobody, or sent nowhere, which no established session is.
fn suspended<'a>(session: &Session, traffic: Traffic<BorrowedFd<'a>>) -> Option<Suspended<BorrowedFd<'a>>> {
    let opening = session.opening.borrow();
    let (backend, connect) = session.reach().connected()?;
    let pool = session.pool_name()?;
    Some(Suspended {
        id: session.id,
        listener: session.listener.name.clone(),
        client: session.client().clone(),
        via: session.via().cloned(),
        server_name: opening.notes.greeting.as_ref().and_then(|greeting| greeting.server_name.clone()),
        observed: opening.notes.observed,
        pool,
        accepted: session.accepted,
        failed_attempts: opening.notes.failed_attempts.clone(),
        queued: opening.notes.queued,
        backend,
        connect,
        traffic,
    })
}
