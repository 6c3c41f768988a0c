//! Flows that move to another process: each goes on at the worker that has its client's socket.

use super::flow::{Sent, Towards};
use super::{Flow, Path};
use crate::books::CountedSeat;
use crate::listener::Accepting;
use crate::session::Session;
use crate::worker::{Stage, Worker};
use evenkeel_core::addr::Addr;
use evenkeel_core::end::End;
use evenkeel_core::flow::Kept;
use evenkeel_core::snapshot::PoolRules;
use evenkeel_sys::datagram::Peer;
use std::cell::{Cell, OnceCell, RefCell};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

/// A flow as plain data. `F` is how descriptors are held.
#[derive(Debug)]
pub struct SuspendedFlow<F> {
    /// Connected to its backend.
    pub socket: F,
    /// Its client, and the address that it sends to.
    pub peer: Peer,
    /// Which of its listener's sockets is its client's.
    pub number: usize,
    /// How far it has come.
    pub kept: Kept,
    /// Datagrams and bytes that the backend's socket took.
    pub to_backend: (u64, u64),
    /// Datagrams and bytes that the client's socket took.
    pub to_client: (u64, u64),
    /// Since when it goes to that backend.
    pub since: Instant,
    /// When the first answer came.
    pub answered: Option<Instant>,
    /// When it must be over, if it must.
    pub drain: Option<Instant>,
    /// The last datagram for which there was no answer.
    pub unanswered: Vec<u8>,
    /// What it is held to.
    pub rules: Arc<PoolRules>,
}

impl Flow {
    /// The flow as plain data, its descriptor lent to `with`. `None`: it is in no table.
    pub fn suspend<'a>(&self, socket: BorrowedFd<'a>) -> Option<SuspendedFlow<BorrowedFd<'a>>> {
        let (_, kept) =
            self.flows.borrow().get(*self.id.get()?).map(|(flow, kept)| (Rc::clone(flow), kept))?;
        let towards = self.towards.borrow();
        Some(SuspendedFlow {
            socket,
            peer: self.path.peer,
            number: self.number,
            kept,
            to_backend: (self.to_backend.datagrams(), self.to_backend.bytes()),
            to_client: (self.to_client.datagrams(), self.to_client.bytes()),
            since: towards.since,
            answered: self.answered.get(),
            drain: self.drain.get(),
            unanswered: self.unanswered.borrow().clone(),
            rules: Arc::clone(&towards.rules),
        })
    }
}

impl Worker {
    /// Goes on with a flow, if its listener is here.
    pub fn resume_flow(
        self: &Rc<Self>,
        session: Rc<Session>,
        accepting: Option<&Rc<Accepting>>,
        (backend, seat): (Addr, CountedSeat),
        suspended: SuspendedFlow<OwnedFd>,
    ) {
        let (row, kept) = (session.row, suspended.kept);
        let number = suspended.number;
        let home = accepting.filter(|it| number < it.bound.sockets.len());
        let home = home.and_then(|accepting| Some((accepting, Rc::clone(accepting.flows.as_ref()?))));
        let watched = self.reactor.add_flow(suspended.socket.as_fd(), row);
        let (Some((accepting, flows)), Ok(())) = (home, watched) else {
            return self.account(&session, None, End::Drained);
        };
        self.take_row(Rc::clone(&session), Stage::Away);
        let path = Path { listener: accepting.number, peer: suspended.peer };
        let flow = Rc::new(Flow {
            session,
            flows: Rc::clone(&flows),
            id: OnceCell::new(),
            path,
            bound: Arc::clone(&accepting.bound),
            number,
            towards: RefCell::new(Towards {
                socket: Rc::new(suspended.socket),
                backend,
                since: suspended.since,
                seat,
                rules: suspended.rules,
                losses: Cell::default(),
                header: Cell::default(),
            }),
            unanswered: RefCell::new(suspended.unanswered),
            to_backend: Sent::new(suspended.to_backend),
            to_client: Sent::new(suspended.to_client),
            answered: Cell::new(suspended.answered),
            drain: Cell::new(suspended.drain),
        });
        let _ = flow.id.set(flows.borrow_mut().resume(path, Rc::clone(&flow), kept));
        self.enter_flow(&flow);
        flow.next_deadline().into_iter().for_each(|at| self.reactor.arm_by(row.index, at));
    }

    /// Takes no datagrams before the flows of the process before this one have come.
    pub fn hold_ports(&self) {
        self.udp.held.set(true);
    }

    /// They have come: takes datagrams from now on.
    pub fn open_ports(&self) {
        if self.udp.held.replace(false) {
            let ports: Vec<_> =
                self.doors.borrow().all_open().values().filter(|it| it.flows.is_some()).cloned().collect();
            ports.iter().for_each(|accepting| self.open_port(accepting));
        }
    }
}
