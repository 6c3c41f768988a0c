//! Routes that nobody can take: better told when they are written than found out when traffic goes elsewhere.

use super::paths::Paths;
use super::{FieldRule, PathPattern, When};
use crate::network::Network;
use crate::route::{ByHost, Pattern, hidden, includes_all};
use std::fmt;

/// Whoever could take a route takes another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RouteProblem {
    /// The route that is never taken, by its place.
    pub route: usize,
    /// The one that is.
    pub behind: usize,
    /// The host that both are for; `None`: all.
    pub host: Option<Pattern>,
    /// The path that both are for; `None`: all.
    pub path: Option<PathPattern>,
}

/// All problems, by route.
pub(super) fn all(routes: &[When], by_host: &ByHost<Paths>) -> Vec<RouteProblem> {
    let covers = |one: usize, other: usize| routes[one].covers(&routes[other]);
    let mut problems = Vec::new();
    for (host, paths) in by_host.iter() {
        let exact = paths.exact.iter().map(|(path, list)| (Some(PathPattern::Exact(path.clone())), list));
        let below = paths.below.iter().map(|(path, list)| (Some(PathPattern::Below(path.clone())), list));
        for (path, list) in exact.chain(below).chain([(None, &paths.all)]) {
            problems.extend(hidden(list, covers).map(|(route, behind)| RouteProblem {
                route,
                behind,
                host: host.clone(),
                path: path.clone(),
            }));
        }
    }
    problems.sort_by_key(|problem| problem.route);
    problems
}

impl When {
    /// Whether the conditions of this route hold whenever those of the other do. Two networks that together are a third
    /// do not count as it.
    fn covers(&self, other: &Self) -> bool {
        let follows = |field: &FieldRule| other.fields.iter().any(|theirs| field.follows_from(theirs));
        includes_all(&self.methods, &other.methods, PartialEq::eq)
            && self.fields.iter().all(follows)
            && includes_all(&self.from, &other.from, Network::includes)
    }
}

/// Continues the name of the route.
impl fmt::Display for RouteProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "is never taken: whoever could take it takes route {}", self.behind)
    }
}

impl std::error::Error for RouteProblem {}
