//! Carries out what operators want: the director proposes, the plane binds, and only then it holds. And closes sessions whose
//! backend or service is not to be used any more.

use super::Loop;
use super::question::NotOrdered;
use super::stop::Phase;
use super::upgrade::MOVING;
use crate::binding;
use crate::logging::Notice;
use evenkeel_core::director::{Closed, Director, Duty, Leaving, Order, State};
use evenkeel_proxy::{Closing, Filter, Inherited, Keyring, Visit};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Sessions that are cut are so, one after the other, within this time.
const CUT_WITHIN: Duration = Duration::from_secs(2);

/// When sessions are looked for once more: one that was just being opened was not to be found before.
const AGAIN: Duration = Duration::from_secs(6);

impl Loop {
    /// Carries out an order, whole or not at all.
    pub(super) fn carry_out(&mut self, order: Order, by: String) -> Result<(), NotOrdered> {
        let what = order.to_string();
        let result = self.try_to_carry_out(order.clone());
        if result.is_ok() {
            self.past.note_order(Instant::now(), order, &by, &self.control.director);
        }
        let notice = match &result {
            Ok(()) => Notice::Ordered { what, by },
            Err(error) => Notice::OrderRefused { what, by, why: error.to_string() },
        };
        self.control.log.tell(notice);
        result
    }

    fn try_to_carry_out(&mut self, order: Order) -> Result<(), NotOrdered> {
        if self.phase != Phase::Running {
            return Err(NotOrdered::Impossible("it is stopping".to_owned()));
        }
        if self.is_beyond_change() {
            return Err(NotOrdered::Impossible(MOVING.to_owned()));
        }
        let proposal = self.control.director.order(Instant::now(), order).map_err(NotOrdered::Unknown)?;
        self.adopt(proposal, None).map_err(NotOrdered::Impossible)
    }

    /// Makes a proposal the truth, or says what cannot be bound. Without a keyring, that which is published stays.
    pub(super) fn adopt(&mut self, proposal: Director, keyring: Option<Arc<Keyring>>) -> Result<(), String> {
        let control = &mut self.control;
        let publication = control.plane.prepare(proposal.snapshot(), &mut Inherited::new());
        let publication = publication.map_err(|error| binding::refused(&error).what)?;
        control.plane.publish(match keyring {
            Some(keyring) => publication.with_keyring(keyring),
            None => publication,
        });
        control.director = proposal;
        control.director.handle_published(Instant::now());
        self.follows_anew = true;
        Ok(())
    }

    /// Closes the sessions that are open there, and those that are being opened once they can be found.
    pub(super) fn close(&mut self, closed: Closed, leaving: Leaving) {
        self.close_now(&closed, leaving);
        self.closings.push((Instant::now() + AGAIN, closed, leaving));
    }

    fn close_now(&self, closed: &Closed, leaving: Leaving) {
        let close = match leaving {
            Leaving::Keep => return,
            Leaving::Drain(time) => Closing::Within(time / 2, time),
            Leaving::Cut => Closing::Within(Duration::ZERO, CUT_WITHIN),
        };
        let filter = match closed {
            Closed::Service(service) => Filter { service: Some(service.clone()), ..Filter::default() },
            Closed::Backend(key) => {
                Filter { pool: Some(key.pool.clone()), backend: Some(key.addr.clone()), ..Filter::default() }
            }
        };
        self.control.plane.visit(Visit { filter, limit: 0, close: Some(close), answer: Box::new(drop) });
    }

    /// Looks once more for sessions to close, unless what they are at has come back.
    pub(super) fn close_again(&mut self, now: Instant) {
        // Those that move take this with them.
        if self.is_moving() {
            return;
        }
        let (due, later) = std::mem::take(&mut self.closings).into_iter().partition(|(at, ..)| *at <= now);
        self.closings = later;
        let due: Vec<(Instant, Closed, Leaving)> = due;
        for (_, closed, leaving) in due {
            if !self.is_back(&closed) {
                self.close_now(&closed, leaving);
            }
        }
    }

    fn is_back(&self, closed: &Closed) -> bool {
        let director = &self.control.director;
        match closed {
            Closed::Service(service) => director.duty(service) == Duty::On,
            Closed::Backend(key) => director.state(key) == State::Up,
        }
    }
}

impl std::fmt::Display for NotOrdered {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Unknown(error) => error.fmt(f),
            Self::Impossible(why) => f.write_str(why),
        }
    }
}
