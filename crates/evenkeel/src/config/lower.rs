//! From a table of the tree to its settings by key, with their places. Goes on after a mistake.

use super::address::ToSpec;
use super::keys::{self, Context, Key, Kind};
use super::place::At;
use super::problem::{Problem, Problems};
use super::read;
use super::setting::{Entry, Layer, Routed, Setting};
use super::suggest::{self, Suggestion};
use super::tree::{Node, Table, Value};
use super::typed::Section;

/// A table with the keys of a pool, `[pool.NAME]` or a route, or what its `to` would be.
pub fn pool(context: Context, title: String, node: &Node, problems: &mut Problems) -> Layer {
    let mut lower = Lower::new(context, title, problems);
    match (&node.value, keys::find(context, "to")) {
        (Value::Table(table), _) if !table.0.iter().any(|(key, _)| key.value == "addr") => {
            lower.table("", table)
        }
        (_, Some(key)) => {
            lower.key(key, "to", node);
            lower.layer
        }
        (_, None) => Layer::default(),
    }
}

/// Understands one table, with those in it.
pub struct Lower<'a> {
    context: Context,
    /// How the table is called in what is told.
    title: String,
    /// Of which service it is, where it is of one.
    service: &'a str,
    layer: Layer,
    problems: &'a mut Problems,
}

impl<'a> Lower<'a> {
    /// For a table that stands at `context` and is called `title`.
    pub fn new(context: Context, title: impl Into<String>, problems: &'a mut Problems) -> Self {
        Self { context, title: title.into(), service: "", layer: Layer::default(), problems }
    }

    /// The same for the table of the service `name`.
    pub fn of_service(self, name: &'a str) -> Self {
        Self { service: name, ..self }
    }

    /// The same, for a table that goes on where `layer` ended.
    pub fn after(self, layer: Layer) -> Self {
        Self { layer, ..self }
    }

    /// The settings in `table`; `prefix` is what the table is called as a part of a key, with a dot, or empty.
    pub fn table(mut self, prefix: &str, table: &Table) -> Layer {
        self.keys(prefix, table);
        self.layer
    }

    fn keys(&mut self, prefix: &str, table: &Table) {
        for (written, node) in &table.0 {
            match keys::find(self.context, &format!("{prefix}{}", written.value)) {
                Some(key) => self.key(key, &written.value, node),
                None => self.unknown(prefix, written),
            }
        }
    }

    fn unknown(&mut self, prefix: &str, written: &At<String>) {
        let name = written.value.escape_debug();
        let table = match prefix.trim_end_matches('.') {
            "" | "to" => self.title.clone(),
            inner => format!("`{inner}` of {}", self.title),
        };
        let problem = Problem::error(format!("unknown key `{name}` in {table}"));
        let what_speaks_http = match self.context {
            Context::Service => {
                Some("a `[http.NAME]` balances requests, with the same keys as a `[tcp.NAME]`")
            }
            Context::Http => Some("requests are balanced here without that: take it away"),
            _ => None,
        };
        if let Some(help) = what_speaks_http.filter(|_| prefix.is_empty() && written.value == "mode") {
            let problem = problem.at(&written.place, "a service's table says what it speaks");
            return self.problems.push(problem.help(help));
        }
        self.problems.push(match suggest::key(self.context, prefix, &written.value) {
            Suggestion::Key(key) => {
                // It counts as given: that it is missing as well would be told of one slip twice.
                if let Some(key) = keys::find(self.context, &format!("{prefix}{key}")) {
                    let _ = self.layer.insert(key.name, Setting::Broken, &written.place);
                }
                let problem = problem.at(&written.place, "not a key that evenkeel knows");
                problem.fix(format!("did you mean `{key}`?"), &written.place, key)
            }
            Suggestion::Elsewhere(contexts) => {
                let titles: Vec<_> = contexts.iter().map(|context| context.title()).collect();
                problem.at(&written.place, format!("`{name}` belongs in {}", titles.join(" or ")))
            }
            Suggestion::Nothing => problem
                .at(&written.place, "not a key that evenkeel knows")
                .help("`evenkeel explain` lists all keys"),
        });
    }

    fn key(&mut self, key: &'static Key, written: &str, node: &Node) {
        let setting = match self.setting(key, node) {
            Ok(setting) => setting,
            Err(problem) => {
                self.problems.push(problem);
                Setting::Broken
            }
        };
        if let Err(earlier) = self.layer.insert(key.name, setting, &node.place) {
            self.problems.push(
                Problem::error(format!("`{written}` is given twice"))
                    .at(&node.place, "second time")
                    .at(&earlier, "first time"),
            );
        }
    }

