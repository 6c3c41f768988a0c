//! The tables: every column once, and the rows that are left after filtering, in the order that is wanted.

use super::answer::{Backend, Pool, Service, Session};
use super::model::Model;
use super::rates::{Rates, Watched};
use super::style::{Glyphs, Tone};
use super::value::Value;
use super::view::{Kind, Page, RowId};
use super::watch::id;

/// Slots of time in the trend of a row.
const TREND: usize = 12;

/// The rank of a column that is left out.
pub const NEVER: u8 = u8::MAX;

/// A column of a table.
#[derive(Debug)]
pub struct Column<T> {
    head: Head,
    value: fn(&T) -> Value,
}

/// What is known of a column without its rows.
#[derive(Clone, Copy, Debug)]
pub struct Head {
    /// Its title.
    pub title: &'static str,
    /// The narrower the terminal, the lower it has to be; [`NEVER`] is not shown on any.
    pub rank: u8,
    /// Characters at least, so that it does not jump with every number.
    pub width: usize,
    /// Whether it ends at the right, and the largest is what one looks for.
    pub is_number: bool,
}

/// Rows of a table.
#[derive(Debug)]
pub struct Grid {
    /// The columns.
    pub heads: Vec<Head>,
    /// The rows.
    pub rows: Vec<Row>,
}

/// A row of a table.
#[derive(Debug)]
pub struct Row {
    /// What it is of.
    pub id: RowId,
    /// A value for each column.
    pub values: Vec<Value>,
}

/// What is known of a service.
struct OfService<'a> {
    service: &'a Service,
    pool: Option<&'a Pool>,
    watched: Option<&'a Watched>,
}

/// What is known of a backend.
struct OfBackend<'a> {
    backend: &'a Backend,
    watched: Option<&'a Watched>,
}

const fn words<T>(title: &'static str, rank: u8, width: usize, value: fn(&T) -> Value) -> Column<T> {
    Column { head: Head { title, rank, width, is_number: false }, value }
}

const fn number<T>(title: &'static str, rank: u8, width: usize, value: fn(&T) -> Value) -> Column<T> {
    Column { head: Head { title, rank, width, is_number: true }, value }
}

fn rates<T>(watched: Option<&Watched>, read: fn(Rates) -> T) -> Option<T> {
    watched.and_then(|it| it.rates).map(read)
}

impl OfService<'_> {
    /// A rate of its requests, if it balances those.
    fn requests(&self, read: fn(Rates) -> f64) -> Option<f64> {
        rates(self.watched, read).filter(|_| self.service.has_requests)
    }
}

fn trend(watched: Option<&Watched>) -> Value {
    Value::Trend(watched.map_or_else(Vec::new, |it| it.work.last(TREND).collect()))
}

/// Columns of requests: where there are none they are of no use.
const OF_REQUESTS: [&str; 2] = ["REQ/s", "5XX/s"];

fn of_services<'a>() -> [Column<OfService<'a>>; 12] {
    [
        words("SERVICE", 0, 7, |it| Value::Text(it.service.name.clone())),
        words("STATE", 2, 5, |it| duty(&it.service.duty)),
        number("UP", 1, 3, |it| {
            Value::Part(it.pool.map_or(0, Pool::takers), it.pool.map_or(0, |it| it.backends.len()))
        }),
        number("OPEN", 0, 5, |it| Value::Count(it.service.open)),
        number("NEW/s", 1, 5, |it| Value::Rate(rates(it.watched, |it| it.sessions))),
        number("REQ/s", 1, 5, |it| Value::Rate(it.requests(|it| it.requests))),
        number("5XX/s", 2, 5, |it| Value::Failures(it.requests(|it| it.errors))),
        number("FAIL/s", 3, 6, |it| Value::Failures(rates(it.watched, |it| it.failed))),
        number("TO BACKEND", 4, 10, |it| Value::Flow(rates(it.watched, |it| it.to_backend))),
        number("TO CLIENT", 4, 9, |it| Value::Flow(rates(it.watched, |it| it.to_client))),
        number("TREND", 5, TREND, |it| trend(it.watched)),
        words("LISTENS ON", 6, 10, |it| Value::Text(it.service.listeners.join(" "))),
    ]
}

