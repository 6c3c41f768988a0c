//! A pool as one worker sees it: the newest snapshot of it, the dice of its picks, and who waits for a seat.

use crate::books::{CountedSeat, PoolBook};
use crate::line::Line;
use crate::reactor::Row;
use crate::tls::Keyring;
use evenkeel_core::addr::Addr;
use evenkeel_core::attempt::Tried;
use evenkeel_core::balance::Choice;
use evenkeel_core::budget::RetryBudget;
use evenkeel_core::dice::Dice;
use evenkeel_core::http::affinity::{Affinity, Tag, Tags};
use evenkeel_core::line::Ticket;
use evenkeel_core::load::Load;
use evenkeel_core::snapshot::Pool;
use rustls::ClientConfig;
use std::cell::{Cell, RefCell};
use std::sync::Arc;
use std::time::Instant;

/// A backend may lose its last seat to another worker between choice and entry; so often that is tried again.
const RACES: usize = 8;

/// One pool in one worker.
pub struct LocalPool {
    worker: usize,
    /// How many there are.
    workers: usize,
    newest: RefCell<Arc<Pool>>,
    /// Where its backends are counted.
    book: RefCell<PoolBook>,
    /// What is needed to speak TLS with its backends.
    tls: RefCell<Option<Arc<ClientConfig>>>,
    dice: RefCell<Dice>,
    budget: RefCell<RetryBudget>,
    line: RefCell<Line>,
    /// Whose turn it is among the pool's source addresses.
    turn: Cell<u32>,
    /// What its backends are called by clients that named one lately.
    tags: RefCell<Option<Tags>>,
    /// Snapshots in which some backend was lost.
    losses: Cell<u32>,
}

/// A seat at a backend, or why there is none.
pub enum Seating {
    /// Sit at the backend with this index of this pool.
    At(Arc<Pool>, u32, CountedSeat),
    /// Every backend is at one of its limits.
    Busy,
    /// Nobody is left to try.
    Exhausted,
}

impl LocalPool {
    /// The view that the worker of this number, of so many, has of `pool`.
    pub fn new(
        (worker, workers): (usize, usize),
        pool: Arc<Pool>,
        book: PoolBook,
        seed: u64,
        now: Instant,
    ) -> Self {
        Self {
            worker,
            workers,
            newest: RefCell::new(pool),
            book: RefCell::new(book),
            tls: RefCell::default(),
            dice: RefCell::new(Dice::new(seed)),
            budget: RefCell::new(RetryBudget::new(now)),
            line: RefCell::default(),
            turn: Cell::new(0),
            tags: RefCell::default(),
            losses: Cell::new(0),
        }
    }

    /// The newest snapshot.
    pub fn newest(&self) -> Arc<Pool> {
        Arc::clone(&self.newest.borrow())
    }

    /// Whether `pool` is the newest snapshot.
    pub fn is_at(&self, pool: &Arc<Pool>) -> bool {
        Arc::ptr_eq(&self.newest.borrow(), pool)
    }

    /// A newer snapshot has come.
    pub fn publish(&self, pool: &Arc<Pool>, book: &PoolBook, keyring: &Keyring) {
        if pool.backends.iter().any(|backend| backend.lost) {
            self.losses.set(self.losses.get().wrapping_add(1));
        }
        self.newest.replace(Arc::clone(pool));
        self.tags.replace(None);
        self.book.replace(Arc::clone(book));
        self.tls.replace(pool.rules.tls.as_ref().and_then(|terms| keyring.client(terms)).cloned());
    }

    /// Whether what goes to `backend` had better go elsewhere. `seen` is what the asker knows of losses: hardly ever is there
    /// anything new, and a flow asks with each datagram.
    pub fn replaces(&self, backend: &Addr, seen: &Cell<u32>) -> bool {
        let losses = self.losses.get();
        seen.replace(losses) != losses && self.newest.borrow().replaces(backend)
    }

    /// What is known of losses now.
    pub fn losses(&self) -> u32 {
        self.losses.get()
    }

    /// What is needed to speak TLS with its backends.
    pub fn tls(&self) -> Option<Arc<ClientConfig>> {
        self.tls.borrow().clone()
    }

    /// Whether its backends are spoken to through TLS.
    pub fn speaks_tls(&self) -> bool {
        self.newest.borrow().rules.tls.is_some()
    }

    /// A session begins: it earns its share of a retry.
    pub fn note_session(&self) {
        self.budget.borrow_mut().note_session(&self.newest.borrow().rules.connect);
    }

    /// Whether a retry may be made now.
    pub fn may_retry(&self, now: Instant) -> bool {
        self.budget.borrow_mut().try_take(now, &self.newest.borrow().rules.connect)
    }

    /// Chooses a backend and takes a seat there.
    pub fn seat(&self, client: u64, tried: impl Fn(&Arc<Pool>) -> Tried) -> Seating {
        let pool = self.newest();
        let tried = tried(&pool);
        let mut dice = self.dice.borrow_mut();
        for _ in 0..RACES {
            let index = match pool.choose(client, &mut dice, &tried) {
                Choice::Backend(index) => index,
                Choice::Busy => return Seating::Busy,
                Choice::Exhausted => return Seating::Exhausted,
            };
            let backend = &pool.backends[index as usize];
            if let Some(seat) = backend.load.enter(backend.limits) {
                let counts = self.book.borrow()[index as usize].of(self.worker);
                return Seating::At(pool, index, CountedSeat::new(seat, counts));
            }
        }
        Seating::Busy
    }

