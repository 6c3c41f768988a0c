//! A director that goes on from what another one had seen, as after an upgrade.

use crate::stage::{MS, SECOND, Stage, key, listener, member, name, pool, web};
use evenkeel_core::director::{BackendOrder, Config, Difference, Director, Duty, Order};
use evenkeel_core::name::ServiceName;

/// The stage with another director, which remembers what the one before it had seen.
fn succeeded(stage: &Stage, config: Config) -> Stage {
    let mut next = Stage::new(config.clone());
    let mut director = Director::new(stage.now, config, 2);
    director.recall(stage.now, &stage.director.memory());
    (next.current, next.director, next.now) = (director.snapshot(), director, stage.now);
    next.probes.clear();
    next.told();
    next.collect();
    next
}

#[test]
fn who_was_up_down_or_out_stays_so_and_nothing_is_told() {
    let mut stage = Stage::new(web(4));
    stage.verdicts("PFPP");
    stage.refuse(3, 3);
    stage.pass(20 * MS);
    assert_eq!(stage.takers(), "1 4");
    let mut next = succeeded(&stage, web(4));
    assert_eq!((next.takers(), next.told()), ("1 4".into(), String::new()));
    assert_eq!(next.director.memory(), stage.director.memory());
    next.pass(6 * SECOND);
    assert_eq!(next.told(), "3 returned", "when its time is over, and not earlier");
    next.verdicts("-PPP");
    next.verdicts("-P");
    next.pass(20 * MS);
    assert_eq!(next.told(), "2 up");
}

#[test]
fn a_streak_and_a_ramp_go_on() {
    let mut stage = Stage::new(web(2));
    stage.verdicts("PF");
    stage.pass(40 * SECOND);
    stage.verdicts("-P");
    let mut next = succeeded(&stage, web(2));
    next.verdicts("-P");
    next.pass(20 * MS);
    assert_eq!(next.told(), "2 up", "the second pass in a row, over both");
    next.pass(10 * SECOND);
    let after = succeeded(&next, web(2));
    assert_eq!(after.director.memory(), next.director.memory());
    assert_eq!(after.takers(), "1*100 2*40", "a third of the way from a tenth to the whole");
}

#[test]
fn a_name_stands_for_what_it_stood_for() {
    let config = Config { listeners: Vec::new(), pools: vec![pool("web", vec![name()])] };
    let mut stage = Stage::new(config.clone());
    stage.resolve(Ok(&[1, 2]));
    stage.verdicts("PP");
    stage.pass(20 * MS);
    let mut next = succeeded(&stage, config);
    assert_eq!((next.takers(), next.told()), ("1 2".into(), String::new()));
}

#[test]
fn another_configuration_remembers_what_it_has_a_use_for() {
    let mut stage = Stage::new(web(3));
    stage.verdicts("PFP");
    stage.refuse(3, 3);
    let mut config = web(2);
    config.pools[0].members.push(member(9));
    config.pools[0].check = None;
    config.pools[0].ejection = None;
    let mut next = succeeded(&stage, config);
    assert_eq!((next.takers(), next.told()), ("1 2 9".into(), String::new()), "nobody is checked any more");
    next.pass(SECOND);
    assert!(next.probes.is_empty());
}

#[test]
fn that_nobody_is_left_is_not_told_again() {
    let mut stage = Stage::new(web(1));
    stage.verdicts("F");
    stage.pass(20 * MS);
    assert_eq!(stage.told(), "1 down, all-down");
    let mut next = succeeded(&stage, web(1));
    assert_eq!(next.told(), "");
    next.verdicts("P");
    next.verdicts("P");
    next.pass(20 * MS);
    assert_eq!(next.told(), "1 up, recovered");
}

fn order(number: u8, order: BackendOrder) -> Order {
    Order::Backend(key("web", number), order)
}

/// Four that are up; 1 drains, 2 has another weight, 3 is removed, and 9 was added.
fn ordered() -> Stage {
    let mut stage = Stage::new(web(4));
    stage.verdicts("PPPP");
    for order in [
        order(1, BackendOrder::Duty(Duty::Drain)),
        order(2, BackendOrder::Weight(5)),
        order(3, BackendOrder::Remove),
        order(9, BackendOrder::Add(member(9))),
    ] {
        stage.order(order).unwrap();
    }
    stage.verdicts("---P");
    stage.pass(20 * MS);
    assert_eq!(stage.takers(), "2*5 4 9");
    stage
}

#[test]
fn orders_go_on_and_nobody_is_closed_by_that() {
    let stage = ordered();
    let mut next = succeeded(&stage, web(4));
    assert_eq!(next.director.differences(), stage.director.differences());
    assert_eq!((next.takers(), next.told()), ("2*5 4 9".into(), String::new()));
    assert_eq!(next.director.memory(), stage.director.memory());
    next.order(order(1, BackendOrder::Duty(Duty::On))).unwrap();
    next.order(order(3, BackendOrder::Add(member(3)))).unwrap();
    next.order(order(9, BackendOrder::Remove)).unwrap();
    assert_eq!(
        next.director.differences(),
        [Difference::Weight { key: key("web", 2), configured: Some(1), ordered: 5, name: None }]
    );
}

#[test]
fn what_the_new_file_changed_is_newer_than_the_orders() {
    let mut config = web(4);
    config.pools[0].members[0].weight = 3;
    config.pools[0].members[1].weight = 2;
    config.pools[0].members[2].backup = true;
    config.pools[0].members.push(member(9));
    let mut stage = ordered();
    let next = succeeded(&stage, config.clone());
    stage.reload(config);
    assert_eq!(next.director.differences(), stage.director.differences(), "as by a reload");
    assert_eq!(next.director.differences(), [Difference::Backend(key("web", 1), Duty::Drain)]);
    let other = Config { listeners: Vec::new(), pools: vec![pool("other", vec![member(1)])] };
    assert_eq!(succeeded(&stage, other).director.differences(), []);
}

#[test]
fn a_service_that_drains_goes_on_draining() {
    let config = |service| Config { listeners: vec![listener(service, 100)], ..web(1) };
    let mut stage = Stage::new(config("web"));
    stage.order(Order::Service(ServiceName::new("web"), Duty::Drain)).unwrap();
    let next = succeeded(&stage, config("web"));
    assert!(next.current.listeners.values().all(|it| !it.open));
    assert_eq!(next.director.memory(), stage.director.memory());
    let next = succeeded(&stage, config("another"));
    assert!(next.current.listeners.values().all(|it| it.open));
    assert_eq!(next.director.memory().duties, []);
}
