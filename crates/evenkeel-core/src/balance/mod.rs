//! How a backend is chosen among those that may take traffic.

use crate::attempt::Tried;
use crate::dice::Dice;
use crate::snapshot::Backend;

/// A balancing rule, as configured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Balance {
    /// Draw by weight, this many times (1 or 2), and take the less loaded, on a tie the first.
    Random {
        /// 1 is a pure draw.
        choices: u8,
    },
    /// One after the other, smoothly by weight.
    RoundRobin,
    /// The one with the fewest sessions for its weight.
    LeastConn,
    /// The same client address always on the same backend; only the clients of a backend that left move.
    Maglev {
        /// Whoever shares the key agrees on who goes where.
        hash_key: u64,
    },
    /// The first in the order of the configuration that has room.
    First,
}

/// A balancing rule made ready for one set of backends.
#[derive(Debug)]
pub struct Picker {}

impl Picker {
    /// The rule `balance` over those of `backends` that are eligible.
    pub fn new(balance: Balance, backends: &[Backend]) -> Self {
        let _ = (balance, backends);
        Self {}
    }

    /// The index of the backend to try next, or why there is none.
    ///
    /// `backends` are those the picker was made for; `client` is the hash of the client's address ([`client_hash`]).
    /// Backends that were tried or have no room are passed over; those whose live traffic just failed
    /// ([`Backend::is_suspect`]) are taken only when nobody else is left.
    pub fn pick(&self, backends: &[Backend], client: u64, turn: &mut Turn, tried: &Tried) -> Choice {
        let _ = (backends, client, turn, tried);
        Choice::Exhausted
    }
}

/// What a pick came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Choice {
    /// Try the backend at this index.
    Backend(u32),
    /// There are backends left to try, but each is at one of its limits: wait for a seat.
    Busy,
    /// Every eligible backend was tried, or none is eligible.
    Exhausted,
}

/// What a worker remembers between picks from one pool.
#[derive(Clone, Debug)]
pub struct Turn {
    /// Where in the order the next pick starts.
    pub cursor: u32,
    /// The worker's own dice.
    pub dice: Dice,
}

impl Turn {
    /// A turn that begins at a place given by `seed`, so that workers do not walk in step.
    pub fn new(seed: u64) -> Self {
        let mut dice = Dice::new(seed);
        Self { cursor: (dice.roll() >> 33) as u32, dice }
    }
}
