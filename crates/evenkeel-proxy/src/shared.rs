//! What the workers share with each other and with the control plane: a few counters, and ways to call.

use crate::{PlaneOptions, Records, Report, Totals};
use evenkeel_core::awake::BusyPoll;
use evenkeel_core::early::EarlyRoom;
use evenkeel_core::name::ServiceName;
use evenkeel_sys::limits;
use evenkeel_sys::wake::Wake;
use std::io;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::mpsc::SyncSender;
use std::time::{Duration, Instant};

/// Takes records, unless there is no room for them.
type TakeRecords = Box<dyn Fn(Records) -> bool + Send + Sync>;

/// Shared by all workers of a plane.
pub struct Shared {
    /// Every session takes a place here.
    pub sessions: Arc<Ceiling>,
    /// Room for what clients say before there is a backend for them.
    pub early: Arc<EarlyRoom>,
    /// Counters by worker; each is written by its worker alone.
    pub counts: Box<[Counts]>,
    /// What was counted before this process; written when its sessions come over.
    pub counts_before: Counts,
    /// Sessions of this process have higher ids than this.
    pub ids_before: AtomicU64,
    wakes: Box<[Wake]>,
    reports: SyncSender<Report>,
    reports_dropped: AtomicU64,
    take_records: TakeRecords,
    /// Nanoseconds, or [`AUTO`].
    busy_poll: AtomicU64,
    undrained: AtomicUsize,
    /// A connect to one of these ports may have it as its source port as well.
    pub source_ports: RangeInclusive<u16>,
}

/// No time at all.
const AUTO: u64 = u64::MAX;

/// What one worker has counted since the start.
#[derive(Debug, Default)]
#[repr(align(128))]
pub struct Counts {
    /// Sessions accepted.
    pub accepted: AtomicU64,
    /// Times that a ceiling stood against accepting.
    pub ceilings: AtomicU64,
    /// Times that accepting failed for want of descriptors or memory.
    pub accept_failures: AtomicU64,
    /// Kernel pipes open now.
    pub pipes: AtomicU64,
    /// 1 while it waits awake before it sleeps.
    pub busy_polling: AtomicU64,
    /// Sessions that ended before their sockets had to be watched.
    pub unwatched: AtomicU64,
    /// Sessions that ended in a panic.
    pub panics: AtomicU64,
    /// Sessions that were still open when the plane ended, or its time to drain.
    pub cut: AtomicU64,
    /// Records for which there was no room.
    pub records_dropped: AtomicU64,
}

/// Adds to a counter that only this thread writes.
pub fn count(counter: &AtomicU64, n: u64) {
    counter.store(counter.load(Relaxed) + n, Relaxed);
}

impl Shared {
    /// For a plane with these options, and those who are told.
    pub fn new(
        options: &PlaneOptions,
        reports: SyncSender<Report>,
        take_records: TakeRecords,
    ) -> io::Result<Self> {
        Ok(Self {
            sessions: Arc::new(Ceiling::new(options.max_sessions)),
            early: Arc::new(EarlyRoom::new(u64::MAX)),
            counts: (0..options.workers).map(|_| Counts::default()).collect(),
            counts_before: Counts::default(),
            ids_before: AtomicU64::new(0),
            wakes: (0..options.workers).map(|_| Wake::new()).collect::<io::Result<_>>()?,
            reports,
            reports_dropped: AtomicU64::new(0),
            take_records,
            busy_poll: AtomicU64::new(AUTO),
            undrained: AtomicUsize::new(options.workers),
            source_ports: limits::source_ports(),
        })
    }

    /// How workers wait.
    pub fn busy_poll(&self) -> BusyPoll {
        match self.busy_poll.load(Relaxed) {
            AUTO => BusyPoll::Auto,
            nanos => BusyPoll::For(Duration::from_nanos(nanos)),
        }
    }

    /// Has them wait so from their next turn on.
    pub fn set_busy_poll(&self, how: BusyPoll) {
        let nanos = match how {
            BusyPoll::Auto => AUTO,
            BusyPoll::For(time) => u64::try_from(time.as_nanos()).unwrap_or(AUTO - 1),
        };
        self.busy_poll.store(nanos, Relaxed);
    }

