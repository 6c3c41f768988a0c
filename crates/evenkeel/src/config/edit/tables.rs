//! Backends as tables with a header each, `[[tcp.web.to]]`: the lines of one, with the comments above it, go together.

use super::entry::{self, Said};
use std::ops::Range;

/// The tables of one pool.
#[derive(Clone, Debug)]
pub struct Tables {
    blocks: Vec<Block>,
    /// Where those were that are to go.
    gone: Vec<Range<usize>>,
    /// Where the last one ended, and what comes there.
    end: usize,
    added: String,
    newline: &'static str,
}

/// The lines of one table.
#[derive(Clone, Debug)]
struct Block {
    span: Range<usize>,
    /// White space and comments above its header included.
    text: String,
}

impl Tables {
    /// Those of `text` whose keys are written at these places, one after the other; `None` if these are no such tables.
    pub fn of(text: &str, places: impl IntoIterator<Item = Range<usize>>) -> Option<Self> {
        let mut blocks: Vec<Block> = Vec::new();
        for place in places {
            let after = blocks.last().map_or(0, |block| block.span.end);
            blocks.push(Block::of(text, after, place)?);
        }
        let end = blocks.last()?.span.end;
        let newline = if text.contains("\r\n") { "\r\n" } else { "\n" };
        Some(Self { blocks, gone: Vec::new(), end, added: String::new(), newline })
    }

    /// Has the one at `at` say what is another thing in `after` than in `before`.
    pub fn change(&mut self, at: usize, before: Said, after: Said) {
        let newline = self.newline;
        let Some(block) = self.blocks.get_mut(at) else { return };
        for (key, value) in entry::differing(before, after) {
            block.set(key, value.as_deref(), newline);
        }
    }

    /// One more, at `addr`, behind the others.
    pub fn push(&mut self, addr: &str, said: Said) {
        let Some(last) = self.blocks.last_mut() else { return };
        // The last line of a file may have no end.
        if !last.text.ends_with('\n') {
            last.text += self.newline;
        }
        let blank = if last.text.starts_with(['\n', '\r']) { self.newline } else { "" };
        let text = format!("{blank}{}{newline}addr = {addr}{newline}", last.header(), newline = self.newline);
        let mut block = Block { span: self.end..self.end, text };
        for (key, value) in entry::differing(Said::NOTHING, said) {
            block.set(key, value.as_deref(), self.newline);
        }
        self.added += &block.text;
    }

    /// Takes the one at `at` away.
    pub fn remove(&mut self, at: usize) {
        if at < self.blocks.len() {
            self.gone.push(self.blocks.remove(at).span);
        }
    }

    /// What to write where.
    pub fn texts(self) -> impl Iterator<Item = (Range<usize>, String)> {
        let gone = self.gone.into_iter().map(|span| (span, String::new()));
        let added = (self.end..self.end, self.added);
        self.blocks.into_iter().map(|block| (block.span, block.text)).chain(gone).chain([added])
    }
}

impl Block {
    /// That with keys at `place` of `text`, in which one before it ends at `after`.
    fn of(text: &str, after: usize, place: Range<usize>) -> Option<Self> {
        let above = text.get(after..place.start)?;
        let mut start = None;
        let mut at = place.start;
        for line in above.split_inclusive('\n').rev() {
            at -= line.len();
            let line = line.trim();
            match start {
                None if line.starts_with("[[") => start = Some(at),
                None if line.starts_with('[') => return None,
                None => {}
                Some(_) if line.is_empty() || line.starts_with('#') => start = Some(at),
                Some(_) => break,
            }
        }
        let rest = text.get(place.end..)?;
        let end = place.end + rest.find('\n').map_or(rest.len(), |at| at + 1);
        let span = start?..end;
        let block = Self { text: text[span.clone()].to_owned(), span };
        // With `to.addr` the table is not that of the backend.
        block.line("addr").is_some().then_some(block)
    }

    fn header(&self) -> &str {
        self.text.lines().find(|line| line.trim_start().starts_with("[[")).unwrap_or_default()
    }

