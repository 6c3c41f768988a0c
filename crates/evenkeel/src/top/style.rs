//! How it looks: colours only where they are wanted, characters that the terminal has.

use ratatui::style::{Color, Modifier, Style};
use ratatui::symbols::border;

/// What a text says beside its words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    /// Nothing.
    Plain,
    /// All is well.
    Good,
    /// Worth a look.
    Warning,
    /// Something is wrong.
    Bad,
    /// A heading.
    Strong,
    /// Of less weight.
    Faint,
}

impl Tone {
    /// Its style; words say the same, for those without colours.
    pub fn style(self, has_colours: bool) -> Style {
        let colour = |colour: Color| if has_colours { Style::new().fg(colour) } else { Style::new() };
        match self {
            Self::Plain => Style::new(),
            Self::Good => colour(Color::Green),
            Self::Warning => colour(Color::Yellow),
            Self::Bad => colour(Color::Red).add_modifier(Modifier::BOLD),
            Self::Strong => Style::new().add_modifier(Modifier::BOLD),
            // Not grey, which some themes show as their background.
            Self::Faint => Style::new().add_modifier(Modifier::DIM),
        }
    }
}

/// The characters beyond letters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Glyphs {
    /// From little to much.
    ramp: [char; 8],
    /// Stands for what was cut off.
    pub cut: char,
    /// Sorted with the last first, or the first.
    pub sorted: [char; 2],
    /// Around a dialogue.
    pub border: border::Set<'static>,
}

impl Glyphs {
    /// What every terminal has.
    pub const ASCII: Self = Self {
        ramp: ['_', '.', ',', '-', '=', '+', '*', '#'],
        cut: '~',
        sorted: ['v', '^'],
        border: border::Set {
            top_left: "+",
            top_right: "+",
            bottom_left: "+",
            bottom_right: "+",
            vertical_left: "|",
            vertical_right: "|",
            horizontal_top: "-",
            horizontal_bottom: "-",
        },
    };

    /// What one with UTF-8 has.
    pub const UNICODE: Self = Self {
        ramp: ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'],
        cut: '…',
        sorted: ['▼', '▲'],
        border: border::PLAIN,
    };

    /// A small graph, as high as its largest value; blank where nothing is known.
    pub fn spark(&self, values: &[Option<f64>]) -> String {
        let largest = values.iter().flatten().copied().fold(0.0, f64::max);
        let bar = |value: f64| match value / largest * 7.0 {
            // What is there is seen, however little.
            share if value > 0.0 => self.ramp[(share.ceil() as usize).clamp(1, 7)],
            _ => self.ramp[0],
        };
        values.iter().map(|value| value.map_or(' ', bar)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_graph_is_as_high_as_its_largest_value_and_little_is_not_nothing() {
        let values = [None, Some(0.0), Some(0.01), Some(50.0), Some(100.0)];
        assert_eq!(Glyphs::UNICODE.spark(&values), " ▁▂▅█");
        assert_eq!(Glyphs::ASCII.spark(&values), " _.=#");
        assert_eq!(Glyphs::ASCII.spark(&[Some(0.0), Some(0.0)]), "__");
    }

    #[test]
    fn without_colours_there_are_none() {
        for tone in [Tone::Plain, Tone::Good, Tone::Warning, Tone::Bad, Tone::Strong, Tone::Faint] {
            assert_eq!(tone.style(false).fg, None, "{tone:?}");
        }
    }
}
