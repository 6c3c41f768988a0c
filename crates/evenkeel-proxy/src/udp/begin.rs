//! How a flow begins: what a connection goes through from accept to its relay, all at once.

use super::flow::Sent;
use super::{Flow, Flows, Path, towards};
use crate::gate;
use crate::listener::Accepting;
use crate::record::Still;
use crate::session::{Opening, Places, Session};
use crate::shared::count;
use crate::udp::flow::Towards;
use crate::worker::{Stage, Worker};
use evenkeel_core::addr::Addr;
use evenkeel_core::end::End;
use evenkeel_core::flow::Lost;
use evenkeel_sys::datagram::Inbox;
use evenkeel_sys::poll::Readiness;
use std::cell::{Cell, OnceCell, RefCell};
use std::net::SocketAddr;
use std::ops::Range;
use std::rc::Rc;
use std::sync::Arc;

impl Worker {
    /// Whether flows may begin there.
    pub fn takes_flows(&self, accepting: &Accepting) -> bool {
        accepting.listener.open && self.drains_by().is_none()
    }

    /// These datagrams of `inbox` are the first of a flow, if one may begin; at another backend than their client has `left`, if
    /// there is one.
    pub fn begin_flow(
        self: &Rc<Self>,
        accepting: &Rc<Accepting>,
        number: usize,
        path: Path,
        inbox: &Inbox,
        run: Range<usize>,
        left: Option<Addr>,
    ) {
        let lose = |lost| accepting.counts.datagrams.lose(lost, run.len() as u64);
        let Some(flows) = &accepting.flows else { return };
        if !self.takes_flows(accepting) {
            return lose(Lost::Draining);
        }
        let Some(places) = self.make_room(accepting, flows) else { return lose(Lost::NoFlow) };
        let session = self.flow_session(accepting, &path, places);
        let row = session.row;
        // Before its backend is found: whoever has to leave for that leaves a row, which would be the next one.
        self.take_row(Rc::clone(&session), Stage::Away);
        self.guarded(Some(row), || {
            match self.open_flow(&session, accepting, inbox.datagram(run.start), left.as_ref()) {
                Ok(towards) => {
                    let flow = self.admit_flow(session, accepting, flows, (path, number), towards);
                    flows.borrow_mut().handle_client(self.reactor.now(), &path, run.len() as u64 - 1);
                    self.forward(&flow, inbox, run.clone());
                }
                Err(end) => {
                    lose(Lost::NoFlow);
                    // So that the row has the last of it, and its places are given back.
                    drop(session);
                    self.end(row, end);
                }
            }
        });
    }

    fn flow_session(&self, accepting: &Accepting, path: &Path, places: Places) -> Rc<Session> {
        count(&self.counts().accepted, 1);
        count(&accepting.counts.accepted, 1);
        let client = SocketAddr::new(path.peer.remote.ip().to_canonical(), path.peer.remote.port());
        Rc::new(Session {
            id: self.next_id(),
            row: self.next_row(),
            listener: Arc::clone(&accepting.listener),
            pool: accepting.pool.clone().map_or_else(OnceCell::new, OnceCell::from),
            peer: Addr::Ip(client),
            origin: OnceCell::new(),
            accepted: self.reactor.now(),
            client_ready: Cell::new(Readiness::NONE),
            backend_ready: Cell::new(Readiness::NONE),
            opening: RefCell::new(Opening::default()),
            counts: Arc::clone(&accepting.counts),
            places: OnceCell::from(places),
            gate: accepting.gate.clone(),
            source_place: OnceCell::new(),
        })
    }

    /// Past the gate, to a backend; that of its connection, if it is one of QUIC that has changed its address.
    fn open_flow(
        self: &Rc<Self>,
        session: &Rc<Session>,
        accepting: &Accepting,
        datagram: &[u8],
        left: Option<&Addr>,
    ) -> Result<Towards, End> {
        gate::pass(self, session)?;
        let pool = session.pool.get().ok_or(End::NoBackend)?;
        pool.note_session();
        let trail = accepting.listener.flows.quic.then(|| accepting.bound.trail());
        let followed = trail.and_then(|trail| Some((trail, trail.follow(datagram)?)));
        match followed {
            Some((trail, mark)) => {
                towards::find(self, session, pool, Some(&|addr: &Addr| trail.mark(addr) == mark), left)
            }
            None => towards::find(self, session, pool, None, left),
        }
    }

    /// From now on it is in the tables.
    fn admit_flow(
        self: &Rc<Self>,
        session: Rc<Session>,
        accepting: &Accepting,
        flows: &Rc<Flows>,
        (path, number): (Path, usize),
        towards: Towards,
    ) -> Rc<Flow> {
        let row = session.row;
        let flow = Rc::new(Flow {
            session: Rc::clone(&session),
            flows: Rc::clone(flows),
            id: OnceCell::new(),
            path,
            bound: Arc::clone(&accepting.bound),
            number,
            towards: RefCell::new(towards),
            unanswered: RefCell::default(),
            to_backend: Sent::default(),
            to_client: Sent::default(),
            answered: Cell::default(),
            drain: Cell::default(),
        });
        let id = flows.borrow_mut().open(self.reactor.now(), path, Rc::clone(&flow));
        let _ = flow.id.set(id);
        self.enter_flow(&flow);
        if self.telling.get().opened {
            let now = self.reactor.now();
            self.records.borrow_mut().push_open(session.open_record(flow.carried(), Still::Opened, now), now);
        }
        flow.next_deadline().into_iter().for_each(|at| self.reactor.arm_by(row.index, at));
        flow
    }

    /// A flow that is in its service's table is in its row of the worker's, too.
    pub fn enter_flow(&self, flow: &Rc<Flow>) {
        self.udp.open.set(self.udp.open.get() + 1);
        self.udp.heed(&flow.flows.borrow());
        self.set_stage(flow.session.row, Stage::Flowing(Rc::clone(flow)));
    }
}
