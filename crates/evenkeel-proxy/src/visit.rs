//! Looking at open sessions, or closing them, on the orders of an operator: a worker goes through its table in small
//! steps between turns, so that traffic does not wait for it.

use crate::reactor::Row;
use crate::record::Datagrams;
use crate::session::{Reach, Session};
use crate::worker::{Stage, Worker};
use evenkeel_core::addr::Addr;
use evenkeel_core::attempt::Attempt;
use evenkeel_core::end::End;
use evenkeel_core::name::{ListenerName, PoolName, ServiceName};
use std::net::IpAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Places of the table that are looked at in one turn of a worker.
pub const STEP: usize = 1024;

/// Which sessions are meant: those that are like this in everything that is given.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// The one with this id.
    pub id: Option<u64>,
    /// Of this service.
    pub service: Option<ServiceName>,
    /// Sent to this pool.
    pub pool: Option<PoolName>,
    /// Connected to a backend at this address.
    pub backend: Option<Addr>,
    /// Whose client has this address.
    pub client: Option<IpAddr>,
}

/// An open session.
#[derive(Clone, Debug)]
pub struct SessionView {
    /// Unique while this process lives.
    pub id: u64,
    /// Who accepted it.
    pub listener: ListenerName,
    /// Where the client is.
    pub client: Addr,
    /// The proxy in front that has said so.
    pub via: Option<Addr>,
    /// Where it is sent; `None` while that is not known.
    pub pool: Option<PoolName>,
    /// Who it is connected to; `None` while it is being opened.
    pub backend: Option<Addr>,
    /// Since it was accepted.
    pub age: Duration,
    /// Since bytes last moved; `None` while it is being opened.
    pub idle: Option<Duration>,
    /// Bytes that the backend's socket took.
    pub to_backend: u64,
    /// Bytes that the client's socket took.
    pub to_client: u64,
    /// In how many datagrams, if it is a flow.
    pub datagrams: Option<Datagrams>,
    /// Requests that have come, where those are balanced.
    pub requests: Option<u64>,
    /// The connects that failed, in order.
    pub failed_attempts: Vec<Attempt>,
    /// Time spent waiting for a seat.
    pub queued: Duration,
    /// How far it has come on its way to a backend.
    pub reach: Reach,
}

/// What one step of one worker came to.
#[derive(Clone, Debug, Default)]
pub struct Visited {
    /// Sessions that the filter means, not more than were wanted.
    pub sessions: Vec<SessionView>,
    /// How many it means, however many were wanted.
    pub matched: u64,
}

/// One look at all sessions.
pub struct Visit {
    /// Which are meant.
    pub filter: Filter,
    /// How many are wanted of each worker's step.
    pub limit: usize,
    /// Whether they are closed, and when.
    pub close: Option<Closing>,
    /// Is told what each step came to, on the worker's thread: it must not wait. Dropped when all have gone through.
    pub answer: Box<dyn Fn(Visited) + Send + Sync>,
}

/// When sessions are closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Closing {
    /// At once.
    Now,
    /// Somewhere between these times from now on, each at another moment, so that not all clients come back at once.
    /// They may end by themselves before; one that is still being opened is left alone.
    Within(Duration, Duration),
}

/// How far a visit has come.
pub struct Progressing {
    visit: Arc<Visit>,
    next: usize,
}

impl From<Arc<Visit>> for Progressing {
    fn from(visit: Arc<Visit>) -> Self {
        Self { visit, next: 0 }
    }
}

impl Filter {
    /// Whether `session` is looked at: streams are only where it is asked for a backend, which their connections have none of.
    fn picks(&self, session: &Session) -> bool {
        (session.connection().is_none() || self.backend.is_some()) && self.means(session)
    }

    /// Whether `session` is meant.
    pub(crate) fn means(&self, session: &Session) -> bool {
        fn is<T: PartialEq>(wanted: &Option<T>, found: impl FnOnce() -> Option<T>) -> bool {
            wanted.is_none() || *wanted == found()
        }
        is(&self.id, || Some(session.id))
            && is(&self.service, || Some(session.listener.name.service.clone()))
            && is(&self.pool, || session.pool_name())
            && is(&self.client, || session.client().ip().map(|addr| addr.ip().to_canonical()))
            && is(&self.backend, || session.backend())
    }
}

impl Worker {
    /// Takes one step of the visit that came first, if there is one.
    pub fn visit(self: &Rc<Self>) {
        let Some(mut progressing) = self.visits.borrow_mut().pop_front() else { return };
        let Progressing { visit, next } = &mut progressing;
        if *next == 0 {
            self.order_requests(visit);
        }
        let range = *next..*next + STEP;
        let (visited, rows) = self.look(visit, range.clone());
        match visit.close {
            None => {}
            Some(Closing::Now) => rows.into_iter().for_each(|row| self.cut(row, End::Ordered)),
            Some(Closing::Within(from, to)) => rows.into_iter().for_each(|row| {
                self.close_by(row, self.reactor.now() + self.between((from, to)));
            }),
        }
        (visit.answer)(visited);
        if range.end < self.table.borrow().places() {
            *next = range.end;
            self.visits.borrow_mut().push_front(progressing);
        }
        if !self.visits.borrow().is_empty() {
            self.shared.wake(self.index).wake();
        }
    }

    /// Requests that are being served are over by then, too; their sessions go on.
    fn order_requests(&self, visit: &Visit) {
        let Some(Closing::Within(from, to)) = visit.close else { return };
        self.http.orders.give(self.reactor.now(), visit.filter.clone(), (from, to));
        self.wake_serving(|_| true);
    }

    /// Some time between these.
    pub fn between(&self, (from, to): (Duration, Duration)) -> Duration {
        let spread = to.saturating_sub(from).as_millis() as u64;
        from + Duration::from_millis(self.dice.borrow_mut().below(spread + 1))
    }

    fn look(&self, visit: &Visit, range: std::ops::Range<usize>) -> (Visited, Vec<Row>) {
        let (mut visited, mut rows) = (Visited::default(), Vec::new());
        let (table, now) = (self.table.borrow(), self.reactor.now());
        for slot in range.filter_map(|index| table.in_place(index)) {
            if !visit.filter.picks(&slot.session) {
                continue;
            }
            visited.matched += 1;
            rows.push(slot.session.row);
            if visited.sessions.len() < visit.limit {
                visited.sessions.push(view(&slot.session, &slot.stage, now));
            }
        }
        (visited, rows)
    }
}

fn view(session: &Session, stage: &Stage, now: Instant) -> SessionView {
    let carried = session.carried(stage.carried());
    let opening = session.opening.borrow();
    SessionView {
        id: session.id,
        listener: session.listener.name.clone(),
        client: session.client().clone(),
        via: session.via().cloned(),
        pool: session.pool_name(),
        backend: session.backend(),
        age: now.saturating_duration_since(session.accepted),
        idle: carried.map(|carried| now.saturating_duration_since(carried.active)),
        to_backend: carried.map_or(0, |carried| carried.to_backend),
        to_client: carried.map_or(0, |carried| carried.to_client),
        datagrams: carried.and_then(|carried| carried.datagrams),
        requests: session.serving().map(|serving| serving.requests()),
        failed_attempts: opening.notes.failed_attempts.clone(),
        queued: opening.notes.queued,
        reach: session.reach(),
    }
}
