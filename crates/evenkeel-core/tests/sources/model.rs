//! Seeded days of one thread, against maps that know everything. A table of 16 slots is one home for all: it is full
//! when there are 16 sources in it, and not before.

use crate::source;
use evenkeel_core::dice::Dice;
use evenkeel_core::network::Network;
use evenkeel_core::rate::{Bucket, Rate};
use evenkeel_core::sources::{Entry, SourceRates, SourceSessions};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

const SLOTS: usize = 16;

#[test]
fn sessions_are_counted_as_a_map_counts_them() {
    for seed in 0..100 {
        let mut dice = Dice::new(seed);
        let sessions = Arc::new(SourceSessions::new(SLOTS, &mut dice));
        let (mut places, mut model, mut uncounted) = (Vec::new(), BTreeMap::<Network, u64>::new(), 0);
        for _ in 0..2000 {
            if dice.below(2) == 0 && !places.is_empty() {
                let (source, place) = places.swap_remove(dice.below(places.len() as u64) as usize);
                drop(place);
                let open = model.remove(&source).unwrap() - 1;
                (open > 0).then(|| model.insert(source, open));
                continue;
            }
            let (source, limit) = (source(dice.below(24) as u32), dice.below(4) as u32);
            let open = model.get(&source).copied().unwrap_or(0);
            match sessions.enter(source, limit) {
                Entry::Within(place) => {
                    assert!(open < limit.into(), "seed {seed}: {open} of {limit}");
                    model.insert(source, open + 1);
                    places.push((source, place));
                }
                Entry::AtLimit => assert!(open >= limit.into(), "seed {seed}: {open} of {limit}"),
                Entry::Uncounted => {
                    assert!(open == 0 && limit > 0 && model.len() == SLOTS, "seed {seed}: there was room");
                    uncounted += 1;
                }
            }
            assert_eq!(sessions.open(source), model.get(&source).copied().unwrap_or(0));
        }
        assert_eq!(sessions.uncounted(), uncounted);
        drop(places);
        assert!((0..24).all(|number| sessions.open(source(number)) == 0), "seed {seed}: all is given back");
    }
}

/// The model has an exact bucket for each source, in sixteenths: the table may be wrong by one.
#[test]
fn rates_are_what_a_bucket_for_each_source_allows() {
    for seed in 0..100 {
        let mut dice = Dice::new(seed);
        let start = Instant::now();
        let (per_second, burst) = (1 + dice.below(100), 1 + dice.below(5));
        let (rate, exact) =
            (Rate { per_second, burst }, Rate { per_second: per_second * 16, burst: burst * 16 });
        let rates = SourceRates::new(rate, SLOTS, start, &mut dice);
        let mut model = BTreeMap::<Network, Bucket>::new();
        let mut now = start;
        for _ in 0..2000 {
            now += Duration::from_nanos(dice.below(1_000_000_000 / per_second / 4));
            let source = source(dice.below(SLOTS as u64) as u32);
            let bucket = model.entry(source).or_insert_with(|| Bucket::new(exact, start));
            let available = bucket.available(exact, now);
            match rates.enter(source, now) {
                Entry::Within(()) => {
                    assert!(available + 1 >= 16, "seed {seed}: one too many");
                    bucket.spend(16);
                }
                Entry::AtLimit => assert!(available < 16 + 1, "seed {seed}: one too few"),
                Entry::Uncounted => panic!("seed {seed}: there is room for all"),
            }
        }
    }
}

#[test]
fn a_clock_that_goes_back_earns_nothing() {
    let (start, rate) = (Instant::now(), Rate { per_second: 1, burst: 2 });
    let rates = SourceRates::new(rate, SLOTS, start, &mut Dice::new(1));
    let later = start + Duration::from_secs(100);
    let enter = |now| rates.enter(source(1), now) == Entry::Within(());
    assert!(enter(later) && enter(later) && !enter(later));
    assert!(!enter(start) && !enter(later), "nor when it comes back");
    assert!(enter(later + Duration::from_secs(1)));
}

#[test]
fn a_clock_that_begins_again_takes_nobody_for_somebody_else() {
    let (start, rate) = (Instant::now(), Rate { per_second: 1000, burst: 2 });
    let rates = SourceRates::new(rate, SLOTS, start, &mut Dice::new(1));
    let mut now = start + Duration::from_secs(1 << 40) / 16 / 1000 - Duration::from_micros(500);
    let within = [Entry::Within(()), Entry::Within(()), Entry::AtLimit];
    assert_eq!([1; 3].map(|number| rates.enter(source(number), now)), within, "just before");
    now += Duration::from_millis(1);
    assert_eq!([2; 3].map(|number| rates.enter(source(number), now)), within, "just after");
    assert_eq!([1; 2].map(|number| rates.enter(source(number), now)), [Entry::Within(()), Entry::AtLimit]);
}

#[test]
fn a_session_that_is_there_already_is_counted_whatever_the_limit() {
    let sessions = Arc::new(SourceSessions::new(SLOTS, &mut Dice::new(1)));
    let places: Vec<_> = (0..3).map(|_| sessions.join(source(1))).collect();
    assert_eq!(sessions.open(source(1)), 3);
    assert_eq!(sessions.enter(source(1), 2).map(|_| ()), Entry::AtLimit);
    drop(places);
    assert_eq!(sessions.open(source(1)), 0);
}

#[test]
fn no_more_than_can_be_counted_are_let_in() {
    let sessions = Arc::new(SourceSessions::new(SLOTS, &mut Dice::new(1)));
    let places: Vec<_> = std::iter::from_fn(|| sessions.join(source(1))).collect();
    assert_eq!(places.len(), (1 << 20) - 1);
    assert_eq!(sessions.enter(source(1), u32::MAX).map(|_| ()), Entry::AtLimit);
    assert_eq!(sessions.open(source(2)), 0, "and nobody else is charged for them");
}
