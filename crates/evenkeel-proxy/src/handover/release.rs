//! Sessions that have gone to another process: nothing of them is closed, shut down or counted here.

use crate::reactor::Row;
use crate::worker::{Stage, Worker};
use evenkeel_core::name::ListenerName;
use std::collections::BTreeSet;
use std::rc::Rc;

impl Worker {
    /// Forgets the sessions in these rows, and the listeners that the other process accepts on.
    pub fn release(self: &Rc<Self>, rows: &[Row], listeners: &BTreeSet<ListenerName>) {
        rows.iter().for_each(|row| self.forget_session(*row));
        let gone = self.doors.borrow_mut().take_all(listeners);
        gone.iter().filter(|it| it.flows.is_some()).for_each(|accepting| self.unwatch(accepting));
        // Whose next request would come here no more.
        self.wake_serving(|_| true);
        let pools: Vec<_> = self.pools.borrow().values().cloned().collect();
        pools.iter().for_each(|pool| self.on_seat_freed(pool));
    }

    fn forget_session(&self, row: Row) {
        let Some(slot) = self.table.borrow_mut().remove(row) else { return };
        self.reactor.disarm(row.index);
        if let Stage::Relaying { relay, .. } = &slot.stage {
            // A socket that is closed here stays in the epoll instance as long as it is open elsewhere.
            relay.sockets().into_iter().for_each(|socket| drop(self.reactor.remove(socket)));
        }
        if let Stage::Flowing(flow) = &slot.stage {
            let _ = self.reactor.remove(&flow.towards.borrow().socket);
            self.forget_flow(flow);
        }
    }
}
