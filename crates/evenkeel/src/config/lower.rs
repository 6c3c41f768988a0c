//! From the tree to what was typed: settings by key, with their places. Goes on after a mistake.

use super::address::ToSpec;
use super::keys::{self, Context, Key, Kind};
use super::place::{At, Place};
use super::problem::{Problem, Problems};
use super::setting::{self, Entry, Layer, Setting};
use super::suggest::{self, Suggestion};
use super::tree::{Node, Table, Value};

/// A service or a shared pool, as it was typed.
#[derive(Debug)]
pub struct Section {
    /// Its name.
    pub name: At<String>,
    /// What its table says.
    pub layer: Layer,
}

/// Everything that was typed, over all files.
#[derive(Debug, Default)]
pub struct Typed {
    /// The top of the files.
    pub process: Layer,
    /// Flags that stand above it.
    pub flags: Layer,
    /// `[defaults]`.
    pub defaults: Layer,
    /// `[pool]`.
    pub pools: Vec<Section>,
    /// `[tcp.NAME]`.
    pub services: Vec<Section>,
    /// Some text was not valid TOML: what is missing may only have been lost.
    pub damaged: bool,
}

impl Typed {
    /// Where a pool of this name was typed.
    pub fn pool(&self, name: &str) -> Option<&Section> {
        self.pools.iter().find(|section| section.name.value == name)
    }
}

impl Section {
    /// What it sends to; nothing if that is missing or was not understood.
    pub fn entries(&self) -> &[Entry] {
        match self.layer.get("to").map(|to| &to.value) {
            Some(Setting::To(entries)) => entries,
            _ => &[],
        }
    }
}

/// Adds what `table`, a whole file, says to `typed`; returns the files that it includes.
pub fn add_file(typed: &mut Typed, table: &Table, problems: &mut Problems) -> Vec<At<String>> {
    let mut top = Table::default();
    for (key, node) in &table.0 {
        match (key.value.as_str(), &node.value) {
            ("tcp", Value::Table(services)) => {
                for (name, node) in &services.0 {
                    let layer = service(name, node, problems);
                    add_section(&mut typed.services, "service", name, layer, problems);
                }
            }
            ("pool", Value::Table(pools)) => {
                for (name, node) in &pools.0 {
                    let layer = pool(node, problems);
                    add_section(&mut typed.pools, "pool", name, layer, problems);
                }
            }
            ("defaults", Value::Table(table)) => {
                lower_table(Context::Defaults, "", table, &mut typed.defaults, problems);
            }
            ("tcp" | "pool" | "defaults", Value::Broken) => {}
            (kind @ ("tcp" | "pool" | "defaults"), value) => problems.push(
                Problem::error(format!("`{kind}` is not {}", value.noun()))
                    .at(&node.place, "expected a table"),
            ),
            (kind @ ("udp" | "tls" | "http"), _) => problems.push(
                Problem::error(format!("`[{kind}]` is not in this version"))
                    .at(&key.place, "only `[tcp.NAME]` services are"),
            ),
            _ => top.0.push((key.clone(), node.clone())),
        }
    }
    lower_table(Context::Top, "", &top, &mut typed.process, problems);
    match typed.process.0.remove("include").map(|include| include.value) {
        Some(Setting::Files(files)) => files,
        _ => Vec::new(),
    }
}

fn add_section(
    sections: &mut Vec<Section>,
    noun: &str,
    name: &At<String>,
    layer: Layer,
    problems: &mut Problems,
) {
    let is_name = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    if name.value.is_empty() || name.value.len() > 64 || !name.value.chars().all(is_name) {
        problems.push(
            Problem::error(format!("`{}` cannot be the name of a {noun}", name.value.escape_debug()))
                .at(&name.place, "expected up to 64 letters, digits, `-`, `_` and `.`"),
        );
    }
    match sections.iter().find(|earlier| earlier.name.value == name.value) {
        Some(earlier) => problems.push(
            Problem::error(format!("two {noun}s are called `{}`", name.value))
                .at(&name.place, "second one")
                .at(&earlier.name.place, "first one"),
        ),
        None => sections.push(Section { name: name.clone(), layer }),
    }
}

