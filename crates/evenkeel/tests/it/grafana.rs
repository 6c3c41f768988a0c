//! The dashboard for Grafana shows what `/metrics` offers, by the names and labels that are there.

use crate::harness::Setup;
use crate::tls::ends_tls;
use evenkeel_testkit::{Authority, Server};
use serde_json::Value;
use std::collections::BTreeSet;

const DASHBOARD: &str = include_str!("../../../../docs/grafana/evenkeel.json");

/// Metrics that no panel shows, and why.
const NOT_SHOWN: &[(&str, &str)] =
    &[("process_virtual_memory_bytes", "address space that nothing is in tells nothing")];

/// Labels that Prometheus adds by itself.
const OF_PROMETHEUS: [&str; 1] = ["instance"];

/// All values of fields called `name`, at any depth.
fn fields<'a>(value: &'a Value, name: &str) -> Vec<&'a str> {
    match value {
        Value::Object(map) => {
            let own = map.get(name).and_then(Value::as_str);
            own.into_iter().chain(map.values().flat_map(|it| fields(it, name))).collect()
        }
        Value::Array(list) => list.iter().flat_map(|it| fields(it, name)).collect(),
        _ => Vec::new(),
    }
}

/// The names in a query that are not between quotes.
fn names(query: &str) -> impl Iterator<Item = &str> {
    let unquoted = query.split('"').step_by(2);
    unquoted.flat_map(|part| part.split(|it: char| !it.is_ascii_alphanumeric() && it != '_'))
}

fn family(name: &str) -> &str {
    ["_bucket", "_sum", "_count"].iter().find_map(|it| name.strip_suffix(it)).unwrap_or(name)
}

/// The names of labels that a query selects or groups by.
fn labels(query: &str) -> BTreeSet<&str> {
    let selected = query.split('{').skip(1).filter_map(|it| it.split('}').next());
    let selected = selected.flat_map(|it| it.split(", ").filter_map(|it| it.split(['=', '!']).next()));
    let grouped = query.split("by (").skip(1).filter_map(|it| it.split(')').next());
    selected.chain(grouped.flat_map(|it| it.split(", "))).collect()
}

#[test]
fn every_metric_is_shown_by_its_name_and_labels() {
    let server = Server::echo();
    let certificate = Authority::new("x").sign(&["web.example"]);
    let offers = |setup: Setup| setup.ready().ask("GET", "/metrics").text;
    let http = Setup::to([server.place()]).http().keys("route = { \"/a\" = { answer = 200 } }");
    let page = offers(ends_tls(&server, &certificate, "health = \"tcp\"")) + &offers(http);
    let offered: BTreeSet<&str> =
        page.lines().filter_map(|it| it.strip_prefix("# TYPE ")?.split(' ').next()).collect();
    let dashboard: Value = serde_json::from_str(DASHBOARD).unwrap();
    let queries = fields(&dashboard, "expr");
    let is_metric = |it: &&str| it.starts_with("evenkeel_") || it.starts_with("process_");
    let shown: BTreeSet<&str> =
        queries.iter().flat_map(|it| names(it)).filter(is_metric).map(family).collect();
    let unshown = NOT_SHOWN.iter().map(|(name, _)| *name).collect();
    assert_eq!(shown.union(&unshown).copied().collect::<BTreeSet<_>>(), offered);
    assert!(shown.is_disjoint(&unshown), "it is shown by now: leave it out of the list");

    for label in queries.iter().flat_map(|it| labels(it)) {
        let is_there = page.contains(&format!("{{{label}=\"")) || page.contains(&format!(",{label}=\""));
        assert!(is_there || OF_PROMETHEUS.contains(&label), "no series has the label {label}");
    }
    for variable in fields(&dashboard["templating"], "definition") {
        assert!(names(variable).filter(is_metric).all(|it| offered.contains(it)), "{variable}");
    }
}
