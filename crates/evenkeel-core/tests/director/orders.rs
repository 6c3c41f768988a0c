//! What operators want, beside the configuration: it holds at once, over reloads, and until the file says something else.

use crate::stage::{MS, SECOND, Stage, addr, key, listener, member, name, web};
use evenkeel_core::director::{
    Agreement, BackendOrder, Difference, Director, Duty, Leaving, Member, Order, OrderError,
};
use evenkeel_core::load::SeatLimits;
use evenkeel_core::name::{PoolName, ServiceName};
use std::sync::Arc;

fn order(number: u8, order: BackendOrder) -> Order {
    Order::Backend(key("web", number), order)
}

pub fn duty(number: u8, duty: Duty) -> Order {
    order(number, BackendOrder::Duty(duty))
}

fn weight(number: u8, weight: u32) -> Order {
    order(number, BackendOrder::Weight(weight))
}

fn add(number: u8) -> Order {
    order(number, BackendOrder::Add(member(number)))
}

fn remove(number: u8) -> Order {
    order(number, BackendOrder::Remove)
}

/// A pool of three that are up.
fn three() -> Stage {
    let mut stage = Stage::new(web(3));
    stage.verdicts("PPP");
    stage.pass(20 * MS);
    stage.told();
    stage
}

#[test]
fn one_that_drains_gets_nothing_new_and_comes_back_slowly() {
    let mut stage = three();
    stage.order(duty(2, Duty::Drain)).unwrap();
    assert_eq!((stage.takers(), stage.told()), ("1 3".into(), "".into()));
    stage.wait_for_probe(2);
    assert_eq!(stage.director.differences(), [Difference::Backend(key("web", 2), Duty::Drain)]);
    stage.pass(40 * SECOND);
    stage.order(duty(2, Duty::On)).unwrap();
    assert_eq!(stage.takers(), "1*100 2*10 3*100");
    assert_eq!(stage.director.views(stage.now)[1].slow_start, Some(10));
    assert_eq!(stage.director.differences(), []);
}

#[test]
fn one_that_is_disabled_loses_its_sessions_too() {
    let mut stage = three();
    stage.order(duty(2, Duty::Off)).unwrap();
    assert_eq!((stage.takers(), stage.told()), ("1 3".into(), "2 Cut".into()));
}

#[test]
fn all_that_are_drained_leave_nobody_not_even_as_a_last_resort() {
    let mut stage = three();
    for number in [1, 2, 3] {
        stage.order(duty(number, Duty::Drain)).unwrap();
    }
    assert_eq!(
        (stage.takers(), stage.last_resort(), stage.told()),
        ("".into(), "".into(), "all-down".into())
    );
}

#[test]
fn a_weight_holds_until_the_file_changes_that_weight() {
    let mut stage = three();
    stage.order(weight(1, 5)).unwrap();
    stage.order(weight(2, 7)).unwrap();
    assert_eq!(stage.takers(), "1*5 2*7 3");
    let mut config = web(4);
    config.pools[0].members[0].weight = 2;
    stage.reload(config.clone());
    assert_eq!(stage.takers(), "1*2 2*7 3", "newest intent wins, for each key");
    let still = Difference::Weight { key: key("web", 2), configured: Some(1), ordered: 7, name: None };
    assert_eq!(stage.director.differences(), [still]);
    stage.order(weight(1, 9)).unwrap();
    stage.reload(config);
    assert_eq!(stage.takers(), "1*9 2*7 3", "the file said nothing new");
}

#[test]
fn one_that_is_added_is_checked_like_the_others_and_survives_a_reload() {
    let mut stage = three();
    stage.order(add(4)).unwrap();
    assert_eq!(stage.told(), "4 added");
    stage.verdict(4, 'P');
    stage.pass(20 * MS);
    assert_eq!((stage.takers(), stage.told()), ("1 2 3 4".into(), "4 up".into()));
    let mut config = web(3);
    config.pools[0].members[0].weight = 2;
    stage.reload(config);
    assert_eq!((stage.takers(), stage.told()), ("1*2 2 3 4".into(), "".into()));
    assert_eq!(stage.director.differences(), [Difference::Added(key("web", 4), member(4))]);
    stage.reload(web(4));
    assert_eq!(
        (stage.takers(), stage.director.differences()),
        ("1 2 3 4".into(), vec![]),
        "now it is in the file"
    );
    stage.reload(web(3));
    assert_eq!((stage.takers(), stage.told()), ("1 2 3".into(), "4 removed".into()));
}