    /// Where the line is that says `key`.
    fn line(&self, key: &str) -> Option<Range<usize>> {
        let mut start = 0;
        self.text.split_inclusive('\n').find_map(|line| {
            let span = start..start + line.len();
            start = span.end;
            (entry::key(line) == Some(key)).then_some(span)
        })
    }

    /// Has `key` be `value`, or nothing.
    fn set(&mut self, key: &str, value: Option<&str>, newline: &str) {
        match (self.line(key), value) {
            (Some(line), value) => {
                let new = value
                    .map_or_else(String::new, |value| entry::with_value(&self.text[line.clone()], value));
                self.text.replace_range(line, &new);
            }
            (None, Some(value)) => {
                let addr = &self.text[self.line("addr").unwrap_or_default()];
                let indent = &addr[..addr.len() - addr.trim_start().len()];
                let end = if self.text.ends_with('\n') { "" } else { newline };
                self.text = format!("{}{end}{indent}{key} = {value}{newline}", self.text);
            }
            (None, None) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::iter;

    const TEXT: &str = "[tcp.x]\nlisten = ':80'\n\n# first\n[[tcp.x.to]]\naddr = '5001' # here\nweight = 2 # two\n\n\
                        # second\n[[tcp.x.to]]\naddr = '5002'\n\n[tcp.y]\n";

    /// `TEXT` after `change`.
    fn after(change: impl FnOnce(&mut Tables)) -> String {
        let place = |from: &str, to: &str| TEXT.find(from).unwrap()..TEXT.find(to).unwrap() + to.len();
        let mut tables = Tables::of(TEXT, [place("'5001'", "= 2"), place("'5002'", "'5002'")]).unwrap();
        change(&mut tables);
        let mut text = TEXT.to_owned();
        let mut texts: Vec<_> = tables.texts().collect();
        texts.sort_by_key(|(span, _)| (span.start, span.end));
        texts.into_iter().rev().for_each(|(span, new)| text.replace_range(span, &new));
        text
    }

    #[test]
    fn lines_are_changed_and_the_rest_stays() {
        let weight = |weight| Said { weight, ..Said::NOTHING };
        assert_eq!(after(|_| ()), TEXT);
        assert_eq!(
            after(|it| it.change(0, weight(2), weight(7))),
            TEXT.replace("weight = 2 #", "weight = 7 #")
        );
        assert_eq!(
            after(|it| it.change(0, weight(2), Said::NOTHING)),
            TEXT.replace("weight = 2 # two\n", "")
        );
        let full = Said { weight: 3, backup: true, max_sessions: Some(9) };
        assert_eq!(
            after(|it| it.change(1, Said::NOTHING, full)),
            TEXT.replace("'5002'\n", "'5002'\nweight = 3\nbackup = true\nmax-sessions = 9\n")
        );
    }

    #[test]
    fn what_a_comment_says_is_not_taken_for_a_line() {
        let text = "# it had weight = 2\n[[tcp.x.to]]\naddr = '5001'\nweight = 2\n";
        let mut block = Block::of(text, 0, text.find("'5001'").unwrap()..text.len() - 1).unwrap();
        block.set("weight", Some("7"), "\n");
        assert_eq!(block.text, text.replace("\nweight = 2", "\nweight = 7"));
    }

    #[test]
    fn a_table_goes_with_its_comments_and_a_new_one_is_the_last() {
        let second = "\n# second\n[[tcp.x.to]]\naddr = '5002'\n";
        assert_eq!(after(|it| it.remove(1)), TEXT.replace(second, ""));
        let said = Said { weight: 4, ..Said::NOTHING };
        let new = "\n[[tcp.x.to]]\naddr = '5003'\nweight = 4\n";
        assert_eq!(after(|it| it.push("'5003'", said)), TEXT.replace(second, &format!("{second}{new}")));
        assert!(Tables::of("[tcp.x.to]\naddr = '5001'\n", iter::once(18..24)).is_none());
    }
}
