//! Sending, as much as a socket takes now.

use super::control::{self, Control};
use super::inbox::{BATCH, Inbox};
use super::{Peer, Trains};
use rustix::net::{SendFlags, SocketAddrAny};
use std::io;
use std::mem::zeroed;
use std::ops::Range;
use std::os::fd::{AsFd, AsRawFd};

/// Sends one datagram to the peer of a connected socket.
pub fn send(socket: impl AsFd, datagram: &[u8]) -> io::Result<()> {
    rustix::net::send(socket, datagram, SendFlags::DONTWAIT | SendFlags::NOSIGNAL)?;
    Ok(())
}

/// Sends some of the datagrams in `inbox` to the peer of a connected socket, as `trains` where they may; how many it took.
/// Fails where it does not take the first.
pub fn send_all(socket: impl AsFd, inbox: &Inbox, which: Range<usize>, trains: &Trains) -> io::Result<usize> {
    match which.len() {
        1 => send(socket, inbox.datagram(which.start)).map(|()| 1),
        _ => call::<BATCH>(&socket, inbox, which, None, trains),
    }
}

/// Sends some of the datagrams in `inbox` to `peer`, from where it sent its own to, as `trains` where they may; how many were
/// taken. Fails where the first is not.
pub fn reply(
    socket: impl AsFd,
    inbox: &Inbox,
    which: Range<usize>,
    peer: &Peer,
    trains: &Trains,
) -> io::Result<usize> {
    match which.len() {
        1 => call::<1>(&socket, inbox, which, Some(peer), trains),
        _ => call::<BATCH>(&socket, inbox, which, Some(peer), trains),
    }
}

/// Sends up to `N` parts, again in others if their trains are refused.
fn call<const N: usize>(
    socket: &impl AsFd,
    inbox: &Inbox,
    which: Range<usize>,
    peer: Option<&Peer>,
    trains: &Trains,
) -> io::Result<usize> {
    let lengths = which.clone().map(|index| inbox.datagram(index).len());
    let is_train = trains.next(socket, lengths) > 1;
    match call_once::<N>(socket, inbox, which.clone(), peer, trains) {
        Err(error) if is_train && trains.refuse(inbox.datagram(which.start).len(), &error) => {
            call_once::<N>(socket, inbox, which, peer, trains)
        }
        result => result,
    }
}

fn call_once<const N: usize>(
    socket: &impl AsFd,
    inbox: &Inbox,
    which: Range<usize>,
    peer: Option<&Peer>,
    trains: &Trains,
) -> io::Result<usize> {
    let (to, mut source) = (peer.map(|peer| SocketAddrAny::from(peer.remote)), control::EMPTY);
    let source_length = peer.map_or(0, |peer| control::write_source(&mut source, peer));
    let (mut controls, mut parts): ([Control; N], _) = ([source; N], [NOTHING; N]);
    // SAFETY: zeros are values of all the fields: numbers, and pointers that may be null.
    let mut messages: [libc::mmsghdr; N] = unsafe { zeroed() };
    let (mut ends, mut count, mut start, mut free) = ([0; N], 0, which.start, &mut parts[..]);
    while start < which.end && !free.is_empty() {
        let (message, control) = (&mut messages[count].msg_hdr, &mut controls[count]);
        let lengths = (start..which.end).map(|index| inbox.datagram(index).len());
        let (used, end) = lay(free, inbox, start..start + trains.next(socket, lengths));
        let (taken, rest) = free.split_at_mut(used);
        (message.msg_iov, message.msg_iovlen) = (taken.as_mut_ptr(), used as _);
        let control_length = match end - start {
            1 => source_length,
            _ => control::write_segment(control, source_length, inbox.datagram(start).len() as u16),
        };
        if let Some(name) = &to {
            message.msg_name = name.as_ptr().cast_mut().cast();
            message.msg_namelen = name.addr_len();
        }
        if control_length > 0 {
            (message.msg_control, message.msg_controllen) =
                (control.as_mut_ptr().cast(), control_length as _);
        }
        ends[count] = end;
        (count, start, free) = (count + 1, end, rest);
    }
    let fd = socket.as_fd().as_raw_fd();
    // SAFETY: `fd` is open while `socket` is borrowed. Each of the `count` messages points to bytes, a name and control
    // messages that live until the call returns, with their lengths; the kernel only reads them.
    let sent = unsafe {
        let flags = libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL;
        libc::sendmmsg(fd, messages.as_mut_ptr(), count as u32, flags as _)
    };
    let sent = usize::try_from(sent).map_err(|_| io::Error::last_os_error())?;
    Ok(sent.checked_sub(1).map_or(0, |last| ends[last] - which.start))
}

/// Where there are no bytes.
const NOTHING: libc::iovec = libc::iovec { iov_base: std::ptr::null_mut(), iov_len: 0 };

/// Points `parts` to datagrams, by one part to those that lie one behind the other; how many parts that takes, and the first
/// datagram for which there was none.
fn lay(parts: &mut [libc::iovec], inbox: &Inbox, which: Range<usize>) -> (usize, usize) {
    let mut used = 0;
    for index in which.clone() {
        let (datagram, room) = (inbox.datagram(index), parts.len());
        let start = datagram.as_ptr().cast_mut().cast();
        match parts[..used].last_mut() {
            Some(last) if last.iov_base.wrapping_byte_add(last.iov_len) == start => {
                last.iov_len += datagram.len();
            }
            _ if used == room => return (used, index),
            _ => {
                parts[used] = libc::iovec { iov_base: start, iov_len: datagram.len() };
                used += 1;
            }
        }
    }
    (used, which.end)
}
