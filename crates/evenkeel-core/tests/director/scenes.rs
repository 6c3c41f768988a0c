//! Checks, ejections, ramps, publications: what happens to the backends of one pool.

use crate::stage::{MS, SECOND, Stage, addr, key, member, pool, verdict, web};
use evenkeel_core::addr::Addr;
use evenkeel_core::director::{Config, ProbeId, Standing};
use evenkeel_core::eligible::AllDown;
use std::sync::Arc;
use std::time::Instant;

#[test]
fn everybody_is_asked_at_once_and_the_first_verdict_decides() {
    let mut stage = Stage::new(web(3));
    assert_eq!(stage.probes.len(), 3);
    assert_eq!((stage.takers(), stage.last_resort()), ("".into(), "1 2 3".into()));
    stage.verdicts("PFP");
    stage.pass(20 * MS);
    assert_eq!((stage.takers(), stage.last_resort()), ("1 3".into(), "".into()));
    assert_eq!(stage.told(), "1 up, 2 down, 3 up");
}

#[test]
fn a_checker_that_says_nothing_cannot_keep_a_backend_out() {
    let mut stage = Stage::new(web(2));
    stage.verdict(1, 'P');
    stage.pass(999 * MS);
    assert_eq!((stage.takers(), stage.told()), ("1".into(), "1 up".into()));
    stage.pass(21 * MS);
    assert_eq!((stage.takers(), stage.told()), ("1 2".into(), "2 assumed-up".into()));
}

#[test]
fn without_checks_everybody_is_up_at_once_and_nobody_is_asked() {
    let mut config = web(2);
    config.pools[0].check = None;
    let mut stage = Stage::new(config);
    assert_eq!((stage.takers(), stage.told()), ("1 2".into(), "".into()));
    assert_eq!((stage.probes.len(), stage.director.poll_timeout()), (0, None));
    stage.director.handle_probe(stage.now, &key("web", 1), ProbeId::default(), verdict('F'));
    assert_eq!(stage.director.backends()[0], (key("web", 1), Standing::Up));
}

#[test]
fn checks_come_every_two_seconds_and_every_half_while_in_doubt() {
    let mut stage = Stage::new(web(1));
    let mut waits = |letter| {
        stage.verdict(1, letter);
        stage.wait_for_probe(1)
    };
    let slow = |it| (1800 * MS..=2200 * MS).contains(&it);
    let fast = |it| (450 * MS..=550 * MS).contains(&it);
    let well = [waits('P'), waits('P'), waits('P')];
    assert!(well.into_iter().all(slow), "all is well");
    assert!(well[0] != well[1] && well[1] != well[2], "jittered");
    assert!("FF".chars().all(|it| fast(waits(it))), "it may be down");
    assert!("FF".chars().all(|it| slow(waits(it))), "it is down");
    assert!(fast(waits('P')), "it may be up");
    assert!(slow(waits('P')), "it is up");
}

#[test]
fn a_failed_connect_is_looked_into_soon_but_not_at_every_failure() {
    let mut stage = Stage::new(web(3));
    stage.verdicts("PPP");
    stage.pass(100 * MS);
    stage.refuse(1, 1);
    let soon = stage.wait_for_probe(1);
    assert_eq!(soon, 400 * MS, "half a second after the last check");
    stage.verdict(1, 'P');
    stage.refuse(1, 1);
    assert_eq!(stage.wait_for_probe(1), 500 * MS);
}

#[test]
fn the_first_change_is_published_at_once_and_the_next_within_twenty_milliseconds() {
    let mut stage = Stage::new(web(3));
    stage.pass(100 * MS);
    stage.verdict(1, 'P');
    assert_eq!(stage.published.len(), 1);
    stage.verdict(2, 'P');
    stage.pass(19 * MS);
    stage.verdict(3, 'P');
    assert_eq!((stage.published.len(), stage.takers()), (1, "1".into()));
    stage.pass(MS);
    assert_eq!((stage.published.len(), stage.takers()), (2, "1 2 3".into()));
    stage.pass(100 * MS);
    assert_eq!(stage.published.len(), 2, "nothing else has changed");
}

#[test]
fn a_pool_that_did_not_change_stays_the_very_same() {
    let mut config = web(2);
    config.pools.push(pool("other", vec![member(1)]));
    let mut stage = Stage::new(config);
    let before = Arc::clone(&stage.current);
    stage.verdict(1, 'P');
    stage.pass(20 * MS);
    let same = stage.current.pools.iter().map(|(name, it)| Arc::ptr_eq(it, &before.pools[name]));
    assert_eq!(same.collect::<Vec<_>>(), [true, false], "`other`, then `web`");
    let load = |it: &evenkeel_core::snapshot::Pool| Arc::as_ptr(&it.backends[0].load);
    assert_eq!(load(&stage.web()), load(&before.pools[&key("web", 1).pool]));
}

