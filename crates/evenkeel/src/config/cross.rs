//! What only shows when services, pools and backends are seen side by side.

use super::chain::{Chain, Found};
use super::compile::{Bound, Sends};
use super::http_routes;
use super::listening::Listening;
use super::place::{At, Place};
use super::problem::{Problem, Problems};
use super::setting::{Entry, Layer, Routed, Setting};
use super::typed::{Section, Typed};
use evenkeel_core::addr::Addr;
use evenkeel_core::director::Target;
use evenkeel_core::name::{PoolName, Protocol};
use std::collections::{HashMap, HashSet};
use std::net::Ipv4Addr;
use std::sync::Arc;

/// Looks for everything that is wrong between parts that are right by themselves.
pub fn check(typed: &Typed, services: &[Bound<'_>], builtin: &Layer, problems: &mut Problems) {
    if !typed.damaged {
        missing(typed, problems);
    }
    let routes = typed.services.iter().flat_map(Section::routes).map(|route| &route.section);
    for section in typed.pools.iter().chain(typed.services.iter()).chain(routes) {
        duplicate_backends(section, problems);
        weights(section, builtin, problems);
    }
    let users = Users::of(services);
    for pool in typed.pools.iter() {
        pool_in_use(pool, &users, problems);
        for entry in pool.entries() {
            if let Entry::Pool(name) = entry {
                problems
                    .push(Problem::error("a pool cannot hold a pool").at(&name.place, "expected a backend"));
            }
        }
    }
    for service in services {
        both_wait(service, builtin, problems);
        needs_clients_with_addresses(service, builtin, problems);
        needs_datagrams(service, problems);
        sends_datagrams(service, builtin, problems);
        sends_no_requests(service, problems);
        relays_nothing(service, builtin, problems);
    }
    let interface = |it: &Bound<'_>| it.chain(builtin).text("interface");
    same_address(services, &interface, problems);
    loops(services, problems);
}

fn missing(typed: &Typed, problems: &mut Problems) {
    if typed.services.is_empty() {
        problems.push(Problem::error("there is no service, so nothing to do").help(
            "three lines are a service:\n[tcp.web]\nlisten = \":8080\"\nto     = [\"127.0.0.1:5001\", \"127.0.0.1:5002\"]",
        ));
    }
    let services = typed.services.iter().map(|section| (section, "service"));
    let routes = typed.services.iter().flat_map(Section::routes).map(|route| (&route.section, "route"));
    let pools = typed.pools.iter().map(|section| (section, "pool"));
    for (section, noun) in services.chain(routes).chain(pools) {
        let name = &section.name;
        let wanted = [("listen", ":8080"), ("to", "127.0.0.1:5001")];
        let is_wanted = |key: &str| match key {
            "listen" => noun == "service",
            _ => section.routes().is_empty() && !http_routes::acts(&section.layer),
        };
        for (key, example) in wanted.iter().filter(|(key, _)| is_wanted(key)) {
            match section.layer.get(key).map(|at| (&at.value, &at.place)) {
                None => problems.push(
                    Problem::error(format!("{noun} `{}` has no `{key}`", name.value))
                        .at(&name.place, format!("`{key}` is missing"))
                        .help(match name.place.text().is_flags {
                            true => format!("add a flag such as: --{key} {example}"),
                            false => format!("add a line such as: {key} = \"{example}\""),
                        }),
                ),
                Some((Setting::Listen(specs), place)) if specs.is_empty() => problems.push(
                    Problem::error(format!("{noun} `{}` listens nowhere", name.value))
                        .at(place, "an empty list"),
                ),
                Some((Setting::To(entries), place)) if entries.is_empty() => problems.push(
                    Problem::error(format!("{noun} `{}` has no backend", name.value))
                        .at(place, "an empty list"),
                ),
                Some(_) => {}
            }
        }
    }
}

fn duplicate_backends(section: &Section, problems: &mut Problems) {
    let mut seen: HashMap<String, &Place> = HashMap::new();
    for entry in section.entries() {
        let Entry::Backend(At { value: target, place }, _) = entry else { continue };
        let name = match target {
            Target::Addr(addr) => addr.to_string(),
            Target::Name { host, port } => format!("{}:{port}", host.to_lowercase()),
        };
        if let Some(first) = seen.get(name.as_str()) {
            problems.push(
                Problem::error(format!("`{name}` is in `{}` twice", section.name.value))
                    .at(place, "second time")
                    .at(first, "first time")
                    .help("a backend that should get more has a `weight`"),
            );
        }
        seen.entry(name).or_insert(place);
    }
}

fn weights(section: &Section, builtin: &Layer, problems: &mut Problems) {
    let backends = section.entries().iter().filter_map(|entry| match entry {
        Entry::Backend(_, layer) => Some(Chain::new([layer], builtin)),
        Entry::Pool(_) => None,
    });
    let (weights, backups): (Vec<_>, Vec<_>) = backends
        .map(|own| {
            let backup = matches!(own.find("to.backup").map(|found| found.value), Some(Setting::Flag(true)));
            (own.number("to.weight"), backup)
        })
        .unzip();
    let (Some(to), false) = (section.layer.get("to"), weights.is_empty()) else { return };
    let name = &section.name.value;
    if weights.iter().all(|weight| *weight == 0) {
        problems.push(
            Problem::error(format!("no backend of `{name}` takes traffic"))
                .at(&to.place, "every weight is 0"),
        );
    } else if backups.iter().all(|backup| *backup) {
        problems.push(
            Problem::warning(format!("`{name}` has only backups"))
                .at(&to.place, "all of them take traffic, as there is nobody to stand in for"),
        );
    }
}

/// Who sends where, by the names of pools.
#[derive(Default)]
struct Users<'a> {
    /// Of pools that are sent to by name.
    shared: HashSet<&'a str>,
    /// Those who have one of their own.
    owners: HashMap<PoolName, &'a Sends<'a>>,
}

