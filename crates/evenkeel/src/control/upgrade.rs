//! Hands everything over to a new process, or takes it over from the one before.

use super::Loop;
use super::stop::Phase;
use crate::admin::Bound;
use crate::error::Exit;
use crate::logging::Notice;
use crate::notify;
use crate::signals::Signal;
use crate::upgrade::hand::{self, Limits};
use crate::upgrade::past::{Counted, Past};
use crate::upgrade::{Gone, Step, arrive::Arrived, supervise};
use std::time::Duration;

/// How long an upgrade waits, at most, for sessions that are being opened; those that are not open then stay here.
const SETTLE_MAX: Duration = Duration::from_secs(10);

impl Loop {
    /// Whether sessions are about to move, here or to here.
    pub(super) fn is_moving(&self) -> bool {
        self.handing.is_some() || self.control.receiving.is_some()
    }

    /// A signal asks for an upgrade.
    pub(super) fn upgrade(&mut self, signal: Signal) {
        if let Err(why) = self.begin_upgrade() {
            self.control.log.tell(Notice::SignalIgnored { signal: signal.name(), why });
        }
    }

    /// Starts the program again, and hands everything over to it. Says why that cannot be; what comes of it is told in the
    /// log.
    fn begin_upgrade(&mut self) -> Result<(), &'static str> {
        if self.phase != Phase::Running {
            return Err("it is stopping");
        }
        if self.is_moving() {
            return Err("an upgrade is under way");
        }
        let again = self.control.again.clone()?;
        self.control.log.tell(Notice::Upgrading { binary: again.binary.display().to_string() });
        let limits = Limits {
            start: self.control.settings.upgrade_timeout,
            settle: self.settle_time(),
            drain: self.control.settings.drain,
        };
        match hand::begin(&again, &self.control.plane, limits, &self.control.inputs) {
            Ok(handing) => self.handing = Some((handing, None)),
            Err(error) => self.control.log.tell(Notice::UpgradeFailed { why: error.to_string() }),
        }
        Ok(())
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
        let Some((handing, postponed)) = &mut self.handing else { return false };
        *postponed = Some(signal);
        handing.cancel();
        true
    }

    pub(super) fn handle_step(&mut self, step: Step) {
        // A thread that waits in vain for an answer has given up, and says so next.
        match step {
            Step::Past(reply) => {
                let plane = &self.control.plane;
                let (last_id, open, memory) = (plane.last_id(), plane.open(), self.control.director.memory());
                let _ = reply.send(Past { last_id, open, memory }.write());
            }
            Step::Counted(reply) => drop(reply.send(Counted::by(&self.control.plane).write())),
            Step::Gone(gone) => self.handle_gone(gone),
            Step::Failed(why) => {
                let postponed = self.handing.take().and_then(|(_, postponed)| postponed);
                self.control.log.tell(Notice::UpgradeFailed { why });
                postponed.into_iter().for_each(|signal| self.stop(signal));
            }
            Step::Arrived(arrived) => self.handle_arrived(&arrived),
            Step::Forsaken(why) => self.handle_forsaken(why),
        }
    }

    /// The new process has everything: what is left ends here.
    fn handle_gone(&mut self, gone: Gone) {
        let Gone { pid, listeners, sessions, pause, kept } = gone;
        let postponed = self.handing.take().and_then(|(_, postponed)| postponed);
        self.control.plane.keep_files(true, |name| listeners.contains(name));
        // The new process binds the very same addresses.
        self.control.admin = None;
        let left = self.control.plane.totals().open;
        self.control.log.tell(Notice::Upgraded { pid, sessions, pause, left });
        if let Some(kept) = kept {
            self.control.log.tell(Notice::Warning(format!("no session was handed over: {kept}")));
        }
        self.successor = Some(pid);
        // It is in charge now.
        postponed.into_iter().for_each(|signal| supervise::pass_on(pid, signal));
        self.drain();
    }

    fn handle_arrived(&mut self, arrived: &Arrived) {
        self.control.receiving = None;
        if let Some(counted) = &arrived.counted {
            counted.hand_to(&self.control.plane);
        }
        self.control.plane.keep_files(false, |_| true);
        notify::ready("took over");
        self.admin_due = true;
    }

    /// Binds the admin API after an upgrade; tries again at the next tick while the old process still has the address.
    pub(super) fn bind_admin(&mut self) {
        if !self.admin_due {
            return;
        }
        match Bound::bind(self.control.settings.admin.as_ref()) {
            Ok(bound) => {
                self.admin_due = false;
                self.control.serve_admin(bound);
            }
            Err(error) if error.exit == Exit::Unavailable && self.phase == Phase::Running => {}
            Err(error) => {
                self.admin_due = false;
                self.control.log.tell(Notice::Warning(error.what));
            }
        }
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
