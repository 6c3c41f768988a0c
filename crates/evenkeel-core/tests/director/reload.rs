//! A new configuration under a running director.

use crate::stage::{MS, SECOND, Stage, check, key, listener, member, pool, verdict, web};
use evenkeel_core::director::Config;
use evenkeel_core::eject::Tolerance;
use evenkeel_core::snapshot::Listener;
use std::sync::Arc;

#[test]
fn nothing_happens_until_a_proposal_is_kept() {
    let mut stage = Stage::new(web(2));
    stage.verdicts("PP");
    stage.pass(20 * MS);
    let proposal = stage.director.propose(stage.now, web(1));
    assert_eq!(proposal.snapshot().pools[&key("web", 1).pool].backends.len(), 1);
    assert!(proposal.snapshot().generation > stage.current.generation);
    stage.pass(SECOND);
    assert_eq!((stage.takers(), stage.director.backends().len()), ("1 2".into(), 2));
}

#[test]
fn who_stays_keeps_health_and_load_and_the_others_are_told_of() {
    let mut stage = Stage::new(web(3));
    stage.verdicts("PFP");
    stage.pass(20 * MS);
    stage.told();
    let before = stage.web();
    let mut config = web(4);
    config.pools[0].members.remove(0);
    config.pools[0].members[1].weight = 5;
    stage.reload(config);
    assert_eq!((stage.takers(), stage.told()), ("3*5".into(), "4 added, 1 removed".into()));
    assert!(Arc::ptr_eq(&before.backends[2].load, &stage.web().backends[1].load));
    assert!(Arc::ptr_eq(&before.line, &stage.web().line));
    assert!(Arc::ptr_eq(&before.cursor, &stage.web().cursor));
}

#[test]
fn a_pool_that_is_configured_as_before_stays_the_very_same() {
    let mut stage = Stage::new(web(2));
    stage.verdicts("PP");
    stage.pass(20 * MS);
    let before = stage.web();
    let mut config = web(2);
    config.pools.push(pool("other", vec![member(1)]));
    stage.reload(config);
    assert!(Arc::ptr_eq(&before, &stage.web()));
}

#[test]
fn a_listener_that_is_configured_as_before_stays_the_very_same() {
    let config = |sessions| {
        let mut other = Listener::clone(&listener("other", 2));
        other.max_sessions = sessions;
        Config { listeners: vec![listener("front", 1), Arc::new(other)], ..web(1) }
    };
    let mut stage = Stage::new(config(1));
    let before = Arc::clone(&stage.current);
    stage.reload(config(2));
    let stays: Vec<bool> = before
        .listeners
        .iter()
        .map(|(name, listener)| Arc::ptr_eq(listener, &stage.current.listeners[name]))
        .collect();
    assert_eq!(stays, [true, false]);
    assert_eq!(stage.current.listeners.values().last().unwrap().max_sessions, 2);
}

#[test]
fn a_change_that_waits_for_its_publication_is_in_the_proposal() {
    let mut stage = Stage::new(web(2));
    stage.verdicts("PP");
    assert_eq!(stage.takers(), "");
    stage.reload(web(2));
    assert_eq!(stage.takers(), "1 2");
    stage.published.clear();
    stage.pass(SECOND);
    assert_eq!(stage.published.len(), 0, "it is not published twice");
}

#[test]
fn a_verdict_for_a_backend_that_left_is_ignored() {
    let mut stage = Stage::new(web(2));
    let id = stage.ids[&key("web", 2)];
    stage.reload(web(1));
    stage.told();
    for pool in ["web", "gone"] {
        assert!(!stage.director.handle_probe(stage.now, &key(pool, 2), id, verdict('F')));
    }
    stage.pass(SECOND / 2);
    assert_eq!(stage.told(), "");
}

#[test]
fn one_that_is_added_is_checked_first_and_then_starts_slowly() {
    let mut stage = Stage::new(web(1));
    stage.verdict(1, 'P');
    stage.pass(40 * SECOND);
    stage.reload(web(2));
    assert_eq!(stage.takers(), "1");
    stage.verdict(2, 'P');
    stage.pass(20 * MS);
    assert_eq!(stage.takers(), "1*100 2*10");
}

#[test]
fn one_that_gets_its_weight_back_starts_slowly_too() {
    let mut stage = Stage::new(web(2));
    stage.verdicts("PP");
    let mut config = web(2);
    config.pools[0].members[1].weight = 0;
    stage.reload(config);
    assert_eq!(stage.takers(), "1");
    stage.pass(40 * SECOND);
    stage.reload(web(2));
    assert_eq!(stage.takers(), "1*100 2*10");
}

#[test]
fn checks_can_be_turned_off_and_on_again() {
    let mut stage = Stage::new(web(2));
    stage.verdicts("PF");
    stage.told();
    let mut unchecked = web(2);
    unchecked.pools[0].check = None;
    stage.reload(unchecked);
    assert_eq!((stage.takers(), stage.told()), ("1 2".into(), "2 unchecked".into()));
    stage.pass(60 * SECOND);
    assert!(stage.probes.is_empty());
    stage.reload(web(2));
    assert_eq!(stage.probes.len(), 2, "asked at once");
    assert_eq!((stage.takers(), stage.told()), ("1 2".into(), "".into()));
}

#[test]
fn another_check_is_made_at_once() {
    let mut stage = Stage::new(web(1));
    stage.verdict(1, 'P');
    assert!(stage.probes.is_empty());
    let mut config = web(1);
    config.pools[0].check = Some(Arc::new(evenkeel_core::health::Check { port: Some(81), ..check() }));
    stage.reload(config);
    assert_eq!(stage.probes.len(), 1);
}

#[test]
fn another_check_does_not_wait_for_the_old_one_nor_count_what_that_sees() {
    let mut stage = Stage::new(web(1));
    stage.verdict(1, 'P');
    stage.wait_for_probe(1);
    let (key, now) = (key("web", 1), stage.now);
    let old = stage.ids[&key];
    stage.probes.clear();
    let mut config = web(1);
    config.pools[0].check =
        Some(Arc::new(evenkeel_core::health::Check { port: Some(81), fall: 1, rise: 1, ..check() }));
    stage.reload(config);
    assert_eq!(stage.probes.len(), 1, "asked at once");
    assert!(!stage.director.handle_probe(now, &key, old, verdict('F')));
    assert!(stage.director.handle_probe(now, &key, stage.ids[&key], verdict('F')));
    assert!(!stage.director.handle_probe(now, &key, old, verdict('P')));
    stage.collect();
    assert_eq!(stage.told(), "1 up, 1 down");
}

#[test]
fn without_ejection_nobody_stays_ejected() {
    let mut stage = Stage::new(web(2));
    stage.verdicts("PP");
    stage.refuse(1, 3);
    stage.told();
    let mut config = web(2);
    config.pools[0].ejection = None;
    stage.reload(config);
    assert_eq!((stage.takers(), stage.told()), ("1 2".into(), "1 returned".into()));
    assert_eq!(stage.web().backends[0].tolerance, Tolerance::default());
}

#[test]
fn nobody_becomes_a_suspect_by_a_stricter_rule() {
    let mut stage = Stage::new(web(2));
    stage.verdicts("PP");
    stage.refuse(1, 2);
    let mut config = web(2);
    config.pools[0].ejection.as_mut().unwrap().tolerance.failures = 2;
    stage.reload(config);
    assert!(!stage.web().backends[0].is_suspect(), "no report would ever come");
}
