//! Takes a new configuration while everything runs: as a whole, or not at all.

use super::question::{self, Planned, Reload, Taken};
use super::stop::Phase;
use super::upgrade::MOVING;
use super::{Input, Loop, Watch};
use crate::admin::Bound;
use crate::binding;
use crate::config::{self, AdminSettings, Loaded, Problems, Settings, Source, WatchedFiles};
use crate::discover::Discovery;
use crate::logging::Notice;
use crate::notify;
use crate::signals::Signal;
use evenkeel_proxy::Inherited;
use std::thread;
use std::time::Instant;
use tokio::sync::oneshot;

/// Why what was given on a command line cannot be loaded again.
const NO_FILE: &str = "there is no configuration file to load again";

/// Loads that are under way at once, at most.
const LOADS_MAX: usize = 16;

/// Told when there are others who may not be disturbed.
const LATER: &str = "the configuration is loaded again when the upgrade is over";

/// What a load has brought.
pub struct Load {
    /// The configuration, or what is wrong with it.
    pub loaded: Result<Loaded, Problems>,
    /// How those files were that were watched before.
    pub before: WatchedFiles,
}

impl Load {
    /// Loads `source`; `watched` is what is watched now.
    fn from(source: &Source, watched: &WatchedFiles) -> Self {
        // To miss no change, look before it is read.
        let before = watched.again();
        Self { loaded: config::load(source), before }
    }

    /// What is to be watched if it is not taken: what is wrong may be mended in a file that is new, or by doing without it.
    fn watched(&self) -> WatchedFiles {
        let files = self.loaded.as_ref().map_or_else(|problems| &problems.files, |loaded| &loaded.files);
        files.and(&self.before)
    }
}

/// Loads of the configuration. One that hangs on a name may come to its end after others that began later.
#[derive(Default)]
pub(super) struct Loads {
    begun: u64,
    under_way: usize,
    /// The latest of those that have come to an end.
    latest: u64,
    /// Whether another one is to begin when one ends.
    again: bool,
    /// Whether one is to begin when the upgrade that is under way is over.
    after_upgrade: bool,
    /// Whether the lists of what is applied are being read.
    pub lists: bool,
    /// Whether they are to be read once more after that, or after the upgrade.
    pub lists_again: bool,
}

impl Loads {
    /// The number of another one; `None`: too many are under way.
    fn begin(&mut self) -> Option<u64> {
        (self.under_way < LOADS_MAX).then(|| {
            self.under_way += 1;
            self.begun += 1;
            self.begun
        })
    }

    /// One has come to its end: whether what it brings is the latest.
    fn end(&mut self, number: u64) -> bool {
        self.under_way -= 1;
        let is_latest = number > self.latest;
        self.latest = self.latest.max(number);
        is_latest
    }
}

impl Loop {
    pub(super) fn reload(&mut self, signal: Signal) {
        match self.control.source {
            Some(_) => self.load_again(None),
            None => self.control.log.tell(Notice::SignalIgnored { signal: signal.name(), why: NO_FILE }),
        }
    }

    /// Loads the configuration again, in the background.
    pub(super) fn load_again(&mut self, answer: Option<oneshot::Sender<Reload>>) {
        let Some(source) = self.control.source.clone() else {
            return self.tell_reload(Err(NO_FILE.to_owned()), answer);
        };
        if self.waits_for_upgrade(&answer) {
            return;
        }
        if self.phase == Phase::Running {
            notify::reloading();
        }
        let Some(number) = self.loads.begin() else {
            // Nobody waits for an answer to a signal, but for what is in the file.
            self.loads.again |= answer.is_none();
            return self.tell_reload(Err(format!("{LOADS_MAX} reloads have not come to an end yet")), answer);
        };
        let (inputs, watched) = (self.control.inputs.clone(), self.control.files.clone());
        // Not on the runtime's threads: lookups that hang may hold all of them.
        let work = move || {
            let load = Box::new(Load::from(&source, &watched));
            let _ = inputs.blocking_send(Input::Loaded(number, load, answer));
        };
        if let Err(error) = thread::Builder::new().name("reload".to_owned()).spawn(work) {
            self.loads.end(number);
            self.tell_reload(Err(error.to_string()), None);
        }
    }

