//! What TOML says, as a tree in which every node knows where it was written. The only file that names `toml`.

use super::place::{At, Place, Text};
use super::problem::{Problem, Problems};
use std::ops::Range;
use std::sync::Arc;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// Syntax errors that are told at most: a file with more of them is not TOML at all.
const SYNTAX_ERRORS_MAX: usize = 100;

/// A value and where it was written.
#[derive(Clone, Debug)]
pub struct Node {
    /// What.
    pub value: Value,
    /// Where.
    pub place: Place,
}

/// A value.
#[derive(Clone, Debug)]
pub enum Value {
    /// A string in quotes.
    Text(String),
    /// The value of a flag, or a string that a variable is part of: whatever the key wants it to be.
    Bare(String),
    /// A whole number; `None` if it does not fit.
    Integer(Option<i64>),
    /// Another number.
    Float,
    /// `true` or `false`.
    Bool(bool),
    /// A date or a time of day.
    Date,
    /// `[…]`.
    List(Vec<Node>),
    /// `{…}`, or a table with a header of its own.
    Table(Table),
    /// Something whose mistake was told already.
    Broken,
}

/// Keys with their values, in the order in which they were written.
#[derive(Clone, Debug, Default)]
pub struct Table(pub Vec<(At<String>, Node)>);

impl Value {
    /// What it is, with its article.
    pub fn noun(&self) -> &'static str {
        match self {
            Self::Text(_) | Self::Bare(_) => "a string",
            Self::Integer(_) => "an integer",
            Self::Float => "a number",
            Self::Bool(_) => "a boolean",
            Self::Date => "a date",
            Self::List(_) => "a list",
            Self::Table(_) => "a table",
            Self::Broken => "a mistake",
        }
    }
}

impl Node {
    /// The text, if it is text.
    pub fn text(&self) -> Option<&str> {
        match &self.value {
            Value::Text(text) | Value::Bare(text) => Some(text),
            _ => None,
        }
    }
}

/// `text` as a TOML string, in quotes and on one line.
pub fn toml_string(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            c if c.is_control() => quoted.push_str(&format!("\\u{:04X}", u32::from(c))),
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

/// Turns TOML into trees; `expand` is applied to every string in it.
pub struct Reader<'a> {
    /// The text that is read.
    pub text: &'a Arc<Text>,
    /// Where in it the TOML begins.
    pub offset: usize,
    /// What a string stands for, or what is wrong with it.
    pub expand: &'a dyn Fn(&str) -> Result<String, String>,
    /// Where the parser stumbled: values there are [`Value::Broken`].
    broken: Vec<usize>,
}

impl<'a> Reader<'a> {
    /// A reader of `text` from `offset` on.
    pub fn new(
        text: &'a Arc<Text>,
        offset: usize,
        expand: &'a dyn Fn(&str) -> Result<String, String>,
    ) -> Self {
        Self { text, offset, expand, broken: Vec::new() }
    }

    /// The whole text as a document, and whether something in it was broken: that is told and may be left out.
    pub fn document(mut self, problems: &mut Problems) -> (Table, bool) {
        let (table, errors) = DeTable::parse_recoverable(&self.text.text[self.offset..]);
        self.broken =
            errors.iter().take(SYNTAX_ERRORS_MAX).filter_map(|error| Some(error.span()?.start)).collect();
        self.syntax_errors(&errors, problems);
        (self.table(table.into_inner(), problems), !errors.is_empty())
    }

    /// A part of the text as a value, or nothing if it is not one.
    pub fn value(&self, toml: &str, problems: &mut Problems) -> Option<Node> {
        let value = DeValue::parse(toml).ok()?;
        Some(self.node(value, problems))
    }

    /// The parser recovers and may stumble several times over one mistake: one line is told once.
    fn syntax_errors(&self, errors: &[toml::de::Error], problems: &mut Problems) {
        let mut last_line = 0;
        for error in errors.iter().take(SYNTAX_ERRORS_MAX) {
            let place = self.place(error.span().unwrap_or_default());
            let (line, _) = place.line_column();
            if line != last_line {
                let what = format!("not valid TOML: {}", error.message());
                problems.push(Problem::error(what).at(&place, ""));
            }
            last_line = line;
        }
    }

