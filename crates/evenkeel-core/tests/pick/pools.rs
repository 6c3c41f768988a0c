//! Pools for tests, made without a director: backends `a`, `b`, `c`… at 10.0.0.0:80, 10.0.0.1:80 and so on.

use evenkeel_core::addr::Addr;
use evenkeel_core::attempt::Tried;
use evenkeel_core::backend::Backend;
use evenkeel_core::balance::{Balance, Choice, Picker};
use evenkeel_core::dice::Dice;
use evenkeel_core::eject::Tolerance;
use evenkeel_core::hash::client_hash;
use evenkeel_core::load::{Seat, SeatLimits};
use std::net::Ipv4Addr;
use std::sync::atomic::AtomicU32;

/// Every rule there is.
pub const RULES: [Balance; 6] = [
    Balance::Random { choices: 1 },
    Balance::Random { choices: 2 },
    Balance::RoundRobin,
    Balance::LeastConn,
    Balance::Maglev { hash_key: 1 },
    Balance::First,
];

/// The backend with this number.
pub fn backend(number: u32, weight: u32) -> Backend {
    Backend {
        addr: ip(0x0a00_0000 + number, 80),
        host: None,
        weight,
        eligible: true,
        lost: false,
        limits: SeatLimits::NONE,
        tolerance: Tolerance { failures: 1, ..Tolerance::default() },
        load: Default::default(),
    }
}

/// One backend for each of `weights`.
pub fn backends(weights: &[u32]) -> Vec<Backend> {
    (0..).zip(weights).map(|(number, &weight)| backend(number, weight)).collect()
}

/// The hash of one of four billion clients.
pub fn client(number: u32) -> u64 {
    client_hash(&ip(number, 1234))
}

fn ip(number: u32, port: u16) -> Addr {
    Addr::Ip((Ipv4Addr::from(number), port).into())
}

/// A pool, and all that a pick from it needs.
pub struct TestPool {
    pub backends: Vec<Backend>,
    pub picker: Picker,
    pub cursor: AtomicU32,
    pub dice: Dice,
    pub tried: Tried,
    /// Sessions that were put on the backends.
    pub seats: Vec<Seat>,
}

impl TestPool {
    pub fn new(balance: Balance, backends: Vec<Backend>) -> Self {
        Self {
            picker: Picker::new(balance, &backends),
            backends,
            cursor: AtomicU32::new(0),
            dice: Dice::new(42),
            tried: Tried::default(),
            seats: Vec::new(),
        }
    }

    pub fn pick(&mut self, client: u64) -> Choice {
        self.picker.pick(&self.backends, client, &self.cursor, &mut self.dice, &self.tried)
    }

    /// The picks of this many clients, of sessions that end at once.
    pub fn sequence(&mut self, length: u32) -> String {
        (0..length).map(|number| letter(self.pick(client(number)))).collect()
    }

    /// The picks of this many clients, of sessions that stay.
    pub fn fill(&mut self, length: u32) -> String {
        (0..length)
            .map(|number| {
                let choice = self.pick(client(number));
                if let Choice::Backend(index) = choice {
                    self.put(index, 1);
                }
                letter(choice)
            })
            .collect()
    }

    /// Puts sessions on a backend.
    pub fn put(&mut self, index: u32, sessions: u32) {
        let backend = &self.backends[index as usize];
        for _ in 0..sessions {
            let mut seat = backend.load.enter(backend.limits).expect("a pick has room");
            seat.connected();
            self.seats.push(seat);
        }
    }

    /// Lets a connect to a backend fail, which makes it suspect.
    pub fn fail(&self, index: u32) {
        self.backends[index as usize].load.note_failed();
    }

    /// How often each backend is picked by this many clients, of sessions that end at once.
    pub fn spread(&mut self, picks: u32) -> Vec<u32> {
        let mut counts = vec![0; self.backends.len()];
        for number in 0..picks {
            match self.pick(client(number)) {
                Choice::Backend(index) => counts[index as usize] += 1,
                choice => panic!("client {number} got {choice:?}"),
            }
        }
        counts
    }
}

/// `a` for the first backend and so on; `?` when all are busy, `-` when there is none.
pub fn letter(choice: Choice) -> char {
    match choice {
        Choice::Backend(index) => char::from_u32(u32::from('a') + index).unwrap_or('#'),
        Choice::Busy => '?',
        Choice::Exhausted => '-',
    }
}
