//! Why a backend takes no traffic, and what would bring it back.

use crate::stage::{MS, SECOND, Stage, key, member, name, web};
use evenkeel_core::director::{BackendOrder, Duty, EventKind, Hindrance, Order, Origin, State};
use std::sync::Arc;

#[test]
fn one_that_takes_traffic_has_no_hindrance() {
    let mut stage = Stage::new(web(2));
    stage.verdicts("PP");
    assert_eq!((hindrances(&stage, 1), state(&stage, 1)), (vec![], State::Up));
}

#[test]
fn before_its_first_check_it_is_told_how_long_that_may_take() {
    let stage = Stage::new(web(1));
    assert_eq!(hindrances(&stage, 1), [Hindrance::Unseen(stage.now + SECOND)]);
    assert_eq!(state(&stage, 1), State::Checking);
}

#[test]
fn one_that_is_down_is_told_how_many_checks_are_missing_and_when_the_next_is() {
    let mut stage = Stage::new(web(2));
    stage.verdicts("FP");
    assert_eq!(hindrances(&stage, 1), [Hindrance::Down { passes: 0, rise: 2 }]);
    stage.verdict(1, 'P');
    assert_eq!(hindrances(&stage, 1), [Hindrance::Down { passes: 1, rise: 2 }]);
    let check = stage.director.outlook(stage.now, &key("web", 1)).unwrap().check.unwrap();
    let soon = check.next.unwrap() - stage.now;
    assert!((450 * MS..=550 * MS).contains(&soon), "{soon:?}");
    assert_eq!(stage.wait_for_probe(1), soon);
    let check = stage.director.outlook(stage.now, &key("web", 1)).unwrap().check.unwrap();
    assert_eq!((check.next, check.streak), (None, 1), "it is under way");
}

#[test]
fn an_ejection_says_when_it_is_over_and_whether_checks_may_end_it() {
    let mut stage = Stage::new(web(3));
    stage.verdicts("PPP");
    stage.refuse(1, 3);
    let [Hindrance::Ejected { until, early }] = hindrances(&stage, 1)[..] else { panic!("ejected") };
    assert_eq!(early, Some((0, 2)));
    stage.verdict(1, 'P');
    assert_eq!(hindrances(&stage, 1), [Hindrance::Ejected { until, early: Some((1, 2)) }]);
    stage.verdict(1, 'P');
    assert_eq!(hindrances(&stage, 1), []);
    stage.refuse(1, 3);
    let [Hindrance::Ejected { early, .. }] = hindrances(&stage, 1)[..] else { panic!("ejected again") };
    assert_eq!(early, None, "the check sees less than the traffic does");
}

#[test]
fn operators_come_first_and_the_checks_still_count() {
    let mut stage = Stage::new(web(2));
    stage.verdicts("FP");
    let order = |order| Order::Backend(key("web", 1), order);
    stage.order(order(BackendOrder::Duty(Duty::Drain))).unwrap();
    assert_eq!(state(&stage, 1), State::Drain);
    let down = Hindrance::Down { passes: 0, rise: 2 };
    assert_eq!(hindrances(&stage, 1), [Hindrance::Duty(Duty::Drain), down.clone()]);
    stage.order(order(BackendOrder::Duty(Duty::On))).unwrap();
    stage.order(order(BackendOrder::Weight(0))).unwrap();
    assert_eq!(hindrances(&stage, 1), [Hindrance::NoWeight, down]);
}

#[test]
fn a_backup_waits_until_it_is_needed() {
    let mut config = web(2);
    config.pools[0].members[1].backup = true;
    let mut stage = Stage::new(config);
    stage.verdicts("PP");
    stage.pass(20 * MS);
    assert_eq!(hindrances(&stage, 2), [Hindrance::Backup]);
    (0..3).for_each(|_| stage.verdict(1, 'F'));
    stage.pass(20 * MS);
    assert_eq!((hindrances(&stage, 2), state(&stage, 1)), (vec![], State::Down));
}

#[test]
fn slow_start_says_its_share_and_when_it_has_all_of_it() {
    let mut stage = Stage::new(web(2));
    stage.verdicts("FP");
    stage.pass(40 * SECOND);
    stage.verdicts("PP");
    stage.verdict(1, 'P');
    let came = stage.now;
    stage.pass(10 * SECOND);
    let slow = stage.director.outlook(stage.now, &key("web", 1)).unwrap().slow_start;
    assert_eq!(slow, Some((40, came + 30 * SECOND)));
    stage.pass(20 * SECOND);
    assert_eq!(stage.director.outlook(stage.now, &key("web", 1)).unwrap().slow_start, None);
}

#[test]
fn who_wanted_a_backend_in_or_out_is_told() {
    let mut config = web(0);
    config.pools[0].members = vec![name(), member(9)];
    let mut stage = Stage::new(config.clone());
    let told = |stage: &mut Stage| {
        std::iter::from_fn(|| stage.director.poll_action())
            .filter_map(|action| match action {
                evenkeel_core::director::Action::Announce(event) => match event.kind {
                    EventKind::Added { by } | EventKind::Removed { by } => Some(by),
                    _ => None,
                },
                _ => None,
            })
            .collect::<Vec<_>>()
    };
    let resolve = |stage: &mut Stage, last: u8| {
        let addrs = Ok(vec![std::net::Ipv4Addr::new(10, 0, 0, last).into()]);
        let pool = evenkeel_core::name::PoolName::new("web");
        stage.director.handle_resolved(stage.now, &pool, "name", addrs);
    };
    let by_name = Origin::Name(Arc::from("name"));
    resolve(&mut stage, 1);
    assert_eq!(told(&mut stage), std::slice::from_ref(&by_name));
    resolve(&mut stage, 2);
    assert_eq!(told(&mut stage), [by_name.clone(), by_name]);
    stage.director =
        stage.director.order(stage.now, Order::Backend(key("web", 9), BackendOrder::Remove)).unwrap();
    assert_eq!(told(&mut stage), [Origin::Order]);
    config.pools[0].members = vec![name()];
    config.pools[0].members.push(member(8));
    stage.director = stage.director.propose(stage.now, config);
    assert_eq!(told(&mut stage), [Origin::Config]);
    assert_eq!(state(&stage, 9), State::Removed);
}

fn hindrances(stage: &Stage, number: u8) -> Vec<Hindrance> {
    stage.director.outlook(stage.now, &key("web", number)).unwrap().hindrances
}

fn state(stage: &Stage, number: u8) -> State {
    stage.director.state(&key("web", number))
}
