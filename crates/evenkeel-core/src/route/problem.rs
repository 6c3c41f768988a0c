//! Routes that nobody can take: better told when they are written than found out when traffic goes elsewhere.

use super::{Pattern, Route, RouteTable};
use crate::network::Network;
use std::fmt;

/// What is wrong with a list of routes. Each is told by its place in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RouteProblem {
    /// A route that has the same name twice.
    Twice {
        /// The route.
        route: usize,
        /// The name.
        name: Pattern,
    },
    /// A protocol that no client can name: it has no bytes, or more than 255.
    Protocol {
        /// The route.
        route: usize,
        /// Its place among the route's protocols.
        protocol: usize,
    },
    /// Whoever could take a route takes another.
    Hidden {
        /// The route that is never taken.
        route: usize,
        /// For this name; `None` for a route without names.
        name: Option<Pattern>,
        /// The route that is.
        behind: usize,
    },
}

/// All problems, by route.
pub(super) fn all(routes: &[Route], table: &RouteTable) -> Vec<RouteProblem> {
    let mut problems: Vec<_> = (0..routes.len()).flat_map(|route| alone(route, &routes[route])).collect();
    let name = |make: fn(Box<str>) -> Pattern, name: &str| Some(make(name.into()));
    for (text, list) in &table.hosts {
        problems.extend(hidden(routes, list, name(Pattern::Host, text)));
    }
    for (text, list) in &table.below {
        problems.extend(hidden(routes, list, name(Pattern::Below, text)));
    }
    problems.extend(hidden(routes, &table.all, None));
    problems.sort_by_key(RouteProblem::route);
    problems
}

/// What is wrong with a route, whatever the others are.
fn alone(index: usize, route: &Route) -> impl Iterator<Item = RouteProblem> {
    let mut names: Vec<_> = route.names.iter().collect();
    names.sort();
    let twice: Vec<_> = names.windows(2).filter(|pair| pair[0] == pair[1]).map(|pair| pair[0]).collect();
    let twice = twice.into_iter().map(move |name| RouteProblem::Twice { route: index, name: name.clone() });
    let is_odd = |protocol: &[u8]| !(1..=255).contains(&protocol.len());
    let odd = route.alpn.iter().enumerate().filter(move |(_, protocol)| is_odd(protocol));
    twice.chain(odd.map(move |(protocol, _)| RouteProblem::Protocol { route: index, protocol }))
}

/// The routes in a list that one before them hides.
fn hidden(routes: &[Route], list: &[usize], name: Option<Pattern>) -> impl Iterator<Item = RouteProblem> {
    list.iter().enumerate().filter_map(move |(place, &route)| {
        let hides = |&&before: &&usize| before != route && routes[before].covers(&routes[route]);
        let behind = *list[..place].iter().find(hides)?;
        Some(RouteProblem::Hidden { route, name: name.clone(), behind })
    })
}

impl Route {
    /// Whether the conditions of this route hold whenever those of the other do. Two networks that together are a third
    /// do not count as it.
    fn covers(&self, other: &Self) -> bool {
        let alpn = !other.alpn.is_empty() && other.alpn.iter().all(|it| self.alpn.contains(it));
        let in_ours = |network: &Network| self.from.iter().any(|it| it.includes(network));
        let from = !other.from.is_empty() && other.from.iter().all(in_ours);
        (self.alpn.is_empty() || alpn) && (self.from.is_empty() || from)
    }
}

impl RouteProblem {
    /// The route that is at fault.
    pub fn route(&self) -> usize {
        match self {
            Self::Twice { route, .. } | Self::Protocol { route, .. } | Self::Hidden { route, .. } => *route,
        }
    }
}

/// Continues the name of the route.
impl fmt::Display for RouteProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Twice { name, .. } => write!(f, "has the name {name} twice"),
            Self::Protocol { .. } => f.write_str("has a protocol that is not of 1 to 255 bytes"),
            Self::Hidden { name: Some(name), behind, .. } => {
                write!(f, "is never taken for {name}: whoever could take it takes route {behind}")
            }
            Self::Hidden { name: None, behind, .. } => {
                write!(f, "is never taken: whoever could take it takes route {behind}")
            }
        }
    }
}

impl std::error::Error for RouteProblem {}
