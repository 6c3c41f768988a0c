//! What the kernel lets this process have.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::ops::RangeInclusive;

/// Raises the soft limit of open descriptors to the hard one, and gives the number that holds from now on.
/// When the kernel refuses, that is the limit we started with.
pub fn raise_descriptors() -> u64 {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    match setrlimit(Resource::Nofile, raised) {
        Ok(()) => limit.maximum.unwrap_or(u64::MAX),
        Err(_) => limit.current.unwrap_or(u64::MAX),
    }
}

/// The ports that the kernel draws source ports from (ip(7), `ip_local_port_range`); all of them when it does not say.
pub fn source_ports() -> RangeInclusive<u16> {
    let read = || {
        let text = std::fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").ok()?;
        let mut ports = text.split_whitespace().map(str::parse);
        Some(ports.next()?.ok()?..=ports.next()?.ok()?)
    };
    read().unwrap_or(0..=u16::MAX)
}

/// Descriptors that may be open at once.
pub fn descriptors() -> u64 {
    getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn source_ports_are_drawn_from_the_range() {
        let socket = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        assert!(source_ports().contains(&socket.local_addr().unwrap().port()));
    }

    #[test]
    fn the_soft_limit_becomes_the_hard_one() {
        let now = raise_descriptors();
        assert_eq!(getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX), now);
        assert!(now > 0);
    }
}
