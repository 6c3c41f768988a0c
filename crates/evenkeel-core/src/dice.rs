//! A small seeded source of chance, for picks and jitter. Not for secrets.

use std::time::Duration;

/// A splitmix64 generator (Steele, Lea, Flood: "Fast splittable pseudorandom number generators", 2014).
#[derive(Clone, Debug)]
pub struct Dice(u64);

impl Dice {
    /// Dice that always roll the same after the same `seed`.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next 64 random bits.
    pub fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `bound`, every one as likely as the others up to 2⁻⁶⁴; 0 when `bound` is 0.
    pub fn below(&mut self, bound: u64) -> u64 {
        ((u128::from(self.roll()) * u128::from(bound)) >> 64) as u64
    }

    /// `time`, a tenth shorter to a tenth longer, so that what began together does not stay in step.
    pub fn jitter(&mut self, time: Duration) -> Duration {
        let tenth = time / 10;
        let spread = u64::try_from(2 * tenth.as_nanos()).unwrap_or(u64::MAX);
        (time - tenth).saturating_add(Duration::from_nanos(self.below(spread)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn same_seed_same_rolls_and_never_out_of_bounds() {
        let (mut one, mut two) = (Dice::new(7), Dice::new(7));
        for bound in 0..1000 {
            let rolled = one.below(bound);
            assert_eq!(rolled, two.below(bound));
            assert!(rolled < bound.max(1));
        }
    }

    #[test]
    fn jitter_is_a_tenth_at_most_and_survives_any_time() {
        let mut dice = Dice::new(1);
        let time = Duration::from_secs(2);
        let rolled: Vec<_> = (0..1000).map(|_| dice.jitter(time)).collect();
        assert!(rolled.iter().all(|it| (time * 9 / 10..=time * 11 / 10).contains(it)));
        assert!(
            rolled.iter().any(|it| *it < time * 91 / 100) && rolled.iter().any(|it| *it > time * 109 / 100)
        );
        assert_eq!(dice.jitter(Duration::ZERO), Duration::ZERO);
        assert!(dice.jitter(Duration::MAX) >= Duration::MAX / 10 * 9);
    }
}
