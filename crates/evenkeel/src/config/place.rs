//! Where something was written: a text that was read, and a range of it.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A text that was read.
#[derive(Debug)]
pub struct Text {
    /// What the user calls it: the path as it was given, or `command line`.
    pub name: String,
    /// All of it.
    pub text: String,
    /// The directory that paths in it are relative to.
    pub dir: PathBuf,
    /// Whether it is the command line.
    pub is_flags: bool,
}

impl Text {
    /// A text from the file at `path`.
    pub fn from_file(path: &Path, text: String) -> Arc<Self> {
        let dir = path.parent().unwrap_or(Path::new("")).to_owned();
        Arc::new(Self { name: path.display().to_string(), text, dir, is_flags: false })
    }

    /// A text from somewhere that is not a file.
    pub fn named(name: &str, text: String) -> Arc<Self> {
        Arc::new(Self { name: name.to_owned(), text, dir: PathBuf::new(), is_flags: false })
    }

    /// The text of a command line.
    pub fn from_flags(text: String) -> Arc<Self> {
        Arc::new(Self { name: "command line".to_owned(), text, dir: PathBuf::new(), is_flags: true })
    }
}

/// A range of a text. Its ends lie within the text, on character boundaries.
#[derive(Clone, Debug)]
pub struct Place {
    text: Arc<Text>,
    span: Range<usize>,
}

impl Place {
    /// The range `span` of `text`, cut to fit where it does not.
    pub fn new(text: &Arc<Text>, span: Range<usize>) -> Self {
        let boundary = |at: usize| (0..=at.min(text.text.len())).rfind(|&at| text.text.is_char_boundary(at));
        let start = boundary(span.start).unwrap_or(0);
        let end = boundary(span.end).unwrap_or(0).max(start);
        Self { text: Arc::clone(text), span: start..end }
    }

    /// The text.
    pub fn text(&self) -> &Arc<Text> {
        &self.text
    }

    /// The range, in bytes.
    pub fn span(&self) -> Range<usize> {
        self.span.clone()
    }

    /// The path that `written`, which stands there, means: relative to the file.
    pub fn path(&self, written: &str) -> PathBuf {
        self.text.dir.join(written)
    }

    /// What is written there.
    pub fn written(&self) -> &str {
        &self.text.text[self.span.clone()]
    }

    /// Line and column of its beginning, in characters, both from 1.
    pub fn line_column(&self) -> (usize, usize) {
        let before = &self.text.text[..self.span.start];
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        (before.matches('\n').count() + 1, before[line_start..].chars().count() + 1)
    }

    /// Whether both are in the same text.
    pub fn is_beside(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.text, &other.text)
    }
}

/// Something, and where it was written.
#[derive(Clone, Debug)]
pub struct At<T> {
    /// What.
    pub value: T,
    /// Where.
    pub place: Place,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_lines_and_columns_in_characters_and_survives_any_span() {
        let text = Text::named("x", "aü\nöb".into());
        assert_eq!(Place::new(&text, 4..6).line_column(), (2, 1));
        assert_eq!(Place::new(&text, 6..7).line_column(), (2, 2));
        for (start, end) in (0..12).flat_map(|start| (0..12).map(move |end| (start, end))) {
            let _ = Place::new(&text, start..end).written();
        }
    }
}
