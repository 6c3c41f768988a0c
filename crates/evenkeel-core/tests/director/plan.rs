//! What a proposal would change.

use crate::stage::{MS, SECOND, Stage, key, member, name, pool, web};
use evenkeel_core::director::{BackendOrder, Config, Duty, Leaving, Order};
use evenkeel_core::load::SeatLimits;

/// `web: changed [balance] 2 removed (1 Keep), …`
fn planned(stage: &Stage, config: Config) -> String {
    let plan = stage.director.plan(&stage.director.propose(stage.now, config));
    let pools = plan.pools.iter().map(|pool| {
        let backends = pool.backends.iter().map(|it| {
            let addr = it.key.addr.ip().unwrap().ip().to_string();
            let number = addr.rsplit('.').next().unwrap().to_owned();
            format!(" {number} {:?}({} {:?})", it.change, it.sessions, it.leaving)
        });
        format!("{} {:?} {:?}{}", pool.name, pool.change, pool.parts, backends.collect::<String>())
    });
    pools.collect::<Vec<_>>().join("; ")
}

#[test]
fn the_same_is_no_change_and_planning_changes_nothing() {
    let mut stage = Stage::new(web(2));
    stage.verdicts("PP");
    stage.pass(20 * MS);
    stage.told();
    assert_eq!(planned(&stage, web(2)), "");
    planned(&stage, web(1));
    assert_eq!((stage.takers(), stage.told()), ("1 2".into(), "".into()));
}

#[test]
fn backends_come_go_and_change_with_their_sessions() {
    let stage = Stage::new(web(3));
    let seat = stage.web().backends[1].load.enter(SeatLimits::NONE);
    let mut config = web(4);
    config.pools[0].members.remove(1);
    config.pools[0].members[0].weight = 2;
    config.pools[0].on_remove = Leaving::Drain(SECOND);
    config.pools[0].slow_start = None;
    let expected = "web Changed [\"slow-start\", \"on-remove\"] 1 Changed(0 Keep) 2 Removed(1 Drain(1s)) 4 Added(0 Keep)";
    assert_eq!(planned(&stage, config.clone()), expected);
    let plan = stage.director.plan(&stage.director.propose(stage.now, config));
    assert_eq!(plan.sessions(), (0, 1, 0));
    drop(seat);
}

#[test]
fn a_limit_of_the_pool_is_one_of_its_backends_and_of_those_that_a_name_will_stand_for() {
    let limited = |members: &Config| {
        let mut config = members.clone();
        config.pools[0].limits = SeatLimits { sessions: 7, connecting: 3 };
        config
    };
    let mut own = web(2);
    own.pools[0].members[1].max_sessions = Some(9);
    assert_eq!(
        planned(&Stage::new(own.clone()), limited(&own)),
        "web Changed [] 1 Changed(0 Keep) 2 Changed(0 Keep)"
    );
    let sessions = SeatLimits { sessions: 7, ..own.pools[0].limits };
    let mut less = own.clone();
    less.pools[0].limits = sessions;
    assert_eq!(planned(&Stage::new(own), less), "web Changed [] 1 Changed(0 Keep)", "the other has its own");
    let named = Config { listeners: Vec::new(), pools: vec![pool("web", vec![name()])] };
    assert_eq!(planned(&Stage::new(named.clone()), limited(&named)), "web Changed [\"names\"]");
}

#[test]
fn pools_come_and_go_whole() {
    let stage = Stage::new(web(1));
    let other = Config { listeners: Vec::new(), pools: vec![pool("api", vec![member(2)])] };
    let expected = "api Added [] 2 Added(0 Keep); web Removed [] 1 Removed(0 Keep)";
    assert_eq!(planned(&stage, other), expected);
}

#[test]
fn an_order_that_stands_is_no_change_and_one_that_the_file_overrules_is() {
    let mut stage = Stage::new(web(2));
    stage.order(Order::Backend(key("web", 1), BackendOrder::Weight(5))).unwrap();
    stage.order(Order::Backend(key("web", 2), BackendOrder::Duty(Duty::Drain))).unwrap();
    assert_eq!(planned(&stage, web(2)), "");
    let mut config = web(2);
    config.pools[0].members[0].weight = 3;
    assert_eq!(planned(&stage, config), "web Changed [] 1 Changed(0 Keep)");
}
