//! Ends in order: still accepting for a while, then letting sessions end, then gone.

use super::{Input, Loop};
use crate::logging::{Notice, Stopped};
use crate::notify;
use crate::signals::{self, Signal, Situation};
use std::time::{Duration, Instant};
use tokio::sync::mpsc::Receiver;

/// How much longer than the drain window the plane may take to say that it has drained.
const DRAIN_GRACE: Duration = Duration::from_secs(2);

/// How far the end has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Nobody has asked for it.
    Running,
    /// Still accepting, until then.
    LameDuck(Instant),
    /// No longer accepting; sessions may end, until then.
    Draining(Instant),
}

impl Loop {
    /// What holds as far as signals are concerned.
    pub(super) fn situation(&self) -> Situation {
        Situation {
            stopping: self.phase != Phase::Running,
            told: self.told_to_stop.map(|told| told.elapsed()),
            on_terminal: signals::on_terminal(),
        }
    }

    /// Begins to end in order.
    pub(super) fn stop(&mut self, signal: Signal) {
        self.told_to_stop.get_or_insert_with(Instant::now);
        if self.postpones(signal) {
            return;
        }
        notify::stopping("draining");
        let time = self.control.settings.lame_duck;
        self.phase = Phase::LameDuck(Instant::now() + time);
        if !time.is_zero() {
            self.control.log.tell(Notice::LameDuck { signal: signal.name(), time });
        }
    }

    pub(super) fn phase_ends(&self) -> Option<Instant> {
        match self.phase {
            Phase::Running => None,
            Phase::LameDuck(end) | Phase::Draining(end) => Some(end),
        }
    }

    pub(super) fn handle_phase_end(&mut self) {
        if let Phase::LameDuck(_) = self.phase {
            self.drain();
        } else {
            self.ended = Some("the time to drain is over");
        }
    }

    /// Takes no new sessions; open ones may end.
    pub(super) fn drain(&mut self) {
        let window = self.control.settings.drain;
        let open = self.control.plane.totals().open;
        self.control.log.tell(Notice::Draining { window, open });
        self.control.plane.drain(window);
        self.phase = Phase::Draining(Instant::now() + window + DRAIN_GRACE);
    }

    /// Ends the plane and the log.
    pub(super) fn end(self, inputs: Receiver<Input>) {
        // A worker may wait for room to say that it has drained, and so would we for the worker.
        drop(inputs);
        let totals = self.control.plane.stop();
        let lines_dropped = totals.records_dropped + self.control.log.dropped() + self.control.log.lost();
        let why = self.ended.unwrap_or_default();
        let (sessions, cut) = (totals.accepted, totals.cut);
        self.control.log.end(Notice::Stopped(Stopped { why, sessions, cut, lines_dropped }));
    }
}
