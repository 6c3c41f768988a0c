//! Any routes and any request, against a model that looks at each route.

use crate::{choose, when};
use evenkeel_core::http::route::path::{self, OddPath};
use evenkeel_core::http::route::{PathPattern, RouteTable, When};
use evenkeel_core::route::Pattern;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use std::cmp::Reverse;

const HOSTS: [&str; 6] = ["a.x", "b.a.x", "*.x", "*.a.x", "x", "*"];
const PATHS: [&str; 9] = ["", "/*", "/", "/a", "/a/*", "/a/", "/a/b", "/a/b/*", "/b/*"];
const METHODS: [&str; 2] = ["GET", "PUT"];
const FIELDS: [&str; 3] = ["e", "e=1", "f=2"];
const FROM: [&str; 3] = ["10.0.0.0/8", "10.1.0.0/16", "::/0"];

const ASKED: [&str; 5] = ["", "x", "a.x", "b.a.x", "c.b.a.x"];
const SEGMENTS: [&str; 12] = ["a", "b", "%61", "", ".", "..", "%2e%2E", "a%2fb", "..;", "a;b", "%2F..", "c"];
const SENT: [&str; 4] = ["-", "e=1", "e=2,f=2", "e=1,f=2"];
const CLIENTS: [&str; 4] = ["-", "10.0.0.1", "10.1.0.1", "::1"];

proptest! {
    #[test]
    fn the_table_chooses_as_the_model(routes in vec(any_route(), 0..12), requests in vec(any_request(), 40)) {
        let reachable = without_hidden(routes.iter().map(|text| when(text)).collect());
        let table = RouteTable::new(reachable.clone()).unwrap();
        for request in requests {
            prop_assert_eq!(choose(&table, &request), model(&reachable, &request), "{}", request);
        }
    }

    #[test]
    fn a_normal_path_is_its_own_normal_form(path in "(/|\\.|%2[eEfF0]|a|;|%5c|%|\\\\){0,12}") {
        let path = format!("/{path}");
        if let Ok(normal) = path::normal(path.as_bytes()) {
            prop_assert_eq!(&*path::normal(&normal).unwrap(), &*normal);
            let text = String::from_utf8(normal.to_vec()).unwrap();
            prop_assert!(!text.contains("//") && !text.contains("/./") && !text.contains("/../"), "{}", text);
            if let Ok(Some(loose)) = path::loose(&normal) {
                prop_assert_eq!(path::loose(&loose), Ok(None));
            }
        }
    }
}

/// The routes without those that nobody could take.
fn without_hidden(mut routes: Vec<When>) -> Vec<When> {
    while let Err(problems) = RouteTable::new(routes.clone()) {
        routes.remove(problems[0].route);
    }
    routes
}

fn model(routes: &[When], request: &str) -> Result<Option<usize>, OddPath> {
    let url = request.split(' ').nth(1).unwrap();
    let (host, path) = url.split_at(url.find('/').unwrap());
    if routes.iter().all(|when| when.path.is_none()) {
        return Ok(best(routes, host, "", request));
    }
    let normal = path::normal(path.as_bytes())?.into_owned();
    let loose = path::loose(&normal)?.unwrap_or(normal.clone());
    let of = |path: Vec<u8>| best(routes, host, &String::from_utf8(path).unwrap(), request);
    match (of(normal), of(loose)) {
        (one, other) if one == other => Ok(one),
        _ => Err(OddPath::Ambiguous),
    }
}

fn best(routes: &[When], host: &str, path: &str, request: &str) -> Option<usize> {
    let parts: Vec<&str> = request.split(' ').collect();
    let sent = |name: &[u8], value: Option<&[u8]>| {
        parts[2]
            .split(',')
            .filter_map(|field| field.split_once('='))
            .any(|(sent, is)| sent.as_bytes() == name && value.is_none_or(|value| value == is.as_bytes()))
    };
    let ranked = routes.iter().enumerate().filter_map(|(index, when)| {
        let methods = when.methods.is_empty() || when.methods.iter().any(|it| **it == *parts[0].as_bytes());
        let fields = when.fields.iter().all(|field| sent(&field.name, field.value.as_deref()));
        let client = parts[3].parse().ok();
        let from =
            when.from.is_empty() || when.from.iter().any(|it| client.is_some_and(|ip| it.contains(ip)));
        let conditions =
            usize::from(!when.methods.is_empty()) + when.fields.len() + usize::from(!when.from.is_empty());
        let rank = (host_rank(when, host)?, path_rank(when, path)?, conditions, Reverse(index));
        (methods && fields && from).then_some(rank)
    });
    ranked.max().map(|(.., Reverse(index))| index)
}

/// How well a host fits: in full, or by the length of its suffix.
fn host_rank(when: &When, host: &str) -> Option<usize> {
    match &when.host {
        None => Some(0),
        Some(Pattern::Host(name)) => (**name == *host).then_some(usize::MAX),
        Some(Pattern::Below(suffix)) => host.ends_with(&format!(".{suffix}")).then_some(suffix.len()),
    }
}

fn path_rank(when: &When, path: &str) -> Option<usize> {
    let text = |path: &[u8]| String::from_utf8(path.to_vec()).unwrap();
    match &when.path {
        None => Some(0),
        Some(PathPattern::Exact(exact)) => (text(exact) == path).then_some(usize::MAX),
        Some(PathPattern::Below(below)) => {
            let is_below = path == text(below) || path.starts_with(&format!("{}/", text(below)));
            is_below.then_some(1 + below.len())
        }
    }
}

fn any_route() -> impl Strategy<Value = String> {
    let conditions =
        (subsequence(&METHODS[..], 0..2), subsequence(&FIELDS[..], 0..2), subsequence(&FROM[..], 0..2));
    (select(&HOSTS[..]), select(&PATHS[..]), conditions).prop_map(|(host, path, (methods, fields, from))| {
        format!("{host}{path} {} {} {}", list(methods), list(fields), list(from))
    })
}

fn any_request() -> impl Strategy<Value = String> {
    let path = vec(select(&SEGMENTS[..]), 1..5);
    (select(&METHODS[..]), select(&ASKED[..]), path, select(&SENT[..]), select(&CLIENTS[..])).prop_map(
        |(method, host, path, sent, client)| format!("{method} {host}/{} {sent} {client}", path.join("/")),
    )
}

fn list(words: Vec<&str>) -> String {
    if words.is_empty() { "-".to_owned() } else { words.join(",") }
}
