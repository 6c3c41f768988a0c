//! `evenkeel explain`, the manual page and the version: what there is to know, from the table of keys.

use crate::cli::{self, ExplainForm};
use crate::config::keys::{self, Absent, Context, KEYS, Key};
use crate::config::suggest;
use crate::error::{Exit, RunError};
use crate::output;
use serde_json::{Value, json};

mod reference;

/// What follows a list of keys.
const MORE: &str = "`evenkeel explain KEY` says more.\n";

/// Explains the key called `name`, or lists those of the table called so; without a name: all of them.
pub fn run(name: Option<&str>, form: ExplainForm) -> Result<(), RunError> {
    let sought = name.map_or(Ok(Sought::All), sought)?;
    match (form, sought) {
        (ExplainForm::Markdown, _) => output::print(&reference::markdown()),
        (ExplainForm::Json, sought) => {
            let keys: Vec<_> = match sought {
                Sought::All => KEYS.iter().map(to_json).collect(),
                Sought::Table(context) => keys::in_context(context).map(to_json).collect(),
                Sought::Keys(keys) => keys.into_iter().map(to_json).collect(),
            };
            output::print(&format!("{:#}\n", Value::from(keys)))
        }
        (ExplainForm::Text, Sought::All) => output::print(&list()),
        (ExplainForm::Text, Sought::Table(context)) => {
            output::print(&(section(context, keys::in_context(context)) + MORE))
        }
        (ExplainForm::Text, Sought::Keys(keys)) => {
            output::print(&keys.into_iter().map(text).collect::<Vec<_>>().join("\n"))
        }
    }
}

/// What is to be explained.
#[derive(Debug)]
enum Sought {
    /// Everything.
    All,
    /// What may stand in a table.
    Table(Context),
    /// Every key of one name.
    Keys(Vec<&'static Key>),
}

/// What `name` means: a key, a table such as `tcp` or `tcp.web`, or a key behind one.
fn sought(name: &str) -> Result<Sought, RunError> {
    let name = name.trim_start_matches("--").trim_matches(['[', ']']);
    let found: Vec<_> = KEYS.iter().filter(|key| key.name == name).collect();
    if !found.is_empty() {
        return Ok(Sought::Keys(found));
    }
    let (table, path) = name.split_once('.').unwrap_or((name, ""));
    let context = match table {
        "defaults" => Some(Context::Defaults),
        "pool" => Some(Context::Pool),
        table => Context::of_service(table),
    };
    let Some(context) = context else { return Err(unknown(name)) };
    // What stands there has a name, which may have dots; only `[defaults]` has none.
    let (rest, is_table) = match context {
        Context::Defaults => (Some(path), path.is_empty()),
        _ => (path.split_once('.').map(|(_, rest)| rest), !path.contains('.')),
    };
    let tails = rest
        .into_iter()
        .flat_map(|it| [it].into_iter().chain(it.match_indices('.').map(|(at, _)| &it[at + 1..])));
    match tails.filter_map(|tail| keys::find(context, tail)).next() {
        Some(key) => Ok(Sought::Keys(vec![key])),
        None if is_table => Ok(Sought::Table(context)),
        None => Err(unknown(rest.unwrap_or(name))),
    }
}

fn unknown(name: &str) -> RunError {
    let error = RunError::new(Exit::Failed, format!("there is no key `{name}`"));
    match suggest::any_key(name) {
        Some(key) => error.help(format!("did you mean `{key}`?")),
        None => error.help("`evenkeel explain` lists all keys"),
    }
}

/// Everything about one key.
fn text(key: &Key) -> String {
    let inner: Vec<_> = inner_keys(key).map(|key| key.name).collect();
    let mut text = format!("{}\n\n{}\n\n", key.name, wrap(key.doc, "  ", 78));
    let mut line = |name: &str, value: &str| {
        let lines = wrap(value, "             ", 78);
        text.push_str(&format!("  {name:11}{}\n", lines.trim_start()));
    };
    line("type", &key.kind.describe());
    line("default", &default(key.default));
    line("why", key.why);
    line("stands in", &places(key));
    if !inner.is_empty() {
        line("keys", &inner.join(", "));
    }
    line("example", &reference::example(key).replace('\n', " "));
    text
}

/// The keys of the table that `key` takes.
fn inner_keys(key: &Key) -> impl Iterator<Item = &'static Key> {
    let prefix = format!("{}.", key.name);
    KEYS.iter().filter(move |inner| inner.name.starts_with(&prefix))
}

fn default(default: Absent) -> String {
    match default {
        Absent::Is("") => "empty".into(),
        Absent::Is(value) => value.into(),
        Absent::Means(words) => words.into(),
    }
}

fn places(key: &Key) -> String {
    let places: Vec<_> = key.contexts().map(|context| context.title().replace('`', "")).collect();
    places.join(", ")
}

/// One line for each key, by table.
fn list() -> String {
    let contexts = [
        Context::Top,
        Context::Service,
        Context::Http,
        Context::Udp,
        Context::Route,
        Context::HttpRoute,
        Context::Backend,
    ];
    let usual = |context| section(context, KEYS.iter().filter(move |key| key.scope.contexts()[0] == context));
    contexts.map(usual).concat() + MORE
}

