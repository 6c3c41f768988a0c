//! A set of networks that is asked often and never changed: sorted ranges of addresses, and a binary search.

use crate::network::Network;
use std::net::IpAddr;

/// All addresses of some networks. Two are equal when they hold the same addresses, whatever networks they are from.
///
/// Networks that overlap or touch are one range: 8 bytes for IPv4, 32 for IPv6, and nothing else is kept.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NetworkSet {
    v4: Box<[(u32, u32)]>,
    v6: Box<[(u128, u128)]>,
}

impl NetworkSet {
    /// Whether `addr` is in one of the networks.
    pub fn contains(&self, addr: IpAddr) -> bool {
        match addr.to_canonical() {
            IpAddr::V4(addr) => holds(&self.v4, addr.to_bits()),
            IpAddr::V6(addr) => holds(&self.v6, addr.to_bits()),
        }
    }

    /// Whether there is no address in it.
    pub fn is_empty(&self) -> bool {
        self.v4.is_empty() && self.v6.is_empty()
    }

    /// The memory it takes, in bytes.
    pub fn bytes(&self) -> usize {
        size_of::<Self>() + size_of_val(&*self.v4) + size_of_val(&*self.v6)
    }
}

impl FromIterator<Network> for NetworkSet {
    fn from_iter<T: IntoIterator<Item = Network>>(networks: T) -> Self {
        let (mut v4, mut v6) = (Vec::new(), Vec::new());
        for network in networks {
            let bits = u32::from(network.bits());
            match network.addr() {
                IpAddr::V4(addr) => {
                    v4.push((addr.to_bits(), addr.to_bits() | u32::MAX.checked_shr(bits).unwrap_or(0)));
                }
                IpAddr::V6(addr) => {
                    v6.push((addr.to_bits(), addr.to_bits() | u128::MAX.checked_shr(bits).unwrap_or(0)));
                }
            }
        }
        Self { v4: joined(v4, |last| last.checked_add(1)), v6: joined(v6, |last| last.checked_add(1)) }
    }
}

/// The ranges in order, with those that overlap or touch made one.
fn joined<T: Copy + Ord>(mut ranges: Vec<(T, T)>, next: impl Fn(T) -> Option<T>) -> Box<[(T, T)]> {
    ranges.sort_unstable();
    ranges.dedup_by(|(first, last), (_, before)| {
        let joins = next(*before).is_none_or(|next| *first <= next);
        if joins {
            *before = (*before).max(*last);
        }
        joins
    });
    ranges.into_boxed_slice()
}

fn holds<T: Copy + Ord>(ranges: &[(T, T)], addr: T) -> bool {
    let after = ranges.partition_point(|(first, _)| *first <= addr);
    after.checked_sub(1).is_some_and(|at| addr <= ranges[at].1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dice::Dice;
    use crate::network::NetworkError;

    fn set(networks: &[&str]) -> NetworkSet {
        networks.iter().map(|network| network.parse().unwrap()).collect()
    }

    #[test]
    fn networks_that_overlap_or_touch_are_one_range() {
        assert_eq!(set(&["0.0.0.0/1", "128.0.0.0/1"]), set(&["0.0.0.0/0"]));
        assert_eq!(set(&["10.1.0.0/16", "10.0.0.0/8", "10.1.2.3", "10.1.2.3"]), set(&["10.0.0.0/8"]));
        assert_eq!(set(&["::/0", "ffff::1"]), set(&["::/0"]));
        assert_eq!(set(&["255.255.255.255", "::/128"]).v4.len(), 1);
        assert_ne!(set(&["10.0.0.0/9"]), set(&["10.0.0.0/8"]));
    }

    #[test]
    fn the_ends_of_a_network_are_in_it_and_their_neighbours_are_not() {
        let set = set(&["10.0.0.0/8", "0.0.0.0", "255.255.255.255", "2001:db8::/32", "::1"]);
        let contains = |addr: &str| set.contains(addr.parse().unwrap());
        for inside in ["10.0.0.0", "10.255.255.255", "0.0.0.0", "255.255.255.255", "2001:db8::", "::1"] {
            assert!(contains(inside), "{inside}");
        }
        for outside in ["9.255.255.255", "11.0.0.0", "0.0.0.1", "255.255.255.254", "2001:db9::", "::", "::2"]
        {
            assert!(!contains(outside), "{outside}");
        }
        assert!(contains("::ffff:10.0.0.1") && !NetworkSet::default().contains("::1".parse().unwrap()));
    }

    #[test]
    fn a_set_says_what_its_networks_say_one_by_one() {
        for seed in 0..200 {
            let mut dice = Dice::new(seed);
            // Few distinct bits, so that networks meet.
            let addr = |dice: &mut Dice| -> IpAddr {
                let bits = dice.roll() & 0x0000_0003_8000_00c1;
                if dice.below(2) == 0 { (bits as u32).to_be_bytes().into() } else { [bits as u16; 8].into() }
            };
            let networks: Vec<Network> = (0..dice.below(12))
                .filter_map(|_| match Network::new(addr(&mut dice), dice.below(130) as u8) {
                    Ok(network) | Err(NetworkError::HostBits { network }) => Some(network),
                    Err(_) => None,
                })
                .collect();
            let set: NetworkSet = networks.iter().copied().collect();
            for _ in 0..200 {
                let addr = addr(&mut dice);
                let expected = networks.iter().any(|network| network.contains(addr));
                assert_eq!(set.contains(addr), expected, "seed {seed}: {addr} in {networks:?}");
            }
        }
    }

    #[test]
    fn eight_bytes_for_an_ipv4_range_and_thirty_two_for_an_ipv6_one() {
        let empty = NetworkSet::default().bytes();
        assert_eq!(set(&["10.0.0.0/8", "192.0.2.1"]).bytes() - empty, 2 * 8);
        assert_eq!(set(&["2001:db8::/32"]).bytes() - empty, 32);
    }
}
