//! Any routes and any client, against a model that looks at each route.

use crate::{choose, route};
use evenkeel_core::route::{Pattern, Route, RouteTable};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};

const NAMES: [&str; 8] = ["a.x", "b.a.x", "c.b.a.x", "*.x", "*.a.x", "*.b.a.x", "x", "*.c.b.a.x"];
const ASKED: [&str; 8] = ["-", "x", "a.x", "b.a.x", "c.b.a.x", "d.c.b.a.x", "d.x", "a"];
const ALPN: [&str; 3] = ["h2", "h1", "h3"];
const FROM: [&str; 4] = ["10.0.0.0/8", "10.1.0.0/16", "192.168.0.0/16", "::/0"];
const SOURCES: [&str; 5] = ["10.0.0.1", "10.1.0.1", "192.168.0.1", "::1", "172.16.0.1"];

proptest! {
    #[test]
    fn the_table_chooses_as_the_model(routes in vec(any_route(), 0..8), clients in vec(any_client(), 20)) {
        let routes: Vec<Route> = routes.iter().map(|text| route(text)).collect();
        let reachable = without_hidden(routes);
        let table = RouteTable::new(reachable.clone()).unwrap();
        for client in clients {
            prop_assert_eq!(choose(&table, &client), model(&reachable, &client), "{}", client);
        }
    }
}

/// The routes without those of which something is wrong.
fn without_hidden(mut routes: Vec<Route>) -> Vec<Route> {
    while let Err(problems) = RouteTable::new(routes.clone()) {
        routes.remove(problems[0].route());
    }
    routes
}

/// How well a name fits: in full, or by the length of its suffix.
fn fit(pattern: &Pattern, name: &str) -> Option<usize> {
    match pattern {
        Pattern::Host(host) => (**host == *name).then_some(usize::MAX),
        Pattern::Below(suffix) => name.ends_with(&format!(".{suffix}")).then_some(suffix.len()),
    }
}

fn model(routes: &[Route], client: &str) -> Option<usize> {
    let fields: Vec<&str> = client.split(' ').collect();
    let (name, alpn, source) = (fields[0], fields[1], fields[2].parse().unwrap());
    let candidates = routes.iter().enumerate().filter_map(|(index, route)| {
        let fit = if route.names.is_empty() {
            Some(0)
        } else {
            route.names.iter().filter_map(|pattern| fit(pattern, name)).max()
        }?;
        let speaks = route.alpn.is_empty()
            || alpn.split(',').any(|it| route.alpn.iter().any(|ours| **ours == *it.as_bytes()));
        let comes = route.from.is_empty() || route.from.iter().any(|network| network.contains(source));
        let conditions = [route.alpn.is_empty(), route.from.is_empty()].iter().filter(|it| !**it).count();
        (speaks && comes).then_some((fit, conditions, std::cmp::Reverse(index)))
    });
    candidates.max().map(|(_, _, std::cmp::Reverse(index))| index)
}

fn any_route() -> impl Strategy<Value = String> {
    let names = subsequence(&NAMES[..], 0..3);
    (names, subsequence(&ALPN[..], 0..3), subsequence(&FROM[..], 0..3))
        .prop_map(|(names, alpn, from)| [names, alpn, from].map(list).join(" "))
}

fn any_client() -> impl Strategy<Value = String> {
    let alpn = subsequence(&ALPN[..], 0..3).prop_map(list);
    (select(&ASKED[..]), alpn, select(&SOURCES[..]))
        .prop_map(|(name, alpn, source)| format!("{name} {alpn} {source}"))
}

fn list(words: Vec<&str>) -> String {
    if words.is_empty() { "-".to_owned() } else { words.join(",") }
}