impl<'a> Users<'a> {
    fn of(services: &'a [Bound<'_>]) -> Self {
        let mut users = Self::default();
        for sends in services.iter().flat_map(|service| &service.sends) {
            users.shared.extend(sends.shared.map(|pool| pool.name.value.as_str()));
            if sends.owner.is_some() {
                users.owners.entry(sends.pool()).or_insert(sends);
            }
        }
        users
    }
}

fn pool_in_use(pool: &Section, users: &Users<'_>, problems: &mut Problems) {
    let name = &pool.name;
    if !users.shared.contains(name.value.as_str()) {
        problems.push(
            Problem::warning(format!("no service sends to the pool `{}`", name.value))
                .at(&name.place, "unused")
                .help(format!("a service uses it by `to = \"pool:{}\"`", name.value)),
        );
    }
    if let Some(service) = users.owners.get(&PoolName::new(&name.value)) {
        problems.push(
            Problem::error(format!("`{}` is both a pool and a service with a pool of its own", name.value))
                .at(&name.place, "the pool")
                .at(&service.section.name.place, "the service, whose own pool has its name")
                .help("rename one of them: logs and metrics could not tell them apart"),
        );
    }
}

/// What makes a service wait for its client's first bytes.
fn waits<'a>(service: &Bound<'_>, own: &Chain<'a>) -> Option<Found<'a>> {
    let mixed = own.text("accept-proxy.mode").as_deref() == Some("mixed");
    if mixed && own.is_on("accept-proxy") {
        own.find("accept-proxy.mode")
    } else if service.sends.iter().filter_map(|sends| sends.route).any(Routed::waits) {
        own.find("route")
    } else {
        own.find("defer-accept").filter(|_| own.is_on("defer-accept"))
    }
}

/// What says that the backends of a pool send the first byte: the key for that, or a check that waits for it where clients
/// are sent as well.
fn speaks_first<'a>(pool: &Chain<'a>, entries: &[Entry]) -> Option<Found<'a>> {
    if let Some(said) = pool.find("speaks-first").filter(|said| said.place.is_some()) {
        return pool.is_set("speaks-first").then_some(said);
    }
    let health = pool.only(["health"]);
    let shows_it = !health.bytes("health.expect").is_empty() && health.bytes("health.send").is_empty();
    let is_elsewhere = ["health.port", "health.addr"].iter().any(|key| health.find(key).is_some());
    let is_checked_here = |entry: &Entry| match entry {
        Entry::Backend(_, own) => ["to.check-port", "to.check-addr"].iter().all(|key| own.get(key).is_none()),
        Entry::Pool(_) => false,
    };
    let is_here = !is_elsewhere && entries.iter().any(is_checked_here);
    health.find("health.expect").filter(|_| shows_it && is_here)
}

/// A service that waits for the client's first bytes cannot send to backends that speak first.
fn both_wait(service: &Bound<'_>, builtin: &Layer, problems: &mut Problems) {
    let own = service.chain(builtin);
    let waits = waits(service, &own);
    for sends in &service.sends {
        let pool = service.pool_chain(sends, builtin);
        let put_off = || pool.find("fast-open-connect").filter(|_| pool.is_set("fast-open-connect"));
        if let (Some(first), Some(waits)) = (speaks_first(&pool, sends.entries), waits.or_else(put_off)) {
            problems.push(
                Problem::error(format!(
                    "client and backend of `{}` would wait for each other",
                    sends.section.name.value
                ))
                .at_found(Some(first), "the backends speak first")
                .at_found(Some(waits), "the client has to speak first")
                .help(
                    "such backends need a service of their own, without routes by name, `mixed`, `defer-accept` \
                     and `fast-open-connect`",
                ),
            );
        }
    }
}

