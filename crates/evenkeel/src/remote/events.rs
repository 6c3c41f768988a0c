//! `evenkeel events`: what was told lately, and what is told from now on.

use super::{Whom, call, get};
use crate::error::{Exit, RunError};
use crate::output;
use serde_json::Value;

/// Prints them, one a line; with `follow` until the other side ends.
pub fn run(whom: &Whom, follow: bool, json: bool) -> Result<(), RunError> {
    if !follow {
        let events = get(whom, "/api/v1/events")?;
        let events = events["events"].as_array().map_or(&[][..], Vec::as_slice);
        return output::print(&events.iter().map(|event| line(event, json)).collect::<String>());
    }
    let answer = call(whom, "GET", "/api/v1/events?follow", None)?;
    if answer.status != 200 {
        return answer.json().map(drop);
    }
    for line in answer.lines() {
        let line =
            line.map_err(|error| RunError::new(Exit::Unavailable, format!("the events ended: {error}")))?;
        let event = line.strip_prefix("data: ").and_then(|it| serde_json::from_str::<Value>(it).ok());
        if let Some(event) = event {
            output::print(&self::line(&event, json))?;
        }
    }
    Ok(())
}

/// As the log has it, but for the time.
fn line(event: &Value, json: bool) -> String {
    if json {
        return format!("{event}\n");
    }
    let word = |name: &str| event[name].as_str();
    let about = word("service").or(word("pool")).map(|it| format!("{it}  "));
    let backend = word("backend").map(|it| format!("{it} "));
    let parts = [about, backend].map(Option::unwrap_or_default).concat();
    format!("{}  {parts}{}\n", word("ts").unwrap_or_default(), word("message").unwrap_or_default())
}
