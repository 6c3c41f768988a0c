//! What is counted and told of a request.

use super::RequestRecord;
use super::arrival::Refused;
use super::exchange::Exchange;
use crate::session::Session;
use crate::worker::Worker;
use evenkeel_core::addr::Addr;
use evenkeel_core::attempt::Attempt;
use evenkeel_core::http::outcome::Outcome;
use evenkeel_core::http::request::Version;
use std::time::{Duration, Instant, SystemTime};

/// A request has come to its end.
pub fn ended(worker: &Worker, session: &Session, exchange: &mut Exchange, outcome: Outcome) {
    let now = worker.reactor.now();
    let began = exchange.began;
    let since = |at: Instant| at.saturating_duration_since(began);
    let duration = since(now);
    let (failed_attempts, queued) = take_notes(session);
    session.counts.requests().end(outcome, exchange.status, duration, exchange.first_byte.map(since));
    if let Some(serving) = session.serving.get() {
        serving.active.set(now);
    }
    let is_smooth = outcome.is_ok() && failed_attempts.is_empty() && queued.is_zero();
    if is_smooth && !worker.telling.get().all {
        return;
    }
    let record = RequestRecord {
        head: std::mem::take(&mut exchange.head).into(),
        version: exchange.onward(true).version,
        asked: exchange.way.asked.take(),
        route: exchange.way.name(&exchange.terms.rules),
        pool: exchange.way.pool.as_ref().map(|pool| pool.newest().name.clone()),
        backend: exchange.backend.take(),
        failed_attempts,
        queued,
        connect: exchange.connect,
        first_byte: exchange.first_byte.map(since),
        duration,
        status: exchange.status,
        to_backend: exchange.to_backend,
        to_client: exchange.to_client,
        ..record(session, outcome, SystemTime::now() - duration)
    };
    worker.records.borrow_mut().push_request(record, now);
}

/// What came was refused before it was a request.
pub fn refused(worker: &Worker, session: &Session, refused: &Refused, to_client: u64) {
    let outcome = Outcome::Refused(refused.refusal);
    session.counts.requests().end(outcome, outcome.status(), Duration::ZERO, None);
    let now = worker.reactor.now();
    let duration = now.saturating_duration_since(refused.at);
    let record = RequestRecord {
        head: refused.said.clone(),
        status: outcome.status(),
        to_client,
        duration,
        ..record(session, outcome, SystemTime::now() - duration)
    };
    worker.records.borrow_mut().push_request(record, now);
}

/// What is known of it by its session.
fn record(session: &Session, outcome: Outcome, began_at: SystemTime) -> RequestRecord {
    RequestRecord {
        session: session.id,
        number: session.serving.get().map_or(0, |serving| serving.requests.get()),
        began_at,
        listener: session.listener.name.clone(),
        client: session.client().clone(),
        via: session.via().cloned(),
        head: Box::default(),
        asked: None,
        route: None,
        version: Version::Http11,
        pool: None,
        backend: None::<Addr>,
        failed_attempts: Vec::new(),
        queued: Duration::ZERO,
        connect: None,
        first_byte: None,
        duration: Duration::ZERO,
        status: None,
        to_backend: 0,
        to_client: 0,
        outcome,
    }
}

/// What was noted of the attempts of one request; the next one begins anew.
fn take_notes(session: &Session) -> (Vec<Attempt>, Duration) {
    let mut opening = session.opening.borrow_mut();
    if opening.was_smooth() {
        return Default::default();
    }
    (std::mem::take(&mut opening.notes.failed_attempts), std::mem::take(&mut opening.notes.queued))
}