/// Who comes by a Unix socket has no address that a backend could be shown.
fn needs_clients_with_addresses(service: &Bound<'_>, builtin: &Layer, problems: &mut Problems) {
    let by_proxy = service.chain(builtin).is_on("accept-proxy");
    let Some(unix) = service.addrs.iter().find(|at| at.value.ip().is_none() && !by_proxy) else { return };
    for sends in &service.sends {
        let pool = service.pool_chain(sends, builtin);
        if pool.is_set("transparent") {
            problems.push(
                Problem::error(format!(
                    "clients of `{}` have no address to connect from",
                    service.section.name.value
                ))
                .at(&unix.place, "who comes by a Unix socket has none")
                .at_found(pool.find("transparent"), "the client's address is asked for"),
            );
        }
    }
}

/// Unix sockets are for connections.
fn needs_datagrams(service: &Bound<'_>, problems: &mut Problems) {
    if !service.section.is_for_flows() {
        return;
    }
    let listens = service.addrs.iter().filter(|at| at.value.ip().is_none()).map(|at| &at.place);
    let sends = service.entries().filter_map(|entry| match entry {
        Entry::Backend(At { value: Target::Addr(Addr::Unix(_)), place }, _) => Some(place),
        _ => None,
    });
    for place in listens.chain(sends) {
        let what =
            format!("`{}` takes datagrams, which do not come or go by Unix sockets", service.section.title());
        problems.push(Problem::error(what).at(place, "expected an IP address and a port"));
    }
}

/// What a pool may want of connections and cannot have of datagrams.
fn sends_datagrams(service: &Bound<'_>, builtin: &Layer, problems: &mut Problems) {
    for sends in service.sends.iter().filter(|_| service.section.is_for_flows()) {
        let pool = service.pool_chain(sends, builtin);
        let title = service.section.title();
        if pool.is_on("to-tls") {
            let what = format!("`{title}` sends datagrams to a pool that speaks TLS");
            problems.push(Problem::error(what).at_found(pool.find("to-tls"), "for connections only"));
        }
        if pool.is_on("send-proxy") && pool.text("send-proxy.version").as_deref() == Some("v1") {
            let what = format!("`{title}` cannot introduce its clients by a line of text");
            let version = pool.find("send-proxy.version");
            let problem = Problem::error(what).at_found(version, "version 1 knows connections only");
            problems.push(problem.help("`send-proxy = \"v2\"` knows datagrams, too"));
        }
    }
}

/// Keys of a pool that are for requests only.
const OF_REQUESTS: [&str; 2] = ["to-http", "timeout.ping"];

/// What `[pool.NAME]` and `[defaults]` say may be meant for others.
fn sends_no_requests(service: &Bound<'_>, problems: &mut Problems) {
    let routes = service.section.routes().iter().map(|route| &route.section);
    for section in [service.section].into_iter().chain(routes).filter(|_| !service.section.is_http()) {
        for (key, At { place, .. }) in
            OF_REQUESTS.iter().filter_map(|key| Some((key, section.layer.get(key)?)))
        {
            let what = format!("`{key}` means nothing in `{}`", service.section.title());
            problems.push(Problem::warning(what).at(place, "connections are balanced here, not requests"));
        }
    }
}

/// Keys of a pool that hold for what is relayed only.
const OF_RELAYS: [&str; 2] = ["max-bandwidth", "timeout.lifetime"];

/// Backends that speak HTTP/2 get requests alone: there is no upgrade, and no tunnel.
fn relays_nothing(service: &Bound<'_>, builtin: &Layer, problems: &mut Problems) {
    let own = &service.section.layer;
    let speaks_http2 = |layers: &[&Layer]| {
        let chain = Chain::new(layers.iter().copied(), builtin);
        service.section.is_http() && chain.text("to-http").as_deref() == Some("2")
    };
    let routes = || service.section.routes().iter().map(|route| &route.section.layer);
    let of_routes = routes().filter(|route| speaks_http2(&[route, own]));
    let is_all = speaks_http2(&[own]) && routes().all(|route| speaks_http2(&[route, own]));
    for layer in of_routes.chain(Some(own).filter(|_| is_all)) {
        for (key, At { value, place }) in OF_RELAYS.iter().filter_map(|key| Some((key, layer.get(key)?))) {
            if !matches!(value, Setting::Off) {
                let what = format!("`{key}` means nothing with `to-http = \"2\"`");
                let problem = Problem::warning(what).at(place, "it holds for WebSocket and tunnels");
                problems.push(
                    problem.help("requests have limits of their own: `timeout.request`, `timeout.body`"),
                );
            }
        }
    }
}

