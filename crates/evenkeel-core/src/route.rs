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
use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

mod by_host;
mod problem;

pub(crate) use by_host::ByHost;
pub use problem::RouteProblem;
pub(crate) use problem::{hidden, includes_all};

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

/// Routes, ready to be asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RouteTable {
    routes: Vec<Route>,
    by_host: ByHost<Vec<usize>>,
}

impl RouteTable {
    /// A table of these routes; or all that is wrong with them.
    pub fn new(routes: Vec<Route>) -> Result<Self, Vec<RouteProblem>> {
        let mut by_host = ByHost::<Vec<_>>::default();
        for (index, route) in routes.iter().enumerate() {
            for name in &route.names {
                by_host.at(Some(name)).push(index);
            }
            if route.names.is_empty() {
                by_host.at(None).push(index);
            }
        }
        // Stable: what has the same number of conditions stays as it was written.
        let sort = |list: &mut Vec<usize>| list.sort_by_key(|&index| Reverse(routes[index].conditions()));
        by_host.values_mut().for_each(sort);
        let problems = problem::all(&routes, &by_host);
        if problems.is_empty() { Ok(Self { routes, by_host }) } else { Err(problems) }
    }

    /// The route of this client, by its place among those that the table was made of; `None` if there is none.
    pub fn choose(&self, asked: &Asked<'_>) -> Option<usize> {
        let lists = self.by_host.of(asked.server_name);
        lists.flatten().copied().find(|&index| self.routes[index].holds(asked))
    }

    /// The routes, as they were written.
    pub fn routes(&self) -> &[Route] {
        &self.routes
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
