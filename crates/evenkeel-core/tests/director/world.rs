//! What can happen on a day: configurations, and how backends and networks behave.

use crate::stage::{MS, SECOND, addr, check, member, name, pool};
use evenkeel_core::addr::Addr;
use evenkeel_core::attempt::ConnectFailure;
use evenkeel_core::dice::Dice;
use evenkeel_core::director::{BackendOrder, Config, Duty, Member, PoolConfig};
use evenkeel_core::eject::EjectionRules;
use evenkeel_core::eject::{Errors, Tolerance};
use evenkeel_core::eligible::AllDown;
use evenkeel_core::health::{Check, CheckKind, HttpCheck};
use evenkeel_core::live::{Answer, LiveFailure};
use evenkeel_core::ramp::SlowStart;
use std::sync::Arc;
use std::time::Duration;

/// Addresses there are.
pub const BACKENDS: u8 = 7;

/// How a backend behaves.
#[derive(Clone, Copy)]
pub enum Weather {
    /// It works.
    Fair,
    /// It refuses everything.
    Refusing,
    /// It never answers.
    Silent,
    /// Checks pass, live connects fail.
    Lying,
    /// It is there, and its answers are errors.
    Ill,
    /// Anything may happen.
    Mixed,
}

impl Weather {
    pub fn random(dice: &mut Dice) -> Self {
        match dice.below(11) {
            0..5 => Self::Fair,
            5 | 6 => Self::Refusing,
            7 => Self::Silent,
            8 => Self::Lying,
            9 => Self::Ill,
            _ => Self::Mixed,
        }
    }

    /// What a check sees, in [`verdict`](crate::stage::verdict)'s letters, and how long it takes to.
    pub fn check(self, dice: &mut Dice, check: &Check) -> (char, Duration) {
        let soon = MS / 10 * dice.below(50) as u32;
        match self {
            _ if dice.below(40) == 0 => ('O', soon),
            Self::Fair | Self::Lying | Self::Ill => ('P', soon),
            Self::Refusing => ('F', soon),
            Self::Silent => ('S', check.timeout),
            Self::Mixed => match dice.below(3) {
                0 => ('P', check.timeout / 2),
                1 => ('F', soon),
                _ => ('S', check.timeout + 2 * soon),
            },
        }
    }

    /// How live traffic fails, if it does.
    pub fn fails(self, dice: &mut Dice) -> Option<LiveFailure> {
        let refused = LiveFailure::Connect(ConnectFailure::Refused);
        match self {
            Self::Fair => None,
            Self::Refusing | Self::Silent | Self::Lying => Some(refused),
            Self::Ill => Some(LiveFailure::Answer(Answer::Http(503))),
            Self::Mixed => match dice.below(4) {
                0 | 1 => None,
                2 => Some(refused),
                _ => Some(LiveFailure::Answer(Answer::Http(502))),
            },
        }
    }
}

pub fn one_in(dice: &mut Dice, n: u64) -> bool {
    dice.below(n) == 0
}

pub fn config(dice: &mut Dice) -> Config {
    let pools = ["web", "api", "db"][..1 + dice.below(3) as usize].iter();
    Config { listeners: Vec::new(), pools: pools.map(|it| random_pool(dice, it)).collect() }
}

/// `config` with one or two things changed, or none.
pub fn changed(dice: &mut Dice, config: &Config) -> Config {
    let mut config = config.clone();
    for _ in 0..dice.below(3) {
        let which = dice.below(config.pools.len() as u64) as usize;
        let pool = &mut config.pools[which];
        let other = random_pool(dice, pool.name.as_str());
        match dice.below(8) {
            0 => pool.check = other.check,
            1 => pool.ejection = other.ejection,
            2 => pool.slow_start = other.slow_start,
            3 => pool.all_down = other.all_down,
            4 => *pool = other,
            5 if pool.members.len() > 1 => drop(pool.members.remove(0)),
            6 => pool.members.reverse(),
            _ => pool.members = other.members,
        }
    }
    if one_in(dice, 4) {
        config.pools.reverse();
    }
    if one_in(dice, 8) && config.pools.len() > 1 {
        config.pools.pop();
    }
    config
}

fn random_pool(dice: &mut Dice, named: &str) -> PoolConfig {
    let members = (0..1 + dice.below(5)).map(|_| random_member(dice)).collect();
    PoolConfig {
        check: (!one_in(dice, 5)).then(|| Arc::new(random_check(dice))),
        ejection: (!one_in(dice, 5)).then(|| EjectionRules {
            tolerance: Tolerance {
                failures: 1 + dice.below(4) as u32,
                errors: dice.below(5) as u32,
                errors_are: Errors::Gateway,
            },
            time: SECOND * (1 + dice.below(5) as u32),
            max_time: SECOND * (5 + dice.below(30) as u32),
        }),
        slow_start: (!one_in(dice, 3)).then(|| SlowStart {
            duration: SECOND * (1 + dice.below(30) as u32),
            from_percent: 1 + dice.below(100) as u32,
        }),
        all_down: if one_in(dice, 3) { AllDown::Close } else { AllDown::Try },
        ..pool(named, members)
    }
}

fn random_member(dice: &mut Dice) -> Member {
    let target = if one_in(dice, 4) { name() } else { member(1 + dice.below(BACKENDS.into()) as u8) };
    Member {
        weight: dice.below(4) as u32,
        backup: one_in(dice, 4),
        check_port: one_in(dice, 5).then_some(81),
        ..target
    }
}

fn random_check(dice: &mut Dice) -> Check {
    Check {
        kind: if one_in(dice, 2) { CheckKind::Tcp } else { asks_for_answers() },
        interval: SECOND * (1 + dice.below(4) as u32),
        fast_interval: MS * (100 + dice.below(900) as u32),
        timeout: MS * (200 + dice.below(1500) as u32),
        rise: 1 + dice.below(3) as u32,
        fall: 1 + dice.below(4) as u32,
        ..check()
    }
}

/// What a check asks that sees what requests see.
pub fn asks_for_answers() -> CheckKind {
    let status = [(200, 399)].into();
    CheckKind::Http(HttpCheck { method: "GET".into(), path: "/".into(), host: None, status, body: None })
}

/// Something that an operator wants, of whom.
pub fn order(dice: &mut Dice) -> (Addr, BackendOrder) {
    let number = 1 + dice.below(BACKENDS.into()) as u8;
    let order = match dice.below(6) {
        0 => BackendOrder::Duty(Duty::Drain),
        1 => BackendOrder::Duty(Duty::Off),
        2 => BackendOrder::Duty(Duty::On),
        3 => BackendOrder::Weight(dice.below(5) as u32),
        4 => BackendOrder::Add(Member { weight: dice.below(4) as u32, ..member(number) }),
        _ => BackendOrder::Remove,
    };
    (addr(number), order)
}

/// What the resolver says.
pub fn answer(dice: &mut Dice) -> Option<Vec<std::net::IpAddr>> {
    let some = (0..dice.below(4)).map(|_| 1 + dice.below(BACKENDS.into()) as u8);
    let ips = some.map(|it| addr(it).ip().unwrap().ip()).collect();
    (!one_in(dice, 4)).then_some(ips)
}
