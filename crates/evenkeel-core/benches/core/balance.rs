//! Picks, and making a balance ready for a set of backends.

use crate::timing::Bench;
use evenkeel_core::addr::Addr;
use evenkeel_core::attempt::Tried;
use evenkeel_core::backend::Backend;
use evenkeel_core::balance::{Balance, Picker};
use evenkeel_core::dice::Dice;
use evenkeel_core::eject::Tolerance;
use evenkeel_core::hash::client_hash;
use evenkeel_core::load::SeatLimits;
use std::net::Ipv4Addr;
use std::sync::atomic::AtomicU32;

const RULES: [(&str, Balance); 5] = [
    ("random", Balance::Random { choices: 2 }),
    ("round-robin", Balance::RoundRobin),
    ("least-conn", Balance::LeastConn),
    ("maglev", Balance::Maglev { hash_key: 1 }),
    ("first", Balance::First),
];

/// A pool, and all that a pick from it needs.
struct Picks {
    backends: Vec<Backend>,
    picker: Picker,
    cursor: AtomicU32,
    dice: Dice,
    client: u32,
}

pub fn cases(bench: &mut Bench) {
    bench.case(
        "hash of a client",
        || 0,
        |client| {
            *client += 1;
            client_hash(&addr(*client))
        },
    );
    for (rule, balance) in RULES {
        for count in [10, 1_000, 100_000] {
            bench.case(&format!("pick: {rule} of {count}"), || picks(balance, count), pick);
        }
    }
    for (rule, balance) in RULES {
        for count in [1_000, 10_000, 100_000] {
            let build = |backends: &mut Vec<Backend>| Picker::new(balance, backends);
            bench.case(&format!("build: {rule} of {count}"), || backends(count), build);
        }
    }
}

fn pick(picks: &mut Picks) -> evenkeel_core::balance::Choice {
    let Picks { backends, picker, cursor, dice, client } = picks;
    *client = client.wrapping_add(0x9e37_79b9);
    picker.pick(backends, u64::from(*client), cursor, dice, &Tried::default())
}

fn picks(balance: Balance, count: u32) -> Picks {
    let backends = backends(count);
    let picker = Picker::new(balance, &backends);
    Picks { backends, picker, cursor: AtomicU32::new(0), dice: Dice::new(1), client: 0 }
}

fn backends(count: u32) -> Vec<Backend> {
    let backend = |number| Backend {
        addr: addr(number),
        host: None,
        weight: 1,
        eligible: true,
        lost: false,
        limits: SeatLimits::NONE,
        tolerance: Tolerance { failures: 3, ..Tolerance::default() },
        load: Default::default(),
    };
    (0..count).map(backend).collect()
}

pub fn addr(number: u32) -> Addr {
    Addr::Ip((Ipv4Addr::from(0x0a00_0000 + number), 80).into())
}