#[test]
fn three_refused_connects_in_a_row_eject_for_five_seconds_and_longer_the_next_time() {
    let mut stage = unchecked(3);
    stage.refuse(2, 2);
    assert_eq!(stage.told(), "");
    stage.refuse(2, 1);
    stage.pass(20 * MS);
    assert_eq!((stage.takers(), stage.told()), ("1 3".into(), "2 ejected".into()));
    stage.pass(4 * SECOND);
    assert_eq!(stage.told(), "");
    stage.pass(2 * SECOND);
    assert_eq!(stage.told(), "2 returned");
    assert!(!stage.web().backends[1].is_suspect(), "it starts anew");
    stage.refuse(2, 3);
    stage.pass(8 * SECOND);
    assert_eq!(stage.told(), "2 ejected");
    stage.pass(4 * SECOND);
    assert_eq!(stage.told(), "2 returned");
}

#[test]
fn one_that_has_to_stay_is_forgiven_and_told_of_once_a_minute() {
    let mut stage = unchecked(2);
    stage.refuse(1, 3);
    assert_eq!(stage.told(), "1 ejected");
    stage.refuse(2, 3);
    assert!(!stage.web().backends[1].is_suspect(), "the planes would pass it over");
    stage.refuse(2, 30);
    stage.pass(20 * MS);
    assert_eq!((stage.takers(), stage.told()), ("2".into(), "2 not-ejected".into()));
    stage.pass(2 * SECOND);
    stage.refuse(2, 3);
    assert_eq!(stage.told(), "");
    stage.pass(60 * SECOND);
    stage.refuse(1, 3);
    stage.refuse(2, 3);
    assert_eq!(stage.told(), "1 returned, 1 ejected, 2 not-ejected");
}

#[test]
fn a_suspect_that_the_director_never_heard_of_gets_another_chance() {
    let mut stage = unchecked(3);
    stage.refuse(1, 3);
    let web = stage.web();
    while !web.backends[1].is_suspect() {
        web.backends[1].load.note_failed();
    }
    stage.director.handle_lost_suspects();
    assert!(!web.backends[1].is_suspect());
    assert!(web.backends[0].is_suspect(), "it is out anyway");
}

#[test]
fn more_than_half_leave_only_when_the_check_agrees() {
    let mut stage = Stage::new(web(3));
    stage.verdicts("PPP");
    stage.told();
    stage.refuse(1, 3);
    stage.refuse(2, 3);
    assert_eq!(stage.told(), "1 ejected, 2 not-ejected");
    stage.verdict(2, 'F');
    stage.refuse(2, 3);
    stage.refuse(3, 3);
    assert_eq!(stage.told(), "2 ejected, 3 not-ejected");
    stage.pass(20 * MS);
    assert_eq!(stage.takers(), "3");
}

#[test]
fn passes_end_the_first_ejection_and_failures_make_it_a_matter_of_the_checks() {
    let mut stage = Stage::new(web(3));
    stage.verdicts("PPP");
    stage.told();
    stage.refuse(1, 3);
    stage.verdict(1, 'P');
    stage.verdict(1, 'P');
    assert_eq!(stage.told(), "1 ejected, 1 returned");
    stage.refuse(1, 3);
    stage.verdict(1, 'P');
    stage.verdict(1, 'P');
    stage.verdict(1, 'P');
    assert_eq!(stage.told(), "1 ejected", "the checks were wrong before");
    "FFF".chars().for_each(|it| stage.verdict(1, it));
    assert_eq!(stage.told(), "1 down");
    stage.pass(60 * SECOND);
    assert_eq!(stage.told(), "", "no word of the ejection, it is over");
}

#[test]
fn a_check_elsewhere_does_not_end_an_ejection() {
    let mut config = web(2);
    config.pools[0].members[0].check_port = Some(8080);
    let mut stage = Stage::new(config);
    assert_eq!(stage.probes[&key("web", 1)], Addr::Ip("10.0.0.1:8080".parse().unwrap()));
    assert_eq!(stage.probes[&key("web", 2)], addr(2));
    stage.verdicts("PP");
    stage.refuse(1, 3);
    "PPP".chars().for_each(|it| stage.verdict(1, it));
    assert_eq!(stage.told(), "1 up, 2 up, 1 ejected");
}

