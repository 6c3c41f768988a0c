//! Passing descriptors to another process: packets over a Unix socket, and a child that inherits one end of it.

use crate::signal;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::{Errno, FdFlags, fcntl_getfd, fcntl_setfd};
use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, ReturnFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, Shutdown, SocketFlags, SocketType, recvmsg, sendmsg, socketpair,
    sockopt,
};
use rustix::process::{Pid, Signal};
use std::cell::RefCell;
use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant};

/// Descriptors in one packet, at most (`SCM_MAX_FD` of the kernel).
pub const DESCRIPTORS_MAX: usize = 253;

/// Bytes in one packet, at most: fits the send buffer that every kernel gives by default.
pub const PACKET_MAX: usize = 192 * 1024;

/// How long to wait when too many descriptors are under way (`ETOOMANYREFS`), which no poll tells the end of.
const PAUSE: Duration = Duration::from_millis(1);

/// One end of a connection that carries packets, each with its descriptors, whole and in order.
#[derive(Debug)]
pub struct Channel(OwnedFd);

/// What one [`Channel::send`] sent.
#[derive(Debug)]
pub struct Packet {
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// Its descriptors, close-on-exec.
    pub descriptors: Vec<OwnedFd>,
}

impl Channel {
    /// A new connection. Both ends are close-on-exec.
    pub fn pair() -> io::Result<(Self, Self)> {
        let (one, other) =
            socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)?;
        for end in [&one, &other] {
            // More is under way before the sender has to wait; the kernel may allow less.
            let _ = sockopt::set_socket_send_buffer_size(end, 4 * PACKET_MAX);
        }
        Ok((Self(one), Self(other)))
    }

    /// The end that [`spawn`] left to this process, as the text of its variable says; close-on-exec from now on. `None`
    /// when it is no such socket, or was taken before. Call it before anything else opens descriptors.
    pub fn inherited(text: &str) -> Option<Self> {
        static TAKEN: AtomicBool = AtomicBool::new(false);
        let fd: RawFd = text.parse().ok().filter(|&fd| fd > 2)?;
        if TAKEN.swap(true, Relaxed) || !std::path::Path::new(&format!("/proc/self/fd/{fd}")).exists() {
            return None;
        }
        // SAFETY: the descriptor is open; who started this process left it for us and nobody else knows of it, and
        // `TAKEN` sees to it that nobody is made its owner twice.
        let end = unsafe { OwnedFd::from_raw_fd(fd) };
        let is_ours = sockopt::socket_type(&end).is_ok_and(|kind| kind == SocketType::SEQPACKET);
        (is_ours && fcntl_setfd(&end, FdFlags::CLOEXEC).is_ok()).then_some(Self(end))
    }

    /// Sends one packet of these bytes, which must not be empty, and descriptors. Waits until `deadline` for room.
    pub fn send(&self, bytes: &[u8], descriptors: &[BorrowedFd<'_>], deadline: Instant) -> io::Result<()> {
        debug_assert!(!bytes.is_empty() && descriptors.len() <= DESCRIPTORS_MAX);
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(DESCRIPTORS_MAX))];
        loop {
            let mut control = SendAncillaryBuffer::new(&mut space);
            if !descriptors.is_empty() && !control.push(SendAncillaryMessage::ScmRights(descriptors)) {
                return Err(io::ErrorKind::InvalidInput.into());
            }
            let flags = SendFlags::DONTWAIT | SendFlags::NOSIGNAL;
            match sendmsg(&self.0, &[IoSlice::new(bytes)], &mut control, flags) {
                Ok(_) => return Ok(()),
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => self.wait(PollFlags::OUT, deadline)?,
                Err(Errno::TOOMANYREFS) if Instant::now() < deadline => std::thread::sleep(PAUSE),
                Err(errno) => return Err(errno.into()),
            }
        }
    }

    /// The next packet; `None` when the other end is closed and nothing is left. Waits for it until `deadline`. A packet
    /// that did not arrive whole, for want of descriptors, is an error.
    pub fn receive(&self, deadline: Instant) -> io::Result<Option<Packet>> {
        thread_local! {
            /// Room for the largest packet: it is cleared once, not for each.
            static ROOM: RefCell<Box<[u8]>> = RefCell::new(vec![0; PACKET_MAX].into());
        }
        ROOM.with_borrow_mut(|room| self.receive_into(room, deadline))
    }

    fn receive_into(&self, room: &mut [u8], deadline: Instant) -> io::Result<Option<Packet>> {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(DESCRIPTORS_MAX))];
        let (message, descriptors) = loop {
            let mut control = RecvAncillaryBuffer::new(&mut space);
            let flags = RecvFlags::DONTWAIT | RecvFlags::CMSG_CLOEXEC;
            match recvmsg(&self.0, &mut [IoSliceMut::new(room)], &mut control, flags) {
                Ok(message) => break (message, taken(&mut control)),
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => self.wait(PollFlags::IN, deadline)?,
                // Its end was closed with something of ours unread.
                Err(Errno::CONNRESET) => return Ok(None),
                Err(errno) => return Err(errno.into()),
            }
        };
        if message.flags.intersects(ReturnFlags::TRUNC | ReturnFlags::CTRUNC) {
            return Err(io::Error::other("a packet did not arrive whole: no descriptors left"));
        }
        let bytes = room[..message.bytes].to_vec();
        Ok((message.bytes > 0).then_some(Packet { bytes, descriptors }))
    }

    /// Ends the connection for both sides, also for a thread that waits for a packet; what is under way still arrives.
    pub fn shut(&self) {
        let _ = rustix::net::shutdown(&self.0, Shutdown::Both);
    }

    fn wait(&self, events: PollFlags, deadline: Instant) -> io::Result<()> {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        let timeout = Timespec { tv_sec: left.as_secs() as i64, tv_nsec: left.subsec_nanos().into() };
        match poll(&mut [PollFd::new(&self.0, events)], Some(&timeout)) {
            Ok(_) | Err(Errno::INTR) => Ok(()),
            Err(errno) => Err(errno.into()),
        }
    }
}

