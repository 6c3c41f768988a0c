//! Datagrams of clients, in batches, to where their flows go.

use super::{Flow, Path};
use crate::header;
use crate::listener::Accepting;
use crate::worker::Worker;
use evenkeel_core::addr::Addr;
use evenkeel_core::flow::Lost;
use evenkeel_sys::datagram::{self, Inbox};
use std::io::{self, ErrorKind};
use std::ops::Range;
use std::rc::Rc;

/// So many full batches in a row show that more comes in than is taken.
const BUSY_BATCHES: u32 = 8;

/// Flows that begin in one batch when it is so: to begin one takes as long as many datagrams of those that there are, which
/// would not be seen any more in a socket that overflows.
const BUSY_BEGINNINGS: usize = 8;

/// Bytes of the longest datagram that is kept until there is an answer: a frame of most networks. Whoever asks more at once
/// asks again.
pub const KEPT_MAX: usize = 1500;

impl Worker {
    /// Takes a batch of datagrams from each socket. More than that has to wait for another go: answers of backends come
    /// between, or they would wait for as many batches.
    pub fn receive(self: &Rc<Self>, accepting: &Rc<Accepting>) {
        self.guarded(None, || self.receive_unguarded(accepting));
    }

    fn receive_unguarded(self: &Rc<Self>, accepting: &Rc<Accepting>) {
        for (number, socket) in accepting.bound.numbered(self.index, self.shared.counts.len()) {
            let mut inbox = self.udp.inbox.borrow_mut();
            // Whatever else fails here says nothing of the datagrams to come.
            if inbox.receive(socket).is_err() {
                continue;
            }
            let full = self.udp.full_batches.get();
            let beginnings = if full < BUSY_BATCHES { usize::MAX } else { BUSY_BEGINNINGS };
            self.pass_on(accepting, number, &inbox, beginnings);
            self.udp.full_batches.set(if inbox.is_full() { full.saturating_add(1) } else { 0 });
        }
    }

    /// What is in `inbox` to the backends of its flows, or of new ones, as many as may begin. What one client has sent in a
    /// row stays together.
    fn pass_on(
        self: &Rc<Self>,
        accepting: &Rc<Accepting>,
        number: usize,
        inbox: &Inbox,
        mut beginnings: usize,
    ) {
        let Some(flows) = &accepting.flows else { return };
        let mut run = 0..0;
        while run.end < inbox.len() {
            let peer = inbox.peer(run.end);
            let others = (run.end..inbox.len()).find(|index| inbox.peer(*index) != peer);
            run = run.end..others.unwrap_or(inbox.len());
            let path = Path { listener: accepting.number, peer: *peer };
            let datagrams = run.len() as u64;
            let mut table = flows.borrow_mut();
            let known = table.handle_client(self.reactor.now(), &path, datagrams);
            let known = known.map(|(_, flow)| Rc::clone(flow));
            drop(table);
            let may_begin = beginnings > 0;
            let leaves = |flow: &Rc<Flow>| self.leave_backend(accepting, flow);
            let left = known.as_ref().filter(|_| may_begin).and_then(leaves);
            match known.filter(|_| left.is_none()) {
                Some(flow) => self.forward(&flow, inbox, run.clone()),
                None if !may_begin => accepting.counts.datagrams.lose(Lost::Busy, datagrams),
                None => {
                    beginnings -= 1;
                    self.begin_flow(accepting, number, path, inbox, run.clone(), left);
                }
            }
        }
    }

    /// Ends `flow` if it is in vain to send more to its backend, which is returned: what its client has sent now begins another one.
    fn leave_backend(self: &Rc<Self>, accepting: &Accepting, flow: &Rc<Flow>) -> Option<Addr> {
        if !self.takes_flows(accepting) {
            return None;
        }
        let end = flow.outlived(self.reactor.now())?;
        let backend = flow.towards.borrow().backend.clone();
        self.end(flow.session.row, end);
        Some(backend)
    }

    /// These datagrams of `inbox` to the backend of `flow`.
    pub fn forward(self: &Rc<Self>, flow: &Rc<Flow>, inbox: &Inbox, mut run: Range<usize>) {
        while !run.is_empty() {
            let is_known = flow.towards.borrow().header.get().is_none();
            let sent = if is_known {
                let trains = &flow.to_backend.trains;
                datagram::send_all(&flow.towards.borrow().socket, inbox, run.clone(), trains)
            } else {
                flow.introduce(inbox.datagram(run.start)).map(|()| 1)
            };
            match sent {
                Ok(sent) => {
                    let taken = run.start..run.start + sent;
                    run.start = taken.end;
                    self.note_asked(flow, inbox, taken);
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    return flow.session.counts.datagrams.lose(Lost::BackendFull, run.len() as u64);
                }
                // That is the answer to one that was sent before; this one was not sent.
                Err(error) if self.is_refusal(&error) => {
                    if !self.refused(flow, &error) {
                        return flow.session.counts.datagrams.lose(Lost::NoFlow, run.len() as u64);
                    }
                }
                Err(_) => {
                    flow.session.counts.datagrams.lose(Lost::Unsendable, 1);
                    run.start += 1;
                }
            }
        }
    }

    /// The backend's socket took these.
    fn note_asked(&self, flow: &Flow, inbox: &Inbox, taken: Range<usize>) {
        let bytes = taken.clone().map(|index| inbox.datagram(index).len() as u64).sum();
        flow.count_to_backend(taken.len() as u64, bytes);
        if flow.answered.get().is_none() {
            keep(flow, inbox.datagram(taken.end - 1));
        }
    }
}

impl Flow {
    /// Sends the first datagram that its backend gets, behind the header that it wants.
    pub fn introduce(&self, datagram: &[u8]) -> io::Result<()> {
        let towards = self.towards.borrow();
        let header = towards.header.get().map(|version| header::of_flow(self, version)).unwrap_or_default();
        datagram::send(&towards.socket, &[&header, datagram].concat())?;
        towards.header.set(None);
        drop(towards);
        self.count_to_backend(0, header.len() as u64);
        Ok(())
    }
}

/// Another backend may get this if the first refuses it.
fn keep(flow: &Flow, datagram: &[u8]) {
    let mut kept = flow.unanswered.borrow_mut();
    kept.clear();
    kept.extend_from_slice(if datagram.len() <= KEPT_MAX { datagram } else { &[] });
}
