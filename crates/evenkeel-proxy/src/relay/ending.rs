//! How a relay ends: in order, by a limit, or because a side is lost.

use super::carry::Pace;
use super::throttle::Throttle;
use super::{Rare, Relay, opposite};
use evenkeel_core::end::End;
use evenkeel_core::side::Side;
use evenkeel_sys::socket;
use std::io;
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

/// After one side was reset: how long the other may take nothing of what came before.
pub(super) const RESET_GRACE: Duration = Duration::from_secs(10);

/// A session that ends for a limit is closed with a FIN if it was silent for this long, else with a RST: a cut in
/// the middle of a transfer must not look like its end.
const QUIET: Duration = Duration::from_secs(1);

/// A side that is gone without having said so.
#[derive(Clone, Copy, Debug)]
pub(super) struct Lost {
    pub(super) side: Side,
    pub(super) end: End,
    /// When the other one took something for the last time.
    pub(super) since: Instant,
    /// What had been carried to the other one then, and what of that it had not acknowledged.
    pub(super) left: (u64, usize),
    /// The other one is gone as well.
    pub(super) both: bool,
}

impl Lost {
    pub(super) fn new(side: Side, end: End, since: Instant) -> Self {
        Self { side, end, since, left: (0, 0), both: false }
    }
}

impl Relay {
    /// Ends it for a reason of ours.
    pub fn cut(&mut self, now: Instant) {
        let is_quiet = now.saturating_duration_since(self.deadlines.last_active()) >= QUIET;
        if self.holds_bytes() || self.is_held_up() || !is_quiet {
            reset_on_close(&self.client);
            reset_on_close(&self.backend);
        } else if let Some(Rare { tunnels: Some(tunnels), .. }) = self.rare.as_deref_mut() {
            tunnels.close(&self.client, &self.backend);
        }
    }

    /// `side` has said that it sent everything.
    pub(super) fn on_finished(&mut self, side: Side, now: Instant) {
        self.first_closed.get_or_insert(side);
        self.deadlines.on_half_closed(now);
    }

    /// `side` is gone. What it sent still goes to the other; nothing goes to it any more.
    pub(super) fn on_lost(&mut self, side: Side, error: &io::Error, now: Instant) -> Pace {
        let rare = self.rare.get_or_insert_default();
        let lost = rare.lost.get_or_insert_with(|| Lost::new(side, loss(side, error), now));
        lost.both |= lost.side != side;
        self.direction_from(opposite(side)).abandon();
        let from_lost = &mut self.direction_from(side).half;
        if from_lost.is_finished() {
            from_lost.on_source_lost();
        } else {
            // A failed write says nothing about what can still be read.
            from_lost.on_source_cut();
        }
        Pace::Spent
    }

    /// A side that has finished, so that nobody reads from it, may be lost all the same. One that has not is left to the
    /// next read, which must find the error itself, after what came before it.
    pub(super) fn look_after_suspects(&mut self, now: Instant) {
        for side in [Side::Client, Side::Backend] {
            let (direction, socket) = self.source(side);
            if !direction.is_suspect() {
                continue;
            }
            direction.suspect = false;
            if let Err(error) = socket::take_error(socket) {
                self.on_lost(side, &error, now);
            }
        }
    }

    /// Whether a side finished and broke in one turn, a FIN with a reset behind it: nothing more will be told of it.
    pub(super) fn has_suspect(&self) -> bool {
        self.to_backend.is_suspect() || self.to_client.is_suspect()
    }

    /// How the session ended, if it is over now.
    pub(super) fn end(&mut self, is_due: bool, now: Instant) -> Option<End> {
        let over = self.to_backend.half.is_over() && self.to_client.half.is_over();
        match self.lost() {
            Some(lost) => self.end_of_lost(*lost, over, now),
            None if over => Some(End::Closed(self.first_closed.unwrap_or(Side::Evenkeel))),
            None if !is_due => None,
            None => {
                let (at, end) = self.deadlines.next(&self.rules.session)?;
                if now < at {
                    return None;
                }
                if end == End::HalfClosed && self.is_under_way() {
                    self.deadlines.on_under_way(now);
                    return None;
                }
                if end == End::Idle && self.is_held_up() {
                    self.deadlines.on_activity(now);
                    return None;
                }
                self.cut(now);
                Some(end)
            }
        }
    }

    /// Whether bytes have been taken from one side and not by the other, as far as its kernel tells.
    pub(super) fn is_under_way(&self) -> bool {
        let sockets = [&self.client, &self.backend];
        let is_owed = |socket: &OwnedFd| socket::unacknowledged(socket).is_ok_and(|bytes| bytes > 0);
        self.holds_bytes() || self.is_held_up() || sockets.into_iter().any(is_owed)
    }

    /// Whether there is more than a limit of bandwidth lets through now: neither side is silent, it is we who wait.
    fn is_held_up(&self) -> bool {
        self.throttle().and_then(Throttle::next).is_some()
    }

    /// The reset is passed on when everything that came before it has arrived, or there is nobody left for it.
    fn end_of_lost(&mut self, lost: Lost, over: bool, now: Instant) -> Option<End> {
        let owed = socket::unacknowledged(self.survivor(lost)).unwrap_or(0);
        let delivered = over && self.is_flushed(opposite(lost.side)) && owed == 0;
        let is_over_time = self.deadlines.last(&self.rules.session).is_some_and(|at| now >= at);
        if !delivered && !lost.both && !is_over_time && self.goes_on(lost, owed, now) {
            return None;
        }
        reset_on_close(self.survivor(lost));
        Some(lost.end)
    }

    fn survivor(&self, lost: Lost) -> &OwnedFd {
        if lost.side == Side::Client { &self.backend } else { &self.client }
    }

    /// Whether the side that is left may still take something: it has, a short time ago, of what it is `owed`.
    fn goes_on(&mut self, lost: Lost, owed: usize, now: Instant) -> bool {
        let left = (self.direction_from(lost.side).half.moved(), owed);
        let since = if left == lost.left { lost.since } else { now };
        self.rare.get_or_insert_default().lost = Some(Lost { since, left, ..lost });
        now < since + RESET_GRACE
    }
}

pub(super) fn loss(side: Side, error: &io::Error) -> End {
    match error.kind() {
        // Refused: a connect that was put off until there was something to send.
        io::ErrorKind::ConnectionReset
        | io::ErrorKind::ConnectionRefused
        | io::ErrorKind::BrokenPipe
        | io::ErrorKind::NotConnected => End::Reset(side),
        io::ErrorKind::InvalidData => End::Garbled(side),
        _ => End::Vanished(side),
    }
}

/// A socket that cannot be told is closed in the ordinary way.
pub(super) fn reset_on_close(socket: &OwnedFd) {
    let _ = socket::reset_on_close(socket);
}
