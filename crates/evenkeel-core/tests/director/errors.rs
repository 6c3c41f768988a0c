//! Answers that say that a backend cannot serve.

use crate::stage::{SECOND, Stage, check, web};
use crate::world::asks_for_answers;
use evenkeel_core::health::Check;
use std::sync::Arc;

#[test]
fn answers_that_are_errors_take_one_out_until_its_time_is_over_whatever_a_check_of_connects_says() {
    let mut stage = Stage::new(web(3));
    stage.verdicts("PPP");
    stage.told();
    stage.err(2, 4);
    stage.refuse(2, 2);
    assert_eq!(stage.told(), "", "each kind is counted for itself");
    stage.err(2, 1);
    assert_eq!(stage.told(), "2 ejected");
    (0..3).for_each(|_| stage.verdict(2, 'P'));
    assert_eq!((stage.takers(), stage.told()), ("1 3".into(), String::new()));
    stage.pass(6 * SECOND);
    assert_eq!(stage.told(), "2 returned");
}

#[test]
fn a_check_that_asks_for_answers_ends_an_ejection_for_answers() {
    let mut config = web(3);
    config.pools[0].check = Some(Arc::new(Check { kind: asks_for_answers(), ..check() }));
    let mut stage = Stage::new(config);
    stage.verdicts("PPP");
    stage.err(2, 5);
    stage.told();
    stage.verdict(2, 'P');
    stage.verdict(2, 'P');
    assert_eq!(stage.told(), "2 returned");
}

#[test]
fn answers_are_not_counted_where_that_is_off() {
    let mut config = web(3);
    config.pools[0].ejection.as_mut().unwrap().tolerance.errors = 0;
    let mut stage = Stage::new(config);
    stage.verdicts("PPP");
    stage.told();
    stage.err(2, 50);
    assert_eq!(stage.told(), "");
    assert!(!stage.web().backends[1].is_suspect());
}
