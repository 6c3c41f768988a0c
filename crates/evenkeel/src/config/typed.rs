//! Everything that was typed, over all files: the process, services, pools and defaults, each with its settings.

use super::chain::Chain;
use super::keys::{self, Context};
use super::lower::{self, Lower};
use super::place::At;
use super::problem::{Problem, Problems};
use super::setting::{Entry, Layer, Routed, Setting};
use super::suggest;
use super::tree::{Node, Table, Value};
use super::watched::Watched;
use evenkeel_core::name::Protocol;
use std::collections::HashMap;
use std::ops::Deref;

/// The tables of a file, but for those that are values of keys.
const TABLES: [&str; 5] = ["tcp", "http", "udp", "pool", "defaults"];

/// A service, a route or a shared pool, as it was typed.
#[derive(Clone, Debug)]
pub struct Section {
    /// What it is.
    pub context: Context,
    /// Its name.
    pub name: At<String>,
    /// What its table says.
    pub layer: Layer,
}

/// What was typed of one kind, in its order, each with a name of its own.
#[derive(Debug, Default)]
pub struct Sections {
    all: Vec<Section>,
    by_name: HashMap<String, usize>,
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
    pub pools: Sections,
    /// `[tcp.NAME]`, `[udp.NAME]` and `[http.NAME]`.
    pub services: Sections,
    /// The files that were read, and the folders that were searched for more.
    pub files: Vec<Watched>,
    /// Some text was not valid TOML: what is missing may only have been lost.
    pub damaged: bool,
}

impl Typed {
    /// The settings of the process.
    pub fn chain<'a>(&'a self, builtin: &'a Layer) -> Chain<'a> {
        Chain::new([&self.flags, &self.process], builtin)
    }

    /// `[defaults]`, as far as it is for services of this kind.
    pub fn defaults_of(&self, context: Context) -> Layer {
        let is_meant = |name: &&'static str| keys::find(context, name).is_some();
        let of = self.defaults.0.iter().filter(|(name, _)| is_meant(name));
        Layer(of.map(|(name, at)| (*name, at.clone())).collect())
    }

    /// Where a pool of this name was typed.
    pub fn pool(&self, name: &str) -> Option<&Section> {
        self.pools.named(name)
    }
}

impl Sections {
    /// The one of this name.
    pub fn named(&self, name: &str) -> Option<&Section> {
        self.by_name.get(name).map(|index| &self.all[*index])
    }

    fn push(&mut self, section: Section) {
        self.by_name.insert(section.name.value.clone(), self.all.len());
        self.all.push(section);
    }
}

impl Deref for Sections {
    type Target = [Section];

    fn deref(&self) -> &[Section] {
        &self.all
    }
}

impl Section {
    /// A service as it is headed in the file.
    pub fn title(&self) -> String {
        format!("[{}.{}]", self.context.table(), self.name.value)
    }

    /// What carries its traffic.
    pub fn protocol(&self) -> Protocol {
        if self.is_for_flows() { Protocol::Udp } else { Protocol::Tcp }
    }

    /// Whether it is a service that takes datagrams.
    pub fn is_for_flows(&self) -> bool {
        self.context == Context::Udp
    }

    /// Whether it is a service that balances requests.
    pub fn is_http(&self) -> bool {
        self.context == Context::Http
    }

    /// What it sends to; nothing if that is missing or was not understood.
    pub fn entries(&self) -> &[Entry] {
        match self.layer.get("to").map(|to| &to.value) {
            Some(Setting::To(entries)) => entries,
            _ => &[],
        }
    }

    /// Its routes.
    pub fn routes(&self) -> &[Routed] {
        match self.layer.get("route").map(|route| &route.value) {
            Some(Setting::Routes(routes)) => routes,
            _ => &[],
        }
    }
}

