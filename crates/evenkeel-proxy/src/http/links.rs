//! The links of one worker: which of them a request may have, and how long they are kept for the next one.

use super::footing::Footing;
use super::lease::Lease;
use super::link::{Link, Made, key};
use super::making::Making;
use super::shelf::Shelf;
use crate::reactor::{Reactor, Row, Token};
use evenkeel_core::http::rules::LinkRules;
use evenkeel_core::load::Load;
use evenkeel_sys::poll::Readiness;
use slab::Slab;
use std::cell::{Cell, RefCell};
use std::collections::{HashSet, VecDeque};
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Links of one worker that wait, at most.
const IDLE_MAX: usize = 1024;

/// From one look at those that have waited for long, or been silent, to the next.
const SWEEP: Duration = Duration::from_millis(500);

/// The links of one worker.
#[derive(Default)]
pub struct Links {
    table: RefCell<Slab<Rc<Link>>>,
    begun: Cell<u32>,
    /// Those that wait.
    idle: RefCell<Shelf>,
    /// Those of HTTP/2 that do not, and may have further requests.
    shared: RefCell<Shelf>,
    /// How many are of HTTP/2.
    http2: Cell<usize>,
    /// Those that have something to do which nothing will tell of.
    due: RefCell<VecDeque<Row>>,
    /// Those that are not there yet.
    pub making: Making,
    next_sweep: Cell<Option<Instant>>,
}

impl Links {
    /// Whether there is one.
    pub fn are_any(&self) -> bool {
        !self.table.borrow().is_empty()
    }

