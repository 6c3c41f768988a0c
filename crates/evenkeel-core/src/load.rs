//! What moves in a snapshot: how busy a backend is, and how often it failed in a row.
//!
//! A [`Load`] is handed by the director from one snapshot to the next, so that counting survives every change.
//! All accesses are relaxed: the numbers steer, they guard nothing. Whoever waits for a seat, or looks who does after it gave one
//! back, has to put a fence between the two.

use crate::eject::Tolerance;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

/// How busy one backend is. Aligned to two cache lines, so that neighbours do not slow each other down.
#[derive(Debug, Default)]
#[repr(align(128))]
pub struct Load {
    sessions: AtomicU32,
    connecting: AtomicU32,
    failures_in_row: AtomicU32,
    errors_in_row: AtomicU32,
    silent: AtomicU32,
}

impl Load {
    /// Sessions that hold a seat, connects in progress included.
    pub fn sessions(&self) -> u32 {
        self.sessions.load(Relaxed)
    }

    /// Connects in progress.
    pub fn connecting(&self) -> u32 {
        self.connecting.load(Relaxed)
    }

    /// Connects of live traffic that failed since the last that worked.
    pub fn failures_in_row(&self) -> u32 {
        self.failures_in_row.load(Relaxed)
    }

    /// Answers that were errors, since the last that was none.
    pub fn errors_in_row(&self) -> u32 {
        self.errors_in_row.load(Relaxed)
    }

    /// Connections that were given up, in all, as nothing came by them any more.
    pub fn silent(&self) -> u32 {
        self.silent.load(Relaxed)
    }

    /// Whether live traffic failed there more often in a row than is tolerated.
    pub fn exceeds(&self, tolerance: &Tolerance) -> bool {
        let reaches = |most: u32, n: u32| most != 0 && n >= most;
        reaches(tolerance.failures, self.failures_in_row()) || reaches(tolerance.errors, self.errors_in_row())
    }

    /// Takes a seat for a connect that begins now, or `None` when `limits` allow no more.
    pub fn enter(self: &Arc<Self>, limits: SeatLimits) -> Option<Seat> {
        take(&self.sessions, limits.sessions)?;
        if take(&self.connecting, limits.connecting).is_none() {
            self.sessions.fetch_sub(1, Relaxed);
            return None;
        }
        Some(Seat { load: Arc::clone(self), connecting: true })
    }

    /// Takes a seat for a session that is connected already, as one that comes from another process is: whatever the
    /// limits, it is there.
    pub fn join(self: &Arc<Self>) -> Seat {
        self.sessions.fetch_add(1, Relaxed);
        Seat { load: Arc::clone(self), connecting: false }
    }

    /// Notes a failed connect and says how many there were in a row.
    pub fn note_failed(&self) -> u32 {
        self.failures_in_row.fetch_add(1, Relaxed).saturating_add(1)
    }

    /// Notes an answer that was an error and says how many there were in a row.
    pub fn note_error(&self) -> u32 {
        self.errors_in_row.fetch_add(1, Relaxed).saturating_add(1)
    }

    /// Notes a connection that was given up, as nothing came by it any more.
    pub fn note_silent(&self) {
        self.silent.fetch_add(1, Relaxed);
    }

    /// Forgets what was in a row: the backend serves, or the director gives it another chance.
    pub fn forgive(&self) {
        forget(&self.failures_in_row);
        forget(&self.errors_in_row);
    }
}

fn forget(counter: &AtomicU32) {
    // A store only when needed keeps the line shared between workers while all is well.
    if counter.load(Relaxed) != 0 {
        counter.store(0, Relaxed);
    }
}

fn take(counter: &AtomicU32, limit: u32) -> Option<()> {
    if limit == u32::MAX {
        counter.fetch_add(1, Relaxed);
        return Some(());
    }
    counter.fetch_update(Relaxed, Relaxed, |n| (n < limit).then_some(n + 1)).ok().map(|_| ())
}

/// How many may be at a backend at once; `u32::MAX` is no limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SeatLimits {
    /// Sessions in all.
    pub sessions: u32,
    /// Connects in progress.
    pub connecting: u32,
}

impl SeatLimits {
    /// No limit at all.
    pub const NONE: Self = Self { sessions: u32::MAX, connecting: u32::MAX };
}

/// A session's place at a backend; given back on drop, so that no path can leak one.
#[derive(Debug)]
pub struct Seat {
    load: Arc<Load>,
    connecting: bool,
}

impl Seat {
    /// The connect has worked: the seat counts as a session only, and connects that failed before are forgiven.
    pub fn connected(&mut self) {
        self.opened();
        forget(&self.load.failures_in_row);
    }

    /// The seat counts as a session only; whether the backend is there has still to be seen, as with datagrams, or on a
    /// connection that was made before.
    pub fn opened(&mut self) {
        if std::mem::take(&mut self.connecting) {
            self.load.connecting.fetch_sub(1, Relaxed);
        }
    }

    /// The backend has shown that it serves: all failures are forgiven.
    pub fn answered(&self) {
        self.load.forgive();
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        if self.connecting {
            self.load.connecting.fetch_sub(1, Relaxed);
        }
        self.load.sessions.fetch_sub(1, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::eject::Errors;

    #[test]
    fn a_connect_that_works_forgives_connects_and_an_answer_forgives_all() {
        let load = Arc::new(Load::default());
        let in_row = |load: &Load| (load.failures_in_row(), load.errors_in_row());
        assert_eq!((load.note_failed(), load.note_failed(), load.note_error()), (1, 2, 1));
        let mut seat = load.enter(SeatLimits::NONE).unwrap();
        seat.opened();
        assert_eq!(in_row(&load), (2, 1), "whether it serves has still to be seen");
        seat.connected();
        assert_eq!(in_row(&load), (0, 1));
        load.note_failed();
        seat.answered();
        assert_eq!(in_row(&load), (0, 0));
    }

    #[test]
    fn each_kind_of_failure_has_its_own_tolerance() {
        let load = Load::default();
        let tolerance = Tolerance { failures: 2, errors: 3, errors_are: Errors::Gateway };
        let looks = [Load::note_failed, Load::note_error, Load::note_error, Load::note_error]
            .map(|note| (note(&load), load.exceeds(&tolerance)).1);
        assert_eq!(looks, [false, false, false, true]);
        assert!(!load.exceeds(&Tolerance::default()), "everything is tolerated");
    }

    #[test]
    fn a_seat_is_given_back_on_drop() {
        let load = Arc::new(Load::default());
        let limits = SeatLimits { sessions: 2, connecting: 1 };
        let mut first = load.enter(limits).expect("room for two");
        assert!(load.enter(limits).is_none(), "one connect at a time");
        first.connected();
        let second = load.enter(limits).expect("the first is connected");
        assert!(load.enter(limits).is_none(), "two sessions are the limit");
        let third = load.join();
        assert_eq!((load.sessions(), load.connecting()), (3, 1), "one that is connected already is there");
        drop((first, second, third));
        assert_eq!((load.sessions(), load.connecting()), (0, 0));
    }
}
