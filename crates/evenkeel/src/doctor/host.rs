//! Whether this host gives what is needed, limit by limit.

use super::facts::Facts;
use super::finding::Finding;
use super::ports;
use crate::ceiling::{self, Needs};
use crate::config::Loaded;
use crate::logging::{Grouped, count};
use evenkeel_proxy::PlaneOptions;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

/// Fewer descriptors are soon too few.
const DESCRIPTORS: u64 = 65_536;

/// What `backlog` is where nobody says so.
const BACKLOG: u32 = 4096;

/// A bit of capabilities(7).
const CAP_SYS_RESOURCE: u64 = 1 << 24;

/// The wall clock is wrong before this: 2024.
const THIS_AGE: Duration = Duration::from_secs(1_704_067_200);

/// What is to be said of this host, for `loaded` or in general.
pub fn judge(facts: &Facts, loaded: Option<&Loaded>) -> Vec<Finding> {
    let mut findings = vec![descriptors(facts, loaded), backlog(facts, loaded), pipes(facts, loaded)];
    findings.extend(ports::judge(facts, loaded));
    findings.extend(tracking(facts, loaded));
    findings.extend(kernel(facts, loaded));
    findings.extend(facts.admin.iter().map(admin));
    findings.push(manager(facts));
    findings.push(clock(facts));
    findings
}

fn workers(facts: &Facts, loaded: Option<&Loaded>) -> usize {
    loaded.and_then(|loaded| loaded.settings.workers).unwrap_or(facts.cores)
}

/// Sessions at once that the descriptors allow.
fn ceiling(facts: &Facts, loaded: Option<&Loaded>) -> u32 {
    let needs = loaded.map_or(Needs { listeners: 1, probes: 3, admin: 33, acme: 0 }, |it| {
        Needs::of(&it.settings, &it.config)
    });
    ceiling::sessions_max(facts.descriptors, workers(facts, loaded), needs)
}

fn descriptors(facts: &Facts, loaded: Option<&Loaded>) -> Finding {
    let ceiling = ceiling(facts, loaded);
    let have = count(usize::try_from(facts.descriptors).unwrap_or(usize::MAX), "descriptor");
    let allows = format!("{have} allow {} sessions at once", Grouped(ceiling.into()));
    let more = |wanted: u64| {
        format!("# in its unit: LimitNOFILE={wanted}; in a shell: ulimit -Hn {wanted} && ulimit -Sn {wanted}")
    };
    match loaded.and_then(|loaded| loaded.settings.max_sessions) {
        Some(wanted) if wanted > ceiling => {
            let what = format!("{allows}, and `max-sessions` is {}", Grouped(wanted.into()));
            Finding::problem("descriptors", what).mend(more((3 * u64::from(wanted)).max(DESCRIPTORS)))
        }
        None if facts.descriptors < DESCRIPTORS => {
            Finding::warning("descriptors", format!("{allows} only")).mend(more(1_048_576))
        }
        _ => Finding::ok("descriptors", allows),
    }
}

fn backlog(facts: &Facts, loaded: Option<&Loaded>) -> Finding {
    let listeners = loaded.into_iter().flat_map(|loaded| &loaded.config.listeners);
    let wanted = u64::from(listeners.map(|listener| listener.backlog).max().unwrap_or(BACKLOG));
    match facts.somaxconn {
        Some(most) if most < wanted => Finding::warning(
            "backlog",
            format!(
                "at most {} connections wait to be accepted, and `backlog` is {}",
                Grouped(most),
                Grouped(wanted)
            ),
        )
        .mend(format!("sysctl -w net.core.somaxconn={wanted}")),
        _ => Finding::ok("backlog", format!("{} connections may wait to be accepted", Grouped(wanted))),
    }
}

/// Bulk goes through kernel pipes; smaller ones are slower, not wrong.
fn pipes(facts: &Facts, loaded: Option<&Loaded>) -> Finding {
    let workers = workers(facts, loaded);
    let plane = PlaneOptions { workers, max_sessions: ceiling(facts, loaded) };
    let wanted = plane.pipe_bytes() / 4096;
    let may = facts.capabilities & CAP_SYS_RESOURCE != 0;
    match facts.pipe_pages {
        Some(most @ 1..) if most < wanted && !may => Finding::warning(
            "pipes",
            format!(
                "{} pages for the pipes of bulk transfers, and {} are used in full swing: the last of them get small ones",
                Grouped(most),
                Grouped(wanted)
            ),
        )
        .mend(format!("sysctl -w fs.pipe-user-pages-soft={wanted}")),
        _ => Finding::ok("pipes", format!("splice(2) has room for bulk transfers of {}", count(workers, "worker"))),
    }
}

