//! Datagrams of backends, to the clients that they are for.

use super::Flow;
use crate::worker::Worker;
use evenkeel_core::flow::Lost;
use evenkeel_sys::datagram::{self, Inbox};
use std::io::ErrorKind;
use std::rc::Rc;

impl Worker {
    /// Something has happened to `flow`: takes a batch of what its backend has sent. More than that has to wait for
    /// another go.
    pub fn answer(self: &Rc<Self>, flow: &Rc<Flow>) {
        let (row, now) = (flow.session.row, self.reactor.now());
        if let Some(end) = flow.overdue(now) {
            return self.end(row, end);
        }
        flow.next_deadline().into_iter().for_each(|at| self.reactor.arm_by(row.index, at));
        let mut inbox = self.udp.inbox.borrow_mut();
        let received = inbox.receive_connected(&flow.towards.borrow().socket);
        match received {
            Ok(_) if inbox.is_full() => {
                self.queue_row(row);
                self.pass_back(flow, &inbox);
            }
            Ok(_) => self.pass_back(flow, &inbox),
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(error) => {
                drop(inbox);
                // There may be datagrams behind the error.
                if !self.is_refusal(&error) || self.refused(flow, &error) {
                    self.queue_row(row);
                }
            }
        }
    }

    /// What is in `inbox` to the client of `flow`.
    fn pass_back(self: &Rc<Self>, flow: &Rc<Flow>, inbox: &Inbox) {
        let now = self.reactor.now();
        self.note_answered(flow);
        if flow.session.listener.flows.quic {
            let towards = flow.towards.borrow();
            (0..inbox.len())
                .for_each(|index| flow.bound.trail().learn(inbox.datagram(index), &towards.backend));
        }
        let mut run = 0..inbox.len();
        while !run.is_empty() {
            let (socket, trains) = (flow.towards_client(), &flow.to_client.trains);
            match datagram::reply(socket, inbox, run.clone(), &flow.path.peer, trains) {
                Ok(sent) => {
                    let taken = run.start..run.start + sent;
                    run.start = taken.end;
                    let bytes = taken.map(|index| inbox.datagram(index).len() as u64).sum();
                    flow.count_to_client(sent as u64, bytes);
                    self.note_moved(bytes);
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    flow.session.counts.datagrams.lose(Lost::ClientFull, run.len() as u64);
                    break;
                }
                Err(_) => {
                    flow.session.counts.datagrams.lose(Lost::Unsendable, 1);
                    run.start += 1;
                }
            }
        }
        let Some(id) = flow.id.get() else { return };
        let mut flows = flow.flows.borrow_mut();
        let over = flows.handle_backend(now, *id, inbox.len() as u64);
        self.udp.heed(&flows);
        drop(flows);
        over.into_iter().for_each(|end| self.end(flow.session.row, end));
    }

    /// The backend has shown that it is there, for the first time.
    fn note_answered(&self, flow: &Flow) {
        if flow.answered.get().is_none() {
            flow.answered.set(Some(self.reactor.now()));
            flow.towards.borrow().seat.answered();
            flow.unanswered.take();
        }
    }
}