    /// Whether a load that nobody waits for has to wait itself, so that it is not lost: now it would be refused.
    fn waits_for_upgrade(&mut self, answer: &Option<oneshot::Sender<Reload>>) -> bool {
        let waits = answer.is_none() && self.is_moving();
        if waits && !std::mem::replace(&mut self.loads.after_upgrade, true) {
            self.control.log.tell(Notice::Warning(LATER.to_owned()));
        }
        waits
    }

    /// An upgrade is over, and this process goes on.
    pub(super) fn load_what_waited(&mut self) {
        if self.phase != Phase::Running {
            return;
        }
        if std::mem::take(&mut self.loads.after_upgrade) {
            self.load_again(None);
        } else if std::mem::take(&mut self.loads.lists_again) {
            self.read_lists();
        }
    }

    /// What is applied, with the log as it is.
    pub(super) fn without_log(&self, mut loaded: Loaded) -> Loaded {
        loaded.settings.log = self.control.settings.log.clone();
        loaded
    }

    /// Keeps what a load has brought, unless something later is there already.
    pub(super) fn end_load(
        &mut self,
        now: Instant,
        number: u64,
        load: Load,
        answer: Option<oneshot::Sender<Reload>>,
    ) {
        let is_latest = self.loads.end(number);
        if std::mem::take(&mut self.loads.again) {
            self.load_again(None);
        }
        match is_latest {
            true => self.handle_loaded(now, load, answer),
            false => self.tell_reload(Err("a later reload was faster".to_owned()), answer),
        }
    }

    /// Keeps a configuration as a whole, or not at all.
    pub(super) fn handle_loaded(
        &mut self,
        now: Instant,
        load: Load,
        answer: Option<oneshot::Sender<Reload>>,
    ) {
        if self.waits_for_upgrade(&answer) {
            return notify::ready("an upgrade is under way");
        }
        let (watched, loaded) = (load.watched(), load.loaded.map_err(|problems| problems.summary()));
        let reload = loaded.and_then(|loaded| {
            let files = loaded.files.clone();
            self.take(now, loaded).map(|taken| (taken, files))
        });
        let reload = match reload {
            Ok((taken, files)) => {
                // Whoever loads the file wants what is in it.
                (self.trial, self.control.applied) = (None, None);
                self.watch(files);
                Ok(taken)
            }
            Err(why) => {
                if self.control.settings.watch {
                    self.watch(watched);
                }
                Err(why)
            }
        };
        self.tell_reload(reload, answer);
    }

    /// Looks at these files from now on.
    pub(super) fn watch(&mut self, files: WatchedFiles) {
        let control = &mut self.control;
        let has_file = control.source.is_some();
        let watch =
            || Watch::start(files.clone(), control.settings.watch && has_file, control.inputs.clone());
        control.watch = (has_file || control.applied.is_some()).then(watch).flatten();
        control.files = files;
    }

    fn tell_reload(&mut self, reload: Reload, answer: Option<oneshot::Sender<Reload>>) {
        self.note_reload(&reload);
        if self.phase == Phase::Running {
            notify::ready(reload.as_ref().map_or("reload refused, all stays as it was", |_| "reloaded"));
        }
        if let Some(answer) = answer {
            // Whoever asked may be gone.
            let _ = answer.send(reload);
        }
    }

    /// Counts and tells what came of it.
    pub(super) fn note_reload(&mut self, reload: &Reload) {
        self.reloads.note(reload);
        self.control.log.tell(match reload {
            Ok(Taken { listeners, backends, .. }) => {
                Notice::Reloaded { listeners: *listeners, backends: *backends }
            }
            Err(why) => Notice::ReloadRefused { why: why.clone() },
        });
    }

