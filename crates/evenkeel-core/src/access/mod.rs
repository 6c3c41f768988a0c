//! Who may connect, by address: networks that are allowed, networks that are denied, and files that list them.

mod list;
mod set;

pub use list::{ListProblem, ListProblems, Mistake, NETWORKS_MAX, parse_list};
pub use set::NetworkSet;

use std::net::IpAddr;

/// Who may connect.
///
/// **Deny wins**, however specific the networks are: who blocks an address wants it out at once, whatever else is
/// written, and a blocklist that somebody else keeps bites inside allowed networks, too.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AccessRules {
    /// Nobody else may connect; `None` is everybody.
    pub allow: Option<NetworkSet>,
    /// These may not, even when they are allowed.
    pub deny: NetworkSet,
}

/// Why an address may not connect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Denial {
    /// It is in `deny`.
    Listed,
    /// There is an `allow`, and it is not in there.
    NotListed,
}

impl AccessRules {
    /// Whether `addr` may connect.
    pub fn check(&self, addr: IpAddr) -> Result<(), Denial> {
        if self.deny.contains(addr) {
            return Err(Denial::Listed);
        }
        match &self.allow {
            Some(allow) if !allow.contains(addr) => Err(Denial::NotListed),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(networks: &[&str]) -> NetworkSet {
        networks.iter().map(|network| network.parse().unwrap()).collect()
    }

    #[test]
    fn deny_wins_however_specific_the_networks_are() {
        let check = |allow: Option<&[&str]>, deny: &[&str], addr: &str| {
            AccessRules { allow: allow.map(set), deny: set(deny) }.check(addr.parse().unwrap())
        };
        let (office, guest) = ("10.0.0.0/8", "10.9.0.0/16");
        assert_eq!(check(None, &[], "10.1.1.1"), Ok(()), "without rules everybody may");
        assert_eq!(check(Some(&[office]), &[guest], "10.1.1.1"), Ok(()));
        assert_eq!(check(Some(&[office]), &[guest], "10.9.1.1"), Err(Denial::Listed));
        assert_eq!(check(Some(&[guest]), &[office], "10.9.1.1"), Err(Denial::Listed));
        assert_eq!(check(Some(&[office]), &[guest], "192.0.2.1"), Err(Denial::NotListed));
        assert_eq!(check(Some(&[]), &[], "10.1.1.1"), Err(Denial::NotListed), "nobody is allowed");
        assert_eq!(
            check(Some(&[office]), &[], "::ffff:10.1.1.1"),
            Ok(()),
            "an IPv4 client of an IPv6 socket"
        );
    }
}