/// `interface` is the one that a service listens at; at two of them, an address may be bound twice.
fn same_address(
    services: &[Bound<'_>],
    interface: &dyn Fn(&Bound<'_>) -> Option<Arc<str>>,
    problems: &mut Problems,
) {
    type Known<'a> = (&'a Section, &'a At<Addr>, Option<Arc<str>>);
    let mut known: Listening<'_, Known<'_>> = Listening::default();
    let mut told = HashSet::new();
    for service in services {
        let section = service.section;
        let at = interface(service);
        let is_apart = |other: &Option<Arc<str>>| at.is_some() && other.is_some() && *other != at;
        for addr in &service.addrs {
            let earlier = known.overlapping(section.protocol(), &addr.value);
            let first = earlier.into_iter().find(|(.., other)| !is_apart(other));
            let mut is_new = |first: &Place| told.insert((addr.place.span(), first.span()));
            if let Some((owner, first, _)) = first.filter(|(_, first, _)| is_new(&first.place)) {
                let (title, other) = (section.title(), owner.title());
                let what = match title == other {
                    true => format!("{title} listens on {} twice", addr.value),
                    false => format!("{title} and {other} listen on the same address"),
                };
                let mut problem = Problem::error(what).at(&addr.place, "second use");
                if first.value != addr.value {
                    problem = problem.help(format!("{} and {} overlap", first.value, addr.value));
                }
                problems.push(
                    match first.place.is_beside(&addr.place) && first.place.span() == addr.place.span() {
                        true => problem,
                        false => problem.at(&first.place, "first use"),
                    },
                );
            }
            known.add(section.protocol(), &addr.value, (section, addr, at.clone()));
        }
    }
}

/// Finds services whose traffic comes back to them.
fn loops(services: &[Bound<'_>], problems: &mut Problems) {
    let mut listening = Listening::default();
    for (index, service) in services.iter().enumerate() {
        let protocol = service.section.protocol();
        service.addrs.iter().for_each(|addr| listening.add(protocol, &addr.value, index));
    }
    // For each service, the services that it sends to, with the backends that lead there.
    let sends: Vec<Vec<(usize, &Place)>> = services
        .iter()
        .map(|service| {
            let backends = service.entries().filter_map(|entry| match entry {
                Entry::Backend(At { value, place }, _) => Some((known_addr(value)?, place)),
                Entry::Pool(_) => None,
            });
            backends
                .flat_map(|(addr, place)| {
                    let owners = owners(&listening, service.section.protocol(), &addr);
                    owners.into_iter().map(move |owner| (owner, place))
                })
                .collect()
        })
        .collect();
    let mut told = HashSet::new();
    for (start, service) in services.iter().enumerate() {
        // A loop through several services is one mistake.
        if told.contains(&start) {
            continue;
        }
        let Some(&(next, place)) = sends[start].iter().find(|(next, _)| reaches(&sends, *next, start)) else {
            continue;
        };
        told.extend(
            (start..services.len()).filter(|&i| reaches(&sends, start, i) && reaches(&sends, i, start)),
        );
        let way = match next == start {
            true => String::new(),
            false => format!(" by way of {}", services[next].section.title()),
        };
        let problem = Problem::error(format!("{} sends to itself{way}", service.section.title()))
            .at(place, "leads back to where it listens");
        problems.push(match service.section.layer.get("listen") {
            Some(listen) => problem.at(&listen.place, "here"),
            None => problem,
        });
    }
}

/// Where a backend is, as far as that can be known without asking a resolver.
fn known_addr(target: &Target) -> Option<Addr> {
    match target {
        Target::Addr(addr) => Some(addr.clone()),
        Target::Name { host, port } if host.eq_ignore_ascii_case("localhost") => {
            Some(Addr::Ip((Ipv4Addr::LOCALHOST, *port).into()))
        }
        Target::Name { .. } => None,
    }
}

/// The services that take what is sent to `addr`, as far as that can be known without asking the machine.
fn owners(listening: &Listening<'_, usize>, protocol: Protocol, addr: &Addr) -> Vec<usize> {
    let is_loopback = addr.ip().is_some_and(|addr| addr.ip().is_loopback());
    let owners = match is_loopback {
        true => listening.overlapping(protocol, addr),
        false => listening.at(protocol, addr),
    };
    let mut owners: Vec<usize> = owners.into_iter().copied().collect();
    owners.dedup();
    owners
}

fn reaches(sends: &[Vec<(usize, &Place)>], from: usize, goal: usize) -> bool {
    let (mut seen, mut stack) = (HashSet::new(), vec![from]);
    while let Some(index) = stack.pop() {
        if index == goal {
            return true;
        }
        if seen.insert(index) {
            stack.extend(sends[index].iter().map(|(next, _)| *next));
        }
    }
    false
}
