//! Why we cannot listen somewhere, told so that the reader knows what to do about it.

use crate::error::{Exit, RunError};
use crate::holder;
use crate::{reach, sandbox};
use evenkeel_core::addr::Addr;
use evenkeel_core::name::ListenerName;
use evenkeel_proxy::{PrepareError, Publication, Refused, Unbindable};
use std::io::{self, ErrorKind};
use std::net::IpAddr;

/// What to tell about a configuration that cannot be obeyed.
pub fn refused(error: &PrepareError) -> RunError {
    match error {
        PrepareError::Listener(listener, Unbindable::Addr(error)) => unbindable(listener, error),
        PrepareError::Listener(listener, Unbindable::Wish(refused)) => {
            unfulfilled(listener.service.as_str(), refused)
        }
        PrepareError::Pool(pool, refused) => unfulfilled(pool.as_str(), refused),
    }
}

/// What to tell about sockets that are bound, and not quite what is wanted.
pub fn warnings(publication: &Publication) -> impl Iterator<Item = String> {
    publication.unfulfilled().into_iter().map(|(listener, wish)| {
        let (service, addr) = (&listener.service, &listener.addr);
        match wish {
            "mptcp" if !has_mptcp() => format!(
                "`{service}` takes TCP only at {addr}: the kernel has no Multipath TCP, or it is off \
                 (`sysctl -w net.mptcp.enabled=1`)"
            ),
            "mptcp" => format!(
                "`mptcp` of `{service}` holds from the next start on: {addr} is bound already; or it never does, where the \
                 kernel's Multipath TCP lacks an option that is set, as older ones lack `keepalive`"
            ),
            wish => format!("`{wish}` of `{service}` holds from the next start on: {addr} is bound already"),
        }
    })
}

fn has_mptcp() -> bool {
    std::fs::read_to_string("/proc/sys/net/mptcp/enabled").is_ok_and(|text| text.trim() != "0")
}

/// A wish for sockets that the kernel did not grant.
fn unfulfilled(whose: &str, refused: &Refused) -> RunError {
    let Refused { wish, value, source } = refused;
    let is = |kind| source.kind() == kind;
    let exit = if is(ErrorKind::PermissionDenied) { Exit::NoPermission } else { Exit::Unavailable };
    let value = value.map_or_else(String::new, |value: IpAddr| format!(" {value}"));
    let why = match *wish {
        "mark" | "transparent" | "interface" | "congestion" if is(ErrorKind::PermissionDenied) && sandbox::gave_up_capabilities() => {
            "permission denied: at the start nothing needed that, so the sandbox has given it up; `evenkeel upgrade` starts anew \
             with this configuration"
                .to_owned()
        }
        "source" if is(ErrorKind::AddrNotAvailable) => "this machine does not have that address".to_owned(),
        _ if is(ErrorKind::PermissionDenied) => "permission denied".to_owned(),
        "interface" => "there is no such interface".to_owned(),
        "congestion" if is(ErrorKind::NotFound) => "the kernel does not have it".to_owned(),
        _ => source.to_string(),
    };
    let error = RunError::new(exit, format!("cannot have `{wish}`{value} for `{whose}`: {why}"));
    match (*wish, exit) {
        ("source", Exit::Unavailable) => error.help(format!("`ip address add{value} dev eth0` adds it, at the interface that fits")),
        ("interface", Exit::Unavailable) => error.help("`ip link` lists those it has"),
        ("congestion", Exit::Unavailable) => error.help(
            "`sysctl net.ipv4.tcp_available_congestion_control` lists those it has; others are modules, as in \
             `modprobe tcp_bbr`",
        ),
        ("congestion", _) => error.help(
            "add it to `sysctl -w net.ipv4.tcp_allowed_congestion_control=\"reno cubic …\"`",
        ),
        ("mark" | "transparent", Exit::NoPermission) => error.help(capability("CAP_NET_ADMIN")),
        ("interface", Exit::NoPermission) => error.help(capability("CAP_NET_RAW")),
        _ => error,
    }
}

/// How the program gets a capability: by a command, and by its unit.
pub fn capability_commands(name: &str) -> [String; 2] {
    let program =
        std::env::current_exe().map_or_else(|_| "evenkeel".into(), |path| path.display().to_string());
    [format!("setcap {}=+ep {program}", name.to_lowercase()), format!("AmbientCapabilities={name}")]
}

fn capability(name: &str) -> String {
    let [command, unit] = capability_commands(name);
    format!("give it the capability: `{command}`, or in its unit `{unit}`")
}