fn taken(control: &mut RecvAncillaryBuffer<'_>) -> Vec<OwnedFd> {
    let rights = control.drain().filter_map(|message| match message {
        RecvAncillaryMessage::ScmRights(descriptors) => Some(descriptors),
        _ => None,
    });
    rights.flatten().collect()
}

/// Signals that a program is told things by: one that is started is not to ignore them because we do.
const SIGNALS: [Signal; 6] =
    [Signal::HUP, Signal::INT, Signal::QUIT, Signal::TERM, Signal::USR1, Signal::USR2];

/// Starts `command` as a child that inherits `end`; `variable` tells it which descriptor that is.
pub fn spawn(command: &mut Command, variable: &str, end: &Channel) -> io::Result<Child> {
    let fd = end.0.as_raw_fd();
    command.env(variable, fd.to_string());
    let keep = move || {
        SIGNALS.into_iter().for_each(signal::heed);
        // SAFETY: the descriptor is open: it is borrowed from `end` until the child is started, and the child is a copy
        // of this process.
        keep_open(unsafe { BorrowedFd::borrow_raw(fd) })
    };
    // SAFETY: between fork and exec the closure makes a few system calls and touches no memory that others may have
    // locked: it neither allocates nor waits.
    unsafe { command.pre_exec(keep) };
    command.spawn()
}

/// Lets the program that this process becomes have `end`.
fn keep_open(end: impl AsFd) -> io::Result<()> {
    let flags = fcntl_getfd(&end)?;
    Ok(fcntl_setfd(end, flags.difference(FdFlags::CLOEXEC))?)
}

/// Runs `work` in a copy of this process, its child, which ends with it; gives its process id. For a process with one thread
/// only, as nobody would let go of what other threads hold.
pub fn fork(work: impl FnOnce()) -> io::Result<Pid> {
    // SAFETY: nothing is shared without `CLONE_VM`, so that the null stack means a copy of this one.
    let pid = unsafe { libc::syscall(libc::SYS_clone, libc::SIGCHLD, 0, 0, 0, 0) };
    if pid == 0 {
        work();
        // SAFETY: it ends the copy, and runs nothing of what it is a copy of.
        unsafe { libc::_exit(0) };
    }
    i32::try_from(pid)
        .ok()
        .filter(|pid| *pid > 0)
        .and_then(Pid::from_raw)
        .ok_or_else(io::Error::last_os_error)
}

impl From<OwnedFd> for Channel {
    fn from(end: OwnedFd) -> Self {
        Self(end)
    }
}

/// So that a wait for a packet can be one of several.
impl AsFd for Channel {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Write};
    use std::os::unix::net::UnixStream;

    fn soon() -> Instant {
        Instant::now() + Duration::from_secs(10)
    }

    #[test]
    fn a_packet_arrives_with_its_descriptors() {
        let (one, other) = Channel::pair().unwrap();
        let (ours, theirs) = UnixStream::pair().unwrap();
        one.send(b"take this", &[theirs.as_fd()], soon()).unwrap();
        one.send(&[7; PACKET_MAX], &[], soon()).unwrap();
        drop(theirs);
        let mut packet = other.receive(soon()).unwrap().unwrap();
        assert_eq!(packet.bytes, b"take this");
        let mut passed = UnixStream::from(packet.descriptors.remove(0));
        (&ours).write_all(b"hello").unwrap();
        drop(ours);
        let mut said = String::new();
        passed.read_to_string(&mut said).unwrap();
        assert_eq!(said, "hello");
        assert_eq!(other.receive(soon()).unwrap().unwrap().bytes.len(), PACKET_MAX);
        drop(one);
        assert!(other.receive(soon()).unwrap().is_none());
    }

    #[test]
    fn waits_end_at_their_deadline_and_a_full_buffer_is_waited_out() {
        let (one, other) = Channel::pair().unwrap();
        let now = Instant::now() + Duration::from_millis(20);
        assert_eq!(other.receive(now).unwrap_err().kind(), io::ErrorKind::TimedOut);
        let piece = [1; PACKET_MAX];
        let full = (0..1000).find_map(|_| one.send(&piece, &[], Instant::now()).err()).expect("a limit");
        assert_eq!(full.kind(), io::ErrorKind::TimedOut);
        std::thread::scope(|scope| {
            let sender = scope.spawn(|| one.send(b"last", &[], soon()));
            while other.receive(soon()).unwrap().unwrap().bytes != b"last" {}
            sender.join().unwrap().unwrap();
        });
    }

    #[test]
    fn shutting_it_wakes_who_waits() {
        let (one, other) = Channel::pair().unwrap();
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| other.receive(soon()));
            one.shut();
            assert!(waiting.join().unwrap().unwrap().is_none());
        });
    }

    #[test]
    fn a_child_inherits_its_end_and_nothing_else() {
        let (ours, theirs) = Channel::pair().unwrap();
        let (_other, kept) = Channel::pair().unwrap();
        let mut command = Command::new("sh");
        command.arg("-c").arg(format!(
            "test -e /proc/self/fd/$END && ! test -e /proc/self/fd/{}",
            kept.as_fd().as_raw_fd()
        ));
        let mut child = spawn(&mut command, "END", &theirs).unwrap();
        drop(theirs);
        assert!(child.wait().unwrap().success());
        assert!(ours.receive(soon()).unwrap().is_none(), "it is closed when the child has ended");
    }
}
