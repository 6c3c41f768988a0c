//! The state of `top`: what is known, where one is, and when to ask again. It does no I/O and is told the time.
//!
//! After each `handle_*` ask `poll_ask` whether something has to be asked, and wait until `due` at the longest.

use super::answer::Sessions;
use super::ask::{Answer, Ask};
use super::dialog::Dialog;
use super::grid::{self, Grid};
use super::style::Glyphs;
use super::view::{Kind, Note, Page, RowId, View};
use super::watch::{BackendId, Seen, Watch};
use std::time::{Duration, Instant};

/// How long a word is shown.
const NOTE: Duration = Duration::from_secs(8);

/// Answers that are late by no more than this are not worth a word.
const LATE: Duration = Duration::from_secs(3);

/// What differs between terminals and users.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Time between two questions.
    pub interval: Duration,
    /// Whether colours are wanted.
    pub has_colours: bool,
    /// The characters to draw with.
    pub glyphs: Glyphs,
}

/// Everything.
#[derive(Clone, Debug)]
pub struct Model {
    /// What was said at the start.
    pub options: Options,
    /// The time it was last told.
    pub now: Instant,
    /// What is known.
    pub watch: Watch,
    /// Where one is.
    pub view: View,
    /// What stands before everything else.
    pub dialog: Option<Dialog>,
    /// Whether what is shown stays as it is.
    pub is_paused: bool,
    /// Whether a question waits for its answer.
    is_asking: bool,
    /// When to ask again; `None` is not by itself.
    ask_at: Option<Instant>,
}

impl Model {
    /// From the first answer.
    pub fn new(options: Options, seen: Seen, now: Instant) -> Self {
        Self {
            options,
            now,
            watch: Watch::new(seen, now, options.interval),
            view: View::default(),
            dialog: None,
            is_paused: false,
            is_asking: false,
            ask_at: Some(now + options.interval),
        }
    }

    /// It is `now`.
    pub fn handle_time(&mut self, now: Instant) {
        self.now = now;
        self.view.note.take_if(|it| it.until <= now);
    }

    /// What was asked is answered.
    pub fn handle_answer(&mut self, answer: Answer) {
        match answer {
            Answer::Seen(seen) => {
                self.rest();
                if let Some(change) = self.watch.look(*seen, self.now) {
                    self.say(change, false);
                }
            }
            Answer::Failed(why) => {
                self.rest();
                self.watch.fail(why);
            }
            Answer::Done(done) => {
                let is_bad = done.is_err();
                self.say(done.unwrap_or_else(|why| why), is_bad);
                // What came of it is to be seen at once.
                self.ask_at = Some(self.now);
            }
        }
    }

    /// The next question is asked when it is time again, unless there is a reason to ask at once.
    fn rest(&mut self) {
        self.is_asking = false;
        let next = (!self.is_paused).then_some(self.now + self.options.interval);
        self.ask_at = self.ask_at.or(next);
    }

    /// What has to be asked now, if anything.
    pub fn poll_ask(&mut self) -> Option<Ask> {
        self.ask_at.filter(|at| !self.is_asking && *at <= self.now)?;
        (self.is_asking, self.ask_at) = (true, None);
        let (pid, started) = self.watch.status.life();
        let sessions = match self.view.page() {
            Page::Backend(id) => Some(id.clone()),
            _ => None,
        };
        Some(Ask { after: self.watch.last_event, life: (pid, started.to_owned()), sessions })
    }

    /// When it has to be told the time again: ages are shown by the second.
    pub fn due(&self) -> Instant {
        let second = self.now + Duration::from_secs(1);
        self.ask_at.filter(|_| !self.is_asking).map_or(second, |at| at.min(second))
    }

    /// Asks as soon as possible.
    pub fn ask_at_once(&mut self) {
        self.ask_at = Some(self.now);
    }

    /// Stops, or goes on.
    pub fn pause(&mut self) {
        self.is_paused = !self.is_paused;
        self.ask_at = (!self.is_paused).then_some(self.now);
    }

    /// An order was given and will be answered.
    pub fn begin(&mut self) {
        self.say("asked for it".to_owned(), false);
    }

    /// Tells whoever sits there.
    pub fn say(&mut self, text: String, is_bad: bool) {
        self.view.note = Some(Note { text, is_bad, until: self.now + NOTE });
    }

    /// For how long nothing was heard, if that is too long.
    pub fn silence(&self) -> Option<Duration> {
        let silence = self.now.saturating_duration_since(self.watch.heard);
        let is_late = silence > self.options.interval + LATE && !self.is_paused;
        (is_late || self.watch.trouble.is_some()).then_some(silence)
    }

    /// A table of the page that is shown.
    pub fn grid(&self, kind: Kind) -> Grid {
        grid::grid(self, kind)
    }

    /// The place of the chosen row in a table; 0 in an empty one.
    pub fn chosen(&self, kind: Kind, grid: &Grid) -> usize {
        let cursor = self.view.cursor(kind);
        let same = cursor.row.as_ref().and_then(|id| grid.rows.iter().position(|it| it.id == *id));
        same.unwrap_or(cursor.index.min(grid.rows.len().saturating_sub(1)))
    }

