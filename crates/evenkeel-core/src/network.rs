//! IP networks: `10.0.0.0/8`, `2001:db8::/32`, or one address. An IPv4 address that comes as an IPv6 one
//! (`::ffff:10.0.0.1`, as a socket for both reports it) is the IPv4 address, in networks and in what they are asked.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::str::FromStr;

/// All addresses that begin with the same bits. Two are equal when they hold the same addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Network {
    addr: IpAddr,
    bits: u8,
}

impl Network {
    /// The addresses whose first `bits` are those of `addr`, which has no other bits set.
    pub fn new(addr: IpAddr, bits: u8) -> Result<Self, NetworkError> {
        if bits > width(addr) {
            return Err(NetworkError::TooManyBits { most: width(addr) });
        }
        let network = Self { addr: masked(addr, bits), bits }.canonical();
        if masked(addr, bits) == addr { Ok(network) } else { Err(NetworkError::HostBits { network }) }
    }

    /// The first address.
    pub fn addr(&self) -> IpAddr {
        self.addr
    }

    /// How many bits all addresses have in common.
    pub fn bits(&self) -> u8 {
        self.bits
    }

    /// Whether `addr` is in this network. No IPv4 address is in an IPv6 network, not even in `::/0`.
    pub fn contains(&self, addr: IpAddr) -> bool {
        let addr = addr.to_canonical();
        addr.is_ipv4() == self.addr.is_ipv4() && masked(addr, self.bits) == self.addr
    }

    /// Whether all addresses of the other are in this one.
    pub fn includes(&self, other: &Self) -> bool {
        self.bits <= other.bits && self.contains(other.addr)
    }

    fn canonical(self) -> Self {
        match self.addr.to_canonical() {
            addr @ IpAddr::V4(_) if self.addr.is_ipv6() => Self { addr, bits: self.bits.saturating_sub(96) },
            addr => Self { addr, bits: self.bits },
        }
    }
}

impl From<IpAddr> for Network {
    fn from(addr: IpAddr) -> Self {
        Self { addr, bits: width(addr) }.canonical()
    }
}

/// As it is written in the configuration: `10.0.0.0/8`, or an address without bits for that address alone.
impl FromStr for Network {
    type Err = NetworkError;

    fn from_str(text: &str) -> Result<Self, NetworkError> {
        let (addr, bits) = text.split_once('/').map_or((text, None), |(addr, bits)| (addr, Some(bits)));
        let addr: IpAddr = addr.parse().map_err(|_| NetworkError::NotAnAddress)?;
        match bits {
            Some(bits) => Self::new(addr, decimal(bits).ok_or(NetworkError::NotANumber)?),
            None => Ok(addr.into()),
        }
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.bits == width(self.addr) {
            return self.addr.fmt(f);
        }
        write!(f, "{}/{}", self.addr, self.bits)
    }
}

/// Why something is no network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NetworkError {
    /// What stands before the slash is no IP address.
    NotAnAddress,
    /// What stands after the slash is no number, or a larger one than any address has bits.
    NotANumber,
    /// The address has only `most` bits.
    TooManyBits {
        /// 32 or 128.
        most: u8,
    },
    /// Bits behind the common ones are set, so that it is not sure what was meant.
    HostBits {
        /// The network that the address is in.
        network: Network,
    },
}

impl fmt::Display for NetworkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotAnAddress => f.write_str("not an IP address or network, as 10.0.0.0/8"),
            Self::NotANumber => f.write_str("the number of bits after the slash is not a number"),
            Self::TooManyBits { most } => write!(f, "the address has only {most} bits"),
            Self::HostBits { network } => write!(f, "the address is inside the network: write {network}"),
        }
    }
}

impl std::error::Error for NetworkError {}

fn width(addr: IpAddr) -> u8 {
    if addr.is_ipv4() { 32 } else { 128 }
}

/// The address with all but its first `bits` cleared.
fn masked(addr: IpAddr, bits: u8) -> IpAddr {
    let unused = u32::from(width(addr).saturating_sub(bits));
    match addr {
        IpAddr::V4(addr) => IpAddr::V4((addr.to_bits() & u32::MAX.checked_shl(unused).unwrap_or(0)).into()),
        IpAddr::V6(addr) => {
            IpAddr::V6(Ipv6Addr::from_bits(addr.to_bits() & u128::MAX.checked_shl(unused).unwrap_or(0)))
        }
    }
}

