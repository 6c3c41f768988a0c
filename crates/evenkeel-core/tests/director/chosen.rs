//! Whom a session gets where the balance does not go over those that take traffic, or not only.

use crate::orders::duty;
use crate::stage::{MS, Stage, web};
use evenkeel_core::attempt::Tried;
use evenkeel_core::balance::{Balance, Choice};
use evenkeel_core::dice::Dice;
use evenkeel_core::director::{Duty, Leaving};
use evenkeel_core::load::Seat;
use evenkeel_core::snapshot::Pool;

#[test]
fn those_who_are_still_to_be_seen_share_by_the_rule_of_the_pool() {
    let mut config = web(4);
    config.pools[0].balance = Balance::RoundRobin;
    config.pools[0].limits.sessions = 1;
    config.pools[0].members[3].backup = true;
    let mut stage = Stage::new(config);
    assert_eq!(chosen(&stage.web(), 6, &[]), "1 2 3 1 2 3");
    let _full: Vec<_> = fill(&stage.web(), 2);
    assert_eq!(chosen(&stage.web(), 2, &[0]), "3 3", "2 is full");
    stage.verdicts("FF--");
    stage.pass(20 * MS);
    assert_eq!(chosen(&stage.web(), 2, &[]), "3 3", "nothing speaks against 3");
    stage.verdict(4, 'F');
    stage.pass(20 * MS);
    assert_eq!(chosen(&stage.web(), 1, &[2]), "1", "and then the one that failed longest ago");
}

#[test]
fn when_all_are_down_one_that_is_full_is_passed_over() {
    let mut config = web(2);
    config.pools[0].limits.sessions = 1;
    let mut stage = Stage::new(config);
    stage.verdicts("FF");
    stage.pass(20 * MS);
    assert_eq!(chosen(&stage.web(), 2, &[]), "1 1");
    let _full: Vec<_> = fill(&stage.web(), 1);
    assert_eq!(chosen(&stage.web(), 2, &[]), "2 2");
    let _too: Vec<_> = fill(&stage.web(), 2);
    assert_eq!(chosen(&stage.web(), 1, &[]), "busy");
    assert_eq!(chosen(&stage.web(), 1, &[0, 1]), "-");
}

#[test]
fn a_session_that_has_tried_every_primary_tries_the_backups() {
    let mut config = web(3);
    config.pools[0].members[1].backup = true;
    config.pools[0].members[2].backup = true;
    let mut stage = Stage::new(config);
    stage.verdicts("PFP");
    stage.pass(20 * MS);
    assert_eq!(stage.takers(), "1", "as far as is known");
    assert_eq!(chosen(&stage.web(), 1, &[]), "1");
    assert_eq!(chosen(&stage.web(), 1, &[0]), "3", "2 is down");
    assert_eq!(chosen(&stage.web(), 1, &[0, 2]), "-");
    assert!(!stage.web().may_be_named(2), "a client that names it is balanced anew");
}

#[test]
fn what_goes_to_one_that_is_down_or_disabled_may_go_elsewhere_while_there_is_anybody() {
    let mut stage = Stage::new(web(3));
    stage.verdicts("PPP");
    stage.pass(20 * MS);
    let lost = |stage: &Stage| {
        let pool = stage.web();
        let letter =
            |index: u32| match (pool.keeps(index), pool.replaces(&pool.backends[index as usize].addr)) {
                (true, false) => 'k',
                (false, true) => 'r',
                (false, false) => '-',
                (true, true) => '?',
            };
        (0..3).map(letter).collect::<String>()
    };
    stage.order(duty(1, Duty::Drain)).unwrap();
    stage.order(duty(2, Duty::Off)).unwrap();
    assert_eq!(lost(&stage), "krk", "who drains keeps what it has");
    stage.order(duty(2, Duty::On)).unwrap();
    stage.order(duty(1, Duty::On)).unwrap();
    fail_thrice(&mut stage, 1);
    assert_eq!(lost(&stage), "rkk");
    fail_thrice(&mut stage, 2);
    fail_thrice(&mut stage, 3);
    assert_eq!(lost(&stage), "kkk", "a last resort is better than nobody");
    let mut config = web(3);
    config.pools[0].on_down = Some(Leaving::Keep);
    stage.reload(config);
    stage.verdict(2, 'P');
    stage.verdict(2, 'P');
    stage.pass(20 * MS);
    assert_eq!((stage.takers(), lost(&stage)), ("2".into(), "kkk".into()), "all are to stay");
}

fn fail_thrice(stage: &mut Stage, number: u8) {
    (0..3).for_each(|_| stage.verdict(number, 'F'));
    stage.pass(20 * MS);
}

/// Where so many sessions are sent that have tried the backends at these indices.
fn chosen(pool: &Pool, count: u32, tried: &[u32]) -> String {
    let mut seen = Tried::default();
    tried.iter().for_each(|&index| seen.insert(index));
    let mut dice = Dice::new(1);
    let one = |client: u32| match pool.choose(client.into(), &mut dice, &seen) {
        Choice::Backend(index) => (index + 1).to_string(),
        Choice::Busy => "busy".into(),
        Choice::Exhausted => "-".into(),
    };
    (0..count).map(one).collect::<Vec<_>>().join(" ")
}

/// Takes all seats of a backend.
fn fill(pool: &Pool, number: usize) -> Vec<Seat> {
    let backend = &pool.backends[number - 1];
    std::iter::from_fn(|| backend.load.enter(backend.limits)).collect()
}
