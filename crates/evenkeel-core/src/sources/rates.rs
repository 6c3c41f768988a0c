//! How fast each source connects: a bucket of tokens per source, over all workers.

use super::Entry;
use super::table::{Measure, Table};
use crate::dice::Dice;
use crate::network::Network;
use crate::rate::{Pace, Rate, TICKS, ahead};
use std::time::Instant;

/// The buckets of all sources that have connected lately. One that is full again needs no place, and is forgotten.
///
/// Right to a sixteenth of a connection, but when two workers meet the first connections of a source at once and a third
/// frees a slot just then: it may have one burst more, once. The rate stays as it is: another rate is another table.
#[derive(Debug)]
pub struct SourceRates {
    table: Table,
    pace: Pace,
    rate: Rate,
}

impl SourceRates {
    /// Room for `capacity` sources whose buckets are not full.
    pub fn new(rate: Rate, capacity: usize, now: Instant, dice: &mut Dice) -> Self {
        Self { table: Table::new(capacity, dice), pace: Pace::new(rate, now), rate }
    }

    /// The rate of each source.
    pub fn rate(&self) -> Rate {
        self.rate
    }

    /// Counts a connection of `source`, if its rate allows one now.
    pub fn enter(&self, source: Network, now: Instant) -> Entry<()> {
        let filling = Filling(self.pace.ticks(now));
        self.table.enter(source, &filling, self.pace.burst()).map(|_| ())
    }

    /// Connections so far that were let in uncounted, as the table was full.
    pub fn uncounted(&self) -> u64 {
        self.table.uncounted()
    }

    /// The memory it takes, in bytes; the same whatever happens.
    pub fn bytes(&self) -> usize {
        self.table.bytes()
    }
}

/// A number is the moment at which the bucket will be full; what it weighs is what is missing, at this moment.
struct Filling(u64);

impl Filling {
    /// A moment, as far as it fits into a number.
    fn moment(ticks: u64) -> u64 {
        ticks & ((1 << Self::BITS) - 1)
    }
}

impl Measure for Filling {
    // Moments come again after 2⁴⁰ ticks: at 1,000 per second after two years. A source that connected just so long
    // ago, and not since, may then for a moment find less in its bucket than it should. 24 bits of tag: a source is
    // taken for one of a full table once in a million times.
    const BITS: u32 = 40;
    const ONE: u64 = TICKS;

    fn weight(&self, number: u64) -> u64 {
        ahead(number, Self::moment(self.0), Self::BITS)
    }

    fn more(&self, number: Option<u64>) -> u64 {
        let missing = number.map_or(0, |number| self.weight(number));
        Self::moment(self.0.wrapping_add(missing + TICKS))
    }

    fn less(&self, number: u64) -> u64 {
        Self::moment(number.wrapping_sub(TICKS))
    }
}
