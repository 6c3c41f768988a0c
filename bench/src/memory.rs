//! Memory: a process's own, and what the kernel holds for connections.

use anyhow::{Context, Result};
use std::fs;

/// The kernel's objects for an open connection that somebody waits for. Counting only these keeps what else happens
/// on the machine out of it.
const CACHES: [&str; 6] = ["TCP", "sock_inode_cache", "filp", "dentry", "eventpoll_epi", "eventpoll_pwq"];

/// Memory at a moment, in bytes.
#[derive(Clone, Copy, Debug)]
pub struct Memory {
    /// Anonymous memory of the balancer.
    pub own: u64,
    /// Sockets with their buffers and files, of the whole machine.
    pub kernel: u64,
}

impl Memory {
    /// Of these processes and of the kernel, now.
    pub fn of(balancer: &[u32]) -> Result<Self> {
        let own = balancer.iter().filter_map(|pid| kib(&format!("/proc/{pid}/status"), "RssAnon:")).sum();
        let sockets = fs::read_to_string("/proc/net/sockstat")?;
        let pages = sockets.split_whitespace().skip_while(|word| *word != "TCP:");
        let pages: u64 =
            pages.skip_while(|word| *word != "mem").nth(1).context("no memory of TCP")?.parse()?;
        // Without the privilege to look into them: all that cannot be reclaimed.
        let objects = fs::read_to_string("/proc/slabinfo").ok().map(|text| objects(&text));
        let objects =
            objects.or_else(|| kib("/proc/meminfo", "SUnreclaim:")).context("no size of the slabs")?;
        Ok(Self { own, kernel: objects + pages * rustix::param::page_size() as u64 })
    }
}

/// Bytes of all objects in [`CACHES`], by the text of slabinfo(5): name, objects in use, of all, bytes of each.
fn objects(slabinfo: &str) -> u64 {
    let bytes = |line: &str| {
        let mut words = line.split_whitespace();
        words.next().filter(|name| CACHES.contains(name))?;
        let count: u64 = words.next()?.parse().ok()?;
        Some(count * words.nth(1)?.parse::<u64>().ok()?)
    };
    slabinfo.lines().filter_map(bytes).sum()
}

/// The line of `path` that begins with `label`, in bytes.
fn kib(path: &str, label: &str) -> Option<u64> {
    let text = fs::read_to_string(path).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix(label))?;
    Some(line.split_whitespace().next()?.parse::<u64>().ok()? * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_of_connections_count_and_no_others() {
        let text = "slabinfo - version: 2.1\n# name <active_objs> <num_objs> <objsize>\n\
                    TCP 3 12 2400 13 8 : tunables 0 0 0\nTCPv6 5 5 2560 12 8\nfilp 2 2 256 16 1\n";
        assert_eq!(objects(text), 3 * 2400 + 2 * 256);
    }

    #[test]
    fn memory_that_is_touched_is_seen() {
        let before = Memory::of(&[std::process::id()]).unwrap().own;
        let held = vec![1u8; 64 << 20];
        let after = Memory::of(&[std::process::id()]).unwrap().own;
        assert!(after >= before + (held.len() as u64 * 9 / 10), "{before} and then {after}");
    }
}
