//! From what was typed to the core's configuration: finds each service its pool, and each listener its address.

use super::address::ListenSpec;
use super::chain::Chain;
use super::gate::Lists;
use super::keys::{self, Context, Kind, Scope};
use super::place::At;
use super::problem::{Problem, Problems};
use super::setting::{Entry, Layer, Routed, Setting};
use super::tls::Paths;
use super::typed::{Section, Typed};
use super::{
    AcmeSettings, AdminSettings, Settings, World, http_routes, log, pool, reception, sandbox, sockets,
    suggest,
};
use evenkeel_core::addr::Addr;
use evenkeel_core::awake::BusyPoll;
use evenkeel_core::director::Config;
use evenkeel_core::flow::FlowRules;
use evenkeel_core::name::{ListenerName, PoolName, ServiceName};
use evenkeel_core::snapshot::Listener;
use std::collections::HashSet;
use std::net::SocketAddr;
use std::sync::Arc;

/// Flows of a service where nothing else is said.
const FLOWS_MAX: u32 = 16_384;

/// `[defaults]`, by what carries the traffic of a service: what is not for its like says nothing there.
pub struct Defaults {
    connections: Layer,
    requests: Layer,
    datagrams: Layer,
}

impl Defaults {
    /// As typed.
    pub fn new(typed: &Typed) -> Self {
        let of = |context| typed.defaults_of(context);
        Self { connections: of(Context::Service), requests: of(Context::Http), datagrams: of(Context::Udp) }
    }

    fn of(&self, section: &Section) -> &Layer {
        match section.context {
            Context::Udp => &self.datagrams,
            Context::Http => &self.requests,
            _ => &self.connections,
        }
    }
}

/// A service, with what cross checks want to know of it.
pub struct Bound<'a> {
    /// What was typed.
    pub section: &'a Section,
    /// What `[defaults]` says for its like.
    pub defaults: &'a Layer,
    /// Where it listens.
    pub addrs: Vec<At<Addr>>,
    /// Where it sends by default, and by each of its routes.
    pub sends: Vec<Sends<'a>>,
}

/// Where a service sends, by default or by one route.
pub struct Sends<'a> {
    /// What was typed there: the service itself, or the route.
    pub section: &'a Section,
    /// The route; `None` for the default.
    pub route: Option<&'a Routed>,
    /// What it sends to, the entries of a shared pool included.
    pub entries: &'a [Entry],
    /// The shared pool that it names.
    pub shared: Option<&'a Section>,
    /// The service or route whose keys hold in the pool, which is then one of its own; `None`: the shared pool as it is.
    pub owner: Option<&'a Section>,
}

impl Bound<'_> {
    /// All backends that it may send to, as they were typed.
    pub fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.sends.iter().flat_map(|sends| sends.entries)
    }
}

/// What holds for the process.
pub fn settings(
    typed: &Typed,
    builtin: &Layer,
    admin: Option<AdminSettings>,
    acme: Option<AcmeSettings>,
) -> Settings {
    let chain = typed.chain(builtin);
    Settings {
        workers: chain.count("workers").map(|workers| workers as usize),
        log: log::compile(typed, builtin),
        lame_duck: chain.time("lame-duck"),
        drain: chain.time("drain"),
        upgrade_timeout: chain.time("upgrade-timeout"),
        busy_poll: busy_poll(&chain),
        max_sessions: chain.count("max-sessions"),
        max_early_bytes: chain.number("max-early-bytes").into(),
        watch: chain.is_set("watch"),
        admin,
        acme,
        sandbox: sandbox::compile(typed, builtin),
    }
}

fn busy_poll(chain: &Chain<'_>) -> BusyPoll {
    match chain.text("busy-poll") {
        Some(_) => BusyPoll::Auto,
        None => BusyPoll::For(chain.duration("busy-poll").unwrap_or_default()),
    }
}

impl<'a> Bound<'a> {
    /// Its settings.
    pub fn chain(&self, builtin: &'a Layer) -> Chain<'a> {
        Chain::new([&self.section.layer, self.defaults], builtin)
    }

    /// The settings of the pool that it sends to, by default or by one route: in one of its own, the keys of the route
    /// hold, and then those of the service.
    pub fn pool_chain(&self, sends: &Sends<'a>, builtin: &'a Layer) -> Chain<'a> {
        let of_route = sends.route.map(|route| &route.section.layer);
        let layers = of_route.into_iter().chain([&self.section.layer]).filter(|_| sends.owner.is_some());
        let layers = layers.chain(sends.shared.map(|shared| &shared.layer)).chain([self.defaults]);
        Chain::new(layers, builtin)
    }
}

