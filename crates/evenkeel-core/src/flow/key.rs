//! How strangers who choose their addresses and names are kept from choosing their hashes.

use crate::dice::Dice;
use siphasher::sip::SipHasher13;
use std::hash::BuildHasher;

/// Hashes that nobody can foretell who does not know it.
#[derive(Clone, Debug)]
pub struct Key(u64, u64);

impl Key {
    /// One that `dice` roll.
    pub fn new(dice: &mut Dice) -> Self {
        Self(dice.roll(), dice.roll())
    }
}

impl BuildHasher for Key {
    type Hasher = SipHasher13;

    fn build_hasher(&self) -> SipHasher13 {
        SipHasher13::new_with_keys(self.0, self.1)
    }
}
