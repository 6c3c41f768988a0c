//! Members that are names.

use crate::stage::{MS, Stage, member, name, pool};
use evenkeel_core::director::{Config, PoolConfig};

#[test]
fn a_name_stands_for_nothing_until_it_is_resolved() {
    let mut stage = named();
    assert!(stage.web().backends.is_empty());
    assert_eq!(stage.told(), "", "no backend yet is not all down");
    stage.resolve(Ok(&[2, 1]));
    assert_eq!(stage.probes.len(), 2, "asked at once");
    stage.verdicts("PP");
    stage.pass(20 * MS);
    assert_eq!((stage.takers(), stage.told()), ("1 2".into(), "1 added, 2 added, 1 up, 2 up".into()));
}

#[test]
fn no_answer_and_an_empty_answer_leave_what_is_known() {
    let mut stage = named();
    stage.resolve(Ok(&[1]));
    stage.told();
    stage.resolve(Err("no such name"));
    stage.resolve(Ok(&[]));
    stage.pass(20 * MS);
    assert_eq!(stage.web().backends.len(), 1);
    assert_eq!(stage.told(), "unresolved", "once, not at every answer");
    stage.resolve(Ok(&[1]));
    assert_eq!(stage.told(), "resolved");
}

#[test]
fn the_same_answer_in_another_order_changes_nothing() {
    let mut stage = named();
    stage.resolve(Ok(&[1, 2, 3]));
    stage.pass(20 * MS);
    stage.published.clear();
    stage.resolve(Ok(&[3, 1, 2, 1]));
    stage.pass(20 * MS);
    assert_eq!(stage.published.len(), 0);
}

#[test]
fn who_is_in_the_next_answer_too_keeps_its_health() {
    let mut stage = named();
    stage.resolve(Ok(&[1, 2]));
    stage.verdicts("PF");
    stage.pass(20 * MS);
    let load = std::sync::Arc::clone(&stage.web().backends[0].load);
    stage.told();
    stage.resolve(Ok(&[1, 3]));
    stage.pass(20 * MS);
    assert_eq!((stage.takers(), stage.told()), ("1".into(), "3 added, 2 removed".into()));
    assert!(std::sync::Arc::ptr_eq(&load, &stage.web().backends[0].load));
}

#[test]
fn an_address_that_two_members_stand_for_is_one_backend_and_the_first_counts() {
    let mut config = of(vec![member(1), name(), name()]);
    config.pools[0].members[0].weight = 7;
    let mut stage = Stage::new(config);
    stage.resolve(Ok(&[1, 2]));
    stage.verdicts("PP");
    stage.pass(20 * MS);
    assert_eq!(stage.takers(), "1*7 2");
}

#[test]
fn an_answer_for_a_name_or_a_pool_that_nobody_has_is_ignored() {
    let mut stage = Stage::new(of(vec![member(1)]));
    stage.resolve(Ok(&[9]));
    stage.pass(20 * MS);
    assert_eq!(stage.web().backends.len(), 1);
}

#[test]
fn the_answer_outlives_a_reload() {
    let mut stage = named();
    stage.resolve(Ok(&[1]));
    stage.verdict(1, 'P');
    stage.reload(of(vec![name(), member(5)]));
    assert_eq!(stage.takers(), "1");
    assert_eq!(stage.web().backends.len(), 2);
}

fn named() -> Stage {
    Stage::new(of(vec![name()]))
}

fn of(members: Vec<evenkeel_core::director::Member>) -> Config {
    let pools: Vec<PoolConfig> = vec![pool("web", members)];
    Config { listeners: Vec::new(), pools }
}
