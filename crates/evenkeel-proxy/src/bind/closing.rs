//! The end of the sockets of a listener: first nobody can begin to connect, then nobody is left in them, then they close.

use super::Bound;
use evenkeel_core::addr::Addr;
use evenkeel_core::name::Protocol;
use evenkeel_sys::farewell;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::atomic::Ordering::Relaxed;

impl Bound {
    /// Refuses whoever begins to connect from now on, unless another process has the sockets, too. All of them at once: as
    /// long as the kernel deals clients out among them, one that refuses already would leave its own without an answer.
    pub(super) fn turn_away(&self) {
        if self.protocol == Protocol::Udp || !self.is_ours_alone.load(Relaxed) {
            return;
        }
        if self.local.ip().is_none() {
            return self.turn_away_unix();
        }
        let turned_away = self.sockets.iter().filter(|socket| farewell::turn_away(socket).is_ok()).count();
        self.awaits_last.store(turned_away > 0, Relaxed);
    }

    /// Who has begun to connect to a Unix socket waits to be accepted. Its file goes at once: the last worker to close it may
    /// be late, and would take that of a socket which has been bound there since.
    fn turn_away_unix(&self) {
        self.sockets.iter().for_each(|socket| drop(farewell::turn_away_unix(socket)));
        self.remove_file();
        self.keep_file(true);
    }

    /// Removes the file of a Unix socket, if that goes with these sockets.
    pub(super) fn remove_file(&self) {
        if let (true, Addr::Unix(path)) = (self.is_ours_alone.load(Relaxed), &self.local) {
            // A file that is gone already is as good.
            let _ = std::fs::remove_file(path);
        }
    }

    /// Whether nobody can begin to connect any more, but some may have begun.
    pub fn awaits_last(&self) -> bool {
        self.awaits_last.load(Relaxed)
    }

    /// Closes the sockets, one after the other, each when everybody was taken who waits there.
    pub fn close(mut self, take_all: impl Fn(BorrowedFd<'_>)) {
        std::mem::take(&mut self.sockets).into_iter().for_each(|socket| take_all(socket.as_fd()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use evenkeel_sys::socket;
    use std::os::unix::net::UnixStream;

    #[test]
    fn a_unix_socket_that_is_closed_late_leaves_the_next_one_its_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("socket");
        let bind = || {
            let sockets = vec![socket::listen_unix(&path, 0o600, 1).unwrap()];
            Bound::new(sockets, Addr::Unix(path.as_path().into()), Protocol::Tcp)
        };
        let old = bind();
        old.turn_away();
        assert!(!path.exists());
        let new = bind();
        drop(old);
        UnixStream::connect(&path).unwrap();
        drop(new);
        assert!(!path.exists());
    }
}
