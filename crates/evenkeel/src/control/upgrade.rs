//! Hands everything over to a new process, or takes it over from the one before.

use super::Loop;
use super::question::{NotUpgraded, Upgrade, Upgraded, Wanted};
use super::stop::Phase;
use crate::admin::Bound;
use crate::error::{Exit, RunError};
use crate::logging::Notice;
use crate::notify;
use crate::signals::Signal;
use crate::upgrade::counted::Counted;
use crate::upgrade::hand::{self, Handing, Limits};
use crate::upgrade::intent::Intent;
use crate::upgrade::past::Past;
use crate::upgrade::{Again, Gone, Step, arrive::Arrived, supervise};
use std::path::PathBuf;
use std::time::{Duration, Instant};
use tokio::sync::oneshot;

/// How long an upgrade waits, at most, for sessions that are being opened; those that are not open then stay here.
const SETTLE_MAX: Duration = Duration::from_secs(10);

/// How soon binding the admin API is tried again while its address is taken: the process before is only just leaving it.
const SOON: Duration = Duration::from_millis(50);

/// After so many tries somebody else has it: that is told, and it is tried less often.
pub(super) const TRIES_SOON: u32 = 100;

/// How soon it is tried again then.
pub(super) const LATER: Duration = Duration::from_secs(1);

/// How long the process before may take to leave the addresses of its admin API, which it tells.
const LEAVES_WITHIN: Duration = Duration::from_secs(15);

/// Why something cannot be changed now.
pub(super) const MOVING: &str = "an upgrade is under way; try again when it is over";

/// An upgrade under way, in the old process.
pub(super) struct Moving {
    handing: Handing,
    /// The signal to stop that came meanwhile.
    postponed: Option<Signal>,
    /// Whether the new process was told what this one knows: what changes from then on would be lost.
    is_told: bool,
    /// Who waits for what comes of it.
    answer: Option<oneshot::Sender<Upgrade>>,
}

impl Moving {
    fn answer(&mut self, outcome: Upgrade) {
        // Whoever asked may be gone.
        self.answer.take().into_iter().for_each(|answer| drop(answer.send(outcome.clone())));
    }
}

impl Loop {
    /// Whether sessions are about to move, here or to here.
    pub(super) fn is_moving(&self) -> bool {
        self.moving.is_some() || self.control.receiving.is_some()
    }

    /// Whether what is changed now would be lost.
    pub(super) fn is_beyond_change(&self) -> bool {
        self.moving.as_ref().is_some_and(|it| it.is_told) || self.control.receiving.is_some()
    }

    /// A signal asks for an upgrade.
    pub(super) fn upgrade(&mut self, signal: Signal) {
        let begun = self.may_upgrade().and_then(|again| self.begin_upgrade(&again, None));
        if let Err(NotUpgraded::Impossible(why)) = begun {
            self.control.log.tell(Notice::SignalIgnored { signal: signal.name(), why });
        }
    }

    /// Somebody asks for one, and waits for what comes of it.
    pub(super) fn upgrade_for(
        &mut self,
        binary: Option<PathBuf>,
        wanted: Wanted,
        answer: oneshot::Sender<Upgrade>,
    ) {
        let again = match self.may_upgrade() {
            Ok(again) => Again { binary: binary.unwrap_or(again.binary), ..again },
            Err(error) => return drop(answer.send(Err(error))),
        };
        self.log_order(Some(wanted));
        // Whoever asked is told by then.
        let _ = self.begin_upgrade(&again, Some(answer));
    }

    /// How the program is started again, or why it cannot be now.
    fn may_upgrade(&self) -> Result<Again, NotUpgraded> {
        if self.phase != Phase::Running {
            return Err(NotUpgraded::Impossible("it is stopping"));
        }
        if self.is_moving() {
            return Err(NotUpgraded::Impossible("an upgrade is under way"));
        }
        self.control.again.clone().map_err(NotUpgraded::Impossible)
    }

    /// Starts the program again, and hands everything over to it. What comes of it is told in the log, and to whoever waits
    /// for it.
    fn begin_upgrade(
        &mut self,
        again: &Again,
        answer: Option<oneshot::Sender<Upgrade>>,
    ) -> Result<(), NotUpgraded> {
        self.control.log.tell(Notice::Upgrading { binary: again.binary.display().to_string() });
        let limits = Limits {
            start: self.control.settings.upgrade_timeout,
            settle: self.settle_time(),
            drain: self.control.settings.drain,
        };
        let intent = Intent { duties: self.control.director.duties(), trial: self.packed_trial() };
        match hand::begin(again, &self.control.plane, intent, limits, &self.control.inputs) {
            Ok(handing) => {
                self.moving = Some(Moving { handing, postponed: None, is_told: false, answer });
                Ok(())
            }
            Err(error) => {
                let failed = NotUpgraded::Failed(error.to_string());
                answer.into_iter().for_each(|answer| drop(answer.send(Err(failed.clone()))));
                self.control.log.tell(Notice::UpgradeFailed { why: error.to_string() });
                Err(failed)
            }
        }
    }

    /// As long as opening a session takes, at most.
    fn settle_time(&self) -> Duration {
        let snapshot = self.control.director.snapshot();
        let times = snapshot.pools.values().map(|pool| pool.rules.connect.total + pool.rules.queue.timeout);
        times.max().unwrap_or_default().min(SETTLE_MAX)
    }

