//! Lists of networks that change while everything runs: what holds is read again with them, and goes on to hold.

use super::stop::Phase;
use super::{Input, Loop};
use crate::config::{self, Given, Loaded, Problems, Source, WatchedFiles};
use crate::logging::Notice;
use std::thread;
use std::time::Instant;

/// Told when a list cannot be loaded alone.
const LIST_CHANGED: &str =
    "a list of networks has changed, and so has the configuration: `evenkeel reload` takes both";

impl Loop {
    /// Lists of what holds have changed. What is applied is read again as it is, so that it goes on to hold; what is in files, only
    /// if that is still what they say.
    pub(super) fn handle_lists(&mut self, config_has_changed: bool) {
        if self.phase != Phase::Running {
            return;
        }
        match (&self.control.applied, config_has_changed) {
            (Some(_), _) => self.read_lists(),
            (None, false) => self.load_again(None),
            (None, true) => self.control.log.tell(Notice::Warning(LIST_CHANGED.to_owned())),
        }
    }

    /// Reads what is applied again, with its lists, in the background.
    pub(super) fn read_lists(&mut self) {
        let Some(given) = self.control.applied.clone() else { return };
        if self.loads.lists || self.is_moving() {
            self.loads.lists_again = true;
            return;
        }
        let (inputs, flags) = (self.control.inputs.clone(), self.control.flags.clone());
        let work = move || {
            let loaded = config::load(&Source::Given(given.clone(), flags));
            let _ = inputs.blocking_send(Input::ListsRead(given, Box::new(loaded)));
        };
        match thread::Builder::new().name("reload".to_owned()).spawn(work) {
            Ok(_) => self.loads.lists = true,
            Err(error) => self.note_reload(&Err(error.to_string())),
        }
    }

    /// Keeps what is applied with its lists as they are now. Whether it is on trial stays as it is.
    pub(super) fn take_lists(&mut self, now: Instant, given: &Given, loaded: Result<Loaded, Problems>) {
        self.loads.lists = false;
        if self.is_moving() || self.loads.lists_again {
            self.loads.lists_again = self.is_moving();
            return self.read_lists();
        }
        if self.control.applied.as_ref() != Some(given) {
            return;
        }
        let reload = loaded.map_err(|problems| problems.summary()).and_then(|loaded| {
            let lists = loaded.files.lists.clone();
            self.take(now, self.without_log(loaded)).map(|taken| (taken, lists))
        });
        let reload = reload.map(|(taken, lists)| {
            self.watch(WatchedFiles { lists, ..self.control.files.clone() });
            taken
        });
        self.note_reload(&reload);
    }
}
