//! What becomes of the requests of a route.

use super::path::OddPath;
use super::{Asked, PathPattern, RouteProblem, RouteTable, When, loops};
use crate::http::edit::Edits;
use crate::http::redirect::{Redirect, Rewrite};
use crate::http::split::Split;
use crate::name::PoolName;
use std::borrow::Cow;

/// The longest body of an answer, in bytes.
pub const BODY_MAX: usize = 64 * 1024;

/// What becomes of the requests of a route.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Then {
    /// Where they go.
    pub action: Action,
    /// By which path the backend gets them; `None`: as they came.
    pub rewrite: Option<Rewrite>,
    /// The fields that the backend gets.
    pub to_backend: Edits,
    /// The fields that the client gets.
    pub to_client: Edits,
}

impl Then {
    /// Whether any field is edited.
    pub fn edits(&self) -> bool {
        !self.to_backend.is_empty() || !self.to_client.is_empty()
    }
}

/// Where the requests of a route go.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Action {
    /// To a pool.
    Pool(PoolName),
    /// To one of several pools.
    Split(Split),
    /// Back, to ask elsewhere.
    Redirect(Redirect),
    /// Back, with this.
    Answer(Answer),
    /// Where the service sends what no route is for.
    #[default]
    Default,
}

/// An answer of ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Its status.
    pub status: u16,
    /// What kind of text it has.
    pub content_type: Box<str>,
    /// The text, at most [`BODY_MAX`] long.
    pub body: Box<[u8]>,
}

/// Routes, with what becomes of their requests.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Routes {
    table: RouteTable,
    then: Box<[Then]>,
    /// Of requests that no route is for.
    otherwise: Then,
}

/// A request that has its route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Routed<'a> {
    /// The route, by its place; `None`: no route is for it.
    pub index: Option<usize>,
    /// What becomes of it.
    pub then: &'a Then,
    path: Cow<'a, [u8]>,
    /// Where in that the route's path ends.
    end: usize,
}

impl Routes {
    /// These routes, and what becomes of requests that none of them is for; or all that is wrong with them.
    pub fn new(routes: Vec<(When, Then)>, otherwise: Then) -> Result<Self, Vec<RouteProblem>> {
        let (when, then): (Vec<_>, Vec<_>) = routes.into_iter().unzip();
        Ok(Self { table: RouteTable::new(when)?, then: then.into(), otherwise })
    }

    /// The route of this request.
    pub fn choose<'a>(&'a self, asked: &Asked<'a>) -> Result<Routed<'a>, OddPath> {
        let chosen = self.table.choose(asked)?;
        let index = chosen.route;
        let end = match index.and_then(|index| self.table.routes()[index].path.as_ref()) {
            Some(PathPattern::Below(path)) => path.len(),
            Some(PathPattern::Exact(_)) | None => chosen.path.len(),
        };
        Ok(Routed {
            index,
            then: index.map_or(&self.otherwise, |index| &self.then[index]),
            path: chosen.path,
            end,
        })
    }

    /// What becomes of the requests of a route, told by its place, or of those without one.
    pub fn then(&self, index: Option<usize>) -> &Then {
        index.and_then(|index| self.then.get(index)).unwrap_or(&self.otherwise)
    }

    /// What a route is called: its key in the configuration, in its normal form.
    pub fn name(&self, index: usize) -> Option<String> {
        self.table.routes().get(index).map(When::to_string)
    }

    /// The routes, as they were written.
    pub fn iter(&self) -> impl Iterator<Item = (&When, &Then)> {
        self.table.routes().iter().zip(&self.then)
    }

    /// Every pool that a route sends to.
    pub fn pools(&self) -> impl Iterator<Item = &PoolName> {
        self.then.iter().flat_map(|then| {
            let (one, several) = match &then.action {
                Action::Pool(pool) => (Some(pool), None),
                Action::Split(split) => (None, Some(split.pools())),
                Action::Redirect(_) | Action::Answer(_) | Action::Default => (None, None),
            };
            one.into_iter().chain(several.into_iter().flatten().map(|(pool, _)| pool))
        })
    }

    /// The routes whose redirects lead back to themselves, on a service with TLS or without.
    pub fn circles(&self, is_tls: bool) -> Vec<usize> {
        (0..self.then.len()).filter(|index| loops::returns(self, *index, is_tls)).collect()
    }
}

impl Routed<'_> {
    /// What follows in the path where the route's ends: nothing, or it begins with a slash.
    pub fn rest(&self) -> &[u8] {
        self.path.get(self.end..).unwrap_or_default()
    }
}
