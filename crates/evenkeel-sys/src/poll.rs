//! Readiness of many descriptors: epoll(7), edge-triggered for sessions, level-triggered for listeners.

use rustix::event::{PollFd, PollFlags, Timespec, epoll};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

/// An epoll instance. A descriptor leaves it by being closed.
#[derive(Debug)]
pub struct Poll {
    epoll: OwnedFd,
}

/// What a descriptor became ready for.
#[derive(Clone, Copy, Debug)]
pub struct Readiness(epoll::EventFlags);

impl Readiness {
    /// Ready for nothing.
    pub const NONE: Self = Self(epoll::EventFlags::empty());

    /// Bytes can be read.
    pub const READABLE: Self = Self(epoll::EventFlags::IN);

    /// Both directions are over.
    pub const BROKEN: Self = Self(epoll::EventFlags::HUP);

    /// Ready for what either is ready for.
    pub fn and(self, other: Self) -> Self {
        Self(self.0.union(other.0))
    }

    /// Without the bytes that could be read: there are none left. An end or an error is still to be told.
    pub fn read_up(self) -> Self {
        Self(self.0.difference(epoll::EventFlags::IN | epoll::EventFlags::PRI))
    }

    /// Bytes, an end or an error can be read.
    pub fn readable(self) -> bool {
        use epoll::EventFlags as F;
        self.0.intersects(F::IN | F::PRI | F::RDHUP) || self.broken()
    }

    /// Bytes can be written, or trying will tell the error.
    pub fn writable(self) -> bool {
        self.0.contains(epoll::EventFlags::OUT) || self.broken()
    }

    /// The peer has sent its last byte, so that a short read is not yet the end of what there is to see.
    pub fn read_closing(self) -> bool {
        self.0.contains(epoll::EventFlags::RDHUP) || self.broken()
    }

    /// Urgent data (tcp(7)) lies among the bytes: a read stops in front of it, with more bytes behind.
    pub fn urgent(self) -> bool {
        self.0.contains(epoll::EventFlags::PRI)
    }

    /// Both directions are over, or the connection failed.
    pub fn broken(self) -> bool {
        self.0.intersects(epoll::EventFlags::HUP | epoll::EventFlags::ERR)
    }
}

/// What a session's descriptor is ready for at this moment, poll(2); for nothing if it cannot be asked.
pub fn ready_now(fd: impl AsFd) -> Readiness {
    let mut fds = [PollFd::new(&fd, PollFlags::IN | PollFlags::PRI | PollFlags::OUT | PollFlags::RDHUP)];
    match rustix::event::poll(&mut fds, Some(&Timespec::default())) {
        // The flags of both calls are the same numbers.
        Ok(_) => Readiness(epoll::EventFlags::from_bits_truncate(fds[0].revents().bits().into())),
        Err(_) => Readiness::NONE,
    }
}

/// Room for the events of one [`Poll::wait`].
pub struct Events(Vec<epoll::Event>);

impl Events {
    /// Room for `capacity` events a wait.
    pub fn new(capacity: usize) -> Self {
        Self(Vec::with_capacity(capacity))
    }

    /// How many the last wait brought.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether it brought none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether the last wait filled it, so that more may be ready.
    pub fn is_full(&self) -> bool {
        self.0.len() == self.0.capacity()
    }

    /// The event at `index` of the last wait: the token its descriptor was added with, and its readiness.
    pub fn get(&self, index: usize) -> Option<(u64, Readiness)> {
        self.0.get(index).map(|event| (event.data.u64(), Readiness(event.flags)))
    }
}

impl Poll {
    /// A new instance.
    pub fn new() -> io::Result<Self> {
        Ok(Self { epoll: epoll::create(epoll::CreateFlags::CLOEXEC)? })
    }

    /// Adds a session's descriptor, once for its whole life: edges of every kind of readiness.
    pub fn add_stream(&self, fd: impl AsFd, token: u64) -> io::Result<()> {
        use epoll::EventFlags as F;
        let all = F::IN | F::PRI | F::OUT | F::RDHUP | F::ET;
        Ok(epoll::add(&self.epoll, fd, epoll::EventData::new_u64(token), all)?)
    }

    /// Tells of a session's descriptor by another token from now on, and at once of what it is ready for.
    pub fn rename_stream(&self, fd: impl AsFd, token: u64) -> io::Result<()> {
        self.set_reading(fd, token, true)
    }

    /// Adds a descriptor of which only edges of what comes are told: of one for datagrams, the kernel would tell of room
    /// whenever one has left.
    pub fn add_incoming(&self, fd: impl AsFd, token: u64) -> io::Result<()> {
        use epoll::EventFlags as F;
        Ok(epoll::add(&self.epoll, fd, epoll::EventData::new_u64(token), F::IN | F::ET)?)
    }

