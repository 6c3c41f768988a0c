//! `evenkeel status`: services and backends at one look.

use super::read::{failed_connects, last_check, list, number, word};
use super::table::{Align::Left, Align::Right, table};
use crate::logging::{Bytes, Grouped, Took};
use serde_json::Value;
use std::time::Duration;

/// The page.
pub fn show(status: &Value) -> String {
    let mut text = format!(
        "evenkeel {}   pid {}   up {}   {} workers   {}\n",
        word(&status["version"]),
        status["pid"],
        Took(Duration::from_secs(number(&status["up_s"]))),
        status["workers"],
        word(&status["phase"]),
    );
    let sessions = &status["sessions"];
    text.push_str(&format!(
        "sessions: {} open of at most {}, {} since the start\n",
        Grouped(number(&sessions["open"])),
        Grouped(number(&sessions["max"])),
        Grouped(number(&sessions["accepted"])),
    ));
    let config = &status["config"];
    text.push_str(&format!(
        "config: since {}, {} reloads\n",
        word(&config["since"]),
        number(&config["reloads"])
    ));
    text.push_str(&sandbox(&status["sandbox"]));
    if let Some(problem) = config["problem"].as_str() {
        text.push_str(&format!("the last reload was refused: {problem}\n"));
    }
    if let Some(left) = config["trial_s"].as_u64() {
        let left = Took(Duration::from_secs(left));
        text.push_str(&format!("config on trial: goes back in {left} unless `evenkeel confirm`\n"));
    }
    text.push('\n');
    text.push_str(&services(list(&status["services"])));
    text.push('\n');
    text.push_str(&requests(list(&status["services"])));
    text.push_str(&calls(list(&status["services"])));
    let backends: Vec<_> =
        list(&status["pools"]).iter().flat_map(|it| list(&it["backends"])).map(backend).collect();
    text.push_str(&table(
        &[
            ("POOL", Left),
            ("BACKEND", Left),
            ("STATE", Left),
            ("WEIGHT", Right),
            ("OPEN", Right),
            ("CONNECTED", Right),
            ("FAILED", Right),
            ("CONNECT P50", Right),
            ("LAST CHECK", Left),
        ],
        &backends,
    ));
    list(&status["pools"]).iter().flat_map(unresolved).for_each(|line| text.push_str(&line));
    text.push_str(&certificates(list(&status["certificates"])));
    text
}

/// Names in a pool that stand for nothing as yet.
fn unresolved(pool: &Value) -> impl Iterator<Item = String> {
    let names = list(&pool["unresolved"]).iter();
    names.map(|name| format!("  {}: no address as yet for {}\n", word(&pool["name"]), word(name)))
}

fn services(all: &[Value]) -> String {
    let head = [
        ("SERVICE", Left),
        ("STATE", Left),
        ("LISTENS ON", Left),
        ("POOL", Left),
        ("OPEN", Right),
        ("ACCEPTED", Right),
        ("FAILED", Right),
        ("TO BACKEND", Right),
        ("TO CLIENT", Right),
    ];
    table(&head, &all.iter().map(service).collect::<Vec<_>>())
}

/// Of services that balance requests, and their routes; nothing, where there are none.
fn requests(services: &[Value]) -> String {
    let head = [
        ("SERVICE", Left),
        ("ROUTE", Left),
        ("REQUESTS", Right),
        ("2XX", Right),
        ("3XX", Right),
        ("4XX", Right),
        ("5XX", Right),
        ("NONE", Right),
        ("P50", Right),
        ("P99", Right),
    ];
    let of_service = |service: &Value| {
        let (name, requests) = (word(&service["name"]).to_owned(), &service["requests"]);
        let all = requests.is_object().then(|| request_row(&name, "all", requests));
        let routes = list(&requests["routes"]).iter();
        let routes = routes.map(|it| request_row("", word(&it["route"]), it)).collect::<Vec<_>>();
        all.into_iter().chain(routes)
    };
    let rows: Vec<_> = services.iter().flat_map(of_service).collect();
    if rows.is_empty() { String::new() } else { table(&head, &rows) + "\n" }
}

/// Of services to which calls of gRPC came, how those have ended; nothing, where there were none.
fn calls(services: &[Value]) -> String {
    let row = |service: &Value| {
        let ends = service["requests"]["calls"].as_object().filter(|it| !it.is_empty())?;
        let total: u64 = ends.values().map(number).sum();
        let good = ends.get("OK").map_or(0, number);
        let others = ends.iter().filter(|(end, _)| *end != "OK");
        let others: Vec<_> = others.map(|(end, many)| format!("{end} {}", Grouped(number(many)))).collect();
        let numbers = [total, good].map(|it| Grouped(it).to_string());
        let name = word(&service["name"]).to_owned();
        Some([name].into_iter().chain(numbers).chain([others.join(", ")]).collect())
    };
    let rows: Vec<_> = services.iter().filter_map(row).collect();
    let head = [("SERVICE", Left), ("GRPC CALLS", Right), ("OK", Right), ("OTHERS", Left)];
    if rows.is_empty() { String::new() } else { table(&head, &rows) + "\n" }
}

