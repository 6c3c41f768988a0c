//! Why we cannot listen somewhere, told so that the reader knows what to do about it.

use crate::error::{Exit, RunError};
use crate::holder;
use evenkeel_core::addr::Addr;
use evenkeel_proxy::PrepareError;
use std::io::ErrorKind;

/// What to tell about a listener that cannot be bound.
pub fn refused(error: &PrepareError) -> RunError {
    let addr = &error.listener.addr;
    let what = format!("cannot listen on {addr} for `{}`", error.listener.service);
    match error.source.kind() {
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
            RunError::new(Exit::NoPermission, format!("{what}: permission denied")).help(permission(addr))
        }
        ErrorKind::NotFound => RunError::new(Exit::Unavailable, format!("{what}: no such folder"))
            .help("create the folder in which the socket is to be"),
        _ => RunError::new(Exit::Unavailable, format!("{what}: {}", error.source)),
    }
}

fn permission(addr: &Addr) -> String {
    match addr {
        Addr::Ip(addr) => format!(
            "give it the capability: `setcap cap_net_bind_service=+ep {}`, or in its unit \
             `AmbientCapabilities=CAP_NET_BIND_SERVICE`\n\
             or let every user listen there: `sysctl net.ipv4.ip_unprivileged_port_start={}`",
            std::env::current_exe().map_or_else(|_| "evenkeel".into(), |path| path.display().to_string()),
            addr.port()
        ),
        Addr::Unix(_) => "the user it runs as must be allowed to write in the socket's folder".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use evenkeel_core::name::{ListenerName, ServiceName};

    fn told(addr: Addr, kind: ErrorKind) -> RunError {
        let listener = ListenerName { service: ServiceName::new("web"), addr };
        refused(&PrepareError { listener, source: kind.into() })
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
}
