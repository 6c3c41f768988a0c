//! What a key does: it changes where one is, or asks for something that is not drawing.

use super::ask::Wanted;
use super::dialog::{self, Dialog, Duty};
use super::grid::NEVER;
use super::model::Model;
use super::view::{Kind, Page, RowId, Sort};
use evenkeel_core::director::WEIGHT_MAX;
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

/// Rows of a page up or down.
const PAGE: usize = 10;

/// Characters that can be typed at most.
const TYPED_MAX: usize = 64;

/// What a key asks for.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    /// To leave.
    Quit,
    /// To draw everything anew: something else has written to the terminal.
    Repaint,
    /// To let the shell have the terminal for a while.
    Suspend,
    /// To have something done.
    Do(Wanted),
}

/// Every key in order, and what it does: the help.
pub const HELP: [(&str, &str); 15] = [
    ("arrows, j k", "up and down; also PgUp, PgDn, Home, End"),
    ("Tab", "to the backends, and back to the services"),
    ("Enter", "into a service, into a backend's sessions"),
    ("Esc", "back; on the first page: leave"),
    ("s, S", "sort by the next column; the other way round"),
    ("/", "show only rows with some text; Esc shows all"),
    ("Space", "pause, and go on"),
    ("d", "drain: nothing new, open sessions go on"),
    ("x", "disable: the same, and close its sessions"),
    ("e", "enable: undo both"),
    ("w", "set the weight of a backend"),
    ("c", "close a session"),
    ("Ctrl-L", "draw everything anew; Ctrl-Z: back to the shell"),
    ("?, h", "this help"),
    ("q, Ctrl-C", "leave"),
];

impl Model {
    /// A key was pressed.
    pub fn handle_key(&mut self, key: KeyEvent) -> Option<Effect> {
        let is_control = key.modifiers.contains(KeyModifiers::CONTROL);
        match (key.code, is_control) {
            (KeyCode::Char('c'), true) => Some(Effect::Quit),
            (KeyCode::Char('l'), true) => Some(Effect::Repaint),
            (KeyCode::Char('z'), true) => Some(Effect::Suspend),
            (_, true) => None,
            // An Esc and a letter that come together look like this, too.
            _ if key.modifiers.contains(KeyModifiers::ALT) => None,
            (code, _) if self.dialog.is_some() => self.answer(code),
            (code, _) if self.view.is_typing => {
                self.type_filter(code);
                None
            }
            (code, _) => self.command(code),
        }
    }

    /// In a dialogue.
    fn answer(&mut self, code: KeyCode) -> Option<Effect> {
        match (self.dialog.take()?, code) {
            (Dialog::Confirm { wanted, .. }, KeyCode::Char('y' | 'Y')) => {
                self.begin();
                return Some(Effect::Do(wanted));
            }
            (_, KeyCode::Esc | KeyCode::Char('n' | 'N' | 'q')) | (Dialog::Help, _) => {}
            (Dialog::Weight { backend, typed }, KeyCode::Enter) => {
                let next = dialog::set_weight(self, &backend, &typed);
                self.dialog = next.or_else(|| {
                    self.say(format!("a weight is a number from 0 to {WEIGHT_MAX}"), true);
                    Some(Dialog::Weight { backend, typed })
                });
            }
            (Dialog::Weight { backend, mut typed }, code) => {
                edit(&mut typed, code, |it| it.is_ascii_digit(), 4);
                self.dialog = Some(Dialog::Weight { backend, typed });
            }
            // Nothing but a clear yes or no counts.
            (confirm @ Dialog::Confirm { .. }, _) => self.dialog = Some(confirm),
        }
        None
    }

    fn type_filter(&mut self, code: KeyCode) {
        match code {
            KeyCode::Enter => self.view.is_typing = false,
            KeyCode::Esc => {
                self.view.is_typing = false;
                self.view.filter.clear();
            }
            code => edit(&mut self.view.filter, code, |it| !it.is_control(), TYPED_MAX),
        }
    }

    fn command(&mut self, code: KeyCode) -> Option<Effect> {
        match code {
            KeyCode::Char('q') => return Some(Effect::Quit),
            KeyCode::Esc | KeyCode::Backspace | KeyCode::Left => {
                let went = self.view.back();
                return (!went && code == KeyCode::Esc).then_some(Effect::Quit);
            }
            KeyCode::Enter | KeyCode::Right => self.enter(),
            KeyCode::Tab | KeyCode::BackTab if *self.view.page() == Page::Home => self.view.switch(),
            KeyCode::Char('/') => self.view.is_typing = true,
            KeyCode::Char(' ') => self.pause(),
            KeyCode::Char('s') => self.sort_next(),
            KeyCode::Char('S') => self.sort_reversed(),
            KeyCode::Char('?' | 'h') => self.dialog = Some(Dialog::Help),
            KeyCode::Char('d') => self.dialog = dialog::duty(self, Duty::Drain),
            KeyCode::Char('x') => self.dialog = dialog::duty(self, Duty::Disable),
            KeyCode::Char('e') => self.dialog = dialog::duty(self, Duty::Enable),
            KeyCode::Char('w') => self.dialog = dialog::weight(self),
            KeyCode::Char('c') => self.dialog = dialog::close(self),
            code => self.step(code),
        }
        None
    }

