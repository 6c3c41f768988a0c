//! Each balance in small pools: who exactly is picked, one after the other.

use crate::pools::{RULES, TestPool, backends, client};
use evenkeel_core::balance::{Balance, Choice};
use evenkeel_core::load::SeatLimits;

const MAGLEV: Balance = Balance::Maglev { hash_key: 7 };

#[test]
fn round_robin_goes_round_by_weight() {
    assert_eq!(TestPool::new(Balance::RoundRobin, backends(&[1, 1, 1])).sequence(7), "abcabca");
    assert_eq!(TestPool::new(Balance::RoundRobin, backends(&[5, 1, 1])).sequence(14), "abaaacaabaaaca");
}

#[test]
fn round_robin_goes_round_among_the_rest() {
    let mut pool = TestPool::new(Balance::RoundRobin, backends(&[1, 1, 1]));
    pool.fail(1);
    assert_eq!(pool.sequence(6), "acacac");
}

#[test]
fn round_robin_goes_round_whatever_the_number_of_workers() {
    let pool = TestPool::new(Balance::RoundRobin, backends(&[1, 1, 1]));
    let worker = || {
        let mut dice = pool.dice.clone();
        let mut counts = [0; 3];
        for _ in 0..100 {
            match pool.picker.pick(&pool.backends, 0, &pool.cursor, &mut dice, &pool.tried) {
                Choice::Backend(index) => counts[index as usize] += 1,
                choice => panic!("{choice:?}"),
            }
        }
        counts
    };
    let counts = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..3).map(|_| scope.spawn(worker)).collect();
        workers.into_iter().map(|worker| worker.join().unwrap()).collect::<Vec<_>>()
    });
    let total: Vec<u32> = (0..3).map(|index| counts.iter().map(|counts| counts[index]).sum()).collect();
    assert_eq!(total, [100, 100, 100]);
}

#[test]
fn least_conn_fills_by_weight_and_goes_round_on_ties() {
    assert_eq!(TestPool::new(Balance::LeastConn, backends(&[1, 1, 1])).sequence(6), "abcabc");
    assert_eq!(TestPool::new(Balance::LeastConn, backends(&[1, 1, 1])).fill(6), "abcabc");
    assert_eq!(TestPool::new(Balance::LeastConn, backends(&[3, 1])).fill(8), "aabaaaba");
}

#[test]
fn least_conn_makes_up_for_what_is_unequal() {
    let mut pool = TestPool::new(Balance::LeastConn, backends(&[1, 1, 1]));
    pool.put(0, 3);
    pool.put(1, 1);
    assert_eq!(pool.fill(6), "cbcbca");
}

#[test]
fn least_conn_counts_connects_in_progress() {
    let mut pool = TestPool::new(Balance::LeastConn, backends(&[1, 1]));
    let connecting = pool.backends[0].load.enter(SeatLimits::NONE);
    assert_eq!(pool.sequence(3), "bbb");
    drop(connecting);
    assert_eq!(pool.sequence(3), "aba");
}

#[test]
fn first_fills_one_after_the_other() {
    let mut three = backends(&[1, 5, 1]);
    for backend in &mut three {
        backend.limits.sessions = 2;
    }
    let mut pool = TestPool::new(Balance::First, three);
    assert_eq!(pool.fill(7), "aabbcc?");
    pool.seats.remove(0);
    assert_eq!(pool.fill(2), "a?");
}

#[test]
fn two_choices_take_the_less_loaded_for_its_weight() {
    let mut pool = TestPool::new(Balance::Random { choices: 2 }, backends(&[2, 2]));
    pool.put(0, 1);
    assert_eq!(pool.sequence(9), "bbbbbbbbb");
    let mut pool = TestPool::new(Balance::Random { choices: 2 }, backends(&[4, 2]));
    pool.put(0, 3);
    pool.put(1, 2);
    assert_eq!(pool.sequence(9), "aaaaaaaaa");
}

#[test]
fn one_choice_does_not_look_at_load() {
    let mut pool = TestPool::new(Balance::Random { choices: 1 }, backends(&[1, 1]));
    let dice = pool.dice.clone();
    let idle = pool.sequence(20);
    pool.put(0, 1);
    pool.dice = dice;
    assert_eq!(pool.sequence(20), idle);
}

#[test]
fn maglev_keeps_a_client_and_moves_only_whose_backend_cannot_be_taken() {
    let mut pool = TestPool::new(MAGLEV, backends(&[1, 1, 1]));
    let before = pool.sequence(60);
    assert_eq!(pool.sequence(60), before);
    pool.fail(1);
    let during = pool.sequence(60);
    assert_eq!(pool.sequence(60), during);
    for (before, during) in before.chars().zip(during.chars()) {
        assert!(if before == 'b' { during != 'b' } else { during == before });
    }
    assert!(during.contains('a') && during.contains('c'));
    pool.backends[1].load.forgive();
    assert_eq!(pool.sequence(60), before);
}

#[test]
fn every_rule_tries_each_backend_once_and_then_none() {
    for rule in RULES {
        let mut pool = TestPool::new(rule, backends(&[1, 9, 0, 1, 1]));
        pool.backends[3].eligible = false;
        let mut pool = TestPool::new(rule, pool.backends);
        let mut seen: Vec<u32> = (0..3)
            .map(|_| match pool.pick(client(9)) {
                Choice::Backend(index) => {
                    pool.tried.insert(index);
                    index
                }
                choice => panic!("{rule:?}: {choice:?}"),
            })
            .collect();
        assert_eq!(pool.pick(client(9)), Choice::Exhausted, "{rule:?}");
        seen.sort_unstable();
        assert_eq!(seen, [0, 1, 4], "{rule:?}");
    }
}

#[test]
fn every_rule_takes_a_suspect_only_when_nobody_else_with_room_is_left() {
    for rule in RULES {
        let mut pool = TestPool::new(rule, backends(&[1, 1, 1]));
        pool.fail(0);
        assert!(!pool.sequence(50).contains('a'), "{rule:?}");
        pool.backends[1].limits.sessions = 0;
        assert_eq!(pool.sequence(5), "ccccc", "{rule:?}");
        pool.tried.insert(2);
        assert_eq!(pool.sequence(5), "aaaaa", "{rule:?}");
    }
}

#[test]
fn every_rule_waits_when_all_are_full_and_gives_up_when_all_were_tried() {
    for rule in RULES {
        let mut pool = TestPool::new(rule, backends(&[1, 1]));
        pool.backends[0].limits.sessions = 0;
        pool.backends[1].limits.connecting = 0;
        assert_eq!(pool.sequence(1), "?", "{rule:?}");
        pool.tried.insert(0);
        assert_eq!(pool.sequence(1), "?", "{rule:?}");
        pool.tried.insert(1);
        assert_eq!(pool.sequence(1), "-", "{rule:?}");
        assert_eq!(TestPool::new(rule, vec![]).sequence(1), "-", "{rule:?}");
        assert_eq!(TestPool::new(rule, backends(&[0])).sequence(1), "-", "{rule:?}");
    }
}