    /// What the chosen row is of.
    pub fn chosen_row(&self) -> Option<RowId> {
        let kind = self.view.kind();
        let grid = self.grid(kind);
        grid.rows.get(self.chosen(kind, &grid)).map(|it| it.id.clone())
    }

    /// The sessions of the page that is shown, once they are known.
    pub fn sessions(&self) -> Option<&Sessions> {
        let (of, sessions) = self.watch.sessions.as_ref()?;
        matches!(self.view.page(), Page::Backend(id) if id == of).then_some(sessions)
    }

    /// The backend that the chosen row, or else the page, is of.
    pub fn chosen_backend(&self) -> Option<BackendId> {
        match (self.chosen_row(), self.view.page()) {
            (Some(RowId::Backend(id)), _) => Some(id),
            (_, Page::Backend(id)) => Some(id.clone()),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::example::{SECOND, Watcher, seen};
    use super::*;

    fn said(watcher: &Watcher) -> &str {
        watcher.model.view.note.as_ref().map_or("", |it| &it.text)
    }

    #[test]
    fn it_asks_once_an_interval_and_never_twice_at_once() {
        let mut watcher = Watcher::start();
        assert_eq!(watcher.model.poll_ask(), None, "it was answered just now");
        assert_eq!(watcher.model.due(), watcher.model.now + SECOND);
        watcher.pass(2);
        assert_eq!(watcher.model.poll_ask().unwrap().after, 7, "the last event that is known");
        watcher.pass(20);
        assert_eq!(watcher.model.poll_ask(), None, "the answer is still to come");
        watcher.model.handle_answer(Answer::Failed("no".to_owned()));
        watcher.pass(21);
        assert!(watcher.model.poll_ask().is_some(), "it goes on trying");
    }

    #[test]
    fn a_reason_to_ask_at_once_outlives_the_answer_that_is_under_way() {
        let mut watcher = Watcher::start();
        watcher.pass(2);
        watcher.model.poll_ask().unwrap();
        watcher.model.ask_at_once();
        watcher.model.handle_answer(Answer::Seen(Box::new(seen(2))));
        assert!(watcher.model.poll_ask().is_some());
    }

    #[test]
    fn while_it_is_paused_nothing_is_asked() {
        let mut watcher = Watcher::start();
        watcher.type_in(" ");
        watcher.pass(100);
        assert_eq!((watcher.model.poll_ask(), watcher.model.silence()), (None, None));
        watcher.type_in(" ");
        assert!(watcher.model.poll_ask().is_some());
    }

    #[test]
    fn rates_are_those_of_the_last_two_answers() {
        let watcher = Watcher::start();
        let rates = watcher.model.watch.totals.rates.unwrap();
        assert_eq!((rates.sessions, rates.failed, rates.to_client), (100.0, 1.0, 38e6));
    }

    #[test]
    fn another_process_is_told_of_and_its_counters_give_no_negative_rates() {
        let mut watcher = Watcher::start();
        let mut upgraded = seen(2);
        upgraded.status.pid = 5000;
        watcher.pass(2);
        watcher.answer(Answer::Seen(Box::new(upgraded)));
        assert_eq!(said(&watcher), "evenkeel was upgraded: process 4312 is now 5000, version 0.1.0");
        assert_eq!(watcher.model.watch.totals.rates.unwrap().sessions, 100.0, "it counts on");
        let mut anew = seen(0);
        (anew.status.pid, anew.status.accepted) = (5001, 1);
        anew.status.services[0].counters.sessions = 1;
        watcher.pass(3);
        watcher.answer(Answer::Seen(Box::new(anew)));
        assert_eq!(said(&watcher), "evenkeel was started anew: process 5000 is now 5001, version 0.1.0");
        assert_eq!(watcher.model.watch.totals.rates, None);
        assert_eq!(watcher.model.watch.last_event, 7, "of the new one");
        watcher.pass(60);
        assert_eq!(said(&watcher), "", "a word is not there for ever");
    }

    #[test]
    fn a_silence_is_told_of_until_it_ends() {
        let mut watcher = Watcher::start();
        watcher.pass(4);
        assert_eq!(watcher.model.silence(), None);
        watcher.pass(9);
        assert_eq!(watcher.model.silence(), Some(8 * SECOND), "also when the question just hangs");
        watcher.answer(Answer::Failed("gone".to_owned()));
        assert_eq!(watcher.model.watch.trouble.as_deref(), Some("gone"));
        watcher.answer(Answer::Seen(Box::new(seen(9))));
        assert_eq!((watcher.model.silence(), &watcher.model.watch.trouble), (None, &None));
    }

    #[test]
    fn what_came_of_an_order_is_told_and_looked_at_at_once() {
        let mut watcher = Watcher::start();
        watcher.model.handle_answer(Answer::Done(Ok("done: drain web".to_owned())));
        assert_eq!(said(&watcher), "done: drain web");
        assert!(watcher.model.poll_ask().is_some());
        watcher.model.handle_answer(Answer::Done(Err("refused: no backend".to_owned())));
        assert_eq!(said(&watcher), "refused: no backend");
        assert_eq!(watcher.model.poll_ask(), None, "what was asked before is still to be answered");
    }
}
