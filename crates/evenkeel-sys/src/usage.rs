//! What this process uses of the machine, as /proc tells.

use std::fs;
use std::time::Duration;

/// What is used now, or was so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Time on processors, of all threads.
    pub cpu: Duration,
    /// Bytes of memory that are really there.
    pub resident: u64,
    /// Bytes of address space.
    pub virtual_memory: u64,
    /// Open descriptors.
    pub descriptors: u64,
}

/// Looks. What /proc does not tell is 0.
pub fn now() -> Usage {
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // The one that is open to count them does not count.
    let descriptors = fs::read_dir("/proc/self/fd").map_or(0, |it| it.count().saturating_sub(1) as u64);
    Usage { descriptors, ..parse(&stat) }
}

/// proc_pid_stat(5); the name, in brackets, may hold anything.
fn parse(stat: &str) -> Usage {
    let after_name = stat.rsplit_once(") ").map_or("", |(_, fields)| fields);
    let fields: Vec<u64> = after_name.split(' ').map(|it| it.trim().parse().unwrap_or(0)).collect();
    // The field after the name is the third.
    let field = |number: usize| fields.get(number - 3).copied().unwrap_or(0);
    let ticks = (field(14) + field(15)) as f64 / rustix::param::clock_ticks_per_second() as f64;
    Usage {
        cpu: Duration::from_secs_f64(ticks),
        resident: field(24) * rustix::param::page_size() as u64,
        virtual_memory: field(23),
        descriptors: 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_running_process_uses_something() {
        let usage = now();
        assert!(usage.resident > 0 && usage.virtual_memory >= usage.resident, "{usage:?}");
        assert!(usage.descriptors >= 3, "{usage:?}");
    }

    #[test]
    fn a_name_with_brackets_and_blanks_is_passed_over() {
        let stat = "7 (a) b (c) S 1 2 3 4 5 6 7 8 9 10 150 50 13 14 15 16 17 18 19 4096 2 x\n";
        let usage = parse(stat);
        let seconds = 200.0 / rustix::param::clock_ticks_per_second() as f64;
        assert_eq!(usage.cpu, Duration::from_secs_f64(seconds));
        assert_eq!((usage.virtual_memory, usage.resident), (4096, 2 * rustix::param::page_size() as u64));
        assert_eq!(parse(""), Usage::default());
    }
}