    /// Tells no more when a session's descriptor can be read, or tells it again, at once if it can be read now. Its end
    /// is told in any case.
    pub fn set_reading(&self, fd: impl AsFd, token: u64, reading: bool) -> io::Result<()> {
        use epoll::EventFlags as F;
        // The kernel tells of bytes that come as if they might be urgent (`sock_def_readable`), so both or none.
        let reading = if reading { F::IN | F::PRI } else { F::empty() };
        epoll::modify(
            &self.epoll,
            fd,
            epoll::EventData::new_u64(token),
            reading | F::OUT | F::RDHUP | F::ET,
        )?;
        Ok(())
    }

    /// Adds a descriptor that is ready as long as it is readable. One that is shared by several instances
    /// (`exclusive`) wakes one of them at a time.
    pub fn add_level(&self, fd: impl AsFd, token: u64, exclusive: bool) -> io::Result<()> {
        let exclusive = if exclusive { epoll::EventFlags::EXCLUSIVE } else { epoll::EventFlags::empty() };
        epoll::add(&self.epoll, fd, epoll::EventData::new_u64(token), epoll::EventFlags::IN | exclusive)?;
        Ok(())
    }

    /// Takes out a descriptor that stays open.
    pub fn remove(&self, fd: impl AsFd) -> io::Result<()> {
        Ok(epoll::delete(&self.epoll, fd)?)
    }

    /// Waits until something is ready, or for `timeout`; `None` is for ever. A signal ends it early; what is ready then is told
    /// all the same, since the process may have been stopped for long (`SIGSTOP`).
    pub fn wait(&self, events: &mut Events, timeout: Option<Duration>) -> io::Result<()> {
        let timeout =
            timeout.map(|t| Timespec { tv_sec: t.as_secs() as i64, tv_nsec: t.subsec_nanos().into() });
        events.0.clear();
        let mut wait = |timeout: Option<&Timespec>| {
            epoll::wait(&self.epoll, rustix::buffer::spare_capacity(&mut events.0), timeout)
        };
        let waited = match wait(timeout.as_ref()) {
            Err(rustix::io::Errno::INTR) => wait(Some(&Timespec::default())),
            waited => waited,
        };
        match waited {
            Ok(_) | Err(rustix::io::Errno::INTR) => Ok(()),
            Err(errno) => Err(errno.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::socket;
    use std::io::Write;
    use std::net::{TcpListener, TcpStream};
    use std::os::unix::net::UnixStream;

    #[test]
    fn bytes_that_come_while_reading_is_off_are_told_when_it_is_on_again() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut peer = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (socket, _) = listener.accept().unwrap();
        let (poll, mut events) = (Poll::new().unwrap(), Events::new(8));
        let mut told = |patience| {
            poll.wait(&mut events, Some(patience)).unwrap();
            events.get(0).map(|(token, readiness)| (token, readiness.readable()))
        };
        poll.add_stream(&socket, 7).unwrap();
        poll.set_reading(&socket, 7, false).unwrap();
        assert_eq!(told(Duration::from_secs(20)), Some((7, false)), "it can be written");
        peer.write_all(b"a segment").unwrap();
        assert_eq!(told(Duration::from_millis(20)), None);
        poll.set_reading(&socket, 7, true).unwrap();
        assert_eq!(told(Duration::from_secs(20)), Some((7, true)));
    }

    #[test]
    fn a_socket_says_what_it_is_ready_for_now() {
        let (socket, peer) = UnixStream::pair().unwrap();
        let ready = ready_now(&socket);
        assert!(ready.writable() && !ready.readable() && !ready.broken());
        (&mut &peer).write_all(b"!").unwrap();
        assert!(ready_now(&socket).readable());
        drop(peer);
        assert!(ready_now(&socket).broken());
    }

    #[test]
    fn a_connect_that_nobody_answers_is_ready_for_nothing() {
        // A queue of one that is full: the kernel drops every other SYN.
        let listener = socket::bind_ip("127.0.0.1:0".parse().unwrap(), socket::Binding::default()).unwrap();
        socket::listen(&listener, 0).unwrap();
        let addr = socket::local_addr(&listener).unwrap().expect("an IP socket");
        let first = TcpStream::connect(addr).unwrap();
        assert!(ready_now(&first).writable());
        let second = socket::open(socket::Name::Ip(addr)).unwrap();
        let connected = socket::connect(&second, socket::Name::Ip(addr)).unwrap();
        assert!(!connected && !ready_now(&second).writable());
    }
}
