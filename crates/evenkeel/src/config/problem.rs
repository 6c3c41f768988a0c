//! One thing that is wrong with a configuration, and all of them together: as a report for people and as JSON.

use super::place::Place;
use super::watched::WatchedFiles;
use annotate_snippets::{AnnotationKind, Group, Level, Patch, Renderer, Snippet};
use serde_json::{Value, json};
use std::fmt;

/// Problems that are shown at most; nobody reads more.
const SHOWN_MAX: usize = 100;

/// One mistake or warning.
#[derive(Clone, Debug)]
pub struct Problem {
    /// Whether it keeps the configuration from being used.
    pub severity: Severity,
    /// What is wrong: lower case, no full stop.
    pub what: String,
    /// Where; the first is the place to look at, the others explain it.
    pub marks: Vec<Mark>,
    /// What to do about it.
    pub help: Option<String>,
    /// What to write instead.
    pub fix: Option<Fix>,
}

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// The configuration cannot be used.
    Error,
    /// It can be used, but is hardly meant like this.
    Warning,
}

/// A place that a problem is about.
#[derive(Clone, Debug)]
pub struct Mark {
    /// Where.
    pub place: Place,
    /// What is to be seen there; may be empty.
    pub label: String,
}

/// A correction: `text` instead of what is written at `place`.
#[derive(Clone, Debug)]
pub struct Fix {
    /// What to replace.
    pub place: Place,
    /// By what.
    pub text: String,
}

impl Problem {
    /// A mistake.
    pub fn error(what: impl Into<String>) -> Self {
        let severity = Severity::Error;
        Self { severity, what: what.into(), marks: Vec::new(), help: None, fix: None }
    }

    /// A warning.
    pub fn warning(what: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(what) }
    }

    fn is_same(&self, other: &Self) -> bool {
        let is_here = |(one, other): (&Mark, &Mark)| {
            one.place.is_beside(&other.place) && one.place.span() == other.place.span()
        };
        self.what == other.what
            && self.marks.len() == other.marks.len()
            && self.marks.iter().zip(&other.marks).all(is_here)
    }

    /// Marks `place`.
    pub fn at(mut self, place: &Place, label: impl Into<String>) -> Self {
        self.marks.push(Mark { place: place.clone(), label: label.into() });
        self
    }

    /// Marks `place`, if it is known.
    pub fn at_known(self, place: Option<&Place>, label: &str) -> Self {
        match place {
            Some(place) => self.at(place, label),
            None => self,
        }
    }

    /// Says what to do.
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Says what to do, and exactly how.
    pub fn fix(mut self, help: impl Into<String>, place: &Place, text: impl Into<String>) -> Self {
        self.fix = Some(Fix { place: place.clone(), text: text.into() });
        self.help(help)
    }

    /// The problem as a person reads it, with the lines that it is about; ends with a newline.
    pub fn render(&self, renderer: &Renderer) -> String {
        let level = match self.severity {
            Severity::Error => Level::ERROR,
            Severity::Warning => Level::WARNING,
        };
        let mut problem = level.primary_title(self.what.as_str()).elements(self.snippets());
        let mut report = Vec::new();
        match (&self.help, &self.fix) {
            (Some(help), Some(fix)) => {
                let patch = snippet(&fix.place).patch(Patch::new(fix.place.span(), fix.text.as_str()));
                report.push(Group::with_title(Level::HELP.secondary_title(help.as_str())).element(patch));
            }
            (Some(help), None) => problem = problem.element(Level::HELP.message(help.as_str())),
            (None, _) => {}
        }
        report.insert(0, problem);
        renderer.render(&report) + "\n"
    }

    /// One snippet for each text that has marks.
    fn snippets(&self) -> Vec<Snippet<'_, annotate_snippets::Annotation<'_>>> {
        let mut snippets = Vec::new();
        for (index, mark) in self.marks.iter().enumerate() {
            if self.marks[..index].iter().any(|earlier| earlier.place.is_beside(&mark.place)) {
                continue;
            }
            let beside = self.marks.iter().enumerate().filter(|(_, m)| m.place.is_beside(&mark.place));
            snippets.push(snippet(&mark.place).annotations(beside.map(|(index, mark)| {
                let kind = if index == 0 { AnnotationKind::Primary } else { AnnotationKind::Context };
                let label = (!mark.label.is_empty()).then_some(mark.label.as_str());
                kind.span(mark.place.span()).label(label)
            })));
        }
        snippets
    }

    /// The problem as `check --json` prints it.
    pub fn to_json(&self) -> Value {
        json!({
            "severity": match self.severity { Severity::Error => "error", Severity::Warning => "warning" },
            "what": self.what,
            "marks": self.marks.iter().map(|mark| located(&mark.place, "label", &mark.label)).collect::<Vec<_>>(),
            "help": self.help,
            "fix": self.fix.as_ref().map(|fix| located(&fix.place, "text", &fix.text)),
        })
    }
}

