//! How a relay ends: in order, by a limit, or because a side is lost.

use super::carry::Pace;
use super::{Rare, Relay, opposite};
use evenkeel_core::end::{End, Side};
use evenkeel_sys::socket;
use std::io;
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

/// After one side was reset: how long what came before may take to reach the other.
pub(super) const RESET_GRACE: Duration = Duration::from_secs(10);

/// A session that ends for a limit is closed with a FIN if it was silent for this long, else with a RST: a cut in
/// the middle of a transfer must not look like its end.
const QUIET: Duration = Duration::from_secs(1);

/// A side that is gone without having said so.
#[derive(Clone, Copy, Debug)]
pub(super) struct Lost {
    pub(super) side: Side,
    pub(super) end: End,
    pub(super) since: Instant,
    /// The other one is gone as well.
    pub(super) both: bool,
}

impl Relay {
    /// Ends it for a reason of ours.
    pub fn cut(&mut self, now: Instant) {
        if self.holds_bytes() || now.saturating_duration_since(self.deadlines.last_active()) < QUIET {
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
        let lost = || Lost { side, end: loss(side, error), since: now, both: false };
        let lost = rare.lost.get_or_insert_with(lost);
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
            Some(lost) => self.end_of_lost(lost, over, now),
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
                self.cut(now);
                Some(end)
            }
        }
    }

    /// Whether bytes have been taken from one side and not by the other, as far as its kernel tells.
    pub(super) fn is_under_way(&self) -> bool {
        let sockets = [&self.client, &self.backend];
        let is_owed = |socket: &OwnedFd| socket::unacknowledged(socket).is_ok_and(|bytes| bytes > 0);
        self.holds_bytes() || sockets.into_iter().any(is_owed)
    }

    /// The reset is passed on when everything that came before it has arrived, or there is nobody left for it.
    pub(super) fn end_of_lost(&self, lost: &Lost, over: bool, now: Instant) -> Option<End> {
        let survivor = if lost.side == Side::Client { &self.backend } else { &self.client };
        let delivered = over
            && self.is_flushed(opposite(lost.side))
            && !socket::unacknowledged(survivor).is_ok_and(|bytes| bytes > 0);
        if !delivered && !lost.both && now < lost.since + RESET_GRACE {
            return None;
        }
        reset_on_close(survivor);
        Some(lost.end)
    }
}

pub(super) fn loss(side: Side, error: &io::Error) -> End {
    match error.kind() {
        io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe | io::ErrorKind::NotConnected => {
            End::Reset(side)
        }
        io::ErrorKind::InvalidData => End::Garbled(side),
        _ => End::Vanished(side),
    }
}

/// A socket that cannot be told is closed in the ordinary way.
pub(super) fn reset_on_close(socket: &OwnedFd) {
    let _ = socket::reset_on_close(socket);
}
