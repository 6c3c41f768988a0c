//! Which flows there are, how far each has come, and which of them is over next.

use super::key::Key;
use super::order::Orders;
use super::{FlowRules, Standing};
use crate::dice::Dice;
use crate::end::End;
use std::hash::Hash;
use std::time::{Duration, Instant};

#[expect(clippy::disallowed_types, reason = "nobody goes through it, and the key of its hash is an argument")]
type Paths<P> = std::collections::HashMap<P, u32, Key>;

/// A place in the table, and which of its tenants is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct FlowId {
    index: u32,
    tenant: u32,
}

/// What is known of a flow besides where it is from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kept {
    /// How far it has come.
    pub standing: Standing,
    /// When it was heard of last.
    pub active: Instant,
    /// Datagrams of the client.
    pub asked: u64,
    /// Datagrams of the backend.
    pub answered: u64,
}

#[derive(Debug)]
struct Flow<P, T> {
    path: P,
    value: T,
    kept: Kept,
}

#[derive(Debug)]
struct Place<P, T> {
    tenant: u32,
    flow: Option<Flow<P, T>>,
}

/// The flows of a service in one worker. `P` is what tells them apart: where a client sends from and to. `T` is whatever the
/// caller keeps for each.
///
/// For each datagram of a client call [`handle_client`](Self::handle_client); where there is no flow yet,
/// [`open`](Self::open) one, having made room. For each of a backend, [`handle_backend`](Self::handle_backend). When
/// [`next_deadline`](Self::next_deadline) has come, [`handle_timeout`](Self::handle_timeout) until nothing is over.
#[derive(Debug)]
pub struct FlowTable<P, T> {
    rules: FlowRules,
    limit: u32,
    places: Vec<Place<P, T>>,
    free: Vec<u32>,
    paths: Paths<P>,
    orders: Orders<{ Standing::ALL.len() }>,
}

impl<P: Copy + Eq + Hash, T> FlowTable<P, T> {
    /// Room for `limit` flows, which are held to `rules`. `dice` roll the key of the hash.
    pub fn new(limit: u32, rules: FlowRules, dice: &mut Dice) -> Self {
        Self {
            rules,
            limit,
            places: Vec::new(),
            free: Vec::new(),
            paths: Paths::with_hasher(Key::new(dice)),
            orders: Orders::new(),
        }
    }

    /// Changes what flows are held to, those that there are too. Those that are too many stay until one wants their room.
    pub fn set(&mut self, limit: u32, rules: FlowRules) {
        (self.limit, self.rules) = (limit, rules);
    }

