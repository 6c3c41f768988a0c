//! The stable hashes: the same in every process, on every machine and in every version, so that nodes that share a
//! key agree, and a restart moves nobody. Changing one moves every client of every Maglev pool.

use crate::addr::Addr;
use siphasher::sip::SipHasher13;
use std::net::IpAddr;

/// The hash of a client's address, without its port: the same client comes back from other ports.
///
/// An IPv4 client is the same on an IPv4 and on an IPv6 listener. Unix clients that have no name are all one. It has
/// no key: a balance that must not let a client choose its backend mixes one in.
pub fn client_hash(client: &Addr) -> u64 {
    match client {
        Addr::Ip(addr) => keyed(0, Purpose::Client, &octets(addr.ip())),
        Addr::Unix(path) => keyed(0, Purpose::Client, path.as_os_str().as_encoded_bytes()),
    }
}

/// The hash of something else that stands for a client, as the value of a field: the same for the same bytes.
pub fn value_hash(value: &[u8]) -> u64 {
    keyed(0, Purpose::Client, value)
}

/// What a backend is called where its address is not to be known.
pub fn backend_tag(key: u64, backend: &Addr) -> u64 {
    keyed(key, Purpose::Tag, &backend_bytes(backend))
}

/// Keeps hashes that are used side by side independent of each other.
#[derive(Clone, Copy)]
pub(crate) enum Purpose {
    /// Which client it is; unkeyed.
    Client = 0,
    /// Where a client looks first.
    Slot = 1,
    /// Where a backend looks first.
    Offset = 2,
    /// How far it steps from there.
    Skip = 3,
    /// What it is called in public.
    Tag = 4,
}

/// SipHash-1-3 of `bytes`; unpredictable for whoever does not know `key`.
pub(crate) fn keyed(key: u64, purpose: Purpose, bytes: &[u8]) -> u64 {
    SipHasher13::new_with_keys(key, purpose as u64).hash(bytes)
}

/// What tells a backend's address, port included, from every other.
pub(crate) fn backend_bytes(backend: &Addr) -> Vec<u8> {
    match backend {
        Addr::Ip(addr) => [&octets(addr.ip())[..], &addr.port().to_be_bytes()].concat(),
        Addr::Unix(path) => path.as_os_str().as_encoded_bytes().to_vec(),
    }
}

/// As an IPv6 address, into which every IPv4 address is mapped.
fn octets(ip: IpAddr) -> [u8; 16] {
    match ip {
        IpAddr::V4(ip) => ip.to_ipv6_mapped().octets(),
        IpAddr::V6(ip) => ip.octets(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    fn ip(text: &str) -> Addr {
        Addr::Ip(text.parse().unwrap())
    }

    // The expected values come from another implementation of SipHash-1-3.
    #[test]
    fn hashes_of_clients_never_change() {
        assert_eq!(client_hash(&ip("192.0.2.1:1000")), 0x53a4_8c88_a8f8_7d1b);
        assert_eq!(client_hash(&ip("[2001:db8::1]:1000")), 0xf1fc_7ed3_f2b8_bc94);
        assert_eq!(client_hash(&Addr::Unix(Path::new("").into())), 0xd1fb_a762_150c_532c);
    }

    #[test]
    fn keyed_hashes_never_change() {
        assert_eq!(keyed(7, Purpose::Offset, &backend_bytes(&ip("192.0.2.1:80"))), 0xd962_e939_5551_937f);
        assert_eq!(keyed(7, Purpose::Skip, &backend_bytes(&ip("[2001:db8::1]:80"))), 0x1323_7cdc_65d1_230a);
        assert_eq!(keyed(7, Purpose::Slot, &1u64.to_le_bytes()), 0x4bf2_5fbd_85f4_5e05);
    }

    #[test]
    fn a_client_is_its_ip_address_whatever_its_port_and_listener() {
        let client = client_hash(&ip("192.0.2.1:1000"));
        assert_eq!(client_hash(&ip("192.0.2.1:2000")), client);
        assert_eq!(client_hash(&ip("[::ffff:192.0.2.1]:1000")), client);
        assert_ne!(client_hash(&ip("192.0.2.2:1000")), client);
    }
}
