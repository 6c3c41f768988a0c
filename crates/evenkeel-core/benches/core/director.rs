//! Snapshots: the first of a configuration, and one after a reload in which one backend of many has changed.

use crate::balance::addr;
use crate::timing::Bench;
use evenkeel_core::balance::Balance;
use evenkeel_core::director::{Config, Director, Leaving, Member, PoolConfig, Target};
use evenkeel_core::eligible::AllDown;
use evenkeel_core::load::SeatLimits;
use evenkeel_core::name::PoolName;
use evenkeel_core::snapshot::{ConnectRules, PoolRules, QueueRules, SessionLimits, SocketOptions};
use std::sync::Arc;
use std::time::{Duration, Instant};

pub fn cases(bench: &mut Bench) {
    for count in [10, 1_000, 10_000, 100_000] {
        let new = |config: &mut Config| Director::new(Instant::now(), config.clone(), 1).snapshot();
        bench.case(&format!("snapshot: first of {count}"), || config(count, 1), new);
        let state = || {
            let now = Instant::now();
            (now, Director::new(now, config(count, 1), 1), config(count, 2))
        };
        bench.case(&format!("reload: one of {count} changed"), state, |(now, director, changed)| {
            director.propose(*now, changed.clone()).snapshot()
        });
    }
}

/// A pool of so many; the first has this weight.
fn config(count: u32, first_weight: u32) -> Config {
    let member = |number| Member {
        target: Target::Addr(addr(number)),
        weight: if number == 0 { first_weight } else { 1 },
        backup: false,
        max_sessions: None,
        check_port: None,
        check_addr: None,
    };
    let pool = PoolConfig {
        name: PoolName::new("web"),
        members: (0..count).map(member).collect(),
        limits: SeatLimits::NONE,
        balance: Balance::Random { choices: 2 },
        check: None,
        ejection: None,
        slow_start: None,
        all_down: AllDown::Try,
        on_remove: Leaving::Keep,
        on_down: None,
        rules: Arc::new(rules()),
    };
    Config { listeners: vec![], pools: vec![pool] }
}

fn rules() -> PoolRules {
    let time = Duration::from_secs(1);
    PoolRules {
        connect: ConnectRules {
            timeout: time,
            total: time,
            attempts: 3,
            retry_percent: 20,
            retry_min_per_second: 3,
        },
        queue: QueueRules { length: 0, timeout: time },
        session: SessionLimits { idle: None, half_close: None, lifetime: None, bandwidth: None },
        socket: SocketOptions { keepalive: None, user_timeout: None },
        outward: None,
        send_proxy: None,
        http2: None,
        tls: None,
    }
}
