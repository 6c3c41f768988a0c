//! A request that is being served. Whoever ends its session from outside drops it: it has its line all the same.

use super::exchange::Exchange;
use super::{Client, tell};
use crate::session::Session;
use crate::worker::Worker;
use evenkeel_core::http::outcome::Outcome;
use std::rc::Rc;

/// A request, and what it is served with.
pub struct Running<'a> {
    /// Where.
    pub worker: &'a Rc<Worker>,
    /// Whose.
    pub session: &'a Rc<Session>,
    /// Who asks.
    pub client: &'a mut Client,
    /// What.
    pub exchange: Box<Exchange>,
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        // In a panic nobody knows what may be touched.
        if self.exchange.is_told || std::thread::panicking() {
            return;
        }
        let outcome = self.worker.ending.get().map_or(Outcome::ClientLeft, Outcome::Cut);
        tell::ended(self.worker, self.session, &mut self.exchange, outcome);
        // What was cut must not look like an end.
        self.client.cut();
    }
}