/// One line for each of `keys`, all of which may stand in `context`.
fn section(context: Context, keys: impl Iterator<Item = &'static Key>) -> String {
    let width = KEYS.iter().map(|key| key.name.len()).max().unwrap_or(0);
    let lines = keys.map(|key| format!("  {:width$}  {}\n", key.name, key.short()));
    format!("In {}:\n{}\n", context.title().replace('`', ""), lines.collect::<String>())
}

fn to_json(key: &Key) -> Value {
    json!({
        "name": key.name,
        "places": key.contexts().map(|context| context.title().replace('`', "")).collect::<Vec<_>>(),
        "type": key.kind.describe(),
        "default": match key.default { Absent::Is(value) => Some(value), Absent::Means(_) => None },
        "default_means": default(key.default),
        "doc": key.doc,
        "why": key.why,
        "example": key.example,
    })
}

/// `text` in lines of at most `width` characters that begin with `indent`.
fn wrap(text: &str, indent: &str, width: usize) -> String {
    let mut lines = vec![indent.to_owned()];
    for word in text.split_whitespace() {
        let full = lines.last().is_some_and(|line| line.chars().count() + word.chars().count() + 1 > width);
        if full {
            lines.push(indent.to_owned());
        }
        if let Some(line) = lines.last_mut() {
            if line.len() > indent.len() {
                line.push(' ');
            }
            line.push_str(word);
        }
    }
    lines.join("\n")
}

/// The whole manual page.
pub fn manual() -> Result<String, RunError> {
    let mut page = Vec::new();
    let command = cli::command();
    let main = clap_mangen::Man::new(command.clone());
    let mut render = || -> std::io::Result<()> {
        main.render_title(&mut page)?;
        main.render_name_section(&mut page)?;
        main.render_synopsis_section(&mut page)?;
        for sub in command.get_subcommands() {
            let sub = sub.clone().bin_name(format!("evenkeel {}", sub.get_name()));
            // Whoever opens the page wants all of it.
            let sub = sub.mut_args(|arg| arg.hide_short_help(false));
            page.extend_from_slice(
                format!(".SH \"EVENKEEL {}\"\n", sub.get_name().to_uppercase()).as_bytes(),
            );
            let man = clap_mangen::Man::new(sub);
            let mut part = Vec::new();
            man.render_description_section(&mut part)?;
            man.render_synopsis_section(&mut part)?;
            man.render_options_section(&mut part)?;
            page.extend(String::from_utf8_lossy(&part).replace(".SH ", ".SS ").into_bytes());
        }
        Ok(())
    };
    render().map_err(|error| RunError::new(Exit::Failed, format!("cannot write the page: {error}")))?;
    Ok(String::from_utf8_lossy(&page).into_owned() + &reference::roff())
}

/// Whether this was built by `cargo xtask pgo`.
const IS_PROFILE_GUIDED: bool = option_env!("EVENKEEL_PROFILE_GUIDED").is_some();

/// The version, and how this was built if not as usual.
pub const VERSION: &str = match IS_PROFILE_GUIDED {
    true => concat!(env!("CARGO_PKG_VERSION"), " (profile-guided)"),
    false => env!("CARGO_PKG_VERSION"),
};

/// What `evenkeel version` prints.
pub fn version(as_json: bool) -> String {
    if !as_json {
        return format!("evenkeel {VERSION}\n");
    }
    let said = json!({
        "name": "evenkeel",
        "version": env!("CARGO_PKG_VERSION"),
        "profile_guided": IS_PROFILE_GUIDED,
        "arch": std::env::consts::ARCH,
        "os": std::env::consts::OS,
    });
    format!("{said}\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_and_a_key_behind_one_are_found() {
        assert_eq!(found("tcp"), "`[tcp.NAME]`");
        assert_eq!(found("[pool.web]"), "`[pool.NAME]`");
        assert_eq!(found("defaults"), "`[defaults]`");
        assert_eq!(found("tcp.web.timeout.connect"), "timeout.connect");
        assert_eq!(found("http.a.b.hash-by"), "hash-by");
        assert_eq!(found("defaults.balance"), "balance");
        assert!(found("tcp.web.balanc").ends_with("did you mean `balance`?"));
    }

    fn found(name: &str) -> String {
        match sought(name) {
            Ok(Sought::All) => "all".to_owned(),
            Ok(Sought::Table(context)) => context.title().to_owned(),
            Ok(Sought::Keys(keys)) => keys.iter().map(|key| key.name).collect::<Vec<_>>().join(" "),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn the_page_says_something_of_every_flag() {
        let page = manual().unwrap();
        let lines: Vec<_> = page.lines().collect();
        let bare = lines.windows(3).filter(|it| it[0] == ".TP" && (it[2].is_empty() || it[2] == ".TP"));
        // What a shell is, its list of values says.
        assert_eq!(bare.map(|it| it[1]).collect::<Vec<_>>(), ["<\\fISHELL\\fR>"]);
    }
}
