//! What each source does: how many sessions it has open ([`SourceSessions`]), how fast it connects ([`SourceRates`]).
//!
//! Both are tables of a fixed size that all workers share. A source that finds no room in one is let in uncounted:
//! whoever can fill a table with addresses must not decide that nobody else gets in.

mod rates;
mod sessions;
mod table;

pub use rates::SourceRates;
pub use sessions::{SourcePlace, SourceSessions};

use crate::network::{Network, NetworkError};
use std::net::IpAddr;

/// Sources that a table has room for unless told otherwise: half a mebibyte.
pub const SOURCES: usize = 65_536;

/// Which addresses are one source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Prefixes {
    /// Bits that IPv4 addresses of one source have in common.
    pub v4: u8,
    /// The same of IPv6.
    pub v6: u8,
}

impl Default for Prefixes {
    /// Single IPv4 addresses; for IPv6 what one customer's network has at least, as a single host there has 2⁶⁴.
    fn default() -> Self {
        Self { v4: 32, v6: 64 }
    }
}

impl Prefixes {
    /// The source that `addr` is of. More bits than an address has are all of them.
    pub fn source(self, addr: IpAddr) -> Network {
        let addr = addr.to_canonical();
        let bits = if addr.is_ipv4() { self.v4 } else { self.v6 };
        match Network::new(addr, bits) {
            Ok(source) | Err(NetworkError::HostBits { network: source }) => source,
            Err(_) => addr.into(),
        }
    }
}

/// How a source that wants to enter fares.
#[derive(Debug, PartialEq, Eq)]
pub enum Entry<T> {
    /// Within its limit.
    Within(T),
    /// It is at its limit: nothing has changed.
    AtLimit,
    /// The table has no room for another source: it enters, and is not counted.
    Uncounted,
}

impl<T> Entry<T> {
    /// The same with something made of what it holds.
    pub fn map<U>(self, make: impl FnOnce(T) -> U) -> Entry<U> {
        match self {
            Self::Within(held) => Entry::Within(make(held)),
            Self::AtLimit => Entry::AtLimit,
            Self::Uncounted => Entry::Uncounted,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_is_an_address_or_what_a_customer_has() {
        let source = |prefixes: Prefixes, addr: &str| prefixes.source(addr.parse().unwrap()).to_string();
        assert_eq!(source(Prefixes::default(), "192.0.2.7"), "192.0.2.7");
        assert_eq!(source(Prefixes::default(), "::ffff:192.0.2.7"), "192.0.2.7");
        assert_eq!(source(Prefixes::default(), "2001:db8:0:1::7"), "2001:db8:0:1::/64");
        assert_eq!(source(Prefixes { v4: 24, v6: 56 }, "192.0.2.7"), "192.0.2.0/24");
        assert_eq!(source(Prefixes { v4: 0, v6: 255 }, "192.0.2.7"), "0.0.0.0/0");
        assert_eq!(source(Prefixes { v4: 255, v6: 255 }, "192.0.2.7"), "192.0.2.7");
        assert_eq!(source(Prefixes { v4: 0, v6: 0 }, "2001:db8::"), "::/0");
    }
}
