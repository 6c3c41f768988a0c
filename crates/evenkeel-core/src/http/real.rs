//! Who the client is, behind proxies that can be believed.

use super::token::list;
use std::net::{IpAddr, SocketAddr};

/// The client of a request that came from `peer`, which can be believed, with these `X-Forwarded-For`: the last of them that
/// cannot be, else the first. What stands before something that is no address is not looked at. A Unix socket has no address.
pub fn client<'a>(
    peer: Option<IpAddr>,
    said: impl Iterator<Item = &'a [u8]>,
    is_trusted: impl Fn(IpAddr) -> bool,
) -> Option<IpAddr> {
    let mut client = None;
    for member in said.flat_map(list) {
        client = match address(member) {
            None => None,
            Some(addr) if is_trusted(addr) => client.or(Some(addr)),
            Some(addr) => Some(addr),
        };
    }
    client.or(peer)
}

/// An address, as proxies write it: with a port or without.
fn address(member: &[u8]) -> Option<IpAddr> {
    let text = std::str::from_utf8(member).ok()?;
    let bracketed = || text.strip_prefix('[')?.strip_suffix(']')?.parse().ok();
    let with_port = || text.parse::<SocketAddr>().ok().map(|addr| addr.ip());
    let addr: IpAddr = text.parse().ok().or_else(bracketed).or_else(with_port)?;
    Some(addr.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of a request from 10.0.0.1, where 10.0.0.0/8 is trusted.
    fn client(said: &[&str]) -> String {
        let is_trusted = |addr: IpAddr| addr.to_string().starts_with("10.");
        let said = said.iter().map(|field| field.as_bytes());
        super::client("10.0.0.1".parse().ok(), said, is_trusted).unwrap().to_string()
    }

    #[test]
    fn the_client_is_the_last_that_is_not_trusted() {
        for (said, expected) in [
            (&[][..], "10.0.0.1"),
            (&[""], "10.0.0.1"),
            (&["192.0.2.1"], "192.0.2.1"),
            (&["192.0.2.9, 192.0.2.1"], "192.0.2.1"),
            (&["192.0.2.9, 192.0.2.1, 10.0.0.7"], "192.0.2.1"),
            (&["192.0.2.9", "192.0.2.1 ,10.0.0.7"], "192.0.2.1"),
            (&["10.0.0.9, 10.0.0.7"], "10.0.0.9"),
            (&["192.0.2.1:5000", "10.0.0.7:80"], "192.0.2.1"),
            (&["[2001:db8::1]:5000"], "2001:db8::1"),
            (&["[2001:db8::1]"], "2001:db8::1"),
            (&["2001:db8::1"], "2001:db8::1"),
            (&["::ffff:192.0.2.1"], "192.0.2.1"),
        ] {
            assert_eq!(client(said), expected, "{said:?}");
        }
    }

    #[test]
    fn behind_what_is_no_address_nobody_is_believed() {
        assert_eq!(client(&["192.0.2.1, unknown"]), "10.0.0.1");
        assert_eq!(client(&["192.0.2.1, unknown, 10.0.0.7"]), "10.0.0.7");
        assert_eq!(client(&["unknown, 192.0.2.1"]), "192.0.2.1");
        assert_eq!(client(&["192.0.2.1, 10.0.0.7.8, 10.0.0.7"]), "10.0.0.7");
    }
}