/// Finds out where every service listens and what it sends to.
pub fn bind<'a>(
    typed: &'a Typed,
    defaults: &'a Defaults,
    world: &World<'_>,
    problems: &mut Problems,
) -> Vec<Bound<'a>> {
    let bound = |section: &'a Section| Bound {
        section,
        defaults: defaults.of(section),
        sends: sends_of(section, typed, problems),
        addrs: match section.layer.get("listen").map(|at| &at.value) {
            Some(Setting::Listen(specs)) => addrs(specs, world, problems),
            _ => Vec::new(),
        },
    };
    typed.services.iter().map(bound).collect()
}

/// Where the service `section` sends, by default and by each of its routes.
pub fn sends_of<'a>(section: &'a Section, typed: &'a Typed, problems: &mut Problems) -> Vec<Sends<'a>> {
    let default = (section.layer.get("to").is_some() || section.routes().is_empty())
        .then(|| sends(section, None, section, typed, problems));
    let mut all: Vec<_> = default.into_iter().collect();
    section.routes().iter().for_each(|it| all.extend(by_route(section, it, typed, problems)));
    all
}

/// Where a route of `service` sends: what its `to` says, or each pool of its `split`; one that answers sends nowhere.
fn by_route<'a>(
    service: &'a Section,
    routed: &'a Routed,
    typed: &'a Typed,
    problems: &mut Problems,
) -> Vec<Sends<'a>> {
    let section = &routed.section;
    match section.layer.get("split").map(|at| &at.value) {
        Some(Setting::Weights(pools)) => {
            let shared = pools.iter().filter_map(|(name, _)| pool_called(name, typed, problems));
            let sends = |shared: &'a Section| Sends {
                section,
                route: Some(routed),
                entries: shared.entries(),
                shared: Some(shared),
                owner: with_pool_keys(section, service),
            };
            shared.map(sends).collect()
        }
        _ if http_routes::acts(&section.layer) && section.layer.get("to").is_none() => Vec::new(),
        _ => vec![sends(section, Some(routed), service, typed, problems)],
    }
}

/// Where the `to` of `section` sends, which is `service` or one of its routes.
fn sends<'a>(
    section: &'a Section,
    route: Option<&'a Routed>,
    service: &'a Section,
    typed: &'a Typed,
    problems: &mut Problems,
) -> Sends<'a> {
    let shared = shared_pool(section, typed, problems);
    let owner = if names_a_pool(section) { with_pool_keys(section, service) } else { Some(section) };
    Sends { section, route, entries: shared.unwrap_or(section).entries(), shared, owner }
}

/// The nearer of `section` and its `service` that says something of the pools it sends to, if one of them does.
fn with_pool_keys<'a>(section: &'a Section, service: &'a Section) -> Option<&'a Section> {
    [section, service].into_iter().find(|it| it.layer.0.keys().any(|name| is_pool_key(it.context, name)))
}

/// Whether `name` is a key of pools. The table around keys says nothing by itself: `timeout.flow` is one of services.
fn is_pool_key(context: Context, name: &str) -> bool {
    keys::find(context, name)
        .filter(|key| !matches!(key.kind, Kind::Group))
        .is_some_and(|key| matches!(key.scope, Scope::Pool | Scope::HttpPool))
}

/// The core's configuration of `services` and the pools that they need.
///
/// The files that TLS needs are added to `paths`.
pub fn compile<'a>(
    services: &[Bound<'a>],
    builtin: &'a Layer,
    lists: &mut Lists<'_>,
    paths: &mut Paths,
    problems: &mut Problems,
) -> Config {
    let mut config = Config::default();
    let for_connections = for_connections(services);
    let mut known = HashSet::new();
    for service in services {
        for sends in &service.sends {
            let name = sends.pool();
            if !known.insert(name.clone()) {
                continue;
            }
            let chain = service.pool_chain(sends, builtin);
            let mut pool = pool::compile(name.as_str(), sends.entries, &chain, builtin, paths, problems);
            // That somebody accepts connections there says nothing of datagrams.
            let says = chain.find("health").is_some_and(|found| found.place.is_some());
            if !says && !for_connections.contains(&name) {
                pool.check = None;
            }
            config.pools.push(pool);
        }
        let chain = service.chain(builtin);
        let default = service.sends.iter().find(|sends| sends.route.is_none());
        let reception = Arc::new(reception::compile(service, (&chain, builtin), lists, paths, problems));
        let sessions_max = if service.section.is_for_flows() { FLOWS_MAX } else { u32::MAX };
        config.listeners.extend(service.addrs.iter().map(|addr| {
            Arc::new(Listener {
                open: true,
                name: ListenerName {
                    service: ServiceName::new(&service.section.name.value),
                    protocol: service.section.protocol(),
                    addr: addr.value.clone(),
                },
                pool: default.map(Sends::pool),
                reception: Arc::clone(&reception),
                backlog: chain.number("backlog"),
                max_sessions: chain.count("max-sessions").unwrap_or(sessions_max),
                socket: pool::socket(&chain),
                inward: sockets::inward(&chain),
                unix_mode: chain.number("unix-mode"),
                flows: flows(&chain),
            })
        }));
    }
    config
}