#[test]
fn one_that_recovers_starts_slowly() {
    let mut stage = Stage::new(web(2));
    stage.verdicts("PF");
    stage.pass(40 * SECOND);
    stage.verdict(2, 'P');
    stage.verdict(2, 'P');
    stage.pass(20 * MS);
    assert_eq!(stage.takers(), "1*100 2*10");
    stage.published.clear();
    stage.pass(15 * SECOND);
    assert_eq!(stage.takers(), "1*100 2*55");
    stage.pass(16 * SECOND);
    assert_eq!(stage.takers(), "1 2");
    assert!(stage.published.len() <= 20, "{} publications", stage.published.len());
}

#[test]
fn nobody_starts_slowly_while_the_whole_pool_is_new() {
    let mut stage = Stage::new(web(2));
    stage.verdicts("PF");
    stage.verdict(2, 'P');
    stage.verdict(2, 'P');
    stage.pass(20 * MS);
    assert_eq!(stage.takers(), "1 2");
}

#[test]
fn a_publication_that_took_long_leaves_time_for_other_things() {
    let mut stage = Stage::new(web(3));
    stage.verdict(1, 'P');
    stage.pass(20 * MS);
    assert_eq!(stage.takers(), "1");
    stage.director.handle_published(stage.now + 100 * MS);
    stage.pass(100 * MS);
    stage.verdicts("-PP");
    stage.pass(399 * MS);
    assert_eq!(stage.takers(), "1");
    stage.pass(MS);
    assert_eq!(stage.takers(), "1 2 3", "in one publication");
}

#[test]
fn all_down_is_told_once_and_the_one_that_failed_longest_ago_is_tried_first() {
    let mut stage = Stage::new(web(3));
    for number in [2, 1, 3] {
        stage.pass(MS);
        stage.verdict(number, 'F');
    }
    stage.pass(20 * MS);
    assert_eq!((stage.takers(), stage.last_resort()), ("".into(), "2 1 3".into()));
    assert_eq!(stage.told(), "2 down, 1 down, 3 down, all-down");
    stage.refuse(2, 1);
    stage.pass(20 * MS);
    assert_eq!(stage.last_resort(), "1 3 2", "2 has just been tried");
    stage.verdict(1, 'P');
    stage.verdict(1, 'P');
    stage.pass(20 * MS);
    assert_eq!((stage.told(), stage.last_resort()), ("1 up, recovered".into(), "".into()));
}

#[test]
fn all_down_can_mean_close() {
    let mut config = web(2);
    config.pools[0].all_down = AllDown::Close;
    let mut stage = Stage::new(config);
    assert_eq!(stage.last_resort(), "1 2", "not seen is not down");
    stage.verdicts("FF");
    stage.pass(20 * MS);
    assert_eq!((stage.last_resort(), stage.told()), ("".into(), "1 down, 2 down, all-down".into()));
}

#[test]
fn backups_come_in_and_go_out_with_an_event_each() {
    let mut config = web(2);
    config.pools[0].members[1].backup = true;
    let mut stage = Stage::new(config);
    stage.verdicts("-P");
    stage.pass(20 * MS);
    assert_eq!((stage.takers(), stage.last_resort()), ("".into(), "1 2".into()), "1 is still to be seen");
    stage.verdict(1, 'F');
    stage.pass(20 * MS);
    assert_eq!((stage.takers(), stage.told()), ("2".into(), "2 up, 1 down, backups-in".into()));
    stage.verdict(1, 'P');
    stage.verdict(1, 'P');
    stage.pass(20 * MS);
    assert_eq!((stage.takers(), stage.told()), ("1".into(), "1 up, backups-out".into()));
}

#[test]
fn ten_thousand_backends_are_asked_within_half_a_timeout_and_cost_little() {
    let began = Instant::now();
    let octets = |it: u32| [10, 1, (it >> 8) as u8, it as u8];
    let members = (0..10_000).map(|it| {
        let mut member = member(0);
        member.target = evenkeel_core::director::Target::Addr(Addr::Ip((octets(it), 80).into()));
        member
    });
    let mut stage = Stage::new(Config { listeners: vec![], pools: vec![pool("web", members.collect())] });
    let at_once = stage.probes.len();
    assert!(at_once < 200, "{at_once} at once");
    for _ in 0..10 {
        stage.pass(SECOND / 2);
        for key in std::mem::take(&mut stage.probes).into_keys() {
            stage.director.handle_probe(stage.now, &key, stage.ids[&key], verdict('P'));
        }
        stage.collect();
    }
    stage.pass(20 * MS);
    assert_eq!(stage.told().matches(" up").count(), 10_000);
    assert_eq!(stage.web().backends.iter().filter(|it| it.eligible).count(), 10_000);
    assert!(began.elapsed() < 20 * SECOND, "took {:?}", began.elapsed());
}

fn unchecked(backends: u8) -> Stage {
    let mut config = web(backends);
    config.pools[0].check = None;
    config.pools[0].slow_start = None;
    Stage::new(config)
}
