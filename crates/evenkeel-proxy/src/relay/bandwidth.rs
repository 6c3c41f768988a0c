//! A relay whose bandwidth has a limit, or would have.

use super::carry::Pace;
use super::throttle::Throttle;
use super::{Rare, Relay};
use evenkeel_core::observe::{Mode, Rule};
use evenkeel_core::rate::Rate;
use evenkeel_core::side::Side;
use std::time::Instant;

/// A limit of bandwidth.
#[derive(Debug)]
pub(super) enum Bandwidth {
    /// It is kept.
    Limited(Throttle),
    /// It is only looked at whether it would be.
    Observed(Throttle),
    /// It would not have been, which is still to be told.
    Exceeded,
}

impl Bandwidth {
    /// By this rule, from `now` on.
    pub(super) fn new(Rule { limit, mode }: Rule<Rate>, now: Instant) -> Self {
        let throttle = Throttle::new(limit, now);
        match mode {
            Mode::Enforce => Self::Limited(throttle),
            Mode::Observe => Self::Observed(throttle),
        }
    }
}

impl Relay {
    /// Whether it was faster than a limit that only observes; said once.
    pub fn was_too_fast(&mut self) -> bool {
        let Some(rare) = self.rare.as_deref_mut() else { return false };
        rare.bandwidth.take_if(|bandwidth| matches!(bandwidth, Bandwidth::Exceeded)).is_some()
    }

    /// How much may be read from `source` now, if there is a limit to that. Whoever is left when the other side is lost
    /// gets what has come at once.
    pub(super) fn quota(&mut self, source: Side, now: Instant) -> Option<usize> {
        match self.rare.as_deref_mut()? {
            Rare { bandwidth: Some(Bandwidth::Limited(throttle)), lost: None, .. } => {
                Some(throttle.quota(source, now))
            }
            _ => None,
        }
    }

    /// So many bytes were read from `source` under a limit: if that was all it may now, it waits.
    pub(super) fn pay(&mut self, source: Side, bytes: usize, pace: Pace, now: Instant) -> Pace {
        let Some(Rare { bandwidth: Some(Bandwidth::Limited(throttle)), .. }) = self.rare.as_deref_mut()
        else {
            return pace;
        };
        throttle.spend(source, bytes);
        let is_throttled = pace == Pace::Spent && throttle.quota(source, now) == 0;
        throttle.on_paused(source, is_throttled, now);
        if is_throttled { Pace::Waiting } else { pace }
    }

    /// So many bytes were read from `source`: whether a limit that only observes would have held some of them up.
    pub(super) fn observe(&mut self, source: Side, bytes: usize, now: Instant) {
        let Some(Rare { bandwidth: Some(bandwidth), .. }) = self.rare.as_deref_mut() else { return };
        if let Bandwidth::Observed(throttle) = bandwidth
            && !throttle.allows(source, bytes, now)
        {
            *bandwidth = Bandwidth::Exceeded;
        }
    }

    pub(super) fn throttle(&self) -> Option<&Throttle> {
        match self.rare.as_ref()?.bandwidth.as_ref()? {
            Bandwidth::Limited(throttle) => Some(throttle),
            Bandwidth::Observed(_) | Bandwidth::Exceeded => None,
        }
    }
}
