//! The scenarios.

use super::{Field, Goal, Key, Protocol, Scenario, Setup, USUAL, Work};

/// Rounds of what has a goal, so that a difference of some per cent is told.
const MANY: u32 = 12;

/// Rounds of what has none, and of a quick run.
pub const SOME: u32 = 9;

/// Rounds of scale, and of what takes long as it needs fresh processes: the fewest that tell anything.
const FEW: u32 = 6;

/// All of them.
pub fn all() -> Vec<Scenario> {
    let main = main();
    let scale = scale(&main);
    main.into_iter().chain(http()).chain(http2()).chain(datagrams()).chain(scale).chain(reloads()).collect()
}

/// What is usual, in the order of the report.
#[rustfmt::skip]
fn main() -> Vec<Scenario> {
    use Goal::{Below, Share};
    use Key::{Idle, Latency, Memory, PerGib, PerOne};
    vec![
        goal(Share(0.50), of("down-1", "bulk to clients, 1 connection", PerGib, "bulk --to clients --connections 1")),
        goal(Share(0.60), quick(of("down-16", "bulk to clients, 16 connections", PerGib, "bulk --to clients --connections 16"))),
        goal(Share(0.70), of("down-100", "bulk to clients, 100 connections", PerGib, "bulk --to clients --connections 100")),
        of("up-1", "bulk to backends, 1 connection", PerGib, "bulk --to backends --connections 1"),
        of("up-16", "bulk to backends, 16 connections", PerGib, "bulk --to backends --connections 16"),
        of("up-100", "bulk to backends, 100 connections", PerGib, "bulk --to backends --connections 100"),
        of("both-1", "bulk both ways, 1 connection", PerGib, "bulk --to both --connections 1"),
        goal(Share(0.65), quick(of("both-16", "bulk both ways, 16 connections", PerGib, "bulk --to both --connections 16"))),
        of("both-100", "bulk both ways, 100 connections", PerGib, "bulk --to both --connections 100"),
        goal(Share(0.85), quick(of("connect", "opened, one exchange of 64 B, closed", PerOne, "connect"))),
        goal(Share(0.75), quick(of("small-1", "64 B each way, 1 connection", PerOne, "exchange --size 64 --connections 1"))),
        goal(Share(0.90), quick(of("small-100", "64 B each way, 100 connections", PerOne, "exchange --size 64 --connections 100"))),
        goal(Share(0.65), quick(of("small-1000", "64 B each way, 1,000 connections", PerOne, "exchange --size 64 --connections 1000"))),
        of("large-1", "16 KiB each way, 1 connection", PerOne, "exchange --size 16384 --connections 1"),
        goal(Share(0.75), quick(of("large-100", "16 KiB each way, 100 connections", PerOne, "exchange --size 16384 --connections 100"))),
        of("large-1000", "16 KiB each way, 1,000 connections", PerOne, "exchange --size 16384 --connections 1000"),
        of("connect-rate", "opened and closed, 1,500 a second", PerOne, "connect --rate 1500"),
        of("small-rate", "64 B, 100 connections, 10,000 a second", PerOne, "exchange --size 64 --connections 100 --rate 10000"),
        of("large-rate", "16 KiB, 100 connections, 5,000 a second", PerOne, "exchange --size 16384 --connections 100 --rate 5000"),
        // A second: with some balancers there are few answers in a slice.
        Scenario { windows: 3, ..of("beside-16", "64 B ping-pong beside 16 bulk transfers", Latency, "exchange --size 64 --connections 1 --beside 16") },
        goal(Share(0.15), of("memory", "memory of an idle connection, 5,000 open", Memory, "hold --connections 5000")),
        // Three seconds: a check of health is every other second.
        goal(Below(0.1), Scenario { windows: 9, ..of("idle", "CPU while 1,000 connections are idle", Idle, "hold --connections 1000") }),
    ]
}

