//! One coarse deadline per row: a hierarchical timer wheel (Varghese and Lauck, 1987) of 16 ms ticks.
//!
//! Arming, moving and disarming cost the same however many there are, and an entry far away is touched four times in
//! a day. Deadlines are never early, and late by a tick at most.

use std::time::{Duration, Instant};

const TICK_MS: u64 = 16;
const LEVELS: usize = 5;
const SLOT_BITS: u32 = 6;
const SLOTS: usize = 1 << SLOT_BITS;
const NONE: u32 = u32::MAX;

/// Deadlines by row index.
pub struct Wheel {
    start: Instant,
    /// All ticks before this one have expired.
    tick: u64,
    levels: [Level; LEVELS],
    nodes: Vec<Node>,
}

/// One turn of a hand: slots of doubly linked lists, and which of them are occupied.
struct Level {
    occupied: u64,
    heads: [u32; SLOTS],
}

#[derive(Clone, Copy)]
struct Node {
    deadline: u64,
    place: Option<(u8, u8)>,
    previous: u32,
    next: u32,
}

const UNARMED: Node = Node { deadline: 0, place: None, previous: NONE, next: NONE };

impl Wheel {
    /// An empty wheel whose first tick begins at `start`.
    pub fn new(start: Instant) -> Self {
        let levels = std::array::from_fn(|_| Level { occupied: 0, heads: [NONE; SLOTS] });
        Self { start, tick: 0, levels, nodes: Vec::new() }
    }

    /// Sets the deadline of `row`, in place of an earlier one.
    pub fn arm(&mut self, row: u32, at: Instant) {
        self.disarm(row);
        if self.nodes.len() <= row as usize {
            self.nodes.resize(row as usize + 1, UNARMED);
        }
        self.nodes[row as usize].deadline = self.tick_of(at);
        self.link(row);
    }

    /// The tick in which `at` has passed for sure; not one that has expired already.
    fn tick_of(&self, at: Instant) -> u64 {
        let ms = at.saturating_duration_since(self.start).as_millis() as u64;
        (ms / TICK_MS + 1).max(self.tick)
    }

    /// Sets the deadline of `row`, unless it has one that is earlier.
    pub fn arm_by(&mut self, row: u32, at: Instant) {
        let armed = self.nodes.get(row as usize).filter(|node| node.place.is_some());
        if armed.is_none_or(|node| self.tick_of(at) < node.deadline) {
            self.arm(row, at);
        }
    }

    /// Takes the deadline of `row` away, if it has one.
    pub fn disarm(&mut self, row: u32) {
        let Some(Node { place: Some((level, slot)), previous, next, .. }) =
            self.nodes.get(row as usize).copied()
        else {
            return;
        };
        let level = &mut self.levels[level as usize];
        match previous {
            NONE => level.heads[slot as usize] = next,
            previous => self.nodes[previous as usize].next = next,
        }
        if next != NONE {
            self.nodes[next as usize].previous = previous;
        }
        if level.heads[slot as usize] == NONE {
            level.occupied &= !(1 << slot);
        }
        self.nodes[row as usize] = UNARMED;
    }

    /// Moves on to `now` and gives the rows whose deadline has passed to `expired`; they are no longer armed.
    pub fn advance(&mut self, now: Instant, expired: &mut Vec<u32>) {
        let target = now.saturating_duration_since(self.start).as_millis() as u64 / TICK_MS;
        while let Some((level, slot, tick)) = self.next_slot() {
            if tick > target {
                break;
            }
            self.tick = tick;
            let mut row = std::mem::replace(&mut self.levels[level].heads[slot], NONE);
            self.levels[level].occupied &= !(1 << slot);
            while row != NONE {
                let next = self.nodes[row as usize].next;
                if self.nodes[row as usize].deadline <= tick {
                    self.nodes[row as usize] = UNARMED;
                    expired.push(row);
                } else {
                    self.link(row);
                }
                row = next;
            }
        }
        self.tick = self.tick.max(target);
    }

    /// How long from `now` until [`advance`](Self::advance) may have something to do; `None`: nothing is armed.
    pub fn sleep(&self, now: Instant) -> Option<Duration> {
        let (_, _, tick) = self.next_slot()?;
        let at = self.start + Duration::from_millis(tick * TICK_MS);
        Some(at.saturating_duration_since(now))
    }

