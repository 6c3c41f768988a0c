//! More addresses than there is room for.

use crate::source;
use evenkeel_core::dice::Dice;
use evenkeel_core::rate::Rate;
use evenkeel_core::sources::{Entry, SOURCES, SourceRates, SourceSessions};
use std::sync::Arc;
use std::time::{Duration, Instant};

const FLOOD: u32 = 2_000_000;

/// What a table of the default size takes, whatever happens.
const BYTES: std::ops::Range<usize> = 512 * 1024..513 * 1024;

#[test]
fn two_million_sources_that_connect_leave_the_memory_as_it_was() {
    let (start, rate) = (Instant::now(), Rate { per_second: 10, burst: 20 });
    let rates = SourceRates::new(rate, SOURCES, start, &mut Dice::new(1));
    let enter = |number, now| rates.enter(source(number), now);
    // Each needs its slot for a tenth of a second: at 300,000 in a second, not half of the table is taken.
    let uncounted = (0..FLOOD)
        .filter(|number| enter(*number, start + Duration::from_nanos(3333) * *number) == Entry::Uncounted)
        .count();
    assert_eq!(uncounted, 0);
    assert!(BYTES.contains(&rates.bytes()));
    let crowd = start + Duration::from_secs(60);
    let at_once = 4 * SOURCES;
    let uncounted = (0..at_once as u32).filter(|number| enter(*number, crowd) == Entry::Uncounted).count();
    assert!((3 * SOURCES..3 * SOURCES + SOURCES / 100).contains(&uncounted), "{uncounted}");
    assert_eq!(rates.uncounted(), uncounted as u64);
    assert!(BYTES.contains(&rates.bytes()));
    let calm = crowd + Duration::from_secs(1);
    assert!((0..1000).all(|number| enter(FLOOD + number, calm) == Entry::Within(())), "all are forgotten");
}

#[test]
fn two_million_sources_with_sessions_open_leave_the_memory_as_it_was() {
    let sessions = Arc::new(SourceSessions::new(SOURCES, &mut Dice::new(1)));
    let enter = |number| match sessions.enter(source(number), 1) {
        Entry::Within(place) => Some(place),
        Entry::AtLimit | Entry::Uncounted => None,
    };
    let places: Vec<_> = (0..FLOOD).filter_map(enter).collect();
    assert!((SOURCES * 99 / 100..=SOURCES).contains(&places.len()), "{} of {SOURCES}", places.len());
    assert_eq!(sessions.uncounted(), u64::from(FLOOD) - places.len() as u64);
    assert!(BYTES.contains(&sessions.bytes()));
    drop(places);
    assert!((FLOOD..FLOOD + 1000).all(|number| enter(number).is_some()), "there is room again");
}

/// Each source may be in either of two lines, and takes the roomier: lines fill up evenly.
#[test]
fn a_table_that_is_two_thirds_full_takes_everybody() {
    for seed in 0..20 {
        let sessions = Arc::new(SourceSessions::new(8192, &mut Dice::new(seed)));
        let places: Vec<_> = (0..8192 * 2 / 3).map(|number| sessions.enter(source(number), 1)).collect();
        assert!(places.iter().all(|entry| matches!(entry, Entry::Within(_))), "seed {seed}");
    }
}
