//! What a service manager is told, sd_notify(3), and what it hands us, sd_listen_fds(3). Without one, nothing happens.

use evenkeel_core::addr::Addr;
use evenkeel_proxy::Inherited;
use evenkeel_sys::{activation, clock};
use sd_notify::NotifyState;
use std::io;
use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixListener;
use std::time::Duration;

/// Traffic is taken.
pub fn ready(status: &str) {
    send(&[NotifyState::Ready, NotifyState::Status(status)]);
}

/// The configuration is being loaded again, until [`ready`] is said.
pub fn reloading() {
    // The manager compares that with when it asked for a reload.
    let now = NotifyState::MonotonicUsec(clock::monotonic().as_micros().cast_signed());
    send(&[NotifyState::Reloading, now]);
}

/// The end has begun.
pub fn stopping(status: &str) {
    send(&[NotifyState::Stopping, NotifyState::Status(status)]);
}

/// From now on the process `pid` is the main one.
pub fn main_pid(pid: u32) {
    send(&[NotifyState::MainPid(pid)]);
}

/// The control loop still turns.
pub fn alive() {
    send(&[NotifyState::Watchdog]);
}

/// How long the manager waits for [`alive`] before it takes us for dead, if it does.
pub fn watchdog() -> Option<Duration> {
    sd_notify::watchdog_enabled().filter(|timeout| !timeout.is_zero())
}

fn send(states: &[NotifyState<'_>]) {
    // A manager that does not listen is its own problem: traffic goes on.
    let _ = sd_notify::notify(states);
}

/// The sockets that were passed to this process, by the address they are bound to. Call it before anything else opens
/// descriptors.
pub fn inherited() -> Inherited {
    let mut inherited = Inherited::new();
    for (addr, socket) in activation::take_listen_fds().into_iter().filter_map(bound) {
        inherited.add(addr, socket);
    }
    inherited
}

/// A socket with its address; `None` for what is neither TCP nor a Unix socket with a path.
fn bound(socket: OwnedFd) -> Option<(Addr, OwnedFd)> {
    let tcp = TcpListener::from(socket);
    let addr = match tcp.local_addr() {
        Ok(addr) => addr.into(),
        Err(_) => return unix(tcp.into()).ok().flatten(),
    };
    Some((addr, tcp.into()))
}

fn unix(socket: OwnedFd) -> io::Result<Option<(Addr, OwnedFd)>> {
    let unix = UnixListener::from(socket);
    let addr = unix.local_addr()?;
    Ok(addr.as_pathname().map(|path| (Addr::Unix(path.into()), unix.into())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passed_sockets_are_known_by_their_address() {
        let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
        let expected = Addr::Ip(tcp.local_addr().unwrap());
        assert_eq!(bound(tcp.into()).unwrap().0, expected);

        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.sock");
        let unix = UnixListener::bind(&path).unwrap();
        assert_eq!(bound(unix.into()).unwrap().0, Addr::Unix(path.into()));
    }

    #[test]
    fn what_is_no_socket_is_passed_over() {
        let file = std::fs::File::open("/dev/null").unwrap();
        assert!(bound(file.into()).is_none());
    }
}
