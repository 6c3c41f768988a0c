//! A command line as a configuration: the flags are the keys, the values are what stands in the file without quotes.

use super::keys::{self, Context};
use super::place::{At, Place, Text};
use super::problem::{Problem, Problems};
use super::tree::{Node, Reader, Table, Value, toml_string};
use std::sync::Arc;

/// The service that a command line describes.
pub const SERVICE: &str = "main";

/// Keys of the process that are flags beside those of a service. A single service has no use for the others.
pub const PROCESS_KEYS: [&str; 19] = [
    "workers",
    "log",
    "log-to",
    "log-facility",
    "log-sessions",
    "log-heartbeat",
    "log-max-rate",
    "drain",
    "lame-duck",
    "admin",
    "admin.listen",
    "admin.token-file",
    "acme.agree-to-terms",
    "acme.directory",
    "acme.ca",
    "acme.contact",
    "acme.challenge",
    "acme.state",
    "sandbox",
];

/// A command line that was understood by its grammar, not yet by its values.
#[derive(Clone, Debug)]
pub struct Flags {
    /// The table that its service stands in.
    context: Context,
    text: Arc<Text>,
    /// Keys with their values, in the order of the command line.
    items: Vec<At<(String, String)>>,
}

impl Flags {
    /// The command `evenkeel COMMAND` with these keys and values; `positional` ones are shown without their flag.
    pub fn new(command: &str, items: impl IntoIterator<Item = FlagValue>) -> Self {
        let mut line = format!("evenkeel {command}");
        let mut spans = Vec::new();
        for FlagValue { key, value, positional } in items {
            line.push(' ');
            if !positional {
                line.push_str(&format!("--{key} "));
            }
            let start = line.len();
            line.push_str(&shell_word(&value));
            spans.push((start..line.len(), key, value));
        }
        let context = Context::of_service(command).unwrap_or(Context::Service);
        let text = Text::from_flags(line);
        let items = spans
            .into_iter()
            .map(|(span, key, value)| At { value: (key, value), place: Place::new(&text, span) })
            .collect();
        Self { context, text, items }
    }

    /// The file that says the same.
    pub fn to_toml(&self) -> String {
        to_toml(&self.tree(&mut Problems::default()))
    }

    /// The same as a file would say it: keys of the process at the top, all others in one service.
    pub fn tree(&self, problems: &mut Problems) -> Table {
        let (mut top, mut service) = (Table::default(), Table::default());
        for item in &self.items {
            let node = self.node(item, problems);
            let (name, _) = &item.value;
            match keys::find(self.context, name) {
                Some(_) => insert(&mut service, name, node, problems),
                None => insert(&mut top, name, node, problems),
            }
        }
        if !service.0.is_empty() {
            let place = Place::new(&self.text, 0..self.text.text.len());
            let named = |name: &str| At { value: name.to_owned(), place: place.clone() };
            let table = |table| Node { value: Value::Table(table), place: place.clone() };
            let services = Table(vec![(named(SERVICE), table(service))]);
            top.0.push((named(self.context.table()), table(services)));
        }
        top
    }

    /// A value is an inline table or list if it can be read as one, otherwise a bare word.
    fn node(&self, item: &At<(String, String)>, problems: &mut Problems) -> Node {
        let (key, value) = &item.value;
        let place = &item.place;
        // In quotes for the shell, the TOML begins one character later.
        let quote = usize::from(place.written() != value);
        let plain = |text: &str| Ok(text.to_owned());
        let reader = Reader::new(&self.text, place.span().start + quote, &plain);
        if value.starts_with(['[', '{']) {
            if let Some(node) = reader.value(value, problems) {
                return node;
            }
            // `[::1]:80` begins like a list and is none, nor is `[::1]`.
            let is_ip = |inner: &str| inner.parse::<std::net::Ipv6Addr>().is_ok();
            let list = value.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
            if value.starts_with('{') || list.is_some_and(|inner| !is_ip(inner)) {
                problems.push(
                    Problem::error(format!("`--{key}` is not a list or table of TOML"))
                        .at(place, "written as in the file, with its inner texts in quotes"),
                );
                return Node { value: Value::Broken, place: place.clone() };
            }
        }
        Node { value: Value::Bare(value.clone()), place: place.clone() }
    }
}

/// One key with its value on a command line.
#[derive(Clone, Debug)]
pub struct FlagValue {
    /// The name of the key.
    pub key: String,
    /// Its value.
    pub value: String,
    /// Whether it stood there without its flag.
    pub positional: bool,
}

/// Notes `node` under `name`, whose dots lead into tables; a flag that may be given again makes a list.
fn insert(table: &mut Table, name: &str, node: Node, problems: &mut Problems) {
    let (first, rest) = match name.split_once('.') {
        Some((first, rest)) => (first, Some(rest)),
        None => (name, None),
    };
    let place = node.place.clone();
    let at = match table.0.iter().position(|(key, _)| key.value == first) {
        Some(at) => at,
        None => {
            let value = match rest {
                Some(_) => Value::Table(Table::default()),
                None => Value::List(Vec::new()),
            };
            table.0.push((At { value: first.to_owned(), place: place.clone() }, Node { value, place }));
            table.0.len() - 1
        }
    };
    let known = &mut table.0[at].1;
    match (&mut known.value, rest) {
        (Value::Table(inner), Some(rest)) => insert(inner, rest, node, problems),
        (Value::List(items), None) if items.is_empty() => *known = node,
        (Value::List(items), None) => match node.value {
            Value::List(more) => items.extend(more),
            _ => items.push(node),
        },
        (_, None) if is_repeated(first) => {
            let mut items = vec![known.clone()];
            match node.value {
                Value::List(more) => items.extend(more),
                _ => items.push(node),
            }
            known.value = Value::List(items);
        }
        _ => problems.push(clash(first, &node, known)),
    }
}