/// Requests of HTTP, in the order of the report.
#[rustfmt::skip]
fn http() -> impl Iterator<Item = Scenario> {
    use Goal::Share;
    use Key::{Memory, PerOne};
    let scenarios = [
        of("http-small-1", "HTTP, 64 B, 1 connection", PerOne, "exchange --size 64 --connections 1"),
        goal(Share(1.0), quick(of("http-small-100", "HTTP, 64 B, 100 connections", PerOne, "exchange --size 64 --connections 100"))),
        of("http-small-1000", "HTTP, 64 B, 1,000 connections", PerOne, "exchange --size 64 --connections 1000"),
        of("http-large-1", "HTTP, 16 KiB, 1 connection", PerOne, "exchange --size 16384 --connections 1"),
        goal(Share(1.0), quick(of("http-large-100", "HTTP, 16 KiB, 100 connections", PerOne, "exchange --size 16384 --connections 100"))),
        of("http-large-1000", "HTTP, 16 KiB, 1,000 connections", PerOne, "exchange --size 16384 --connections 1000"),
        of("http-connect", "HTTP, 64 B, a new connection for each request", PerOne, "connect"),
        of("http-connect-rate", "HTTP, 64 B, a new connection each, 1,000 a second", PerOne, "connect --rate 1000"),
        of("http-small-rate", "HTTP, 64 B, 100 connections, 5,000 a second", PerOne, "exchange --size 64 --connections 100 --rate 5000"),
        of("http-large-rate", "HTTP, 16 KiB, 100 connections, 3,000 a second", PerOne, "exchange --size 16384 --connections 100 --rate 3000"),
        goal(Share(1.0), of("http-memory", "HTTP, memory of an idle connection, 5,000 open", Memory, "hold --connections 5000")),
    ];
    let setup = Setup { protocol: Protocol::Http, ..USUAL };
    scenarios.into_iter().map(move |scenario| Scenario { setup, ..scenario })
}

/// Requests that clients make by HTTP/2, in the order of the report.
#[rustfmt::skip]
fn http2() -> impl Iterator<Item = Scenario> {
    use Key::{Memory, PerOne};
    let scenarios = [
        of("http2-small-100", "HTTP/2, 64 B, 100 connections with 10 streams", PerOne, "streams --size 64 --connections 100 --streams 10"),
        of("http2-large-100", "HTTP/2, 16 KiB, 100 connections with 10 streams", PerOne, "streams --size 16384 --connections 100 --streams 10"),
        of("http2-memory", "HTTP/2, memory of an idle connection, 5,000 open", Memory, "hold --connections 5000"),
    ];
    let setup = Setup { protocol: Protocol::Http2, ..USUAL };
    scenarios.into_iter().map(move |scenario| goal(Goal::Share(1.0), Scenario { setup, ..scenario }))
}

/// Datagrams there and back, in the order of the report.
#[rustfmt::skip]
fn datagrams() -> impl Iterator<Item = Scenario> {
    let scenarios = [
        ("udp-small-1", "64 B datagrams, 1 flow", "datagrams --size 64 --flows 1"),
        ("udp-small-1000", "64 B datagrams, 1,000 flows", "datagrams --size 64 --flows 1000"),
        ("udp-large-1", "1,200 B datagrams, 1 flow", "datagrams --size 1200 --flows 1"),
        ("udp-large-1000", "1,200 B datagrams, 1,000 flows", "datagrams --size 1200 --flows 1000"),
        ("udp-small-1-rate", "64 B datagrams, 1 flow, 20,000 a second", "datagrams --size 64 --flows 1 --rate 20000"),
        ("udp-small-1000-rate", "64 B datagrams, 1,000 flows, 20,000 a second", "datagrams --size 64 --flows 1000 --rate 20000"),
        ("udp-large-1-rate", "1,200 B datagrams, 1 flow, 20,000 a second", "datagrams --size 1200 --flows 1 --rate 20000"),
        ("udp-large-1000-rate", "1,200 B datagrams, 1,000 flows, 20,000 a second", "datagrams --size 1200 --flows 1000 --rate 20000"),
    ];
    let setup = Setup { protocol: Protocol::Udp, ..USUAL };
    scenarios.into_iter().map(move |(name, title, load)| {
        goal(Goal::Share(1.0), Scenario { setup, ..of(name, title, Key::PerDatagram, load) })
    })
}

