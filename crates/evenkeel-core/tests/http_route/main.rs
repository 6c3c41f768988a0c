//! Which route a request takes, and which routes nobody could.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod chosen;
mod circles;
mod model;
mod refused;
mod steered;

use evenkeel_core::http::route::path::OddPath;
use evenkeel_core::http::route::{Asked, FieldRule, RouteTable, When};

/// A route as `*.example.com/api/* GET,PUT x-env=test,x-debug 10.0.0.0/8`: host and path, methods, fields and networks, with
/// `-` for none, and `*` for every host and path.
fn when(text: &str) -> When {
    let mut parts = text.split(' ');
    let pattern = parts.next().unwrap_or_default();
    let mut list = || {
        parts.next().unwrap_or("-").split(',').filter(|it| *it != "-").map(str::to_owned).collect::<Vec<_>>()
    };
    let (methods, fields, from) = (list(), list(), list());
    let slash = pattern.find('/').unwrap_or(pattern.len());
    let (host, path) = pattern.split_at(slash);
    When {
        host: Some(host).filter(|host| !host.is_empty() && *host != "*").map(|host| host.parse().unwrap()),
        path: Some(path).filter(|path| !path.is_empty()).map(|path| path.parse().unwrap()),
        methods: methods.into_iter().map(|method| method.into_bytes().into()).collect(),
        fields: fields.iter().map(|field| field_rule(field)).collect(),
        from: from.iter().map(|network| network.parse().unwrap()).collect(),
    }
}

fn field_rule(text: &str) -> FieldRule {
    let (name, value) = text.split_once('=').map_or((text, None), |(name, value)| (name, Some(value)));
    FieldRule { name: name.as_bytes().into(), value: value.map(|value| value.as_bytes().into()) }
}

fn table(routes: &[&str]) -> RouteTable {
    RouteTable::new(routes.iter().map(|text| when(text)).collect()).unwrap()
}

/// The route of a request as `GET www.example.com/a?b x-env=test,x-debug=1 10.0.0.1`.
fn choose(table: &RouteTable, request: &str) -> Result<Option<usize>, OddPath> {
    let parts: Vec<&str> = request.split(' ').collect();
    let part = |at: usize| parts.get(at).copied().filter(|it| *it != "-");
    let url = part(1).unwrap_or_default();
    let (host, target) = url.split_at(url.find(['/', '*']).unwrap_or(url.len()));
    let fields: Vec<(&[u8], &[u8])> = part(2)
        .into_iter()
        .flat_map(|fields| fields.split(','))
        .map(|field| field.split_once('=').unwrap())
        .map(|(name, value)| (name.as_bytes(), value.as_bytes()))
        .collect();
    let asked = Asked {
        method: parts[0].as_bytes(),
        host: Some(host.as_bytes()).filter(|host| !host.is_empty()),
        target: target.as_bytes(),
        fields: &fields,
        client: part(3).map(|client| client.parse().unwrap()),
    };
    table.choose(&asked).map(|chosen| chosen.route)
}
