//! `evenkeel plan` and `apply`: what a file would do to the running process, and doing it.

use super::{Whom, call, http, pretty, tell};
use crate::config::Problem;
use crate::error::{Exit, RunError};
use crate::logging::count;
use crate::output;
use serde_json::{Value, json};
use std::path::Path;

/// The status of an answer that says no because of mistakes in the file.
const MISTAKEN: u16 = 422;

/// Prints what the file would change; whether that is anything.
pub fn plan(whom: &Whom, path: &Path, json: bool) -> Result<bool, RunError> {
    let body = body(path);
    if let (Err(error), true) = (&body, json) {
        print_problems(&json!([Problem::error(error.what.as_str()).to_json()]))?;
    }
    let answer = call(whom, "POST", "/api/v1/plan", Some(&body?))?;
    let status = answer.status;
    let answer = answer.value()?;
    if json && status == MISTAKEN {
        print_problems(&answer["problems"])?;
    }
    let plan = http::said(status, answer).map_err(|error| explained(error, status, path))?;
    output::print(&if json { pretty(&plan) } else { show(&plan) })?;
    match plan["refused"].as_str() {
        Some(why) => Err(RunError::new(Exit::Failed, format!("it would be refused: {why}"))),
        None => Ok(plan["changes"] == true),
    }
}

/// As `check --json` prints them.
fn print_problems(problems: &Value) -> Result<(), RunError> {
    output::print(&pretty(&json!({"ok": false, "problems": problems})))
}

/// Makes the file hold.
pub fn apply(whom: &Whom, path: &Path, confirm: Option<&str>, quiet: bool) -> Result<(), RunError> {
    let mut body = body(path)?;
    if let Some(time) = confirm {
        body["confirm"] = time.into();
    }
    let answer = call(whom, "POST", "/api/v1/apply", Some(&body))?;
    let status = answer.status;
    tell(&answer.json().map_err(|error| explained(error, status, path))?, quiet)
}

/// `error`, with advice if it is the file that is wrong.
fn explained(error: RunError, status: u16, path: &Path) -> RunError {
    match status {
        MISTAKEN => error.help(format!("`evenkeel check {}` shows every mistake in a file", path.display())),
        _ => error,
    }
}

/// The file's text, and where it is: what it includes is read over there.
fn body(path: &Path) -> Result<Value, RunError> {
    let unreadable = |error| RunError::new(Exit::NoInput, http::cannot_read(path, &error));
    let text = std::fs::read_to_string(path).map_err(unreadable)?;
    let path = std::path::absolute(path).map_err(unreadable)?;
    Ok(json!({"path": path.display().to_string(), "text": text}))
}

fn show(plan: &Value) -> String {
    if plan["changes"] != true {
        return "no change\n".to_owned();
    }
    let word = |value: &Value| value.as_str().unwrap_or("-").to_owned();
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let mut text = String::new();
    for setting in list(&plan["settings"]) {
        let when = if setting["at_once"] == true { "" } else { ", from the next start or upgrade on" };
        text.push_str(&format!("  ~ {}{when}\n", word(&setting["name"])));
    }
    for listener in list(&plan["listeners"]) {
        let does = match listener["change"].as_str() {
            Some("added") => "opens".to_owned(),
            Some("removed") => "closes; its sessions go on".to_owned(),
            _ => format!(
                "changes: {}",
                list(&listener["parts"]).iter().map(word).collect::<Vec<_>>().join(", ")
            ),
        };
        let (service, addr) = (word(&listener["service"]), word(&listener["addr"]));
        text.push_str(&format!("  {} listener {service} {addr} {does}\n", sign(&listener)));
    }
    for pool in list(&plan["pools"]) {
        let parts: Vec<_> = list(&pool["parts"]).iter().map(word).collect();
        let parts = if parts.is_empty() { String::new() } else { format!(": {}", parts.join(", ")) };
        text.push_str(&format!("  {} pool {}{parts}\n", sign(&pool), word(&pool["name"])));
        for backend in list(&pool["backends"]) {
            let sessions = count(backend["sessions"].as_u64().unwrap_or(0) as usize, "session");
            let fate = match backend["change"].as_str() {
                Some("removed") => format!("   {sessions}: {}", word(&backend["leaving"])),
                Some("changed") => format!("   {sessions} go on"),
                _ => String::new(),
            };
            text.push_str(&format!("      {} {}{fate}\n", sign(&backend), word(&backend["addr"])));
        }
    }
    let number = |name: &str| plan["sessions"][name].as_u64().unwrap_or(0);
    let (kept, drained, cut) = (number("kept"), number("drained"), number("cut"));
    text + &format!("sessions at backends that go: {kept} kept, {drained} drained, {cut} cut\n")
}

fn sign(value: &Value) -> char {
    match value["change"].as_str() {
        Some("added") => '+',
        Some("removed") => '-',
        _ => '~',
    }
}
