//! Routes, ready to be asked: a few look-ups for a request, however many routes there are. The maps are sorted, not hashed,
//! so that no path that a client thinks of can be slow.

use super::path::{self, OddPath};
use super::paths::Paths;
use super::{Asked, RouteProblem, When, problem};
use crate::host_name;
use crate::route::ByHost;
use std::borrow::Cow;
use std::cmp::Reverse;

/// Routes, ready to be asked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RouteTable {
    routes: Vec<When>,
    /// Whether any of them is for a path.
    by_path: bool,
    by_host: ByHost<Paths>,
}

/// The route of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chosen<'a> {
    /// Its place among those that the table was made of; `None`: there is none for this request.
    pub route: Option<usize>,
    /// The path in its normal form, where any route is for a path; else as it is.
    pub path: Cow<'a, [u8]>,
}

impl RouteTable {
    /// A table of these routes; or all that is wrong with them.
    pub fn new(routes: Vec<When>) -> Result<Self, Vec<RouteProblem>> {
        let mut table = Self::default();
        for (index, when) in routes.iter().enumerate() {
            table.by_host.at(when.host.as_ref()).add(when.path.as_ref(), index);
        }
        // Stable: what has the same number of conditions stays as it was written.
        let sort = |list: &mut Vec<usize>| list.sort_by_key(|&index| Reverse(routes[index].conditions()));
        table.by_host.values_mut().flat_map(Paths::lists).for_each(sort);
        let problems = problem::all(&routes, &table.by_host);
        table.by_path = routes.iter().any(|when| when.path.is_some());
        table.routes = routes;
        if problems.is_empty() { Ok(table) } else { Err(problems) }
    }

    /// The route of this request. A path that might be read in another way that leads to another route is refused.
    pub fn choose<'a>(&self, asked: &Asked<'a>) -> Result<Chosen<'a>, OddPath> {
        let name = asked.host.and_then(host_name::canonical);
        let find = |path: Option<&[u8]>| self.find(name.as_deref(), path, asked);
        let path = path::split(asked.target).0;
        if path == b"*" || !self.by_path {
            return Ok(Chosen { route: find(None), path: Cow::Borrowed(path) });
        }
        let path = path::normal(path)?;
        let route = find(Some(&path));
        match path::loose(&path)? {
            Some(loose) if find(Some(&loose)) != route => Err(OddPath::Ambiguous),
            _ => Ok(Chosen { route, path }),
        }
    }

    /// The routes, as they were written.
    pub fn routes(&self) -> &[When] {
        &self.routes
    }

    fn find(&self, name: Option<&str>, path: Option<&[u8]>, asked: &Asked<'_>) -> Option<usize> {
        let groups = self.by_host.of(name).flat_map(|paths| paths.of(path));
        groups.copied().find(|&index| self.routes[index].holds(asked))
    }
}
