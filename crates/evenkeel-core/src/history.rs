//! What happened to each backend lately: its checks, its live failures, the changes of its state. Bounded: of each the
//! last few are kept, and of backends that have left only so many.

use crate::director::{EventKind, Order, State};
use crate::health::Verdict;
use crate::live::LiveFailure;
use crate::name::BackendKey;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::{Duration, Instant};

/// Of each backend so many checks, failures and changes are kept.
pub const KEPT: usize = 32;

/// Backends that have left their pools and are still remembered.
pub const GONE_MAX: usize = 256;

/// A check that has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checked {
    /// When.
    pub at: Instant,
    /// What it saw.
    pub verdict: Verdict,
    /// How long it took.
    pub took: Duration,
}

/// Live traffic that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Failed {
    /// When.
    pub at: Instant,
    /// How.
    pub failure: LiveFailure,
    /// How long it took.
    pub took: Duration,
}

/// A change of state, or what could have been one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Changed {
    /// When.
    pub at: Instant,
    /// The state before.
    pub from: State,
    /// The state from then on.
    pub to: State,
    /// Why.
    pub because: Because,
}

/// Why a backend changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Because {
    /// Of what the director made of checks, traffic, names and time.
    Event(EventKind),
    /// Somebody ordered it.
    Order {
        /// What.
        order: Box<Order>,
        /// Who.
        by: String,
    },
    /// The configuration, or the pool as a whole.
    Config,
}

/// The last of each kind about one backend, oldest first.
#[derive(Clone, Debug)]
pub struct History {
    /// Its state now.
    pub state: State,
    /// Since when it is kept.
    pub since: Instant,
    /// Checks that have ended.
    pub checks: VecDeque<Checked>,
    /// What of live traffic failed.
    pub failures: VecDeque<Failed>,
    /// Changes of state.
    pub changes: VecDeque<Changed>,
}

impl History {
    fn new(now: Instant, state: State) -> Self {
        let (checks, failures, changes) = Default::default();
        Self { state, since: now, checks, failures, changes }
    }

    /// When it came into the state in which it is, and whether it was that very moment: it may have been in it before
    /// anybody took notes, or since longer than they are kept.
    pub fn in_state_since(&self) -> (Instant, bool) {
        if let Some(turn) = self.changes.iter().rev().find(|it| it.from != it.to) {
            return (turn.at, true);
        }
        let oldest = self.changes.front().filter(|_| !self.is_whole());
        (oldest.map_or(self.since, |it| it.at), false)
    }

    /// Whether no change was forgotten.
    fn is_whole(&self) -> bool {
        self.changes.len() < KEPT
    }

    /// The state it was in at `time`; `None` if that is too long ago to be known.
    pub fn state_at(&self, time: Instant) -> Option<State> {
        if let Some(change) = self.changes.iter().rev().find(|it| it.at <= time) {
            return Some(change.to);
        }
        (self.is_whole() && time >= self.since)
            .then(|| self.changes.front().map_or(self.state, |first| first.from))
    }
}

/// The histories of all backends.
#[derive(Debug, Default)]
pub struct Chronicle {
    backends: BTreeMap<BackendKey, History>,
    /// Those that have left, the longest ago first.
    gone: VecDeque<BackendKey>,
}

impl Chronicle {
    /// The history of a backend that is there, or left not long ago.
    pub fn of(&self, key: &BackendKey) -> Option<&History> {
        self.backends.get(key)
    }

    /// Those that have left and are still known.
    pub fn gone(&self) -> impl Iterator<Item = &BackendKey> {
        self.gone.iter()
    }

    /// From now on there are exactly these backends, because the configuration says so.
    pub fn follow(&mut self, now: Instant, present: &BTreeMap<BackendKey, State>) {
        for (key, state) in present {
            self.backends.entry(key.clone()).or_insert_with(|| History::new(now, *state));
        }
        let gone: BTreeSet<&BackendKey> = self.gone.iter().collect();
        let left = |key: &&BackendKey| !present.contains_key(key) && !gone.contains(key);
        let left: Vec<_> = self.backends.keys().filter(left).cloned().collect();
        left.iter().for_each(|key| self.note_change(now, key, State::Removed, Because::Config));
    }

    /// A check has ended.
    pub fn note_check(&mut self, now: Instant, key: &BackendKey, verdict: Verdict, took: Duration) {
        if let Some(history) = self.backends.get_mut(key) {
            push(&mut history.checks, Checked { at: now, verdict, took });
        }
    }

    /// Live traffic has failed.
    pub fn note_failure(&mut self, now: Instant, key: &BackendKey, failure: LiveFailure, took: Duration) {
        if let Some(history) = self.backends.get_mut(key) {
            push(&mut history.failures, Failed { at: now, failure, took });
        }
    }

