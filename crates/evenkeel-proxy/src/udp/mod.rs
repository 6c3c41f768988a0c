//! Services that take datagrams: what clients send is taken from a listener's sockets ([`receive`]), belongs to a flow, which
//! begins if there is none ([`begin`]), and goes to its backend; what that answers ([`answer`]) comes from the address that
//! the client asked. Which flows there are is known to the core's tables ([`FlowTable`]), what each consists of to [`flow`].
//!
//! A flow is a session with another kind of traffic: it is in the same table, under the same ceilings, counted and told of
//! like any other. Nothing is queued: what a socket does not take now is dropped and counted.

mod answer;
mod begin;
mod fail;
mod flow;
mod receive;
mod room;
mod suspended;
mod towards;

pub use flow::Flow;
pub use suspended::SuspendedFlow;

use crate::listener::Accepting;
use crate::reactor::{Row, Token};
use crate::worker::Worker;
use evenkeel_core::dice::Dice;
use evenkeel_core::end::End;
use evenkeel_core::flow::FlowTable;
use evenkeel_core::name::{Protocol, ServiceName};
use evenkeel_core::snapshot::{Listener, Snapshot};
use evenkeel_sys::datagram::{Inbox, Peer};
use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::hash::{BuildHasher, RandomState};
use std::rc::Rc;
use std::time::{Duration, Instant};

/// Flows that are ended in one turn because they were quiet for too long: the others have to wait for a turn more.
const EXPIRED_MAX: usize = 256;

/// What tells flows of a service apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Path {
    /// The number of the listener.
    pub listener: u32,
    /// The client, and the address it sends to.
    pub peer: Peer,
}

/// The flows of one service in one worker.
pub type Flows = RefCell<FlowTable<Path, Rc<Flow>>>;

/// What a worker has for datagrams.
#[derive(Default)]
pub struct Udp {
    services: RefCell<BTreeMap<ServiceName, Rc<Flows>>>,
    /// Flows of all services.
    open: Cell<u32>,
    /// No flow is over before that, whichever service it is of: there may be thousands of those. `None`: there is no flow.
    due: Cell<Option<Instant>>,
    /// Batches in a row behind which there was more.
    full_batches: Cell<u32>,
    /// Whether flows of another process are still to come.
    held: Cell<bool>,
    /// Where datagrams are between two calls.
    inbox: RefCell<Inbox>,
}

impl Worker {
    /// The flows of the service that `listener` belongs to, held to what it says now; `None` where it takes connections.
    pub fn flows_of(&self, listener: &Listener) -> Option<Rc<Flows>> {
        if listener.name.protocol != Protocol::Udp {
            return None;
        }
        let limit = self.share(listener.max_sessions);
        let mut services = self.udp.services.borrow_mut();
        let flows = services.entry(listener.name.service.clone()).or_insert_with(|| {
            // Not the worker's, which are shown to backends: nobody is to know where a flow has its place.
            let mut dice = Dice::new(RandomState::new().hash_one(&listener.name.service));
            Rc::new(RefCell::new(FlowTable::new(limit, listener.flows, &mut dice)))
        });
        flows.borrow_mut().set(limit, listener.flows);
        self.udp.heed(&flows.borrow());
        Some(Rc::clone(flows))
    }

    /// Forgets the tables of services that are no more; their flows have ended with their listeners.
    pub fn forget_services(&self, snapshot: &Snapshot) {
        if self.udp.services.borrow().is_empty() {
            return;
        }
        let of_udp = snapshot.listeners.keys().filter(|it| it.protocol == Protocol::Udp);
        let has: BTreeSet<&ServiceName> = of_udp.map(|it| &it.service).collect();
        let stays =
            |service: &ServiceName, flows: &Flows| has.contains(service) || !flows.borrow().is_empty();
        self.udp.services.borrow_mut().retain(|service, flows| stays(service, flows));
    }

    /// Takes datagrams from a listener's sockets from now on.
    pub fn open_port(&self, accepting: &Accepting) {
        if self.udp.held.get() {
            return;
        }
        for socket in self.sockets(accepting) {
            if let Err(error) = self.reactor.add_level(socket, Token::Port(accepting.number), false) {
                self.report_accept_failure(&accepting.listener.name, error.raw_os_error().unwrap_or(0));
            }
        }
    }

    /// Takes no more of them: the flows that came that way are over.
    pub fn close_port(self: &Rc<Self>, accepting: &Accepting) {
        self.unwatch(accepting);
        let Some(flows) = &accepting.flows else { return };
        let rows: Vec<_> = flows
            .borrow()
            .iter()
            .filter(|(_, path, _)| path.listener == accepting.number)
            .map(|(.., flow)| flow.session.row)
            .collect();
        rows.into_iter().for_each(|row| self.end(row, End::Drained));
    }

    /// How long no flow is over; `None`: there is none.
    pub fn flows_due(&self) -> Option<Duration> {
        Some(self.udp.due.get()?.saturating_duration_since(self.reactor.now()))
    }

    /// Ends flows that were quiet for too long.
    pub fn expire_flows(self: &Rc<Self>) {
        let now = self.reactor.now();
        if self.udp.due.get().is_none_or(|due| now < due) {
            return;
        }
        let services: Vec<Rc<Flows>> = self.udp.services.borrow().values().cloned().collect();
        let mut left = EXPIRED_MAX;
        for flows in &services {
            while let Some((row, end)) = next_over(flows, now).filter(|_| left > 0) {
                left -= 1;
                self.end(row, end);
            }
        }
        self.udp.due.set(services.iter().filter_map(|flows| flows.borrow().next_deadline()).min());
    }

    /// A flow has ended.
    pub fn forget_flow(&self, flow: &Flow) {
        if flow.id.get().and_then(|id| flow.flows.borrow_mut().close(*id)).is_some() {
            self.udp.open.set(self.udp.open.get() - 1);
        }
    }
}

impl Udp {
    /// A flow of these has begun, or is held to something else from now on: it may be over before all others.
    fn heed(&self, flows: &FlowTable<Path, Rc<Flow>>) {
        self.due.set(self.due.get().into_iter().chain(flows.next_deadline()).min());
    }
}

/// The row of a flow that was quiet for too long, and how it ends.
fn next_over(flows: &Flows, now: Instant) -> Option<(Row, End)> {
    let flows = flows.borrow();
    let (id, end) = flows.handle_timeout(now)?;
    Some((flows.get(id)?.0.session.row, end))
}