/// Whether `key` may stand several times on a command line.
pub fn is_repeated(key: &str) -> bool {
    let kind = keys::find(Context::Service, key).map(|key| &key.kind);
    matches!(kind, Some(keys::Kind::Listen | keys::Kind::To))
}

/// As in the file, `group` is a value or a table of keys, not both.
fn clash(group: &str, second: &Node, first: &Node) -> Problem {
    let help = match group {
        "health" => "a path or URL can be given as `--health.http`, next to the other keys".to_owned(),
        "slow-start" => "the duration can be given as `--slow-start.duration`".to_owned(),
        _ => format!("leave out `--{group}`: it is on unless it is `off`"),
    };
    Problem::error(format!("`--{group}` cannot stand next to `--{group}.…`"))
        .at(&second.place, "second")
        .at(&first.place, "first")
        .help(help)
}

/// `value` for the eye, byte for byte as long as it is, so that places in it are right.
fn shell_word(value: &str) -> String {
    let is_plain = |c: char| c.is_alphanumeric() || "-_./:,%[]=".contains(c);
    if !value.is_empty() && value.chars().all(is_plain) {
        return value.to_owned();
    }
    let mut word = "'".to_owned();
    for c in value.chars() {
        match c.is_control() {
            true => word.extend(std::iter::repeat_n(' ', c.len_utf8())),
            false => word.push(c),
        }
    }
    word.push('\'');
    word
}

/// `key` with its example, as a line of the file.
pub fn example_line(context: Context, key: &keys::Key) -> String {
    let flags =
        Flags::new("", [FlagValue { key: key.name.into(), value: key.example.into(), positional: true }]);
    let node = flags.items.iter().map(|item| flags.node(item, &mut Problems::default())).next();
    let value = node.map(|node| inline(context, key.name, &node)).unwrap_or_default();
    format!("{} = {value}", key.name)
}

/// `table`, a whole file, as TOML that reads the same.
fn to_toml(table: &Table) -> String {
    let mut toml = String::new();
    let mut tables = String::new();
    for (key, node) in &table.0 {
        match (&node.value, Context::of_service(&key.value)) {
            (Value::Table(services), Some(context)) => {
                for (name, node) in &services.0 {
                    tables.push_str(&format!("[{}.{}]\n", key.value, name.value));
                    if let Value::Table(service) = &node.value {
                        lines(context, "", service, &mut tables);
                    }
                }
            }
            _ => lines(Context::Top, "", &Table(vec![(key.clone(), node.clone())]), &mut toml),
        }
    }
    if !toml.is_empty() {
        toml.push('\n');
    }
    toml + &tables
}

fn lines(context: Context, prefix: &str, table: &Table, toml: &mut String) {
    for (key, node) in &table.0 {
        let name = format!("{prefix}{}", key.value);
        let has_inner = keys::find(context, &name).is_some_and(|key| key.kind.has_inner_keys());
        match &node.value {
            // An inline table keeps its own spelling.
            Value::Table(inner) if has_inner && !node.place.written().starts_with('{') => {
                lines(context, &format!("{name}."), inner, toml);
            }
            _ => toml.push_str(&format!("{name} = {}\n", inline(context, &name, node))),
        }
    }
}

fn inline(context: Context, name: &str, node: &Node) -> String {
    match &node.value {
        Value::Bare(text) => bare(context, name, text),
        Value::Text(text) => literal(text),
        Value::List(items) => {
            let items: Vec<_> = items.iter().map(|item| inline(context, name, item)).collect();
            format!("[{}]", items.join(", "))
        }
        Value::Table(table) => {
            let is_bare = |key: &str| key.chars().all(|c| c.is_ascii_alphanumeric() || "-_".contains(c));
            let written = |key: &str| if is_bare(key) { key.to_owned() } else { toml_string(key) };
            let entries = table.0.iter().map(|(key, node)| {
                format!(
                    "{} = {}",
                    written(&key.value),
                    inline(context, &format!("{name}.{}", key.value), node)
                )
            });
            format!("{{ {} }}", entries.collect::<Vec<_>>().join(", "))
        }
        Value::Integer(Some(number)) => number.to_string(),
        Value::Bool(is) => is.to_string(),
        // None of them is a value of any key.
        Value::Integer(None) | Value::Float | Value::Date | Value::Broken => node.place.written().to_owned(),
    }
}

/// A bare word as the key wants it.
fn bare(context: Context, name: &str, text: &str) -> String {
    let kind = keys::find(context, name).map(|key| &key.kind);
    match kind {
        Some(keys::Kind::Count(..) | keys::Kind::Limit | keys::Kind::Answer)
            if text.parse::<u32>().is_ok() =>
        {
            text.to_owned()
        }
        Some(keys::Kind::Flag) if text == "true" || text == "false" => text.to_owned(),
        _ => literal(text),
    }
}

/// A file's strings are searched for variables, a command line's were by the shell.
fn literal(text: &str) -> String {
    toml_string(&text.replace("${", "$${"))
}
