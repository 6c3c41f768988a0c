//! Routes that nobody can take: better told when they are written than found out when traffic goes elsewhere.

use super::{ByHost, Pattern, Route};
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
pub(super) fn all(routes: &[Route], by_host: &ByHost<Vec<usize>>) -> Vec<RouteProblem> {
    let mut problems: Vec<_> = (0..routes.len()).flat_map(|route| alone(route, &routes[route])).collect();
    let covers = |one: usize, other: usize| one != other && routes[one].covers(&routes[other]);
    for (name, list) in by_host.iter() {
        let hidden = hidden(list, covers);
        problems.extend(hidden.map(|(route, behind)| RouteProblem::Hidden {
            route,
            name: name.clone(),
            behind,
        }));
    }
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

/// The routes in a list that one before them hides, as it covers them, and that one.
pub(crate) fn hidden(
    list: &[usize],
    covers: impl Fn(usize, usize) -> bool,
) -> impl Iterator<Item = (usize, usize)> {
    list.iter().enumerate().filter_map(move |(place, &route)| {
        let behind = list[..place].iter().find(|&&before| covers(before, route))?;
        Some((route, *behind))
    })
}

/// Whether whoever is one of `theirs` is one of `ours`, where an empty list means everybody.
pub(crate) fn includes_all<T>(ours: &[T], theirs: &[T], includes: impl Fn(&T, &T) -> bool) -> bool {
    let is_ours = |it: &T| ours.iter().any(|our| includes(our, it));
    ours.is_empty() || !theirs.is_empty() && theirs.iter().all(is_ours)
}

impl Route {
    /// Whether the conditions of this route hold whenever those of the other do. Two networks that together are a third
    /// do not count as it.
    fn covers(&self, other: &Self) -> bool {
        includes_all(&self.alpn, &other.alpn, PartialEq::eq)
            && includes_all(&self.from, &other.from, Network::includes)
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
