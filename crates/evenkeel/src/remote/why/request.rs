//! What became of a request, for a person.

use super::super::read::{list, word};
use super::super::table::{Align::Left, Align::Right, table};
use super::page::{Page, Tone, cause, took, when};
use evenkeel_core::http::grpc;
use serde_json::{Value, json};

/// The page about it.
pub fn show(page: &mut Page, request: &Value) {
    let tone = if word(&request["outcome"]) == "ok" { Tone::Good } else { Tone::Bad };
    page.line(tone, &format!("{} {}", asked(request), answered(request)));
    page.block("\n");
    if let Some(id) = request["id"].as_str() {
        page.term("id", Tone::Plain, id);
    }
    let via = request["via"].as_str().map_or_else(String::new, |via| format!(", by way of {via}"));
    let (client, listener) = (word(&request["client"]), word(&request["listener"]));
    page.term("client", Tone::Plain, &format!("{client}{via}, at {listener}"));
    let (session, number) = (&request["session"], &request["number"]);
    page.term("session", Tone::Plain, &format!("{session}, its request number {number}"));
    let (time, ago) = when(&began(request));
    page.term("began", Tone::Plain, &format!("{time}, {ago}"));
    if let Some(route) = request["route"].as_str() {
        page.term("route", Tone::Plain, route);
    }
    for attempt in list(&request["attempts"]) {
        let (backend, by) = (word(&attempt["backend"]), word(&attempt["by"]));
        let text = format!("{backend}: {} after {}, by {by}", cause(attempt), took(&attempt["took_ms"]));
        page.term("tried", Tone::Bad, &text);
    }
    if request["queued_ms"].as_f64().is_some_and(|it| it > 0.0) {
        page.term("waited", Tone::Odd, &format!("{} for a free seat", took(&request["queued_ms"])));
    }
    page.term("backend", Tone::Plain, &backend(request));
    let (says, by) = (word(&request["says"]), word(&request["by"]));
    page.term("end", tone, &format!("{says}; by {by}, after {}", took(&request["ms"])));
}

/// Some of them in a table, oldest first.
pub fn list_all(page: &mut Page, requests: &[Value]) {
    if requests.is_empty() {
        return;
    }
    page.heading("Requests that failed over, waited, or came to nothing");
    let head = [
        ("BEGAN", Left),
        ("STATUS", Right),
        ("OUTCOME", Left),
        ("TRIED", Right),
        ("REQUEST", Left),
        ("ID", Left),
    ];
    let row = |it: &Value| {
        vec![
            when(&began(it)).0,
            it["status"].as_u64().map_or_else(|| "-".to_owned(), |status| status.to_string()),
            word(&it["outcome"]).to_owned(),
            list(&it["attempts"]).len().to_string(),
            asked(it),
            word(&it["id"]).to_owned(),
        ]
    };
    page.block(&table(&head, &requests.iter().map(row).collect::<Vec<_>>()));
    page.note("`evenkeel why request ID` tells all about one.");
}

fn began(request: &Value) -> Value {
    let ms = |name: &str| request[name].as_f64().unwrap_or(0.0);
    json!({"at": request["began_at"], "ago_ms": ms("ms") + ms("ended_ago_ms")})
}

/// `GET a.example/b`, or the first line of one that was refused.
fn asked(request: &Value) -> String {
    let [method, host, target] =
        ["method", "host", "target"].map(|it| request[it].as_str().unwrap_or_default());
    if method.is_empty() { format!("`{target}`") } else { format!("{method} {host}{target}") }
}

fn answered(request: &Value) -> String {
    let outcome = word(&request["outcome"]);
    match request["status"].as_u64() {
        Some(status) => format!("was answered {status}{} (`{outcome}`)", call(&request["grpc_status"])),
        None => format!("was not answered (`{outcome}`)"),
    }
}

/// How it has ended as a call of gRPC.
fn call(status: &Value) -> String {
    let status = status.as_u64().and_then(|it| grpc::Status::ALL.get(usize::try_from(it).ok()?));
    status.map_or_else(String::new, |it| format!(" {}", it.word()))
}

fn backend(request: &Value) -> String {
    let Some(backend) = request["backend"].as_str() else { return "none".to_owned() };
    let connected = match &request["connect_ms"] {
        Value::Null => "on a connection that was there".to_owned(),
        ms => format!("connected in {}", took(ms)),
    };
    let first = match &request["first_byte_ms"] {
        Value::Null => ", which said nothing".to_owned(),
        ms => format!(", its first byte after {}", took(ms)),
    };
    format!("{backend}, {connected}{first}")
}
