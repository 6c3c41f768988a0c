//! Room for flows: a service has so many, and the flows of all services together leave half of the process's sessions to
//! those that are connections. Where there is no room, the oldest flow leaves: of the service itself, and only where the
//! process has no room of that which has most.

use super::Flows;
use crate::listener::Accepting;
use crate::pools::LocalPool;
use crate::session::{Places, Session};
use crate::shared::count;
use crate::worker::Worker;
use evenkeel_core::end::End;
use std::rc::Rc;
use std::time::Duration;

/// Flows of a service that make room for one at most: after a reload that lowered its limit thousands may be too many, and
/// the others would have to wait until all of them are ended.
const LEAVING_MAX: u32 = 2;

/// So long a flow that nobody answers keeps its seat from those that find none: were it less, none would live to be answered
/// where more begin than backends have seats for.
const SEAT_KEPT: Duration = Duration::from_secs(1);

impl Worker {
    /// This worker's share of so many flows: the kernel deals clients out evenly among the workers' sockets. At least one,
    /// also where there are more workers than that: whose clients nobody else can serve.
    pub fn share(&self, limit: u32) -> u32 {
        let (workers, index) = (self.shared.counts.len() as u32, self.index as u32);
        (limit / workers + u32::from(index < limit % workers)).max(1)
    }

    /// Places for another flow of this service; whoever is in the way and was quiet for longest is gone then.
    pub fn make_room(self: &Rc<Self>, accepting: &Accepting, flows: &Flows) -> Option<Places> {
        let leaving = flows.borrow().excess().min(LEAVING_MAX);
        (0..leaving).for_each(|_| self.evict(flows));
        if self.udp.open.get() >= self.share(self.shared.sessions.limit() / 2) {
            self.evict_anywhere();
        }
        self.places(accepting).or_else(|| {
            count(&self.counts().ceilings, 1);
            self.evict_anywhere();
            self.places(accepting)
        })
    }

    fn places(&self, accepting: &Accepting) -> Option<Places> {
        let of_process = self.shared.sessions.enter()?;
        // The limit of the service is kept by the shares: who is over it in another worker cannot be ended by this one.
        Some(Places { of_process, of_service: Some(accepting.ceiling.join()) })
    }

    /// Ends a flow of the service that has most of them.
    pub fn evict_anywhere(self: &Rc<Self>) {
        let services = self.udp.services.borrow();
        let most = services.values().max_by_key(|flows| flows.borrow().len()).map(Rc::clone);
        drop(services);
        most.into_iter().for_each(|flows| self.evict(&flows));
    }

    /// Every backend of `pool` is full: ends a flow of this worker there, of the service of `session`, that nobody has answered,
    /// if one has waited for that in vain. Whether there was one.
    pub fn evict_unanswered(self: &Rc<Self>, session: &Session, pool: &LocalPool) -> bool {
        let flows = self.udp.services.borrow().get(&session.listener.name.service).cloned();
        let row = flows.and_then(|flows| {
            let flows = flows.borrow();
            let oldest = flows.oldest_unanswered(self.reactor.now(), SEAT_KEPT)?;
            let oldest = &flows.get(oldest)?.0.session;
            let is_there = oldest.pool.get().is_some_and(|it| std::ptr::eq(&**it, pool));
            is_there.then_some(oldest.row)
        });
        row.into_iter().for_each(|row| self.end(row, End::Evicted));
        row.is_some()
    }

    fn evict(self: &Rc<Self>, flows: &Flows) {
        let oldest = {
            let flows = flows.borrow();
            flows.oldest().and_then(|id| Some(flows.get(id)?.0.session.row))
        };
        oldest.into_iter().for_each(|row| self.end(row, End::Evicted));
    }
}