    fn setting(&mut self, key: &'static Key, node: &Node) -> Result<Setting, Problem> {
        if let Some(what) = names_nothing(key).filter(|_| items(node).is_empty()) {
            return Err(Problem::error(what).at(&node.place, "this list is empty"));
        }
        match (&key.kind, &node.value) {
            (_, Value::Broken) => Ok(Setting::Broken),
            (kind, Value::Table(table)) if kind.has_inner_keys() => {
                self.keys(&format!("{}.", key.name), table);
                Ok(Setting::On)
            }
            (Kind::Group, _) => Err(read::no_table(key, node)),
            (kind, value) if kind.has_inner_keys() => match (value, node.text()) {
                (Value::Bool(false), _) | (_, Some("off" | "false")) if kind.can_be_off() => Ok(Setting::Off),
                (Value::Bool(true), _) | (_, Some("on" | "true")) if kind.can_be_on() => Ok(Setting::On),
                _ => self.short_form(key, node),
            },
            (Kind::Listen, _) => Ok(self.list(node, read::listen, Setting::Listen)),
            (Kind::To, _) => Ok(unless_told(node, self.to(node), Setting::To)),
            (Kind::Routes, Value::Table(table)) => Ok(Setting::Routes(self.routes(table))),
            (Kind::Fields, Value::Table(table)) => {
                Ok(self.entries(table, |node| read::field(key, node), Setting::Fields))
            }
            (Kind::Weights, Value::Table(table)) => {
                Ok(self.entries(table, |node| read::weight(key, node), Setting::Weights))
            }
            (Kind::Routes | Kind::Fields | Kind::Weights, _) => Err(read::no_table(key, node)),
            (Kind::Texts, _) => Ok(self.list(node, |node| read::text(key, node), Setting::Texts)),
            (Kind::Protocols, _) => Ok(self.list(node, |node| read::protocol(key, node), Setting::Texts)),
            (Kind::Proxies, _) => Ok(self.list(node, |node| read::proxy(key, node), Setting::Proxies)),
            (Kind::Networks, _) => Ok(self.list(node, |node| read::network(key, node), Setting::Networks)),
            (Kind::Access, _) => Ok(self.list(node, |node| read::access(key, node), Setting::Access)),
            (Kind::Sources, _) => Ok(self.list(node, |node| read::sources(key, node), Setting::Sources)),
            (Kind::Words(words), _) => {
                let setting =
                    |words: Vec<At<_>>| Setting::Words(words.into_iter().map(|at| at.value).collect());
                Ok(self.list(node, |node| read::word(key, node, words), setting))
            }
            (Kind::Statuses, _) => {
                let setting =
                    |all: Vec<At<_>>| Setting::Statuses(all.into_iter().map(|at| at.value).collect());
                Ok(self.list(node, |node| read::statuses(key, node), setting))
            }
            (Kind::Include | Kind::Paths, _) => {
                Ok(self.list(node, |node| read::path(key, node), Setting::Files))
            }
            _ => read::setting(key, node),
        }
    }

    /// A value that stands for a table with one key: `health = "/path"`, `slow-start = "30s"`.
    fn short_form(&mut self, key: &'static Key, node: &Node) -> Result<Setting, Problem> {
        let inner = match (&key.kind, node.text()) {
            (Kind::Health, Some("tcp")) => return Ok(Setting::On),
            (Kind::Health, Some("dns")) => {
                let expected = "expected what to ask for, such as { dns = \"example.com\" }";
                return Err(read::wrong(key, node, expected));
            }
            (Kind::Health, Some("udp")) => {
                let expected = "expected what to send, such as { udp = true, send = \"PING\" }";
                return Err(read::wrong(key, node, expected));
            }
            (Kind::Health, Some(text)) if text.starts_with('/') || text.contains("://") => "health.http",
            (Kind::SlowStart, _) => "slow-start.duration",
            (Kind::Brief(inner), _) => inner,
            (Kind::Redirect, _) => "redirect.to",
            (Kind::Answer, Some(text)) if text.parse::<u32>().is_err() => "answer.body",
            (Kind::Answer, _) => "answer.status",
            (Kind::AcceptProxy, _) => "accept-proxy.from",
            (Kind::SendProxy, _) => "send-proxy.version",
            (Kind::Limit, _) => &format!("{}.limit", key.name),
            (Kind::RateLimit(_), _) => &format!("{}.rate", key.name),
            (Kind::Tls, Some("on" | "true")) => {
                let expected = "expected what to show, such as \"/etc/evenkeel/web.pem\"";
                return Err(read::wrong(key, node, expected));
            }
            (Kind::Tls, _) => &format!("{}.cert", key.name),
            _ => return Err(read::wrong(key, node, &format!("expected {}", key.kind.describe()))),
        };
        let inner = keys::find(self.context, inner)
            .ok_or_else(|| read::wrong(key, node, &format!("expected {}", key.kind.describe())))?;
        let setting = self.setting(inner, node)?;
        // An earlier one is told by the caller, who inserts the key itself.
        let _ = self.layer.insert(inner.name, setting, &node.place);
        Ok(Setting::On)
    }

    /// `node`, or each of its items if it is a list, as `read` understands it.
    fn list<T>(
        &mut self,
        node: &Node,
        read: impl Fn(&Node) -> Result<T, Problem>,
        setting: fn(Vec<At<T>>) -> Setting,
    ) -> Setting {
        let one = |item| Some(At { value: self.one(item, &read)?, place: item.place.clone() });
        unless_told(node, items(node).iter().filter_map(one).collect(), setting)
    }

