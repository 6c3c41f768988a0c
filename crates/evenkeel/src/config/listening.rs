//! Addresses that are listened at, found by those that a client could mean as well. There may be thousands.

use evenkeel_core::addr::Addr;
use evenkeel_core::director::Config;
use evenkeel_core::name::{Protocol, ServiceName};
use std::collections::HashMap;
use std::fmt;
use std::net::{IpAddr, SocketAddr};

/// Something for each address that is listened at.
pub struct Listening<'a, T> {
    /// In the order in which they came.
    all: Vec<(&'a Addr, T)>,
    /// Where those are that have an address.
    exact: HashMap<(Protocol, &'a Addr), Vec<usize>>,
    /// Where those of a port are: of every address, of one.
    by_port: HashMap<(Protocol, u16), Port>,
}

/// Who listens at a port.
#[derive(Default)]
struct Port {
    wide: Vec<usize>,
    all: Vec<usize>,
}

impl<T> Default for Listening<'_, T> {
    fn default() -> Self {
        Self { all: Vec::new(), exact: HashMap::new(), by_port: HashMap::new() }
    }
}

impl<'a, T> Listening<'a, T> {
    /// One more.
    pub fn add(&mut self, protocol: Protocol, addr: &'a Addr, what: T) {
        let index = self.all.len();
        self.all.push((addr, what));
        self.exact.entry((protocol, addr)).or_default().push(index);
        if let Some(ip) = addr.ip() {
            let port = self.by_port.entry((protocol, ip.port())).or_default();
            port.all.push(index);
            if ip.ip().is_unspecified() {
                port.wide.push(index);
            }
        }
    }

    /// Those at this very address, in their order.
    pub fn at(&self, protocol: Protocol, addr: &Addr) -> Vec<&T> {
        let indices = self.exact.get(&(protocol, addr)).into_iter().flatten();
        indices.map(|index| &self.all[*index].1).collect()
    }

    /// Those whose sockets cannot be bound beside one at `addr`, in their order.
    pub fn overlapping(&self, protocol: Protocol, addr: &Addr) -> Vec<&T> {
        let Some(ip) = addr.ip() else { return self.at(protocol, addr) };
        let Some(port) = self.by_port.get(&(protocol, ip.port())) else { return Vec::new() };
        let mut found: Vec<usize> = if ip.ip().is_unspecified() {
            port.all.clone()
        } else {
            self.exact.get(&(protocol, addr)).into_iter().flatten().chain(&port.wide).copied().collect()
        };
        found.retain(|index| self.all[*index].0.ip().is_some_and(|it| overlap(it, ip)));
        found.sort_unstable();
        found.dedup();
        found.into_iter().map(|index| &self.all[index].1).collect()
    }
}

/// Who listens at an address.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Owner<'a> {
    /// This service.
    Service(&'a ServiceName),
    /// The admin API.
    Admin,
    /// Who answers an authority.
    Challenges,
}

impl fmt::Display for Owner<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Service(name) => write!(f, "the service `{name}`"),
            Self::Admin => f.write_str("`admin`"),
            Self::Challenges => f.write_str("`acme`"),
        }
    }
}

impl<'a> Listening<'a, (&'a Addr, Owner<'a>)> {
    /// Where the services of `config` listen.
    pub fn of(config: &'a Config) -> Self {
        let mut all = Self::default();
        for name in config.listeners.iter().map(|it| &it.name) {
            all.add(name.protocol, &name.addr, (&name.addr, Owner::Service(&name.service)));
        }
        all
    }

    /// `owner` listens for connections at `addr`, too; what is wrong with that, if somebody does already.
    pub fn claim(&mut self, addr: &'a Addr, owner: Owner<'a>) -> Option<String> {
        let first = self.overlapping(Protocol::Tcp, addr).first().copied().copied();
        self.add(Protocol::Tcp, addr, (addr, owner));
        let (earlier, other) = first?;
        Some(match (owner == other, earlier == addr) {
            (true, true) => format!("{addr} is named twice"),
            (true, false) => format!("{earlier} and {addr} overlap"),
            (false, true) => format!("{other} listens on {addr}, too"),
            (false, false) => format!("{other} listens on {earlier}, which overlaps {addr}"),
        })
    }
}

/// Whether a client could mean both: `[::]` is every address, IPv4 included.
fn overlap(one: SocketAddr, other: SocketAddr) -> bool {
    let covers = |wide: IpAddr, narrow: IpAddr| match wide {
        IpAddr::V6(wide) => wide.is_unspecified(),
        IpAddr::V4(wide) => wide.is_unspecified() && narrow.is_ipv4(),
    };
    let (a, b) = (one.ip(), other.ip());
    one.port() == other.port() && (a == b || covers(a, b) || covers(b, a))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addr(text: &str) -> Addr {
        Addr::Ip(text.parse().unwrap())
    }

    #[test]
    fn addresses_overlap_when_a_client_could_mean_both() {
        let overlaps = |one: &str, other: &str| {
            let (one, other) = (addr(one), addr(other));
            let found = |first: &Addr, second: &Addr| {
                let mut listening = Listening::default();
                listening.add(Protocol::Tcp, first, ());
                !listening.overlapping(Protocol::Tcp, second).is_empty()
            };
            (found(&one, &other), found(&other, &one))
        };
        assert_eq!(overlaps("[::]:53", "127.0.0.1:53"), (true, true));
        assert_eq!(overlaps("0.0.0.0:53", "127.0.0.1:53"), (true, true));
        assert_eq!(overlaps("0.0.0.0:53", "[::1]:53"), (false, false));
        assert_eq!(overlaps("[::]:53", "0.0.0.0:53"), (true, true));
        assert_eq!(overlaps("[::]:53", "[::]:54"), (false, false));
        assert_eq!(overlaps("127.0.0.1:53", "127.0.0.2:53"), (false, false));
        assert_eq!(overlaps("127.0.0.1:53", "127.0.0.1:53"), (true, true));
    }

    #[test]
    fn what_is_found_comes_in_the_order_in_which_it_was_added() {
        let addrs = ["127.0.0.1:53", "[::]:53", "0.0.0.0:53", "127.0.0.1:53", "127.0.0.2:53"].map(addr);
        let mut listening = Listening::default();
        addrs.iter().enumerate().for_each(|(index, addr)| listening.add(Protocol::Udp, addr, index));
        let found = |protocol, text: &str| -> Vec<usize> {
            listening.overlapping(protocol, &addr(text)).into_iter().copied().collect()
        };
        assert_eq!(found(Protocol::Udp, "127.0.0.1:53"), [0, 1, 2, 3]);
        assert_eq!(found(Protocol::Udp, "[::1]:53"), [1]);
        assert_eq!(found(Protocol::Udp, "[::]:53"), [0, 1, 2, 3, 4]);
        assert!(found(Protocol::Tcp, "127.0.0.1:53").is_empty());
        assert_eq!(listening.at(Protocol::Udp, &addr("127.0.0.1:53")), [&0, &3]);
    }

    #[test]
    fn a_unix_socket_is_the_same_as_itself_alone() {
        let path = |text: &str| Addr::Unix(std::path::Path::new(text).into());
        let (one, other) = (path("/run/one"), path("/run/other"));
        let mut listening = Listening::default();
        listening.add(Protocol::Tcp, &one, ());
        assert_eq!(listening.overlapping(Protocol::Tcp, &one).len(), 1);
        assert!(listening.overlapping(Protocol::Tcp, &other).is_empty());
    }
}