    /// Puts a row in the slot of its deadline: the level is that of the highest digit in which it differs from now.
    fn link(&mut self, row: u32) {
        let deadline = self.nodes[row as usize].deadline;
        let differs = (deadline ^ self.tick) | ((SLOTS as u64) - 1);
        let digit = (63 - differs.leading_zeros()) / SLOT_BITS;
        let level = (digit as usize).min(LEVELS - 1);
        let shift = SLOT_BITS * level as u32;
        // Beyond the horizon of half a year: as far away as there is, to be looked at again there.
        let hand = (deadline >> shift).min((self.tick >> shift) + SLOTS as u64 - 1);
        let slot = hand as usize % SLOTS;
        let head = self.levels[level].heads[slot];
        if head != NONE {
            self.nodes[head as usize].previous = row;
        }
        self.levels[level].heads[slot] = row;
        self.levels[level].occupied |= 1 << slot;
        let node = &mut self.nodes[row as usize];
        (node.previous, node.next, node.place) = (NONE, head, Some((level as u8, slot as u8)));
    }

    /// The first occupied slot from now on, and the tick at which it is due.
    fn next_slot(&self) -> Option<(usize, usize, u64)> {
        self.levels.iter().enumerate().find_map(|(index, level)| {
            let shift = SLOT_BITS * index as u32;
            let now = self.tick >> shift;
            let ahead = level.occupied.rotate_right((now % SLOTS as u64) as u32);
            if ahead == 0 {
                return None;
            }
            let distance = u64::from(ahead.trailing_zeros());
            let due = (now + distance) << shift;
            Some((index, ((now + distance) % SLOTS as u64) as usize, due.max(self.tick)))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use evenkeel_core::dice::Dice;
    use std::collections::BTreeMap;

    #[test]
    fn every_deadline_is_kept_not_early_and_at_most_a_tick_late() {
        check(0);
    }

    /// The last hand comes round once in 2^30 ticks.
    #[test]
    fn and_so_it_is_when_the_last_hand_comes_round() {
        for days in [5, 20, 50, 150] {
            check((TICK_MS << 30) - days * 86_400_000);
        }
    }

    fn check(began_ms: u64) {
        let start = Instant::now();
        let mut wheel = Wheel::new(start);
        wheel.advance(start + Duration::from_millis(began_ms), &mut Vec::new());
        let mut dice = Dice::new(7);
        let mut model: BTreeMap<u32, u64> = BTreeMap::new();
        let (mut now_ms, mut fired) = (began_ms, 0);
        for _ in 0..60_000 {
            let row = dice.below(200) as u32;
            let (soon, late) = (1 << dice.below(24), 1 << dice.below(34));
            match dice.below(4) {
                0 => {
                    wheel.disarm(row);
                    model.remove(&row);
                }
                1 => now_ms += dice.below(soon),
                _ => {
                    let at = now_ms + dice.below(late);
                    wheel.arm(row, start + Duration::from_millis(at));
                    model.insert(row, at);
                }
            }
            let now = start + Duration::from_millis(now_ms);
            let mut expired = Vec::new();
            wheel.advance(now, &mut expired);
            for row in expired {
                let at = model.remove(&row).expect("an armed row");
                assert!(at <= now_ms, "{at} fired early, at {now_ms}");
                fired += 1;
            }
            for (row, at) in &model {
                assert!(at + 2 * TICK_MS > now_ms, "row {row} is late: {at} at {now_ms}");
            }
            match (wheel.sleep(now), model.values().min()) {
                (None, None) => {}
                (Some(sleep), Some(&at)) => {
                    assert!(now_ms + (sleep.as_millis() as u64) < at + 2 * TICK_MS, "would sleep past {at}");
                }
                other => panic!("wheel and model disagree on whether anything is armed: {other:?}"),
            }
        }
        assert!(fired > 1000, "{fired}");
    }

    #[test]
    fn a_far_deadline_does_not_wake_often() {
        let start = Instant::now();
        let mut wheel = Wheel::new(start);
        wheel.arm(3, start + Duration::from_secs(3600));
        let (mut now, mut wakes, mut expired) = (start, 0, Vec::new());
        while expired.is_empty() {
            now += wheel.sleep(now).expect("armed");
            wheel.advance(now, &mut expired);
            wakes += 1;
        }
        assert!(wakes <= LEVELS, "{wakes} wake-ups for one deadline");
        assert!(now >= start + Duration::from_secs(3600));
    }
}
