//! The test backends for datagrams: each is sent back to where it came from.

use crate::net::{self, Poll, Ready};
use anyhow::{Context, Result};
use evenkeel_sys::datagram::{self, Inbox, Trains};
use evenkeel_sys::socket::Binding;
use std::ops::Range;
use std::os::fd::OwnedFd;
use std::time::Duration;

/// Longest wait for a datagram: nothing is to be done without one.
const PATIENCE: Duration = Duration::from_secs(1);

/// Sends back what comes to `ports` until it is ended.
pub fn serve(ports: Range<u16>) -> Result<()> {
    serve_on(&ports.map(bind).collect::<Result<Vec<_>>>()?)
}

/// A socket for datagrams at a port of this machine.
pub fn bind(port: u16) -> Result<OwnedFd> {
    datagram::bind(net::local(port), Binding::default()).with_context(|| format!("port {port}"))
}

/// Sends back what comes to `sockets` until it is ended.
pub fn serve_on(sockets: &[OwnedFd]) -> Result<()> {
    let (poll, mut inbox, trains) = (Poll::new()?, Inbox::new(), Trains::default());
    for (token, socket) in sockets.iter().enumerate() {
        datagram::set_waiting(socket, net::WIDE)?;
        poll.add(socket, token, Ready::IN)?;
    }
    loop {
        for (token, _) in poll.wait(PATIENCE)? {
            // What a client that is gone makes of it is no failure of the backends.
            while inbox.receive(&sockets[token as usize]).is_ok_and(|count| count > 0) {
                runs(&inbox).for_each(|run| {
                    let (socket, peer) = (&sockets[token as usize], inbox.peer(run.start));
                    let _ = datagram::reply(socket, &inbox, run, peer, &trains);
                });
            }
        }
    }
}

/// Datagrams one after the other that came from the same client.
fn runs(inbox: &Inbox) -> impl Iterator<Item = Range<usize>> {
    let mut start = 0;
    std::iter::from_fn(move || {
        let peer = (start < inbox.len()).then(|| inbox.peer(start))?;
        let end = (start..inbox.len()).find(|&at| inbox.peer(at) != peer).unwrap_or(inbox.len());
        Some(std::mem::replace(&mut start, end)..end)
    })
}
