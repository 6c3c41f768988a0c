//! Which route a request takes, by its host, its path, its method, its fields and where it comes from.
//!
//! The most specific route goes first: the host itself before `*.suffix`, a longer suffix before a shorter one, and any of them
//! before a route for every host; among these, the path itself before one with all below it, a longer one before a shorter
//! one, and any of them before every path; among these, more conditions before fewer; then the one that was written first. A
//! route whose conditions do not hold is passed over.

mod loops;
pub mod path;
mod paths;
mod pattern;
mod problem;
mod table;
mod then;

pub use pattern::{NotAPathPattern, PathPattern};
pub use problem::RouteProblem;
pub use table::{Chosen, RouteTable};
pub use then::{Action, Answer, BODY_MAX, Routed, Routes, Then};

use crate::network::Network;
use crate::route::Pattern;
use std::fmt;
use std::net::IpAddr;

/// Which requests a route is for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct When {
    /// Whose; `None`: whatever host they name, or none.
    pub host: Option<Pattern>,
    /// Which path; `None`: any, or none, as `OPTIONS *` has.
    pub path: Option<PathPattern>,
    /// If not empty, one of these methods.
    pub methods: Vec<Box<[u8]>>,
    /// They have all of these fields.
    pub fields: Vec<FieldRule>,
    /// If not empty, their client is in at least one of these.
    pub from: Vec<Network>,
}

/// A field that a request has to have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldRule {
    /// Its name, in lower case.
    pub name: Box<[u8]>,
    /// Its value; `None`: any.
    pub value: Option<Box<[u8]>>,
}

/// A request that asks for its route.
#[derive(Clone, Copy)]
pub struct Asked<'a> {
    /// Its method, as it is written.
    pub method: &'a [u8],
    /// Its host, without the port.
    pub host: Option<&'a [u8]>,
    /// Its target: a path with its query, or `*`.
    pub target: &'a [u8],
    /// Its fields.
    pub fields: &'a dyn AnyField,
    /// Its client; a Unix socket has no address.
    pub client: Option<IpAddr>,
}

/// The fields of a request, whatever they came in.
pub trait AnyField {
    /// Whether there is a field of this name, in any case, for whose value `holds` holds.
    fn any(&self, name: &[u8], holds: &mut dyn FnMut(&[u8]) -> bool) -> bool;
}

/// A list of names with their values.
impl AnyField for Vec<(&[u8], &[u8])> {
    fn any(&self, wanted: &[u8], holds: &mut dyn FnMut(&[u8]) -> bool) -> bool {
        self.iter().any(|(name, value)| name.eq_ignore_ascii_case(wanted) && holds(value))
    }
}

/// Host and path as they are written in the configuration; what else there is of conditions is not shown.
impl fmt::Display for When {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.host, &self.path) {
            (None, None) => f.write_str("*"),
            (Some(host), None) => host.fmt(f),
            (None, Some(path)) => path.fmt(f),
            (Some(host), Some(path)) => write!(f, "{host}{path}"),
        }
    }
}

impl When {
    /// How many conditions there are beside host and path.
    fn conditions(&self) -> usize {
        usize::from(!self.methods.is_empty()) + self.fields.len() + usize::from(!self.from.is_empty())
    }

    /// Whether these conditions hold.
    fn holds(&self, asked: &Asked<'_>) -> bool {
        let comes = |client| self.from.iter().any(|network| network.contains(client));
        (self.methods.is_empty() || self.methods.iter().any(|method| **method == *asked.method))
            && self.fields.iter().all(|field| field.holds(asked.fields))
            && (self.from.is_empty() || asked.client.is_some_and(comes))
    }
}

impl FieldRule {
    fn holds(&self, fields: &dyn AnyField) -> bool {
        fields.any(&self.name, &mut |value| self.value.as_ref().is_none_or(|wanted| **wanted == *value))
    }

    /// Whether this holds whenever the other does.
    fn follows_from(&self, other: &Self) -> bool {
        self.name == other.name && (self.value.is_none() || self.value == other.value)
    }
}
