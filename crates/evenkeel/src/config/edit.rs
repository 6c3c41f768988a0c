//! Writes what operators ordered into the text of a configuration; everything else in it stays as it was typed.

use super::address::{self, ToSpec};
use evenkeel_core::addr::Addr;
use evenkeel_core::director::Target;
use toml_edit::{Array, DocumentMut, InlineTable, Item, Table, Value};

/// A change of the backends of a pool.
#[derive(Clone, Debug)]
pub struct Edit {
    /// The pool, or the service whose own it is.
    pub pool: String,
    /// The backend.
    pub backend: Addr,
    /// What is to be said of it.
    pub what: EditKind,
}

/// What is to be said of a backend.
#[derive(Clone, Debug)]
pub enum EditKind {
    /// This share.
    Weight(i64),
    /// That it is there; with these keys besides its address.
    Added {
        /// Its share.
        weight: i64,
        /// Whether it is a backup.
        backup: bool,
        /// Sessions there at most.
        max_sessions: Option<i64>,
    },
    /// Nothing any more.
    Removed,
}

/// The text with all `edits`; fails with the first that cannot be made.
pub fn edit(text: &str, edits: &[Edit]) -> Result<String, String> {
    let mut document: DocumentMut = text.parse().map_err(|_| "it is not valid TOML".to_owned())?;
    for edit in edits {
        let list = list(&mut document, &edit.pool)
            .ok_or_else(|| format!("`{}` and its backends are not in this file", edit.pool))?;
        let at = list.iter().position(|it| is_at(it, &edit.backend));
        match (&edit.what, at) {
            (EditKind::Added { weight, backup, max_sessions }, None) => {
                let weight = Some(*weight).filter(|weight| *weight != 1);
                list.push(entry(&edit.backend, weight, *backup, *max_sessions));
            }
            (EditKind::Removed, Some(at)) => drop(list.remove(at)),
            (EditKind::Weight(weight), Some(at)) => set_weight(list, at, *weight),
            // It says so already.
            (EditKind::Added { .. } | EditKind::Removed, _) => {}
            (EditKind::Weight(_), None) => {
                return Err(format!("`{}` has no entry of its own for {}", edit.pool, edit.backend));
            }
        }
    }
    Ok(document.to_string())
}

/// The list of a pool's backends; one that was a single text becomes a list.
fn list<'a>(document: &'a mut DocumentMut, pool: &str) -> Option<&'a mut Array> {
    let root = document.as_table_mut();
    let is_own = |root: &Table, kind: &str| {
        let to = root.get(kind).and_then(|it| it.get(pool)).and_then(|it| it.get("to"));
        to.is_some_and(|to| !to.as_str().is_some_and(|it| it.starts_with("pool:")))
    };
    let item = match ["tcp", "udp", "http"].into_iter().find(|kind| is_own(root, kind)) {
        Some(kind) => root.get_mut(kind)?.get_mut(pool)?.get_mut("to")?,
        None => {
            let pool = root.get_mut("pool")?.get_mut(pool)?;
            if pool.get("to").is_some() { pool.get_mut("to")? } else { pool }
        }
    };
    if item.as_array().is_none() {
        let single = item.as_value().filter(|it| it.is_str() || it.is_inline_table())?.clone();
        *item = Item::Value(Value::Array(Array::from_iter([single.decorated("", "")])));
    }
    item.as_array_mut()
}

/// Whether an entry of `to` is about the backend at `addr`.
fn is_at(entry: &Value, addr: &Addr) -> bool {
    let text = entry.as_str().or_else(|| entry.as_inline_table()?.get("addr")?.as_str());
    let spec = text.and_then(|text| address::to(text).ok());
    matches!(spec, Some(ToSpec::Backend(Target::Addr(own))) if own == *addr)
}

fn entry(addr: &Addr, weight: Option<i64>, backup: bool, max_sessions: Option<i64>) -> Value {
    let keys = [
        weight.map(|it| ("weight", it.into())),
        backup.then(|| ("backup", true.into())),
        max_sessions.map(|it| ("max-sessions", it.into())),
    ];
    let keys: Vec<(&str, Value)> = keys.into_iter().flatten().collect();
    let addr = Value::from(addr.to_string());
    match keys.is_empty() {
        true => addr,
        false => InlineTable::from_iter([("addr", addr)].into_iter().chain(keys)).into(),
    }
}

fn set_weight(list: &mut Array, at: usize, weight: i64) {
    let Some(value) = list.get_mut(at) else { return };
    if let Value::InlineTable(table) = value {
        table.insert("weight", weight.into());
        return;
    }
    // What stood around the text, such as a line of its own, stands around the table.
    let decor = value.decor().clone();
    let addr = value.clone().decorated(" ", "");
    let mut table = Value::from(InlineTable::from_iter([("addr", addr), ("weight", weight.into())]));
    *table.decor_mut() = decor;
    *value = table;
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "# ours\n[pool]\npg = \"10.0.0.1:5432\"\n\n[tcp.web] # the site\nlisten = \":8080\"\nto = [\n    \
                        \"5001\", # old\n    { addr = \"127.0.0.1:5002\", weight = 2 },\n]\n\n[tcp.db]\n\
                        listen = \":5432\"\nto = \"pool:pg\"\n";

    fn made(pool: &str, addr: &str, what: EditKind) -> Result<String, String> {
        edit(TEXT, &[Edit { pool: pool.to_owned(), backend: Addr::Ip(addr.parse().unwrap()), what }])
    }

    #[test]
    fn a_weight_is_set_and_all_else_stays() {
        let text = made("web", "127.0.0.1:5002", EditKind::Weight(7)).unwrap();
        assert_eq!(text, TEXT.replace("weight = 2", "weight = 7"));
        let text = made("web", "127.0.0.1:5001", EditKind::Weight(3)).unwrap();
        assert_eq!(text, TEXT.replace("\"5001\"", "{ addr = \"5001\", weight = 3 }"));
    }

    #[test]
    fn backends_are_added_and_removed_where_the_pool_is() {
        let plain = || EditKind::Added { weight: 1, backup: false, max_sessions: None };
        let text = made("pg", "10.0.0.2:5432", plain()).unwrap();
        assert!(text.contains("pg = [\"10.0.0.1:5432\", \"10.0.0.2:5432\"]"), "{text}");
        let full = EditKind::Added { weight: 2, backup: true, max_sessions: Some(9) };
        let text = made("web", "127.0.0.1:5003", full).unwrap();
        let entry = "{ addr = \"127.0.0.1:5003\", weight = 2, backup = true, max-sessions = 9 }";
        assert!(text.contains(entry) && text.contains("# the site"), "{text}");
        let text = made("web", "127.0.0.1:5002", EditKind::Removed).unwrap();
        assert!(!text.contains("5002") && text.contains("\"5001\""), "{text}");
        assert_eq!(made("web", "127.0.0.1:5002", plain()).as_deref(), Ok(TEXT), "it is there");
    }

    #[test]
    fn what_is_not_in_the_file_cannot_be_written_there() {
        assert!(made("other", "127.0.0.1:1", EditKind::Removed).is_err());
        assert!(made("web", "127.0.0.1:9", EditKind::Weight(1)).is_err());
        assert!(edit("[", &[]).is_err());
    }
}
