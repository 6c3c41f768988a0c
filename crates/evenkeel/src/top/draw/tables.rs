//! A table: its title, its columns as far as there is room, and the rows around the chosen one.

use super::super::grid::{Grid, NEVER, Row};
use super::super::model::Model;
use super::super::style::Tone;
use super::super::view::{Kind, Page};
use super::canvas::{Canvas, wide};
use super::{TABLE_HEAD, below};
use crate::logging::{Grouped, count};
use crate::remote::read::sum;
use ratatui::layout::Rect;

/// Blanks between two columns.
const GAP: usize = 2;

/// Draws the table of this kind, which holds this `grid`.
pub fn draw(canvas: &mut Canvas<'_>, area: Rect, model: &Model, kind: Kind, grid: &Grid) {
    let chosen = model.chosen(kind, grid);
    let height = usize::from(area.height.saturating_sub(TABLE_HEAD));
    // The chosen row is in the middle, as far as there are rows around it.
    let first = chosen.saturating_sub(height / 2).min(grid.rows.len().saturating_sub(height));
    let shown = &grid.rows[first..grid.rows.len().min(first + height)];
    let heads = heads(canvas, model, kind, grid);
    let columns = Columns::fit(canvas, grid, &heads, shown, area.width);
    canvas.put(area, &title(model, kind, grid), Tone::Strong);
    for column in &columns.0 {
        column.put(canvas, below(area, 1), &heads[column.number], Tone::Faint);
    }
    for (line, row) in shown.iter().enumerate() {
        let place = below(area, TABLE_HEAD + line as u16);
        for column in &columns.0 {
            let value = &row.values[column.number];
            column.put(canvas, place, &value.show(&canvas.options().glyphs), value.tone());
        }
        if kind == model.view.kind() && first + line == chosen {
            canvas.invert(Rect { height: 1, ..place });
        }
    }
    if grid.rows.is_empty() {
        canvas.put(below(area, TABLE_HEAD), nothing(model, kind), Tone::Faint);
    }
}

/// The titles, with a mark at the column by which it is sorted.
fn heads(canvas: &Canvas<'_>, model: &Model, kind: Kind, grid: &Grid) -> Vec<String> {
    let marks = canvas.options().glyphs.sorted;
    let mut heads: Vec<_> = grid.heads.iter().map(|it| it.title.to_owned()).collect();
    if let Some(sort) = model.view.sort(kind) {
        heads[sort.column].push(marks[usize::from(!sort.reversed)]);
    }
    heads
}

fn nothing(model: &Model, kind: Kind) -> &'static str {
    match kind {
        _ if !model.view.filter.is_empty() => "no row has that in it",
        Kind::Services => "no services",
        Kind::Backends => "no backends",
        Kind::Sessions if model.sessions().is_none() => "asking",
        Kind::Sessions => "no open sessions",
    }
}

fn title(model: &Model, kind: Kind, grid: &Grid) -> String {
    let status = &model.watch.status;
    let mut title = match (kind, model.view.page()) {
        (Kind::Services, _) => count(status.services.len(), "service").to_uppercase(),
        (Kind::Backends, Page::Service(name)) => {
            let pool = status.service(name).and_then(|it| status.pool(&it.pool));
            let pool = pool.map_or("is gone".to_owned(), |it| {
                let (all, takers) = (count(it.backends.len(), "backend"), it.takers());
                format!("sends to pool {}: {all}, {takers} take traffic{}", it.name, waiting(it.waiting))
            });
            format!("SERVICE {name} {pool}")
        }
        (Kind::Backends, _) => {
            let all = status.backends().count();
            let takers: usize = status.pools.iter().map(|it| it.takers()).sum();
            let waiting = waiting(sum(status.pools.iter().map(|it| it.waiting)));
            format!(
                "{}, {} take traffic{waiting}",
                count(all, "backend").to_uppercase(),
                Grouped(takers as u64)
            )
        }
        (Kind::Sessions, Page::Backend((pool, addr))) => {
            let matched = model.sessions().map_or(0, |it| it.matched);
            format!("{} AT {addr} in pool {pool}", count(matched as usize, "session").to_uppercase())
        }
        (Kind::Sessions, _) => String::new(),
    };
    if !model.view.filter.is_empty() {
        title.push_str(&format!(", {} with \"{}\"", Grouped(grid.rows.len() as u64), model.view.filter));
    } else if let Some(sessions) =
        model.sessions().filter(|it| kind == Kind::Sessions && it.matched > it.list.len() as u64)
    {
        title.push_str(&format!(", {} of them shown", Grouped(sessions.list.len() as u64)));
    }
    if let Some(sort) = model.view.sort(kind) {
        title.push_str(&format!(", by {}", grid.heads[sort.column].title));
    }
    title
}

fn waiting(sessions: u64) -> String {
    match sessions {
        0 => String::new(),
        waiting => format!(", {} wait for a seat", count(waiting as usize, "session")),
    }
}

/// Those columns that there is room for.
struct Columns(Vec<Placed>);

/// A column with its place.
struct Placed {
    number: usize,
    x: u16,
    width: u16,
    is_number: bool,
}

impl Columns {
    fn fit(canvas: &Canvas<'_>, grid: &Grid, heads: &[String], shown: &[Row], room: u16) -> Self {
        let glyphs = &canvas.options().glyphs;
        let width = |number: usize| {
            let cells = shown.iter().map(|row| wide(&row.values[number].show(glyphs)));
            let least = [grid.heads[number].width, wide(&heads[number])];
            // Wider than any terminal is wide enough.
            cells.chain(least).max().unwrap_or(0).min(1000)
        };
        let useful = (0..grid.heads.len()).filter(|it| grid.heads[*it].rank != NEVER);
        let mut kept: Vec<(usize, usize)> = useful.map(|it| (it, width(it))).collect();
        let total =
            |kept: &[(usize, usize)]| kept.iter().map(|it| it.1 + GAP).sum::<usize>().saturating_sub(GAP);
        let room = usize::from(room);
        while total(&kept) > room && kept.len() > 1 {
            let rank = |at: &usize| (grid.heads[kept[*at].0].rank, *at);
            let Some(last) = (0..kept.len()).max_by_key(rank) else { break };
            // The very first ones are cut rather than left out.
            if grid.heads[kept[last].0].rank == 0 {
                break;
            }
            kept.remove(last);
        }
        let excess = total(&kept).saturating_sub(room);
        if let Some(widest) = kept.iter_mut().max_by_key(|it| it.1) {
            widest.1 = widest.1.saturating_sub(excess).max(1);
        }
        let mut x = 0;
        let place = |(number, width): (usize, usize)| {
            let placed = Placed { number, x, width: width as u16, is_number: grid.heads[number].is_number };
            x += placed.width + GAP as u16;
            placed
        };
        Self(kept.into_iter().map(place).collect())
    }
}

impl Placed {
    fn put(&self, canvas: &mut Canvas<'_>, line: Rect, text: &str, tone: Tone) {
        let area = Rect { x: line.x + self.x, width: self.width, ..line }.intersection(line);
        if self.is_number { canvas.put_right(area, text, tone) } else { canvas.put(area, text, tone) }
    }
}
