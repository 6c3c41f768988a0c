//! A configuration on trial: it goes by itself unless somebody confirms it in time, and at once when connects begin to fail,
//! or find nobody.

use super::Loop;
use super::question::{Applied, Reload, Wanted};
use super::stop::Phase;
use super::upgrade::MOVING;
use crate::config::{self, Flags, Given, Loaded, Problems, Settings, Source, WatchedFiles};
use crate::logging::Notice;
use crate::upgrade::intent::OnTrial;
use evenkeel_core::director::Connects;
use evenkeel_core::end::End;
use evenkeel_core::http::outcome::Outcome;
use evenkeel_core::name::ServiceName;
use evenkeel_proxy::ServiceSums;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// A trial is at least this long: in less nobody could confirm it.
const SHORTEST: Duration = Duration::from_secs(1);

/// How long a trial is that is to take as long as `text` says; or why it cannot be.
pub fn trial_time(text: &str) -> Result<Duration, String> {
    let time = config::duration(text).map_err(|what| format!("{what}; write for instance 30s"))?;
    match time < SHORTEST {
        true => Err("in less than 1s nobody could confirm it; write for instance 30s".to_owned()),
        false => Ok(time),
    }
}

/// How soon it is tried again to go back, where something stands in the way.
const AGAIN: Duration = Duration::from_secs(1);

/// What is on trial, and what comes back if it fails.
pub struct Trial {
    until: Instant,
    given: Given,
    before: Loaded,
    /// What of that was applied.
    applied_before: Option<Given>,
    /// What was counted when it began.
    connects: BTreeMap<ServiceName, Connects>,
    /// What keeps it from going back, though it should.
    stuck: Option<Stuck>,
}

/// A trial that has failed and cannot go back, as when somebody else has an address that was left.
struct Stuck {
    /// Why it failed.
    why: &'static str,
    /// When it is tried again.
    again_at: Instant,
}

impl Trial {
    /// What is on trial.
    pub fn given(&self) -> &Given {
        &self.given
    }

    /// How much time is left to confirm.
    pub fn left(&self, now: Instant) -> Duration {
        self.until.saturating_duration_since(now)
    }

    /// Goes on with one that another process began, where `before` is what the file says, and gives what holds.
    ///
    /// Fails when what is on trial cannot be loaded here.
    pub fn resume(packed: OnTrial, flags: Option<Flags>, before: Loaded) -> Result<(Self, Loaded), Problems> {
        let OnTrial { until, given, connects } = packed;
        let now = config::load(&Source::Given(given.clone(), flags))?;
        let Settings { lame_duck, drain, upgrade_timeout, admin, .. } = now.settings;
        // The rest holds from a start on, and this is none.
        let settings = Settings { lame_duck, drain, upgrade_timeout, admin, ..before.settings.clone() };
        let files = WatchedFiles { lists: now.files.lists, ..before.files.clone() };
        let now = Loaded { settings, files, ..now };
        let connects = connects.into_iter().collect();
        Ok((Self { until, given, before, applied_before: None, connects, stuck: None }, now))
    }
}

impl Loop {
    /// Keeps a configuration that is in no file, and if `time` is given, only when it is confirmed.
    pub(super) fn apply(&mut self, applied: Applied, time: Option<Duration>, wanted: Wanted) -> Reload {
        if self.trial.is_some() {
            return Err("another configuration waits to be confirmed".to_owned());
        }
        self.log_order(Some(wanted));
        let Applied { given, loaded } = applied;
        let loaded = self.without_log(loaded);
        let lists = loaded.files.lists.clone();
        let (settings, config) = (self.control.settings.clone(), self.control.director.config());
        let material = self.control.keys.material.clone();
        let files = self.control.files.clone();
        let before = Loaded { settings, config, material, warnings: Vec::new(), files };
        let connects = self.connects();
        let now = Instant::now();
        let reload = self.take(now, loaded);
        self.note_reload(&reload);
        let taken = reload?;
        let applied_before = self.control.applied.replace(given.clone());
        self.watch(WatchedFiles { lists, ..self.control.files.clone() });
        if let Some(time) = time {
            self.trial =
                Some(Trial { until: now + time, given, before, applied_before, connects, stuck: None });
            self.control.log.tell(Notice::Trial { time });
        }
        Ok(taken)
    }

