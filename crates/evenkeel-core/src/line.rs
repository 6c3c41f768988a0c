//! Who waits for a seat of a pool, over all workers: how many, and who has waited longest in each of them.
//!
//! Each worker keeps those of its own in order. What they need of each other is here: a seat goes to whoever came first,
//! in whichever worker. A [`Line`] is handed from snapshot to snapshot, like [`Load`](crate::load::Load).

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering::Relaxed, Ordering::SeqCst, fence};

/// That nobody waits.
const NOBODY: u64 = u64::MAX;

/// The line of a pool.
#[derive(Debug, Default)]
pub struct Line {
    length: AtomicU32,
    tickets: AtomicU64,
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

impl Line {
    /// How many wait.
    pub fn length(&self) -> u32 {
        self.length.load(Relaxed)
    }

    /// A place at the end of it, unless as many wait as may.
    pub fn join(&self, longest: u32) -> Option<Ticket> {
        let join = |length| (length < longest).then_some(length + 1);
        self.length.fetch_update(Relaxed, Relaxed, join).ok()?;
        Some(Ticket(self.tickets.fetch_add(1, Relaxed)))
    }

    /// One who had joined waits no more.
    pub fn leave(&self) {
        self.length.fetch_sub(1, Relaxed);
    }

    /// Says who has waited longest in a worker, of all `workers`, of those who would take any seat; and whether there are others.
    ///
    /// With the fence in [`oldest_but`](Self::oldest_but): who gives a seat back sees that somebody waits, or the one who waits sees
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
        fence(SeqCst);
        let fronts = self.fronts.get().filter(|_| self.length() > 0);
        fronts.into_iter().flatten().enumerate().filter(move |(index, _)| *index != worker)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_wait_than_may() {
        let line = Line::default();
        assert!(line.join(2).is_some() && line.join(2).is_some() && line.join(2).is_none());
        line.leave();
        assert!(line.join(2).is_some());
        assert_eq!(line.length(), 2);
    }

    #[test]
    fn the_oldest_is_whoever_came_first_in_any_other_worker() {
        let line = Line::default();
        assert_eq!(line.oldest_but(0), None);
        let tickets: Vec<Ticket> = (0..3).filter_map(|_| line.join(9)).collect();
        assert!(tickets.is_sorted());
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
