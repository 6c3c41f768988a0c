//! One small number for each of many sources, in a table that never grows and that threads share without a lock.
//!
//! A slot is one atomic word: a tag, which tells its source from others, and the source's number. A source may be in
//! the 16 slots of two cache lines, given by a keyed hash, and nowhere else. Its first entry claims a free slot there;
//! when its number says nothing any more, the slot is free. Nothing is ever moved.
//!
//! **Why a limit holds exactly.** Two threads may claim two slots for one source when a third frees one meanwhile. So
//! what counts is the sum over its slots; whoever enters adds first, looks at the sum afterwards, and takes back what it
//! added when that is too much. All of it is sequentially consistent: of all who are inside at one time, the one who
//! added last has seen all others. The price: between adding and taking back, somebody else of the same source may
//! find it at its limit.
//!
//! **What a hash can do.** Sources whose lines and tags are the same count as one. That never lets more in, and nobody
//! can aim at it without the key.

use super::Entry;
use crate::dice::Dice;
use crate::network::Network;
use siphasher::sip128::{Hasher128, SipHasher13};
use std::hash::Hasher;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed, Ordering::SeqCst};

/// Slots of a cache line.
const SLOTS: usize = 8;

/// What the numbers of a table mean.
pub trait Measure {
    /// Bits of a number; the others of a word are the tag.
    const BITS: u32;

    /// What one entry weighs.
    const ONE: u64;

    /// What a number weighs, to be compared with a limit; 0 says nothing, and needs no slot.
    fn weight(&self, number: u64) -> u64;

    /// The number with one entry more, or that of a first entry.
    fn more(&self, number: Option<u64>) -> u64;

    /// The number with one entry less, of one that weighs [`ONE`](Self::ONE) at least.
    fn less(&self, number: u64) -> u64;
}

/// Where an entry was counted.
#[derive(Debug, PartialEq, Eq)]
pub struct Ticket {
    slot: usize,
    tag: u64,
}

/// The table.
#[derive(Debug)]
pub struct Table {
    lines: Box<[Line]>,
    key: (u64, u64),
    uncounted: AtomicU64,
}

#[derive(Debug, Default)]
#[repr(align(64))]
struct Line([AtomicU64; SLOTS]);

/// Where a source may be, and how it is known there.
struct Home {
    lines: [usize; 2],
    tag: u64,
}

/// A slot, and the word that was in it.
type Found = (usize, u64);

/// What is at a home.
#[derive(Default)]
struct Seen {
    weight: u64,
    own: Option<Found>,
    free: Option<Found>,
}

impl Table {
    /// Room for `capacity` sources, a little more or less, as chance wants it.
    pub fn new(capacity: usize, dice: &mut Dice) -> Self {
        let lines = (0..capacity.div_ceil(SLOTS).max(2)).map(|_| Line::default()).collect();
        Self { lines, key: (dice.roll(), dice.roll()), uncounted: AtomicU64::new(0) }
    }

    /// Counts one entry of `source`, unless that is more than `limit`.
    pub fn enter<M: Measure>(&self, source: Network, measure: &M, limit: u64) -> Entry<Ticket> {
        let home = self.home::<M>(source);
        loop {
            let seen = self.look(&home, measure);
            if seen.weight.saturating_add(M::ONE) > limit {
                return Entry::AtLimit;
            }
            let Some((slot, word)) = seen.own.or(seen.free) else {
                self.uncounted.fetch_add(1, Relaxed);
                return Entry::Uncounted;
            };
            let number = seen.own.map(|(_, word)| number::<M>(word));
            let entered = packed::<M>(home.tag, measure.more(number));
            if self.slot(slot).compare_exchange(word, entered, SeqCst, Relaxed).is_err() {
                continue;
            }
            let ticket = Ticket { slot, tag: home.tag };
            if self.look(&home, measure).weight <= limit {
                return Entry::Within(ticket);
            }
            self.leave(&ticket, measure);
        }
    }

    /// Takes back what an entry counted, if it still says anything.
    pub fn leave<M: Measure>(&self, ticket: &Ticket, measure: &M) {
        let left = |word: u64| {
            let number = number::<M>(word);
            let is_there = tag::<M>(word) == ticket.tag && measure.weight(number) >= M::ONE;
            is_there.then(|| packed::<M>(ticket.tag, measure.less(number)))
        };
        let _ = self.slot(ticket.slot).fetch_update(SeqCst, SeqCst, left);
    }

    /// What `source` weighs now.
    pub fn weight<M: Measure>(&self, source: Network, measure: &M) -> u64 {
        self.look(&self.home::<M>(source), measure).weight
    }

    /// Entries so far that found no room.
    pub fn uncounted(&self) -> u64 {
        self.uncounted.load(Relaxed)
    }

    /// The memory it takes, in bytes.
    pub fn bytes(&self) -> usize {
        size_of::<Self>() + size_of_val(&*self.lines)
    }

    fn home<M: Measure>(&self, source: Network) -> Home {
        let mut hasher = SipHasher13::new_with_keys(self.key.0, self.key.1);
        let octets = match source.addr() {
            IpAddr::V4(addr) => addr.to_ipv6_mapped().octets(),
            IpAddr::V6(addr) => addr.octets(),
        };
        hasher.write(&octets);
        hasher.write(&[source.bits()]);
        let hash = hasher.finish128();
        let lines = self.lines.len();
        let first = below(hash.h1 >> 32, lines);
        // The second is another one, so that no slot is looked at twice.
        let second = (first + 1 + below(hash.h1 & 0xffff_ffff, lines - 1)) % lines;
        Home { lines: [first, second], tag: hash.h2 >> M::BITS }
    }

    /// Looks through a home. The free slot is in the line that has more of them, as that keeps both from filling up.
    fn look<M: Measure>(&self, home: &Home, measure: &M) -> Seen {
        let (mut seen, mut roomiest) = (Seen::default(), 0);
        for line in home.lines {
            let (mut room, mut free) = (0, None);
            for (at, slot) in self.lines[line].0.iter().enumerate() {
                let word = slot.load(SeqCst);
                let found = Some((line * SLOTS + at, word));
                // A slot that nobody has had yet is free, whatever its number means at this moment.
                let weight = if word == 0 { 0 } else { measure.weight(number::<M>(word)) };
                if weight == 0 {
                    room += 1;
                    free = free.or(found);
                } else if tag::<M>(word) == home.tag {
                    seen.weight = seen.weight.saturating_add(weight);
                    seen.own = seen.own.or(found);
                }
            }
            if room > roomiest {
                (roomiest, seen.free) = (room, free);
            }
        }
        seen
    }

    fn slot(&self, slot: usize) -> &AtomicU64 {
        &self.lines[slot / SLOTS].0[slot % SLOTS]
    }
}

/// A number below `bound`, from 32 random bits.
fn below(bits: u64, bound: usize) -> usize {
    ((u128::from(bits) * bound as u128) >> 32) as usize
}

fn packed<M: Measure>(tag: u64, number: u64) -> u64 {
    tag << M::BITS | number
}

fn number<M: Measure>(word: u64) -> u64 {
    word & ((1 << M::BITS) - 1)
}

fn tag<M: Measure>(word: u64) -> u64 {
    word >> M::BITS
}
