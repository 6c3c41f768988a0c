//! Each balance in many picks and large pools: how evenly it spreads, how few clients it moves, and, for random
//! pools, that it never takes whom it must not.

use crate::pools::{RULES, TestPool, backend, backends, client};
use evenkeel_core::backend::Backend;
use evenkeel_core::balance::{Balance, Choice};
use proptest::prelude::*;
use std::time::{Duration, Instant};

const DRAW: Balance = Balance::Random { choices: 1 };
const BEST_OF_TWO: Balance = Balance::Random { choices: 2 };
const MAGLEV: Balance = Balance::Maglev { hash_key: 7 };

/// Pearson's chi-square of `counts` against shares by `weights`.
fn chi_square(counts: &[u32], weights: &[u32]) -> f64 {
    let picks: f64 = counts.iter().map(|&count| f64::from(count)).sum();
    let total: f64 = weights.iter().map(|&weight| f64::from(weight)).sum();
    counts
        .iter()
        .zip(weights)
        .map(|(&count, &weight)| {
            let expected = picks * f64::from(weight) / total;
            (f64::from(count) - expected).powi(2) / expected
        })
        .sum()
}

/// Fails where counts are further from the weights than chance explains once in about a million seeds.
fn assert_spread_by_weight(rule: Balance, counts: &[u32], weights: &[u32]) {
    let freedom = weights.len() as f64 - 1.0;
    let chi = chi_square(counts, weights);
    assert!(chi < freedom + 5.0 * (2.0 * freedom).sqrt() + 15.0, "{rule:?}: chi² {chi:.1} of {counts:?}");
}

#[test]
fn random_holds_the_weights_while_nobody_is_busy() {
    for weights in [&[1, 1, 1][..], &[5, 1, 1], &[100, 1, 20, 7], &[3; 200]] {
        for rule in [DRAW, BEST_OF_TWO] {
            let counts = TestPool::new(rule, backends(weights)).spread(100_000);
            assert_spread_by_weight(rule, &counts, weights);
        }
    }
}

#[test]
fn what_a_suspect_cannot_take_is_spread_over_all_others() {
    for rule in [DRAW, BEST_OF_TWO, Balance::RoundRobin, MAGLEV] {
        let mut pool = TestPool::new(rule, backends(&[1; 5]));
        pool.fail(2);
        let mut counts = pool.spread(50_000);
        assert_eq!(counts.remove(2), 0, "{rule:?}");
        for count in counts {
            assert!((12_000..13_000).contains(&count), "{rule:?}: {count} of 12,500");
        }
    }
}

#[test]
fn the_last_good_backends_of_many_are_found_fairly() {
    for rule in [DRAW, BEST_OF_TWO, Balance::RoundRobin, MAGLEV] {
        let mut weights = vec![1; 1_000];
        weights[17] = 3;
        let mut pool = TestPool::new(rule, backends(&weights));
        for index in (0..1_000).filter(|index| ![17, 18].contains(index)) {
            pool.fail(index);
        }
        let counts = pool.spread(4_000);
        assert_spread_by_weight(rule, &counts[17..19], &[3, 1]);
    }
}

#[test]
fn least_conn_fills_a_large_pool_evenly_and_finds_its_last_good_backends() {
    let mut pool = TestPool::new(Balance::LeastConn, backends(&[1; 1_000]));
    pool.fill(3_000);
    assert!(pool.backends.iter().all(|backend| backend.load.sessions() == 3));
    for index in (0..1_000).filter(|index| ![17, 18].contains(index)) {
        pool.fail(index);
    }
    let counts = pool.spread(100);
    assert_eq!(counts[17..19], [50, 50]);
}

#[test]
fn round_robin_and_maglev_spread_evenly() {
    let counts = TestPool::new(Balance::RoundRobin, backends(&[5, 3, 2])).spread(10_000);
    assert_eq!(counts, [5_000, 3_000, 2_000]);
    // A share of the table is right within 1 %, that of the clients as far as chance allows.
    let weights = [7, 1, 1, 1, 10, 2];
    let counts = TestPool::new(MAGLEV, backends(&weights)).spread(200_000);
    assert_spread_by_weight(MAGLEV, &counts, &weights);
}

#[test]
fn two_choices_keep_the_fullest_backend_close_to_the_mean() {
    let fullest = |choices| {
        let mut pool = TestPool::new(Balance::Random { choices }, backends(&[1; 100]));
        pool.fill(10_000);
        pool.backends.iter().map(|backend| backend.load.sessions()).max().unwrap()
    };
    assert!(fullest(2) <= 104, "{} sessions where the mean is 100", fullest(2));
    assert!(fullest(1) >= 115, "a single draw is known to do worse");
}

