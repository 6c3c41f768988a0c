//! Who may connect: sets of networks, tables of sources, and a gate with all rules.

use crate::timing::Bench;
use evenkeel_core::access::{AccessRules, NetworkSet, parse_list};
use evenkeel_core::admit::{Gate, GateRules};
use evenkeel_core::dice::Dice;
use evenkeel_core::network::Network;
use evenkeel_core::observe::{Mode, Rule};
use evenkeel_core::rate::{Bucket, Rate};
use evenkeel_core::sources::{Entry, Prefixes, SOURCES, SourceRates, SourceSessions};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

const RATE: Rate = Rate { per_second: 1000, burst: 1000 };

/// What is measured, a clock, and whose turn it is.
struct Turn<T> {
    what: T,
    start: Instant,
    number: u32,
}

impl<T> Turn<T> {
    fn of(what: T) -> Self {
        Self { what, start: Instant::now(), number: 0 }
    }

    /// Somebody else, a microsecond later.
    fn next(&mut self) -> (IpAddr, Instant) {
        self.number = self.number.wrapping_add(1);
        (scattered(self.number).addr(), self.start + Duration::from_micros(self.number.into()))
    }
}

pub fn cases(bench: &mut Bench) {
    for count in [10, 1_000, 100_000] {
        sets(bench, count);
    }
    let list: String = (0..100_000).map(|number| format!("{}\n", scattered(number))).collect();
    bench.case("access: list of 100000 read", || list, |list| parse_list(list.as_bytes()).is_ok());
    let sessions = || Turn::of(Arc::new(SourceSessions::new(SOURCES, &mut Dice::new(1))));
    bench.case("sources: session comes and goes", sessions, |turn| {
        let source = Prefixes::default().source(turn.next().0);
        matches!(turn.what.enter(source, 10), Entry::Within(_))
    });
    let rates = || Turn::of(SourceRates::new(RATE, SOURCES, Instant::now(), &mut Dice::new(1)));
    bench.case("sources: connection of a rate", rates, |turn| {
        let (addr, now) = turn.next();
        turn.what.enter(Prefixes::default().source(addr), now)
    });
    bench.case(
        "rate: bytes of a session",
        || Turn::of(Bucket::new(RATE, Instant::now())),
        |turn| {
            let (_, now) = turn.next();
            turn.what.take(RATE, now, 1)
        },
    );
    bench.case(
        "gate: all rules, 1000 networks",
        || Turn::of(gate()),
        |turn| {
            let (addr, now) = turn.next();
            turn.what.admit(Some(addr), now).outcome.is_ok()
        },
    );
}

fn sets(bench: &mut Bench, count: u32) {
    let networks = || (0..count).map(scattered).collect::<Vec<_>>();
    let set = || Turn::of(networks().into_iter().collect::<NetworkSet>());
    bench.case(&format!("access: hit in {count}"), set, |turn| {
        turn.number = (turn.number + 1) % count;
        turn.what.contains(scattered(turn.number).addr())
    });
    bench.case(&format!("access: miss in {count}"), set, |turn| {
        turn.number = (turn.number + 1) % count;
        turn.what.contains(scattered(count + turn.number).addr())
    });
    let build = |networks: &mut Vec<Network>| networks.iter().copied().collect::<NetworkSet>();
    bench.case(&format!("access: set of {count} built"), networks, build);
}

/// The network of this number: an IPv4 address, or one of eight an IPv6 network; all are different, and in no order.
fn scattered(number: u32) -> Network {
    let bits = number.wrapping_mul(0x9e37_79b1);
    let addr = if bits.is_multiple_of(8) {
        IpAddr::V6((u128::from(0x2001_0db8_u32) << 96 | u128::from(bits) << 64).into())
    } else {
        IpAddr::V4(bits.into())
    };
    Prefixes::default().source(addr)
}

fn gate() -> Gate {
    let deny = (0..1000).map(scattered).collect();
    let rules = GateRules {
        access: Some(Rule { limit: Arc::new(AccessRules { allow: None, deny }), mode: Mode::Enforce }),
        source_sessions: Some(Rule { limit: 10, mode: Mode::Enforce }),
        source_rate: Some(Rule { limit: RATE, mode: Mode::Enforce }),
        rate: Some(Rule { limit: RATE, mode: Mode::Observe }),
        prefixes: Prefixes::default(),
    };
    Gate::new(rules, None, Instant::now(), &mut Dice::new(1)).expect("there are rules")
}