#[test]
fn one_that_drains_goes_on_draining_when_the_file_lists_it() {
    for out in [Duty::Drain, Duty::Off] {
        let mut stage = three();
        stage.order(add(4)).unwrap();
        stage.order(weight(4, 9)).unwrap();
        stage.verdict(4, 'P');
        stage.order(duty(4, out)).unwrap();
        let mut upgraded = Director::new(stage.now, web(4), 1);
        upgraded.recall(stage.now, &stage.director.memory());
        stage.reload(web(4));
        assert_eq!(stage.takers(), "1 2 3");
        for director in [&stage.director, &upgraded] {
            assert_eq!(director.differences(), [Difference::Backend(key("web", 4), out)]);
        }
        stage.order(duty(4, Duty::On)).unwrap();
        stage.pass(40 * SECOND);
        assert_eq!((stage.takers(), stage.director.differences()), ("1 2 3 4".into(), vec![]));
    }
}

#[test]
fn one_that_is_removed_stays_away_until_the_file_speaks_of_it() {
    let mut stage = three();
    stage.order(remove(2)).unwrap();
    assert_eq!((stage.takers(), stage.told()), ("1 3".into(), "2 removed".into()));
    let mut config = web(3);
    config.pools[0].members[0].weight = 4;
    stage.reload(config.clone());
    assert_eq!((stage.takers(), stage.told()), ("1*4 3".into(), "".into()));
    config.pools[0].members[1].weight = 4;
    stage.reload(config);
    assert_eq!(stage.told(), "2 added");
}

#[test]
fn one_that_was_removed_can_be_added_again_and_one_that_was_added_removed() {
    let mut stage = three();
    stage.order(remove(2)).unwrap();
    stage.order(add(2)).unwrap();
    stage.order(add(5)).unwrap();
    stage.order(remove(5)).unwrap();
    assert_eq!((stage.director.differences(), stage.web().backends.len()), (vec![], 3));
    assert_eq!(stage.told(), "2 removed, 2 added, 5 added, 5 removed");
}

#[test]
fn sessions_of_one_that_was_removed_count_when_it_comes_back() {
    let mut stage = three();
    let load_of = |stage: &Stage, number| {
        let pool = stage.web();
        pool.backends.iter().find(|it| it.addr == addr(number)).map(|it| Arc::clone(&it.load)).unwrap()
    };
    let session = load_of(&stage, 2).join();
    stage.order(remove(2)).unwrap();
    stage.order(add(2)).unwrap();
    assert_eq!(load_of(&stage, 2).sessions(), 1);
    drop(session);
    assert_eq!(load_of(&stage, 2).sessions(), 0);
}

#[test]
fn one_that_is_added_has_the_limits_of_its_pool_but_for_its_own() {
    let mut config = web(1);
    config.pools[0].limits = SeatLimits { sessions: 7, connecting: 3 };
    let mut stage = Stage::new(config);
    for (number, max_sessions) in [(2, None), (3, Some(9))] {
        let member = Member { max_sessions, ..member(number) };
        stage.order(order(number, BackendOrder::Add(member))).unwrap();
    }
    let limits: Vec<_> = stage.web().backends[1..].iter().map(|it| it.limits).collect();
    let with = |sessions| SeatLimits { sessions, connecting: 3 };
    assert_eq!(limits, [with(7), with(9)]);
}

#[test]
fn an_address_of_a_name_is_drained_alone() {
    let mut config = web(1);
    config.pools[0].check = None;
    config.pools[0].members = vec![name()];
    let mut stage = Stage::new(config);
    stage.resolve(Ok(&[1, 2]));
    stage.pass(20 * MS);
    stage.order(duty(1, Duty::Drain)).unwrap();
    assert_eq!(stage.takers(), "2");
    stage.resolve(Ok(&[1, 2, 3]));
    stage.pass(20 * MS);
    assert_eq!(stage.takers(), "2 3");
}