fn request_row(service: &str, route: &str, it: &Value) -> Vec<String> {
    let answers = |class: &str| number(&it["answers"][class]);
    let classes = ["2xx", "3xx", "4xx", "5xx", "none"].map(answers);
    let total = answers("1xx") + classes.iter().sum::<u64>();
    let time =
        |name: &str| it["duration_ms"][name].as_f64().map_or_else(String::new, |ms| format!("{ms} ms"));
    let numbers = [total].into_iter().chain(classes).map(|it| Grouped(it).to_string());
    [service.to_owned(), route.to_owned()]
        .into_iter()
        .chain(numbers)
        .chain([time("p50"), time("p99")])
        .collect()
}

/// Nothing, where there are none.
fn certificates(all: &[Value]) -> String {
    if all.is_empty() {
        return String::new();
    }
    let head = [
        ("CERTIFICATE", Left),
        ("FROM", Left),
        ("EXPIRES IN", Right),
        ("RENEWED IN", Right),
        ("PROBLEM", Left),
    ];
    let rows: Vec<_> = all.iter().map(certificate).collect();
    format!("\n{}", table(&head, &rows))
}

fn certificate(certificate: &Value) -> Vec<String> {
    let names = list(&certificate["names"]);
    let more = if names.len() > 1 { format!(" and {} more", names.len() - 1) } else { String::new() };
    let in_time = |seconds: &Value| seconds.as_u64().map(|it| Took(Duration::from_secs(it)).to_string());
    let (left, due) = (&certificate["left_s"], &certificate["acme"]["due_s"]);
    vec![
        format!("{}{more}", names.first().map_or("-", word)),
        certificate["file"].as_str().filter(|_| certificate["from"] == "file").unwrap_or("acme").to_owned(),
        in_time(left).unwrap_or_else(|| "none yet".to_owned()),
        in_time(due).unwrap_or_default(),
        certificate["acme"]["problem"].as_str().unwrap_or_default().to_owned(),
    ]
}

/// What was given up, if whoever answers tells.
fn sandbox(sandbox: &Value) -> String {
    let Some(layers) = sandbox["layers"].as_array() else { return String::new() };
    let layer = |layer: &Value| {
        let name = word(&layer["name"]);
        match (layer["state"].as_str(), layer["detail"].as_str()) {
            (Some("holds"), None) => name.to_owned(),
            (Some("holds"), Some(detail)) => format!("{name} ({detail})"),
            (Some(state), _) => format!("{name} {state}"),
            (None, _) => String::new(),
        }
    };
    let layers: Vec<_> = layers.iter().map(layer).collect();
    let capabilities: Vec<_> = list(&sandbox["capabilities"]).iter().map(word).collect();
    let refused = match number(&sandbox["calls_refused"]) {
        0 => String::new(),
        refused => format!(", {} system calls refused", Grouped(refused)),
    };
    format!(
        "sandbox: {}; user {} with {}{refused}\n",
        layers.join(", "),
        sandbox["user"],
        if capabilities.is_empty() { "no capability".to_owned() } else { capabilities.join(", ") },
    )
}

fn service(service: &Value) -> Vec<String> {
    let listeners: Vec<&str> = list(&service["listeners"]).iter().filter_map(Value::as_str).collect();
    let listens = match listeners[..] {
        [] => "nowhere".to_owned(),
        [one] => one.to_owned(),
        [first, ..] => format!("{first} and {} more", listeners.len() - 1),
    };
    vec![
        word(&service["name"]).to_owned(),
        word(&service["duty"]).to_owned(),
        listens,
        word(&service["pool"]).to_owned(),
        Grouped(number(&service["sessions"]["open"])).to_string(),
        Grouped(number(&service["sessions"]["accepted"])).to_string(),
        Grouped(number(&service["sessions"]["failed"])).to_string(),
        Bytes(number(&service["to_backend"])).to_string(),
        Bytes(number(&service["to_client"])).to_string(),
    ]
}

fn backend(backend: &Value) -> Vec<String> {
    let backup = if backend["backup"] == true { ", backup" } else { "" };
    vec![
        word(&backend["pool"]).to_owned(),
        word(&backend["addr"]).to_owned(),
        format!("{}{backup}", word(&backend["state"])),
        backend["weight"].to_string(),
        Grouped(number(&backend["sessions"]["open"])).to_string(),
        Grouped(number(&backend["sessions"]["connected"])).to_string(),
        Grouped(failed_connects(backend)).to_string(),
        backend["connect_ms"]["p50"].as_f64().map_or_else(String::new, |ms| format!("{ms} ms")),
        last_check(backend),
    ]
}