    fn step(&mut self, code: KeyCode) {
        let kind = self.view.kind();
        let grid = self.grid(kind);
        let (at, last) = (self.chosen(kind, &grid), grid.rows.len().saturating_sub(1));
        let to = match code {
            KeyCode::Up | KeyCode::Char('k') => at.saturating_sub(1),
            KeyCode::Down | KeyCode::Char('j') => at + 1,
            KeyCode::PageUp => at.saturating_sub(PAGE),
            KeyCode::PageDown => at + PAGE,
            KeyCode::Home | KeyCode::Char('g') => 0,
            KeyCode::End | KeyCode::Char('G') => last,
            _ => return,
        };
        let to = to.min(last);
        if let Some(row) = grid.rows.get(to) {
            self.view.choose(row.id.clone(), to);
        }
    }

    fn enter(&mut self) {
        let kind = self.view.kind();
        let grid = self.grid(kind);
        let at = self.chosen(kind, &grid);
        let Some(row) = grid.rows.get(at) else { return };
        let page = match &row.id {
            RowId::Service(name) => Page::Service(name.clone()),
            RowId::Backend(id) => Page::Backend(id.clone()),
            RowId::Session(_) => return,
        };
        // It is still the chosen one when one comes back.
        self.view.choose(row.id.clone(), at);
        self.view.enter(page);
        if self.view.kind() == Kind::Sessions {
            self.ask_at_once();
        }
    }

    fn sort_next(&mut self) {
        let kind = self.view.kind();
        let grid = self.grid(kind);
        let next = self.view.sort(kind).map_or(0, |it| it.column + 1);
        let next = grid.heads.iter().enumerate().skip(next).find(|(_, head)| head.rank != NEVER);
        self.view.set_sort(next.map(|(column, head)| Sort { column, reversed: head.is_number }));
    }

    fn sort_reversed(&mut self) {
        let sort = self.view.sort(self.view.kind());
        self.view.set_sort(sort.map(|it| Sort { reversed: !it.reversed, ..it }));
    }
}

