//! Anything in any order: extreme rules, verdicts nobody asked for, names nobody has, long pauses. Nothing panics,
//! nothing loops, and what is published makes sense.

use crate::stage::{addr, check, key, member, name, pool, verdict};
use evenkeel_core::attempt::ConnectFailure;
use evenkeel_core::director::{
    Action, BackendOrder, Config, Director, Duty, Leaving, Member, Order, PoolConfig, ProbeId,
};
use evenkeel_core::eject::EjectionRules;
use evenkeel_core::eject::{Errors, Tolerance};
use evenkeel_core::eligible::AllDown;
use evenkeel_core::health::Check;
use evenkeel_core::live::{Answer, LiveFailure};
use evenkeel_core::name::BackendKey;
use evenkeel_core::ramp::SlowStart;
use evenkeel_core::snapshot::Snapshot;
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

proptest! {
    #[test]
    fn nothing_that_happens_is_too_much(
        configs in prop::collection::vec(config(), 1..4),
        deeds in prop::collection::vec(deed(), 0..80),
        seed: u64,
    ) {
        let mut now = Instant::now();
        let mut director = Director::new(now, configs[0].clone(), seed);
        let mut ids = BTreeMap::new();
        look(&mut director, now, &mut ids);
        for deed in deeds {
            match deed {
                Deed::Verdict(number, letter) => {
                    let key = key("web", number);
                    let id = ids.get(&key).copied().unwrap_or_default();
                    director.handle_probe(now, &key, id, verdict(letter));
                }
                Deed::Failure(number, in_row) => {
                    let failure = match number % 2 {
                        0 => LiveFailure::Connect(ConnectFailure::Refused),
                        _ => LiveFailure::Answer(Answer::Http(503)),
                    };
                    director.handle_suspect(now, &key("web", number), failure, in_row);
                }
                Deed::Answer(numbers) => {
                    let ips = numbers.map(|it| it.into_iter().map(|n| addr(n).ip().unwrap().ip()).collect());
                    director.handle_resolved(now, &key("web", 0).pool, "name", ips.ok_or("none".into()));
                }
                Deed::Reload(nth) => director = director.propose(now, configs[nth % configs.len()].clone()),
                Deed::Order(number, order) => {
                    let order = match order {
                        BackendOrder::Add(_) => BackendOrder::Add(member(number)),
                        order => order,
                    };
                    let order = Order::Backend(key("web", number), order);
                    // One that makes no sense is refused.
                    director = director.order(now, order).unwrap_or(director);
                }
                Deed::Pause(time) => now += time,
            }
            look(&mut director, now, &mut ids);
        }
    }
}

#[derive(Clone, Debug)]
enum Deed {
    Verdict(u8, char),
    Failure(u8, u32),
    Answer(Option<Vec<u8>>),
    Reload(usize),
    Order(u8, BackendOrder),
    Pause(Duration),
}

fn deed() -> impl Strategy<Value = Deed> {
    let number = || 0..6_u8;
    prop_oneof![
        (number(), prop::sample::select(vec!['P', 'F', 'S', 'O'])).prop_map(|(n, it)| Deed::Verdict(n, it)),
        (number(), count()).prop_map(|(n, it)| Deed::Failure(n, it)),
        prop::option::of(prop::collection::vec(number(), 0..4)).prop_map(Deed::Answer),
        (0..4_usize).prop_map(Deed::Reload),
        (number(), any_order()).prop_map(|(n, it)| Deed::Order(n, it)),
        (0..100_000_u64).prop_map(|it| Deed::Pause(Duration::from_millis(it))),
    ]
}

fn any_order() -> impl Strategy<Value = BackendOrder> {
    prop_oneof![
        prop::sample::select(vec![Duty::On, Duty::Drain, Duty::Off]).prop_map(BackendOrder::Duty),
        (0..5_u32).prop_map(BackendOrder::Weight),
        Just(BackendOrder::Add(member(0))),
        Just(BackendOrder::Remove),
    ]
}

/// Performs what is due at `now`, which must come to an end, and looks at what is published; notes the last probe of each.
fn look(director: &mut Director, now: Instant, ids: &mut BTreeMap<BackendKey, ProbeId>) {
    let mut times = 0;
    while director.poll_timeout().is_some_and(|at| at <= now) {
        director.handle_timeout(now);
        times += 1;
        assert!(times < 10, "still something to do at once");
    }
    while let Some(action) = director.poll_action() {
        match action {
            Action::Publish(snapshot) => makes_sense(&snapshot),
            Action::Probe { id, key, .. } => drop(ids.insert(key, id)),
            Action::Announce(_) | Action::Close(..) => {}
        }
    }
    makes_sense(&director.snapshot());
}

fn makes_sense(snapshot: &Snapshot) {
    for pool in snapshot.pools.values() {
        let takers = || pool.backends.iter().filter(|it| it.eligible);
        assert!(takers().all(|it| it.weight > 0));
        assert!(takers().next().is_none() || pool.last_resort.is_empty());
        assert!(pool.last_resort.iter().all(|&it| pool.backends[it as usize].weight > 0));
        assert!(
            pool.spares.iter().map(|&it| &pool.backends[it as usize]).all(|it| !it.eligible && it.weight > 0)
        );
        let mut addrs: Vec<_> = pool.backends.iter().map(|it| &it.addr).collect();
        addrs.sort();
        assert!(addrs.windows(2).all(|pair| pair[0] != pair[1]), "one address twice");
    }
}

fn config() -> impl Strategy<Value = Config> {
    let parts = (
        prop::collection::vec(any_member(), 0..6),
        prop::option::of(any_check()),
        prop::option::of((count(), time(), time())),
        prop::option::of((time(), count())),
        any::<bool>(),
    );
    parts
        .prop_map(|(members, check, ejection, slow_start, tries)| PoolConfig {
            check: check.map(Arc::new),
            ejection: ejection.map(|(failures, time, max_time)| {
                let tolerance = Tolerance { failures, errors: failures / 2, errors_are: Errors::All };
                EjectionRules { tolerance, time, max_time }
            }),
            slow_start: slow_start.map(|(duration, from_percent)| SlowStart { duration, from_percent }),
            on_remove: if tries { Leaving::Cut } else { Leaving::Keep },
            on_down: tries.then_some(Leaving::Drain(Duration::from_secs(1))),
            all_down: if tries { AllDown::Try } else { AllDown::Close },
            ..pool("web", members)
        })
        .prop_map(|pool| Config { listeners: Vec::new(), pools: vec![pool] })
}

fn any_member() -> impl Strategy<Value = Member> {
    (prop::option::of(0..6_u8), 0..=1000_u32, any::<bool>()).prop_map(|(number, weight, backup)| Member {
        weight,
        backup,
        ..number.map_or_else(name, member)
    })
}

fn any_check() -> impl Strategy<Value = Check> {
    (time(), time(), time(), count(), count()).prop_map(|(interval, fast_interval, timeout, rise, fall)| {
        Check { interval, fast_interval, timeout, rise, fall, ..check() }
    })
}

fn time() -> impl Strategy<Value = Duration> {
    let times = [0, 1, 1_000_000, 1_000_000_000, 60_000_000_000].map(Duration::from_nanos);
    prop::sample::select([&times[..], &[Duration::MAX]].concat())
}

fn count() -> impl Strategy<Value = u32> {
    prop::sample::select(vec![0, 1, 2, 3, 100, u32::MAX])
}