    /// What wakes this worker.
    pub fn wake(&self, worker: usize) -> &Wake {
        &self.wakes[worker]
    }

    /// How many workers there are.
    pub fn workers(&self) -> usize {
        self.wakes.len()
    }

    /// Wakes all workers, so that they look after those who wait for a seat.
    pub fn nudge(&self) {
        self.wakes.iter().for_each(Wake::wake);
    }

    /// Tells the control plane; what it has no room for is dropped and counted.
    pub fn report(&self, report: Report) {
        if self.reports.try_send(report).is_err() {
            self.reports_dropped.fetch_add(1, Relaxed);
        }
    }

    /// Hands over records; what there is no room for is dropped and counted.
    pub fn hand_over(&self, worker: usize, records: Records) {
        let number = records.len() as u64;
        if !(self.take_records)(records) {
            count(&self.counts[worker].records_dropped, number);
        }
    }

    /// A worker has no session left and will get none; the last one tells the control plane.
    pub fn on_drained(&self) {
        if self.undrained.fetch_sub(1, Relaxed) == 1 {
            // Waits for room rather than drop: nothing else is left to do. Without a reader nobody needs to know.
            let _ = self.reports.send(Report::Drained);
        }
    }

    /// Goes on counting from `totals`, those of the process before this one.
    pub fn count_on_from(&self, totals: &Totals) {
        let before = &self.counts_before;
        for (counter, n) in [
            (&before.accepted, totals.accepted),
            (&before.ceilings, totals.ceilings),
            (&before.accept_failures, totals.accept_failures),
            (&before.panics, totals.panics),
            (&before.records_dropped, totals.records_dropped),
        ] {
            counter.store(n, Relaxed);
        }
        self.reports_dropped.fetch_add(totals.reports_dropped, Relaxed);
    }

    /// No session that was accepted until now has a higher id.
    pub fn last_id(&self) -> u64 {
        let most = self.counts.iter().map(|counts| counts.accepted.load(Relaxed)).max().unwrap_or(0);
        self.ids_before.load(Relaxed) + most * self.counts.len() as u64
    }

    /// Sums over all workers.
    pub fn totals(&self) -> Totals {
        let counts = || self.counts.iter().chain([&self.counts_before]);
        let sum = |of: fn(&Counts) -> &AtomicU64| counts().map(|counts| of(counts).load(Relaxed)).sum();
        Totals {
            accepted: sum(|counts| &counts.accepted),
            open: u64::from(self.sessions.taken()),
            early_bytes: self.early.taken(),
            early_bytes_max: self.early.limit(),
            ceilings: sum(|counts| &counts.ceilings),
            accept_failures: sum(|counts| &counts.accept_failures),
            pipes: sum(|counts| &counts.pipes),
            busy_polling: sum(|counts| &counts.busy_polling),
            unwatched: sum(|counts| &counts.unwatched),
            panics: sum(|counts| &counts.panics),
            cut: sum(|counts| &counts.cut),
            records_dropped: sum(|counts| &counts.records_dropped),
            reports_dropped: self.reports_dropped.load(Relaxed),
        }
    }
}

/// A ceiling that is reached and left all the time is told so often.
const TOLD_EVERY_MS: u64 = 1000;

/// A limit on sessions at once: of the process, or of a service.
#[derive(Debug)]
pub struct Ceiling {
    limit: AtomicU32,
    taken: AtomicU32,
    /// Whether it was told that it is reached, and not yet that it was left.
    reached: AtomicBool,
    /// When that was told last, in milliseconds since `born`; 0 is never.
    told: AtomicU64,
    born: Instant,
}

/// A place under a ceiling; given back on drop.
#[derive(Debug)]
pub struct Place(Arc<Ceiling>);

impl Place {
    /// Gives the place back, and says whether that is worth a report.
    pub fn leave(self, service: Option<&ServiceName>) -> Option<Report> {
        let ceiling = Arc::clone(&self.0);
        drop(self);
        ceiling.left(service)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.taken.fetch_sub(1, Relaxed);
    }
}

