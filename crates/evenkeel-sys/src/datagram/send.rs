//! Sending, as much as a socket takes now.

use super::Peer;
use super::inbox::{BATCH, Inbox};
use super::name::{self, Control};
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

/// Sends some of the datagrams in `inbox` to the peer of a connected socket; how many it took. Fails where it does not take
/// the first.
pub fn send_all(socket: impl AsFd, inbox: &Inbox, which: Range<usize>) -> io::Result<usize> {
    match which.len() {
        1 => send(socket, inbox.datagram(which.start)).map(|()| 1),
        _ => call(socket, inbox, which, None),
    }
}

/// Sends some of the datagrams in `inbox` to `peer`, from where it sent its own to; how many were taken. Fails where the
/// first is not.
pub fn reply(socket: impl AsFd, inbox: &Inbox, which: Range<usize>, peer: &Peer) -> io::Result<usize> {
    call(socket, inbox, which, Some(peer))
}

fn call(socket: impl AsFd, inbox: &Inbox, which: Range<usize>, peer: Option<&Peer>) -> io::Result<usize> {
    let (mut control, to): (Control, _) = ([0; 8], peer.map(|peer| SocketAddrAny::from(peer.remote)));
    let control_length = peer.map_or(0, |peer| name::write_source(&mut control, peer));
    let mut parts = [libc::iovec { iov_base: std::ptr::null_mut(), iov_len: 0 }; BATCH];
    // SAFETY: zeros are values of all the fields: numbers, and pointers that may be null.
    let mut messages: [libc::mmsghdr; BATCH] = unsafe { zeroed() };
    let count = which.len().min(BATCH);
    for ((message, part), index) in messages.iter_mut().zip(&mut parts).zip(which) {
        let datagram = inbox.datagram(index);
        *part = libc::iovec { iov_base: datagram.as_ptr().cast_mut().cast(), iov_len: datagram.len() };
        message.msg_hdr.msg_iov = part;
        message.msg_hdr.msg_iovlen = 1;
        if let Some(name) = &to {
            message.msg_hdr.msg_name = name.as_ptr().cast_mut().cast();
            message.msg_hdr.msg_namelen = name.addr_len();
        }
        if control_length > 0 {
            message.msg_hdr.msg_control = control.as_mut_ptr().cast();
            message.msg_hdr.msg_controllen = control_length as _;
        }
    }
    let fd = socket.as_fd().as_raw_fd();
    // SAFETY: `fd` is open while `socket` is borrowed. Each of the `count` messages points to bytes, a name and a control
    // message that live until the call returns, with their lengths; the kernel only reads them.
    let sent = unsafe {
        let flags = libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL;
        libc::sendmmsg(fd, messages.as_mut_ptr(), count as u32, flags as _)
    };
    usize::try_from(sent).map_err(|_| io::Error::last_os_error())
}