/// Adds what `table`, a whole file, says to `typed`; returns the files that it includes.
pub fn add_file(typed: &mut Typed, table: &Table, problems: &mut Problems) -> Vec<At<String>> {
    let mut top = Table::default();
    for (key, node) in &table.0 {
        match (key.value.as_str(), &node.value) {
            (kind @ ("tcp" | "udp" | "http"), Value::Table(table)) => {
                add_services(typed, kind, key, table, problems);
            }
            ("pool", Value::Table(pools)) => {
                for (name, node) in &pools.0 {
                    let title = format!("[pool.{}]", name.value);
                    let layer = lower::pool(Context::Pool, title, node, problems);
                    let section = Section { context: Context::Pool, name: name.clone(), layer };
                    add_section(&mut typed.pools, "pool", section, problems);
                }
            }
            ("defaults", Value::Table(table)) => {
                let layer = std::mem::take(&mut typed.defaults);
                let lower = Lower::new(Context::Defaults, "[defaults]", problems);
                typed.defaults = lower.after(layer).table("", table);
            }
            ("tcp" | "udp" | "http" | "pool" | "defaults", Value::Broken) => {}
            (kind @ ("tcp" | "udp" | "http" | "pool" | "defaults"), value) => problems.push(
                Problem::error(format!("`{kind}` is not {}", value.noun()))
                    .at(&node.place, "expected a table"),
            ),
            ("tls", _) => problems.push(
                Problem::error("there are no `[tls]` services")
                    .at(&key.place, "expected `[tcp.NAME]`")
                    .help("a `[tcp.NAME]` with `route` sends TLS clients where they want, by name"),
            ),
            _ => match misnamed(key, node) {
                Some(problem) => {
                    problems.push(problem);
                    // What stands in it is not missing.
                    typed.damaged = true;
                }
                None => top.0.push((key.clone(), node.clone())),
            },
        }
    }
    let layer = std::mem::take(&mut typed.process);
    let lower = Lower::new(Context::Top, Context::Top.title(), problems);
    typed.process = lower.after(layer).table("", &top);
    match typed.process.0.remove("include").map(|include| include.value) {
        Some(Setting::Files(files)) => files,
        _ => Vec::new(),
    }
}

/// What is wrong with the table `node`, if its `key` was meant for one of [`TABLES`] and is not.
fn misnamed(key: &At<String>, node: &Node) -> Option<Problem> {
    let of_keys = keys::in_context(Context::Top).map(|key| key.name);
    let names: Vec<_> = TABLES.into_iter().chain(of_keys).collect();
    let meant = suggest::word(&key.value, &names).filter(|name| TABLES.contains(name));
    let table = meant.filter(|_| matches!(node.value, Value::Table(_)))?;
    let problem = Problem::error(format!("there are no `[{}]` tables", key.value.escape_debug()));
    let problem = problem.at(&key.place, "not a table that evenkeel knows");
    Some(problem.fix(format!("did you mean `{table}`?"), &key.place, table))
}

/// Adds the services of `table`, which is called `kind` and was written at `key`.
fn add_services(typed: &mut Typed, kind: &str, key: &At<String>, table: &Table, problems: &mut Problems) {
    let Some(context) = Context::of_service(kind) else { return };
    if has_keys(context, table) {
        let named = if context == Context::Udp { "udp.dns".to_owned() } else { format!("{kind}.web") };
        let problem = Problem::error("a service needs a name").at(&key.place, "the table of all services");
        problems.push(problem.fix("give it one", &key.place, named));
        Lower::new(context, format!("[{kind}]"), problems).table("", table);
        typed.damaged = true;
        return;
    }
    for (name, node) in &table.0 {
        if let Some(layer) = service(context, name, node, problems) {
            let section = Section { context, name: name.clone(), layer };
            add_section(&mut typed.services, "service", section, problems);
        }
    }
}

/// Whether `table`, which should hold services, holds the keys of one.
fn has_keys(context: Context, table: &Table) -> bool {
    table.0.iter().any(|(key, node)| {
        keys::find(context, &key.value).is_some() && !matches!(node.value, Value::Table(_))
    })
}

fn add_section(sections: &mut Sections, noun: &str, section: Section, problems: &mut Problems) {
    let name = &section.name;
    let is_name = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    if name.value.is_empty() || name.value.len() > 64 || !name.value.chars().all(is_name) {
        problems.push(
            Problem::error(format!("`{}` cannot be the name of a {noun}", name.value.escape_debug()))
                .at(&name.place, "expected up to 64 letters, digits, `-`, `_` and `.`"),
        );
    }
    match sections.named(&name.value) {
        Some(earlier) => {
            let problem = Problem::error(format!("two {noun}s are called `{}`", name.value));
            problems.push(match earlier.context == section.context {
                true => problem.at(&name.place, "second one").at(&earlier.name.place, "first one"),
                false => {
                    let other = format!("{}-{}", name.value, section.context.table());
                    let help = "a name means one service in logs, metrics and commands, and both may send to one \
                                `[pool.NAME]`; write";
                    problem.at(&earlier.name.place, "first one").fix(help, &name.place, other)
                }
            });
        }
        None => sections.push(section),
    }
}

fn service(context: Context, name: &At<String>, node: &Node, problems: &mut Problems) -> Option<Layer> {
    match &node.value {
        Value::Table(table) => {
            let title = format!("[{}.{}]", context.table(), name.value);
            Some(Lower::new(context, title, problems).of_service(&name.value).table("", table))
        }
        Value::Broken => None,
        value => {
            problems.push(
                Problem::error(format!("a service is not {}", value.noun()))
                    .at(&node.place, "expected a table with `listen` and `to`"),
            );
            None
        }
    }
}
