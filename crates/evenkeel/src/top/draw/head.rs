//! The first lines: which evenkeel this is, how it does as a whole, and how it did in the last minutes.

use super::super::model::Model;
use super::super::rates::{Rates, Trend};
use super::super::style::Tone;
use super::super::value::{flow, rate};
use super::below;
use super::canvas::{Canvas, fit, wide};
use crate::logging::{Grouped, Took};
use ratatui::layout::Rect;
use std::time::Duration;

/// Draws one, two or three lines, as `area` has room.
pub fn draw(canvas: &mut Canvas<'_>, area: Rect, model: &Model) {
    let (pace, tone) = pace(model);
    let left = area.width.saturating_sub(wide(&pace) as u16 + 2);
    let first = Rect { width: left, ..area };
    match area.height {
        1 => canvas.put(first, &fit(numbers(model), left), Tone::Strong),
        _ => canvas.put(first, &fit(who(model), left), Tone::Strong),
    }
    canvas.put_right(area, &pace, tone);
    if area.height > 1 {
        let all = numbers(model).chain([format!("at most {}", Grouped(model.watch.status.max))]);
        canvas.put(below(area, 1), &fit(all, area.width), Tone::Plain);
    }
    if area.height > 2 {
        trends(canvas, below(area, 2), model);
    }
}

/// How it goes with asking: the one thing that must be seen at every size.
fn pace(model: &Model) -> (String, Tone) {
    match model.silence() {
        _ if model.is_paused => ("PAUSED".to_owned(), Tone::Warning),
        Some(silence) => (format!("NO ANSWER FOR {}", seconds(silence)), Tone::Bad),
        None => (format!("every {}", seconds(model.options.interval)), Tone::Faint),
    }
}

/// `0.5 s`, `4 s`, `2m05s`: whole seconds where those are enough.
fn seconds(time: Duration) -> String {
    match time.as_secs() {
        whole @ 1..60 => format!("{whole} s"),
        _ => Took(time).to_string(),
    }
}

/// Days, where there are some.
fn long(time: Duration) -> String {
    match time.as_secs() {
        second @ ..60 => format!("{second} s"),
        second @ 86_400.. => format!("{}d{:02}h", second / 86_400, second / 3600 % 24),
        _ => Took(time).to_string(),
    }
}

fn who(model: &Model) -> impl Iterator<Item = String> {
    let status = &model.watch.status;
    // What is wrong comes first: what does not fit is left out from the end.
    let phase = if status.phase == "running" { String::new() } else { status.phase.to_uppercase() };
    let trial = status.trial.map(|left| format!("ON TRIAL, {left} s left"));
    let refused = status.problem.as_ref().map(|_| "LAST RELOAD REFUSED".to_owned());
    [
        format!("evenkeel {}", status.version),
        phase,
        trial.unwrap_or_default(),
        refused.unwrap_or_default(),
        format!("pid {}", status.pid),
        format!("up {}", long(status.up)),
        format!("{} workers", status.workers),
        format!("{} reloads", status.reloads),
    ]
    .into_iter()
}

fn numbers(model: &Model) -> impl Iterator<Item = String> {
    let rates = model.watch.totals.rates;
    let by =
        |read: fn(Rates) -> f64, show: fn(f64) -> String| rates.map_or("-".to_owned(), |it| show(read(it)));
    let requests = format!("{} requests/s", by(|it| it.requests, rate));
    [
        format!("{} open", Grouped(model.watch.status.open)),
        format!("{} new/s", by(|it| it.sessions, rate)),
        if model.watch.status.has_requests() { requests } else { String::new() },
        format!("{} failed/s", by(|it| it.failed, rate)),
        format!("{} to backend", by(|it| it.to_backend, flow)),
        format!("{} to client", by(|it| it.to_client, flow)),
    ]
    .into_iter()
}

fn trends(canvas: &mut Canvas<'_>, area: Rect, model: &Model) {
    let (totals, half) = (&model.watch.totals, area.width / 2);
    let left = Rect { width: half, height: 1, ..area };
    let right = Rect { x: area.x + half, width: area.width - half, height: 1, ..area };
    trend(canvas, left, "new/s", &totals.sessions, model.watch.slot);
    trend(canvas, right, "bytes/s", &totals.bytes, model.watch.slot);
}

/// As much of the past as there is room for, and how much that is.
fn trend(canvas: &mut Canvas<'_>, area: Rect, title: &str, trend: &Trend, slot: Duration) {
    /// Columns for the title and for blanks.
    const TITLE: u16 = 17;
    let room = usize::from(area.width.saturating_sub(TITLE)).min(Trend::KEPT);
    let title = format!("{title}, {} ", Took(slot * room as u32));
    let values: Vec<_> = trend.last(room).collect();
    let graph = canvas.options().glyphs.spark(&values);
    let at = wide(&title) as u16;
    canvas.put(area, &title, Tone::Faint);
    canvas.put(Rect { x: area.x + at, width: area.width.saturating_sub(at), ..area }, &graph, Tone::Good);
}
