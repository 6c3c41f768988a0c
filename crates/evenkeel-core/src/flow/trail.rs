//! Which backend a connection ID belongs to, for all workers: a table that never grows and has no lock.
//!
//! A slot is one atomic word: a tag, which tells an ID from others, and a hash of its backend. An ID may be in the eight slots
//! of one cache line, given by a keyed hash. What is learned takes a slot of the same tag, or a free one, or else one whose
//! turn the tag says: connections are many and short, and one that is forgotten only cannot be followed any more.

use super::key::Key;
use crate::addr::Addr;
use crate::dice::Dice;
use crate::wire::quic::{ID_MAX, Packet};
use std::hash::BuildHasher;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};

/// Slots of a cache line.
const SLOTS: usize = 8;

/// Cache lines: 512 KiB, for 65,536 connections.
const LINES: usize = 8192;

/// A backend, as a trail knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark(u32);

#[derive(Debug, Default)]
#[repr(align(64))]
struct Line([AtomicU64; SLOTS]);

/// The table.
#[derive(Debug)]
pub struct Trail {
    lines: Box<[Line]>,
    key: Key,
    /// The lengths of IDs that were learned, a bit for each.
    lengths: AtomicU32,
}

impl Trail {
    /// Nothing is learned yet; `dice` roll the key of the hash.
    pub fn new(dice: &mut Dice) -> Self {
        let lines = (0..LINES).map(|_| Line::default()).collect();
        Self { lines, key: Key::new(dice), lengths: AtomicU32::new(0) }
    }

    /// How a backend is known here.
    pub fn mark(&self, backend: &Addr) -> Mark {
        // No slot is free that has something in it.
        Mark((self.key.hash_one(backend) as u32).max(1))
    }

    /// A backend has sent this: what it wants to be called is for it from now on.
    pub fn learn(&self, datagram: &[u8], backend: &Addr) {
        let Some(Packet::Long { from, .. }) = Packet::parse(datagram) else { return };
        if from.is_empty() {
            return;
        }
        self.lengths.fetch_or(1 << from.len(), Relaxed);
        let (line, tag) = self.home(from);
        let word = u64::from(tag) << 32 | u64::from(self.mark(backend).0);
        let is_mine = |slot: &&AtomicU64| match slot.load(Relaxed) {
            0 => true,
            word => tag_of(word) == tag,
        };
        let slot = line.0.iter().find(is_mine).unwrap_or(&line.0[tag as usize % SLOTS]);
        if slot.load(Relaxed) != word {
            slot.store(word, Relaxed);
        }
    }

    /// The backend that a client's datagram is for, if its connection was learned.
    pub fn follow(&self, datagram: &[u8]) -> Option<Mark> {
        match Packet::parse(datagram)? {
            Packet::Long { to, .. } => self.find(to),
            Packet::Short { to } => {
                let lengths = self.lengths.load(Relaxed);
                let learned = (1..=ID_MAX).filter(|length| lengths >> length & 1 == 1);
                learned.filter_map(|length| self.find(to.get(..length)?)).next()
            }
        }
    }

    fn find(&self, id: &[u8]) -> Option<Mark> {
        let (line, tag) = self.home(id);
        let words = line.0.iter().map(|slot| slot.load(Relaxed));
        words.filter(|word| *word != 0).find(|word| tag_of(*word) == tag).map(|word| Mark(word as u32))
    }

    fn home(&self, id: &[u8]) -> (&Line, u32) {
        let hash = self.key.hash_one(id);
        (&self.lines[hash as usize % LINES], (hash >> 32) as u32)
    }
}

fn tag_of(word: u64) -> u32 {
    (word >> 32) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    fn long(to: &[u8], from: &[u8]) -> Vec<u8> {
        let ids = [to, from].map(|id| [&[id.len() as u8], id].concat()).concat();
        [&[0xc0, 0, 0, 0, 1], &ids[..]].concat()
    }

    fn short(to: &[u8]) -> Vec<u8> {
        [&[0x40], to, b"what is sealed"].concat()
    }

    fn backend(number: u8) -> Addr {
        Addr::Ip(([10, 0, 0, number], 443).into())
    }

    #[test]
    fn a_connection_is_followed_by_what_its_server_is_called() {
        let trail = Trail::new(&mut Dice::new(1));
        trail.learn(&long(b"client", b"server-1"), &backend(1));
        trail.learn(&long(b"client", b"srv2"), &backend(2));
        assert_eq!(trail.follow(&short(b"server-1")), Some(trail.mark(&backend(1))));
        assert_eq!(trail.follow(&short(b"srv2")), Some(trail.mark(&backend(2))));
        assert_eq!(trail.follow(&long(b"srv2", b"client")), Some(trail.mark(&backend(2))));
        assert_eq!(trail.follow(&short(b"stranger")), None);
        assert_eq!(trail.follow(&short(b"client")), None, "that is not what a server is called");
        assert_eq!((trail.follow(b""), trail.follow(&[0x40])), (None, None));
    }

    #[test]
    fn a_name_that_is_used_again_is_for_whoever_used_it_last() {
        let trail = Trail::new(&mut Dice::new(1));
        for number in [1, 2] {
            trail.learn(&long(b"", b"again"), &backend(number));
            assert_eq!(trail.follow(&short(b"again")), Some(trail.mark(&backend(number))));
        }
    }

    #[test]
    fn it_never_grows_and_forgets_few_of_those_that_fit() {
        let trail = Trail::new(&mut Dice::new(1));
        let known = |count: u64| {
            let is_known = |number: &u64| trail.follow(&short(&number.to_be_bytes())).is_some();
            (0..count).filter(is_known).count() as u64
        };
        (0..30_000_u64).for_each(|number| trail.learn(&long(b"", &number.to_be_bytes()), &backend(1)));
        assert!(known(30_000) > 29_000, "{}", known(30_000));
        (0..300_000_u64).for_each(|number| trail.learn(&long(b"", &number.to_be_bytes()), &backend(1)));
        assert!(known(300_000) <= (SLOTS * LINES) as u64);
    }
}
