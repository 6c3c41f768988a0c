//! Many threads at one table. It is so small that slots are freed and claimed all the time, between any two looks of
//! somebody else: the case in which a source may be in two slots.

use crate::source;
use evenkeel_core::dice::Dice;
use evenkeel_core::rate::Rate;
use evenkeel_core::sources::{Entry, SourceRates, SourceSessions};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
use std::time::{Duration, Instant};

const THREADS: u64 = 4;

/// Sources in 16 slots: some find no room now and then.
const SOURCES: u64 = 20;

#[test]
fn no_source_is_ever_above_its_limit_and_all_is_given_back() {
    for limit in 1..=3 {
        let sessions = Arc::new(SourceSessions::new(16, &mut Dice::new(limit.into())));
        let inside: Vec<AtomicU32> = (0..SOURCES).map(|_| AtomicU32::new(0)).collect();
        std::thread::scope(|scope| {
            for thread in 0..THREADS {
                let (sessions, inside) = (&sessions, &inside);
                scope.spawn(move || come_and_go(sessions, inside, limit, &mut Dice::new(thread)));
            }
        });
        assert!((0..SOURCES).all(|number| sessions.open(source(number as u32)) == 0), "all is given back");
    }
}

/// Opens and closes sessions. `inside` counts those that are let in after they are, and before they leave, so that it
/// never says more than there are.
fn come_and_go(sessions: &Arc<SourceSessions>, inside: &[AtomicU32], limit: u32, dice: &mut Dice) {
    let mut places = Vec::new();
    for _ in 0..30_000 {
        let number = dice.below(SOURCES) as u32;
        if let Entry::Within(place) = sessions.enter(source(number), limit) {
            let now = inside[number as usize].fetch_add(1, SeqCst) + 1;
            assert!(now <= limit, "{now} sessions of one source, {limit} allowed");
            places.push((number, place));
        }
        while places.len() as u64 > dice.below(4) {
            let (number, place) = places.swap_remove(dice.below(places.len() as u64) as usize);
            inside[number as usize].fetch_sub(1, SeqCst);
            drop(place);
        }
    }
    for (number, place) in places {
        inside[number as usize].fetch_sub(1, SeqCst);
        drop(place);
    }
}

#[test]
fn who_comes_through_all_workers_at_once_gets_exactly_the_limit() {
    let sessions = Arc::new(SourceSessions::new(16, &mut Dice::new(7)));
    for round in 0..500 {
        let places: Vec<_> = std::thread::scope(|scope| {
            let enter = || match sessions.enter(source(round), 2) {
                Entry::Within(place) => Some(place),
                Entry::AtLimit | Entry::Uncounted => None,
            };
            let threads: Vec<_> = (0..THREADS).map(|_| scope.spawn(enter)).collect();
            threads.into_iter().filter_map(|thread| thread.join().unwrap()).collect()
        });
        assert_eq!(places.len(), 2, "round {round}");
    }
}

#[test]
fn a_source_connects_no_faster_through_all_workers_than_through_one() {
    let (start, rate) = (Instant::now(), Rate { per_second: 1000, burst: 50 });
    let rates = SourceRates::new(rate, 1024, start, &mut Dice::new(1));
    let entered: usize = std::thread::scope(|scope| {
        let enter = || {
            let at = |ms| start + Duration::from_millis(ms);
            (0..2000).filter(|ms| rates.enter(source(1), at(*ms)) == Entry::Within(())).count()
        };
        let threads: Vec<_> = (0..THREADS).map(|_| scope.spawn(enter)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).sum()
    });
    assert_eq!(entered, 50 + 1999);
}