fn service(name: &At<String>, node: &Node, problems: &mut Problems) -> Layer {
    let mut layer = Layer::default();
    match &node.value {
        Value::Table(table) => lower_table(Context::Service, "", table, &mut layer, problems),
        Value::Broken => {}
        value => {
            let problem = Problem::error(format!("a service is not {}", value.noun()));
            let known = !matches!(suggest::key(Context::Service, "", &name.value), Suggestion::Nothing);
            problems.push(match known {
                true => problem.at(&name.place, "a key stands in `[tcp.NAME]`, under a name of your choice"),
                false => problem.at(&node.place, "expected a table with `listen` and `to`"),
            });
        }
    }
    layer
}

/// `[pool.NAME]` with keys, or `NAME = […]` in `[pool]`.
fn pool(node: &Node, problems: &mut Problems) -> Layer {
    let mut layer = Layer::default();
    match (&node.value, keys::find(Context::Pool, "to")) {
        (Value::Table(table), _) if !table.0.iter().any(|(key, _)| key.value == "addr") => {
            lower_table(Context::Pool, "", table, &mut layer, problems);
        }
        (_, Some(key)) => lower_key(Context::Pool, key, "to", node, &mut layer, problems),
        (_, None) => {}
    }
    layer
}

/// Adds the settings in `table` to `layer`; `prefix` is the name of the table it is in, with a dot, or empty.
pub fn lower_table(
    context: Context,
    prefix: &str,
    table: &Table,
    layer: &mut Layer,
    problems: &mut Problems,
) {
    for (written, node) in &table.0 {
        match keys::find(context, &format!("{prefix}{}", written.value)) {
            Some(key) => lower_key(context, key, &written.value, node, layer, problems),
            None => problems.push(unknown(context, prefix, written)),
        }
    }
}

fn unknown(context: Context, prefix: &str, written: &At<String>) -> Problem {
    let name = written.value.escape_debug();
    let table = match prefix.trim_end_matches('.') {
        "" | "to" => context.title().to_owned(),
        inner => format!("`{inner}`"),
    };
    let problem = Problem::error(format!("unknown key `{name}` in {table}"));
    match suggest::key(context, prefix, &written.value) {
        Suggestion::Key(key) => problem.at(&written.place, "not a key that evenkeel knows").fix(
            format!("did you mean `{key}`?"),
            &written.place,
            key,
        ),
        Suggestion::Elsewhere(contexts) => {
            let titles: Vec<_> = contexts.iter().map(|context| context.title()).collect();
            problem.at(&written.place, format!("`{name}` belongs in {}", titles.join(" or ")))
        }
        Suggestion::Nothing => problem
            .at(&written.place, "not a key that evenkeel knows")
            .help("`evenkeel explain` lists all keys"),
    }
}