    /// How many flows there are.
    pub fn len(&self) -> u32 {
        Standing::ALL.iter().map(|standing| self.orders.len(*standing as usize)).sum()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many have to leave before another one fits in.
    pub fn excess(&self) -> u32 {
        (self.len() + 1).saturating_sub(self.limit)
    }

    /// What is kept for the flow, if it is still there.
    pub fn get(&self, id: FlowId) -> Option<(&T, Kept)> {
        self.flow(id).map(|flow| (&flow.value, flow.kept))
    }

    /// All flows, in no order.
    pub fn iter(&self) -> impl Iterator<Item = (FlowId, &P, &T)> {
        (0..).zip(&self.places).filter_map(|(index, place)| {
            let flow = place.flow.as_ref()?;
            Some((FlowId { index, tenant: place.tenant }, &flow.path, &flow.value))
        })
    }

    /// The flow that `path` belongs to has `datagrams` more of its client. `None`: there is no such flow.
    pub fn handle_client(&mut self, now: Instant, path: &P, datagrams: u64) -> Option<(FlowId, &T)> {
        let index = *self.paths.get(path)?;
        let place = &mut self.places[index as usize];
        let kept = &mut place.flow.as_mut()?.kept;
        kept.asked += datagrams;
        let (was, tenant) = (kept.standing, place.tenant);
        let standing = if was == Standing::Answered { Standing::Settled } else { was };
        self.hear(now, index, standing);
        Some((FlowId { index, tenant }, &self.places[index as usize].flow.as_ref()?.value))
    }

    /// The backend has sent `datagrams` more. The end of the flow, if they were its last.
    pub fn handle_backend(&mut self, now: Instant, id: FlowId, datagrams: u64) -> Option<End> {
        let kept = &mut self.flow_mut(id)?.kept;
        kept.answered += datagrams;
        let (standing, Kept { asked, answered, .. }) = (kept.standing.max(Standing::Answered), *kept);
        self.hear(now, id.index, standing);
        let wanted = self.rules.answers.filter(|answers| *answers > 0)?;
        (answered >= asked.saturating_mul(wanted.into())).then_some(End::Answered)
    }

    /// A flow begins with one datagram of its client. Whoever has that path already gives it up; there has to be room.
    pub fn open(&mut self, now: Instant, path: P, value: T) -> FlowId {
        let kept = Kept { standing: Standing::Unanswered, active: now, asked: 1, answered: 0 };
        self.resume(path, value, kept)
    }

    /// A flow goes on that was known before, to somebody else.
    pub fn resume(&mut self, path: P, value: T, kept: Kept) -> FlowId {
        let flow = Flow { path, value, kept };
        let index = match self.free.pop() {
            Some(index) => {
                self.places[index as usize].flow = Some(flow);
                index
            }
            None => {
                self.places.push(Place { tenant: 0, flow: Some(flow) });
                (self.places.len() - 1) as u32
            }
        };
        self.paths.insert(path, index);
        self.line_up(index, kept.standing, kept.active);
        FlowId { index, tenant: self.places[index as usize].tenant }
    }

    /// The flow is over: what was kept for it.
    pub fn close(&mut self, id: FlowId) -> Option<T> {
        let standing = self.flow(id)?.kept.standing;
        let place = &mut self.places[id.index as usize];
        let Flow { path, value, .. } = place.flow.take()?;
        place.tenant = place.tenant.wrapping_add(1);
        if self.paths.get(&path) == Some(&id.index) {
            self.paths.remove(&path);
        }
        self.orders.remove(standing as usize, id.index);
        self.free.push(id.index);
        Some(value)
    }

    /// Whether nothing came back to this flow in all the time since `since`, when it was first sent to its backend, though it
    /// has had as long as flows have for that.
    pub fn is_in_vain(&self, now: Instant, id: FlowId, since: Instant) -> bool {
        let is_unanswered = self.flow(id).is_some_and(|flow| flow.kept.standing == Standing::Unanswered);
        is_unanswered && self.rules.expects_answers() && now >= since + self.rules.unanswered
    }

    /// Of those that nobody has answered who was quiet for longest, if that is longer than `quiet`.
    pub fn oldest_unanswered(&self, now: Instant, quiet: Duration) -> Option<FlowId> {
        let index = self.orders.first(Standing::Unanswered as usize)?;
        let place = &self.places[index as usize];
        let active = place.flow.as_ref()?.kept.active;
        (now >= active + quiet).then_some(FlowId { index, tenant: place.tenant })
    }

    /// Whose room a new flow would take: of those who have come least far who was quiet for longest. Each standing keeps a
    /// quarter of the table: a flood of senders whom nobody answers takes no room of clients that are answered, and many
    /// idle clients none of those who are about to be.
    pub fn oldest(&self) -> Option<FlowId> {
        let quarter = self.limit / 4;
        let first = |standing: &Standing| self.orders.first(*standing as usize);
        let has_more = |standing: &&Standing| self.orders.len(**standing as usize) > quarter;
        let crowded = Standing::ALL.iter().find(has_more).and_then(first);
        let index = crowded.or_else(|| Standing::ALL.iter().find_map(first))?;
        Some(FlowId { index, tenant: self.places[index as usize].tenant })
    }

    /// When the next flow is over unless something is heard of it.
    pub fn next_deadline(&self) -> Option<Instant> {
        Standing::ALL.iter().filter_map(|standing| self.deadline(*standing).map(|(at, _)| at)).min()
    }

    /// A flow that was quiet for too long by `now`, and how it ends. It is still there.
    pub fn handle_timeout(&self, now: Instant) -> Option<(FlowId, End)> {
        Standing::ALL.iter().find_map(|standing| {
            let (_, index) = self.deadline(*standing).filter(|(at, _)| *at <= now)?;
            let id = FlowId { index, tenant: self.places[index as usize].tenant };
            let in_vain = *standing == Standing::Unanswered && self.rules.expects_answers();
            Some((id, if in_vain { End::Unanswered } else { End::FlowIdle }))
        })
    }

    /// When the first of those of this standing is over.
    fn deadline(&self, standing: Standing) -> Option<(Instant, u32)> {
        let index = self.orders.first(standing as usize)?;
        let active = self.places[index as usize].flow.as_ref()?.kept.active;
        Some((active + self.rules.patience(standing), index))
    }

    fn flow(&self, id: FlowId) -> Option<&Flow<P, T>> {
        let place = self.places.get(id.index as usize).filter(|place| place.tenant == id.tenant)?;
        place.flow.as_ref()
    }

    fn flow_mut(&mut self, id: FlowId) -> Option<&mut Flow<P, T>> {
        let place = self.places.get_mut(id.index as usize).filter(|place| place.tenant == id.tenant)?;
        place.flow.as_mut()
    }

    /// Something was heard of the flow at `index`.
    fn hear(&mut self, now: Instant, index: u32, standing: Standing) {
        let Some(flow) = &mut self.places[index as usize].flow else { return };
        let was = flow.kept.standing;
        (flow.kept.standing, flow.kept.active) = (standing, flow.kept.active.max(now));
        let active = flow.kept.active;
        if was != standing || self.orders.last(standing as usize) != Some(index) {
            self.orders.remove(was as usize, index);
            self.line_up(index, standing, active);
        }
    }

    /// Puts the flow at `index`, which is in no list, behind those that were not heard of since: as time goes on, at the end.
    fn line_up(&mut self, index: u32, standing: Standing, active: Instant) {
        let is_later = |index: u32| {
            let flow = self.places[index as usize].flow.as_ref();
            flow.is_some_and(|flow| flow.kept.active > active)
        };
        let mut front = self.orders.last(standing as usize);
        while let Some(index) = front.filter(|index| is_later(*index)) {
            front = self.orders.before(index);
        }
        self.orders.insert(standing as usize, index, front);
    }
}