/// One line, for a log: `evenkeel.toml:7: what is wrong`.
impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(Mark { place, .. }) = self.marks.first() {
            write!(f, "{}:{}: ", place.text().name, place.line_column().0)?;
        }
        f.write_str(&self.what)
    }
}

fn snippet<T: Clone>(place: &Place) -> Snippet<'_, T> {
    Snippet::source(place.text().text.as_str()).path(place.text().name.as_str())
}

/// Byte offsets let a tool apply a fix; line and column let it show one.
fn located(place: &Place, key: &str, text: &str) -> Value {
    let (line, column) = place.line_column();
    let span = place.span();
    json!({
        "file": place.text().name, "line": line, "column": column,
        "start": span.start, "end": span.end, key: text,
    })
}

/// Everything that is wrong.
#[derive(Clone, Debug, Default)]
pub struct Problems {
    /// In the order in which they were found; warnings among them.
    pub list: Vec<Problem>,
    /// The first file could not be read at all.
    pub unreadable: bool,
    /// What was read, or was to be: what is wrong may be mended in any of it.
    pub files: WatchedFiles,
}

impl Problems {
    /// Adds one.
    pub fn push(&mut self, problem: Problem) {
        self.list.push(problem);
    }

    /// How many keep the configuration from being used.
    pub fn errors(&self) -> usize {
        self.list.iter().filter(|problem| problem.severity == Severity::Error).count()
    }

    /// Of [`errors`](Self::errors), how many are on the command line.
    pub fn errors_of_flags(&self) -> usize {
        let is_there = |problem: &&Problem| {
            let first = problem.marks.first();
            problem.severity == Severity::Error && first.is_some_and(|mark| mark.place.text().is_flags)
        };
        self.list.iter().filter(is_there).count()
    }

    /// The first mistake, and how many more there are.
    pub fn summary(&self) -> String {
        let mut mistakes = self.list.iter().filter(|problem| problem.severity == Severity::Error);
        match (mistakes.next(), mistakes.count()) {
            (None, _) => "it cannot be read".to_owned(),
            (Some(only), 0) => only.to_string(),
            (Some(first), more) => format!("{first} (and {more} more; `evenkeel check` shows them)"),
        }
    }

    /// In the order of reading: by file as it was first named, then from top to bottom; each once, even if it holds
    /// for several pools.
    pub fn sort(&mut self) {
        let mut files: Vec<String> = Vec::new();
        for mark in self.list.iter().filter_map(|problem| problem.marks.first()) {
            let name = &mark.place.text().name;
            if !files.contains(name) {
                files.push(name.clone());
            }
        }
        self.list.sort_by_key(|problem| {
            problem.marks.first().map(|mark| {
                let file = files.iter().position(|name| *name == mark.place.text().name);
                (file, mark.place.span().start)
            })
        });
        self.list.dedup_by(|one, other| one.is_same(other));
    }

    /// As a person reads them, a blank line between two; the first hundred, and how many more there are.
    pub fn render(&self, renderer: &Renderer) -> String {
        let shown = self.list.iter().take(SHOWN_MAX).map(|problem| problem.render(renderer));
        let report = shown.collect::<Vec<_>>().join("\n");
        match self.list.len().saturating_sub(SHOWN_MAX) {
            0 => report,
            more => format!("{report}\n… and {more} more\n"),
        }
    }
}
