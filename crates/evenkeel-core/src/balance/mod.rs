//! How a backend is chosen among those that may take traffic: a rule ([`Balance`]), made ready for one set of
//! backends ([`Picker`]). One file per rule; what they share is in `candidates`.

mod candidates;
mod first;
mod least_conn;
mod maglev;
mod random;
mod round_robin;

pub use first::First;
pub use least_conn::LeastConn;
pub use maglev::Maglev;
pub use random::Random;
pub use round_robin::RoundRobin;

use crate::attempt::Tried;
use crate::backend::Backend;
use crate::dice::Dice;
use candidates::Candidates;
use std::sync::atomic::AtomicU32;

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
pub enum Picker {
    /// For [`Balance::Random`].
    Random(Random),
    /// For [`Balance::RoundRobin`].
    RoundRobin(RoundRobin),
    /// For [`Balance::LeastConn`].
    LeastConn(LeastConn),
    /// For [`Balance::Maglev`].
    Maglev(Maglev),
    /// For [`Balance::First`].
    First(First),
}

impl Picker {
    /// The rule `balance` over those of `backends` that are eligible and have a weight.
    pub fn new(balance: Balance, backends: &[Backend]) -> Self {
        Self::over(balance, backends, candidates::members(backends))
    }

    /// The rule `balance` over these `members`, indices of `backends` that have a weight, in order.
    pub fn over(balance: Balance, backends: &[Backend], members: Box<[u32]>) -> Self {
        match balance {
            Balance::Random { choices } => Self::Random(Random::new(choices, backends, members)),
            Balance::RoundRobin => Self::RoundRobin(RoundRobin::new(backends, members)),
            Balance::LeastConn => Self::LeastConn(LeastConn::new(members)),
            Balance::Maglev { hash_key } => Self::Maglev(Maglev::new(hash_key, backends, members)),
            Balance::First => Self::First(First::new(members)),
        }
    }

    /// The index of the backend to try next, or why there is none.
    ///
    /// `backends` are those the picker was made for; `client` is the hash of the client's address ([`client_hash`](crate::hash::client_hash));
    /// `cursor` is whose turn it is, shared by all who pick from the pool, so that round-robin goes round whatever
    /// the number of workers. Backends that were tried or have no room are passed over; those whose live traffic
    /// just failed ([`Backend::is_suspect`]) are taken only when nobody else with room is left.
    pub fn pick(
        &self,
        backends: &[Backend],
        client: u64,
        cursor: &AtomicU32,
        dice: &mut Dice,
        tried: &Tried,
    ) -> Choice {
        let candidates = Candidates { backends, tried };
        match self {
            Self::Random(random) => random.pick(candidates, dice),
            Self::RoundRobin(round_robin) => round_robin.pick(candidates, cursor, dice),
            Self::LeastConn(least_conn) => least_conn.pick(candidates, cursor),
            Self::Maglev(maglev) => maglev.pick(candidates, client),
            Self::First(first) => first.pick(candidates),
        }
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