    /// Makes a link of a connection that the session at `user` has `made`, by this, to the backend with this load. Unless it is to be
    /// `kept`, no other request ever has it.
    pub fn add(
        &self,
        reactor: &Reactor,
        (made, footing, is_kept): (Made, Footing, bool),
        load: &Arc<Load>,
        ready: Readiness,
        user: Row,
    ) -> io::Result<Lease<'_>> {
        let mut table = self.table.borrow_mut();
        let begun = self.begun.replace(self.begun.get().wrapping_add(1));
        let place = Row::new(table.vacant_key() as u32, begun);
        let link = Rc::new(Link::new(place, (made, footing), load, ready, reactor.now()));
        link.with_socket(|socket| reactor.rename(socket, Token::Link(place)))?;
        link.is_open.set(is_kept);
        table.insert(Rc::clone(&link));
        self.http2.update(|it| it + usize::from(link.is_http2()));
        self.plan_sweep(reactor.now());
        Ok(Lease::new(self, self.share(link), user, false))
    }

    /// A link to the backend with this load for the session at `user`: the one that has waited least; if none does, one of
    /// HTTP/2 that has room beside the requests that it has, where they are fewest. If it must have been made `since`, it is one
    /// of HTTP/2 in any case: of HTTP/1 others may all have ended alike.
    pub fn take(&self, load: &Arc<Load>, user: Row, since: Option<Instant>) -> Option<Lease<'_>> {
        let suits = |link: &Link| since.is_none_or(|at| link.is_http2() && link.made >= at);
        let waiting = self.idle.borrow_mut().pop_if(key(load), suits);
        let link = match waiting {
            Some(link) => self.share(link),
            None => self.roomiest(key(load), suits)?,
        };
        Some(Lease::new(self, link, user, true))
    }

    fn roomiest(&self, key: usize, suits: impl Fn(&Link) -> bool) -> Option<Rc<Link>> {
        let shared = self.shared.borrow();
        let with_room = shared.of(key).iter().filter(|link| link.has_room() && suits(link));
        with_room.min_by_key(|link| link.requests()).cloned()
    }

    fn share(&self, link: Rc<Link>) -> Rc<Link> {
        if link.is_http2() && link.is_open.get() {
            self.shared.borrow_mut().push(&link);
        }
        link
    }

    /// A request leaves its link, which may have others by these rules if it is to be kept.
    pub fn part(&self, link: &Rc<Link>, request: u64, keep: Option<(LinkRules, Instant)>) {
        link.leave(request);
        link.is_open.set(link.is_open.get() && keep.is_some());
        let is_used = link.requests() > 0;
        if !link.is_open.get() || !is_used {
            self.shared.borrow_mut().remove(link);
        }
        match keep.filter(|_| link.is_open.get()) {
            _ if is_used => self.note_due(link),
            Some((rules, now)) if self.may_wait(link, &rules) => {
                self.let_wait(link, now, now + rules.idle_for)
            }
            _ => self.remove(link),
        }
    }

    fn may_wait(&self, link: &Link, rules: &LinkRules) -> bool {
        let idle = self.idle.borrow();
        let has_place = idle.of(link.key()).len() < rules.idle_max as usize && idle.len() < IDLE_MAX;
        has_place && link.has_room()
    }

    fn let_wait(&self, link: &Rc<Link>, now: Instant, until: Instant) {
        link.idle_until.set(until);
        self.idle.borrow_mut().push(link);
        self.note_due(link);
        self.plan_sweep(now);
    }

    fn plan_sweep(&self, now: Instant) {
        let is_of_use = self.idle.borrow().len() > 0 || self.http2.get() > 0;
        self.next_sweep.set(self.next_sweep.get().or(Some(now + SWEEP)).filter(|_| is_of_use));
    }

    /// A link has something to do which nothing will tell of.
    pub fn note_due(&self, link: &Link) {
        if link.is_http2() && !link.is_due.replace(true) {
            self.due.borrow_mut().push_back(link.place);
        }
    }

    /// A link became ready: whose go it is, if that is one session's. Else `wake` is let know of all that it has news for.
    pub fn on_ready(
        &self,
        (place, readiness): (Row, Readiness),
        now: Instant,
        wake: impl FnMut(Row),
    ) -> Option<Row> {
        let link = self.at(place)?;
        let user = link.on_ready(readiness);
        self.drive(&link, now, wake);
        user
    }

    /// Lets those go on that have something to do; `wake` is let know of the sessions that they have news for.
    pub fn drive_due(&self, now: Instant, mut wake: impl FnMut(Row)) {
        let count = self.due.borrow().len();
        for _ in 0..count {
            let link = self.due.borrow_mut().pop_front().and_then(|place| self.at(place));
            link.into_iter().for_each(|link| self.drive(&link, now, &mut wake));
        }
        self.making.take_woken().into_iter().for_each(wake);
    }

    /// One that waits is closed if it is no good for another request: it has ended, or said what nobody asked for.
    fn drive(&self, link: &Rc<Link>, now: Instant, wake: impl FnMut(Row)) {
        link.is_due.set(false);
        if link.drive(now, wake) {
            self.note_due(link);
        }
        if link.requests() == 0 && !link.has_room() {
            self.idle.borrow_mut().remove(link);
            self.remove(link);
        }
        self.beckon(link.key());
    }

    /// How many links to the backend of this key are being made, up to its first word: before that they are for one request.
    pub fn being_made(&self, key: usize) -> usize {
        let silent = self.shared.borrow().of(key).iter().filter(|link| link.is_awaited()).count();
        self.making.connecting(key) + silent
    }

    /// Those who wait for a link to the backend of this key look again, if one has room or none is being made.
    pub fn beckon(&self, key: usize) {
        if self.making.waiting(key) == 0 {
            return;
        }
        let has_room = |shelf: &RefCell<Shelf>| shelf.borrow().of(key).iter().any(|link| link.has_room());
        if has_room(&self.idle) || has_room(&self.shared) || self.being_made(key) == 0 {
            self.making.wake(key);
        }
    }

    /// Closes what waits at others than these backends, told by the addresses of their loads. There may be many more of them
    /// than links: none is looked at when it is known that all links stay.
    pub fn retain(&self, mut stay: impl Iterator<Item = usize>) {
        let mut others: HashSet<usize> = self.idle.borrow().keys().collect();
        while !others.is_empty() {
            let Some(key) = stay.next() else { return self.close_idle(|link| others.contains(&link.key())) };
            others.remove(&key);
        }
    }

    /// Closes the one that would be closed first of those that wait, as somebody needs its descriptor; whether there was one.
    pub fn give_way(&self) -> bool {
        let first = self.idle.borrow().iter().min_by_key(|link| link.idle_until.get()).cloned();
        let Some(link) = first else { return false };
        self.idle.borrow_mut().remove(&link);
        self.remove(&link);
        true
    }

    /// How long nothing is to be done; `None`: until something happens.
    pub fn due(&self, now: Instant) -> Option<Duration> {
        if !self.due.borrow().is_empty() || self.making.has_woken() {
            return Some(Duration::ZERO);
        }
        self.next_sweep.get().map(|at| at.saturating_duration_since(now))
    }

    /// Closes what has waited for as long as it may, and looks after those that have been silent for too long.
    pub fn sweep(&self, now: Instant, mut wake: impl FnMut(Row)) {
        if self.next_sweep.get().is_none_or(|at| now < at) {
            return;
        }
        self.close_idle(|link| link.idle_until.get() <= now);
        for link in self.overdue(now) {
            self.drive(&link, now, &mut wake);
        }
        self.next_sweep.set(None);
        self.plan_sweep(now);
    }

    fn overdue(&self, now: Instant) -> Vec<Rc<Link>> {
        if self.http2.get() == 0 {
            return Vec::new();
        }
        let table = self.table.borrow();
        table.iter().map(|(_, link)| link).filter(|link| link.is_overdue(now)).cloned().collect()
    }

    fn close_idle(&self, is_meant: impl Fn(&Rc<Link>) -> bool) {
        let over = self.idle.borrow_mut().extract_all(is_meant);
        over.iter().for_each(|link| self.remove(link));
    }

    fn at(&self, place: Row) -> Option<Rc<Link>> {
        self.table.borrow().get(place.index as usize).filter(|link| link.place == place).cloned()
    }

    fn remove(&self, link: &Link) {
        let mut table = self.table.borrow_mut();
        if table.get(link.place.index as usize).is_some_and(|it| it.place == link.place) {
            table.remove(link.place.index as usize);
            self.http2.update(|it| it - usize::from(link.is_http2()));
        }
        drop(table);
        self.beckon(link.key());
    }
}
