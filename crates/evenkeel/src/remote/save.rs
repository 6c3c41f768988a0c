//! `evenkeel save`: writes what was ordered into the config file, so that it holds after the next start, too.

use super::{Whom, get};
use crate::config::edit::{Edit, EditKind, edit};
use crate::config::{self, Given, Source};
use crate::error::{Exit, RunError};
use crate::logging::count;
use crate::output;
use evenkeel_core::director::Target;
use serde_json::Value;
use std::fs;
use std::io;
use std::path::Path;

/// Writes it to the file at `path`, as a whole or not at all.
pub fn save(whom: &Whom, path: &Path, quiet: bool) -> Result<(), RunError> {
    let answer = get(whom, "/api/v1/diff")?;
    let differences = answer["differences"].as_array().map_or(&[][..], Vec::as_slice);
    let edits: Vec<Edit> = differences.iter().filter_map(understand).collect();
    let failed =
        |error: io::Error| RunError::new(Exit::NoInput, format!("cannot use {}: {error}", path.display()));
    let before = fs::read_to_string(path).map_err(failed)?;
    let refused = |what| RunError::new(Exit::Failed, format!("cannot write to {}: {what}", path.display()));
    let after = edit(&before, &edits).map_err(refused)?;
    config::load(&Source::Given(Given { path: path.to_owned(), text: after.clone() }))
        .map_err(|problems| refused(problems.summary()))?;
    if after != before {
        replace(path, &after).map_err(failed)?;
    }
    let left: String = differences.iter().filter(|it| understand(it).is_none()).map(unsaved).collect();
    output::complain(&left);
    match quiet {
        true => Ok(()),
        false => output::print(&format!("{} saved to {}\n", count(edits.len(), "change"), path.display())),
    }
}

/// A drain is for a while, and a service has no key for it.
fn unsaved(difference: &Value) -> String {
    let word = |name: &str| difference[name].as_str().unwrap_or_default();
    let about = format!("{} {} {}", word("service"), word("pool"), word("backend"));
    format!("not saved, it ends with the process: {} {}\n", about.trim(), word("what"))
}

fn understand(difference: &Value) -> Option<Edit> {
    let what = match difference["what"].as_str()? {
        "removed" => EditKind::Removed,
        "weight" => EditKind::Weight(difference["ordered"].as_i64()?),
        "added" => EditKind::Added {
            weight: difference["weight"].as_i64()?,
            backup: difference["backup"].as_bool()?,
            max_sessions: difference["max_sessions"].as_i64(),
        },
        _ => return None,
    };
    let Ok(Target::Addr(backend)) = config::backend_address(difference["backend"].as_str()?) else {
        return None;
    };
    Some(Edit { pool: difference["pool"].as_str()?.to_owned(), backend, what })
}

/// Writes beside it, and then puts that in its place: whoever reads meanwhile reads the one or the other.
fn replace(path: &Path, text: &str) -> io::Result<()> {
    // A link stays one.
    let path = path.canonicalize()?;
    let beside = path.with_extension("toml.new");
    fs::write(&beside, text)?;
    fs::set_permissions(&beside, fs::metadata(&path)?.permissions())?;
    fs::rename(&beside, &path)
}