fn of_backends<'a>() -> [Column<OfBackend<'a>>; 15] {
    [
        words("BACKEND", 0, 14, |it| Value::Text(it.backend.addr.clone())),
        words("STATE", 0, 8, |it| state(it.backend)),
        number("OPEN", 1, 5, |it| Value::Count(it.backend.open)),
        number("NEW/s", 2, 5, |it| Value::Rate(rates(it.watched, |it| it.sessions))),
        number("REQ/s", 2, 5, |it| Value::Rate(rates(it.watched, |it| it.requests))),
        number("5XX/s", 3, 5, |it| Value::Failures(rates(it.watched, |it| it.errors))),
        number("FAIL/s", 3, 6, |it| Value::Failures(rates(it.watched, |it| it.failed))),
        number("TO BACKEND", 6, 10, |it| Value::Flow(rates(it.watched, |it| it.to_backend))),
        number("TO CLIENT", 5, 9, |it| Value::Flow(rates(it.watched, |it| it.to_client))),
        number("P50", 4, 6, |it| Value::Time(it.watched.and_then(|it| it.connects.percentile(50)))),
        number("P99", 8, 6, |it| Value::Time(it.watched.and_then(|it| it.connects.percentile(99)))),
        words("POOL", 4, 4, |it| Value::Text(it.backend.pool.clone())),
        number("WEIGHT", 9, 6, |it| Value::Count(it.backend.weight)),
        number("TREND", 10, TREND, |it| trend(it.watched)),
        words("LAST CHECK", 11, 16, |it| Value::Text(it.backend.check.clone())),
    ]
}

fn of_sessions() -> [Column<Session>; 7] {
    [
        number("ID", 2, 4, |it| Value::Id(it.id)),
        words("CLIENT", 0, 21, |it| Value::Text(it.client.clone())),
        words("SERVICE", 3, 7, |it| Value::Text(it.service.clone())),
        number("AGE", 0, 7, |it| Value::Time(Some(it.age))),
        number("IDLE", 1, 7, |it| Value::Time(it.idle)),
        number("TO BACKEND", 1, 10, |it| Value::Size(it.to_backend)),
        number("TO CLIENT", 1, 9, |it| Value::Size(it.to_client)),
    ]
}

fn duty(word: &str) -> Value {
    let tone = if word == "enabled" { Tone::Good } else { Tone::Warning };
    Value::State(word.to_owned(), tone)
}

fn state(backend: &Backend) -> Value {
    let tone = match &*backend.state {
        "up" if backend.slow_start.is_none() => Tone::Good,
        "down" | "ejected" => Tone::Bad,
        _ => Tone::Warning,
    };
    let word = match (&*backend.state, backend.slow_start) {
        ("up", Some(percent)) => format!("slow start {percent}%"),
        (state, _) => state.to_owned(),
    };
    let backup = if backend.backup { ", backup" } else { "" };
    Value::State(word + backup, tone)
}

fn fill<T>(columns: &[Column<T>], items: impl Iterator<Item = (RowId, T)>) -> Grid {
    let row = |(id, item)| Row { id, values: columns.iter().map(|it| (it.value)(&item)).collect() };
    Grid { heads: columns.iter().map(|it| it.head).collect(), rows: items.map(row).collect() }
}

/// The table of this kind on the page that is shown.
pub fn grid(model: &Model, kind: Kind) -> Grid {
    let mut grid = match kind {
        Kind::Services => services(model),
        Kind::Backends => backends(model),
        Kind::Sessions => sessions(model),
    };
    if !model.watch.status.has_requests() {
        leave_out(&mut grid, &OF_REQUESTS);
    }
    let filter = model.view.filter.to_lowercase();
    if !filter.is_empty() {
        let glyphs = Glyphs::ASCII;
        grid.rows.retain(|row| row.values.iter().any(|it| it.show(&glyphs).to_lowercase().contains(&filter)));
    }
    if let Some(sort) = model.view.sort(kind) {
        grid.rows.sort_by(|one, other| {
            let order = one.values[sort.column].compare(&other.values[sort.column]);
            if sort.reversed { order.reverse() } else { order }
        });
    }
    grid
}

/// Leaves out columns that are of no use here.
fn leave_out(grid: &mut Grid, titles: &[&str]) {
    grid.heads.iter_mut().filter(|it| titles.contains(&it.title)).for_each(|it| it.rank = NEVER);
}

fn services(model: &Model) -> Grid {
    let (watch, status) = (&model.watch, &model.watch.status);
    let items = status.services.iter().map(|service| {
        let item = OfService { service, pool: status.pool(&service.pool), watched: watch.service(service) };
        (RowId::Service(service.name.clone()), item)
    });
    fill(&of_services(), items)
}

fn backends(model: &Model) -> Grid {
    let (watch, status) = (&model.watch, &model.watch.status);
    let pool = match model.view.page() {
        Page::Service(name) => Some(status.service(name).map_or("", |it| &it.pool)),
        _ => None,
    };
    let backends = status.backends().filter(|it| pool.is_none_or(|pool| it.pool == pool));
    let items = backends
        .map(|backend| (RowId::Backend(id(backend)), OfBackend { backend, watched: watch.backend(backend) }));
    let mut grid = fill(&of_backends(), items);
    // Where there is only one, its name is of no use.
    if pool.is_some() || status.pools.len() < 2 {
        leave_out(&mut grid, &["POOL"]);
    }
    grid
}

fn sessions(model: &Model) -> Grid {
    let list = model.sessions().map_or(&[][..], |it| &it.list);
    fill(&of_sessions(), list.iter().map(|it| (RowId::Session(it.id), it.clone())))
}