fn lower_key(
    context: Context,
    key: &'static Key,
    written: &str,
    node: &Node,
    layer: &mut Layer,
    problems: &mut Problems,
) {
    let mut tell = |problem| {
        problems.push(problem);
        Setting::Broken
    };
    let setting = match (&key.kind, &node.value) {
        (_, Value::Broken) => Setting::Broken,
        (kind, Value::Table(table)) if kind.has_inner_keys() => {
            lower_table(context, &format!("{}.", key.name), table, layer, problems);
            Setting::On
        }
        (Kind::Group, _) => tell(setting::wrong(key, node, &format!("expected a table: {}", key.example))),
        (Kind::Switch | Kind::Health | Kind::SlowStart, value) => match (value, node.text()) {
            (Value::Bool(false), _) | (_, Some("off" | "false")) => Setting::Off,
            (Value::Bool(true), _) | (_, Some("on" | "true")) => Setting::On,
            _ => short_form(context, key, node, layer).unwrap_or_else(tell),
        },
        (Kind::Listen, _) => match each(node, problems, setting::listen) {
            specs if specs.is_empty() && !is_empty_list(node) => Setting::Broken,
            specs => Setting::Listen(specs),
        },
        (Kind::To, _) => match to(node, problems) {
            entries if entries.is_empty() && !is_empty_list(node) => Setting::Broken,
            entries => Setting::To(entries),
        },
        (Kind::Include, _) => Setting::Files(each(node, problems, |node| match node.text() {
            Some(path) => Ok(path.to_owned()),
            None => Err(setting::wrong(key, node, "expected a path in quotes")),
        })),
        _ => setting::read(key, node).unwrap_or_else(tell),
    };
    if let Err(earlier) = layer.insert(key.name, setting, &node.place) {
        problems.push(
            Problem::error(format!("`{written}` is given twice"))
                .at(&node.place, "second time")
                .at(&earlier, "first time"),
        );
    }
}

/// A value that stands for a table with one key: `health = "/path"`, `slow-start = "30s"`.
fn short_form(
    context: Context,
    key: &'static Key,
    node: &Node,
    layer: &mut Layer,
) -> Result<Setting, Problem> {
    let inner = match (&key.kind, node.text()) {
        (Kind::Health, Some("tcp")) => return Ok(Setting::On),
        (Kind::Health, Some(text)) if text.starts_with('/') || text.contains("://") => "health.http",
        (Kind::SlowStart, _) => "slow-start.duration",
        _ => return Err(setting::wrong(key, node, &format!("expected {}", key.kind.describe()))),
    };
    let inner = keys::find(context, inner).ok_or_else(|| setting::wrong(key, node, "expected a table"))?;
    let setting = setting::read(inner, node)?;
    // An earlier one is told by the caller, who inserts the key itself.
    let _ = layer.insert(inner.name, setting, &node.place);
    Ok(Setting::On)
}

fn is_empty_list(node: &Node) -> bool {
    matches!(&node.value, Value::List(items) if items.is_empty())
}

/// Reads `node`, or each of its items if it is a list; tells what is wrong and leaves it out.
fn each<T>(node: &Node, problems: &mut Problems, read: impl Fn(&Node) -> Result<T, Problem>) -> Vec<At<T>> {
    let mut read_one = |item: &Node| match item.value {
        Value::Broken => None,
        _ => match read(item) {
            Ok(value) => Some(At { value, place: item.place.clone() }),
            Err(problem) => {
                problems.push(problem);
                None
            }
        },
    };
    match &node.value {
        Value::List(items) => items.iter().filter_map(read_one).collect(),
        _ => read_one(node).into_iter().collect(),
    }
}

fn to(node: &Node, problems: &mut Problems) -> Vec<Entry> {
    let items = match &node.value {
        Value::List(items) => items.as_slice(),
        _ => std::slice::from_ref(node),
    };
    items.iter().filter_map(|item| to_entry(item, problems)).collect()
}

fn to_entry(item: &Node, problems: &mut Problems) -> Option<Entry> {
    let mut layer = Layer::default();
    let Value::Table(table) = &item.value else {
        let at = each(item, problems, setting::to).pop()?;
        return Some(match at.value {
            ToSpec::Pool(name) => Entry::Pool(At { value: name, place: at.place }),
            ToSpec::Backend(target) => Entry::Backend(At { value: target, place: at.place }, layer),
        });
    };
    lower_table(Context::Backend, "to.", table, &mut layer, problems);
    match layer.0.remove("to.addr") {
        Some(At { value: Setting::Target(target), place }) => {
            Some(Entry::Backend(At { value: target, place }, layer))
        }
        Some(_) => None,
        None => {
            let place: &Place = &item.place;
            problems.push(
                Problem::error("a backend has no `addr`")
                    .at(place, "expected `{ addr = \"127.0.0.1:5001\", … }`"),
            );
            None
        }
    }
}