/// Where each of this many clients goes, by address.
fn homes(balance: Balance, backends: &[Backend], clients: u32) -> Vec<String> {
    let mut pool = TestPool::new(balance, backends.to_vec());
    (0..clients)
        .map(|number| match pool.pick(client(number)) {
            Choice::Backend(index) => pool.backends[index as usize].addr.to_string(),
            choice => panic!("{choice:?}"),
        })
        .collect()
}

#[test]
fn maglev_moves_few_clients_besides_those_of_a_removed_backend() {
    for n in [2, 3, 5, 10, 100, 600, 1_000] {
        let weights: Vec<u32> = (0..n).map(|number| 1 + number % 3).collect();
        let all = backends(&weights);
        // Removed for good, or only out for a while: both leave the same table, below and above its change of size.
        let mut without = all.clone();
        without[n as usize / 2].eligible = false;
        let gone = all[n as usize / 2].addr.to_string();
        let (before, after) = (homes(MAGLEV, &all, 20_000), homes(MAGLEV, &without, 20_000));
        let others = before.iter().filter(|&home| *home != gone).count() as f64;
        let moved = before.iter().zip(&after).filter(|(was, is)| **was != gone && was != is).count() as f64;
        assert!(moved / others <= 0.02, "{n} backends: {:.2} % moved", 100.0 * moved / others);
    }
}

#[test]
fn maglev_agrees_with_whoever_has_the_key_in_whatever_order_the_backends_are_known() {
    let all = backends(&[1, 2, 3, 4, 5]);
    let reversed: Vec<Backend> = all.iter().rev().cloned().collect();
    let home = homes(MAGLEV, &all, 5_000);
    assert_eq!(home, homes(MAGLEV, &reversed, 5_000));
    let elsewhere = homes(Balance::Maglev { hash_key: 8 }, &all, 5_000);
    let agreed = home.iter().zip(&elsewhere).filter(|(one, two)| one == two).count();
    assert!(agreed < 2_000, "another key is another table, but {agreed} of 5,000 agreed");
}

#[test]
#[expect(clippy::disallowed_methods, reason = "a test of speed looks at the clock")]
fn a_pick_among_100_000_backends_does_not_look_at_all_of_them() {
    for rule in RULES {
        let weights: Vec<u32> = (0..100_000).map(|number| 1 + number % 7).collect();
        let mut pool = TestPool::new(rule, backends(&weights));
        let begun = Instant::now();
        pool.spread(20_000);
        // Looking at all would be two billion looks: minutes, where a second is usual.
        assert!(begun.elapsed() < Duration::from_secs(20), "{rule:?} took {:?}", begun.elapsed());
    }
}

/// A backend in any state, and whether it was tried.
fn any_backend() -> impl Strategy<Value = (Backend, bool)> {
    (0u32..4, any::<bool>(), 0u32..3, any::<bool>(), any::<bool>()).prop_map(
        |(weight, eligible, room, suspect, tried)| {
            let mut backend = backend(0, weight);
            backend.eligible = eligible;
            backend.limits.sessions = room;
            if suspect {
                backend.load.note_failed();
            }
            (backend, tried)
        },
    )
}

proptest! {
    #[test]
    fn no_rule_ever_takes_whom_it_must_not(
        states in proptest::collection::vec(any_backend(), 0..12),
        rule in proptest::sample::select(&RULES[..]),
        number in any::<u32>(),
    ) {
        let (mut all, tried): (Vec<Backend>, Vec<bool>) = states.into_iter().unzip();
        for (number, member) in (0..).zip(&mut all) {
            member.addr = backend(number, 1).addr;
        }
        let mut pool = TestPool::new(rule, all);
        for index in (0u32..).zip(&tried).filter(|(_, tried)| **tried).map(|(index, _)| index) {
            pool.tried.insert(index);
        }
        // The model: what is left, as the contract has it, and the best kind of it.
        let left: Vec<u32> = (0u32..)
            .zip(pool.backends.iter().zip(&tried))
            .filter(|(_, (backend, tried))| backend.eligible && backend.weight > 0 && !**tried)
            .map(|(index, _)| index)
            .collect();
        let of = |fits: &dyn Fn(&Backend) -> bool| -> Vec<u32> {
            left.iter().copied().filter(|&index| fits(&pool.backends[index as usize])).collect()
        };
        let good = of(&|backend| backend.has_room() && !backend.is_suspect());
        let roomy = of(&|backend| backend.has_room());
        match pool.pick(client(number)) {
            Choice::Backend(index) if good.is_empty() => prop_assert!(roomy.contains(&index)),
            Choice::Backend(index) => prop_assert!(good.contains(&index)),
            Choice::Busy => prop_assert!(roomy.is_empty() && !left.is_empty()),
            Choice::Exhausted => prop_assert!(left.is_empty()),
        }
    }
}