    fn place(&self, span: Range<usize>) -> Place {
        Place::new(self.text, self.offset + span.start..self.offset + span.end)
    }

    fn table(&self, table: DeTable<'_>, problems: &mut Problems) -> Table {
        let mut entries: Vec<_> = table
            .into_iter()
            .map(|(key, node)| {
                let place = self.place(key.span());
                (At { value: key.into_inner().into_owned(), place }, self.node(node, problems))
            })
            .collect();
        entries.sort_by_key(|(key, _)| key.place.span().start);
        Table(entries)
    }

    fn node(&self, node: Spanned<DeValue<'_>>, problems: &mut Problems) -> Node {
        let (span, place) = (node.span(), self.place(node.span()));
        let stumbled =
            || span.is_empty() || self.broken.iter().any(|at| span.contains(at) || span.end == *at);
        let value = match node.into_inner() {
            DeValue::Table(table) => Value::Table(self.table(table, problems)),
            _ if stumbled() => Value::Broken,
            DeValue::String(text) => match (self.expand)(&text) {
                Ok(expanded) if expanded == text => Value::Text(expanded),
                Ok(expanded) => Value::Bare(expanded),
                Err(what) => {
                    problems.push(Problem::error(what).at(&place, ""));
                    Value::Broken
                }
            },
            DeValue::Integer(number) => {
                Value::Integer(i64::from_str_radix(number.as_str(), number.radix()).ok())
            }
            DeValue::Float(_) => Value::Float,
            DeValue::Boolean(is) => Value::Bool(is),
            DeValue::Datetime(_) => Value::Date,
            DeValue::Array(items) => {
                Value::List(items.into_iter().map(|item| self.node(item, problems)).collect())
            }
        };
        Node { value, place }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(toml: &str) -> (Table, Problems) {
        let text = Text::named("test", toml.into());
        let mut problems = Problems::default();
        let expand = |text: &str| Ok(text.to_owned());
        let (table, _) = Reader::new(&text, 0, &expand).document(&mut problems);
        (table, problems)
    }

    #[test]
    fn keeps_the_order_and_the_place_of_what_is_written() {
        let (table, problems) = read("b = 1\n[t.x]\na = 'ü'\n[t.w]\nz.y = [2]\n");
        assert_eq!(problems.list.len(), 0);
        let [(b, _), (t, inner)] = &table.0[..] else { unreachable!("two keys") };
        assert_eq!((b.value.as_str(), t.value.as_str()), ("b", "t"));
        let Value::Table(inner) = &inner.value else { unreachable!("a table") };
        let names: Vec<_> = inner.0.iter().map(|(key, _)| key.value.as_str()).collect();
        assert_eq!(names, ["x", "w"]);
        assert_eq!(inner.0[1].0.place.line_column(), (4, 4));
    }

    #[test]
    fn a_string_is_written_so_that_it_reads_the_same() {
        for text in ["plain", "a \"quote\"", "tab\t line\r\n", "\u{7f}\u{1}ü", "'", ""] {
            let (table, problems) = read(&format!("x = {}", toml_string(text)));
            assert_eq!((table.0[0].1.text(), problems.list.len()), (Some(text), 0));
        }
    }

    #[test]
    fn goes_on_after_a_mistake_and_tells_each_line_once() {
        let (table, problems) = read("x = = 3\ngood = true\ny = [1,\n");
        assert_eq!(problems.list.len(), 2);
        let kinds: Vec<_> = table.0.iter().map(|(key, node)| (&key.value[..], node.value.noun())).collect();
        assert_eq!(kinds, [("x", "a mistake"), ("good", "a boolean"), ("y", "a mistake")]);
    }

    #[test]
    fn deep_nesting_is_refused_not_survived_by_luck() {
        let (_, problems) = read(&format!("x = {}", "[".repeat(100_000)));
        assert!(problems.errors() > 0);
    }
}
