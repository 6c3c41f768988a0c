//! Something for each of some hosts: a look-up for each label of a name, however many hosts there are. The maps are sorted,
//! not hashed, so that no name that a client thinks of can be slow.

use super::Pattern;
use std::collections::BTreeMap;

/// What there is for hosts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ByHost<T> {
    /// For hosts themselves.
    hosts: BTreeMap<Box<str>, T>,
    /// For all hosts below one.
    below: BTreeMap<Box<str>, T>,
    /// For every host, and for who names none.
    all: T,
}

impl<T: Default> ByHost<T> {
    /// What is for these hosts; `None`: for all.
    pub fn at(&mut self, hosts: Option<&Pattern>) -> &mut T {
        match hosts {
            Some(Pattern::Host(name)) => self.hosts.entry(name.clone()).or_default(),
            Some(Pattern::Below(name)) => self.below.entry(name.clone()).or_default(),
            None => &mut self.all,
        }
    }

    /// What is for a host, the most specific first: for itself, for those below a longer suffix, below a shorter one, for all.
    pub fn of(&self, name: Option<&str>) -> impl Iterator<Item = &T> {
        let host = name.and_then(|name| self.hosts.get(name));
        let below = name.into_iter().flat_map(suffixes).filter_map(|suffix| self.below.get(suffix));
        host.into_iter().chain(below).chain([&self.all])
    }

    /// All of it, each with the hosts that it is for.
    pub fn iter(&self) -> impl Iterator<Item = (Option<Pattern>, &T)> {
        let hosts = self.hosts.iter().map(|(name, it)| (Some(Pattern::Host(name.clone())), it));
        let below = self.below.iter().map(|(name, it)| (Some(Pattern::Below(name.clone())), it));
        hosts.chain(below).chain([(None, &self.all)])
    }

    /// All of it, to be changed.
    pub fn values_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.hosts.values_mut().chain(self.below.values_mut()).chain([&mut self.all])
    }
}

/// What follows each dot of a name, the longest first.
fn suffixes(name: &str) -> impl Iterator<Item = &str> {
    name.match_indices('.').map(|(dot, _)| &name[dot + 1..])
}
