//! One backend after the other by weight, as evenly as the weights allow: `abaaaca`, not `aaaaabc`.

use super::Choice;
use super::candidates::{Candidates, DRAWS};
use crate::backend::Backend;
use crate::dice::Dice;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

/// The rule `round-robin`: an order worked out beforehand, and a cursor that walks it.
///
/// A pick takes turns until one fits, so that what a backend cannot take is spread over all others rather than given
/// to its successor.
#[derive(Debug)]
pub struct RoundRobin {
    members: Box<[u32]>,
    /// Indices of backends, each as often as its share of the turns.
    order: Box<[u32]>,
}

impl RoundRobin {
    pub(super) fn new(backends: &[Backend], members: Box<[u32]>) -> Self {
        let weights: Vec<u32> = members.iter().map(|&index| backends[index as usize].weight).collect();
        let order = smooth_order(&turns(&weights)).into_iter().map(|at| members[at as usize]).collect();
        Self { members, order }
    }

    pub(super) fn pick(&self, candidates: Candidates<'_>, cursor: &AtomicU32, dice: &mut Dice) -> Choice {
        if self.order.is_empty() {
            return Choice::Exhausted;
        }
        // A second attempt takes no turn: with one of two dead, the other's turn would go to it, and every session
        // would begin at the dead one.
        let mut turn = || match candidates.tried.is_empty() {
            true => cursor.fetch_add(1, Relaxed) as usize,
            false => dice.roll() as usize,
        };
        (0..DRAWS)
            .map(|_| self.order[turn() % self.order.len()])
            .find(|&index| candidates.is_good(index))
            .map_or_else(|| candidates.draw_from(&self.members, dice), Choice::Backend)
    }
}

/// How many turns each of `weights` has in one round: their smallest whole ratio, or, where that would make a round
/// too long to keep, the nearest that makes it some 16,384 turns, or 8 for each backend if that is more.
fn turns(weights: &[u32]) -> Vec<u64> {
    let divisor = u64::from(weights.iter().copied().fold(0, gcd)).max(1);
    let ratio = weights.iter().map(|&weight| u64::from(weight) / divisor);
    let sum = u128::from(ratio.clone().sum::<u64>());
    let longest = (weights.len() as u128 * 8).max(16_384);
    if sum <= longest {
        return ratio.collect();
    }
    ratio.map(|turns| ((u128::from(turns) * longest + sum / 2) / sum).max(1) as u64).collect()
}

fn gcd(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { gcd(b, a % b) }
}

/// A round in which position `i` occurs `turns[i]` times, evenly.
///
/// Those with equally many turns form a group, and go round within it. A round lasts from 0 to 1, and a group spreads
/// its `n` turns at (2k + 1) / 2n; sorting all turns by time gives the order.
fn smooth_order(turns: &[u64]) -> Vec<u32> {
    let mut groups: BTreeMap<u64, Vec<u32>> = BTreeMap::new();
    for (position, &turns) in (0u32..).zip(turns) {
        groups.entry(turns).or_default().push(position);
    }
    let mut timed = Vec::with_capacity(turns.iter().sum::<u64>() as usize);
    for (&turns, group) in groups.iter().rev() {
        let n = turns * group.len() as u64;
        timed.extend((0..n).zip(group.iter().cycle()).map(|(k, &position)| (2 * k + 1, n, position)));
    }
    // a / m < b / n without dividing; a stable sort lets the heaviest group go first on a tie.
    timed.sort_by(|(a, m, _), (b, n, _)| (a * n).cmp(&(b * m)));
    timed.into_iter().map(|(_, _, position)| position).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(weights: &[u32]) -> String {
        smooth_order(&turns(weights)).into_iter().map(|position| (b'a' + position as u8) as char).collect()
    }

    #[test]
    fn equal_weights_go_round_and_unequal_ones_are_spread() {
        assert_eq!(order(&[1, 1, 1]), "abc");
        assert_eq!(order(&[5, 1, 1]), "abaaaca");
        assert_eq!(order(&[3, 2, 1]), "abacba");
        assert_eq!(order(&[1, 2]), "bab");
        assert_eq!(order(&[2, 2, 1]), "abcab");
        assert_eq!(order(&[4, 4, 1, 1]), "abcababdab");
    }

    #[test]
    fn common_divisors_shorten_the_round() {
        assert_eq!(order(&[300, 200, 100]), "abacba");
        assert_eq!(order(&[u32::MAX, u32::MAX]), "ab");
    }

    #[test]
    fn wild_weights_make_a_bounded_round_in_nearly_the_same_ratio() {
        let turns = turns(&[u32::MAX, u32::MAX / 2, 1]);
        assert_eq!(turns, [10_923, 5_461, 1]);
        let many: Vec<u32> = (1..=100_000).collect();
        assert!(super::turns(&many).iter().sum::<u64>() <= 900_000);
    }

    #[test]
    fn nobody_is_ever_far_from_its_share() {
        let weights = [7, 5, 5, 3, 1, 1, 1];
        let total: u32 = weights.iter().sum();
        let mut seen = [0u32; 7];
        for (step, position) in (1u32..).zip(smooth_order(&turns(&weights))) {
            seen[position as usize] += 1;
            for (&weight, &seen) in weights.iter().zip(&seen) {
                let off = f64::from(seen) - f64::from(weight * step) / f64::from(total);
                assert!(off.abs() < 1.0, "{off:.2} turns off its share after {step} turns");
            }
        }
    }
}