    /// A signal to stop while sessions move waits until it is known where they are; that is soon.
    pub(super) fn postpones(&mut self, signal: Signal) -> bool {
        if let Some(receiving) = self.control.receiving.take() {
            receiving.decline();
        }
        let Some(moving) = &mut self.moving else { return false };
        moving.postponed = Some(signal);
        moving.handing.cancel();
        true
    }

    pub(super) fn handle_step(&mut self, step: Step) {
        // A thread that waits in vain for an answer has given up, and says so next.
        match step {
            Step::Past(reply) => {
                let plane = &self.control.plane;
                let (last_id, open, memory) = (plane.last_id(), plane.open(), self.control.director.memory());
                let is_on_trial = self.trial.is_some();
                let _ = reply.send(Past { last_id, open, memory, is_on_trial }.write());
                self.moving.iter_mut().for_each(|it| it.is_told = true);
            }
            Step::Counted(reply) => {
                let counted = Counted::by(&self.control.plane, self.closings.clone());
                drop(reply.send(counted.write()));
            }
            Step::Gone(gone) => self.handle_gone(gone),
            Step::Failed(why) => self.handle_failed(why),
            Step::Arrived(arrived) => self.handle_arrived(&arrived),
            Step::Alone => self.admin_due = Some(Instant::now()),
            Step::Forsaken(why) => self.handle_forsaken(why),
        }
    }

    /// Nothing has happened.
    fn handle_failed(&mut self, why: String) {
        self.control.log.tell(Notice::UpgradeFailed { why: why.clone() });
        let Some(mut moving) = self.moving.take() else { return };
        moving.answer(Err(NotUpgraded::Failed(why)));
        moving.postponed.into_iter().for_each(|signal| self.stop(signal));
        self.load_what_waited();
    }

    /// The new process has everything: what is left ends here.
    fn handle_gone(&mut self, gone: Gone) {
        supervise::retire();
        let Gone { pid, listeners, sessions, pause, kept } = gone;
        self.control.plane.keep_files(true, |name| listeners.contains(name));
        let left = self.control.plane.totals().open;
        self.control.log.tell(Notice::Upgraded { pid, sessions, pause, left });
        if let Some(kept) = kept {
            self.control.log.tell(Notice::Warning(format!("no session was handed over: {kept}")));
        }
        let mut moving = self.moving.take();
        let old_pid = std::process::id();
        moving
            .iter_mut()
            .for_each(|it| it.answer(Ok(Upgraded { old_pid, pid, sessions, pause, left, kept })));
        // The new process binds the very same addresses, once it hears nothing more of `moving`.
        self.control.leave_admin();
        self.admin_due = None;
        self.successor = Some(pid);
        // It is in charge now.
        let postponed = moving.and_then(|it| it.postponed);
        postponed.into_iter().for_each(|signal| supervise::pass_on(pid, signal));
        self.drain();
    }

    pub(super) fn handle_arrived(&mut self, arrived: &Arrived) {
        self.control.receiving = None;
        if let Some(counted) = &arrived.counted {
            let (dropped, lost) = (self.dropped(), self.control.plane.totals().reports_dropped);
            counted.hand_to(&self.control.plane);
            // What the process before has dropped, it has told.
            self.told_dropped += self.dropped() - dropped;
            self.known_lost += self.control.plane.totals().reports_dropped - lost;
            self.closings.extend(counted.closings.iter().cloned());
        }
        self.control.plane.keep_files(false, |_| true);
        notify::ready("took over");
        self.admin_due = Some(Instant::now() + LEAVES_WITHIN);
        self.load_what_waited();
    }

    /// Binds the admin API after an upgrade; tries again soon while its address is still taken.
    pub(super) fn bind_admin(&mut self) {
        self.admin_due = None;
        match Bound::bind(self.control.settings.admin.as_ref(), None) {
            Ok(bound) => {
                self.admin_tries = 0;
                self.control.serve_admin(bound);
            }
            Err(error) if self.phase == Phase::Running => self.bind_admin_later(error),
            Err(error) => self.control.log.tell(Notice::Warning(error.what)),
        }
    }

    /// An address that is taken is most likely left soon. What else is wrong, such as a token that is gone, is told at once: it
    /// takes somebody to mend it.
    fn bind_admin_later(&mut self, error: RunError) {
        let tries = self.admin_tries.saturating_add(1);
        self.admin_tries = match error.exit {
            Exit::Unavailable => tries,
            _ => tries.max(TRIES_SOON),
        };
        if self.admin_tries == TRIES_SOON {
            let told = format!("{}; it is tried again every second", error.what);
            self.control.log.tell(Notice::Warning(told));
        }
        let pause = if self.admin_tries < TRIES_SOON { SOON } else { LATER };
        self.admin_due = Some(Instant::now() + pause);
    }

    /// The old process goes on: what came here meanwhile ends here.
    fn handle_forsaken(&mut self, why: String) {
        self.control.receiving = None;
        self.control.log.tell(Notice::UpgradeFailed { why });
        if self.phase == Phase::Running {
            self.drain();
        }
    }
}
