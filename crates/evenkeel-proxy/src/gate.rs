//! Whether a client becomes a session, where its service has rules for that. The rules and what they have counted are one
//! [`Gate`] for all workers.

use crate::session::Session;
use crate::worker::Worker;
use evenkeel_core::admit::{Admission, Gate};
use evenkeel_core::dice::Dice;
use evenkeel_core::end::End;
use evenkeel_core::name::ServiceName;
use evenkeel_core::rejection::Rejection;
use evenkeel_core::snapshot::{Listener, Snapshot};
use std::collections::BTreeMap;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::sync::Arc;
use std::time::Instant;

/// Gates by service; only of services with rules.
pub type Gates = BTreeMap<ServiceName, Arc<Gate>>;

/// The gates that `snapshot` needs, counting on from those `before`. One whose rules are the same is the same.
pub fn gates(snapshot: &Snapshot, before: Option<&Gates>) -> Gates {
    let mut gates = Gates::new();
    for listener in snapshot.listeners.values() {
        let service = &listener.name.service;
        if gates.contains_key(service) {
            continue;
        }
        let known = before.and_then(|before| before.get(service));
        let gate = match known.filter(|gate| gate.has_rules(&listener.reception.gate)) {
            Some(same) => Some(Arc::clone(same)),
            None => gate(listener, known.map(Arc::as_ref)),
        };
        gates.extend(gate.map(|gate| (service.clone(), gate)));
    }
    gates
}

fn gate(listener: &Listener, before: Option<&Gate>) -> Option<Arc<Gate>> {
    let rules = listener.reception.gate.clone();
    let mut dice = Dice::new(RandomState::new().hash_one(&listener.name));
    Gate::new(rules, before, Instant::now(), &mut dice).map(Arc::new)
}

/// Lets the client of `session`, which is known by now, through its service's gate, if there is one.
pub fn pass(worker: &Worker, session: &Session) -> Result<(), End> {
    let Some(gate) = &session.gate else { return Ok(()) };
    let Admission { outcome, observed } = gate.admit(session.source(), worker.reactor.now());
    observed.iter().for_each(|objection| session.observe(objection));
    let place = outcome.map_err(Rejection::NotAdmitted)?;
    if let Some(place) = place {
        // It is let through once.
        let _ = session.source_place.set(Box::new(place));
    }
    Ok(())
}
