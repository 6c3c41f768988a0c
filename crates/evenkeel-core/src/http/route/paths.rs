//! The routes of some hosts, found by path.

use super::PathPattern;
use std::collections::BTreeMap;

/// Each list is with the most specific first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Paths {
    pub exact: BTreeMap<Box<[u8]>, Vec<usize>>,
    pub below: BTreeMap<Box<[u8]>, Vec<usize>>,
    /// Slashes in the longest of those: no client can make us look at more.
    depth: usize,
    /// Of every path, and of none.
    pub all: Vec<usize>,
}

impl Paths {
    /// Adds the route at `index`.
    pub fn add(&mut self, path: Option<&PathPattern>, index: usize) {
        match path {
            Some(PathPattern::Exact(path)) => self.exact.entry(path.clone()).or_default().push(index),
            Some(PathPattern::Below(path)) => {
                self.depth = self.depth.max(slashes(path).count());
                self.below.entry(path.clone()).or_default().push(index);
            }
            None => self.all.push(index),
        }
    }

    /// All of its lists.
    pub fn lists(&mut self) -> impl Iterator<Item = &mut Vec<usize>> {
        self.exact.values_mut().chain(self.below.values_mut()).chain([&mut self.all])
    }

    /// The routes that are for this path, the most specific first.
    pub fn of<'a>(&'a self, path: Option<&[u8]>) -> impl Iterator<Item = &'a usize> {
        let exact = path.and_then(|path| self.exact.get(path));
        let mut below = path.filter(|_| !self.below.is_empty()).map(|path| first(path, self.depth));
        let below = std::iter::from_fn(move || {
            let path = below?;
            below = path.iter().rposition(|byte| *byte == b'/').map(|slash| &path[..slash]);
            Some(self.below.get(path))
        });
        exact.into_iter().chain(below.flatten()).chain([&self.all]).flatten()
    }
}

/// The first `depth` segments of a path.
fn first(path: &[u8], depth: usize) -> &[u8] {
    slashes(path).nth(depth).map_or(path, |end| &path[..end])
}

fn slashes(path: &[u8]) -> impl Iterator<Item = usize> {
    path.iter().enumerate().filter(|(_, byte)| **byte == b'/').map(|(at, _)| at)
}
