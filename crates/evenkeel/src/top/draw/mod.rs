//! Drawing: a pure function of the model, for every size of terminal.

mod canvas;
mod dialogs;
mod head;
mod tables;
#[cfg(test)]
mod tests;

use super::model::Model;
use super::style::Tone;
use super::view::{Kind, Page};
use canvas::{Canvas, fit, wide};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

/// The smallest terminal in which something can be seen.
const WIDTH_MIN: u16 = 30;
const HEIGHT_MIN: u16 = 6;

/// Lines of a table before its first row.
pub const TABLE_HEAD: u16 = 2;

/// Draws everything.
pub fn draw(model: &Model, buffer: &mut Buffer) {
    let mut canvas = Canvas::new(buffer, &model.options);
    let area = canvas.area();
    if area.width < WIDTH_MIN || area.height < HEIGHT_MIN {
        canvas.put(area, "evenkeel top needs more room", Tone::Plain);
        canvas.put(below(area, 1), &format!("{WIDTH_MIN}x{HEIGHT_MIN} at least; q leaves"), Tone::Plain);
        return;
    }
    let parts = Parts::of(area);
    head::draw(&mut canvas, parts.head, model);
    body(&mut canvas, parts.body, model);
    events(&mut canvas, parts.events, model);
    foot(&mut canvas, parts.foot, model);
    dialogs::draw(&mut canvas, area, model);
}

/// What stands where, from top to bottom.
struct Parts {
    head: Rect,
    body: Rect,
    events: Rect,
    foot: Rect,
}

impl Parts {
    fn of(area: Rect) -> Self {
        let (head, events) = match area.height {
            ..12 => (1, 0),
            12..18 => (2, 0),
            18..30 => (3, 4),
            _ => (3, 7),
        };
        let body = area.height - head - events - 1;
        let [head, body, events, foot] = stack(area, [head, body, events, 1]);
        Self { head, body, events, foot }
    }
}

/// Cuts `area` into pieces of these heights.
fn stack<const N: usize>(area: Rect, heights: [u16; N]) -> [Rect; N] {
    let mut y = area.y;
    heights.map(|height| {
        let piece = Rect { y, height, ..area }.intersection(area);
        y = y.saturating_add(height);
        piece
    })
}

/// `area` without its first lines.
fn below(area: Rect, lines: u16) -> Rect {
    let lines = lines.min(area.height);
    Rect { y: area.y + lines, height: area.height - lines, ..area }
}

fn body(canvas: &mut Canvas<'_>, area: Rect, model: &Model) {
    // Less than this, and one table at a time is more use than two.
    let is_both = *model.view.page() == Page::Home && area.height >= 10;
    if !is_both {
        let kind = model.view.kind();
        return tables::draw(canvas, area, model, kind, &model.grid(kind));
    }
    let kinds = [Kind::Services, Kind::Backends];
    let grids = kinds.map(|kind| model.grid(kind));
    let [services, backends] =
        grids.each_ref().map(|it| TABLE_HEAD + u16::try_from(it.rows.len()).unwrap_or(u16::MAX / 2));
    let above = services.min((area.height / 2).max(area.height.saturating_sub(backends)));
    for (index, area) in stack(area, [above, area.height - above]).into_iter().enumerate() {
        tables::draw(canvas, area, model, kinds[index], &grids[index]);
    }
}

fn events(canvas: &mut Canvas<'_>, area: Rect, model: &Model) {
    if area.is_empty() {
        return;
    }
    canvas.put(area, "LAST EVENTS, times in UTC", Tone::Strong);
    let (lines, events) = (below(area, 1), &model.watch.events);
    let shown = events.iter().skip(events.len().saturating_sub(lines.height.into()));
    for (row, event) in shown.enumerate() {
        let tone = match &*event.level {
            "warning" => Tone::Warning,
            "error" => Tone::Bad,
            _ => Tone::Plain,
        };
        let time = event.ts.get(11..19).unwrap_or("");
        canvas.put(below(lines, row as u16), &format!("{time}  {}", event.text), tone);
    }
}

fn foot(canvas: &mut Canvas<'_>, area: Rect, model: &Model) {
    if model.view.is_typing {
        return canvas.put(area, &format!("show only rows with: {}_", model.view.filter), Tone::Strong);
    }
    if let Some(note) = &model.view.note {
        return canvas.put(area, &note.text, if note.is_bad { Tone::Bad } else { Tone::Strong });
    }
    if let Some(trouble) = model.watch.trouble.as_ref().filter(|_| !model.is_paused) {
        return canvas.put(area, &format!("trying again: {trouble}"), Tone::Bad);
    }
    let keys: &[&str] = match (model.view.page(), model.view.kind()) {
        (Page::Home, Kind::Services) => {
            &["Enter open", "Tab backends", "d drain", "e enable", "s sort", "/ filter"]
        }
        (Page::Home, _) => &["Enter sessions", "Tab services", "d drain", "e enable", "w weight", "s sort"],
        (Page::Service(_), _) => &["Enter sessions", "Esc back", "d drain", "e enable", "w weight", "s sort"],
        (Page::Backend(_), _) => &["Esc back", "c close", "d drain", "s sort", "/ filter", "Space pause"],
    };
    let most = "? help  q quit";
    let width = area.width.saturating_sub(wide(most) as u16 + 2);
    let keys = fit(keys.iter().map(|it| (*it).to_owned()), width);
    canvas.put(area, &format!("{most}  {keys}"), Tone::Faint);
}
