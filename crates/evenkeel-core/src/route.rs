//! Which pool a TLS client belongs to, by the host that it wants, what it would speak there, and where it comes from.
//!
//! The route with the name itself goes before `*.suffix`, a longer suffix before a shorter one, and any of them before a
//! route without a name. Among routes with the same name one with more conditions goes before one with fewer, then the
//! one that was written first. A route whose conditions do not hold is passed over.

use crate::host_name;
use crate::name::PoolName;
use crate::network::Network;
use crate::wire::client_hello::Alpn;
use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

mod problem;

pub use problem::RouteProblem;

/// Some clients, and where they belong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// The hosts that they want; none for all clients, also those that name no host.
    pub names: Vec<Pattern>,
    /// If not empty, they would speak at least one of these.
    pub alpn: Vec<Box<[u8]>>,
    /// If not empty, they are in at least one of these.
    pub from: Vec<Network>,
    /// The pool that they belong to.
    pub to: PoolName,
}

/// One host, or all below one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Pattern {
    /// `www.example.com`.
    Host(Box<str>),
    /// `*.example.com`, here without the star and its dot: any number of labels before it, but not it itself.
    Below(Box<str>),
}

/// A client that asks.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// The host that it wants, as a hello has it: in lower case.
    pub server_name: Option<&'a str>,
    /// What it would speak.
    pub alpn: Alpn<'a>,
    /// Where it comes from.
    pub source: IpAddr,
}

/// Routes, ready to be asked: a look-up for each label of a name, however many routes there are. The maps are sorted, not
/// hashed, so that no name that a client thinks of can be slow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RouteTable {
    routes: Vec<Route>,
    hosts: BTreeMap<Box<str>, Vec<usize>>,
    below: BTreeMap<Box<str>, Vec<usize>>,
    all: Vec<usize>,
}

impl RouteTable {
    /// A table of these routes; or all that is wrong with them.
    pub fn new(routes: Vec<Route>) -> Result<Self, Vec<RouteProblem>> {
        let mut table =
            Self { routes: Vec::new(), hosts: BTreeMap::new(), below: BTreeMap::new(), all: Vec::new() };
        for (index, route) in routes.iter().enumerate() {
            for name in &route.names {
                table.at(name).push(index);
            }
            if route.names.is_empty() {
                table.all.push(index);
            }
        }
        // Stable: what has the same number of conditions stays as it was written.
        table.lists().for_each(|list| list.sort_by_key(|&index| Reverse(routes[index].conditions())));
        let problems = problem::all(&routes, &table);
        table.routes = routes;
        if problems.is_empty() { Ok(table) } else { Err(problems) }
    }

    /// The route of this client, by its place among those that the table was made of; `None` if there is none.
    pub fn choose(&self, asked: &Asked<'_>) -> Option<usize> {
        let name = asked.server_name;
        let host = name.and_then(|name| self.hosts.get(name));
        let below = name.into_iter().flat_map(suffixes).filter_map(|suffix| self.below.get(suffix));
        let lists = host.into_iter().chain(below).chain([&self.all]);
        lists.flatten().copied().find(|&index| self.routes[index].holds(asked))
    }

    /// The routes, as they were written.
    pub fn routes(&self) -> &[Route] {
        &self.routes
    }

    fn at(&mut self, name: &Pattern) -> &mut Vec<usize> {
        match name {
            Pattern::Host(name) => self.hosts.entry(name.clone()).or_default(),
            Pattern::Below(name) => self.below.entry(name.clone()).or_default(),
        }
    }

    fn lists(&mut self) -> impl Iterator<Item = &mut Vec<usize>> {
        self.hosts.values_mut().chain(self.below.values_mut()).chain([&mut self.all])
    }
}

impl Route {
    fn conditions(&self) -> usize {
        usize::from(!self.alpn.is_empty()) + usize::from(!self.from.is_empty())
    }

    fn holds(&self, asked: &Asked<'_>) -> bool {
        let speaks = |protocol: &[u8]| self.alpn.iter().any(|it| **it == *protocol);
        (self.alpn.is_empty() || asked.alpn.clone().any(speaks))
            && (self.from.is_empty() || self.from.iter().any(|it| it.contains(asked.source)))
    }
}

/// What follows each dot of a name, the longest first.
pub(crate) fn suffixes(name: &str) -> impl Iterator<Item = &str> {
    name.match_indices('.').map(|(dot, _)| &name[dot + 1..])
}

/// As it is written in the configuration.
impl FromStr for Pattern {
    type Err = NotAPattern;

    fn from_str(text: &str) -> Result<Self, NotAPattern> {
        let (suffix, pattern): (_, fn(Box<str>) -> Self) = match text.strip_prefix("*.") {
            Some(suffix) => (suffix, Self::Below),
            None => (text, Self::Host),
        };
        let name = host_name::canonical(suffix.as_bytes()).ok_or_else(|| NotAPattern::of(suffix))?;
        Ok(pattern(name.into()))
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Host(name) => f.write_str(name),
            Self::Below(name) => write!(f, "*.{name}"),
        }
    }
}

/// Why something is no [`Pattern`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotAPattern {
    /// A star elsewhere than as the first label.
    Star,
    /// Other letters than ASCII has.
    NotAscii,
    /// An IP address.
    Address,
    /// No host name.
    NotAName,
}

impl NotAPattern {
    fn of(text: &str) -> Self {
        if text.contains('*') {
            Self::Star
        } else if !text.is_ascii() {
            Self::NotAscii
        } else if text.parse::<IpAddr>().is_ok() {
            Self::Address
        } else {
            Self::NotAName
        }
    }
}

impl fmt::Display for NotAPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Star => "a star stands for whole labels, and only at the beginning: *.example.com",
            Self::NotAscii => "clients ask for names in ASCII: write xn--mnchen-3ya.de for münchen.de",
            Self::Address => "clients that want an address name no host",
            Self::NotAName => "not a host name, as www.example.com or *.example.com",
        })
    }
}

impl std::error::Error for NotAPattern {}