    /// What a configuration would change. What it needs is bound for the look only.
    pub(super) fn plan(&self, loaded: Loaded) -> Planned {
        let control = &self.control;
        let proposal = control.director.propose(Instant::now(), loaded.config);
        let plan = control.director.plan(&proposal);
        let publication = control.plane.prepare(proposal.snapshot(), &mut Inherited::new());
        let refused = publication.err().map(|error| binding::refused(&error).what);
        let refused = refused.or_else(|| self.other_admin(loaded.settings.admin.as_ref()).err());
        Planned { plan, settings: control.settings.altered(&loaded.settings), refused }
    }

    /// The admin API as it is to be, bound already, if that is another one or has another token or other TLS.
    fn other_admin(&self, settings: Option<&AdminSettings>) -> Result<Option<Bound>, String> {
        if self.admin_due.is_some() {
            return Ok(None);
        }
        let before = self.control.admin.as_ref();
        let bound = Bound::bind(settings, before).map_err(|error| error.what)?;
        Ok(Some(bound).filter(|bound| !before.is_some_and(|it| it.is(bound))))
    }

    /// Makes a configuration hold.
    pub(super) fn take(&mut self, now: Instant, loaded: Loaded) -> Reload {
        if self.phase != Phase::Running {
            return Err("it is stopping".to_owned());
        }
        if self.is_moving() {
            return Err(MOVING.to_owned());
        }
        let proposal = self.control.director.propose(now, loaded.config.clone());
        let snapshot = proposal.snapshot();
        let admin = self.other_admin(loaded.settings.admin.as_ref())?;
        let outlet = self.other_outlet(&loaded.settings.log)?;
        let material = loaded.material.follow(&self.control.keys.material);
        self.adopt(proposal, Some(self.keyring(&material)))?;
        let control = &mut self.control;
        control.keys.replace(material, &control.inputs);
        outlet.into_iter().for_each(|outlet| control.write_log_to(outlet, &loaded.settings.log));
        admin.into_iter().for_each(|bound| control.serve_admin(bound));
        control.plane.limit_early(loaded.settings.max_early_bytes);
        control.plane.set_busy_poll(loaded.settings.busy_poll);
        control.renew_admin();
        control.discovery = Discovery::follow(&loaded.config, &control.inputs);
        let Settings { workers, max_sessions, ref sandbox, .. } = control.settings;
        let sandbox = sandbox.clone();
        let settings = Settings { workers, max_sessions, sandbox, ..loaded.settings.clone() };
        let pending: Vec<_> = settings.altered(&loaded.settings).iter().map(|it| it.name).collect();
        if let Some(text) = question::pending(&pending) {
            control.log.tell(Notice::Warning(format!("of the new configuration {text}")));
        }
        let unfulfilled = control.plane.publication().into_iter().flat_map(binding::warnings);
        for warning in unfulfilled {
            control.log.tell(Notice::Warning(warning));
        }
        for warning in loaded.warnings {
            control.log.tell(Notice::Warning(warning.to_string()));
        }
        control.settings = settings;
        self.want_certificates();
        Ok(Taken {
            listeners: snapshot.listeners.len(),
            backends: snapshot.pools.values().map(|pool| pool.backends.len()).sum(),
            pending,
            unresolved: self.control.director.unknown_names().into_values().flatten().collect(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_read_before_takes_no_place_of_what_was_read_later() {
        let mut loads = Loads::default();
        let [first, second, third] = [(); 3].map(|()| loads.begin().unwrap());
        assert_eq!([second, first, third].map(|number| loads.end(number)), [true, false, true]);
        assert_eq!((0..=LOADS_MAX).filter_map(|_| loads.begin()).count(), LOADS_MAX);
        loads.end(5);
        assert!(loads.begin().is_some());
    }
}