fn edit(text: &mut String, code: KeyCode, may: fn(&char) -> bool, max: usize) {
    match code {
        KeyCode::Backspace => {
            text.pop();
        }
        KeyCode::Char(typed) if may(&typed) && text.chars().count() < max => text.push(typed),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::super::example::{Watcher, seen, sessions};
    use super::*;
    use crate::remote::Order;
    use crate::top::ask::Answer;

    fn drain(name: &str, backend: Option<&str>) -> Option<Effect> {
        let (name, backend) = (name.to_owned(), backend.map(str::to_owned));
        Some(Effect::Do(Wanted::Order(Order::Duty { verb: "drain", name, backend })))
    }

    fn question(watcher: &Watcher) -> (String, String) {
        match &watcher.model.dialog {
            Some(Dialog::Confirm { question, what, .. }) => (question.clone(), what.join(" ")),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn nothing_but_yes_gives_an_order() {
        let mut watcher = Watcher::start();
        assert_eq!(watcher.type_in("dn"), None);
        assert_eq!(watcher.model.dialog, None);
        assert_eq!(watcher.type_in("dsxe "), None);
        assert_eq!(watcher.press(KeyCode::Enter), None);
        assert_eq!(question(&watcher).0, "Drain service web?");
        assert_eq!(watcher.type_in("y"), drain("web", None));
        assert_eq!(watcher.type_in("y"), None, "once");
    }

    #[test]
    fn a_question_says_what_will_happen() {
        let mut watcher = Watcher::start();
        watcher.type_in("d");
        let effect =
            "It no longer listens on 0.0.0.0:8080: new clients are refused. 1,200 open sessions go on.";
        assert_eq!(question(&watcher).1, effect);
        watcher.type_in("n");
        watcher.press(KeyCode::Tab);
        watcher.type_in("x");
        let effect = "It gets no new sessions. 120 open sessions are closed within two seconds.";
        assert_eq!(question(&watcher), ("Disable 10.0.0.1:80 in pool web?".to_owned(), effect.to_owned()));
        watcher.type_in("nGd");
        let last = "It is the last one that takes traffic: new sessions will find no backend.";
        assert!(question(&watcher).1.ends_with(last), "{:?}", question(&watcher));
    }

    #[test]
    fn an_order_is_about_the_row_that_was_chosen_wherever_it_moves() {
        let mut watcher = Watcher::start();
        watcher.press(KeyCode::Tab);
        watcher.press(KeyCode::Down);
        watcher.type_in("sss");
        let mut next = seen(2);
        next.status.pools[0].backends.reverse();
        watcher.answer(Answer::Seen(Box::new(next)));
        assert_eq!(watcher.type_in("dy"), drain("web", Some("10.0.0.2:80")));
        let mut gone = seen(3);
        gone.status.pools[0].backends.remove(1);
        watcher.type_in("d");
        watcher.answer(Answer::Seen(Box::new(gone)));
        assert_eq!(watcher.type_in("y"), drain("web", Some("10.0.0.2:80")), "what was asked is what is done");
    }

    #[test]
    fn a_weight_is_typed_and_then_asked_about() {
        let mut watcher = Watcher::start();
        watcher.press(KeyCode::Tab);
        watcher.type_in("w1x001");
        watcher.press(KeyCode::Enter);
        assert!(matches!(watcher.model.dialog, Some(Dialog::Weight { .. })), "1001 is no weight");
        let note = watcher.model.view.note.as_ref().unwrap();
        assert_eq!((&*note.text, note.is_bad), ("a weight is a number from 0 to 1000", true));
        (0..4).for_each(|_| drop(watcher.press(KeyCode::Backspace)));
        watcher.type_in("52");
        watcher.press(KeyCode::Backspace);
        watcher.press(KeyCode::Enter);
        assert_eq!(question(&watcher).0, "Set the weight of 10.0.0.1:80 in pool web from 1 to 5?");
        let (name, backend) = ("web".to_owned(), "10.0.0.1:80".to_owned());
        let order = Order::Weight { name, backend, weight: 5 };
        assert_eq!(watcher.type_in("y"), Some(Effect::Do(Wanted::Order(order))));
    }

    #[test]
    fn one_goes_down_to_sessions_and_closes_one_and_comes_back() {
        let mut watcher = Watcher::start();
        watcher.press(KeyCode::Enter);
        watcher.press(KeyCode::Enter);
        let id = ("web".to_owned(), "10.0.0.1:80".to_owned());
        assert_eq!(watcher.model.poll_ask().unwrap().sessions, Some(id.clone()), "at once");
        let mut next = seen(2);
        next.sessions = Some((id, sessions()));
        watcher.model.handle_answer(Answer::Seen(Box::new(next)));
        watcher.press(KeyCode::Down);
        assert_eq!(watcher.type_in("cy"), Some(Effect::Do(Wanted::Close(12))));
        assert_eq!(watcher.type_in("dy"), drain("web", Some("10.0.0.1:80")), "of the backend of the page");
        watcher.press(KeyCode::Esc);
        watcher.press(KeyCode::Esc);
        assert_eq!(watcher.model.view.page(), &Page::Home);
        assert_eq!(watcher.press(KeyCode::Esc), Some(Effect::Quit));
    }

    #[test]
    fn what_is_typed_filters_and_letters_are_no_commands_then() {
        let mut watcher = Watcher::start();
        watcher.press(KeyCode::Tab);
        watcher.type_in("/DOWNq");
        watcher.press(KeyCode::Backspace);
        let shown = |watcher: &Watcher| watcher.model.grid(Kind::Backends).rows.len();
        assert_eq!(shown(&watcher), 1);
        watcher.press(KeyCode::Enter);
        assert_eq!(watcher.type_in("dy"), drain("web", Some("10.0.0.3:80")));
        assert_eq!(watcher.press(KeyCode::Esc), None, "first the filter goes");
        assert_eq!(shown(&watcher), 4);
    }

    #[test]
    fn a_sorted_column_has_its_largest_numbers_first_and_can_be_turned() {
        let mut watcher = Watcher::start();
        watcher.press(KeyCode::Tab);
        let first = |watcher: &Watcher| watcher.model.grid(Kind::Backends).rows[0].id.clone();
        let backend = |pool: &str, addr: &str| RowId::Backend((pool.to_owned(), addr.to_owned()));
        watcher.type_in("sss");
        assert_eq!(first(&watcher), backend("web", "10.0.0.2:80"));
        watcher.type_in("S");
        assert_eq!(first(&watcher), backend("web", "10.0.0.3:80"));
        watcher.type_in("sssssssssss");
        assert_eq!(watcher.model.view.sort(Kind::Backends), None, "after the last one as the file has it");
    }

    #[test]
    fn control_c_leaves_from_everywhere_and_other_chords_do_nothing() {
        let mut watcher = Watcher::start();
        watcher.type_in("d");
        let with = |modifiers, code| KeyEvent::new(KeyCode::Char(code), modifiers);
        assert_eq!(watcher.model.handle_key(with(KeyModifiers::ALT, 'y')), None);
        assert_eq!(watcher.model.handle_key(with(KeyModifiers::CONTROL, 'y')), None);
        assert_eq!(watcher.model.handle_key(with(KeyModifiers::CONTROL, 'c')), Some(Effect::Quit));
    }
}
