//! Orders to end requests, on their way to those that are being served: a backend is left, and its time to drain is over then.

use crate::session::Session;
use crate::visit::Filter;
use crate::worker::Worker;
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// By when every request has heard of an order: each worker gives them a go at once.
const KEPT: Duration = Duration::from_secs(5);

/// Orders that are kept for so long, at most.
const KEPT_MAX: usize = 256;

/// An order.
struct Order {
    number: u64,
    given: Instant,
    /// Which sessions are meant.
    filter: Filter,
    /// Between which times.
    within: (Duration, Duration),
}

/// The last orders.
#[derive(Default)]
pub struct Orders {
    last: Cell<u64>,
    kept: RefCell<VecDeque<Order>>,
}

impl Orders {
    /// The number of the last one: who begins now is meant by later ones only.
    pub fn last(&self) -> u64 {
        self.last.get()
    }

    /// One more.
    pub fn give(&self, now: Instant, filter: Filter, within: (Duration, Duration)) {
        let number = self.last.get() + 1;
        self.last.set(number);
        let mut kept = self.kept.borrow_mut();
        kept.retain(|order| now < order.given + KEPT);
        if kept.len() == KEPT_MAX {
            kept.pop_front();
        }
        kept.push_back(Order { number, given: now, filter, within });
    }

    /// By when `session` has to be done with its request, by orders after the `heard`th; the number of the last one.
    pub fn hear(&self, worker: &Worker, session: &Session, heard: u64) -> (Option<Instant>, u64) {
        let kept = self.kept.borrow();
        let meant = kept.iter().filter(|order| order.number > heard && order.filter.means(session));
        let by = meant.map(|order| order.given + worker.between(order.within)).min();
        (by, self.last.get())
    }
}
