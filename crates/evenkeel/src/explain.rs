//! `evenkeel explain`, the manual page and the version: what there is to know, from the table of keys.

use crate::cli::{self, ExplainForm};
use crate::config::keys::{Absent, Context, KEYS, Key};
use crate::config::suggest;
use crate::error::{Exit, RunError};
use crate::output;
use serde_json::{Value, json};

mod reference;

/// Explains the key called `name`, or lists all of them.
pub fn run(name: Option<&str>, form: ExplainForm) -> Result<(), RunError> {
    let keys: Vec<&Key> = match name {
        None => KEYS.iter().collect(),
        Some(name) => {
            let wanted = name.trim_start_matches("--");
            let found: Vec<_> = KEYS.iter().filter(|key| key.name == wanted).collect();
            if found.is_empty() {
                return Err(unknown(wanted));
            }
            found
        }
    };
    match (form, name) {
        (ExplainForm::Markdown, _) => output::print(&reference::markdown()),
        (ExplainForm::Json, _) => {
            let keys: Vec<_> = keys.into_iter().map(to_json).collect();
            output::print(&format!("{:#}\n", Value::from(keys)))
        }
        (ExplainForm::Text, None) => output::print(&list()),
        (ExplainForm::Text, Some(_)) => {
            output::print(&keys.into_iter().map(text).collect::<Vec<_>>().join("\n"))
        }
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
    let width = KEYS.iter().map(|key| key.name.len()).max().unwrap_or(0);
    let mut list = String::new();
    let contexts = [
        Context::Top,
        Context::Service,
        Context::Http,
        Context::Udp,
        Context::Route,
        Context::HttpRoute,
        Context::Backend,
    ];
    for context in contexts {
        list.push_str(&format!("In {}:\n", context.title().replace('`', "")));
        for key in KEYS.iter().filter(|key| key.scope.contexts()[0] == context) {
            list.push_str(&format!("  {:width$}  {}\n", key.name, key.short()));
        }
        list.push('\n');
    }
    list + "`evenkeel explain KEY` says more.\n"
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
