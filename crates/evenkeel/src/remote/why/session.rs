//! What became of a session, for a person.

use super::super::read::{list, number, word};
use super::super::table::{Align::Left, Align::Right, table};
use super::page::{Page, Tone, cause, took, when};
use super::request;
use crate::logging::{Bytes, with_errno};
use serde_json::{Value, json};

/// Backends that are shown, those first that it has tried.
const SHOWN_MAX: usize = 16;

/// The page about it.
pub fn show(page: &mut Page, session: &Value) {
    let (id, service) = (&session["id"], word(&session["service"]));
    let is_open = session["state"] == "open";
    let (tone, is) = match word(&session["end"]) {
        _ if is_open => (Tone::Plain, "is open".to_owned()),
        "ok" => (Tone::Good, "ended well".to_owned()),
        "acme-challenge" => {
            (Tone::Good, "showed a certificate authority that the name leads here".to_owned())
        }
        end => (Tone::Bad, format!("ended as `{end}`")),
    };
    page.line(tone, &format!("session {id} of {service} {is}"));
    page.block("\n");
    page.term(
        "client",
        Tone::Plain,
        &format!("{} at {}", word(&session["client"]), word(&session["listener"])),
    );
    let age = json!({"at": session["accepted_at"], "ago_ms": age(session)});
    let (time, ago) = when(&age);
    page.term("accepted", Tone::Plain, &format!("{time}, {ago}"));
    for attempt in list(&session["attempts"]) {
        let (backend, by) = (word(&attempt["backend"]), word(&attempt["by"]));
        let text = format!("{backend}: {} after {}, by {by}", cause(attempt), took(&attempt["took_ms"]));
        page.term("tried", Tone::Bad, &text);
    }
    if session["queued_ms"].as_f64().is_some_and(|it| it > 0.0) {
        page.term("waited", Tone::Odd, &format!("{} for a free seat", took(&session["queued_ms"])));
    }
    let observed: Vec<&str> = list(&session["observed"]).iter().map(word).collect();
    if !observed.is_empty() {
        let text = format!("rules that only observe were against it: {}", observed.join(", "));
        page.term("observed", Tone::Odd, &text);
    }
    reach(page, session);
    let [to_backend, to_client] = ["to_backend", "to_client"].map(|it| Bytes(number(&session[it])));
    page.term("bytes", Tone::Plain, &format!("{to_backend} to backend, {to_client} to client"));
    if is_open && !session["idle_ms"].is_null() {
        page.term("idle", Tone::Plain, &took(&session["idle_ms"]));
    }
    if !is_open {
        let (says, by) = (word(&session["says"]), word(&session["by"]));
        let says = with_errno(says, session["errno"].as_i64());
        page.term("end", tone, &format!("{says}; by {by}, after {}", took(&session["ms"])));
    }
    request::list_all(page, list(&session["requests"]));
    candidates(page, session);
}

/// Milliseconds since it was accepted.
fn age(session: &Value) -> f64 {
    let ms = |name: &str| session[name].as_f64().unwrap_or(0.0);
    ms("ms") + ms("ended_ago_ms")
}

fn reach(page: &mut Page, session: &Value) {
    let since = took(&session["stage_ms"]);
    let text = match (session["backend"].as_str(), word(&session["stage"])) {
        (Some(backend), _) => {
            let first = match &session["first_byte_ms"] {
                Value::Null => String::new(),
                ms => format!(", its first byte {} after accept", took(ms)),
            };
            format!("{backend}, connected in {}{first}", took(&session["connect_ms"]))
        }
        (None, "in-line") => format!("none yet: every one is at its cap, it waits since {since}"),
        (None, "connecting") => {
            format!("none yet: {} has not answered for {since}", word(&session["trying"]))
        }
        (None, "choosing") => "none yet".to_owned(),
        (None, _) => "none".to_owned(),
    };
    page.term("backend", Tone::Plain, &text);
}

fn candidates(page: &mut Page, session: &Value) {
    let candidates = list(&session["candidates"]);
    let candidates = &candidates[..candidates.len().min(SHOWN_MAX)];
    if candidates.is_empty() {
        return;
    }
    page.heading(&format!(
        "The backends of {}: THEN is when it was accepted, all else is now",
        word(&session["pool"])
    ));
    let head = [
        ("BACKEND", Left),
        ("THIS SESSION", Left),
        ("THEN", Left),
        ("NOW", Left),
        ("A NEW ONE", Left),
        ("WEIGHT", Right),
        ("OPEN", Right),
    ];
    let row = |it: &Value| {
        let is_resort = it["last_resort"] == true;
        let chance = if is_resort { "last resort" } else { "no" };
        let excluded = it["excluded_now"].as_str().map(|why| format!("{chance}: {why}"));
        vec![
            word(&it["addr"]).to_owned(),
            word(&it["outcome"]).to_owned(),
            it["then"].as_str().unwrap_or("unknown").to_owned(),
            word(&it["now"]).to_owned(),
            excluded.unwrap_or_else(|| "may go there".to_owned()),
            it["weight"].to_string(),
            it["sessions"].to_string(),
        ]
    };
    page.block(&table(&head, &candidates.iter().map(row).collect::<Vec<_>>()));
    let total = number(&session["candidates_total"]) as usize;
    if total > candidates.len() {
        page.note(&format!("… and {} more", total - candidates.len()));
    }
}
