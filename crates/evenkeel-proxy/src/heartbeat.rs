//! Tells of sessions that are open for long: a worker goes through its table now and then, in small steps between turns.
//! Where no heartbeat is wanted that costs a look at one field in each turn.

use crate::record::{Still, Telling};
use crate::visit::STEP;
use crate::worker::{Slot, Worker};
use std::time::{Duration, Instant};

/// Passes through the table in one beat: a session is told of that much late at most.
const PASSES: u32 = 16;

/// The shortest time between two passes.
const PAUSE_MIN: Duration = Duration::from_millis(100);

/// How far a worker has come in telling of open sessions.
#[derive(Clone, Copy, Debug)]
pub struct Heartbeat {
    /// One beat.
    every: Duration,
    /// When the pass before began; what was due then is told.
    before: Instant,
    /// When the last pass began.
    began: Instant,
    /// Where that is in the table; `None`: at its end.
    place: Option<usize>,
}

impl Heartbeat {
    /// From now on.
    fn new(every: Duration, now: Instant) -> Self {
        Self { every, before: now, began: now, place: None }
    }

    /// When there is something to do.
    fn due(&self) -> Instant {
        match self.place {
            Some(_) => self.began,
            None => self.began + (self.every / PASSES).max(PAUSE_MIN),
        }
    }

    /// Whether a session has come to another beat since the pass before.
    fn is_due(&self, accepted: Instant) -> bool {
        let beats = |at: Instant| at.saturating_duration_since(accepted).as_nanos() / self.every.as_nanos();
        beats(self.began) > beats(self.before)
    }
}

impl Worker {
    /// Makes records of this from now on.
    pub fn tell_of(&self, telling: Telling) {
        if telling.heartbeat != self.telling.replace(telling).heartbeat {
            let every = telling.heartbeat.filter(|every| !every.is_zero());
            self.heartbeat.set(every.map(|every| Heartbeat::new(every, self.reactor.now())));
        }
    }

    /// How long it has nothing to tell of open sessions; `None`: that is not wanted.
    pub fn heartbeat_due(&self) -> Option<Duration> {
        self.heartbeat.get().map(|heartbeat| heartbeat.due().saturating_duration_since(self.reactor.now()))
    }

    /// Takes one step of a pass, if one is due.
    pub fn beat(&self) {
        let (Some(mut heartbeat), now) = (self.heartbeat.get(), self.reactor.now()) else { return };
        if now < heartbeat.due() {
            return;
        }
        let place = heartbeat.place.unwrap_or_else(|| {
            (heartbeat.before, heartbeat.began) = (heartbeat.began, now);
            0
        });
        let (table, mut records) = (self.table.borrow(), self.records.borrow_mut());
        for slot in (place..place + STEP).filter_map(|index| table.in_place(index)) {
            let Slot { session, stage, .. } = slot;
            if let Some(carried) = stage.carried().filter(|_| heartbeat.is_due(session.accepted)) {
                records.push_open(session.open_record(carried, Still::Alive, now), now);
            }
        }
        heartbeat.place = Some(place + STEP).filter(|next| *next < table.places());
        self.heartbeat.set(Some(heartbeat));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_is_told_of_once_in_each_beat_however_often_it_is_looked_at() {
        let start = Instant::now();
        let at = |seconds: u64| start + Duration::from_secs(seconds);
        let mut heartbeat = Heartbeat::new(Duration::from_secs(10), at(0));
        let accepted = at(3);
        let told: Vec<u64> = (1..60)
            .filter(|&second| {
                (heartbeat.before, heartbeat.began) = (heartbeat.began, at(second));
                heartbeat.is_due(accepted)
            })
            .collect();
        assert_eq!(told, [13, 23, 33, 43, 53]);
    }

    #[test]
    fn what_was_due_before_the_heartbeat_was_wanted_is_not_told() {
        let start = Instant::now();
        let now = start + Duration::from_secs(100);
        let mut heartbeat = Heartbeat::new(Duration::from_secs(10), now);
        heartbeat.began = now + Duration::from_secs(1);
        assert!(!heartbeat.is_due(start));
    }

    #[test]
    fn a_pass_begins_often_enough_and_goes_on_without_a_pause() {
        let now = Instant::now();
        let mut heartbeat = Heartbeat::new(Duration::from_secs(160), now);
        assert_eq!(heartbeat.due(), now + Duration::from_secs(10));
        heartbeat.place = Some(STEP);
        assert_eq!(heartbeat.due(), now);
    }
}
