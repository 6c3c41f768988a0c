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

/// Descriptors that may be open at once when the limit is raised.
pub fn descriptors_max() -> u64 {
    getrlimit(Resource::Nofile).maximum.unwrap_or(u64::MAX)
}

/// Descriptors that may be open at once.
pub fn descriptors() -> u64 {
    getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX)
}

/// Makes room in this process's table for so many descriptors. The table grows by itself, but each time that it does
/// while threads run, whoever opens a descriptor waits for all processors: tens of milliseconds on a busy machine.
pub fn make_room(descriptors: u64) {
    let last = i32::try_from(descriptors.min(self::descriptors())).unwrap_or(i32::MAX) - 1;
    // Without it all is well, only slower.
    drop(rustix::io::fcntl_dupfd_cloexec(std::io::stdin(), last.max(0)));
}

/// The version of Landlock that the kernel has, if it has any.
pub fn landlock() -> Option<u32> {
    const VERSION: u32 = 1;
    // SAFETY: with this flag the call takes no attributes and gives a number.
    let version = unsafe {
        libc::syscall(libc::SYS_landlock_create_ruleset, std::ptr::null::<libc::c_void>(), 0_usize, VERSION)
    };
    u32::try_from(version).ok()
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

    #[test]
    fn room_is_made_and_no_descriptor_is_taken_for_it() {
        let open = || std::fs::read_dir("/proc/self/fd").unwrap().count();
        let before = open();
        make_room(500);
        make_room(u64::MAX);
        assert!(open() <= before + 8, "other tests open some, too");
    }
}
