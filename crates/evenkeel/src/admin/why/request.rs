//! What became of a request, as JSON.

use super::super::view::millis;
use super::session::attempt;
use crate::control::PastRequest;
use crate::logging::Rfc3339;
use evenkeel_core::http::grpc;
use evenkeel_core::name::PoolName;
use serde_json::{Value, json};
use std::time::SystemTime;

/// All that is known of it.
pub fn view(it: &PastRequest) -> Value {
    let ended_at = it.began_at + it.duration;
    // Of what was refused, nobody knows.
    let method = Some(&it.method).filter(|it| !it.is_empty());
    json!({
        "id": it.id,
        "session": it.session,
        "number": it.number,
        "service": it.listener.service.as_str(),
        "listener": it.listener.addr.to_string(),
        "client": it.client.to_string(),
        "via": it.via.as_ref().map(ToString::to_string),
        "method": method,
        "protocol": method.map(|_| it.protocol),
        "host": it.host,
        "target": it.target,
        "route": it.route,
        "pool": it.pool.as_ref().map(PoolName::as_str),
        "backend": it.backend.as_ref().map(ToString::to_string),
        "attempts": it.failed_attempts.iter().map(attempt).collect::<Vec<_>>(),
        "queued_ms": millis(it.queued),
        "connect_ms": it.connect.map(millis),
        "first_byte_ms": it.first_byte.map(millis),
        "ms": millis(it.duration),
        "status": it.status,
        "grpc_status": it.grpc.map(grpc::Status::number),
        "outcome": it.outcome.word(),
        "says": it.outcome.said(),
        "by": it.outcome.by().to_string(),
        "began_at": Rfc3339(it.began_at).to_string(),
        "ended_ago_ms": millis(SystemTime::now().duration_since(ended_at).unwrap_or_default()),
    })
}
