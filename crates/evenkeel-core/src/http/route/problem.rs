//! Routes that nobody can take: better told when they are written than found out when traffic goes elsewhere.

use super::table::RouteTable;
use super::{FieldRule, PathPattern, When};
use crate::network::Network;
use crate::route::Pattern;
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
pub(super) fn all(routes: &[When], table: &RouteTable) -> Vec<RouteProblem> {
    let mut problems = Vec::new();
    for (host, paths) in table.by_host() {
        let exact = paths.exact.iter().map(|(path, list)| (Some(PathPattern::Exact(path.clone())), list));
        let below = paths.below.iter().map(|(path, list)| (Some(PathPattern::Below(path.clone())), list));
        for (path, list) in exact.chain(below).chain([(None, &paths.all)]) {
            problems.extend(hidden(routes, list).map(|(route, behind)| RouteProblem {
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

/// The routes in a list that one before them hides, and that one.
fn hidden(routes: &[When], list: &[usize]) -> impl Iterator<Item = (usize, usize)> {
    list.iter().enumerate().filter_map(|(place, &route)| {
        let hides = |&&before: &&usize| routes[before].covers(&routes[route]);
        list[..place].iter().find(hides).map(|behind| (route, *behind))
    })
}

impl When {
    /// Whether the conditions of this route hold whenever those of the other do. Two networks that together are a third
    /// do not count as it.
    fn covers(&self, other: &Self) -> bool {
        let methods = !other.methods.is_empty() && other.methods.iter().all(|it| self.methods.contains(it));
        let follows = |field: &FieldRule| other.fields.iter().any(|theirs| field.follows_from(theirs));
        let in_ours = |network: &Network| self.from.iter().any(|it| it.includes(network));
        let from = !other.from.is_empty() && other.from.iter().all(in_ours);
        (self.methods.is_empty() || methods)
            && self.fields.iter().all(follows)
            && (self.from.is_empty() || from)
    }
}

/// Continues the name of the route.
impl fmt::Display for RouteProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "is never taken: whoever could take it takes route {}", self.behind)
    }
}

impl std::error::Error for RouteProblem {}