    /// A seat at this backend of the newest snapshot, if that may take what belongs to it from before and has room.
    pub fn seat_at(&self, is_meant: impl Fn(&Addr) -> bool) -> Option<(Arc<Pool>, u32, CountedSeat)> {
        let pool = self.newest();
        let index = pool.backends.iter().position(|backend| is_meant(&backend.addr))?;
        let index = Some(index).filter(|&index| pool.keeps(index as u32))?;
        let seat = pool.backends[index].load.enter(pool.backends[index].limits)?;
        let counts = self.book.borrow()[index].of(self.worker);
        Some((pool, index as u32, CountedSeat::new(seat, counts)))
    }

    /// A seat at the backend that a client names, if it may take it and was not tried.
    pub fn seat_named(
        &self,
        affinity: &Affinity,
        tag: Tag,
        tried: impl Fn(&Arc<Pool>) -> Tried,
    ) -> Option<Seating> {
        let pool = self.newest();
        let mut tags = self.tags.borrow_mut();
        let tags = match tags.take() {
            Some(known) if known.are_of(affinity) => tags.insert(known),
            _ => tags.insert(Tags::new(affinity, &pool.backends)),
        };
        let index = tags.find(tag).filter(|&it| pool.may_be_named(it) && !tried(&pool).contains(it))?;
        let backend = &pool.backends[index as usize];
        let seat = backend.load.enter(backend.limits)?;
        let counts = self.book.borrow()[index as usize].of(self.worker);
        Some(Seating::At(pool, index, CountedSeat::new(seat, counts)))
    }

    /// A seat for a session that is connected already, at the backend with this index of the newest snapshot; at one
    /// that is in no pool any more if there is none.
    pub fn join(&self, index: Option<usize>) -> CountedSeat {
        let pool = self.newest();
        match index.and_then(|index| {
            Some((pool.backends.get(index)?, self.book.borrow().get(index)?.of(self.worker)))
        }) {
            Some((backend, counts)) => CountedSeat::new(backend.load.join(), counts),
            None => CountedSeat::new(Arc::<Load>::default().join(), Arc::default()),
        }
    }

    /// One more than last time.
    pub fn turn(&self) -> u32 {
        self.turn.replace(self.turn.get().wrapping_add(1))
    }

    /// Whether somebody waits, in any worker, who would take any seat: whoever comes `now` has to wait as well.
    pub fn is_held_up(&self, now: Instant) -> bool {
        let pool = self.newest.borrow();
        let goes_before = |(oldest, _): (Ticket, usize)| oldest.goes_before(pool.line.ticket(now));
        self.line.borrow().front().is_some() || pool.line.oldest_but(self.worker).is_some_and(goes_before)
    }

    /// Whether anybody waits, in any worker, for a seat that was given back before.
    pub fn is_awaited(&self) -> bool {
        self.newest.borrow().line.is_awaited()
    }

    /// Joins the end of the line, unless as many wait as may. The picky do not take every seat.
    pub fn join_line(&self, row: Row, is_picky: bool, now: Instant) -> Option<PlaceInLine<'_>> {
        let pool = self.newest();
        let ticket = pool.line.join(pool.rules.queue.length, now)?;
        self.line.borrow_mut().join(row, ticket, is_picky);
        self.tell_front(&pool);
        Some(PlaceInLine { local: self, row, pool })
    }

    /// Who is to look for a seat since there may be one: whoever has waited longest, in any worker, and was not beckoned
    /// already; behind `row`, if that is picky and found none.
    pub fn beckon(&self, behind: Option<Row>) -> Option<Next> {
        let mut line = self.line.borrow_mut();
        let own = behind.map_or_else(|| line.next(), |row| line.next_after(row));
        match (own, self.newest.borrow().line.oldest_but(self.worker)) {
            (Some((_, ticket)), Some((other, worker))) if other.goes_before(ticket) => {
                Some(Next::There(worker))
            }
            (None, Some((_, worker))) => Some(Next::There(worker)),
            (Some((row, _)), _) => {
                line.beckon(row);
                Some(Next::Here(row))
            }
            (None, None) => None,
        }
    }

    /// The other workers in which somebody waits who does not take every seat.
    pub fn picky_elsewhere(&self) -> impl Iterator<Item = usize> {
        let picky: Vec<_> = self.newest.borrow().line.picky_but(self.worker).collect();
        picky.into_iter()
    }

    /// The other workers see who has waited longest in this one.
    fn tell_front(&self, pool: &Pool) {
        let line = self.line.borrow();
        pool.line.set_front((self.worker, self.workers), line.front(), line.has_picky());
    }
}

/// Who is to look for a seat.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// The session at this row.
    Here(Row),
    /// Somebody in this other worker.
    There(usize),
}

/// A place in the line for a seat; left on drop.
pub struct PlaceInLine<'a> {
    local: &'a LocalPool,
    row: Row,
    pool: Arc<Pool>,
}

impl PlaceInLine<'_> {
    /// Whether it is this session's turn: all others came later, or do not take every seat.
    pub fn may_go(&self) -> bool {
        let Some(ticket) = self.local.line.borrow_mut().go(self.row) else { return false };
        self.pool.line.oldest_but(self.local.worker).is_none_or(|(other, _)| !other.goes_before(ticket))
    }
}

impl Drop for PlaceInLine<'_> {
    fn drop(&mut self) {
        self.local.line.borrow_mut().leave(self.row);
        self.local.tell_front(&self.pool);
        self.pool.line.leave();
    }
}
