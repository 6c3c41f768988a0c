//! A place to write to: whatever the size of the terminal, nothing is written beside it.

use super::super::model::Options;
use super::super::style::Tone;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Modifier, Style};
use ratatui::text::Span;

/// The buffer, with how to draw.
pub struct Canvas<'a> {
    buffer: &'a mut Buffer,
    options: &'a Options,
}

impl<'a> Canvas<'a> {
    /// On this buffer.
    pub fn new(buffer: &'a mut Buffer, options: &'a Options) -> Self {
        Self { buffer, options }
    }

    /// All there is.
    pub fn area(&self) -> Rect {
        self.buffer.area
    }

    /// How to draw.
    pub fn options(&self) -> &'a Options {
        self.options
    }

    /// Writes `text` into the first line of `area`; what does not fit is cut off, and a mark says so. Control
    /// characters, which a name or a message might hold, are left out.
    pub fn put(&mut self, area: Rect, text: &str, tone: Tone) {
        let area = area.intersection(self.buffer.area);
        if area.is_empty() {
            return;
        }
        let style = self.style(tone);
        let width = usize::from(area.width);
        if wide(text) <= width {
            self.buffer.set_stringn(area.x, area.y, text, width, style);
            return;
        }
        self.buffer.set_stringn(area.x, area.y, text, width - 1, style);
        let last = area.right() - 1;
        self.buffer.set_stringn(last, area.y, self.options.glyphs.cut.to_string(), 1, style);
    }

    /// The same, ending at the right.
    pub fn put_right(&mut self, area: Rect, text: &str, tone: Tone) {
        let width = u16::try_from(wide(text)).unwrap_or(u16::MAX).min(area.width);
        self.put(Rect { x: area.right() - width, width, ..area }, text, tone);
    }

    /// Shows `area` as the chosen one.
    pub fn invert(&mut self, area: Rect) {
        self.buffer.set_style(area.intersection(self.buffer.area), Modifier::REVERSED);
    }

    /// Clears `area` and draws a line around it.
    pub fn frame(&mut self, area: Rect) {
        let area = area.intersection(self.buffer.area);
        // A blank on each side keeps it apart from what it covers.
        let (x, width) = (area.x.saturating_sub(1), area.width.saturating_add(2));
        let covered = Rect { x, width, ..area }.intersection(self.buffer.area);
        for position in covered.positions() {
            self.buffer[position].reset();
        }
        if area.width < 2 || area.height < 2 {
            return;
        }
        let border = self.options.glyphs.border;
        let between = usize::from(area.width - 2);
        let line = |left: &str, middle: &str, right: &str| format!("{left}{}{right}", middle.repeat(between));
        let top = line(border.top_left, border.horizontal_top, border.top_right);
        let bottom = line(border.bottom_left, border.horizontal_bottom, border.bottom_right);
        self.buffer.set_string(area.x, area.y, top, Style::new());
        self.buffer.set_string(area.x, area.bottom() - 1, bottom, Style::new());
        for y in area.y + 1..area.bottom() - 1 {
            self.buffer.set_string(area.x, y, border.vertical_left, Style::new());
            self.buffer.set_string(area.right() - 1, y, border.vertical_right, Style::new());
        }
    }

    fn style(&self, tone: Tone) -> Style {
        tone.style(self.options.has_colours)
    }
}

/// Columns that `text` takes.
pub fn wide(text: &str) -> usize {
    Span::raw(text).width()
}

/// As many of these parts as fit, and none behind one that does not.
pub fn fit(parts: impl IntoIterator<Item = String>, width: u16) -> String {
    let mut line = String::new();
    for part in parts.into_iter().filter(|it| !it.is_empty()) {
        let gap = if line.is_empty() { "" } else { "  " };
        if wide(&line) + gap.len() + wide(&part) > usize::from(width) {
            break;
        }
        line.push_str(gap);
        line.push_str(&part);
    }
    line
}

/// `text` in lines of at most `width`, broken between words where there is one.
pub fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if wide(line) + 1 + wide(word) <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_left_out_from_the_end() {
        let parts = || ["one", "", "two", "three", "x"].map(str::to_owned);
        assert_eq!(fit(parts(), 20), "one  two  three  x");
        assert_eq!(fit(parts(), 12), "one  two");
        assert_eq!(fit(parts(), 0), "");
    }

    #[test]
    fn text_is_broken_between_words() {
        assert_eq!(wrap("120 open sessions go on.", 12), ["120 open", "sessions go", "on."]);
        assert_eq!(wrap("  ", 5), [""; 0]);
    }
}
