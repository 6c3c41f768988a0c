//! `evenkeel sessions`: those that are open, and closing some of them.

use super::table::{Align::Left, Align::Right, table};
use super::{Whom, call, get, pretty, query};
use crate::error::{Exit, RunError};
use crate::logging::{Bytes, Took, count};
use crate::output;
use serde_json::{Map, Value};
use std::time::Duration;

/// Prints those that `filter` means.
pub fn list(whom: &Whom, filter: &[(&'static str, String)], json: bool) -> Result<(), RunError> {
    let answer = get(whom, &format!("/api/v1/sessions{}", query(filter)))?;
    if json {
        return output::print(&pretty(&answer));
    }
    let sessions = answer["sessions"].as_array().map_or(&[][..], Vec::as_slice);
    let rows: Vec<_> = sessions.iter().map(row).collect();
    let head = [
        ("ID", Right),
        ("SERVICE", Left),
        ("CLIENT", Left),
        ("BACKEND", Left),
        ("AGE", Right),
        ("IDLE", Right),
        ("TO BACKEND", Right),
        ("TO CLIENT", Right),
    ];
    let matched = answer["matched"].as_u64().unwrap_or(0) as usize;
    let shown = match matched {
        all if all == rows.len() => count(all, "session"),
        all => format!("{} of {}; `--limit` shows more", rows.len(), count(all, "session")),
    };
    output::print(&format!("{}{shown}\n", table(&head, &rows)))
}

/// Closes those that `filter` means.
pub fn close(whom: &Whom, filter: &[(&'static str, String)], json: bool) -> Result<(), RunError> {
    if filter.is_empty() {
        let error = RunError::new(Exit::Usage, "which sessions are to be closed?");
        return Err(error.help("say what they have in common, such as `--service web`, or `--all`"));
    }
    let mut body = Map::new();
    for (name, value) in filter {
        let value = match *name {
            "id" => value.parse::<u64>().map_or(Value::Null, Value::from),
            "all" => Value::Bool(true),
            _ => Value::from(value.as_str()),
        };
        body.insert((*name).to_owned(), value);
    }
    let answer = call(whom, "POST", "/api/v1/sessions/close", Some(&Value::Object(body)))?.json()?;
    if json {
        return output::print(&pretty(&answer));
    }
    let closed = answer["closed"].as_u64().unwrap_or(0) as usize;
    output::print(&format!("{} closed\n", count(closed, "session")))
}

fn row(session: &Value) -> Vec<String> {
    let word = |name: &str| session[name].as_str().unwrap_or("-").to_owned();
    let took = |name: &str| {
        let ms = session[name].as_f64();
        ms.map_or_else(|| "-".to_owned(), |ms| Took(Duration::from_secs_f64(ms / 1e3)).to_string())
    };
    let bytes = |name: &str| Bytes(session[name].as_u64().unwrap_or(0)).to_string();
    vec![
        session["id"].to_string(),
        word("service"),
        word("client"),
        word("backend"),
        took("age_ms"),
        took("idle_ms"),
        bytes("to_backend"),
        bytes("to_client"),
    ]
}
