//! `evenkeel save`: writes what was ordered into the config file, so that it holds after the next start, too.

use super::read::list;
use super::replace::replace;
use super::{Whom, get};
use crate::config::edit::{Edit, EditKind, Edited, Said, edit};
use crate::config::{self, Given, Source};
use crate::error::{Exit, RunError};
use crate::logging::count;
use crate::output;
use evenkeel_core::director::Target;
use serde_json::Value;
use std::fs;
use std::path::Path;

/// Writes it to the file at `path`, or to the one that the running evenkeel reads: as a whole or not at all.
pub fn save(whom: &Whom, path: Option<&Path>, quiet: bool) -> Result<(), RunError> {
    let status = get(whom, "/api/v1/status")?;
    let read = status["config"]["file"].as_str().map(Path::new);
    let path = path.or(read).ok_or_else(no_file)?;
    let answer = get(whom, "/api/v1/diff")?;
    let differences = list(&answer["differences"]);
    // What holds as it is configured may have held otherwise when it was last saved.
    let agreements = list(&answer["agreements"]).iter().filter_map(understand).map(again);
    let edits: Vec<Edit> = differences.iter().filter_map(understand).chain(agreements).collect();
    let unread = |error| RunError::new(Exit::NoInput, format!("cannot use {}: {error}", path.display()));
    let before = Given { path: path.to_owned(), text: fs::read_to_string(path).map_err(unread)? };
    let refused = |what| RunError::new(Exit::Failed, format!("cannot write to {}: {what}", path.display()));
    let Edited { text, changes } = edit(&before, &edits).map_err(refused)?;
    if changes > 0 {
        let after = Source::Given(Given { text: text.clone(), ..before }, None);
        config::load(&after).map_err(|problems| refused(problems.summary()))?;
        replace(path, &before.text, &text).map_err(|error| refused(error.to_string()))?;
    }
    let left: String = differences.iter().filter(|it| understand(it).is_none()).map(unsaved).collect();
    output::complain(&(left + &another(path, read)));
    match quiet {
        true => Ok(()),
        false => output::print(&done(path, changes)),
    }
}

fn no_file() -> RunError {
    let what =
        "the running evenkeel has no config file: it was started from a command line or standard input";
    RunError::new(Exit::Usage, what).help("say which FILE is to be written: `evenkeel save FILE`")
}

/// What is to be said of the file at `path` where another one is read.
fn another(path: &Path, read: Option<&Path>) -> String {
    let place = |path: &Path| path.canonicalize().or_else(|_| std::path::absolute(path)).ok();
    match read {
        Some(read) if place(read) != place(path) => {
            format!("warning: the running evenkeel reads {}, not {}\n", read.display(), path.display())
        }
        _ => String::new(),
    }
}

fn done(path: &Path, changes: usize) -> String {
    match changes {
        0 => format!("no change: {} says all of it already\n", path.display()),
        changes => format!("{} saved to {}\n", count(changes, "change"), path.display()),
    }
}

/// A drain is for a while, and a service has no key for it.
fn unsaved(difference: &Value) -> String {
    let word = |name: &str| difference[name].as_str().unwrap_or_default();
    let about = format!("{} {} {}", word("service"), word("pool"), word("backend"));
    format!("not saved, it ends with the process: {} {}\n", about.trim(), word("what"))
}

fn understand(difference: &Value) -> Option<Edit> {
    let number = |name: &str| u32::try_from(difference[name].as_u64()?).ok();
    let what = match difference["what"].as_str()? {
        "removed" => EditKind::Removed,
        "weight" => EditKind::Weight(number("ordered")?),
        "added" => EditKind::Added(Said {
            weight: number("weight")?,
            backup: difference["backup"].as_bool()?,
            max_sessions: number("max_sessions"),
        }),
        _ => return None,
    };
    let Ok(Target::Addr(backend)) = config::backend_address(difference["backend"].as_str()?) else {
        return None;
    };
    let name = difference["name"].as_str().map(str::to_owned);
    Some(Edit { pool: difference["pool"].as_str()?.to_owned(), backend, what, name })
}

fn again(edit: Edit) -> Edit {
    let what = match edit.what {
        EditKind::Weight(weight) => EditKind::WeightAgain(weight),
        EditKind::Added(said) => EditKind::AddedAgain(said),
        what => what,
    };
    Edit { what, ..edit }
}
