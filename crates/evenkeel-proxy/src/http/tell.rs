//! What is counted and told of a request.

use super::answer::Told;
use super::arrival::Refused;
use super::exchange::Exchange;
use super::{RequestRecord, Who};
use crate::session::Session;
use crate::worker::Worker;
use evenkeel_core::attempt::Attempt;
use evenkeel_core::http::outcome::Outcome;
use evenkeel_core::http::version::Version;
use std::net::IpAddr;
use std::time::{Duration, Instant, SystemTime};

/// A request has come to its end.
pub fn ended(worker: &Worker, session: &Session, exchange: &mut Exchange, outcome: Outcome) {
    let now = worker.reactor.now();
    exchange.is_told = true;
    let began = exchange.began;
    let since = |at: Instant| at.saturating_duration_since(began);
    let duration = since(now);
    let (failed_attempts, queued) = take_notes(session);
    let counts = session.counts.requests();
    counts.end(outcome, exchange.status, duration, exchange.first_byte.map(since));
    exchange.grpc.into_iter().for_each(|status| counts.end_call(status));
    let route = exchange.terms.counts(worker, exchange.way.route);
    route.into_iter().for_each(|route| route.end(exchange.status, duration));
    if let Some(serving) = session.serving() {
        serving.on_answered(session, now);
    }
    let is_smooth = outcome.is_ok() && failed_attempts.is_empty() && queued.is_zero();
    if is_smooth && !worker.telling.get().all {
        return;
    }
    let named = exchange.way.client.filter(|client| session.source() != Some(*client));
    let record = RequestRecord {
        head: std::mem::take(&mut exchange.head),
        head_took: exchange.head_took,
        version: exchange.onward(true).version,
        asked: exchange.way.asked.take(),
        route: exchange.way.name(&exchange.terms.rules),
        pool: exchange.way.pool.as_ref().map(|pool| pool.newest().name.clone()),
        backend: exchange.backend.take(),
        failed_attempts,
        queued,
        connect: exchange.connect,
        sent: exchange.sent.map(since),
        first_byte: exchange.first_byte.map(since),
        duration,
        status: exchange.status,
        grpc: exchange.grpc,
        to_backend: exchange.to_backend,
        to_client: exchange.to_client,
        head_to_client: exchange.head_to_client,
        ..record(session, named, outcome, SystemTime::now() - duration)
    };
    worker.records.borrow_mut().push_request(record, now);
}

/// What came was refused before it was a request.
pub fn refused(worker: &Worker, session: &Session, refused: &Refused, told: Told) {
    let outcome = Outcome::Refused(refused.refusal);
    session.counts.requests().end(outcome, outcome.status(), Duration::ZERO, None);
    let now = worker.reactor.now();
    let duration = now.saturating_duration_since(refused.at);
    let record = RequestRecord {
        head: refused.said.to_vec(),
        status: outcome.status(),
        to_client: told.head + told.body,
        head_to_client: told.head,
        duration,
        ..record(session, None, outcome, SystemTime::now() - duration)
    };
    worker.records.borrow_mut().push_request(record, now);
}

/// What is known of it by its session. Where a client is `named` in the request, the session's is the proxy that did so.
fn record(session: &Session, named: Option<IpAddr>, outcome: Outcome, began_at: SystemTime) -> RequestRecord {
    let (client, via) = match named {
        Some(named) => (Who::Named(named), Some(session.client())),
        None => (Who::At(session.client().clone()), session.via()),
    };
    RequestRecord {
        session: session.id,
        number: session.serving().map_or(0, |serving| serving.requests()),
        via: via.cloned(),
        version: if session.speaks_http2() { Version::Http2 } else { Version::Http11 },
        ..RequestRecord::of(session.listener.name.clone(), client, began_at, outcome)
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
