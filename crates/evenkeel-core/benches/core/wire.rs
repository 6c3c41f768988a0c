//! What is read before the traffic, and the route that follows from it.

use crate::timing::Bench;
use evenkeel_core::name::PoolName;
use evenkeel_core::route::{Asked, Route, RouteTable};
use evenkeel_core::wire::client_hello::{self, Alpn, Reader};
use evenkeel_core::wire::proxy;
use evenkeel_core::wire::proxy_header::{Origin, Transport};
use evenkeel_core::wire::proxy_v2::Saying;
use evenkeel_core::wire::{Parse, proxy_v1, proxy_v2};
use std::net::{IpAddr, Ipv4Addr};

const ORIGIN: Origin<'static> = Origin::Ip {
    transport: Transport::Stream,
    source: std::net::SocketAddr::new(IpAddr::V4(Ipv4Addr::new(192, 168, 0, 1)), 56_324),
    destination: std::net::SocketAddr::new(IpAddr::V4(Ipv4Addr::new(192, 168, 0, 11)), 443),
};

pub fn cases(bench: &mut Bench) {
    let parse =
        |bytes: &mut Vec<u8>| matches!(proxy::parse(bytes, proxy::LONGEST), Ok(Parse::Complete { .. }));
    bench.case("proxy v1: read", line, parse);
    bench.case("proxy v2: read", || header(false), parse);
    bench.case("proxy v2: read, with values and checksum", || header(true), parse);
    bench.case("proxy v2: write, with values and checksum", Vec::new, |out| {
        out.clear();
        proxy_v2::write(&ORIGIN, &saying(true), out)
    });
    bench.case("hello: 1800 bytes in a record", || hello(1_800, 16_384), |bytes| whole(bytes));
    bench.case("hello: 1800 bytes in two records", || hello(1_800, 1_000), |bytes| whole(bytes));
    bench.case(
        "hello: 60000 bytes, one at a time",
        || hello(60_000, 16_384),
        |bytes| {
            let mut reader = Reader::new(client_hello::LONGEST);
            (0..=bytes.len()).filter(|&shown| reader.read(&bytes[..shown]) != Ok(Parse::Partial)).count()
        },
    );
    bench.case("route: host of 10000", routes, |table| choose(table, "host9999.example"));
    bench.case("route: none for four labels, of 10000", routes, |table| choose(table, "a.b.other.example"));
}

fn line() -> Vec<u8> {
    let mut out = Vec::new();
    proxy_v1::write(&ORIGIN, &mut out);
    out
}

fn header(is_full: bool) -> Vec<u8> {
    let mut out = Vec::new();
    let _ = proxy_v2::write(&ORIGIN, &saying(is_full), &mut out);
    out
}

fn saying(is_full: bool) -> Saying<'static> {
    if !is_full {
        return Saying::default();
    }
    let unique_id: Option<&[u8]> = Some(b"0123456789abcdef");
    Saying {
        alpn: Some(b"h2"),
        authority: Some(b"www.example.com"),
        unique_id,
        checksum: true,
        ..Saying::default()
    }
}

fn whole(bytes: &[u8]) -> bool {
    matches!(Reader::new(client_hello::LONGEST).read(bytes), Ok(Parse::Complete { .. }))
}

/// A hello of so many bytes with a name, in records of `size`.
fn hello(length: usize, size: usize) -> Vec<u8> {
    let name =
        [&[0, 0], &sized(2, &sized(2, &[&[0], &sized(2, b"www.example.com")[..]].concat()))[..]].concat();
    let padding = [&[0xfa, 0xfa], &sized(2, &vec![0; length - 75])[..]].concat();
    let fixed = [&[3, 3], &[7; 32][..], &[0, 0, 2, 0x13, 1, 1, 0]].concat();
    let body = [fixed, sized(2, &[padding, name].concat())].concat();
    let message = [&[1], &sized(3, &body)[..]].concat();
    message.chunks(size).flat_map(|piece| [&[22, 3, 1], &sized(2, piece)[..]].concat()).collect()
}

/// With its length before it, in so many bytes.
fn sized(bytes: usize, value: &[u8]) -> Vec<u8> {
    let length = value.len().to_be_bytes();
    [&length[length.len() - bytes..], value].concat()
}

fn routes() -> RouteTable {
    let route = |number: u32| Route {
        names: vec![
            format!("{}host{number}.example", if number.is_multiple_of(2) { "*." } else { "" })
                .parse()
                .expect("a host name"),
        ],
        alpn: Vec::new(),
        from: Vec::new(),
        to: PoolName::new("web"),
    };
    RouteTable::new((0..10_000).map(route).collect()).expect("names that are different")
}

fn choose(table: &RouteTable, name: &str) -> Option<usize> {
    let source = IpAddr::V4(Ipv4Addr::LOCALHOST);
    table.choose(&Asked { server_name: Some(name), alpn: Alpn::default(), source })
}
