//! What there is to be seen of a backend, for whoever looks in from outside.

use super::order::Duty;
use crate::eligible::Standing;
use crate::health::Verdict;
use crate::name::BackendKey;
use std::time::Instant;

/// One backend at one moment.
#[derive(Clone, Debug)]
pub struct BackendView {
    /// Identity.
    pub key: BackendKey,
    /// How it stands.
    pub standing: Standing,
    /// What operators want of it.
    pub duty: Duty,
    /// Its share, slow start not counted; 0 takes nothing.
    pub weight: u32,
    /// What percentage of that it has while it starts slowly.
    pub slow_start: Option<u32>,
    /// Takes traffic only while no primary can.
    pub backup: bool,
    /// Sessions at once at most; `u32::MAX` is no limit.
    pub max_sessions: u32,
    /// Whether it is checked at all.
    pub checked: bool,
    /// What was counted of it since it joined.
    pub tally: Tally,
}

/// The one word for how a backend stands, operators included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Not checked yet.
    Checking,
    /// Takes traffic, as far as its tier is in use.
    Up,
    /// Its checks fail.
    Down,
    /// Live traffic failed.
    Ejected,
    /// An operator sends it nothing new.
    Drain,
    /// The same, and its sessions were closed.
    Disabled,
    /// It is not in its pool any more.
    Removed,
}

impl State {
    /// All that a backend of a pool can be in.
    pub const ALL: [Self; 6] =
        [Self::Checking, Self::Up, Self::Down, Self::Ejected, Self::Drain, Self::Disabled];

    /// What these two come to.
    pub fn of(duty: Duty, standing: Standing) -> Self {
        match (duty, standing) {
            (Duty::Drain, _) => Self::Drain,
            (Duty::Off, _) => Self::Disabled,
            (Duty::On, Standing::Checking) => Self::Checking,
            (Duty::On, Standing::Up) => Self::Up,
            (Duty::On, Standing::Down) => Self::Down,
            (Duty::On, Standing::Ejected) => Self::Ejected,
        }
    }

    /// The word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Checking => "checking",
            Self::Up => "up",
            Self::Down => "down",
            Self::Ejected => "ejected",
            Self::Drain => "drain",
            Self::Disabled => "disabled",
            Self::Removed => "removed",
        }
    }
}

impl BackendView {
    /// How it stands, in one word.
    pub fn state(&self) -> State {
        State::of(self.duty, self.standing)
    }
}

/// What is counted of a backend since it joined.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    /// Checks that passed.
    pub passed: u64,
    /// Checks that failed; those that we could not make are not among them.
    pub failed: u64,
    /// Times that live traffic took it out.
    pub ejections: u64,
    /// When the last check ended, and what it saw.
    pub last_check: Option<(Instant, Verdict)>,
}

impl Tally {
    /// A check has ended.
    pub fn note(&mut self, now: Instant, verdict: &Verdict) {
        match verdict {
            Verdict::Pass(_) => self.passed += 1,
            Verdict::Fail(failure) if failure.is_ours() => return,
            Verdict::Fail(_) => self.failed += 1,
        }
        self.last_check = Some((now, verdict.clone()));
    }
}