/// Some of the main ones on other setups; the command line gives any other.
fn scale(main: &[Scenario]) -> Vec<Scenario> {
    let with = |backends| Setup { backends, ..USUAL };
    let many = Setup { services: 1000, ..USUAL };
    let both = Setup { workers: 2, ..USUAL };
    let without_log = Setup { log: false, ..USUAL };
    let setups = [
        ("connect", vec![with(1), with(10), with(100), with(1000), many, both, without_log]),
        ("small-100", vec![with(1), with(1000), both]),
        ("large-100", vec![with(1000), both]),
        ("down-16", vec![with(1000), both]),
        ("memory", vec![with(1000)]),
    ];
    let named = |name| main.iter().filter(move |scenario| scenario.name == name);
    let on =
        |base: &Scenario, setup| Scenario { field: Field::Best, rounds: FEW, quick: false, ..base.on(setup) };
    setups
        .iter()
        .flat_map(|(name, setups)| named(*name).flat_map(|base| setups.iter().map(|setup| on(base, *setup))))
        .collect()
}

/// Reloads, of more and more backends, and of more and more services.
fn reloads() -> impl Iterator<Item = Scenario> {
    let reload = |name: String, title: String, setup| Scenario {
        name: format!("reload-{name}"),
        title: format!("reload, {title} changed"),
        work: Work::Reload,
        key: Key::Reload,
        setup,
        goal: Some(Goal::Below(5.0)),
        field: Field::Ours,
        rounds: FEW,
        windows: 1,
        quick: false,
    };
    let backends = [(10, "10"), (1_000, "1,000"), (10_000, "10,000"), (100_000, "100,000")];
    let backends = backends.into_iter().map(move |(backends, many)| {
        let title = format!("one of {many} backends");
        reload(backends.to_string(), title, Setup { backends, ..USUAL })
    });
    let services = [(1_000, "1,000"), (5_000, "5,000")].into_iter().map(move |(services, many)| {
        let title = format!("a backend of one of {many} services");
        reload(format!("services-{services}"), title, Setup { services, ..USUAL })
    });
    backends.chain(services)
}

fn of(name: &str, title: &str, key: Key, load: &'static str) -> Scenario {
    Scenario {
        name: name.to_owned(),
        title: title.to_owned(),
        work: Work::Load(load),
        key,
        setup: USUAL,
        goal: None,
        field: Field::All,
        rounds: if key.is_traffic() { SOME } else { FEW },
        // At a fixed rate there is less in a slice than as fast as it goes, and the 99th percentile is asked for.
        windows: if load.contains("--rate") { 2 } else { 1 },
        quick: false,
    }
}

fn goal(goal: Goal, of: Scenario) -> Scenario {
    let rounds = if of.key.is_traffic() { MANY } else { FEW };
    Scenario { goal: Some(goal), rounds, ..of }
}

/// Of a quick run too: what most changes show in.
fn quick(of: Scenario) -> Scenario {
    Scenario { quick: true, ..of }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[test]
    fn the_load_understands_every_scenario() {
        for scenario in all() {
            let Work::Load(load) = scenario.work else { continue };
            let fixed = ["evenkeel-bench", "load", "--port", "1", "--backend", "2"];
            let words = fixed
                .into_iter()
                .chain(scenario.setup.flags().iter().copied())
                .chain(load.split_whitespace());
            assert!(crate::Cli::try_parse_from(words).is_ok(), "{}", scenario.name);
        }
    }

    #[test]
    fn names_are_different() {
        let all = all();
        let mut names: Vec<_> = all.iter().map(|scenario| &scenario.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), all.len());
    }
}
