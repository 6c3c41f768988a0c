//! Takes a new configuration while everything runs: as a whole, or not at all.

use super::stop::Phase;
use super::{Input, Loop};
use crate::binding;
use crate::config::{self, Loaded, Problems, Settings, Severity};
use crate::discover::Discovery;
use crate::logging::Notice;
use crate::signals::Signal;
use evenkeel_proxy::Inherited;
use std::sync::Arc;
use std::thread;
use std::time::Instant;

impl Loop {
    pub(super) fn reload(&mut self, signal: Signal) {
        let Some(source) = self.control.source.clone() else {
            let why = "there is no configuration file to load again";
            return self.control.log.tell(Notice::SignalIgnored { signal: signal.name(), why });
        };
        let inputs = self.control.inputs.clone();
        // Not on the runtime's threads: lookups that hang may hold all of them.
        let work = move || {
            let _ = inputs.blocking_send(Input::Loaded(Box::new(config::load(&source))));
        };
        if let Err(error) = thread::Builder::new().name("reload".to_owned()).spawn(work) {
            self.control.log.tell(Notice::ReloadRefused { why: error.to_string() });
        }
    }

    /// Keeps a configuration as a whole, or not at all.
    pub(super) fn handle_loaded(&mut self, now: Instant, loaded: Result<Loaded, Problems>) {
        if self.phase != Phase::Running {
            return;
        }
        let control = &mut self.control;
        let refuse = |why: String| Notice::ReloadRefused { why };
        let loaded = match loaded {
            Ok(loaded) => loaded,
            Err(problems) => return control.log.tell(refuse(summary(&problems))),
        };
        let proposal = control.director.propose(now, loaded.config.clone());
        let snapshot = proposal.snapshot();
        match control.plane.prepare(Arc::clone(&snapshot), &mut Inherited::new()) {
            Ok(publication) => control.plane.publish(publication),
            Err(error) => return control.log.tell(refuse(binding::refused(&error).what)),
        }
        control.director = proposal;
        control.discovery = Discovery::follow(&loaded.config, &control.inputs);
        let Settings { lame_duck, drain, .. } = loaded.settings;
        if (Settings { lame_duck, drain, ..control.settings.clone() }) != loaded.settings {
            let text =
                "`workers`, `log` and `max-sessions` of the new configuration hold from the next start on";
            control.log.tell(Notice::Warning(text.to_owned()));
        }
        for warning in loaded.warnings {
            control.log.tell(Notice::Warning(warning.to_string()));
        }
        (control.settings.lame_duck, control.settings.drain) = (lame_duck, drain);
        control.log.tell(Notice::Reloaded {
            listeners: snapshot.listeners.len(),
            backends: snapshot.pools.values().map(|pool| pool.backends.len()).sum(),
        });
    }
}

/// The first mistake, and how many more there are.
fn summary(problems: &Problems) -> String {
    let mut mistakes = problems.list.iter().filter(|problem| problem.severity == Severity::Error);
    match (mistakes.next(), mistakes.count()) {
        (None, _) => "it cannot be read".to_owned(),
        (Some(only), 0) => only.to_string(),
        (Some(first), more) => format!("{first} (and {more} more; `evenkeel check` shows them)"),
    }
}
