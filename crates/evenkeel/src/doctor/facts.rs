//! What this host gives, as /proc, /sys, the environment and `ip` tell. Nothing is judged here.

use crate::admin::place;
use crate::config::Loaded;
use evenkeel_core::addr::Addr;
use evenkeel_core::director::{Config, PoolConfig, Target};
use evenkeel_core::name::{PoolName, Protocol};
use evenkeel_core::snapshot::Listener;
use evenkeel_core::sockets::Source;
use evenkeel_sys::limits;
use std::env::var_os;
use std::fs;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs, UdpSocket};
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::thread::available_parallelism;
use std::time::SystemTime;

/// What this host gives.
#[derive(Clone, Debug)]
pub struct Facts {
    /// The user that asks: what it may, the service's user may not have.
    pub user: u32,
    /// Its capabilities, capabilities(7), a bit each.
    pub capabilities: u64,
    /// The version of Landlock that the kernel has.
    pub landlock: Option<u32>,
    /// Whether it has seccomp.
    pub seccomp: bool,
    /// Descriptors that a process may have.
    pub descriptors: u64,
    /// Processors.
    pub cores: usize,
    /// `net.core.somaxconn`.
    pub somaxconn: Option<u64>,
    /// `net.ipv4.ip_local_port_range`.
    pub source_ports: RangeInclusive<u16>,
    /// `net.ipv4.ip_local_reserved_ports`.
    pub reserved_ports: String,
    /// `net.ipv4.tcp_tw_reuse`.
    pub tw_reuse: Option<u64>,
    /// `fs.pipe-user-pages-soft`; 0 is no limit.
    pub pipe_pages: Option<u64>,
    /// `net.ipv4.ip_unprivileged_port_start`.
    pub unprivileged_from: u64,
    /// `net.ipv4.tcp_fastopen`.
    pub fast_open: Option<u64>,
    /// `net.netfilter.nf_conntrack_max`; `None` where no firewall tracks connections.
    pub tracked: Option<u64>,
    /// `net.mptcp.enabled`; `None` is a kernel without it.
    pub mptcp: Option<u64>,
    /// Where the kernel gets the time from.
    pub clock: String,
    /// What time it is, or believed to be.
    pub now: SystemTime,
    /// Where the admin socket would be, or why it could not be there.
    pub admin: Vec<Result<PathBuf, (PathBuf, &'static str)>>,
    /// What a service manager has said.
    pub manager: Manager,
    /// Backends that are to see their clients' addresses.
    pub seen: Vec<SeenBackend>,
    /// Names of such backends that stand for no address now.
    pub unknown: Vec<String>,
    /// Rules and routes of IPv4, and of IPv6.
    pub ways: [Ways; 2],
}

/// What a service manager has said, by the environment.
#[derive(Clone, Debug, Default)]
pub struct Manager {
    /// Whether it has started this process.
    pub is_there: bool,
    /// Where it wants to be told, and whether that is there.
    pub notify: Option<(String, bool)>,
    /// Sockets passed, and to which process.
    pub listen: Option<(String, String)>,
}

/// A backend that is to see its clients' addresses.
#[derive(Clone, Debug)]
pub struct SeenBackend {
    /// Its pool.
    pub pool: PoolName,
    /// Where it is.
    pub addr: SocketAddr,
    /// What it is spoken to by.
    pub protocol: Protocol,
    /// Our address on the way there, if there is one.
    pub from: Option<IpAddr>,
    /// The strictness of `rp_filter` where its answers come in; 1 is strict.
    pub rp_filter: u64,
}

/// What `ip` says of one family.
#[derive(Clone, Debug, Default)]
pub struct Ways {
    /// `ip rule show`; `None` if that cannot be asked.
    pub rules: Option<String>,
    /// `ip route show table all type local`.
    pub local: String,
}

/// Looks, with what is asked for only where `loaded` needs it.
pub fn gather(loaded: Option<&Loaded>) -> Facts {
    let mut unknown = Vec::new();
    let config = loaded.map(|loaded| &loaded.config);
    let seen: Vec<_> = config.into_iter().flat_map(|config| seen(config, &mut unknown)).collect();
    let ways = |family: &str| match seen.is_empty() {
        true => Ways::default(),
        false => Ways {
            rules: ip(&[family, "rule", "show"]),
            local: ip(&[family, "route", "show", "table", "all", "type", "local"]).unwrap_or_default(),
        },
    };
    Facts {
        user: place::user(),
        capabilities: capabilities(&fs::read_to_string("/proc/self/status").unwrap_or_default()),
        landlock: limits::landlock(),
        seccomp: fs::metadata("/proc/sys/kernel/seccomp").is_ok(),
        descriptors: limits::descriptors_max(),
        cores: available_parallelism().map_or(1, usize::from),
        somaxconn: number("net/core/somaxconn"),
        source_ports: limits::source_ports(),
        reserved_ports: text("net/ipv4/ip_local_reserved_ports").unwrap_or_default(),
        tw_reuse: number("net/ipv4/tcp_tw_reuse"),
        pipe_pages: number("fs/pipe-user-pages-soft"),
        unprivileged_from: number("net/ipv4/ip_unprivileged_port_start").unwrap_or(1024),
        fast_open: number("net/ipv4/tcp_fastopen"),
        tracked: number("net/netfilter/nf_conntrack_max"),
        mptcp: number("net/mptcp/enabled"),
        clock: fs::read_to_string("/sys/devices/system/clocksource/clocksource0/current_clocksource")
            .map_or_else(|_| String::new(), |text| text.trim().to_owned()),
        now: SystemTime::now(),
        admin: admin(loaded),
        manager: manager(),
        ways: [ways("-4"), ways("-6")],
        seen,
        unknown,
    }
}

/// A setting of the kernel, below /proc/sys.
fn text(path: &str) -> Option<String> {
    Some(fs::read_to_string(format!("/proc/sys/{path}")).ok()?.trim().to_owned())
}

fn number(path: &str) -> Option<u64> {
    text(path)?.parse().ok()
}

/// The effective ones, from proc_pid_status(5).
fn capabilities(status: &str) -> u64 {
    let line = status.lines().find_map(|line| line.strip_prefix("CapEff:"));
    line.and_then(|hex| u64::from_str_radix(hex.trim(), 16).ok()).unwrap_or(0)
}

/// What `ip` prints; `None` if it is not there or fails.
fn ip(args: &[&str]) -> Option<String> {
    let output = Command::new("ip").args(args).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

/// The backends of pools whose sessions come from the client's address, names looked up.
fn seen(config: &Config, unknown: &mut Vec<String>) -> Vec<SeenBackend> {
    let mut all = Vec::new();
    for pool in config.pools.iter().filter(|pool| *pool.rules.source() == Source::Client) {
        let addrs = addrs(pool, unknown);
        for protocol in [Protocol::Tcp, Protocol::Udp] {
            let speaks = |it: &Arc<Listener>| {
                it.name.protocol == protocol && it.pools().any(|name| *name == pool.name)
            };
            if config.listeners.iter().any(speaks) {
                all.extend(addrs.iter().map(|addr| seen_at(*addr, &pool.name, protocol)));
            }
        }
    }
    all
}

fn addrs(pool: &PoolConfig, unknown: &mut Vec<String>) -> Vec<SocketAddr> {
    let addrs = pool.members.iter().flat_map(|member| match &member.target {
        Target::Addr(addr) => addr.ip().into_iter().collect::<Vec<_>>(),
        Target::Name { host, port } => {
            let found = (host.as_ref(), *port).to_socket_addrs().map(Iterator::collect);
            found.unwrap_or_else(|_| {
                unknown.push(host.to_string());
                Vec::new()
            })
        }
    });
    addrs.collect()
}

fn seen_at(addr: SocketAddr, pool: &PoolName, protocol: Protocol) -> SeenBackend {
    let from = from(addr);
    SeenBackend { pool: pool.clone(), addr, protocol, from, rp_filter: from.map_or(0, rp_filter) }
}

/// Our address on the way to `addr`. Nothing is sent for that.
fn from(addr: SocketAddr) -> Option<IpAddr> {
    let any: IpAddr = if addr.is_ipv4() { [0; 4].into() } else { [0_u16; 8].into() };
    let socket = UdpSocket::bind((any, 0)).ok()?;
    socket.connect(addr).ok()?;
    Some(socket.local_addr().ok()?.ip())
}

/// The strictness of the filter at the interface that has the address `own`: the stricter one of its own and that of all.
fn rp_filter(own: IpAddr) -> u64 {
    let at = |name: &str| number(&format!("net/ipv4/conf/{name}/rp_filter")).unwrap_or(0);
    let shown = ip(&["-o", "address", "show", "to", &own.to_string()]).unwrap_or_default();
    // Only IPv4 has such a filter. `2: eth0    inet 10.0.0.1/24 …`
    let name = shown.split_whitespace().nth(1).filter(|_| own.is_ipv4());
    // 2, loose, wins over 1.
    name.map_or(0, |name| at("all").max(at(name)))
}

/// Where the admin socket is to be, and whether it can be.
fn admin(loaded: Option<&Loaded>) -> Vec<Result<PathBuf, (PathBuf, &'static str)>> {
    let settings = loaded.map(|loaded| loaded.settings.admin.as_ref());
    match settings {
        Some(None) => Vec::new(),
        Some(Some(settings)) if settings.listen.is_some() => {
            let unix = settings.listen.iter().flatten().filter_map(|addr| match addr {
                Addr::Unix(path) => Some(path.parent().unwrap_or(path).to_owned()),
                Addr::Ip(_) => None,
            });
            unix.map(place::usable).collect()
        }
        _ => vec![place::usable_default()],
    }
}

fn manager() -> Manager {
    let variable = |name: &str| Some(var_os(name)?.to_string_lossy().into_owned());
    let is_there = |path: &String| path.starts_with('@') || fs::symlink_metadata(path).is_ok();
    Manager {
        is_there: variable("INVOCATION_ID").is_some(),
        notify: variable("NOTIFY_SOCKET").map(|path| (path.clone(), is_there(&path))),
        listen: variable("LISTEN_FDS").map(|fds| (fds, variable("LISTEN_PID").unwrap_or_default())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn capabilities_are_read_from_what_the_kernel_prints() {
        assert_eq!(
            capabilities("Name:\tevenkeel\nCapPrm:\t0000000000000001\nCapEff:\t0000000000003000\n"),
            0x3000
        );
        assert_eq!(capabilities(""), 0);
    }

    #[test]
    fn this_host_has_facts() {
        let facts = gather(None);
        assert!(facts.descriptors > 0 && facts.cores > 0 && facts.somaxconn.is_some());
        assert!(facts.seen.is_empty() && facts.ways[0].rules.is_none());
        assert_eq!(from("127.0.0.1:80".parse().unwrap()), "127.0.0.1".parse().ok());
    }
}
