//! A backend's machine says that nobody listens there.

use super::{Flow, towards};
use crate::connect::{note_failure, spend_retry};
use crate::pools::LocalPool;
use crate::worker::Worker;
use evenkeel_core::attempt::ConnectFailure;
use evenkeel_core::end::End;
use evenkeel_core::flow::Lost;
use evenkeel_core::side::Side;
use std::io;
use std::rc::Rc;

impl Worker {
    /// Whether an error of a socket says that its backend is not there, and not that one datagram could not be sent.
    pub fn is_refusal(&self, error: &io::Error) -> bool {
        matches!(
            ConnectFailure::from(error),
            ConnectFailure::Refused | ConnectFailure::Unreachable(_) | ConnectFailure::Reset(_)
        )
    }

    /// The backend of `flow` is not there. If it never was, another one gets the flow, and the datagram that was not
    /// answered; else the flow is over. Whether it goes on.
    pub fn refused(self: &Rc<Self>, flow: &Rc<Flow>, error: &io::Error) -> bool {
        let failure = ConnectFailure::from(error);
        let Some(pool) = flow.session.pool.get() else { return false };
        let reach = flow.session.reach();
        self.blame(flow, pool, failure);
        let end = match flow.answered.get() {
            Some(_) => {
                // It was there, and is who the flow was with to its end.
                flow.session.set_reach(reach);
                End::Reset(Side::Backend)
            }
            None => match self.move_on(flow, pool, failure) {
                Ok(()) => return true,
                Err(end) => end,
            },
        };
        self.end(flow.session.row, end);
        false
    }

    fn blame(&self, flow: &Flow, pool: &LocalPool, failure: ConnectFailure) {
        let (newest, towards) = (pool.newest(), flow.towards.borrow());
        // One that has left its pool is no longer of interest.
        if let Some(backend) = newest.backends.iter().find(|backend| backend.addr == towards.backend) {
            towards.seat.count_failed(failure);
            note_failure(self, &flow.session, &newest, backend, failure, towards.since);
        }
    }

    fn move_on(
        self: &Rc<Self>,
        flow: &Rc<Flow>,
        pool: &LocalPool,
        failure: ConnectFailure,
    ) -> Result<(), End> {
        spend_retry(self, &flow.session, pool, failure)?;
        let other = towards::find(self, &flow.session, pool, None, None)?;
        let before = flow.towards.replace(other);
        drop(before);
        self.on_seat_freed(pool);
        let kept = flow.unanswered.borrow();
        // An empty datagram is asked for again by whoever sent it.
        if !kept.is_empty() {
            match flow.introduce(&kept) {
                Ok(()) => flow.count_to_backend(1, kept.len() as u64),
                Err(_) => flow.session.counts.datagrams.lose(Lost::Unsendable, 1),
            }
        }
        Ok(())
    }
}