fn unbindable(listener: &ListenerName, error: &io::Error) -> RunError {
    let addr = &listener.addr;
    let what = format!("cannot listen on {addr} for `{}`", listener.service);
    match error.kind() {
        ErrorKind::AddrInUse if holder::is_plain_file(addr) => {
            RunError::new(Exit::Unavailable, format!("{what}: a file that is no socket is in the way"))
                .help("choose another path, or remove the file if nobody needs it")
        }
        ErrorKind::AddrInUse => match holder::of(addr) {
            Some(holder) => {
                RunError::new(Exit::Unavailable, format!("{what}: address in use, held by {holder}"))
                    .help("stop what listens there, or choose another address")
            }
            None => RunError::new(Exit::Unavailable, format!("{what}: address in use"))
                .help("`ss -lptx` as root shows who listens there; stop it, or choose another address"),
        },
        ErrorKind::AddrNotAvailable => {
            RunError::new(Exit::Unavailable, format!("{what}: this machine does not have that address"))
                .help("`ip address` lists those it has")
        }
        ErrorKind::PermissionDenied => {
            let why = match addr {
                Addr::Unix(path) => reach::denied(path),
                Addr::Ip(_) => "permission denied".to_owned(),
            };
            RunError::new(Exit::NoPermission, format!("{what}: {why}")).help(permission(addr))
        }
        ErrorKind::NotFound => RunError::new(Exit::Unavailable, format!("{what}: no such folder"))
            .help("create the folder in which the socket is to be"),
        _ => RunError::new(Exit::Unavailable, format!("{what}: {error}")),
    }
}

fn permission(addr: &Addr) -> String {
    match addr {
        Addr::Ip(addr) => format!(
            "{}\nor let every user listen there: `sysctl net.ipv4.ip_unprivileged_port_start={}`",
            capability("CAP_NET_BIND_SERVICE"),
            addr.port()
        ),
        Addr::Unix(_) => "the user it runs as must be allowed to write in the socket's folder".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use evenkeel_core::name::{PoolName, Protocol, ServiceName};

    fn told(addr: Addr, kind: ErrorKind) -> RunError {
        let listener = ListenerName { service: ServiceName::new("web"), protocol: Protocol::Tcp, addr };
        refused(&PrepareError::Listener(listener, Unbindable::Addr(kind.into())))
    }

    #[test]
    fn an_address_in_use_is_told_with_who_uses_it() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let addr = listener.local_addr().unwrap();
        let error = told(Addr::Ip(addr), ErrorKind::AddrInUse);
        assert_eq!(error.exit, Exit::Unavailable);
        let begin = format!("cannot listen on {addr} for `web`: address in use, held by ");
        assert!(error.what.starts_with(&begin), "{}", error.what);
        assert!(error.what.ends_with(&format!("(pid {})", std::process::id())), "{}", error.what);
    }

    #[test]
    fn a_file_in_the_way_of_a_unix_socket_is_told_as_such() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let error = told(Addr::Unix(file.path().into()), ErrorKind::AddrInUse);
        assert_eq!(error.exit, Exit::Unavailable);
        assert!(error.what.ends_with(": a file that is no socket is in the way"), "{}", error.what);
    }

    #[test]
    fn a_privileged_port_is_told_with_both_remedies() {
        let error = told(Addr::Ip("0.0.0.0:80".parse().unwrap()), ErrorKind::PermissionDenied);
        assert_eq!(error.exit, Exit::NoPermission);
        let help = error.help.unwrap();
        assert!(help.contains("cap_net_bind_service"), "{help}");
        assert!(help.contains("ip_unprivileged_port_start=80"), "{help}");
    }

    #[test]
    fn a_wish_that_is_not_granted_is_told_with_its_remedy() {
        let told = |wish, value: Option<IpAddr>, errno| {
            let refused = Refused { wish, value, source: io::Error::from_raw_os_error(errno) };
            super::refused(&PrepareError::Pool(PoolName::new("web"), refused))
        };
        for (wish, value, errno, exit, what, help) in [
            ("mark", None, 1, Exit::NoPermission, "permission denied", "cap_net_admin=+ep"),
            ("transparent", None, 1, Exit::NoPermission, "permission denied", "CAP_NET_ADMIN"),
            ("interface", None, 19, Exit::Unavailable, "there is no such interface", "ip link"),
            ("congestion", None, 2, Exit::Unavailable, "the kernel does not have it", "modprobe"),
            (
                "congestion",
                None,
                1,
                Exit::NoPermission,
                "permission denied",
                "tcp_allowed_congestion_control",
            ),
            (
                "source",
                "192.0.2.1".parse().ok(),
                99,
                Exit::Unavailable,
                "this machine does not have that address",
                "ip address add 192.0.2.1 dev",
            ),
        ] {
            let error = told(wish, value, errno);
            assert_eq!(error.exit, exit, "{wish}");
            assert!(error.what.starts_with(&format!("cannot have `{wish}`")), "{}", error.what);
            assert!(error.what.ends_with(&format!(" for `web`: {what}")), "{}", error.what);
            assert!(error.help.as_ref().is_some_and(|it| it.contains(help)), "{:?}", error.help);
        }
    }
}