    /// What is on trial holds for good, also if it has failed and could not go back.
    pub(super) fn confirm(&mut self, wanted: Wanted) -> Result<(), &'static str> {
        if self.is_beyond_change() {
            return Err(MOVING);
        }
        self.trial.take().ok_or("nothing waits to be confirmed; it may have gone back already")?;
        self.log_order(Some(wanted));
        Ok(())
    }

    /// What is on trial, for another process.
    pub(super) fn packed_trial(&self) -> Option<OnTrial> {
        let Trial { until, given, connects, .. } = self.trial.as_ref()?;
        Some(OnTrial {
            until: *until,
            given: given.clone(),
            connects: connects.iter().map(|(name, connects)| (name.clone(), *connects)).collect(),
        })
    }

    /// When the time of the trial is over, if that is to be waited for.
    pub(super) fn trial_ends(&self) -> Option<Instant> {
        let trial = self.trial.as_ref().filter(|_| self.may_go_back())?;
        Some(trial.stuck.as_ref().map_or(trial.until, |stuck| stuck.again_at))
    }

    fn may_go_back(&self) -> bool {
        !self.is_moving() && self.phase == Phase::Running
    }

    /// Looks how the trial goes. While sessions move it waits: whoever has them then goes back, if need be. One that ends has
    /// nothing to go back to.
    pub(super) fn judge(&mut self, now: Instant) {
        if !self.may_go_back() {
            return;
        }
        let Some(trial) = &self.trial else { return };
        match &trial.stuck {
            Some(stuck) if now >= stuck.again_at => self.go_back(now, stuck.why),
            Some(_) => {}
            None if trial.until <= now => self.go_back(now, "nobody confirmed it in time"),
            None if has_jumped(&trial.connects, &self.connects()) => {
                self.go_back(now, "connects to backends began to fail");
            }
            None => {}
        }
    }

    fn go_back(&mut self, now: Instant, why: &'static str) {
        let Some(mut trial) = self.trial.take() else { return };
        let reload = self.take(now, trial.before.clone());
        match &reload {
            Ok(_) => {
                self.control.applied = trial.applied_before.take();
                self.watch(trial.before.files.clone());
                self.control.log.tell(Notice::WentBack { why });
            }
            Err(error) if trial.stuck.is_none() => {
                let what = format!(
                    "cannot go back to the configuration before: {error}; it is tried again every second until \
                     `evenkeel confirm`"
                );
                self.control.log.tell(Notice::Warning(what));
            }
            Err(_) => {}
        }
        if reload.is_ok() || trial.stuck.is_none() {
            self.reloads.note(&reload);
        }
        if reload.is_err() {
            trial.stuck = Some(Stuck { why, again_at: now + AGAIN });
            self.trial = Some(trial);
        }
    }

    fn connects(&self) -> BTreeMap<ServiceName, Connects> {
        self.control.plane.services().into_iter().map(|(name, sums)| (name, connects(&sums))).collect()
    }
}

/// Each session or request tries once, and once more for each retry; a retry follows a failure, and so does giving up, also
/// where there is nobody to try.
fn connects(sums: &ServiceSums) -> Connects {
    let not_connected: u64 = sums.ends[End::NOT_CONNECTED].iter().sum();
    let (nobody, requests) = (sums.ends[End::NoBackend.index()], &sums.requests.outcomes);
    let unserved = requests[Outcome::Unserved(End::NoBackend).index()];
    // Requests are made in sessions, of which each has one or more.
    let tried = sums.accepted.max(requests.iter().sum());
    Connects { tried: tried + sums.retries, failed: sums.retries + not_connected + nobody + unserved }
}

fn has_jumped(before: &BTreeMap<ServiceName, Connects>, now: &BTreeMap<ServiceName, Connects>) -> bool {
    let (mut sum_before, mut since) = (Connects::default(), Connects::default());
    for (name, now) in now {
        // A service that is new, or began anew, counts from 0.
        let before = before.get(name).copied().filter(|it| it.tried <= now.tried).unwrap_or_default();
        sum_before.tried += before.tried;
        sum_before.failed += before.failed;
        since.tried += now.tried - before.tried;
        since.failed += now.failed.saturating_sub(before.failed);
    }
    Connects::jumped(sum_before, since)
}
