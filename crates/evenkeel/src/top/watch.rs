//! What is known of the evenkeel that is watched: the last answer, and what came of those before.

use super::answer::{Backend, Event, Service, Sessions, Status};
use super::rates::{Counters, Watched};
use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

/// Events that are kept.
const EVENTS_MAX: usize = 200;

/// A backend by its pool and address.
pub type BackendId = (String, String);

/// One answer to everything that was asked at once.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    /// How it does.
    pub status: Status,
    /// What was told since, with numbers.
    pub events: Vec<(u64, Event)>,
    /// The sessions of a backend, if they were asked for.
    pub sessions: Option<(BackendId, Sessions)>,
}

/// What is known.
#[derive(Clone, Debug)]
pub struct Watch {
    began: Instant,
    /// How much time a step of a trend is.
    pub slot: Duration,
    /// The last answer.
    pub status: Status,
    /// All services together.
    pub totals: Watched,
    services: BTreeMap<String, Watched>,
    backends: BTreeMap<BackendId, Watched>,
    /// The sessions of a backend that were seen last.
    pub sessions: Option<(BackendId, Sessions)>,
    /// The last ones, oldest first.
    pub events: VecDeque<Event>,
    /// The number of the last one.
    pub last_event: u64,
    /// When the last answer came.
    pub heard: Instant,
    /// Why the last question was not answered, if it was not.
    pub trouble: Option<String>,
}

impl Watch {
    /// From the first answer; it will be asked again every `interval`.
    pub fn new(seen: Seen, at: Instant, interval: Duration) -> Self {
        let mut watch = Self {
            began: at,
            // With fewer than one answer in each, a trend would have holes.
            slot: interval.max(Duration::from_secs(5)),
            status: Status::default(),
            totals: Watched::new(sum(&seen.status), at),
            services: BTreeMap::new(),
            backends: BTreeMap::new(),
            sessions: None,
            events: VecDeque::new(),
            last_event: 0,
            heard: at,
            trouble: None,
        };
        watch.take(seen, at);
        watch
    }

    /// Another answer; what is worth telling of it beside the numbers.
    pub fn look(&mut self, seen: Seen, at: Instant) -> Option<String> {
        let change = self.successor(&seen.status);
        if change.is_some() {
            self.last_event = 0;
        }
        self.take(seen, at);
        change
    }

    /// No answer came.
    pub fn fail(&mut self, why: String) {
        self.trouble = Some(why);
    }

    /// A service, as it was watched.
    pub fn service(&self, service: &Service) -> Option<&Watched> {
        self.services.get(&service.name)
    }

    /// A backend, as it was watched.
    pub fn backend(&self, backend: &Backend) -> Option<&Watched> {
        self.backends.get(&id(backend))
    }

    /// Who answers in the place of the process that answered before.
    fn successor(&self, next: &Status) -> Option<String> {
        let before = &self.status;
        if before.life() == next.life() {
            return None;
        }
        let how = if next.accepted < before.accepted { "started anew" } else { "upgraded" };
        let (was, is, version) = (before.pid, next.pid, &next.version);
        Some(format!("evenkeel was {how}: process {was} is now {is}, version {version}"))
    }

    fn take(&mut self, seen: Seen, at: Instant) {
        (self.status, self.sessions) = (seen.status, seen.sessions);
        (self.heard, self.trouble) = (at, None);
        for (number, event) in seen.events {
            self.last_event = self.last_event.max(number);
            self.events.push_back(event);
        }
        self.events.drain(..self.events.len().saturating_sub(EVENTS_MAX));
        self.count(at);
    }

    fn count(&mut self, at: Instant) {
        let passed = at.saturating_duration_since(self.began);
        let slot = u64::try_from(passed.as_nanos() / self.slot.as_nanos().max(1)).unwrap_or(u64::MAX);
        self.totals.look(sum(&self.status), at, slot);
        // Who is gone is forgotten.
        let mut before = std::mem::take(&mut self.services);
        for service in &self.status.services {
            let known = before.remove(&service.name);
            let mut watched = known.unwrap_or_else(|| Watched::new(service.counters, at));
            watched.look(service.counters, at, slot);
            self.services.insert(service.name.clone(), watched);
        }
        let mut before = std::mem::take(&mut self.backends);
        for backend in self.status.backends() {
            let known = before.remove(&id(backend));
            let mut watched = known.unwrap_or_else(|| Watched::new(backend.counters, at));
            watched.look(backend.counters, at, slot);
            watched.connects.look(at, &backend.connects);
            self.backends.insert(id(backend), watched);
        }
    }
}

/// The name of a backend.
pub fn id(backend: &Backend) -> BackendId {
    (backend.pool.clone(), backend.addr.clone())
}

fn sum(status: &Status) -> Counters {
    status.services.iter().fold(Counters::default(), |sum, it| sum + it.counters)
}
