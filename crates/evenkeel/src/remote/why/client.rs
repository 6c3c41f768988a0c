//! What became of a client's sessions, for a person.

use super::super::read::{list, number, word};
use super::super::table::{Align::Left, Align::Right, table};
use super::page::{Page, Tone, took, when};
use super::request;
use crate::logging::{Bytes, count};
use serde_json::{Value, json};

/// The page about it.
pub fn show(page: &mut Page, client: &Value) {
    let (open, ended) = (number(&client["open"]) as usize, number(&client["ended"]) as usize);
    let text = format!(
        "client {}: {} open, {ended} that ended lately",
        word(&client["client"]),
        count(open, "session")
    );
    page.line(Tone::Strong, &text);
    for home in list(&client["goes_to"]) {
        let text = match home["backend"].as_str() {
            Some(backend) => format!("{backend}, by its address ({})", word(&home["balance"])),
            None => "nobody: no backend takes it now".to_owned(),
        };
        page.term(&format!("{} ->", word(&home["pool"])), Tone::Plain, &text);
    }
    sessions(page, client, open + ended);
    request::list_all(page, list(&client["requests"]));
}

fn sessions(page: &mut Page, client: &Value, all: usize) {
    let sessions = list(&client["sessions"]);
    if sessions.is_empty() {
        return;
    }
    page.heading("Sessions");
    let head = [
        ("ID", Right),
        ("ACCEPTED", Left),
        ("BACKEND", Left),
        ("TOOK", Right),
        ("TO CLIENT", Right),
        ("END", Left),
    ];
    page.block(&table(&head, &sessions.iter().map(row).collect::<Vec<_>>()));
    let hidden = all - sessions.len().min(all);
    if hidden > 0 {
        page.note(&format!("… and {hidden} before these"));
    }
    page.note("`evenkeel why session ID` tells all about one.");
}

fn row(session: &Value) -> Vec<String> {
    let ms = |name: &str| session[name].as_f64().unwrap_or(0.0);
    let accepted = json!({"at": session["accepted_at"], "ago_ms": ms("ms") + ms("ended_ago_ms")});
    let failed = list(&session["attempts"]).len();
    let retried = if failed == 0 { String::new() } else { format!(", {failed} tried before") };
    let end = match (session["end"].as_str(), session["by"].as_str()) {
        (None, _) => word(&session["stage"]).to_owned(),
        (Some(end @ ("ok" | "acme-challenge")), _) => end.to_owned(),
        (Some(end), by) => format!("{end} by {}", by.unwrap_or("-")),
    };
    vec![
        session["id"].to_string(),
        when(&accepted).0,
        word(&session["backend"]).to_owned(),
        took(&session["ms"]),
        Bytes(number(&session["to_client"])).to_string(),
        format!("{end}{retried}"),
    ]
}
