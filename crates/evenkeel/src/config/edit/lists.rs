//! Where in a configuration the backends of each pool are typed.

use super::super::compile::{Sends, sends_of};
use super::super::place::{At, Place};
use super::super::problem::Problems;
use super::super::setting::{Entry, Layer, Setting};
use super::super::tree::toml_string;
use super::super::typed::{Section, Typed};
use super::super::{Given, Source, World, files};
use super::entry::{self, Said};
use super::rows::Rows;
use super::tables::Tables;
use evenkeel_core::addr::Addr;
use evenkeel_core::director::Target;
use std::mem;
use std::ops::Range;
use std::ptr;

/// A configuration whose lists can be looked for.
pub struct Lists<'a> {
    given: &'a Given,
    typed: Typed,
}

/// The backends of a pool, as they are typed.
pub struct List {
    form: Form,
    /// What each of them is about.
    backends: Vec<(Target, Said)>,
}

/// How they are typed.
enum Form {
    /// A list at this place, or what stands for a list of one.
    Rows(Range<usize>, Rows),
    /// Tables with headers.
    Tables(Tables),
}

impl<'a> Lists<'a> {
    /// Reads `given` and what it includes; fails with what is wrong there.
    pub fn find(given: &'a Given) -> Result<Self, String> {
        let mut problems = Problems::default();
        let world = World {
            variable: &|name| std::env::var_os(name),
            resolve: &|_| Ok(Vec::new()),
            read: &files::read_list,
            reads_keys: false,
        };
        let typed = files::read(&Source::Given(given.clone(), None), &world, &mut problems);
        if problems.errors() > 0 { Err(problems.summary()) } else { Ok(Self { given, typed }) }
    }

    /// That of `pool`; or why it cannot be written.
    pub fn of(&self, pool: &str) -> Result<List, String> {
        let owner = self.owner(pool)?;
        let to = owner.layer.get("to").ok_or_else(|| format!("`{pool}` has no `to` in this file"))?;
        let Setting::To(entries) = &to.value else { return Err(format!("`to` of `{pool}` is a mistake")) };
        let (file, own) = (&to.place.text().name, self.given.path.display().to_string());
        if *file != own {
            return Err(format!("the backends of `{pool}` are in {file}, which this file includes"));
        }
        List::of(&to.place, entries).ok_or_else(|| {
            format!(
                "the backend of `{pool}` is typed as `[….to]` or as `to.addr`, and only a list, `to = […]`, and `[[….to]]` can be \
                 written"
            )
        })
    }

    /// Where the backends of `pool` are typed: with a service or a route, or as a shared pool.
    fn owner(&self, pool: &str) -> Result<&Section, String> {
        let all = self.sends();
        let user = all.iter().find(|sends| sends.pool().as_str() == pool);
        let owner = match user {
            Some(sends) => sends.shared.unwrap_or(sends.section),
            None => {
                self.typed.pool(pool).ok_or_else(|| format!("no pool of this file is called `{pool}`"))?
            }
        };
        let is_other = |sends: &&Sends<'_>| {
            sends.pool().as_str() != pool && sends.shared.is_some_and(|shared| ptr::eq(shared, owner))
        };
        match all.iter().find(is_other) {
            Some(other) => Err(format!(
                "`{pool}` has rules of its own and the backends of `[pool.{}]`, which are those of `{}`, too",
                owner.name.value,
                other.pool()
            )),
            None => Ok(owner),
        }
    }

    /// Where each service and each route sends.
    fn sends(&self) -> Vec<Sends<'_>> {
        // What is wrong there is told when the new text is loaded.
        let mut problems = Problems::default();
        self.typed.services.iter().flat_map(|it| sends_of(it, &self.typed, &mut problems)).collect()
    }
}

impl List {
    /// What is typed at `place`, or in tables that are; `None` if that is neither.
    fn of(place: &Place, entries: &[Entry]) -> Option<Self> {
        let (text, span) = (place.written(), place.span());
        let backends: Vec<_> = entries.iter().filter_map(backend).collect();
        let is_within = |own: &Range<usize>| span.start <= own.start && own.end <= span.end;
        let form = if backends.iter().all(|(_, own)| is_within(own)) {
            Form::Rows(span, if text.starts_with('[') { Rows::of(text) } else { Rows::single(text) })
        } else {
            Form::Tables(Tables::of(&place.text().text, backends.iter().map(|(_, own)| own.clone()))?)
        };
        let backends: Vec<_> = backends.into_iter().map(|(backend, _)| backend).collect();
        let rows = match &form {
            Form::Rows(_, rows) => rows.values().len(),
            Form::Tables(_) => entries.len(),
        };
        (backends.len() == rows).then_some(Self { form, backends })
    }

    /// How it is to be typed, and where in its file.
    pub fn texts(self) -> Vec<(Range<usize>, String)> {
        match self.form {
            Form::Rows(span, rows) => vec![(span, rows.text())],
            Form::Tables(tables) => tables.texts().collect(),
        }
    }

    /// Which one is the backend at `addr`.
    pub fn position(&self, addr: &Addr) -> Option<usize> {
        self.backends.iter().position(|(target, _)| matches!(target, Target::Addr(own) if own == addr))
    }

    /// What the one at `at` says of itself.
    pub fn said(&self, at: usize) -> Said {
        self.backends.get(at).map_or(Said::NOTHING, |it| it.1)
    }

    /// Has the one at `at` say this; whether it did not.
    pub fn say(&mut self, at: usize, said: Said) -> bool {
        let Some((_, before)) = self.backends.get_mut(at) else { return false };
        let before = mem::replace(before, said);
        match &mut self.form {
            Form::Rows(_, rows) => {
                let row = rows.values().nth(at).map(|row| entry::changed(row, before, said));
                row.into_iter().for_each(|row| rows.set(at, row));
            }
            Form::Tables(tables) => tables.change(at, before, said),
        }
        before != said
    }

    /// One more.
    pub fn add(&mut self, addr: &Addr, said: Said) {
        let text = toml_string(&addr.to_string());
        match &mut self.form {
            Form::Rows(_, rows) => rows.push(entry::changed(&text, Said::NOTHING, said)),
            Form::Tables(tables) => tables.push(&text, said),
        }
        self.backends.push((Target::Addr(addr.clone()), said));
    }

    /// Takes the one at `at` out.
    pub fn remove(&mut self, at: usize) {
        match &mut self.form {
            Form::Rows(_, rows) => rows.remove(at),
            Form::Tables(tables) => tables.remove(at),
        }
        self.backends.remove(at);
    }
}

/// What `entry` is about and says, if it is a backend, and from where to where in the text.
fn backend(entry: &Entry) -> Option<((Target, Said), Range<usize>)> {
    let Entry::Backend(At { value: target, place: own }, layer) = entry else { return None };
    let places = layer.0.values().map(|at| at.place.span()).chain([own.span()]);
    let span = places.reduce(|one, other| one.start.min(other.start)..one.end.max(other.end))?;
    Some(((target.clone(), said(layer)), span))
}

fn said(layer: &Layer) -> Said {
    let count = |key: &str| match layer.get(key).map(|at| &at.value) {
        Some(Setting::Count(count)) => Some(*count),
        _ => None,
    };
    Said {
        weight: count("to.weight").unwrap_or(Said::NOTHING.weight),
        backup: matches!(layer.get("to.backup").map(|at| &at.value), Some(Setting::Flag(true))),
        max_sessions: count("to.max-sessions"),
    }
}