impl Ceiling {
    /// Room for so many.
    pub fn new(limit: u32) -> Self {
        Self {
            limit: AtomicU32::new(limit),
            taken: AtomicU32::new(0),
            reached: AtomicBool::new(false),
            told: AtomicU64::new(0),
            born: Instant::now(),
        }
    }

    /// Changes the limit; who has a place keeps it.
    pub fn set_limit(&self, limit: u32) {
        self.limit.store(limit, Relaxed);
    }

    /// How many places there are.
    pub fn limit(&self) -> u32 {
        self.limit.load(Relaxed)
    }

    /// Places taken.
    pub fn taken(&self) -> u32 {
        self.taken.load(Relaxed)
    }

    /// Whether there is room.
    pub fn has_room(&self) -> bool {
        self.taken() < self.limit.load(Relaxed)
    }

    /// Takes a place, if there is room.
    pub fn enter(self: &Arc<Self>) -> Option<Place> {
        let limit = self.limit.load(Relaxed);
        let take = |taken| (taken < limit).then_some(taken + 1);
        self.taken.fetch_update(Relaxed, Relaxed, take).ok().map(|_| Place(Arc::clone(self)))
    }

    /// Takes a place for a session that is there already, as one that comes from another process is.
    pub fn join(self: &Arc<Self>) -> Place {
        self.taken.fetch_add(1, Relaxed);
        Place(Arc::clone(self))
    }

    /// The report to make when somebody found no room: only the first of them is told, and once a second at most, as
    /// sessions that end at a ceiling may make room all the time.
    pub fn reached(&self, service: Option<&ServiceName>, now: Instant) -> Option<Report> {
        let now = now.saturating_duration_since(self.born).as_millis() as u64 + 1;
        let told = self.told.load(Relaxed);
        if (told != 0 && now < told + TOLD_EVERY_MS) || self.reached.swap(true, Relaxed) {
            return None;
        }
        self.told.store(now, Relaxed);
        Some(Report::CeilingReached { service: service.cloned(), sessions: self.taken() })
    }

    /// The report to make when there is a twentieth of room again after [`reached`](Self::reached).
    pub fn left(&self, service: Option<&ServiceName>) -> Option<Report> {
        let limit = self.limit.load(Relaxed);
        let roomy = self.reached.load(Relaxed)
            && self.taken() <= limit - limit / 20 - u32::from(limit < 20).min(limit);
        let first = roomy && self.reached.swap(false, Relaxed);
        first.then(|| Report::CeilingLeft { service: service.cloned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_ceiling_is_told_once_and_left_with_some_room() {
        let (ceiling, now) = (Arc::new(Ceiling::new(40)), Instant::now());
        let mut places: Vec<Place> = std::iter::from_fn(|| ceiling.enter()).collect();
        assert_eq!(places.len(), 40);
        assert!(ceiling.reached(None, now).is_some() && ceiling.reached(None, now).is_none());
        places.pop();
        assert!(ceiling.has_room() && ceiling.left(None).is_none(), "one place is not yet worth telling");
        places.pop();
        assert!(ceiling.left(None).is_some() && ceiling.left(None).is_none());
        let later = now + Duration::from_secs(2);
        assert!(ceiling.reached(None, later).is_some(), "and it can be reached again");
    }

    #[test]
    fn a_ceiling_that_is_reached_and_left_all_the_time_is_told_once_a_second() {
        let (ceiling, start) = (Arc::new(Ceiling::new(1)), Instant::now());
        let told = (0..3000).filter(|&ms| {
            let place = ceiling.enter().expect("room for one");
            let reached = ceiling.reached(None, start + Duration::from_millis(ms)).is_some();
            drop(place);
            assert_eq!(ceiling.left(None).is_some(), reached, "whoever is told of one is told of the other");
            reached
        });
        assert_eq!(told.count(), 3);
    }

    #[test]
    fn a_small_ceiling_is_left_too() {
        let ceiling = Arc::new(Ceiling::new(1));
        let place = ceiling.enter();
        assert!(place.is_some() && ceiling.enter().is_none());
        assert!(ceiling.reached(None, Instant::now()).is_some());
        drop(place);
        assert!(ceiling.left(None).is_some());
    }
}
