//! The end of the sockets of a listener: first nobody can begin to connect, then nobody is left in them, then they close.

use super::Bound;
use evenkeel_core::addr::Addr;
use evenkeel_core::name::Protocol;
use evenkeel_sys::farewell;
use evenkeel_sys::socket::FileIdentity;
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

    /// Removes the file of a Unix socket, if that goes with these sockets, and is not somebody else's by now.
    pub(super) fn remove_file(&self) {
        let goes = self.file.filter(|_| self.is_ours_alone.load(Relaxed));
        if let (Some(file), Addr::Unix(path)) = (goes, &self.local)
            && FileIdentity::at(path) == Some(file)
        {
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
    use std::path::Path;

    #[test]
    fn a_unix_socket_that_is_closed_late_leaves_the_next_one_its_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("socket");
        let bind = || bind_at(&path);
        let old = bind();
        old.turn_away();
        assert!(!path.exists());
        let new = bind();
        drop(old);
        UnixStream::connect(&path).unwrap();
        drop(new);
        assert!(!path.exists());
    }

    #[test]
    fn the_file_of_somebody_who_took_the_path_stays() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("socket");
        let ours = bind_at(&path);
        std::fs::remove_file(&path).unwrap();
        let theirs = bind_at(&path);
        ours.turn_away();
        drop(ours);
        UnixStream::connect(&path).unwrap();
        drop(theirs);
        assert!(!path.exists());
    }

    fn bind_at(path: &Path) -> Bound {
        let sockets = vec![socket::listen_unix(path, 0o600, 1).unwrap()];
        let mut bound = Bound::new(sockets, Addr::Unix(path.into()), Protocol::Tcp);
        bound.file = FileIdentity::at(path);
        bound
    }
}