/// A decimal number as one writes it: no sign, no leading zero.
pub(crate) fn decimal<T: FromStr>(text: &str) -> Option<T> {
    let is_plain = text.bytes().all(|byte| byte.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    is_plain.then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Network, NetworkError> {
        text.parse()
    }

    fn shown(text: &str) -> String {
        parse(text).map_or_else(|error| error.to_string(), |network| network.to_string())
    }

    #[test]
    fn what_is_shown_can_be_written() {
        for text in ["10.0.0.0/8", "0.0.0.0/0", "::/0", "2001:db8::/32", "10.1.2.3", "::1", "128.0.0.0/1"] {
            assert_eq!(shown(text), text);
        }
        assert_eq!(shown("::1/128"), "::1");
        assert_eq!(shown("10.1.2.3/32"), "10.1.2.3");
    }

    #[test]
    fn an_address_inside_a_network_gets_the_network_suggested() {
        assert_eq!(shown("10.1.2.3/8"), "the address is inside the network: write 10.0.0.0/8");
        assert_eq!(shown("2001:db8::1/64"), "the address is inside the network: write 2001:db8::/64");
        assert_eq!(shown("1.0.0.0/0"), "the address is inside the network: write 0.0.0.0/0");
    }

    #[test]
    fn what_is_no_network_says_why() {
        for text in ["", "/8", "ten", "10.0.0/8", "10.0.0.01", "[::1]", "fe80::1%eth0", " 10.0.0.1"] {
            assert_eq!(parse(text), Err(NetworkError::NotAnAddress), "{text}");
        }
        for text in ["10.0.0.0/", "10.0.0.0/+8", "10.0.0.0/08", "10.0.0.0/8/8", "::/1000", "::/255.0"] {
            assert_eq!(parse(text), Err(NetworkError::NotANumber), "{text}");
        }
        assert_eq!(shown("10.0.0.0/33"), "the address has only 32 bits");
        assert_eq!(shown("::/129"), "the address has only 128 bits");
    }

    #[test]
    fn contains_what_begins_with_the_same_bits() {
        let contains = |network: &str, addr: &str| parse(network).unwrap().contains(addr.parse().unwrap());
        assert!(contains("10.0.0.0/8", "10.255.0.1") && !contains("10.0.0.0/8", "11.0.0.0"));
        assert!(contains("10.0.0.4/30", "10.0.0.7") && !contains("10.0.0.4/30", "10.0.0.8"));
        assert!(contains("0.0.0.0/0", "255.255.255.255") && contains("::/0", "ffff::"));
        assert!(contains("::1", "::1") && !contains("::1", "::2"));
        assert!(!contains("0.0.0.0/0", "::1") && !contains("::/0", "10.0.0.1"));
    }

    #[test]
    fn includes_what_has_no_address_outside() {
        let includes = |network: &str, other: &str| parse(network).unwrap().includes(&parse(other).unwrap());
        assert!(includes("10.0.0.0/8", "10.0.0.0/8") && includes("10.0.0.0/8", "10.1.0.0/16"));
        assert!(!includes("10.1.0.0/16", "10.0.0.0/8") && !includes("10.0.0.0/8", "11.0.0.0/16"));
        assert!(includes("::/0", "::1") && !includes("::/0", "10.0.0.0/8"));
    }

    #[test]
    fn a_mapped_address_is_the_ipv4_address() {
        let contains = |network: &str, addr: &str| parse(network).unwrap().contains(addr.parse().unwrap());
        assert!(contains("10.0.0.0/8", "::ffff:10.1.2.3") && !contains("::/0", "::ffff:10.1.2.3"));
        assert_eq!(shown("::ffff:10.0.0.0/104"), "10.0.0.0/8");
        assert_eq!(shown("::ffff:10.1.2.3"), "10.1.2.3");
        assert_eq!(shown("::ffff:10.1.2.3/104"), "the address is inside the network: write 10.0.0.0/8");
        assert_eq!(shown("::ffff:0:0/96"), "0.0.0.0/0");
        assert_eq!(shown("::ffff:0:0/95"), "the address is inside the network: write ::fffe:0:0/95");
    }
}
