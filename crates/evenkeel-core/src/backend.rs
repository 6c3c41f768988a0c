//! A backend as a session sees it: whether it may be sent there, and what it is held to.

use crate::addr::Addr;
use crate::eject::Tolerance;
use crate::load::{Load, SeatLimits};
use std::sync::Arc;

/// One address in a pool.
#[derive(Clone, Debug)]
pub struct Backend {
    /// Where it is.
    pub addr: Addr,
    /// The name that it was found by, if it was.
    pub host: Option<Arc<str>>,
    /// Its share among the eligible, slow start included; 0 takes nothing.
    pub weight: u32,
    /// Whether it may take new sessions.
    pub eligible: bool,
    /// Whether even what went there before should go elsewhere: an operator has disabled it, or its checks fail and its
    /// sessions are not to stay.
    pub lost: bool,
    /// How many it may have.
    pub limits: SeatLimits,
    /// How often in a row live traffic may fail before it counts as suspect.
    pub tolerance: Tolerance,
    /// How busy it is.
    pub load: Arc<Load>,
}

impl Backend {
    /// Whether another session may be sent there, as far as its limits go.
    pub fn has_room(&self) -> bool {
        self.load.sessions() < self.limits.sessions && self.load.connecting() < self.limits.connecting
    }

    /// Whether live traffic just failed so often that only the director's word is missing for an ejection.
    pub fn is_suspect(&self) -> bool {
        self.load.exceeds(&self.tolerance)
    }
}