#[test]
fn an_order_about_an_address_without_an_entry_of_its_own_tells_its_name() {
    let mut config = web(3);
    config.pools[0].members = vec![member(3), name()];
    let mut stage = Stage::new(config);
    stage.resolve(Ok(&[1, 2, 3]));
    stage.order(weight(1, 5)).unwrap();
    stage.order(remove(2)).unwrap();
    stage.order(remove(3)).unwrap();
    let name = Some(name().target);
    assert_eq!(
        stage.director.differences(),
        [
            Difference::Weight { key: key("web", 1), configured: None, ordered: 5, name: name.clone() },
            Difference::Removed { key: key("web", 2), name },
            Difference::Removed { key: key("web", 3), name: None },
        ]
    );
}

#[test]
fn what_was_ordered_and_is_as_configured_again_is_known_until_a_configuration_is_loaded() {
    let mut stage = three();
    for order in [weight(1, 5), weight(1, 1), remove(2), add(2), add(4), remove(4)] {
        stage.order(order).unwrap();
    }
    assert_eq!(stage.director.differences(), []);
    let expected = [
        Agreement::Weight(key("web", 1), 1),
        Agreement::There(key("web", 2), member(2)),
        Agreement::Gone(key("web", 4)),
    ];
    assert_eq!(stage.director.agreements(), expected);
    stage.order(weight(1, 5)).unwrap();
    assert_eq!(stage.director.agreements(), expected[1..], "that is a difference");
    stage.reload(web(3));
    assert_eq!(stage.director.agreements(), []);
}

#[test]
fn what_makes_no_sense_is_refused_and_changes_nothing() {
    let mut stage = three();
    let other = key("other", 1);
    for (order, error) in [
        (duty(7, Duty::Drain), OrderError::NoBackend(key("web", 7))),
        (remove(7), OrderError::NoBackend(key("web", 7))),
        (add(1), OrderError::IsThere(key("web", 1))),
        (Order::Backend(other.clone(), BackendOrder::Weight(1)), OrderError::NoPool(other.pool)),
        (Order::Service(ServiceName::new("x"), Duty::Drain), OrderError::NoService(ServiceName::new("x"))),
    ] {
        assert_eq!(stage.order(order), Err(error));
    }
    assert_eq!(
        (stage.takers(), stage.told(), stage.director.differences()),
        ("1 2 3".into(), "".into(), vec![])
    );
}

#[test]
fn a_backend_that_the_file_drops_takes_its_orders_with_it() {
    let mut stage = three();
    stage.order(duty(3, Duty::Drain)).unwrap();
    stage.reload(web(2));
    stage.reload(web(3));
    stage.verdict(3, 'P');
    stage.pass(20 * MS);
    assert_eq!((stage.takers(), stage.director.differences()), ("1 2 3".into(), vec![]));
}

#[test]
fn a_service_that_drains_closes_its_listeners_and_one_that_is_disabled_its_sessions_too() {
    let service = ServiceName::new("front");
    let mut config = web(1);
    config.listeners = vec![listener("front", 1), listener("front", 2)];
    let mut stage = Stage::new(config.clone());
    let open = |stage: &Stage| stage.current.listeners.values().filter(|it| it.open).count();
    assert_eq!(open(&stage), 2);
    stage.order(Order::Service(service.clone(), Duty::Drain)).unwrap();
    assert_eq!((open(&stage), stage.told()), (0, "".into()));
    config.listeners.pop();
    stage.reload(config.clone());
    assert_eq!(open(&stage), 0, "it survives a reload");
    stage.order(Order::Service(service.clone(), Duty::Off)).unwrap();
    assert_eq!(stage.told(), "front Cut");
    stage.order(Order::Service(service.clone(), Duty::On)).unwrap();
    assert_eq!(open(&stage), 1);
    assert_eq!(stage.director.pool_of("front"), Some(PoolName::new("web")));
    assert_eq!(stage.director.pool_of("nobody"), None);
}

#[test]
fn sessions_go_as_the_pool_wants_it_when_their_backend_leaves_or_fails() {
    let mut config = web(3);
    config.pools[0].on_remove = Leaving::Drain(SECOND);
    config.pools[0].on_down = Some(Leaving::Cut);
    let mut stage = Stage::new(config.clone());
    stage.verdicts("PPP");
    stage.told();
    stage.order(remove(1)).unwrap();
    assert_eq!(stage.told(), "1 removed, 1 Drain(1s)");
    "FFF".chars().for_each(|letter| stage.verdict(2, letter));
    assert_eq!(stage.told(), "2 down, 2 Cut");
    config.pools.clear();
    stage.reload(config);
    assert_eq!(stage.told(), "2 Drain(1s), 3 Drain(1s)", "a pool that leaves");
}
