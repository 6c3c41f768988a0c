//! What processes cost: CPU time of all their threads and children to the nanosecond, and memory.
//!
//! The kernel brings a running thread's time up to date at every tick, so a reading may be behind by one (4 ms).

use crate::figures::Figures;
use crate::memory::Memory;
use anyhow::Result;
use std::collections::BTreeMap;
use std::fs;
use std::time::Instant;

/// The parent of the kernel's threads.
const KTHREADD: u32 = 2;

/// Looks at one balancer and at the processes that load it.
#[derive(Clone, Debug)]
pub struct Meter {
    /// The processes of the balancer; none when there is no balancer.
    balancer: Vec<u32>,
    /// Those of the load and the backends, and the threads of the kernel that carry packets for whoever it is.
    others: Vec<u32>,
}

/// CPU time up to a moment.
#[derive(Clone, Copy, Debug)]
pub struct Reading {
    /// When it was read.
    pub at: Instant,
    /// Of the balancer.
    balancer: Time,
    /// Of all others that take part.
    others: Time,
}

/// Time of threads, in nanoseconds.
#[derive(Clone, Copy, Debug, Default)]
struct Time {
    /// On a core.
    cpu: u64,
    /// Ready, but something else was on the core.
    waited: u64,
}

/// CPU time between two moments. A thread that ended in between is not in it.
#[derive(Clone, Copy, Debug)]
pub struct Cost {
    /// From the first moment to the second, in nanoseconds.
    pub window_ns: u64,
    /// Of the balancer.
    pub balancer_ns: u64,
    /// Of all that take part: balancer, load, backends, kernel.
    pub system_ns: u64,
    /// How long the balancer's threads were kept from their core.
    pub waited_ns: u64,
}

impl Reading {
    /// What was used since `before`.
    pub fn since(&self, before: &Self) -> Cost {
        let balancer_ns = self.balancer.cpu.saturating_sub(before.balancer.cpu);
        let window = self.at.saturating_duration_since(before.at);
        Cost {
            window_ns: u64::try_from(window.as_nanos()).unwrap_or(u64::MAX),
            balancer_ns,
            system_ns: balancer_ns + self.others.cpu.saturating_sub(before.others.cpu),
            waited_ns: self.balancer.waited.saturating_sub(before.balancer.waited),
        }
    }
}

impl Cost {
    /// Puts it among `figures`: that of the balancer only where there is one.
    pub fn note(&self, meter: &Meter, figures: &mut Figures) {
        figures.set("window_ns", self.window_ns as f64);
        figures.set("system_ns", self.system_ns as f64);
        if !meter.balancer.is_empty() {
            figures.set("balancer_ns", self.balancer_ns as f64);
            figures.set("waited_ns", self.waited_ns as f64);
        }
    }
}

impl Meter {
    /// Looks at these and at all that they have started.
    pub fn new(balancer: Option<u32>, others: &[u32]) -> Self {
        let families = |pids: &[u32]| -> Vec<u32> { pids.iter().flat_map(|pid| family(*pid)).collect() };
        let others = families(others).into_iter().chain(softirqs()).collect();
        Self { balancer: families(balancer.as_slice()), others }
    }

    /// The CPU time until now.
    pub fn read(&self) -> Reading {
        let time = |pids: &[u32]| -> Time {
            pids.iter().flat_map(|pid| times(*pid)).fold(Time::default(), Time::plus)
        };
        Reading { at: Instant::now(), balancer: time(&self.balancer), others: time(&self.others) }
    }

    /// The memory in use now.
    pub fn memory(&self) -> Result<Memory> {
        Memory::of(&self.balancer)
    }
}

/// The clock that all processes share, in nanoseconds.
pub fn monotonic_ns() -> u64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}

/// The process and all that it started and that still run, parents first.
pub fn family(pid: u32) -> Vec<u32> {
    let mut children: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
    for pid in processes() {
        if let Some(parent) = parent(pid) {
            children.entry(parent).or_default().push(pid);
        }
    }
    let mut family = vec![pid];
    let mut next = 0;
    while let Some(pid) = family.get(next) {
        family.extend(children.remove(pid).into_iter().flatten());
        next += 1;
    }
    family
}

/// The kernel's threads for packets that nobody's system call carries on.
fn softirqs() -> impl Iterator<Item = u32> {
    let name = |pid: u32| fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
    processes().filter(move |pid| parent(*pid) == Some(KTHREADD) && name(*pid).starts_with("ksoftirqd/"))
}

/// All processes.
pub fn processes() -> impl Iterator<Item = u32> {
    let names = fs::read_dir("/proc").into_iter().flatten().flatten();
    names.filter_map(|entry| entry.file_name().to_str()?.parse().ok())
}

fn parent(pid: u32) -> Option<u32> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name is in parentheses and may hold anything, so count from the last one: state, parent.
    stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()
}

/// The times of all threads of a process; none when it is gone.
fn times(pid: u32) -> Vec<Time> {
    let threads = fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    let time = |text: String| {
        let mut numbers = text.split_whitespace().map(str::parse);
        Some(Time { cpu: numbers.next()?.ok()?, waited: numbers.next()?.ok()? })
    };
    threads.filter_map(|thread| time(fs::read_to_string(thread.path().join("schedstat")).ok()?)).collect()
}

impl Time {
    fn plus(self, other: Self) -> Self {
        Self { cpu: self.cpu + other.cpu, waited: self.waited + other.waited }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::{Command, Stdio};
    use std::time::Duration;

    #[test]
    fn a_child_belongs_to_the_family() {
        let mut child = Command::new("cat").stdin(Stdio::piped()).spawn().unwrap();
        let family = family(std::process::id());
        assert_eq!(family[0], std::process::id());
        assert!(family.contains(&child.id()));
        child.kill().unwrap();
        child.wait().unwrap();
    }

    #[test]
    fn work_of_the_balancer_is_seen_in_it_and_in_all() {
        let mut busy = Command::new("sh").args(["-c", "while :; do :; done"]).spawn().unwrap();
        let meter = Meter::new(Some(busy.id()), &[]);
        let before = meter.read();
        let deadline = before.at + Duration::from_secs(10);
        let mut after = before;
        while after.since(&before).balancer_ns < 10_000_000 && after.at < deadline {
            after = meter.read();
        }
        busy.kill().unwrap();
        busy.wait().unwrap();
        let cost = after.since(&before);
        assert!(cost.balancer_ns >= 10_000_000, "{cost:?}");
        assert!(cost.system_ns >= cost.balancer_ns, "{cost:?}");
    }
}
