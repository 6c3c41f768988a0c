//! Links that are being made, and requests that wait for those to be shared: many that come at once would else have a
//! connection each.

use super::http2::REQUESTS_MAX;
use super::links::Links;
use crate::reactor::Row;
use std::cell::RefCell;
use std::collections::BTreeMap;

/// Who makes links to which backend, and who waits for that.
#[derive(Default)]
pub struct Making {
    backends: RefCell<BTreeMap<usize, Backend>>,
    /// Those that are to look again.
    woken: RefCell<Vec<Row>>,
}

/// What is going on towards one backend.
#[derive(Default)]
struct Backend {
    connecting: usize,
    waiting: Vec<Row>,
}

impl Making {
    /// How many connect to this backend.
    pub fn connecting(&self, key: usize) -> usize {
        self.backends.borrow().get(&key).map_or(0, |backend| backend.connecting)
    }

    /// How many wait for a link to it.
    pub fn waiting(&self, key: usize) -> usize {
        self.backends.borrow().get(&key).map_or(0, |backend| backend.waiting.len())
    }

    /// All that wait for a link to this backend are to look again.
    pub fn wake(&self, key: usize) {
        if let Some(backend) = self.backends.borrow().get(&key) {
            self.woken.borrow_mut().extend(&backend.waiting);
        }
    }

    /// Whether somebody is to look again.
    pub fn has_woken(&self) -> bool {
        !self.woken.borrow().is_empty()
    }

    /// Who is to look again.
    pub fn take_woken(&self) -> Vec<Row> {
        self.woken.take()
    }

    fn change(&self, key: usize, change: impl FnOnce(&mut Backend)) {
        let mut backends = self.backends.borrow_mut();
        let backend = backends.entry(key).or_default();
        change(backend);
        if backend.connecting == 0 && backend.waiting.is_empty() {
            backends.remove(&key);
        }
    }
}

/// Somebody who connects, for a link that others may share.
pub struct Maker<'a> {
    links: &'a Links,
    key: usize,
}

impl<'a> Maker<'a> {
    /// To the backend of this key.
    pub fn new(links: &'a Links, key: usize) -> Self {
        links.making.change(key, |backend| backend.connecting += 1);
        Self { links, key }
    }
}

impl Drop for Maker<'_> {
    fn drop(&mut self) {
        self.links.making.change(self.key, |backend| backend.connecting -= 1);
        self.links.beckon(self.key);
    }
}

/// A request that waits for a link.
pub struct Waiter<'a> {
    links: &'a Links,
    key: usize,
    row: Row,
}

impl<'a> Waiter<'a> {
    /// The session at `row` waits for a link to the backend of this key, unless more wait already than those that are being
    /// made have room for.
    pub fn new(links: &'a Links, key: usize, row: Row) -> Option<Self> {
        // Who makes one has a request for it.
        let room = links.being_made(key) * (REQUESTS_MAX - 1);
        if links.making.waiting(key) >= room {
            return None;
        }
        links.making.change(key, |backend| backend.waiting.push(row));
        Some(Self { links, key, row })
    }

    /// Whether there is something to wait for.
    pub fn is_of_use(&self) -> bool {
        self.links.being_made(self.key) > 0
    }
}

impl Drop for Waiter<'_> {
    fn drop(&mut self) {
        self.links.making.change(self.key, |backend| backend.waiting.retain(|row| *row != self.row));
    }
}
