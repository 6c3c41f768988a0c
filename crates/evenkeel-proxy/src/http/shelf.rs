//! Links by the backends that they lead to.

use super::link::Link;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

/// Links; of each backend, the one that came last is last.
#[derive(Default)]
pub struct Shelf {
    links: BTreeMap<usize, Vec<Rc<Link>>>,
    count: usize,
}

impl Shelf {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.count
    }

    /// The backends that there are any of.
    pub fn keys(&self) -> impl Iterator<Item = usize> {
        self.links.iter().filter(|(_, links)| !links.is_empty()).map(|(key, _)| *key)
    }

    /// Those of one backend.
    pub fn of(&self, key: usize) -> &[Rc<Link>] {
        self.links.get(&key).map_or(&[], Vec::as_slice)
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &Rc<Link>> {
        self.links.values().flatten()
    }

    /// One more.
    pub fn push(&mut self, link: &Rc<Link>) {
        self.links.entry(link.key()).or_default().push(Rc::clone(link));
        self.count += 1;
    }

    /// Takes away the last one of a backend, if that suits.
    pub fn pop_if(&mut self, key: usize, suits: impl Fn(&Link) -> bool) -> Option<Rc<Link>> {
        let link = self.links.get_mut(&key)?.pop_if(|link| suits(link))?;
        self.count -= 1;
        Some(link)
    }

    /// Takes away this one, if it is there.
    pub fn remove(&mut self, link: &Rc<Link>) {
        self.extract(link.key(), |it| Rc::ptr_eq(it, link));
    }

    /// Takes away those of one backend that are meant.
    pub fn extract(&mut self, key: usize, is_meant: impl Fn(&Rc<Link>) -> bool) -> Vec<Rc<Link>> {
        let Some(links) = self.links.get_mut(&key) else { return Vec::new() };
        let meant: Vec<_> = links.extract_if(.., |link| is_meant(link)).collect();
        if links.is_empty() {
            self.links.remove(&key);
        }
        self.count -= meant.len();
        meant
    }

    /// Takes away all that are meant.
    pub fn extract_all(&mut self, is_meant: impl Fn(&Rc<Link>) -> bool) -> Vec<Rc<Link>> {
        let keys: BTreeSet<usize> = self.links.keys().copied().collect();
        keys.into_iter().flat_map(|key| self.extract(key, &is_meant)).collect()
    }
}
