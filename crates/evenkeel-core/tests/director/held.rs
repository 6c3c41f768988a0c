//! Names that are new: until it is known what they stand for, a pool goes on with those it had.

use crate::stage::{MS, SECOND, Stage, addr, key, member, name, pool, web};
use evenkeel_core::director::{BackendOrder, Change, Config, Director, Order, PoolConfig, Target};
use evenkeel_core::name::PoolName;
use std::sync::Arc;

/// A configuration whose pool `web` has only a name.
fn named() -> Config {
    let pool = PoolConfig { check: None, members: vec![name()], ..web(1).pools.remove(0) };
    Config { pools: vec![pool], ..web(1) }
}

/// Backends 1 and 2 take traffic, and a file comes that has a name instead of them.
fn waiting() -> Stage {
    let mut stage = Stage::new(web(2));
    stage.verdicts("PP");
    stage.pass(20 * MS);
    stage.reload(named());
    stage.told();
    stage
}

#[test]
fn those_that_a_new_name_replaces_stay_until_its_first_answer() {
    let mut stage = waiting();
    assert_eq!(stage.takers(), "1 2");
    assert_eq!(stage.director.unknown_names()[&PoolName::new("web")], ["name".into()]);
    stage.resolve(Ok(&[2, 3]));
    stage.pass(20 * MS);
    assert_eq!((stage.takers(), stage.told()), ("2 3".into(), "3 added, 1 removed".into()));
    assert!(stage.director.unknown_names().is_empty());
}

#[test]
fn those_that_a_wrong_name_replaces_stay_as_long_as_nobody_else_is_there() {
    let mut stage = waiting();
    stage.resolve(Err("no such name"));
    stage.pass(SECOND);
    assert_eq!((stage.takers(), stage.told()), ("1 2".into(), "unresolved".into()));
    let mut config = named();
    config.pools[0].members.push(member(3));
    stage.reload(config);
    assert_eq!((stage.takers(), stage.told()), ("3".into(), "3 added, 1 removed, 2 removed".into()));
}

#[test]
fn a_wrong_name_beside_others_holds_nobody() {
    let mut stage = Stage::new(web(2));
    stage.verdicts("PP");
    let mut config = named();
    config.pools[0].members.push(member(1));
    stage.reload(config);
    stage.told();
    assert_eq!(stage.takers(), "1 2");
    stage.resolve(Err("no such name"));
    stage.pass(20 * MS);
    assert_eq!((stage.takers(), stage.told()), ("1".into(), "unresolved, 2 removed".into()));
}

#[test]
fn one_that_is_removed_by_order_is_not_held() {
    let mut stage = waiting();
    stage.order(Order::Backend(key("web", 1), BackendOrder::Remove)).unwrap();
    assert_eq!(stage.takers(), "2");
}

#[test]
fn a_plan_says_that_those_who_are_held_go() {
    let mut stage = Stage::new(web(1));
    let plan = stage.director.plan(&stage.director.propose(stage.now, named()));
    let backends: Vec<_> = plan.pools[0].backends.iter().map(|it| (it.key.clone(), it.change)).collect();
    assert_eq!(backends, [(key("web", 1), Change::Removed)]);
    stage.reload(named());
    assert!(stage.director.plan(&stage.director.propose(stage.now, named())).is_empty());
}

#[test]
fn a_name_that_another_pool_has_stands_for_the_same_at_once() {
    let mut stage = Stage::new(named());
    stage.resolve(Ok(&[1]));
    let other = PoolConfig { check: None, ..pool("other", vec![name()]) };
    let renamed = Config { pools: vec![other], ..named() };
    let mut upgraded = Director::new(stage.now, renamed.clone(), 1);
    upgraded.recall(stage.now, &stage.director.memory());
    for director in [stage.director.propose(stage.now, renamed), upgraded] {
        let pool = Arc::clone(&director.snapshot().pools[&PoolName::new("other")]);
        assert_eq!(pool.backends.iter().map(|it| it.addr.clone()).collect::<Vec<_>>(), [addr(1)]);
    }
}

#[test]
fn whoever_goes_on_holds_those_that_the_one_before_had() {
    let mut before = web(2);
    before.pools[0].members[1].weight = 7;
    let mut stage = Stage::new(before);
    stage.verdicts("PP");
    let mut upgraded = Director::new(stage.now, named(), 1);
    upgraded.recall(stage.now, &stage.director.memory());
    stage.told();
    stage.director = upgraded;
    stage.current = stage.director.snapshot();
    assert_eq!(stage.takers(), "1 2*7");
    assert_eq!(
        stage.director.config().pools[0].members[0].target,
        Target::Name { host: "name".into(), port: 80 }
    );
    stage.resolve(Ok(&[3]));
    stage.pass(20 * MS);
    assert_eq!((stage.takers(), stage.told()), ("3".into(), "3 added, 1 removed, 2 removed".into()));
}
