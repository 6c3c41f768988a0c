//! Some clients to one pool and the others to another: a canary.

use crate::name::PoolName;

/// Pools that share clients by weight. A client stays with its pool: it is told by its hash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Split {
    pools: Box<[(PoolName, u32)]>,
    total: u64,
}

impl Split {
    /// Between these, each with its weight; `None` if none has any.
    pub fn new(pools: Vec<(PoolName, u32)>) -> Option<Self> {
        let total = pools.iter().map(|(_, weight)| u64::from(*weight)).sum();
        (total > 0).then(|| Self { pools: pools.into(), total })
    }

    /// The pool of the client with this hash. The pools take their shares in the order that they are written in: where only
    /// two change theirs, no client of another moves.
    pub fn choose(&self, client: u64) -> Option<&PoolName> {
        let mut point = ((u128::from(client) * u128::from(self.total)) >> 64) as u64;
        let found = self.pools.iter().find(|(_, weight)| {
            let is_here = point < u64::from(*weight);
            point = point.saturating_sub(u64::from(*weight));
            is_here
        });
        found.map(|(pool, _)| pool)
    }

    /// The pools, with their weights.
    pub fn pools(&self) -> &[(PoolName, u32)] {
        &self.pools
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dice::Dice;

    fn split(weights: &[(&str, u32)]) -> Split {
        let pools = weights.iter().map(|(name, weight)| (PoolName::new(name), *weight)).collect();
        Split::new(pools).unwrap()
    }

    fn name(split: &Split, client: u64) -> &str {
        split.choose(client).unwrap().as_str()
    }

    #[test]
    fn clients_are_shared_by_weight() {
        let split = split(&[("web", 95), ("none", 0), ("canary", 5)]);
        let mut dice = Dice::new(1);
        let clients: Vec<&str> =
            (0..100_000).map(|_| dice.roll()).map(|client| name(&split, client)).collect();
        let canary = clients.iter().filter(|pool| **pool == "canary").count();
        assert!((4_700..5_300).contains(&canary), "{canary}");
        assert!(!clients.contains(&"none"));
        assert_eq!((name(&split, 0), name(&split, u64::MAX)), ("web", "canary"));
    }

    #[test]
    fn more_for_the_canary_moves_nobody_back() {
        let (few, more) = (split(&[("web", 95), ("canary", 5)]), split(&[("web", 80), ("canary", 20)]));
        let mut dice = Dice::new(2);
        for client in (0..10_000).map(|_| dice.roll()) {
            assert!(name(&few, client) == "web" || name(&more, client) == "canary");
        }
    }

    #[test]
    fn nothing_is_shared_without_weights() {
        assert_eq!(Split::new(vec![]), None);
        assert_eq!(Split::new(vec![(PoolName::new("web"), 0)]), None);
        let most = split(&[("a", u32::MAX), ("b", u32::MAX)]);
        assert_eq!((name(&most, 0), name(&most, u64::MAX)), ("a", "b"));
    }
}