    /// A backend is in this state from now on.
    pub fn note_change(&mut self, now: Instant, key: &BackendKey, to: State, because: Because) {
        let history = self.backends.entry(key.clone()).or_insert_with(|| History::new(now, State::Removed));
        let from = std::mem::replace(&mut history.state, to);
        push(&mut history.changes, Changed { at: now, from, to, because });
        self.gone.retain(|it| it != key);
        if to == State::Removed {
            self.gone.push_back(key.clone());
        }
        if self.gone.len() > GONE_MAX
            && let Some(longest) = self.gone.pop_front()
        {
            self.backends.remove(&longest);
        }
    }
}

fn push<T>(ring: &mut VecDeque<T>, item: T) {
    if ring.len() == KEPT {
        ring.pop_front();
    }
    ring.push_back(item);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::addr::Addr;
    use crate::attempt::ConnectFailure;
    use crate::name::PoolName;

    const MS: Duration = Duration::from_millis(1);

    const REFUSED: LiveFailure = LiveFailure::Connect(ConnectFailure::Refused);

    #[test]
    fn the_state_at_a_time_is_told_as_far_as_it_is_known() {
        let (mut chronicle, begin) = begun();
        let up = || Because::Event(EventKind::Returned);
        chronicle.note_change(begin + 10 * MS, &key(1), State::Down, up());
        chronicle.note_change(begin + 20 * MS, &key(1), State::Up, up());
        let at = |ms: u32| chronicle.of(&key(1)).unwrap().state_at(begin + ms * MS);
        assert_eq!(
            [0, 9, 10, 19, 20, 99].map(at),
            [State::Checking, State::Checking, State::Down, State::Down, State::Up, State::Up].map(Some)
        );
        chronicle.note_change(begin + 30 * MS, &key(1), State::Up, Because::Config);
        assert_eq!(chronicle.of(&key(1)).unwrap().in_state_since(), (begin + 20 * MS, true));
        let before = begin.checked_sub(MS).unwrap();
        assert_eq!(chronicle.of(&key(1)).unwrap().state_at(before), None);
    }

    #[test]
    fn of_each_kind_the_last_are_kept() {
        let (mut chronicle, begin) = begun();
        for n in 0..100 {
            let now = begin + n * MS;
            chronicle.note_check(now, &key(1), Verdict::Pass(MS), MS);
            chronicle.note_failure(now, &key(1), REFUSED, MS);
            chronicle.note_change(now, &key(1), State::Up, Because::Config);
        }
        let history = chronicle.of(&key(1)).unwrap();
        let lengths = [history.checks.len(), history.failures.len(), history.changes.len()];
        assert_eq!(lengths, [KEPT; 3]);
        assert_eq!((history.checks[0].at, history.failures[31].at), (begin + 68 * MS, begin + 99 * MS));
        assert_eq!(history.state_at(begin), None, "what was then has been forgotten");
        assert_eq!(history.in_state_since(), (begin + 68 * MS, false), "at least");
    }

    #[test]
    fn of_those_that_have_left_only_so_many_are_known_the_last_to_leave() {
        let (mut chronicle, begin) = begun();
        for n in 0..2 * GONE_MAX as u16 {
            chronicle.note_change(begin, &key(n), State::Removed, Because::Config);
        }
        assert_eq!((chronicle.gone().count(), chronicle.backends.len()), (GONE_MAX, GONE_MAX));
        assert!(chronicle.of(&key(0)).is_none() && chronicle.of(&key(511)).is_some());
    }

    #[test]
    fn one_that_comes_back_goes_on_with_its_history() {
        let (mut chronicle, begin) = begun();
        chronicle.follow(begin + MS, &BTreeMap::new());
        assert_eq!(chronicle.gone().collect::<Vec<_>>(), [&key(1)]);
        chronicle.follow(begin + MS, &BTreeMap::new());
        assert_eq!(chronicle.of(&key(1)).unwrap().changes.len(), 1, "it left once");
        chronicle.note_change(begin + 2 * MS, &key(1), State::Checking, Because::Config);
        assert_eq!((chronicle.gone().count(), chronicle.of(&key(1)).unwrap().changes.len()), (0, 2));
    }

    #[test]
    fn a_history_is_as_small_as_the_documents_say() {
        let sizes = [size_of::<Checked>(), size_of::<Failed>(), size_of::<Changed>()];
        assert!(sizes.iter().sum::<usize>() * KEPT <= 6_000, "{sizes:?}");
    }

    #[test]
    fn what_is_told_of_strangers_is_not_kept() {
        let (mut chronicle, begin) = begun();
        chronicle.note_check(begin, &key(2), Verdict::Pass(MS), MS);
        chronicle.note_failure(begin, &key(2), REFUSED, MS);
        assert!(chronicle.of(&key(2)).is_none());
    }

    #[expect(clippy::disallowed_methods, reason = "a virtual clock has to begin somewhere")]
    fn begun() -> (Chronicle, Instant) {
        let (mut chronicle, begin) = (Chronicle::default(), Instant::now());
        chronicle.follow(begin, &[(key(1), State::Checking)].into());
        (chronicle, begin)
    }

    fn key(port: u16) -> BackendKey {
        BackendKey { pool: PoolName::new("web"), addr: Addr::Ip(([10, 0, 0, 1], port).into()) }
    }
}