/// The pools to which something else than datagrams is sent.
fn for_connections(services: &[Bound<'_>]) -> HashSet<PoolName> {
    let services = services.iter().filter(|service| !service.section.is_for_flows());
    services.flat_map(|service| &service.sends).map(Sends::pool).collect()
}

fn flows(chain: &Chain<'_>) -> FlowRules {
    FlowRules {
        unanswered: chain.time("timeout.unanswered"),
        idle: chain.time("timeout.flow"),
        answers: chain.count("answers"),
        quic: chain.is_set("quic"),
    }
}

impl Sends<'_> {
    /// The pool that it sends to: a shared one, or one of its own. That is called like the service or route whose `to` it
    /// is, and else after both, as no service or route can be: `POOL@SERVICE`.
    pub fn pool(&self) -> PoolName {
        match (self.shared, self.owner) {
            (Some(shared), None) => PoolName::new(&shared.name.value),
            (Some(shared), Some(owner)) if !sends_to(owner, shared) => {
                PoolName::new(&format!("{}@{}", shared.name.value, owner.name.value))
            }
            (_, owner) => PoolName::new(&owner.unwrap_or(self.section).name.value),
        }
    }
}

/// Whether the `to` of `section` is the pool `shared`.
fn sends_to(section: &Section, shared: &Section) -> bool {
    let is_it = |entry: &Entry| matches!(entry, Entry::Pool(name) if name.value == shared.name.value);
    section.entries().iter().any(is_it)
}

fn names_a_pool(section: &Section) -> bool {
    section.entries().iter().any(|entry| matches!(entry, Entry::Pool(_)))
}

/// The shared pool that a service sends to, if it names one.
fn shared_pool<'a>(section: &Section, typed: &'a Typed, problems: &mut Problems) -> Option<&'a Section> {
    let entries = section.entries();
    let named = entries.iter().find_map(|entry| match entry {
        Entry::Pool(name) => Some(name),
        Entry::Backend(..) => None,
    })?;
    if entries.len() > 1 {
        problems.push(
            Problem::error(format!("`{}` mixes a shared pool with other backends", section.name.value))
                .at(&named.place, "a shared pool stands alone")
                .help("put all of them into one pool, or make two services"),
        );
    }
    pool_called(named, typed, problems)
}

/// The shared pool of this name.
fn pool_called<'a>(named: &At<String>, typed: &'a Typed, problems: &mut Problems) -> Option<&'a Section> {
    let found = typed.pool(&named.value);
    if found.is_none() {
        let names: Vec<_> = typed.pools.iter().map(|pool| pool.name.value.as_str()).collect();
        let problem = Problem::error(format!("no pool is called `{}`", named.value.escape_debug()))
            .at(&named.place, "unknown pool");
        problems.push(match suggest::word(&named.value, &names) {
            Some(name) => {
                let written = named.place.written().replacen(&named.value, name, 1);
                problem.fix(format!("did you mean `{name}`?"), &named.place, written)
            }
            None => {
                problem.help(format!("define it: `[pool]` with `{} = [\"127.0.0.1:5001\"]`", named.value))
            }
        });
    }
    found
}

/// The addresses that are meant by what was typed.
pub fn addrs(specs: &[At<ListenSpec>], world: &World<'_>, problems: &mut Problems) -> Vec<At<Addr>> {
    let mut addrs = Vec::new();
    for At { value: spec, place } in specs {
        let (ips, ports) = match spec {
            ListenSpec::Unix(addr) => {
                addrs.push(At { value: addr.clone(), place: place.clone() });
                continue;
            }
            ListenSpec::Ip(ip, ports) => (vec![*ip], ports),
            ListenSpec::Host(host, ports) => match (world.resolve)(host) {
                Ok(ips) => (ips, ports),
                Err(error) => {
                    problems.push(
                        Problem::error(format!("cannot find the address of `{host}`")).at(place, error),
                    );
                    continue;
                }
            },
        };
        let sockets = ips.iter().flat_map(|&ip| ports.clone().map(move |port| SocketAddr::new(ip, port)));
        addrs.extend(sockets.map(|addr| At { value: Addr::Ip(addr), place: place.clone() }));
    }
    addrs
}
