//! What an answer says of the backend that gave it: that it serves, or, too often in a row, that it does not.

use super::reach::Reached;
use crate::Report;
use crate::shared::count;
use crate::worker::Worker;
use evenkeel_core::eject::Word;
use evenkeel_core::live::{Answer, LiveFailure};
use evenkeel_core::name::BackendKey;
use std::time::Instant;

/// The backend that was `reached` has answered like this what was asked for at `began`.
pub fn answered(worker: &Worker, reached: &Reached<'_>, answer: Answer, began: Instant) {
    if answer.counts_as() >= 500 {
        count(&reached.seat.counts.errors, 1);
    }
    match reached.backend().tolerance.judge(answer) {
        Word::Good => reached.seat.answered(),
        Word::Nothing => {}
        Word::Bad => note_error(worker, reached, answer, began),
    }
}

/// The director hears of an error only where there were too many: a busy backend may answer with nothing else.
fn note_error(worker: &Worker, reached: &Reached<'_>, answer: Answer, began: Instant) {
    let backend = reached.backend();
    let failure = LiveFailure::Answer(answer);
    let Some(most) = backend.tolerance.of(failure) else { return };
    let in_row = backend.load.note_error();
    if in_row >= most {
        let key = BackendKey { pool: reached.pool.name.clone(), addr: backend.addr.clone() };
        let took = worker.reactor.now().saturating_duration_since(began);
        worker.shared.report(Report::Suspect { key, failure, in_row, took });
    }
}