    /// The keys of `table`, each with what it stands for as `read` understands it; nothing at all if one is wrong.
    fn entries<T>(
        &mut self,
        table: &Table,
        read: impl Fn(&Node) -> Result<T, Problem>,
        setting: fn(Vec<(At<String>, T)>) -> Setting,
    ) -> Setting {
        let one = |(name, node): &(At<String>, Node)| Some((name.clone(), self.one(node, &read)?));
        let read: Vec<_> = table.0.iter().filter_map(one).collect();
        if read.len() < table.0.len() { Setting::Broken } else { setting(read) }
    }

    /// What `node` is by `read`; tells what is wrong with it, unless that was told.
    fn one<T>(&mut self, node: &Node, read: impl Fn(&Node) -> Result<T, Problem>) -> Option<T> {
        match node.value {
            Value::Broken => None,
            _ => read(node).map_err(|problem| self.problems.push(problem)).ok(),
        }
    }

    fn to(&mut self, node: &Node) -> Vec<Entry> {
        items(node).iter().filter_map(|item| self.entry(item)).collect()
    }

    /// Each key of `table` with what it leads to.
    fn routes(&mut self, table: &Table) -> Vec<Routed> {
        let mut routes = Vec::new();
        for (pattern, node) in &table.0 {
            let is_route = |item: &Node| matches!(&item.value, Value::Table(it) if !it.0.iter().any(|(key, _)| key.value == "addr"));
            match &node.value {
                Value::List(items) if !items.is_empty() && items.iter().all(is_route) => {
                    let several =
                        items.iter().zip(1..).map(|(item, number)| self.route(pattern, item, number));
                    routes.extend(several);
                }
                _ => routes.push(self.route(pattern, node, 1)),
            }
        }
        routes
    }

    /// One route: a table with keys, or what `to` takes. The pool of a second one for the same clients has a number.
    fn route(&mut self, pattern: &At<String>, node: &Node, number: usize) -> Routed {
        let service = self.service;
        let name = match number {
            1 => format!("{service}/{}", pattern.value),
            number => format!("{service}/{}#{number}", pattern.value),
        };
        let title = format!("the route `{}` of {}", pattern.value.escape_debug(), self.title);
        let context = if self.context == Context::Http { Context::HttpRoute } else { Context::Route };
        let layer = pool(context, title, node, self.problems);
        let name = At { value: name, place: pattern.place.clone() };
        let section = Section { context, name, layer };
        Routed { pattern: pattern.clone(), section }
    }

    /// An address, or the name of a pool.
    fn plain_entry(&mut self, item: &Node) -> Option<Entry> {
        if matches!(item.value, Value::Broken) {
            return None;
        }
        let place = item.place.clone();
        match read::to(item) {
            Ok(ToSpec::Pool(name)) => Some(Entry::Pool(At { value: name, place })),
            Ok(ToSpec::Backend(target)) => {
                Some(Entry::Backend(At { value: target, place }, Layer::default()))
            }
            Err(problem) => {
                self.problems.push(problem);
                None
            }
        }
    }

    fn entry(&mut self, item: &Node) -> Option<Entry> {
        let Value::Table(table) = &item.value else {
            return self.plain_entry(item);
        };
        let title = format!("a backend of {}", self.title);
        let mut layer = Lower::new(Context::Backend, title, self.problems).table("to.", table);
        match layer.0.remove("to.addr") {
            Some(At { value: Setting::Target(target), place }) => {
                Some(Entry::Backend(At { value: target, place }, layer))
            }
            Some(_) => None,
            None => {
                self.problems.push(
                    Problem::error("a backend has no `addr`")
                        .at(&item.place, "expected `{ addr = \"127.0.0.1:5001\", … }`"),
                );
                None
            }
        }
    }
}

/// What is wrong with an empty list as the value of `key`, where it would mean everything, or make something that cannot work.
fn names_nothing(key: &Key) -> Option<String> {
    match key.name {
        "from" | "methods" | "alpn" => {
            Some(format!("a route for nobody: without `{}` it is for everybody", key.name))
        }
        "tls" | "tls.cert" | "tls.acme" | "admin.tls" | "admin.tls.cert" => {
            Some(format!("`{}` names no certificate", key.name))
        }
        "health.status" => Some("no status would pass".to_owned()),
        _ => None,
    }
}

/// The items of a list, or a single one.
fn items(node: &Node) -> &[Node] {
    match &node.value {
        Value::List(items) => items,
        _ => std::slice::from_ref(node),
    }
}

/// What was read from `node`; nothing at all, where something was written, was told already.
fn unless_told<T>(node: &Node, read: Vec<T>, setting: fn(Vec<T>) -> Setting) -> Setting {
    if read.is_empty() && !items(node).is_empty() { Setting::Broken } else { setting(read) }
}
