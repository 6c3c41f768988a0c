//! What stands before everything else: the help, and questions.

use super::super::dialog::Dialog;
use super::super::keys::HELP;
use super::super::model::Model;
use super::super::style::Tone;
use super::below;
use super::canvas::{Canvas, wide, wrap};
use evenkeel_core::director::WEIGHT_MAX;
use ratatui::layout::Rect;

/// Columns of a dialogue at most.
const WIDTH_MAX: u16 = 64;

/// Draws it in the middle of `area`, if there is one.
pub fn draw(canvas: &mut Canvas<'_>, area: Rect, model: &Model) {
    let Some(dialog) = &model.dialog else { return };
    let room = usize::from(area.width.min(WIDTH_MAX).saturating_sub(4));
    let mut lines = lines(dialog, room);
    let keys = match dialog {
        Dialog::Help => "any key goes on",
        Dialog::Confirm { .. } => "y: do it    n: leave it",
        Dialog::Weight { .. } => "Enter: go on    Esc: leave it",
    };
    // However little room there is: the question and the answers are seen.
    lines.truncate(usize::from(area.height.saturating_sub(3)));
    lines.push((keys.to_owned(), Tone::Strong));
    let widest = lines.iter().map(|it| wide(&it.0)).max().unwrap_or(0).min(room) as u16;
    let frame = middle(area, widest + 4, lines.len() as u16 + 2);
    canvas.frame(frame);
    let inside = Rect { x: frame.x + 2, width: frame.width.saturating_sub(4), ..below(frame, 1) };
    for (row, (line, tone)) in lines.iter().enumerate() {
        canvas.put(below(inside, row as u16), line, *tone);
    }
}

fn middle(area: Rect, width: u16, height: u16) -> Rect {
    let x = area.x + area.width.saturating_sub(width) / 2;
    let y = area.y + area.height.saturating_sub(height) / 2;
    Rect { x, y, width, height }.intersection(area)
}

fn lines(dialog: &Dialog, room: usize) -> Vec<(String, Tone)> {
    let wrapped = |text: &str, tone: Tone| wrap(text, room).into_iter().map(move |line| (line, tone));
    match dialog {
        Dialog::Help => help().map(|line| (line, Tone::Plain)).collect(),
        Dialog::Confirm { question, what, .. } => {
            let what = what.iter().flat_map(|line| wrapped(line, Tone::Plain));
            wrapped(question, Tone::Strong).chain(what).collect()
        }
        Dialog::Weight { backend: (pool, addr), typed } => {
            let question = format!("Weight of {addr} in pool {pool}, 0 to {WEIGHT_MAX}: {typed}_");
            wrapped(&question, Tone::Strong).collect()
        }
    }
}

fn help() -> impl Iterator<Item = String> {
    HELP.iter().map(|(keys, what)| format!("{keys:<12} {what}"))
}
