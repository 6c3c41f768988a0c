//! Which route a client gets, and which routes nobody could.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod chosen;
mod model;
mod refused;

use evenkeel_core::name::PoolName;
use evenkeel_core::route::{Asked, Route, RouteTable};
use evenkeel_core::wire::client_hello::Alpn;

/// A route as `*.example.com h2,http/1.1 10.0.0.0/8`: names, protocols and networks, with `-` for none.
fn route(text: &str) -> Route {
    let mut fields =
        text.split(' ').map(|field| field.split(',').filter(|it| *it != "-").collect::<Vec<_>>());
    let mut next = || fields.next().unwrap_or_default();
    Route {
        names: next().into_iter().map(|name| name.parse().unwrap()).collect(),
        alpn: next().into_iter().map(|name| name.as_bytes().into()).collect(),
        from: next().into_iter().map(|network| network.parse().unwrap()).collect(),
        to: PoolName::new("web"),
    }
}

fn table(routes: &[&str]) -> RouteTable {
    RouteTable::new(routes.iter().map(|text| route(text)).collect()).unwrap()
}

/// The route of a client as `www.example.com h2 10.0.0.1`: name, protocols and address, with `-` for none.
fn choose(table: &RouteTable, client: &str) -> Option<usize> {
    let fields: Vec<_> = client.split(' ').collect();
    let field = |at: usize| fields.get(at).copied().filter(|it| *it != "-");
    let alpn: Vec<u8> = field(1)
        .into_iter()
        .flat_map(|names| names.split(','))
        .flat_map(|name| [&[u8::try_from(name.len()).unwrap()], name.as_bytes()].concat())
        .collect();
    let source = field(2).unwrap_or("192.0.2.1").parse().unwrap();
    table.choose(&Asked { server_name: field(0), alpn: Alpn::parse(&alpn).unwrap(), source })
}