/// A firewall that tracks connections drops those that it has no room for, and a session is two of them.
fn tracking(facts: &Facts, loaded: Option<&Loaded>) -> Option<Finding> {
    let room = facts.tracked?;
    let wanted = loaded.and_then(|loaded| loaded.settings.max_sessions).unwrap_or(u32::MAX);
    let wanted = 2 * u64::from(wanted.min(ceiling(facts, loaded)));
    let has = format!("the firewall keeps track of {} connections", Grouped(room));
    Some(match room < wanted {
        true => Finding::warning(
            "connection tracking",
            format!("{has}, and sessions may need {}: what is beyond is dropped", Grouped(wanted)),
        )
        .mend(format!("sysctl -w net.netfilter.nf_conntrack_max={wanted}")),
        false => Finding::ok("connection tracking", has),
    })
}

/// What only some kernels have.
fn kernel(facts: &Facts, loaded: Option<&Loaded>) -> Vec<Finding> {
    let mut findings = Vec::new();
    let listeners = || loaded.into_iter().flat_map(|loaded| &loaded.config.listeners);
    let pools = || loaded.into_iter().flat_map(|loaded| &loaded.config.pools);
    if listeners().any(|listener| listener.inward.mptcp) {
        findings.push(match facts.mptcp {
            Some(1..) => Finding::ok("Multipath TCP", "the kernel speaks it"),
            Some(0) => Finding::warning("Multipath TCP", "it is off: clients speak TCP only")
                .mend("sysctl -w net.mptcp.enabled=1"),
            None => {
                Finding::warning("Multipath TCP", "the kernel was built without it: clients speak TCP only")
            }
        });
    }
    let as_server = listeners().any(|listener| listener.inward.fast_open.is_some());
    let as_client = pools().any(|pool| pool.rules.outward.as_ref().is_some_and(|it| it.fast_open));
    let wanted = u64::from(as_client) | u64::from(as_server) << 1;
    if wanted != 0 {
        let have = facts.fast_open.unwrap_or(0);
        findings.push(match have & wanted == wanted {
            true => Finding::ok("TCP Fast Open", "the kernel allows it"),
            false => {
                Finding::warning("TCP Fast Open", "the kernel does not allow it: nothing is gained by it")
                    .mend(format!("sysctl -w net.ipv4.tcp_fastopen={}", have | wanted))
            }
        });
    }
    findings
}

fn admin(place: &Result<PathBuf, (PathBuf, &'static str)>) -> Finding {
    match place {
        Ok(folder) => Finding::ok("admin socket", format!("it can be in {}", folder.display())),
        Err((folder, why)) => {
            Finding::problem("admin socket", format!("{}: {why}", folder.display())).mend(format!(
                "install -d -m 0755 -o \"$USER\" {}   # or in its unit: RuntimeDirectory=evenkeel",
                folder.display()
            ))
        }
    }
}

fn manager(facts: &Facts) -> Finding {
    let manager = &facts.manager;
    if let Some((path, false)) = &manager.notify {
        return Finding::problem(
            "service manager",
            format!("it waits to be told at {path}, which is not there"),
        )
        .mend("unset NOTIFY_SOCKET");
    }
    if let Some((fds, pid)) = manager.listen.as_ref().filter(|(_, pid)| pid.is_empty()) {
        let what = format!("LISTEN_FDS={fds} without LISTEN_PID{pid}: sockets passed so are not taken");
        return Finding::warning("service manager", what).mend("unset LISTEN_FDS");
    }
    match (manager.is_there, &manager.notify) {
        (true, None) => Finding::warning("service manager", "it is not told when evenkeel is ready")
            .mend("# in its unit: Type=notify"),
        (true, Some(_)) => Finding::ok("service manager", "it is told when evenkeel is ready"),
        (false, _) => Finding::ok("service manager", "none has started this command"),
    }
}

fn clock(facts: &Facts) -> Finding {
    let slow = ["hpet", "acpi_pm", "jiffies", "refined-jiffies"];
    if facts.now < SystemTime::UNIX_EPOCH + THIS_AGE {
        return Finding::warning("clock", "it is years behind: the log will be, too")
            .mend("timedatectl set-ntp true");
    }
    if slow.contains(&facts.clock.as_str()) {
        let what =
            format!("the kernel reads the time from `{}`, which takes a microsecond each time", facts.clock);
        let path = "/sys/devices/system/clocksource/clocksource0";
        return Finding::warning("clock", what)
            .mend(format!("cat {path}/available_clocksource"))
            .mend(format!("echo tsc > {path}/current_clocksource"));
    }
    Finding::ok("clock", "the time is read quickly, and is of this age")
}
