//! A page for a terminal of 80 columns: headings, terms with their text, and what happened when.

use super::super::read::word;
use crate::logging::{Took, with_errno};
use crate::{cli, output};
use evenkeel_sys::clock::local_time;
use serde_json::Value;
use std::io::IsTerminal;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Columns that there are.
const WIDTH: usize = 80;

/// Columns of a term and the blanks around it.
const TERM: usize = 14;

/// How old something may be to be shown by the time of day alone.
const TODAY: Duration = Duration::from_secs(12 * 3600);

/// What a text is about; its ANSI code.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Tone {
    /// Nothing in particular.
    Plain = 0,
    /// A heading.
    Strong = 1,
    /// What is beside the point.
    Dim = 2,
    /// What is bad.
    Bad = 31,
    /// What is good.
    Good = 32,
    /// What is odd.
    Odd = 33,
}

/// The page in the making.
pub struct Page {
    text: String,
    colour: bool,
}

impl Default for Page {
    fn default() -> Self {
        let colour = output::wants_color(cli::color(), std::io::stdout().is_terminal());
        Self { text: String::new(), colour }
    }
}

impl Page {
    /// The text of it.
    pub fn finish(self) -> String {
        self.text
    }

    /// A line of text, which goes on below if it has to.
    pub fn line(&mut self, tone: Tone, text: &str) {
        self.hang(0, &[("", Tone::Plain)], tone, text);
    }

    /// An empty line, and a heading.
    pub fn heading(&mut self, text: &str) {
        self.text.push('\n');
        self.line(Tone::Strong, text);
    }

    /// Something beside the point.
    pub fn note(&mut self, text: &str) {
        self.hang(2, &[("  ", Tone::Plain)], Tone::Dim, text);
    }

    /// Lines that are set already.
    pub fn block(&mut self, text: &str) {
        self.text.push_str(text);
    }

    /// A term and what there is to say about it.
    pub fn term(&mut self, term: &str, tone: Tone, text: &str) {
        let mut cell = format!("  {term:<width$}", width = TERM - 2);
        if cell.chars().count() > TERM {
            self.painted(Tone::Dim, &cell);
            self.text.push('\n');
            cell = " ".repeat(TERM);
        }
        self.hang(TERM, &[(&cell, Tone::Dim)], tone, text);
    }

    /// What happened at the time that `about` tells.
    pub fn event(&mut self, about: &Value, tone: Tone, text: &str) {
        let (time, ago) = when(about);
        let cell = format!("  {time}  {ago:>10}  ");
        self.hang(cell.chars().count(), &[(&cell, Tone::Dim)], tone, text);
    }

    /// `text` after `cells`, broken between words; what does not fit stands below it.
    fn hang(&mut self, indent: usize, cells: &[(&str, Tone)], tone: Tone, text: &str) {
        cells.iter().for_each(|(cell, tone)| self.painted(*tone, cell));
        for (index, line) in broken(text, WIDTH - indent).iter().enumerate() {
            if index > 0 {
                self.text.push_str(&" ".repeat(indent));
            }
            self.painted(tone, line);
            self.text.push('\n');
        }
    }

    fn painted(&mut self, tone: Tone, text: &str) {
        if self.colour && tone != Tone::Plain && !text.is_empty() {
            self.text.push_str(&format!("\x1b[{}m{text}\x1b[0m", tone as u8));
        } else {
            self.text.push_str(text);
        }
    }
}

/// `text` in lines of at most `width`; a word that is longer has a line for itself. What others said cannot act as a
/// terminal's command.
fn broken(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    let text: String = text.chars().map(|it| if it.is_control() { '?' } else { it }).collect();
    for word in text.split(' ') {
        let last = lines.last_mut().expect("it begins with one");
        if !last.is_empty() && last.chars().count() + 1 + word.chars().count() > width {
            lines.push(word.to_owned());
        } else {
            if !last.is_empty() {
                last.push(' ');
            }
            last.push_str(word);
        }
    }
    lines
}

/// When something was, by the clock of this machine, and how long ago: `14:02:11`, `12 s ago`. Long ago it is the date, in
/// UTC.
pub fn when(about: &Value) -> (String, String) {
    let ago = duration(&about["ago_ms"]).unwrap_or_default();
    let ago_text = format!("{} ago", Took(ago));
    if ago > TODAY {
        let at = word(&about["at"]);
        return (at.split('.').next().map_or_else(String::new, |it| format!("{it}Z")), ago_text);
    }
    (clock(SystemTime::now() - ago), ago_text)
}

fn clock(time: SystemTime) -> String {
    let second = time.duration_since(UNIX_EPOCH).map_or(0, |it| it.as_secs() as i64);
    match local_time(second) {
        Some(time) => format!("{:02}:{:02}:{:02}", time.hour, time.minute, time.second),
        None => "--:--:--".to_owned(),
    }
}

/// A time in milliseconds.
pub fn duration(value: &Value) -> Option<Duration> {
    Duration::try_from_secs_f64(value.as_f64()? / 1e3).ok()
}

/// A time in milliseconds, as people read it; a dash where there is none.
pub fn took(value: &Value) -> String {
    duration(value).map_or_else(|| "-".to_owned(), |it| Took(it).to_string())
}

/// `connection refused (errno 111)`, of something with a `cause` and an `errno`.
pub fn cause(about: &Value) -> String {
    with_errno(word(&about["cause"]), about["errno"].as_i64()).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn long_texts_go_on_below_where_they_began() {
        let mut page = Page { text: String::new(), colour: false };
        page.term("why", Tone::Bad, &"word ".repeat(20));
        let lines: Vec<&str> = page.text.lines().collect();
        assert!(
            lines[0].starts_with("  why         word word") && lines[1].starts_with("              word")
        );
        assert!(lines.iter().all(|it| it.chars().count() <= WIDTH), "{lines:?}");
    }

    #[test]
    fn a_long_term_has_a_line_for_itself() {
        let mut page = Page { text: String::new(), colour: false };
        page.term("a-pool-with-a-name ->", Tone::Plain, "10.0.0.1:80");
        assert_eq!(page.text, "  a-pool-with-a-name ->\n              10.0.0.1:80\n");
    }

    #[test]
    fn colours_only_where_they_are_wanted_and_only_ours() {
        let mut page = Page { text: String::new(), colour: true };
        page.line(Tone::Bad, "a \x1b[5m b");
        assert_eq!(page.text, "\x1b[31ma ?[5m b\x1b[0m\n");
    }

    #[test]
    fn the_errno_stands_with_the_cause_once() {
        assert_eq!(
            cause(&json!({"cause": "connection refused", "errno": 111})),
            "connection refused (errno 111)"
        );
        assert_eq!(cause(&json!({"cause": "errno 95", "errno": 95})), "errno 95");
        assert_eq!(cause(&json!({"cause": "status 500", "errno": null})), "status 500");
    }

    #[test]
    fn what_was_long_ago_has_a_date() {
        let (time, ago) = when(&json!({"at": "2026-11-22T14:02:11.031Z", "ago_ms": 90_000_000}));
        assert_eq!((time.as_str(), ago.as_str()), ("2026-11-22T14:02:11Z", "25h00m ago"));
    }
}
