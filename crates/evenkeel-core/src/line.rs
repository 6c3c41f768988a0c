//! Who waits for a seat of a pool, over all workers: how many, and who has waited longest in each of them.
//!
//! Each worker keeps those of its own in order. What they need of each other is here: a seat goes to whoever came first,
//! in whichever worker. Who came a few milliseconds later may go first where the seat is free: many seats are taken and given
//! back within less, and would stand empty until another worker is awake. A [`Line`] is handed from snapshot to snapshot, like [`Load`](crate::load::Load).

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering::Relaxed, Ordering::SeqCst, fence};
use std::time::{Duration, Instant};

/// Who came less than that before somebody of another worker does not go before that one.
const GRACE: Duration = Duration::from_millis(10);

/// That nobody waits.
const NOBODY: u64 = u64::MAX;

/// The line of a pool.
#[derive(Debug, Default)]
pub struct Line {
    length: AtomicU32,
    /// When somebody waited for the first time.
    begun: OnceLock<Instant>,
    /// By worker; made when somebody waits for the first time.
    fronts: OnceLock<Box<[Front]>>,
}

/// What the others know of those who wait in one worker.
#[derive(Debug)]
struct Front {
    /// The ticket of whoever has waited longest of those who would take any seat.
    oldest: AtomicU64,
    /// Whether there are others, who would not.
    has_picky: AtomicBool,
}

/// A place in the line: whoever has a smaller one came before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ticket(u64);

impl Ticket {
    /// Whether whoever has this one goes before `other`, who waits in another worker.
    pub fn goes_before(self, other: Self) -> bool {
        self.0.saturating_add(GRACE.as_nanos() as u64) < other.0
    }
}

impl Line {
    /// How many wait.
    pub fn length(&self) -> u32 {
        self.length.load(Relaxed)
    }

    /// Whether anybody waits for a seat that was given back before.
    pub fn is_awaited(&self) -> bool {
        fence(SeqCst);
        self.length() > 0
    }

    /// What whoever comes `now` gets.
    pub fn ticket(&self, now: Instant) -> Ticket {
        let waited = now.saturating_duration_since(*self.begun.get_or_init(|| now));
        Ticket(u64::try_from(waited.as_nanos()).unwrap_or(NOBODY - 1))
    }

    /// A place at the end of it, unless as many wait as may.
    pub fn join(&self, longest: u32, now: Instant) -> Option<Ticket> {
        let join = |length| (length < longest).then_some(length + 1);
        self.length.fetch_update(Relaxed, Relaxed, join).ok()?;
        Some(self.ticket(now))
    }

    /// One who had joined waits no more.
    pub fn leave(&self) {
        self.length.fetch_sub(1, Relaxed);
    }

    /// Says who has waited longest in a worker, of all `workers`, of those who would take any seat; and whether there are others.
    ///
    /// With the fence in [`is_awaited`](Self::is_awaited): who gives a seat back sees that somebody waits, or the one who waits sees
    /// the seat when it looks next.
    pub fn set_front(&self, (worker, workers): (usize, usize), oldest: Option<Ticket>, has_picky: bool) {
        let nobody = || Front { oldest: AtomicU64::new(NOBODY), has_picky: AtomicBool::new(false) };
        let front = &self.fronts.get_or_init(|| (0..workers).map(|_| nobody()).collect())[worker];
        front.oldest.store(oldest.map_or(NOBODY, |ticket| ticket.0), Relaxed);
        front.has_picky.store(has_picky, Relaxed);
        fence(SeqCst);
    }

    /// In which worker but this somebody has waited longest who would take any seat, and since when.
    pub fn oldest_but(&self, worker: usize) -> Option<(Ticket, usize)> {
        let fronts = self.others(worker).map(|(index, front)| (front.oldest.load(Relaxed), index));
        fronts.filter(|(oldest, _)| *oldest != NOBODY).map(|(oldest, index)| (Ticket(oldest), index)).min()
    }

    /// In which workers but this somebody waits who would not.
    pub fn picky_but(&self, worker: usize) -> impl Iterator<Item = usize> {
        self.others(worker).filter(|(_, front)| front.has_picky.load(Relaxed)).map(|(index, _)| index)
    }

    fn others(&self, worker: usize) -> impl Iterator<Item = (usize, &Front)> {
        let fronts = self.fronts.get().filter(|_| self.is_awaited());
        fronts.into_iter().flatten().enumerate().filter(move |(index, _)| *index != worker)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_wait_than_may() {
        let line = Line::default();
        let join = || line.join(2, Instant::now()).is_some();
        assert!(join() && join() && !join());
        line.leave();
        assert!(join());
        assert_eq!(line.length(), 2);
    }

    #[test]
    fn the_oldest_is_whoever_came_first_in_any_other_worker() {
        let line = Line::default();
        assert_eq!(line.oldest_but(0), None);
        let (now, tick) = (Instant::now(), Duration::from_millis(6));
        let tickets: Vec<Ticket> = (0..3).filter_map(|nth| line.join(9, now + tick * nth)).collect();
        assert!(tickets.is_sorted());
        assert!(tickets[0].goes_before(tickets[2]), "12 ms later");
        assert!(!tickets[0].goes_before(tickets[1]) && !tickets[2].goes_before(tickets[0]));
        line.set_front((2, 3), Some(tickets[0]), false);
        line.set_front((0, 3), Some(tickets[1]), true);
        line.set_front((1, 3), Some(tickets[2]), true);
        assert_eq!(line.oldest_but(1), Some((tickets[0], 2)));
        assert_eq!(line.oldest_but(2), Some((tickets[1], 0)));
        line.set_front((2, 3), None, false);
        assert_eq!(line.oldest_but(1), Some((tickets[1], 0)));
        assert_eq!(line.picky_but(1).collect::<Vec<_>>(), [0]);
    }
}
